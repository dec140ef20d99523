// SPDX-License-Identifier: MIT
#include "helper/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/cleanup.h"

/*
 * Length of the character at @s if it may be shown: printable ASCII, or well-
 * formed UTF-8 above the control characters U+0080 to U+009F. Else 0.
 */
static size_t printable_length(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t length, i;
	uint32_t c;

	if (u[0] < 0x80)
		return u[0] >= 0x20 && u[0] != 0x7f ? 1 : 0;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	length = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	c = u[0] & (0x7f >> length);
	for (i = 1; i < length; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (length == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000)))
		return 0;
	if (length == 4 && (c < 0x10000 || c > 0x10ffff))
		return 0;
	return c >= 0xa0 ? length : 0;
}

struct quoted text_quote(const char *text)
{
	static const char cut[] = "...\"";
	struct quoted ret;
	size_t room = sizeof(ret.text) - sizeof(cut);
	size_t used = 0;

	ret.text[used++] = '"';
	while (*text) {
		size_t length = printable_length(text);

		if (used + (length ?: 1) > room)
			break;
		if (length)
			memcpy(ret.text + used, text, length);
		else
			ret.text[used] = '?';
		used += length ?: 1;
		text += length ?: 1;
	}
	strcpy(ret.text + used, *text ? cut : "\"");
	return ret;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

/*
 * Edits (insert, delete, replace, swap of neighbours) that lead from @a to @b,
 * upper and lower case being equal.
 */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[3][GUESS_MAX + 1];
	unsigned int *before = row[0], *above = row[1], *here = row[2];
	size_t rows = strlen(a), columns = strlen(b);
	size_t i, j;

	for (j = 0; j <= columns; j++)
		above[j] = j;
	for (i = 1; i <= rows; i++) {
		unsigned int *spare = before;

		here[0] = i;
		for (j = 1; j <= columns; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);

			here[j] = min3(above[j] + 1, here[j - 1] + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x != y &&
			    x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < here[j])
				here[j] = before[j - 2] + 1;
		}
		before = above;
		above = here;
		here = spare;
	}
	return above[columns];
}

void guess_try(struct guess *guess, const char *candidate)
{
	size_t length = strlen(candidate);
	unsigned int distance, tolerable = length < 3 ? 0 : length < 6 ? 1 : 2;

	if (strlen(guess->word) > GUESS_MAX || length > GUESS_MAX)
		return;
	distance = edit_distance(guess->word, candidate);
	if (distance > tolerable || (guess->best && distance >= guess->distance))
		return;
	guess->best = candidate;
	guess->distance = distance;
}

int word_index(const struct word_list *list, const char *word)
{
	int i;

	for (i = 0; list->words[i]; i++)
		if (!strcmp(list->words[i], word))
			return i;
	return -1;
}

const char *word_guess(const struct word_list *list, const char *word)
{
	struct guess guess = GUESS(word);
	int i;

	for (i = 0; list->words[i]; i++)
		guess_try(&guess, list->words[i]);
	return guess.best;
}

bool path_climbs(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (p[2] == '/' || !p[2]))
			return true;
	return false;
}

bool path_is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	if (length == 1)
		return *path == '/';
	return !strncmp(path, top, length) && (path[length] == '/' || !path[length]);
}

void path_tidy(char *path)
{
	const char *from = path;
	char *to = path;

	while (*(from += strspn(from, "/"))) {
		size_t length = strcspn(from, "/");

		if (length > 1 || *from != '.') {
			*to++ = '/';
			memmove(to, from, length);
			to += length;
		}
		from += length;
	}
	if (to == path)
		*to++ = '/';
	*to = '\0';
}
