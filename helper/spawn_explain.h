/* SPDX-License-Identifier: MIT */
/* Why a birth has failed, and what helps: message, hint and, where there is one, the field. */
#ifndef HELPER_SPAWN_EXPLAIN_H
#define HELPER_SPAWN_EXPLAIN_H

#include <stdbool.h>

#include "helper/cell.h"

/* spawn_explain_clone() - no child came to be. Return: the -errno of cell->spawn. */
int spawn_explain_clone(const struct cell *cell, struct error *err);

/* spawn_explain_child() - it said what failed; sets the exit status, too. Return: its -errno. */
int spawn_explain_child(struct cell *cell, struct error *err);

/*
 * spawn_explain_memory() - may @errnum, of a child or ETIMEDOUT, come of a memory limit that
 * is too low to begin? Then field and hint say so.
 */
bool spawn_explain_memory(const struct cell *cell, int errnum, struct error *err);

#endif /* HELPER_SPAWN_EXPLAIN_H */
