/* SPDX-License-Identifier: MIT */
/* What the files of the child share. All of it runs between clone and exec. */
#ifndef BACKENDS_CHILD_PARTS_H
#define BACKENDS_CHILD_PARTS_H

#include "backends/backend.h"

/* child_fail() - note errno as the failure of a step. Return: -1. */
int child_fail(struct child_status *status, enum child_step step, const char *what);

/* child_drop() - to the cell's uid and gid, without groups, with no capability. 0 or -1. */
int child_drop(const struct child *child);

/* child_session() - a session of its own; signals, scheduler and personality as after a boot. */
int child_session(const struct child *child);

/*
 * child_make_namespaces() - in the new namespaces: ids, cgroup, name, mounts
 *
 * Before it, ids of a user namespace are not mapped. 0; -1 with @status filled.
 */
int child_make_namespaces(const struct child_namespaces *ns, struct child_status *status);

#endif /* BACKENDS_CHILD_PARTS_H */
