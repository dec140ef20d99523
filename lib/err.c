// SPDX-License-Identifier: MIT
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"

static void copy(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
	scrub(to);
}

__attribute__((format(printf, 4, 0)))
static void fill(struct error *err, const char *step, int errnum, const char *fmt, va_list ap)
{
	if (!err || err->errnum)
		return;
	err->errnum = errnum;
	copy(err->step, sizeof(err->step), step);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	scrub(err->message);
}

int err_set(struct error *err, const char *step, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (errnum < 0)
		errnum = -errnum;
	va_start(ap, fmt);
	fill(err, step, errnum, fmt, ap);
	va_end(ap);
	return -errnum;
}

void err_field_set(struct error *err, const char *field)
{
	if (err && !err->errnum)
		copy(err->field, sizeof(err->field), field);
}

int err_field(struct error *err, const char *step, const char *field, const char *fmt, ...)
{
	va_list ap;

	err_field_set(err, field);
	va_start(ap, fmt);
	fill(err, step, EINVAL, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

void err_hint(struct error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err || err->hint[0])
		return;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	scrub(err->hint);
}
