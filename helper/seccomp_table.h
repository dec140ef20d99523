/* SPDX-License-Identifier: MIT */
/* What cells may call, as tables: read while the helper is built, by seccomp_gen. */
#ifndef HELPER_SECCOMP_TABLE_H
#define HELPER_SECCOMP_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers that are open, in order; all others are closed. */
struct open_numbers {
	const uint32_t *values;
	size_t n;
};

/* Families of socket(2) and socketpair(2); all others are EAFNOSUPPORT. */
extern const struct open_numbers open_families, open_pairs;

/* Protocols of AF_NETLINK; all others are EPROTONOSUPPORT. */
extern const struct open_numbers open_netlink;

/**
 * struct inet_socket - a socket of AF_INET and AF_INET6 that is open
 * @type: of socket(2), without flags
 * @needs: FILTER_* bits that a filter has to have for it
 */
struct inet_socket {
	uint32_t type;
	uint32_t protocol;
	unsigned int needs;
};

/* In order of the protocols' numbers; the last row has @type 0. */
extern const struct inet_socket open_inet[];

#define CLOSED_ARGS	2

/**
 * struct closed_call - a system call that is closed
 * @name: as libseccomp knows it
 * @errnum: what it fails with; 0: it says that it was done, and nothing was
 * @unless: with any of these FILTER_* bits it is open
 * @n_args: only if each of these arguments has its value; 0: always
 * @why: never empty
 */
struct closed_call {
	const char *name;
	int errnum;
	unsigned int unless;
	unsigned int n_args;
	struct {
		unsigned int number;
		uint32_t bits;		/* that are looked at; or NOT_NULL */
		uint32_t value;		/* of these bits */
	} args[CLOSED_ARGS];
	const char *why;
};

#define WHOLE	UINT32_MAX		/* all bits of an int */
#define NOT_NULL	0		/* in place of bits: a pointer, and any but NULL */

/* The rows of the tables below. */
#define CALL(call, errnum, why)			\
	{ call, errnum, 0, 0, { { 0, 0, 0 } }, why }
#define CALL_UNLESS(call, errnum, unless, why)	\
	{ call, errnum, unless, 0, { { 0, 0, 0 } }, why }
#define CALL_VALUE(call, errnum, arg, value, why)	\
	{ call, errnum, 0, 1, { { arg, WHOLE, value } }, why }
#define CALL_BIT(call, errnum, arg, bit, why)	\
	{ call, errnum, 0, 1, { { arg, bit, bit } }, why }
#define OPTION(errnum, unless, level, option, why)	\
	{ "setsockopt", errnum, unless, 2, { { 1, WHOLE, level }, { 2, WHOLE, option } }, why }
#define CALL_POINTER(call, errnum, arg, value, pointer, why)	\
	{ call, errnum, 0, 2, { { arg, WHOLE, value }, { pointer, NOT_NULL, 0 } }, why }
#define LAST_CALL_ROW	\
	{ NULL, 0, 0, 0, { { 0, 0, 0 } }, NULL }

/* Of every cell, whatever its profile. The last row has no @name, here and below. */
extern const struct closed_call closed_calls[];

/* With FILTER_BASELINE, too. */
extern const struct closed_call baseline_calls[];

#endif /* HELPER_SECCOMP_TABLE_H */
