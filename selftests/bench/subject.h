/* SPDX-License-Identifier: MIT */
/* The helper's own life of a cell, in process: what `serve` will do for each. */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "helper/host.h"
#include "selftests/bench/lane.h"
#include "selftests/bench/stand.h"

/**
 * struct subject_arg - what the process is like
 * @wish: what the cell asks for besides a program; NULL: nothing, stdio is @stdio
 * @stdio: "null" or "pipe"
 * @crowd: other live cells
 * @resident: bytes of memory that it holds
 * @fds: that it has open
 * @bare: the cell runs bench_bare, not bench_true
 * @many: or bench_many, with so many processes
 */
struct subject_arg {
	const struct stand_wish *wish;
	const char *stdio;
	unsigned int crowd;
	size_t resident;
	unsigned int fds;
	bool bare;
	unsigned int many;
};

struct subject {
	struct stand stand;
	struct host host;
};

/* subject_open() - for lane_ops; also the part of others that need a host. */
void *subject_open(const void *arg);

/* hold_fds() - open so many fds; lane_skip() if that is not allowed here. */
void hold_fds(unsigned int n, bool cloexec);

/* Metrics LIFE_* of floor.h. */
extern const struct lane_ops subject_ops;

#endif /* BENCH_SUBJECT_H */
