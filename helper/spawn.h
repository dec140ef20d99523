/* SPDX-License-Identifier: MIT */
/*
 * Births. clone3 with CLONE_VFORK blocks its caller until the child has exec'ed,
 * and an exec can hang as long as the file's owner likes (a write lease, FUSE,
 * NFS). So it runs on a thread of its own, the spawner; the loop's thread stays
 * free to end the child by cgroup.kill when the spawn's deadline is over.
 *
 * As a rule the child borrows the helper's memory (CLONE_VM): what a birth costs then
 * does not grow with it, and the OOM killer does not choose a process that has only
 * borrowed. But it does kill a whole cgroup where memory.oom.group says so, and
 * with each process all that share its memory, wherever they are. There the child
 * is born with a copy (@own_memory), and may be killed; what it tells lies in a page
 * that both share in either case.
 */
#ifndef HELPER_SPAWN_H
#define HELPER_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "backends/backend.h"
#include "helper/loop.h"
#include "lib/err.h"

struct spawner;

/**
 * struct spawn - one birth: of a workload, and of an init before it if the cell has one
 * @backend: whose enter() the child runs
 * @child: prepared; its fd_limit, null_fd, init_fd and ignored are for the spawner
 * @cgroup_fd: where the child is born
 * @net_fd: its network namespace; negative: the helper's own
 * @own_memory: its children get copies of the helper's memory, and share none: for a
 *	cgroup whose OOM kills all that is in it, and whoever shares memory with that
 * @init_pid: the init; 0: none; @init_pidfd: of it, CLOEXEC; the caller owns it
 * @asking: while spawner_ask_fd() is readable: the child that waits for its maps
 * @pid: the child, if @errnum is 0, also if it failed before exec; 0: its init failed
 * @pidfd: of the child, CLOEXEC; the caller owns it
 * @errnum: of clone3 itself, or of @call
 * @call: what failed before clone3; NULL: nothing did
 * @status: what the child reported, or its init
 */
struct spawn {
	const struct backend *backend;
	struct child child;
	int cgroup_fd;
	int net_fd;
	bool own_memory;
	pid_t init_pid;
	int init_pidfd;
	volatile pid_t asking;
	pid_t pid;
	int pidfd;
	int errnum;
	const char *call;
	struct child_status status;
};

#define SPAWN_NONE	{ .child = { .domain_fd = -EBADF }, .cgroup_fd = -EBADF, \
			  .net_fd = -EBADF, .init_pidfd = -EBADF, .pidfd = -EBADF }

/**
 * spawner_open() - start a spawner thread
 *
 * Keeps a few fds with low numbers, so that a child's private fd table is small
 * whatever the process has open later.
 */
int spawner_open(struct spawner **ret, struct error *err);

/* spawner_close() - end the thread; no spawn may be under way. */
void spawner_close(struct spawner *spawner);

/* spawner_submit() - begin a birth; one at a time. @spawn stays in place. */
int spawner_submit(struct spawner *spawner, struct spawn *spawn);

/* spawner_done_fd() - readable (an eventfd) when the birth is over. */
int spawner_done_fd(const struct spawner *spawner);

/* spawner_ask_fd() - readable (an eventfd) when a child waits for its maps. */
int spawner_ask_fd(const struct spawner *spawner);

/* spawner_go_fd() - what such a child reads until spawner_answer(). */
int spawner_go_fd(const struct spawner *spawner);

/* spawner_answer() - after spawner_ask_fd(): the maps are written, it may go on. */
int spawner_answer(const struct spawner *spawner);

/* spawner_collect() - after spawner_done_fd(): take the result into the struct spawn. */
void spawner_collect(struct spawner *spawner);

/* spawner_abandon() - a birth that will not end: spawner_close() then leaves all as it is. */
void spawner_abandon(struct spawner *spawner);

/* spawn_probe() - can this kernel clone into a cgroup with a pidfd? 0 or -errno. */
int spawn_probe(void);

#endif /* HELPER_SPAWN_H */
