/* SPDX-License-Identifier: MIT */
/* What a workload is born with: limits, priorities, umask, CPUs. */
#ifndef HELPER_PROCESS_H
#define HELPER_PROCESS_H

#include "backends/backend.h"
#include "helper/plan.h"

/* rlimit_number() - RLIMIT_* of a name in small letters ("nofile"); -1: no such limit */
int rlimit_number(const char *name);

/**
 * process_prepare() - what the child is to set, from what was asked for
 * @plan: asked for
 * @ret: filled on success
 * @err: field in the document
 *
 * What nobody asked for: umask 022; no core dumps, not to a program either
 * (RLIMIT_CORE of 1 byte, see core(5) and do_coredump()); no right to raise
 * priorities (RLIMIT_NICE, RLIMIT_RTPRIO 0); nice and oom_score_adj 0, or the
 * helper's own where these are higher; CPUs and the other limits as the helper's.
 *
 * Return: 0; -EPERM: the helper itself may have less; other -errno.
 */
int process_prepare(const struct plan_process *plan, struct child_process *ret,
		    struct error *err);

#endif /* HELPER_PROCESS_H */
