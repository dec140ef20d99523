// SPDX-License-Identifier: MIT
#include "helper/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "lib/cleanup.h"
#include "lib/io.h"

void wait_init(struct wait *wait, struct cell *cell)
{
	*wait = (struct wait){ .cell = cell, .child = PIDREF_NONE, .signal_fd = -EBADF };
}

/* The signals to the helper that end a run. */
static void ending_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
}

/*
 * Also SIGPIPE: a reader of our stdout that is gone is an error of write(2).
 * Everything else gets its default back: an ignored SIGCHLD, inherited from the
 * caller, would make the kernel reap the workload and lose its exit status.
 */
int wait_block_signals(void)
{
	sigset_t mask;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	ending_signals(&mask);
	sigaddset(&mask, SIGPIPE);
	return sigprocmask(SIG_SETMASK, &mask, NULL) < 0 ? -errno : 0;
}

static void grace_over(struct loop_op *op, int res);

/* It hangs in the kernel (FUSE, hard NFS): the teardown says so, and does not wait for ever. */
static void kill_failed(struct loop_op *op, int res)
{
	if (res != -ECANCELED)
		op_owner(op, struct wait, stuck_op)->stuck = true;
}

static void end_at_once(struct cell *cell)
{
	struct wait *wait = &cell->wait;

	if (cell->kill_fd < 0)
		return;
	if (cgroup_leaf_kill(cell->kill_fd) == 0) {
		wait->stuck_op.done = kill_failed;
		if (!wait->stuck_op.armed)
			loop_timer(cell->host->loop, &wait->stuck_op,
				   now_ns() + CELLOS_KILL_TIMEOUT * NSEC_PER_SEC);
		return;
	}
	if (wait->grace_op.armed)
		return;
	/* The kernel is short of something: again, until it works. */
	wait->grace_op.done = grace_over;
	loop_timer(cell->host->loop, &wait->grace_op, now_ns() + NSEC_PER_SEC / 10);
}

static void grace_over(struct loop_op *op, int res)
{
	struct wait *wait = op_owner(op, struct wait, grace_op);

	if (res != -ECANCELED)
		end_at_once(wait->cell);
}

static void signal_child(const struct pidref *child, int sig)
{
	int priv __free(priv) = caps_raise(PRIV_SIGNAL, NULL);

	if (priv == 0)
		pidfd_send_signal(child->fd, sig, NULL, 0);
}

void wait_stop(struct cell *cell, enum cellos_forced reason)
{
	struct wait *wait = &cell->wait;
	uint32_t grace = cell->plan->grace_seconds;

	if (wait->exited)
		return;
	if (wait->stopping) {
		end_at_once(cell);
		return;
	}
	wait->stopping = true;
	wait->reason = reason;
	/* A birth under way has no workload yet that could end in peace. */
	if (!wait->ran || grace == 0) {
		end_at_once(cell);
		return;
	}
	signal_child(&wait->child, SIGTERM);
	loop_timer(cell->host->loop, &wait->grace_op, now_ns() + grace * NSEC_PER_SEC);
}

static void ttl_over(struct loop_op *op, int res)
{
	struct wait *wait = op_owner(op, struct wait, ttl_op);

	if (res != -ECANCELED)
		wait_stop(wait->cell, CELLOS_FORCED_TTL);
}

/*
 * A birth that a signal came before, or at the same time: cgroup.kill may have
 * found nobody, so what was born is ended now.
 */
void wait_born(struct cell *cell)
{
	cell->wait.ran = true;
	if (cell->wait.stopping)
		end_at_once(cell);
}

