/* SPDX-License-Identifier: MIT */
/* What a cell used, read from its cgroup; the last time just before it goes. */
#ifndef HELPER_STATS_H
#define HELPER_STATS_H

#include <stdint.h>

/* A figure that this host does not keep (no such controller). */
#define STAT_NONE	UINT64_MAX

/* How long processes of a cell waited for one thing, in microseconds (PSI). */
struct cell_pressure {
	uint64_t some;		/* at least one of them */
	uint64_t full;		/* all that could have run; of cpu since Linux 5.13 */
};

struct cell_stats {
	uint64_t wall_usec;	/* clone to exit; filled by who waited */
	uint64_t cpu_usec;
	uint64_t user_usec;
	uint64_t system_usec;
	uint64_t memory_peak;	/* bytes; since Linux 5.19 */
	uint64_t oom_kills;	/* processes of the cell killed by the OOM killer */
	uint64_t pids_peak;	/* since Linux 6.0 */
	uint64_t swap_peak;	/* bytes; since Linux 6.5 */
	struct cell_pressure cpu;
	struct cell_pressure memory;
	struct cell_pressure io;
};

#define CELL_PRESSURE_NONE	{ STAT_NONE, STAT_NONE }
#define CELL_STATS_NONE	{						\
	STAT_NONE, STAT_NONE, STAT_NONE, STAT_NONE, STAT_NONE,		\
	STAT_NONE, STAT_NONE, STAT_NONE,				\
	CELL_PRESSURE_NONE, CELL_PRESSURE_NONE, CELL_PRESSURE_NONE,	\
}

/* stats_read() - all but wall_usec, which stays as it is. */
void stats_read(int leaf_fd, struct cell_stats *stats);

#endif /* HELPER_STATS_H */
