/* SPDX-License-Identifier: MIT */
/* The cells below a parent, as the kernel has them. */
#ifndef HELPER_LEAVES_H
#define HELPER_LEAVES_H

#include "helper/cell.h"

/**
 * leaves_each() - call @fn for each leaf, also those without an identity
 * @fn: gets an attached cell, which is released after it; non-zero ends the walk
 *
 * Leaves that vanish meanwhile are passed over. A leaf of another format is
 * named on stderr and left alone; the walk goes on, but ends as a failure.
 *
 * Return: 0, -errno, or what @fn returned.
 */
int leaves_each(struct host *host, int (*fn)(struct cell *cell, void *arg), void *arg,
		struct error *err);

/**
 * leaves_find() - attach the cell with an id
 *
 * Return: 0: @ret is attached, cell_done() is the caller's; -ENOENT: no such
 * cell (said in @err); other -errno.
 */
int leaves_find(struct host *host, const char *id, struct cell *ret, struct error *err);

/* leaves_not_found() - the error for an id that no live cell has. -ENOENT. */
int leaves_not_found(const char *id, struct error *err);

#endif /* HELPER_LEAVES_H */
