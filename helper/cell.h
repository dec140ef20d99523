/* SPDX-License-Identifier: MIT */
/*
 * One cell's life as a table of steps. Forward, each step's up() makes one
 * thing; backward, its down() takes it away. A down() accepts what a failed or
 * killed up() left half done, and a cell that another process made and this one
 * only knows from the kernel: so a run's own end, `destroy` and `reconcile` all
 * are the same walk.
 */
#ifndef HELPER_CELL_H
#define HELPER_CELL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "helper/host.h"
#include "helper/identity.h"
#include "helper/namespaces.h"
#include "helper/network.h"
#include "helper/plan.h"
#include "helper/spawn.h"
#include "helper/stats.h"
#include "helper/stdio.h"
#include "helper/wait.h"
#include "lib/err.h"
#include "nft/cells.h"

/* Durations of the report, in microseconds. */
struct cell_timings {
	uint64_t cgroup;
	uint64_t egress;
	uint64_t spawn;
	uint64_t teardown;
};

/**
 * struct cell - a cell in the hands of this process
 * @host: where it lives
 * @plan: how it is to be made; NULL for a cell that was made elsewhere
 * @identity: what is, or will be, stored of it
 * @leaf: name of its cgroup below the parent; empty: none yet
 * @leaf_fd: its directory; @kill_fd, @events_fd: held for its end
 * @cgroup_id: its inode number
 * @locked: this process holds the parent's lock
 * @registered: the kernel's table may hold elements of it
 * @network: its network namespace, if that is not the helper's
 * @policy: its egress rules: the plan's, or if @policy_loaded its own copy
 * @unsure: a change of its rules was cut short: which are in force is not written down
 * @verified: the elements were read back and are as written
 * @tampered: at the cell's end they were not any more
 * @counted: @rules and @totals were read; @rules has policy->n_rules entries
 * @read_only: the host's mounts are read-only for it
 * @namespaces: what its child makes of them; @workspace, @hostname: parts of that
 * @workspace_made: at its end: the folder that was made for its workspace, or NULL
 * @keep_leaf: at its end: there is something left that only its attributes tell of
 * @process: what its workload is born with
 * @filter: a filter of system calls that the caller brought
 * @prefixes: what the plan allows argv[0] to resolve to, resolved itself
 * @init: process 1 of its pid namespace, while this process holds it
 * @backend: who brings the workload up
 * @prepared: backend->prepare() has to be released
 * @spawn: the birth
 * @stdio: its fds 0, 1 and 2, and what carries its output on
 * @wait: the workload, and what ends it
 * @exit_status: CELLOS_EXIT_* of a failure
 * @stats: what it used, read last before its cgroup goes
 * @timings: of this process's work on it
 */
struct cell {
	struct host *host;
	const struct plan *plan;
	struct identity identity;
	char leaf[LEAF_NAME_MAX];
	int leaf_fd;
	int kill_fd;
	int events_fd;
	uint64_t cgroup_id;
	bool locked;

	struct network network;
	bool registered;
	struct egress_policy policy;
	bool policy_loaded;
	bool unsure;
	bool verified;
	bool tampered;
	bool counted;
	struct nft_count *rules;
	struct nft_totals totals;

	bool read_only;
	struct child_namespaces namespaces;
	struct child_workspace workspace;
	char hostname[CELLOS_LEAF_ID_MAX + 1];
	char *workspace_made;
	bool keep_leaf;
	struct child_process process;
	struct sock_fprog filter;
	char **prefixes;
	struct pidref init;

	const struct backend *backend;
	bool prepared;
	struct spawn spawn;
	struct stdio stdio;
	struct wait wait;
	int exit_status;

	struct cell_stats stats;
	struct cell_timings timings;
};

/**
 * struct cell_step - one step of a cell's life
 * @name: as reports and messages show it
 * @up: makes one thing; 0 or -errno with @err filled
 * @down: takes it away, if it is there; returns 0 or the reason why it is not
 *	gone, which ends nothing: the next downs run all the same
 */
struct cell_step {
	const char *name;
	int (*up)(struct cell *cell, struct error *err);
	int (*down)(struct cell *cell, struct error *err);
};

/* The life of a cell, in order; ended by a row without a name. */
extern const struct cell_step *const cell_steps;

/* cell_init() - a cell to be made from a plan. */
void cell_init(struct cell *cell, struct host *host, const struct plan *plan);

