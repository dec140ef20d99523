/* SPDX-License-Identifier: MIT */
/* The sections of a document that have a file of their own. */
#ifndef HELPER_DOCUMENT_PARTS_H
#define HELPER_DOCUMENT_PARTS_H

#include "helper/document.h"
#include "helper/document_field.h"

/* spec.run: reads into a struct document */
extern const struct shape run_shape;

/* spec.run.isolation and spec.run.process, likewise */
extern const struct shape isolation_shape, process_shape;

/* path_check() - refuse what is no absolute path, too long, or has a ".." in it */
int path_check(const struct place *at, const char *path, struct error *err);

/* spec.authority.egressRules: a `read` of struct field, into a struct document */
int document_read_rules(const struct place *at, json_t *array, void *to, struct error *err);

/* spec.run.limits: the same */
int document_read_limits(const struct place *at, json_t *object, void *to, struct error *err);

#endif /* HELPER_DOCUMENT_PARTS_H */
