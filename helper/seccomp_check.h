/* SPDX-License-Identifier: MIT */
/*
 * Compiled BPF files: filters of system calls that the caller brings. They are read and
 * checked before anything starts; the kernel, which checks again, names no instruction.
 */
#ifndef HELPER_SECCOMP_CHECK_H
#define HELPER_SECCOMP_CHECK_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define FILTER_OPS_MAX	4096	/* what seccomp(2) takes: BPF_MAXINSNS */

struct seccomp_data;

/**
 * filter_check() - does seccomp(2) take this program?
 * @ops: the instructions; @n: how many, from 0 on
 * @err: step "seccomp": the first instruction at fault, counted from 0, and the fault, with
 *	nothing that stands in the instruction
 *
 * Neither too strict nor too lax: what passes here is refused by the kernel only for want
 * of memory.
 *
 * Return: 0, -EINVAL, -E2BIG or -ENOMEM.
 */
int filter_check(const struct sock_filter *ops, size_t n, struct error *err);

/**
 * filter_answer() - what a program says to a system call, if that is decided by its number
 * @program: one that filter_check() passed
 * @data: of the call; only @nr and @arch are looked at, all else is unknown
 * @ret_value: what it returns: SECCOMP_RET_*
 *
 * Return: false: it depends on more, or on nothing that can be followed.
 */
bool filter_answer(const struct sock_fprog *program, const struct seccomp_data *data,
		   uint32_t *ret_value);

/**
 * filter_lets_start() - can there be a workload under this program?
 * @program: one that filter_check() passed
 * @err: step "seccomp"
 *
 * The helper's child installs it, and then has one call left to make: execve(2). If the
 * program forbids it by its number, no workload can begin. If it looks at more than the
 * number, only trying can tell.
 *
 * Return: 0 or -EINVAL.
 */
int filter_lets_start(const struct sock_fprog *program, struct error *err);

/**
 * filter_load() - read a compiled BPF file
 * @fd: open for reading; what it may be was decided when it was opened
 * @ret: for seccomp(2); to be released by filter_unload()
 * @err: step "seccomp"
 *
 * The file holds struct sock_filter, 8 bytes each, in the byte order of this machine, as
 * seccomp_export_bpf(3) and a plain write(2) of an array write it. It is checked by all
 * of the above.
 *
 * Return: 0 or -errno; @ret is untouched then.
 */
int filter_load(int fd, struct sock_fprog *ret, struct error *err);

/* filter_unload() - idempotent; a program of all zeros is none. */
void filter_unload(struct sock_fprog *program);

#endif /* HELPER_SECCOMP_CHECK_H */
