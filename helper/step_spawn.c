// SPDX-License-Identifier: MIT
/*
 * Step "spawn": the birth, on the spawner's thread, while this one watches its
 * deadline. Its down ends every process of the cell and waits until there is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "helper/domain.h"
#include "helper/envlist.h"
#include "helper/limits.h"
#include "helper/seccomp.h"
#include "helper/unborn.h"
#include "helper/spawn_field.h"
#include "helper/text.h"
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
	if (namespaces_map(wait->cell, wait->err) < 0)
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
 * an init is killed by that one's end. Their death may be seen a moment later than now.
 */
static bool died_unborn(const struct birth_wait *wait)
{
	const struct wait *life = &wait->cell->wait;

	return (wait->late || life->stopping || wait->cell->spawn.own_memory ||
		wait->cell->spawn.init_pid || pidref_exited(&life->child)) &&
	       unborn_died(wait->cell);
}

static int explain_clone(const struct cell *cell, struct error *err)
{
	int errnum = cell->spawn.errnum;

	if (cell->spawn.call)
		return err_set(err, "spawn", errnum, "%s", cell->spawn.call);
	err_set(err, "spawn", errnum, "clone3 into %s", cell->leaf);
	if (errnum == EBUSY || errnum == EOPNOTSUPP)
		err_hint(err, "the leaf is not a plain domain cgroup (cgroup.type)");
	else if (errnum == EACCES)
		err_hint(err, "the helper has to live in the tree of cgroups that is its uid's: "
			 "cgroup.procs above both must be writable for it");
	else if (errnum == EAGAIN)
		err_hint(err, "pids.max of the cell or of a cgroup above, or RLIMIT_NPROC, is "
			 "reached");
	else if (errnum == ENOSPC)
		err_hint(err, "a limit of namespaces in /proc/sys/user is reached, or is 0: "
			 "sysctl user.max_user_namespaces");
	else if (errnum == ENOMEM)
		err_hint(err, "memoryMaxBytes may be too low to start anything");
	return -errnum;
}

static void hint_workdir(const struct cell *cell, int errnum, struct error *err)
{
	if (errnum == ESTALE)
		err_hint(err, "the folder was replaced while the cell was made");
	else if (errnum == EACCES)
		err_hint(err, "the cell's uid %u must be able to search it and what is above it",
			 cell->identity.uid);
	else if (errnum == ENOENT)
		err_hint(err, "it is not made by the helper: make it, or leave workingDirectory "
			 "out for /");
}

static void hint_mounts(const struct child_status *status, struct error *err)
{
	bool hidden = strstr(err->field, "/hiddenPaths/");

	if (status->errnum == ENOENT && hidden)
		err_hint(err, "what is to be hidden has to be there: make it, or leave it out");
	else if (status->errnum == EOPNOTSUPP && hidden)
		err_hint(err, "it would not be hidden: it leads to / or, as /proc/net and "
			 "/proc/mounts do, into the folder that each process has of its own in /proc");
	else if (status->errnum == EACCES && hidden)
		err_hint(err, "the helper's uid, %u, may not search what is above it: hide that "
			 "folder", geteuid());
	else if (status->errnum == ESTALE)
		err_hint(err, "the folder was replaced while the cell was made");
	else if (status->errnum == EPERM)
		err_hint(err, "the host forbids this mount, inside user namespaces perhaps");
}

/* What is hidden by way of a link is known to the kernel alone. */
static void hint_domain(const struct plan *plan, const char *what, struct error *err)
{
	if (strstr(err->field, "/hiddenPaths/"))
		err_hint(err, "it is hidden by an entry of hiddenPaths: leave out one of the two");
	else if (what == plan->working_directory && plan->isolation.hidden)
		err_hint(err, "an entry of hiddenPaths that leads elsewhere hides it, or the folder "
			 "was replaced while the cell was made");
	else if (what == plan->working_directory)
		err_hint(err, "the folder was replaced while the cell was made");
	else
		err_hint(err, "a path of a list that lies in the workspace, /proc, /dev/shm or "
			 "/dev/mqueue has to be there when the cell begins");
}

