// SPDX-License-Identifier: MIT
#include "helper/unborn.h"

#include <errno.h>
#include <poll.h>

#include "helper/cell.h"
#include "lib/io.h"

/* From a process that is ending to one that can be reaped, in milliseconds. */
#define PATIENCE	1000

/*
 * ESRCH is of who enters namespaces by its pidfd, the spawner or the workload: it has none
 * any more. That says enough, for its end itself waits until the helper has reaped the
 * workload. ENOMEM: its pid namespace takes no process any more, which clone3 calls so.
 */
bool unborn_lost_init(const struct cell *cell)
{
	const struct spawn *spawn = &cell->spawn;
	struct pollfd dead = { .fd = spawn->init_pidfd, .events = POLLIN };

	if (!spawn->init_pid)
		return false;
	if (spawn->errnum == ESRCH ||
	    (spawn->status.step == CHILD_JOIN && spawn->status.errnum == ESRCH))
		return true;
	return spawn->errnum == ENOMEM && poll(&dead, 1, PATIENCE) > 0;
}

/*
 * That its vfork is over is the first that is seen of a death, as of an exec; then
 * it is a moment until it is a zombie, or has the flags of one that did exec.
 */
bool unborn_died(const struct cell *cell)
{
	const struct pidref *child = &cell->wait.child;
	uint64_t deadline = now_ns() + CELLOS_KILL_TIMEOUT * NSEC_PER_SEC;
	struct pollfd dead = { .fd = child->fd, .events = POLLIN };

	while (pidref_never_execed(child))
		if (poll(&dead, 1, 1) > 0 || now_ns() > deadline)
			return pidref_never_execed(child);
	return false;
}

/*
 * The counts of its own cgroup: oom_kill is of its processes, whosever limit it was; oom
 * is of its own limit.
 */
static bool read_events(const struct cell *cell, uint64_t *ret_kills, uint64_t *ret_own)
{
	char buf[512];

	return io_read_at(cell->leaf_fd, "memory.events", buf, sizeof(buf)) > 0 &&
	       keyed_u64(buf, "oom_kill", ret_kills) && keyed_u64(buf, "oom", ret_own);
}

/* Its workload was killed by its end, perhaps; and is to be reaped before that is seen. */
static bool was_init(const struct cell *cell)
{
	return unborn_lost_init(cell) ||
	       (cell->spawn.init_pid && (pidref_exited(&cell->init) ||
					 pidref_never_execed(&cell->init)));
}

int unborn_explain(const struct cell *cell, struct error *err)
{
	const char *who = was_init(cell) ? "the cell's init was " : "";
	uint64_t kills = 0, own = 0;

	if (!read_events(cell, &kills, &own) || !kills)
		return err_set(err, "spawn", ECANCELED, "%skilled before the workload began",
			       who);
	if (own)
		err_field_set(err, "/spec/run/limits/memoryMaxBytes");
	err_set(err, "spawn", ENOMEM, "out of memory: %skilled before the workload began", who);
	if (own)
		err_hint(err, "memoryMaxBytes, %llu, is too low to start the workload",
			 (unsigned long long)cell->plan->limits.memory_max);
	else
		err_hint(err, "the memory.max of a cgroup above the cell is reached, or the host's "
			 "memory is used up");
	return -ENOMEM;
}
