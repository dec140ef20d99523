// SPDX-License-Identifier: MIT
/*
 * Step "spawn": the birth, on the spawner's thread, while this one watches its
 * deadline. Its down ends every process of the cell and waits until there is none.
 */
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "helper/domain.h"
#include "helper/envlist.h"
#include "helper/seccomp.h"
#include "helper/spawn_explain.h"
#include "helper/unborn.h"
#include "lib/cleanup.h"
#include "lib/io.h"

/* From an empty cgroup to a child that can be reaped, in milliseconds. */
#define INIT_PATIENCE	1000

/* One birth as the loop sees it. */
struct birth_wait {
	struct cell *cell;
	struct loop_op done_op;
	struct loop_op deadline_op;
	struct loop_op map_op;
	struct error *err;
	bool done;
	bool late;
	bool stuck;
};

static void birth_done(struct loop_op *op, int res)
{
	(void)res;
	op_owner(op, struct birth_wait, done_op)->done = true;
}

/* The child waits for the maps of its user namespace; without them it ends. */
static void map_asked(struct loop_op *op, int res)
{
	struct birth_wait *wait = op_owner(op, struct birth_wait, map_op);

	if (res == -ECANCELED)
		return;
	/* One that is being stopped is dead by now, and says so itself. */
	if (!wait->cell->wait.stopping && namespaces_map(wait->cell, wait->err) < 0)
		cgroup_leaf_kill(wait->cell->kill_fd);
	spawner_answer(wait->cell->host->spawner);
}

/*
 * First the child is killed. One that hangs in the kernel all the same (FUSE, hard
 * NFS) cannot be waited for: then the spawn is given up, with its thread, its stack
 * and this process's memory left as they are until the child is gone.
 */
static void birth_late(struct loop_op *op, int res)
{
	struct birth_wait *wait = op_owner(op, struct birth_wait, deadline_op);

	if (res == -ECANCELED || wait->done)
		return;
	if (wait->late) {
		wait->stuck = true;
		return;
	}
	wait->late = true;
	cgroup_leaf_kill(wait->cell->kill_fd);
	loop_timer(wait->cell->host->loop, op, now_ns() + CELLOS_KILL_TIMEOUT * NSEC_PER_SEC);
}

static int wait_for_birth(struct birth_wait *wait, struct error *err)
{
	struct host *host = wait->cell->host;
	int ret = 0;

	wait->done_op.done = birth_done;
	wait->deadline_op.done = birth_late;
	wait->map_op.done = map_asked;
	loop_poll(host->loop, &wait->done_op, spawner_done_fd(host->spawner), POLLIN);
	loop_timer(host->loop, &wait->deadline_op, now_ns() + CELLOS_SPAWN_TIMEOUT * NSEC_PER_SEC);
	if (wait->cell->namespaces.flags & CLONE_NEWUSER)
		loop_poll(host->loop, &wait->map_op, spawner_ask_fd(host->spawner), POLLIN);
	while (!wait->done && !wait->stuck && ret == 0)
		ret = loop_turn(host->loop, err);
	if (ret < 0) {
		/* The spawner uses our memory until it is done: without a loop, too. */
		struct pollfd p = { spawner_done_fd(host->spawner), POLLIN, 0 };

		cgroup_leaf_kill(wait->cell->kill_fd);
		wait->done = poll(&p, 1, CELLOS_KILL_TIMEOUT * 1000) == 1;
	}
	loop_drop(&wait->done_op);
	loop_drop(&wait->deadline_op);
	loop_drop(&wait->map_op);
	if (wait->done) {
		spawner_collect(host->spawner);
		return ret;
	}
	spawner_abandon(host->spawner);
	err_set(err, "spawn", ETIMEDOUT, "exec: %s hangs in the kernel and outlives SIGKILL",
		wait->cell->plan->argv[0]);
	err_hint(err, "its file system does not answer (NFS, FUSE): reconcile removes the cell "
		 "when it does");
	return -ETIMEDOUT;
}

