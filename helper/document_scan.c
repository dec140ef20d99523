// SPDX-License-Identifier: MIT
/*
 * A lexer that knows where it is, and nothing else: it takes malformed input
 * as it comes (the parser behind it judges that) and never recurses.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "helper/document_json.h"
#include "helper/document_place.h"
#include "uapi/cellos.h"

/* One array or object around the current token. */
struct frame {
	bool object;
	const char *key;	/* as written, escapes and all; NULL: none read yet */
	size_t key_length;
	size_t index;		/* of an array */
};

struct scan {
	const char *next;	/* the first byte behind the current token */
	const char *end;
	unsigned int depth;
	struct frame frames[CELLOS_DOCUMENT_DEPTH];
};

enum token {
	TOKEN_END,		/* of the input, or of what makes sense */
	TOKEN_TOO_DEEP,
	TOKEN_SCALAR,		/* a number, true, false or null */
	TOKEN_OTHER,
};

#define SCAN_INIT(bytes, size)	{ .next = (bytes), .end = (bytes) + (size) }

static void skip_string(struct scan *scan)
{
	while (scan->next < scan->end && *scan->next != '"')
		scan->next += *scan->next == '\\' && scan->end - scan->next > 1 ? 2 : 1;
	if (scan->next < scan->end)
		scan->next++;
}

static void skip_scalar(struct scan *scan)
{
	while (scan->next < scan->end && !strchr("{}[],:\" \t\r\n", *scan->next))
		scan->next++;
}

static enum token scan_open(struct scan *scan, bool object)
{
	if (scan->depth == CELLOS_DOCUMENT_DEPTH)
		return TOKEN_TOO_DEEP;
	scan->frames[scan->depth++] = (struct frame) { .object = object };
	return TOKEN_OTHER;
}

static enum token scan_string(struct scan *scan, struct frame *frame)
{
	const char *start = scan->next;

	skip_string(scan);
	/* A key that the input ends in is none: nothing may read beyond it. */
	if (frame && frame->object && !frame->key && scan->next > start &&
	    scan->next[-1] == '"') {
		frame->key = start;
		frame->key_length = scan->next - start - 1;
	}
	return TOKEN_OTHER;
}

/* Moves on by one token; @ret_start is where it starts. */
static enum token scan_token(struct scan *scan, const char **ret_start)
{
	struct frame *frame = scan->depth ? &scan->frames[scan->depth - 1] : NULL;

	while (scan->next < scan->end && isspace((unsigned char)*scan->next))
		scan->next++;
	*ret_start = scan->next;
	if (scan->next == scan->end)
		return TOKEN_END;
	switch (*scan->next++) {
	case '{':
		return scan_open(scan, true);
	case '[':
		return scan_open(scan, false);
	case '}':
	case ']':
		if (!frame)
			return TOKEN_END;
		scan->depth--;
		return TOKEN_OTHER;
	case ',':
		if (frame) {
			frame->key = NULL;
			frame->index++;
		}
		return TOKEN_OTHER;
	case ':':
		return TOKEN_OTHER;
	case '"':
		return scan_string(scan, frame);
	default:
		skip_scalar(scan);
		return TOKEN_SCALAR;
	}
}

/* Appends a key as it is meant; false if there is no room. Runs in an arena. */
static bool append_key(char *pointer, size_t size, const struct frame *frame)
{
	json_t *decoded = NULL;

	if (memchr(frame->key, '\\', frame->key_length))
		decoded = json_loadb(frame->key - 1, frame->key_length + 2,
				     JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (decoded)
		return pointer_append(pointer, size, json_string_value(decoded),
				      json_string_length(decoded));
	return pointer_append(pointer, size, frame->key, frame->key_length);
}

static void scan_pointer(const struct scan *scan, char *ret, size_t size)
{
	const struct frame *frame;

	ret[0] = '\0';
	for (frame = scan->frames; frame < scan->frames + scan->depth; frame++) {
		if (frame->object && !frame->key)
			return;
		if (frame->object ? !append_key(ret, size, frame) :
				    !pointer_append_index(ret, size, frame->index))
			return;
	}
}

/* Does the current token belong to a part of the document that is not ours? */
static bool scan_is_foreign(const struct scan *scan, const struct shape *shape)
{
	const struct frame *frame;

	for (frame = scan->frames; shape && frame < scan->frames + scan->depth; frame++) {
		const struct field *field;

		/* What is written with escapes may be ours: leave it alone. */
		if (!frame->object || !frame->key ||
		    memchr(frame->key, '\\', frame->key_length))
			return false;
		field = shape_field(shape, frame->key, frame->key_length);
		if (!field)
			return shape->open;
		shape = field->shape;
	}
	return false;
}

static size_t count_digits(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p - s;
}

/* The number of RFC 8259, section 6. */
static bool is_number(const char *s, const char *end)
{
	size_t digits;

	s += s < end && *s == '-';
	digits = count_digits(s, end);
	if (!digits || (digits > 1 && *s == '0'))
		return false;
	s += digits;
	if (s < end && *s == '.') {
		digits = count_digits(++s, end);
		if (!digits)
			return false;
		s += digits;
	}
	if (s < end && (*s == 'e' || *s == 'E')) {
		s++;
		s += s < end && (*s == '+' || *s == '-');
		digits = count_digits(s, end);
		if (!digits)
			return false;
		s += digits;
	}
	return s == end;
}

/* Could this number be beyond what 64 bits or a double hold? */
static bool is_risky(const char *s, const char *end)
{
	return end - s > 18 || memchr(s, 'e', end - s) || memchr(s, 'E', end - s);
}

int scan_prepare(char *bytes, size_t size, const struct shape *shape, struct error *err)
{
	struct scan scan = SCAN_INIT(bytes, size);
	char pointer[sizeof(err->field)];
	enum token token;
	const char *start;

	while ((token = scan_token(&scan, &start)) != TOKEN_END) {
		size_t length = scan.next - start;

		if (token == TOKEN_TOO_DEEP) {
			scan_pointer(&scan, pointer, sizeof(pointer));
			return pointer_refuse(pointer, err, E2BIG,
					      "nested deeper than %d arrays and objects",
					      CELLOS_DOCUMENT_DEPTH);
		}
		if (token == TOKEN_SCALAR && is_risky(start, scan.next) &&
		    is_number(start, scan.next) && scan_is_foreign(&scan, shape)) {
			memset(bytes + (start - bytes), ' ', length);
			bytes[start - bytes] = '0';
		}
	}
	return 0;
}

void scan_locate(const char *bytes, size_t size, size_t offset, char *ret, size_t ret_size)
{
	struct scan scan = SCAN_INIT(bytes, size);
	enum token token;
	const char *start;

	do {
		token = scan_token(&scan, &start);
	} while ((token == TOKEN_SCALAR || token == TOKEN_OTHER) &&
		 (size_t)(scan.next - bytes) < offset);
	scan_pointer(&scan, ret, ret_size);
}
