/* SPDX-License-Identifier: MIT */
/* The controllers of cgroup v2: which are here, and handing them down to the cells. */
#ifndef HELPER_LIMITS_CONTROLLER_H
#define HELPER_LIMITS_CONTROLLER_H

#include <stdbool.h>

#include "helper/cgroup.h"

/* In place of a field's pointer: no field asks for the limit, but the caller's variable. */
#define LIMIT_OF_VARIABLE	"CELLOS_CGROUP_CPU_MAX"

/* limit_blame() - set the error's field, or: return how the message begins, with the variable */
const char *limit_blame(const char *field, struct error *err);

/* limit_without() - how to do without the limit, for a hint */
const char *limit_without(const char *field);

/**
 * controller_available() - could cells of this parent have this controller?
 * @controller: "memory", "cpu", ...
 * @field: who asks for it, for @err: a pointer, LIMIT_OF_VARIABLE, or ""
 *
 * It is here, or one level up, where it only has to be handed down. Names the v1
 * hierarchy that holds it, if one does. Changes nothing. For a parent that is yet to
 * be made, @parent->fd is the cgroup above it, and @parent->depth 0.
 *
 * Return: 0; -EOPNOTSUPP: not on this host; -EBUSY: the cgroup above has processes.
 */
int controller_available(const struct cgroup_parent *parent, const char *controller,
			 const char *field, struct error *err);

/* controller_enable() - give it to the parent's cells. 0 or -errno. */
int controller_enable(const struct cgroup_parent *parent, const char *controller,
		      const char *field, struct error *err);

/* controller_is_here() - does the parent itself have its files? */
bool controller_is_here(const struct cgroup_parent *parent, const char *controller);

/**
 * controllers_account() - let cells be accounted, if that costs nothing but a write
 *
 * With memory and pids a cell's OOM kills and peaks are known, without any limit. Only
 * what the parent has itself is handed down, and a failure is none: then these figures
 * are not known. Looks once for each opened parent.
 */
void controllers_account(struct cgroup_parent *parent);

#endif /* HELPER_LIMITS_CONTROLLER_H */