/**
 * cell_attach() - a cell that was made elsewhere, from its leaf
 *
 * Return: 0, also for a leaf that was never finished (its identity.id is empty);
 * -ENOENT: gone; -EPROTO: of another format; other -errno.
 */
int cell_attach(struct cell *cell, struct host *host, const char *leaf, struct error *err);

/**
 * cell_settle() - see that an attached cell is not in the middle of something
 *
 * A leaf without identity may be in the making, and rules may be being replaced:
 * who does that holds the parent's lock. To have had the lock once is to see it
 * finished, or whoever did it dead. Attaches anew. Return: as cell_attach().
 */
int cell_settle(struct cell *cell, struct error *err);

/**
 * cell_is_foreign() - was it made in another network, pid or cgroup namespace?
 *
 * Then its rules are not in sight, its pids mean others, or levels are counted from
 * elsewhere: nothing that this process would say or do about it could be trusted.
 */
bool cell_is_foreign(const struct cell *cell);

/* cell_refuse_foreign() - 0; -EXDEV with @err filled for such a cell. */
int cell_refuse_foreign(const struct cell *cell, struct error *err);

/**
 * cell_hold() - take the parent's lock, and read an attached cell anew
 *
 * While it is held nobody replaces the cell's rules or begins to end it. Release
 * with cgroup_unlock(). Return: 0; -ENOENT: it is ending, or has ended; other -errno.
 */
int cell_hold(struct cell *cell, struct error *err);

/**
 * cell_up() - walk the steps forward
 *
 * Stops at the first failure, whose step's name goes into @err, and when the
 * caller wants the run to stop. Undoes nothing: cell_down() does.
 */
int cell_up(struct cell *cell, const struct cell_step *steps, struct error *err);

/* cell_down() - walk all steps backward. Return: 0, or the first failure. */
int cell_down(struct cell *cell, const struct cell_step *steps, struct error *err);

/* cell_done() - release memory and fds; the kernel's objects stay as they are. */
void cell_done(struct cell *cell);

/* The steps, each in the file of its name: step_NAME.c. */
int check_up(struct cell *cell, struct error *err);
int cgroup_up(struct cell *cell, struct error *err);
int cgroup_down(struct cell *cell, struct error *err);
int limits_up(struct cell *cell, struct error *err);
int identity_up(struct cell *cell, struct error *err);
int workspace_up(struct cell *cell, struct error *err);
int workspace_down(struct cell *cell, struct error *err);
int egress_up(struct cell *cell, struct error *err);
int egress_down(struct cell *cell, struct error *err);
int stdio_up(struct cell *cell, struct error *err);
int stdio_down(struct cell *cell, struct error *err);
int spawn_up(struct cell *cell, struct error *err);
int spawn_down(struct cell *cell, struct error *err);

/* spawn_release() - what was prepared for the birth; idempotent. */
void spawn_release(struct cell *cell);

/* workspace_left() - is what the cell put there still there? Its path, if so. */
bool workspace_left(const struct cell *cell, char *path, size_t size);

/* egress_count() - read the counters into the cell, if it is registered. */
int egress_count(struct cell *cell, struct error *err);

/* egress_verify() - read elements and static rules back; sets cell->verified. */
int egress_verify(struct cell *cell, struct error *err);

/**
 * egress_look() - count and verify, whatever other helpers do meanwhile
 *
 * Rules that are not as they were written may be being replaced: so they are read
 * once more with the parent's lock. Return: as egress_verify().
 */
int egress_look(struct cell *cell, struct error *err);

/*
 * egress_refresh() - take over what another process changed of the rules
 *
 * Context: the parent's lock is held, or the cell is claimed: then a change that
 * was begun is not going on any more, but was cut short. 0 or -errno.
 */
int egress_refresh(struct cell *cell, struct error *err);

/**
 * egress_replace() - other rules for a live cell, in one transaction
 *
 * Context: the parent's lock is held. On failure the old rules are in force.
 */
int egress_replace(struct cell *cell, const struct egress_policy *policy, struct error *err);

/* egress_restore() - put right what other programs did. 1: something was; 0; -errno. */
int egress_restore(struct cell *cell, struct error *err);

/* egress_left() - elements of the cell that the kernel still has. 0 or -errno. */
int egress_left(struct cell *cell, unsigned int *ret_left, struct error *err);

#endif /* HELPER_CELL_H */
