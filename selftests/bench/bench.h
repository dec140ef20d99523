/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the benchmark share: places, failing, time, the table.
 *
 * Everything is measured against something else in the same run: what is
 * compared runs in turns, so that the noise of the machine hits both sides, and
 * what is published are ratios.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/**
 * struct place - what all lanes use
 * @quick: a smoke run of a few seconds
 * @mount: where the cgroup2 hierarchy is mounted
 * @base: cgroup of this run; each lane makes its cell parent below it
 * @scratch: folder for documents, bundles and the like
 * @true_path: a static program that ends at once; @bare_path: one without a C
 *	library; @many_path: bench_many; @helper_path: the program
 */
struct place {
	bool quick;
	char mount[PATH_MAX];
	char base[PATH_MAX];
	char scratch[PATH_MAX];
	char true_path[PATH_MAX];
	char bare_path[PATH_MAX];
	char many_path[PATH_MAX];
	char helper_path[PATH_MAX];
};

extern struct place place;

/* place_open() - find the programs, make cgroup and folder. */
void place_open(void);

/* place_sweep() - remove what lanes left in the cgroup; with @all, it and the folder. */
void place_sweep(bool all);

/* place_file() - write a file below the folder. Return: its path, to be freed. */
char *place_file(const char *name, const char *content);

/* pick() - a number for a full run, or the one for a quick run. */
static inline unsigned int pick(unsigned int full, unsigned int quick)
{
	return place.quick ? quick : full;
}

/* die() - say what, and errno if it is set, and end this process. */
__attribute__((noreturn, format(printf, 1, 2)))
void die(const char *fmt, ...);

/* text() - asprintf() that cannot fail. */
__attribute__((format(printf, 1, 2)))
char *text(const char *fmt, ...);

static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

/* The parts of the table, each in the file of its name. */
void part_lifecycle(void);
void part_knobs(void);
void part_egress(void);
void part_packets(void);
void part_replace(void);
void part_whole(void);
void part_end(void);

#endif /* BENCH_BENCH_H */
