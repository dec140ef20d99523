/* SPDX-License-Identifier: MIT */
/*
 * The floor: what the kernel alone takes for the life of a cell, as the barest
 * loop that does the same. mkdir; one netlink transaction that adds the cell's
 * elements to sets that exist; clone3 into the cgroup, exec, waitid; one
 * transaction that deletes; rmdir. Nothing is checked, read back or reported.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <sys/types.h>

#include "selftests/bench/lane.h"

/* Metrics of the floor and of the subject: all, and the parts of it. */
enum { LIFE_ALL, LIFE_CGROUP, LIFE_EGRESS, LIFE_SPAWN, LIFE_TEARDOWN, LIFE_METRICS };

/* Its arg: path of a program; NULL: bench_true. */
extern const struct lane_ops floor_ops;

/* floor_spawn() - clone3 into a cgroup and exec. Return: a pidfd. */
int floor_spawn(int cgroup_fd, const char *const *argv);

/* floor_reap() - wait for its end. */
void floor_reap(int pidfd);

#endif /* BENCH_FLOOR_H */
