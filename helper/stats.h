/* SPDX-License-Identifier: MIT */
/* What a cell used, read from its cgroup; the last time just before it goes. */
#ifndef HELPER_STATS_H
#define HELPER_STATS_H

#include <stdint.h>

/* A figure that this host does not keep (no such controller). */
#define STAT_NONE	UINT64_MAX

struct cell_stats {
	uint64_t wall_usec;	/* clone to exit; filled by who waited */
	uint64_t cpu_usec;
	uint64_t user_usec;
	uint64_t system_usec;
	uint64_t memory_peak;	/* bytes; since Linux 5.19 */
	uint64_t oom_kills;	/* processes of the cell killed by the OOM killer */
	uint64_t pids_peak;	/* since Linux 6.0 */
};

#define CELL_STATS_NONE	{ STAT_NONE, STAT_NONE, STAT_NONE, STAT_NONE, STAT_NONE, STAT_NONE, \
			  STAT_NONE }

/* stats_read() - all but wall_usec, which stays as it is. */
void stats_read(int leaf_fd, struct cell_stats *stats);

#endif /* HELPER_STATS_H */