static void hint_exec(const struct cell *cell, int errnum, struct error *err)
{
	bool found = cell->spawn.status.exit_status == CELLOS_EXIT_NOT_EXECUTABLE;
	bool listed = cell->prefixes && cell->spawn.status.what;

	if (listed && errnum == EACCES)
		err_hint(err, "CELLOS_RUN_ARGV0_ALLOW_PREFIXES lists what may be executed, links "
			 "resolved");
	else if (listed)
		err_hint(err, "with CELLOS_RUN_ARGV0_ALLOW_PREFIXES: name its interpreter as "
			 "argv[0], and the script behind it");
	else if (errnum == EACCES && cell->plan->isolation.hidden && cell->plan->isolation.hidden[0])
		err_hint(err, "hiddenPaths may hide it, its loader or interpreter; else %s",
			 cell->plan->isolation.listed ? "the lists lack one of these (see "
			 "systemLibraries)" : "the cell's uid may not execute it");
	else if (errnum == EACCES && cell->plan->isolation.listed)
		err_hint(err, "of the lists in run.isolation: a program that is not static also "
			 "takes systemLibraries, a script its interpreter's path");
	else if (errnum == EACCES)
		err_hint(err, "it must be a file that the cell's uid %u may execute, in "
			 "directories that it may search", cell->identity.uid);
	else if (errnum == ENOENT && found)
		err_hint(err, "the file is there, its interpreter is not");
	else if (errnum == ENOENT && !strchr(cell->plan->argv[0], '/'))
		err_hint(err, "a bare name is looked for in /usr/local/sbin, /usr/local/bin, "
			 "/usr/sbin, /usr/bin, /sbin, /bin");
	else if (errnum == ENOENT && cell->plan->argv[0][0] != '/')
		err_hint(err, "a relative path begins in workingDirectory, %s%s",
			 cell->plan->working_directory, cell->plan->isolation.workspace ?
			 ", which is private and begins empty" : "");
	else if (errnum == ENOEXEC)
		err_hint(err, "no program of this machine's, and no script that begins with #!");
}

/*
 * Was there too little memory to begin? execve says E2BIG where the pages for
 * argv do not fit. A child that only hangs is in a page fault: before exec it is
 * no victim of the OOM killer while its memory is the helper's. Of one that had its own,
 * and was a victim, unborn.c tells.
 */
static bool explain_memory(const struct cell *cell, int errnum, struct error *err)
{
	if (errnum != ENOMEM && errnum != E2BIG && errnum != ETIMEDOUT)
		return false;
	if (!limits_met_memory(cell->leaf_fd))
		return false;
	err_field_set(err, "/spec/run/limits/memoryMaxBytes");
	err_hint(err, "memoryMaxBytes, %llu, is too low to start the workload",
		 (unsigned long long)cell->plan->limits.memory_max);
	return true;
}

static int explain_child(struct cell *cell, struct error *err)
{
	const struct child_status *status = &cell->spawn.status;
	const char *what = "in the child";

	cell->exit_status = status->exit_status;
	if (explain_memory(cell, status->errnum, err))
		cell->exit_status = CELLOS_EXIT_FAILED;
	if (status->what)
		what = status->what;
	else if (status->step == CHILD_EXEC)
		what = cell->plan->argv[0];
	spawn_field(cell, err);
	if (status->file[0])
		err_set(err, "spawn", status->errnum, "exec: argv[0] %s resolves to %s, which is "
			"not allowed", text_quote(cell->plan->argv[0]).text, status->file);
	else
		err_set(err, "spawn", status->errnum, "%s: %s", child_step_name(status->step), what);
	if (status->errnum == ENOMEM || status->errnum == EAGAIN || status->errnum == ENOSPC)
		err_hint(err, "a limit of the cell or of a cgroup above is too low to start it");
	else if (status->errnum == EMFILE ||
		 (status->step == CHILD_STDIO && status->errnum == EBADF))
		err_hint(err, "the helper's own RLIMIT_NOFILE is too low: 64 is enough");
	else if (status->step == CHILD_STDIO && status->errnum == ENOENT)
		err_hint(err, "hiddenPaths or the host leave no /dev/null to a cell of this uid");
	else if (status->step == CHILD_WORKDIR)
		hint_workdir(cell, status->errnum, err);
	else if (status->step == CHILD_MOUNTS)
		hint_mounts(status, err);
	else if (status->step == CHILD_DOMAIN && status->what)
		hint_domain(cell->plan, status->what, err);
	else if (status->step == CHILD_JOIN && status->errnum == EXDEV)
		err_hint(err, "in a chroot that is no root of its mount namespace mnt does not hold: "
			 "start the helper outside of it, or by pivot_root(2)");
	else if (status->step == CHILD_PROCESS && status->errnum == ENODEV)
		err_hint(err, "a cpuset leaves out one of them: cpuset.cpus.effective of the cell "
			 "parent, or of its v1 hierarchy");
	else if (status->step == CHILD_PROCESS)
		err_hint(err, "what spec.run.process asks for cannot be had here");
	else if (status->step == CHILD_EXEC)
		hint_exec(cell, status->errnum, err);
	return -status->errnum;
}

/* Nobody was left who could say why there is no workload. */
static int explain_end(const struct cell *cell, const struct birth_wait *wait, struct error *err)
{
	if (cell->wait.stopping)
		return err_set(err, "spawn", ECANCELED, "stopped before the workload began");
	if (!wait->late)
		return unborn_explain(cell, err);
	explain_memory(cell, ETIMEDOUT, err);
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
		return explain_clone(cell, err);
	if (cell->spawn.status.step != CHILD_NONE)
		return explain_child(cell, err);
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