/* Who is it, and is it where it was born? A program of the host may move processes. */
static int identify(struct cell *cell, struct error *err)
{
	int ret = pidref_take(&cell->wait.child, cell->spawn.pid, cell->spawn.pidfd);

	if (ret < 0)
		return err_set(err, "spawn", ret, "cannot identify the workload");
	if (cgroup_leaf_has(cell->cgroup_id, cell->leaf, &cell->wait.child))
		return 0;
	err_set(err, "spawn", EXDEV, "the workload was moved out of its cgroup %s", cell->leaf);
	err_hint(err, "another program of this host moves processes between cgroups: "
		 "exempt %s from it", cell->host->parent.path);
	return -EXDEV;
}

/*
 * Has the child been killed before it became its workload? As a rule that is our own
 * doing; but one with memory of its own may be the OOM killer's victim, and one beside
 * an init is killed by that one's end. Their death may be seen a moment later than now, as
 * is that of one whose maps could not be written.
 */
static bool died_unborn(const struct birth_wait *wait)
{
	const struct wait *life = &wait->cell->wait;

	return (wait->late || life->stopping || wait->cell->spawn.own_memory ||
		wait->cell->spawn.init_pid || wait->cell->namespaces.flags & CLONE_NEWUSER ||
		pidref_exited(&life->child)) &&
	       unborn_died(wait->cell);
}

/* Nobody was left who could say why there is no workload. */
static int explain_end(const struct cell *cell, const struct birth_wait *wait, struct error *err)
{
	if (cell->wait.stopping)
		return err_set(err, "spawn", ECANCELED, "stopped before the workload began");
	if (!wait->late)
		return unborn_explain(cell, err);
	spawn_explain_memory(cell, ETIMEDOUT, err);
	err_set(err, "spawn", ETIMEDOUT, "exec: %s did not begin within %d seconds",
		cell->plan->argv[0], CELLOS_SPAWN_TIMEOUT);
	err_hint(err, "its file system does not answer (NFS, FUSE), its owner holds a lease on the "
		 "file, or this host is overloaded: a birth takes milliseconds elsewhere");
	return -ETIMEDOUT;
}

static int judge(struct cell *cell, const struct birth_wait *wait, struct error *err)
{
	if (cell->spawn.init_pid)
		cell->init = (struct pidref){ cell->spawn.init_pid, cell->spawn.init_pidfd, 0, 0 };
	if (!cell->spawn.errnum)
		cell->wait.child = (struct pidref){ cell->spawn.pid, cell->spawn.pidfd, 0, 0 };
	if (unborn_lost_init(cell))
		return explain_end(cell, wait, err);
	if (cell->spawn.errnum)
		return spawn_explain_clone(cell, err);
	if (cell->spawn.status.step != CHILD_NONE)
		return spawn_explain_child(cell, err);
	if (died_unborn(wait))
		return explain_end(cell, wait, err);
	wait_born(cell);
	return wait->late ? 0 : identify(cell, err);
}

/*
 * The lists name paths as people know them: /bin, where /usr/bin is meant. One that is
 * not there, or not to be seen, stays as it is: nothing is below it.
 */
static int resolve_prefixes(struct cell *cell)
{
	char *const *given = cell->plan->argv0_prefixes;
	size_t n = 0;

	while (given && given[n])
		n++;
	cell->prefixes = given ? calloc(n + 1, sizeof(*cell->prefixes)) : NULL;
	for (size_t i = 0; cell->prefixes && i < n; i++) {
		cell->prefixes[i] = realpath(given[i], NULL) ?: strdup(given[i]);
		if (!cell->prefixes[i])
			return -ENOMEM;
	}
	return given && !cell->prefixes ? -ENOMEM : 0;
}

static void choose_filters(struct cell *cell, struct child *child)
{
	const struct plan_isolation *isolation = &cell->plan->isolation;
	const struct filter_needs needs = {
		.policy = &cell->plan->policy,
		.enforced = cell->plan->egress_enforced,
		.own_netns = cell->plan->net == CELLOS_NET_OWN,
		.own_ipc = isolation->unshare & UNSHARE_IPC,
		/* What read-only mounts keep from a cell, new namespaces would give it. */
		.baseline = isolation->seccomp == CELLOS_SECCOMP_BASELINE || cell->read_only,
	};

	child->filter = &filter_programs[filter_variant(&needs)];
	child->filter_unix = namespaces_owner(cell) ? &filter_no_unix : NULL;
	child->filter_extra = cell->filter.len ? &cell->filter : NULL;
}

