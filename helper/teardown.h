/* SPDX-License-Identifier: MIT */
/* The end of a cell, whoever made it, and the proof. */
#ifndef HELPER_TEARDOWN_H
#define HELPER_TEARDOWN_H

#include "helper/cell.h"
#include "helper/residue.h"

/**
 * teardown_claim() - become the one who tears this cell down
 * @verb: "run", "destroy" or "reconcile"
 *
 * Return: 0; -EALREADY: another living process does; -ENOENT: it is gone;
 * other -errno.
 */
int teardown_claim(struct cell *cell, const char *verb, struct error *err);

/**
 * teardown_cell() - walk the steps back and look at the host afterwards
 * @cell: claimed
 * @ret: filled in any case
 *
 * Return: 0: nothing is left; -EBUSY: residue, named in @ret; other -errno.
 */
int teardown_cell(struct cell *cell, const struct cell_step *steps, struct teardown *ret,
		  struct error *err);

/**
 * teardown_watch() - wait, bounded, until whoever has the claim is through
 *
 * Return: true if it has died before that: the cell can be claimed again.
 */
bool teardown_watch(struct cell *cell);

#endif /* HELPER_TEARDOWN_H */
