/* SPDX-License-Identifier: MIT */
/* Many cells ended in one walk: `destroy --all` and `reconcile`. */
#ifndef HELPER_SWEEP_H
#define HELPER_SWEEP_H

#include "helper/report.h"
#include "helper/teardown.h"

/**
 * struct sweep - one walk
 * @verb: who claims the cells
 * @wants: which to end; NULL: all
 * @keep: called for each that is not wanted; NULL: nothing to do. 0 or -errno
 * @kept: cells that were not wanted
 * @failed: a teardown left something, or @keep failed; it was said to stderr
 */
struct sweep {
	const char *verb;
	struct report *report;
	bool (*wants)(const struct cell *cell);
	int (*keep)(struct cell *cell);
	unsigned int kept;
	bool failed;
};

/* sweep_cell() - for leaves_each(): ends one cell, if it is wanted and nobody else does. */
int sweep_cell(struct cell *cell, void *sweep);

#endif /* HELPER_SWEEP_H */