static int prepare(struct cell *cell, struct error *err)
{
	struct child *child = &cell->spawn.child;
	int ret = resolve_prefixes(cell);

	if (ret < 0)
		return err_set(err, "spawn", ret, "no memory");
	*child = (struct child){
		.argv = cell->plan->argv,
		.envp = cell->plan->envp,
		.working_directory = cell->plan->working_directory,
		.prefixes = cell->prefixes,
		.domain_fd = -EBADF,
		.init_fd = -EBADF,
		.process = &cell->process,
		.has_groups = caps_of_root(),
		.drop_caps = namespaces_drop_caps(),
		.bounding = namespaces_bounding(cell),
		.uid = cell->identity.uid,
		.gid = cell->identity.gid,
	};
	memcpy(child->stdio, cell->stdio.child, sizeof(child->stdio));
	choose_filters(cell, child);
	namespaces_prepare(cell);
	child->null_stdio = cell->plan->stdio == CELLOS_STDIO_NULL && cell->namespaces.private;
	ret = cell->backend->prepare(child, err);
	cell->prepared = ret == 0;
	if (ret == 0)
		ret = domain_prepare(cell->plan, namespaces_owner(cell), cell->host->domain_fd,
				     child, err);
	cell->spawn.backend = cell->backend;
	cell->spawn.cgroup_fd = cell->leaf_fd;
	cell->spawn.net_fd = cell->network.fd;
	cell->spawn.own_memory = cell->plan->limits.memory_oom_group == 1 ||
				 cell->host->parent.oom_group;
	return ret;
}

int spawn_up(struct cell *cell, struct error *err)
{
	struct birth_wait wait = { .cell = cell, .err = err };
	uint64_t begin = now_ns();
	int judged, ret = prepare(cell, err);

	if (ret == 0)
		ret = spawner_submit(cell->host->spawner, &cell->spawn);
	if (ret == 0)
		ret = wait_for_birth(&wait, err);
	stdio_close_child(&cell->stdio);
	if (!wait.done)
		return err_set(err, "spawn", ret, "cannot spawn");
	cell->wait.born = now_ns();
	/* Also after a failure of the loop: whether the workload began is to be told. */
	judged = judge(cell, &wait, err);
	if (ret == 0)
		ret = judged;
	if (ret == 0)
		ret = identity_store_workload(cell->leaf_fd, &cell->wait.child, err);
	cell->timings.spawn = (now_ns() - begin) / NSEC_PER_USEC;
	return ret;
}

void spawn_release(struct cell *cell)
{
	if (cell->prepared)
		cell->backend->release(&cell->spawn.child);
	cell->prepared = false;
	envlist_free(cell->prefixes);
	cell->prefixes = NULL;
	domain_release(cell->host->domain_fd, &cell->spawn.child);
}

/* Its end is nobody's business but the kernel's, which wants it reaped. */
static void reap_init(struct cell *cell)
{
	struct pollfd p = { .fd = cell->init.fd, .events = POLLIN };
	siginfo_t info;

	if (cell->init.fd >= 0 && poll(&p, 1, INIT_PATIENCE) == 1)
		waitid(P_PIDFD, (id_t)cell->init.fd, &info, WEXITED | WNOHANG);
	pidref_done(&cell->init);
}

int spawn_down(struct cell *cell, struct error *err)
{
	int reaped = 0, ret = 0;

	spawn_release(cell);
	if (cell->leaf_fd >= 0 && cgroup_leaf_populated(cell->events_fd) != 0) {
		ret = cgroup_leaf_kill(cell->kill_fd);
		if (ret < 0)
			return err_set(err, "spawn", ret, "cannot kill the processes of %s",
				       cell->leaf);
	}
	/*
	 * A child that never ran, or whose exit nobody has waited for yet. First, for the
	 * end of an init waits until all of its namespace are reaped.
	 */
	if (!cell->wait.exit_op.armed)
		reaped = wait_reap(cell, err);
	if (cell->leaf_fd >= 0)
		ret = wait_until_empty(cell, err);
	reap_init(cell);
	return ret ?: reaped;
}
