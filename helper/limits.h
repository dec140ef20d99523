/* SPDX-License-Identifier: MIT */
/* Resource limits of a cell: controllers, files, and what was read back. */
#ifndef HELPER_LIMITS_H
#define HELPER_LIMITS_H

#include "helper/cgroup.h"
#include "helper/plan.h"

/**
 * limits_available() - can this host enforce these limits?
 *
 * Names a controller that is missing, and the v1 hierarchy that holds it, if one
 * does. Changes nothing. For a parent that is yet to be made, @parent->fd is the
 * cgroup above it, and @parent->depth 0.
 *
 * Return: 0; -EOPNOTSUPP: not on this host; -EBUSY: the cgroup above has processes.
 */
int limits_available(const struct cgroup_parent *parent, const struct plan_limits *limits,
		     struct error *err);

/* limits_enable() - the same, and enable the controllers in the parent for its cells. */
int limits_enable(const struct cgroup_parent *parent, const struct plan_limits *limits,
		  struct error *err);

/* limits_apply() - write them to a leaf and read each back. */
int limits_apply(int leaf_fd, const struct plan_limits *limits, struct error *err);

/* limits_met_memory() - has a charge to this leaf met its own memory limit? */
bool limits_met_memory(int leaf_fd);

#endif /* HELPER_LIMITS_H */
