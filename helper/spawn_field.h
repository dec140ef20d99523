/* SPDX-License-Identifier: MIT */
/* Which field of the document a failure of the child, between clone and exec, lies in. */
#ifndef HELPER_SPAWN_FIELD_H
#define HELPER_SPAWN_FIELD_H

#include "helper/cell.h"

/* spawn_field() - set the error's field, if there is one and none is set yet; before err_set() */
void spawn_field(const struct cell *cell, struct error *err);

/* spawn_hidden() - the entry of hiddenPaths that is @path or above it; -1: none */
int spawn_hidden(const struct plan *plan, const char *path);

#endif /* HELPER_SPAWN_FIELD_H */
