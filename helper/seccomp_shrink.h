/* SPDX-License-Identifier: MIT */
/* Filters, shorter: read while the helper is built, by seccomp_gen. */
#ifndef HELPER_SECCOMP_SHRINK_H
#define HELPER_SECCOMP_SHRINK_H

#include <linux/filter.h>
#include <stddef.h>

/**
 * filter_shrink() - the same answers, of fewer instructions
 * @ops: as libseccomp makes them: they use no register but A, and no memory
 * @n: how many, at most BPF_MAXINSNS
 *
 * The kernel translates a filter for each cell anew, which takes time by its length.
 * libseccomp asks for the upper half of an argument where no bit of it counts, loads
 * what is loaded already, and asks for bits one by one.
 *
 * Return: how many are left.
 */
size_t filter_shrink(struct sock_filter *ops, size_t n);

#endif /* HELPER_SECCOMP_SHRINK_H */
