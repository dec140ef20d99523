/* SPDX-License-Identifier: MIT */
/* Resource limits of a cell: files of its cgroup, and what was read back. */
#ifndef HELPER_LIMITS_H
#define HELPER_LIMITS_H

#include "helper/cgroup.h"
#include "helper/plan.h"

/**
 * limits_enable() - see that this host can enforce these limits
 *
 * Looks for disks and sizes of huge pages, then enables in the parent the controllers
 * that the limits need, or none of them; also, if they are at hand, those that only
 * account. Names a controller that is missing, and the v1 hierarchy that holds it, if
 * one does.
 *
 * Return: 0; -EOPNOTSUPP: not on this host; -EBUSY: the cgroup above has processes;
 * other -errno of a disk.
 */
int limits_enable(struct cgroup_parent *parent, const struct plan_limits *limits,
		  struct error *err);

/* limits_apply() - write them to a leaf and read each back. */
int limits_apply(int leaf_fd, const struct plan_limits *limits, struct error *err);

/**
 * limits_probe() - could such a limit be set?
 * @what: "memory", "swap", "cpu", "pids", "io" or "hugetlb"
 *
 * Changes nothing; see controller_available(). Return: 0; -EOPNOTSUPP; -EBUSY.
 */
int limits_probe(const struct cgroup_parent *parent, const char *what, struct error *err);

/* limits_met_memory() - has a charge to this leaf met its own memory limit? */
bool limits_met_memory(int leaf_fd);

#endif /* HELPER_LIMITS_H */
