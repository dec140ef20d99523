/* SPDX-License-Identifier: MIT */
/* What a workload is born with: limits, priorities, umask, CPUs. */
#ifndef HELPER_PROCESS_H
#define HELPER_PROCESS_H

#include "backends/backend.h"
#include "helper/plan.h"

/* rlimit_number() - RLIMIT_* of a name in small letters ("nofile"); -1: no such limit */
int rlimit_number(const char *name);

/* Where this host's kernel puts core dumps: kernel.core_pattern, see core(5). */
enum core_target {
	CORE_TO_FILE,		/* obeys RLIMIT_CORE */
	CORE_TO_PROGRAM,	/* started as root, outside of the cell, unless the limit is 1 */
	CORE_TO_SOCKET,		/* Linux 6.16: asked whatever the limit, so do_coredump() */
};

/* process_core_target() - read it; CORE_TO_PROGRAM if it cannot be read */
enum core_target process_core_target(void);

/**
 * process_check_core() - can core dumps be off for a cell that does not ask for them?
 * @target: from process_core_target()
 * @err: field in the document
 *
 * Return: 0; -EPERM: they would be given to the target.
 */
int process_check_core(enum core_target target, struct error *err);

/**
 * process_prepare() - what the child is to set, from what was asked for
 * @plan: asked for
 * @target: of core dumps
 * @ret: filled on success
 * @err: field in the document
 *
 * What nobody asked for: umask 022; no core dumps, not to a program either
 * (RLIMIT_CORE of 1 byte, see core(5) and do_coredump()); no right to raise
 * priorities (RLIMIT_NICE, RLIMIT_RTPRIO 0); nice and oom_score_adj 0, or the
 * helper's own where these are higher; CPUs and the other limits as the helper's.
 *
 * Return: 0; -EPERM: the helper itself may have less, or a core dump would be given away;
 * other -errno.
 */
int process_prepare(const struct plan_process *plan, enum core_target target,
		    struct child_process *ret, struct error *err);

#endif /* HELPER_PROCESS_H */
