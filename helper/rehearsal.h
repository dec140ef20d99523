/* SPDX-License-Identifier: MIT */
/*
 * Egress tried out: a process in a cgroup of its own, in a network namespace of
 * its own, under real rules, tries what is allowed and what is not.
 */
#ifndef HELPER_REHEARSAL_H
#define HELPER_REHEARSAL_H

#include "helper/cgroup.h"
#include "lib/err.h"

/**
 * rehearse_egress() - do it
 * @parent: the cgroup to make the rehearsal's below; empty again afterwards
 *
 * Takes some milliseconds. Return: 0: all attempts ended as they must; -errno,
 * with the attempt that did not in @err.
 */
int rehearse_egress(const struct cgroup_parent *parent, struct error *err);

#endif /* HELPER_REHEARSAL_H */
