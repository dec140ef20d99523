/* SPDX-License-Identifier: MIT */
/*
 * Everything that is printed: JSON (jansson) for programs, lines for people.
 * The field names are a contract; see cellos-helper(8).
 */
#ifndef HELPER_REPORT_H
#define HELPER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/cell.h"
#include "helper/residue.h"
#include "lib/err.h"
#include "uapi/cellos.h"

/**
 * struct ending - how a run ended
 * @code: of CELLOS_EXITED
 * @signal: of CELLOS_SIGNALED, with @core_dumped
 * @reason: of CELLOS_FORCED
 */
struct ending {
	enum cellos_exit_kind kind;
	int code;
	int signal;
	bool core_dumped;
	enum cellos_forced reason;
};

/**
 * struct run_result - all that a run has to tell
 * @cell: NULL if it never came so far
 * @error: errnum 0: none
 */
struct run_result {
	const struct cell *cell;
	struct ending ending;
	struct error error;
	struct teardown teardown;
};

/* report_run() - the CellReport, to an fd. 0 or -errno. */
int report_run(int fd, const struct run_result *result);

/* report_error() - "cellos-helper: STEP: message: strerror" and its hint, to stderr. */
void report_error(const struct error *err);

/*
 * What the other verbs print. With @json objects are collected, and printed to
 * stdout by report_close(); else each is a line for people, printed at once.
 */
struct report {
	bool json;
	void *array;
};

int report_open(struct report *report, bool json);

/*
 * report_close() - print the array, or with @single its only element. 0; -errno, said
 * on stderr: what was to be told could not be written.
 */
int report_close(struct report *report, bool single);

void report_teardown(struct report *report, const struct teardown *teardown);

/* report_cell() - one cell of `list`. */
void report_cell(struct report *report, const struct cell *cell);

/* report_cell_whole() - one cell of `show`: also its processes, resources, egress. */
void report_cell_whole(struct report *report, const struct cell *cell);

/* report_egress() - the egress rules of one cell, with all counters. */
void report_egress(struct report *report, const struct cell *cell);

/**
 * struct check - one thing that `probe` looked at
 * @needed: `run` cannot work without it
 */
struct check {
	const char *name;
	bool ok;
	bool needed;
	char detail[384];
	char remedy[320];
};

void report_check(struct report *report, const struct check *check);

/* report_close_reconcile() - {"removed": [...], "kept": n}. */
int report_close_reconcile(struct report *removed, unsigned int kept);

#endif /* HELPER_REPORT_H */
