// SPDX-License-Identifier: MIT
#include "helper/document_place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool pointer_append(char *pointer, size_t size, const char *token, size_t length)
{
	size_t start = strlen(pointer), used = start, i;

	if (used + 2 > size)
		return false;
	pointer[used++] = '/';
	for (i = 0; i < length; i++) {
		unsigned char c = token[i];
		bool escaped = c == '~' || c == '/';

		if (used + escaped + 2 > size) {
			pointer[start] = '\0';
			return false;
		}
		if (escaped) {
			pointer[used++] = '~';
			pointer[used++] = c == '~' ? '0' : '1';
		} else {
			/* As in messages: no control characters. */
			pointer[used++] = c < 0x20 || c == 0x7f ? '?' : c;
		}
	}
	pointer[used] = '\0';
	return true;
}

bool pointer_append_index(char *pointer, size_t size, size_t index)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%zu", index);

	return pointer_append(pointer, size, digits, length);
}

/* Returns false once a token did not fit: what is below it is left out, too. */
static bool append_places(const struct place *at, char *pointer, size_t size)
{
	if (!at->up)
		return true;
	if (!append_places(at->up, pointer, size))
		return false;
	if (at->key)
		return pointer_append(pointer, size, at->key, strlen(at->key));
	return pointer_append_index(pointer, size, at->index);
}

void place_pointer(const struct place *at, char *ret, size_t size)
{
	ret[0] = '\0';
	append_places(at, ret, size);
}

__attribute__((format(printf, 4, 0)))
static int refuse(const char *pointer, struct error *err, int errnum, const char *fmt, va_list ap)
{
	char message[sizeof(err->message)];

	if (!err || err_is_set(err))
		return -errnum;
	vsnprintf(message, sizeof(message), fmt, ap);
	if (!pointer[0])
		return err_set(err, "document", errnum, "%s", message);
	snprintf(err->field, sizeof(err->field), "%s", pointer);
	return err_set(err, "document", errnum, "%s: %s", pointer, message);
}

int pointer_refuse(const char *pointer, struct error *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse(pointer, err, errnum, fmt, ap);
	va_end(ap);
	return -errnum;
}

int place_refuse(const struct place *at, struct error *err, int errnum, const char *fmt, ...)
{
	char pointer[sizeof(err->field)];
	va_list ap;

	place_pointer(at, pointer, sizeof(pointer));
	va_start(ap, fmt);
	refuse(pointer, err, errnum, fmt, ap);
	va_end(ap);
	return -errnum;
}

int document_nomem(struct error *err)
{
	return err_set(err, "document", ENOMEM, "no memory for the document");
}
