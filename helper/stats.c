// SPDX-License-Identifier: MIT
#include "helper/stats.h"

#include <stdlib.h>
#include <string.h>

#include "lib/io.h"

static uint64_t number(int dirfd, const char *file)
{
	char buf[32];

	return io_read_at(dirfd, file, buf, sizeof(buf)) > 0 ? strtoull(buf, NULL, 10) : STAT_NONE;
}

static uint64_t keyed(const char *text, const char *key)
{
	uint64_t value;

	return keyed_u64(text, key, &value) ? value : STAT_NONE;
}

/* Of "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", one line for each word. */
static uint64_t total(const char *text, const char *word)
{
	const char *line = strstr(text, word);
	const char *value = line ? strstr(line, "total=") : NULL;

	return value ? strtoull(value + strlen("total="), NULL, 10) : STAT_NONE;
}

static void read_pressure(int leaf_fd, const char *file, struct cell_pressure *ret)
{
	char buf[256];

	if (io_read_at(leaf_fd, file, buf, sizeof(buf)) <= 0)
		return;
	ret->some = total(buf, "some ");
	ret->full = total(buf, "full ");
}

void stats_read(int leaf_fd, struct cell_stats *stats)
{
	char buf[4096];

	if (io_read_at(leaf_fd, "cpu.stat", buf, sizeof(buf)) > 0) {
		stats->cpu_usec = keyed(buf, "usage_usec");
		stats->user_usec = keyed(buf, "user_usec");
		stats->system_usec = keyed(buf, "system_usec");
	}
	/* oom_kill counts victims; oom only counts that a limit was met. */
	if (io_read_at(leaf_fd, "memory.events", buf, sizeof(buf)) > 0) {
		stats->oom_kills = keyed(buf, "oom_kill");
		stats->memory_peak = number(leaf_fd, "memory.peak");
		stats->swap_peak = number(leaf_fd, "memory.swap.peak");
	}
	stats->pids_peak = number(leaf_fd, "pids.peak");
	read_pressure(leaf_fd, "cpu.pressure", &stats->cpu);
	read_pressure(leaf_fd, "memory.pressure", &stats->memory);
	read_pressure(leaf_fd, "io.pressure", &stats->io);
}
