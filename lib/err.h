/* SPDX-License-Identifier: MIT */
/*
 * What went wrong, said once, where the fact is known. Functions return 0 or
 * -errno and take a `struct error *err` last; the one that detects the failure
 * fills it, callers pass it on untouched. Lower layers never print.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct error - a failure, as reports and stderr show it
 * @errnum: positive errno; 0 says that nothing failed
 * @step: the step of the flow that failed ("document", "egress", ...)
 * @field: JSON pointer (RFC 6901) into the document, or empty
 * @message: what failed, one line, without the strerror text
 * @hint: how to put it right, one line, or empty
 */
struct error {
	int errnum;
	char step[24];
	char field[160];
	char message[320];
	char hint[320];
};

/**
 * err_set() - fill an error that is still empty
 * @err: the error; NULL is allowed
 * @step: name of the failing step
 * @errnum: errno, either sign
 * @fmt: printf format of the message
 *
 * The first cause wins: an error that is already set stays as it is. All but
 * printable ASCII becomes '?', so that no input can forge a line or move a cursor.
 *
 * Return: -errno, for `return err_set(...)`.
 */
int err_set(struct error *err, const char *step, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * err_field() - as err_set(), for a fault of the document
 * @err: the error; NULL is allowed
 * @step: name of the failing step
 * @field: JSON pointer to the field at fault
 * @fmt: printf format of the message
 *
 * Return: -EINVAL.
 */
int err_field(struct error *err, const char *step, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* err_field_set() - name the field at fault, before err_set(). */
void err_field_set(struct error *err, const char *field);

/**
 * err_hint() - add the remedy to an error that has none yet
 * @err: the error; NULL is allowed
 * @fmt: printf format of the hint
 */
void err_hint(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline bool err_is_set(const struct error *err)
{
	return err->errnum != 0;
}

#endif /* LIB_ERR_H */
