/* SPDX-License-Identifier: MIT */
/*
 * A lane is one side of a comparison: a process of its own, with a network
 * namespace and a cell parent of its own, that takes samples when it is told.
 * So each can hold what it likes (memory, fds, ten thousand cells) and nothing
 * of it weighs on the others; and all are measured in turns, a few samples each.
 */
#ifndef BENCH_LANE_H
#define BENCH_LANE_H

#include <sys/types.h>

#include "selftests/bench/table.h"

#define METRICS		7
#define SKIP_SIZE	120

/**
 * struct lane_ops - how to take samples
 * @open: in the lane's process; returns its state. May call lane_skip().
 * @sample: one sample: nanoseconds, of each metric that is used
 */
struct lane_ops {
	void *(*open)(const void *arg);
	void (*sample)(void *state, uint64_t *ret_ns);
};

/**
 * struct lane - one side
 * @name: of its row
 * @ops: with @arg
 * @every: it takes part in every so many rounds, for what is slow; 0: in all
 * @skipped: why there are no samples; empty: there are
 * @series: of each metric
 */
struct lane {
	const char *name;
	const struct lane_ops *ops;
	const void *arg;
	unsigned int every;

	char skipped[SKIP_SIZE];
	struct series series[METRICS];
	pid_t pid;
	int fd;
};

/**
 * struct turns - how lanes are measured
 * @rounds: turns of each lane
 * @burst: samples in a turn
 * @warm_up: samples that are thrown away first
 * @settle_ms: pause before each turn, for what the others left to the kernel's
 *	own threads (a network namespace is dismantled there)
 */
struct turns {
	unsigned int rounds;
	unsigned int burst;
	unsigned int warm_up;
	unsigned int settle_ms;
};

/*
 * lanes_run() - open all, measure all in turns, close all; series are sorted
 *
 * Each round begins with another lane, so that what changes slowly (the machine's clock,
 * its memory) favours none, and takes them in another order: what a lane leaves to the
 * kernel's threads or in the caches does not always weigh on the same neighbour.
 */
void lanes_run(struct lane *lanes, size_t n, const struct turns *turns);

/* lane_skip() - in @open: this host lacks something, which is named. */
__attribute__((noreturn, format(printf, 1, 2)))
void lane_skip(const char *fmt, ...);

/* lane_row() - a metric of a lane against one of another, or of none. */
void lane_row(const char *name, const struct lane *lane, unsigned int metric,
	      const struct series *against, double budget);

#endif /* BENCH_LANE_H */
