/* SPDX-License-Identifier: MIT */
/* The namespaces of a cell: what its child is told of them, and what is done from outside. */
#ifndef HELPER_NAMESPACES_H
#define HELPER_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct cell;

/**
 * namespaces_check() - can a cell get what its plan asks for?
 *
 * Where the cell's ids may write cgroups, or there is no Landlock to keep it from writing
 * files, all of the host's mounts have to become read-only: that takes namespaces of
 * its own. Decides cell->read_only. Return: 0; -EPERM; -EOPNOTSUPP.
 */
int namespaces_check(struct cell *cell, struct error *err);

/*
 * namespaces_owner() - is it of a uid that others have, too, and that may write cgroups, or
 * is the host's 0? After namespaces_check().
 */
bool namespaces_owner(const struct cell *cell);

/* namespaces_prepare() - fill cell->namespaces and the child's ids. */
void namespaces_prepare(struct cell *cell);

/* namespaces_drop_caps() - what a child has in effect while it drops all. */
uint32_t namespaces_drop_caps(void);

/* namespaces_bounding() - what the bounding set of its child may have in it. */
uint64_t namespaces_bounding(const struct cell *cell);

/*
 * namespaces_map() - for the child that waits for it: its id maps, and what else it takes
 * rights outside of its user namespace to write. 0 or -errno.
 */
int namespaces_map(struct cell *cell, struct error *err);

#endif /* HELPER_NAMESPACES_H */
