/* SPDX-License-Identifier: MIT */
/* Pieces of reports as JSON values. Private to report*.c. */
#ifndef HELPER_REPORT_JSON_H
#define HELPER_REPORT_JSON_H

#include <jansson.h>

#include "helper/report.h"

/* A figure of the kernel; STAT_NONE is null. */
json_t *json_stat(uint64_t value);

/* An empty string is null. */
json_t *json_text(const char *text);

json_t *json_error(const struct error *err);
json_t *json_teardown(const struct teardown *teardown);
json_t *json_resources(const struct cell_stats *stats);
json_t *json_egress(const struct cell *cell);
json_t *json_refused(const struct cell *cell);

/* json_print() - one value and a newline to an fd; takes @value. 0 or -errno. */
int json_print(int fd, json_t *value);

const char *backend_name(enum cellos_backend backend);

#endif /* HELPER_REPORT_JSON_H */
