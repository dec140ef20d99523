/* SPDX-License-Identifier: MIT */
/*
 * One cell in a process of its own that links the program's objects, along a
 * copy of the step table in which one step is faulty. The program itself has no
 * hooks for faults.
 */
#ifndef SELFTESTS_ROOT_STEPS_H
#define SELFTESTS_ROOT_STEPS_H

#include <stdbool.h>

#include "helper/report.h"
#include "selftests/root/common.h"

#define STEPS_RESIDUE_MAX	8
#define STEPS_FDS_MAX		4096

enum fault {
	FAULT_NONE,
	FAULT_UP_REFUSES,	/* up() makes nothing and fails */
	FAULT_UP_TOO_LATE,	/* up() does its work, then fails */
	FAULT_DOWN_COMPLAINS,	/* down() does its work, then fails */
	FAULT_DOWN_SLEEPS,	/* down() does nothing, and says nothing */
	FAULT_KILL_BEFORE_UP,	/* SIGKILL to the process */
	FAULT_KILL_AFTER_UP,
	FAULT_KILL_BEFORE_DOWN,
	FAULT_KILL_AFTER_DOWN,
	FAULT_COUNT
};

/**
 * struct outcome - what became of it
 * @complete: the process came to its end; else it was killed, and the rest is 0
 * @status: of run_cell()
 * @made: a leaf was made; @residue: its first entries
 * @out: what the workload wrote to its stdout
 * @fds_before: open fds of the process, before the host was opened; and after
 *	everything was released
 * @one_thread: nothing but the main thread was left at the end
 * @childless: nor a child, alive or a zombie
 */
struct outcome {
	bool complete;
	int status;
	struct error error;
	struct ending ending;
	struct teardown teardown;
	struct residue residue[STEPS_RESIDUE_MAX];
	bool made;
	char out[256];
	char fds_before[STEPS_FDS_MAX];
	char fds_after[STEPS_FDS_MAX];
	bool one_thread;
	bool childless;
};

/* steps_count() - of the real table. */
unsigned int steps_count(void);

/* steps_find() - index of the step with this name; aborts if there is none. */
unsigned int steps_find(const char *name);

/**
 * steps_cell() - make one cell and end it
 * @env: where
 * @document: the cell's
 * @step: index of the faulty step
 * @backend: instead of the plan's; NULL: the plan's
 */
const struct outcome *steps_cell(const struct test_env *env, const char *document,
				 enum fault fault, unsigned int step,
				 const struct backend *backend);

/**
 * steps_begin() - what a process does before it uses the program's objects
 *
 * Capabilities and signals as in `run`: there is no way back.
 */
void steps_begin(void);

/* steps_plan() - a plan for this document, with cells below the test's parent. */
void steps_plan(const struct test_env *env, const char *document, struct plan *ret);

/* steps_fds() - the open fds of this process as text: numbers and what they are. */
void steps_fds(char *buf, size_t size);

#endif /* SELFTESTS_ROOT_STEPS_H */
