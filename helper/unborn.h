/* SPDX-License-Identifier: MIT */
/* Cells that were killed before their workload began: by whom, and what is said of it. */
#ifndef HELPER_UNBORN_H
#define HELPER_UNBORN_H

#include <stdbool.h>

#include "lib/err.h"

struct cell;

/**
 * unborn_lost_init() - has a birth failed because the cell's init was dead?
 *
 * What it was to be used for then fails in one of several ways, none of which says so.
 * Waits for its end, for a moment, where one of them may have come about.
 */
bool unborn_lost_init(const struct cell *cell);

/* unborn_died() - did the child end before it became its workload? Leaves it unreaped. */
bool unborn_died(const struct cell *cell);

/**
 * unborn_explain() - say who killed it
 *
 * Return: -ENOMEM: the OOM killer; -ECANCELED: somebody of the host.
 */
int unborn_explain(const struct cell *cell, struct error *err);

#endif /* HELPER_UNBORN_H */