void wait_look(struct cell *cell)
{
	struct wait *wait = &cell->wait;
	struct signalfd_siginfo info;

	while (wait->signal_fd >= 0 &&
	       read(wait->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (!wait->caller_signal)
			wait->caller_signal = (int)info.ssi_signo;
		wait_stop(cell, CELLOS_FORCED_CALLER);
	}
}

static void signal_came(struct loop_op *op, int res)
{
	struct wait *wait = op_owner(op, struct wait, signal_op);

	if (res == -ECANCELED)
		return;
	wait_look(wait->cell);
	loop_poll(wait->cell->host->loop, op, wait->signal_fd, POLLIN);
}

int wait_for_signals(struct cell *cell, struct error *err)
{
	struct wait *wait = &cell->wait;
	sigset_t mask;

	ending_signals(&mask);
	wait->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (wait->signal_fd < 0)
		return err_set(err, "loop", errno, "signalfd");
	wait->signal_op.done = signal_came;
	loop_poll(cell->host->loop, &wait->signal_op, wait->signal_fd, POLLIN);
	return 0;
}

/* @lost: errno; ECHILD: somebody else reaped it, or the ring did and could not say so. */
static void note_end(struct wait *wait, int lost)
{
	wait->exited = true;
	wait->ended = now_ns();
	wait->lost = lost;
	if (lost)
		wait->info.si_pid = 0;
}

static void child_ended(struct loop_op *op, int res)
{
	struct wait *wait = op_owner(op, struct wait, exit_op);

	if (res == -ECANCELED)
		return;
	note_end(wait, res < 0 ? -res : 0);
}

void wait_for_exit(struct cell *cell)
{
	struct wait *wait = &cell->wait;

	wait->exit_op.done = child_ended;
	wait->ttl_op.done = ttl_over;
	wait->grace_op.done = grace_over;
	loop_wait_exit(cell->host->loop, &wait->exit_op, wait->child.fd, &wait->info);
	if (cell->identity.deadline)
		loop_timer(cell->host->loop, &wait->ttl_op, cell->identity.deadline);
}

int wait_until_exited(struct cell *cell, struct error *err)
{
	while (!cell->wait.exited && !cell->wait.stuck) {
		int ret = loop_turn(cell->host->loop, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * A bound on waiting: the op only wakes the loop. A ring that has failed for good
 * is replaced by poll(2), so that an end comes to its end all the same.
 */
struct bound {
	struct loop_op op;
	struct loop *loop;
	uint64_t deadline;
	bool no_ring;
};

static void bound_begin(struct bound *bound, struct loop *loop)
{
	*bound = (struct bound){
		.loop = loop,
		.deadline = now_ns() + CELLOS_KILL_TIMEOUT * NSEC_PER_SEC,
	};
	loop_timer(loop, &bound->op, bound->deadline);
}

/* Waits for whatever comes next, or without a ring for @fd. false: it is too late. */
static bool bound_turn(struct bound *bound, int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (now_ns() >= bound->deadline)
		return false;
	bound->no_ring = loop_turn(bound->loop, NULL) < 0;
	if (bound->no_ring)
		poll(&p, 1, 100);
	return true;
}

static void reap_without_loop(struct wait *wait)
{
	int ret = waitid(P_PIDFD, (id_t)wait->child.fd, &wait->info, WEXITED | WNOHANG);

	if (ret < 0 || wait->info.si_pid)
		note_end(wait, ret < 0 ? errno : 0);
}

int wait_reap(struct cell *cell, struct error *err)
{
	struct wait *wait = &cell->wait;
	struct bound bound;

	if (!wait->child.pid || wait->exited)
		return 0;
	/* By pidfd, for it may have been moved out of the leaf. */
	signal_child(&wait->child, SIGKILL);
	wait->exit_op.done = child_ended;
	if (!wait->exit_op.armed)
		loop_wait_exit(cell->host->loop, &wait->exit_op, wait->child.fd, &wait->info);
	bound_begin(&bound, cell->host->loop);
	while (!wait->exited && bound_turn(&bound, wait->child.fd, POLLIN))
		if (bound.no_ring)
			reap_without_loop(wait);
	loop_drop(&bound.op);
	if (wait->exited)
		return 0;
	return err_set(err, "wait", ETIMEDOUT, "process %d outlives SIGKILL", wait->child.pid);
}

/*
 * The kernel tells of a change of cgroup.events once in 10 ms, and birth was one. Of the
 * end of a namespace's init, the last of its processes, it tells at once.
 */
int wait_until_empty(struct cell *cell, struct error *err)
{
	struct loop *loop = cell->host->loop;
	struct loop_op events = { .done = NULL }, init = { .done = NULL };
	int populated = cgroup_leaf_populated(cell->events_fd);
	struct bound bound;

	if (populated == 0)
		return 0;
	bound_begin(&bound, loop);
	if (cell->init.fd >= 0)
		loop_poll(loop, &init, cell->init.fd, POLLIN);
	while ((populated = cgroup_leaf_populated(cell->events_fd)) == 1) {
		if (!events.armed)
			loop_poll(loop, &events, cell->events_fd, POLLPRI);
		if (!bound_turn(&bound, cell->events_fd, POLLPRI))
			break;
	}
	loop_drop(&events);
	loop_drop(&init);
	loop_drop(&bound.op);
	if (populated == 0)
		return 0;
	return err_set(err, "wait", populated < 0 ? populated : ETIMEDOUT,
		       "processes of %s are left", cell->leaf);
}

void wait_done(struct wait *wait)
{
	loop_drop(&wait->exit_op);
	loop_drop(&wait->ttl_op);
	loop_drop(&wait->grace_op);
	loop_drop(&wait->stuck_op);
	loop_drop(&wait->signal_op);
	fd_close(&wait->signal_fd);
	pidref_done(&wait->child);
}
