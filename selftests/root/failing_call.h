/* SPDX-License-Identifier: MIT */
/* A system call that fails, by a seccomp filter. */
#ifndef SELFTESTS_ROOT_FAILING_CALL_H
#define SELFTESTS_ROOT_FAILING_CALL_H

#define ANY	0xffffffffU

/**
 * failing_call() - choose what fails from failing_call_install() on
 * @nr: the system call
 * @arg: its first argument, or ANY
 * @errnum: what it fails with
 */
void failing_call(unsigned int nr, unsigned int arg, int errnum);

/**
 * failing_call_install() - let it fail
 * @flags: of seccomp(2)
 *
 * Allocates nothing, so the child of a vfork may call it. With no_new_privs, without
 * which a process that has not CAP_SYS_ADMIN may have no filter.
 * Return: 0, or -1 with errno.
 */
int failing_call_install(unsigned int flags);

#endif /* SELFTESTS_ROOT_FAILING_CALL_H */
