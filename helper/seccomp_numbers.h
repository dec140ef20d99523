/* SPDX-License-Identifier: MIT */
/* System calls that are told by their numbers: those that libseccomp need not know. */
#ifndef HELPER_SECCOMP_NUMBERS_H
#define HELPER_SECCOMP_NUMBERS_H

#include <linux/filter.h>
#include <stdint.h>

#define NUMBERS_OPS_MAX	32

/**
 * numbers_close() - what comes before a program with FILTER_BASELINE
 * @audit_arch: AUDIT_ARCH_* of the target
 * @old_last: the last number before the gap that architectures have below 424
 * @ret_ops: room for NUMBERS_OPS_MAX. What they do not close goes on behind them.
 *
 * Return: how many they are.
 */
unsigned int numbers_close(uint32_t audit_arch, uint32_t old_last, struct sock_filter *ret_ops);

#endif /* HELPER_SECCOMP_NUMBERS_H */
