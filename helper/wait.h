/* SPDX-License-Identifier: MIT */
/*
 * What ends a run: the workload's exit, its TTL, a signal to the helper. The
 * first of the latter two begins the ladder: SIGTERM, the grace period,
 * cgroup.kill.
 */
#ifndef HELPER_WAIT_H
#define HELPER_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "helper/loop.h"
#include "lib/err.h"
#include "lib/pidref.h"
#include "uapi/cellos.h"

struct cell;

/**
 * struct wait - a run's end, as it comes
 * @child: the workload; pid 0 before it is born
 * @stopping: the ladder has begun, because of @reason
 * @caller_signal: which signal, if @reason is CELLOS_FORCED_CALLER
 * @exited: @info holds how the workload ended, or @lost why that is not known
 * @ran: the workload began
 * @stuck: it was killed, and does not end: its end is not waited for any more
 * @born: CLOCK_BOOTTIME, ns
 */
struct wait {
	struct cell *cell;
	struct pidref child;
	bool stopping;
	bool exited;
	bool ran;
	bool stuck;
	enum cellos_forced reason;
	int caller_signal;
	siginfo_t info;
	int lost;
	uint64_t born;
	uint64_t ended;
	int signal_fd;
	struct loop_op exit_op;
	struct loop_op ttl_op;
	struct loop_op grace_op;
	struct loop_op stuck_op;
	struct loop_op signal_op;
};

void wait_init(struct wait *wait, struct cell *cell);

/* wait_block_signals() - from now on the signals that end a run are read, not taken. */
int wait_block_signals(void);

/* wait_for_signals() - begin to listen: a signal then begins the ladder. */
int wait_for_signals(struct cell *cell, struct error *err);

/* wait_look() - take a signal that has come, without waiting. */
void wait_look(struct cell *cell);

/* wait_born() - the workload has begun. */
void wait_born(struct cell *cell);

/* wait_for_exit() - begin to wait for the workload and for its deadline. */
void wait_for_exit(struct cell *cell);

/* wait_stop() - begin the ladder, or, if it has begun, go to its end. */
void wait_stop(struct cell *cell, enum cellos_forced reason);

/* wait_until_exited() - turn the loop until the workload has ended, or is stuck. 0 or -errno. */
int wait_until_exited(struct cell *cell, struct error *err);

/* wait_reap() - end the workload, wherever it is, and reap it; bounded. 0 or -errno. */
int wait_reap(struct cell *cell, struct error *err);

/**
 * wait_until_empty() - turn the loop until no process is left in the leaf
 *
 * Return: 0; -ETIMEDOUT after CELLOS_KILL_TIMEOUT; other -errno.
 */
int wait_until_empty(struct cell *cell, struct error *err);

/* wait_done() - withdraw all that is still waited for. */
void wait_done(struct wait *wait);

#endif /* HELPER_WAIT_H */
