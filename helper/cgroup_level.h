/* SPDX-License-Identifier: MIT */
/* From where, and how far down, nf_tables counts to a cell parent. */
#ifndef HELPER_CGROUP_LEVEL_H
#define HELPER_CGROUP_LEVEL_H

#include "helper/cgroup.h"

/**
 * cgroup_level_find() - fill @level, @root and @whole of a parent
 * @parent: open
 * @err: step "parent", or "egress" if it is nf_tables that fails
 *
 * In the initial cgroup namespace, with the hierarchy mounted whole,
 * cgroup_parent_open() has done it and nothing is left to do. Elsewhere it is
 * found out by doing: for about a millisecond, under the parent's lock, there is a
 * cgroup below it, with a process that sends a datagram to itself over loopback
 * (which need not be up), and a table of nft/level.h that sees it. All in all it
 * takes some 15 ms.
 *
 * Context: needs the privileged operation PRIV_EGRESS; takes the parent's lock.
 * One that is killed meanwhile leaves a leaf without identity, as one that is
 * killed while it makes a cell: reconcile removes it.
 *
 * Return: 0; -EINVAL: the parent is outside the cgroup namespace's root; -EBUSY:
 * it is frozen; other -errno.
 */
int cgroup_level_find(struct cgroup_parent *parent, struct error *err);

#endif /* HELPER_CGROUP_LEVEL_H */
