// SPDX-License-Identifier: MIT
#include "helper/loop.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/compat.h"
#include "lib/io.h"

#define LOOP_ENTRIES	64

/* IORING_TIMEOUT_BOOTTIME counts through suspend, as TTLs do (since Linux 5.15). */
#define TIMER_FLAGS	(IORING_TIMEOUT_ABS | IORING_TIMEOUT_BOOTTIME)

/* Between two questions to the kernel for a zombie that it does not give away yet. */
#define REAP_PAUSE	(NSEC_PER_SEC / 20)

struct loop {
	struct io_uring ring;
	bool no_waitid;		/* before Linux 6.7: found by use */
	int failed;		/* the ring cannot be used any more: why */
};

int loop_open(struct loop **ret, struct error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int status;

	if (!loop)
		return err_set(err, "loop", ENOMEM, "no memory for the event loop");
	status = io_uring_queue_init(LOOP_ENTRIES, &loop->ring,
				     IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (status == -EINVAL)	/* before Linux 6.1 */
		status = io_uring_queue_init(LOOP_ENTRIES, &loop->ring, 0);
	if (status == 0) {
		io_uring_ring_dontfork(&loop->ring);
		*ret = loop;
		return 0;
	}
	free(loop);
	err_set(err, "loop", status, "cannot set up io_uring");
	if (status == -EPERM || status == -ENOSYS)
		err_hint(err, "the helper awaits exits through io_uring: sysctl "
			 "kernel.io_uring_disabled=0");
	else if (status == -EMFILE)
		err_hint(err, "raise RLIMIT_NOFILE (ulimit -n) to 64 or more");
	return status;
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	io_uring_queue_exit(&loop->ring);
	free(loop);
}

void loop_outlive(struct loop *loop, int fd)
{
	/* Best effort: without it the close itself waits, and nothing else differs. */
	io_uring_register_files(&loop->ring, &fd, 1);
}

/* NULL: the ring has failed for good; the op stays unarmed, and loop_turn() says so. */
static struct io_uring_sqe *next_sqe(struct loop *loop, struct loop_op *op)
{
	struct io_uring_sqe *sqe = loop->failed ? NULL : io_uring_get_sqe(&loop->ring);

	while (!sqe && !loop->failed) {
		int ret = io_uring_submit(&loop->ring);

		if (ret < 0 && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY)
			loop->failed = ret;
		sqe = io_uring_get_sqe(&loop->ring);
	}
	if (sqe && op) {
		op->loop = loop;
		op->armed = true;
	}
	return sqe;
}

void loop_wait_exit(struct loop *loop, struct loop_op *op, int pidfd, siginfo_t *info)
{
	struct io_uring_sqe *sqe = next_sqe(loop, op);

	if (!sqe)
		return;
	op->pidfd = pidfd;
	op->info = info;
	op->polled = loop->no_waitid;
	if (op->polled) {
		io_uring_prep_poll_add(sqe, pidfd, POLLIN);
	} else {
		/* liburing 2.3 has no io_uring_prep_waitid(): the fields are its. */
		io_uring_prep_rw(COMPAT_IORING_OP_WAITID, sqe, pidfd, NULL, P_PIDFD, 0);
		sqe->file_index = WEXITED;
		sqe->addr2 = (uintptr_t)info;
	}
	io_uring_sqe_set_data(sqe, op);
}

void loop_poll(struct loop *loop, struct loop_op *op, int fd, unsigned int events)
{
	struct io_uring_sqe *sqe = next_sqe(loop, op);

	if (!sqe)
		return;
	op->info = NULL;
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data(sqe, op);
}

void loop_write(struct loop *loop, struct loop_op *op, int fd, const void *buf, size_t size)
{
	struct io_uring_sqe *sqe = next_sqe(loop, op);

	if (!sqe)
		return;
	op->info = NULL;
	io_uring_prep_write(sqe, fd, buf, (unsigned int)size, (uint64_t)-1);
	io_uring_sqe_set_data(sqe, op);
}

static void arm_timer(struct loop *loop, struct loop_op *op, uint64_t deadline)
{
	struct io_uring_sqe *sqe = next_sqe(loop, op);
	struct __kernel_timespec *ts = (struct __kernel_timespec *)op->timespec;

	if (!sqe)
		return;
	ts->tv_sec = (int64_t)(deadline / NSEC_PER_SEC);
	ts->tv_nsec = (long long)(deadline % NSEC_PER_SEC);
	io_uring_prep_timeout(sqe, ts, 0, TIMER_FLAGS);
	io_uring_sqe_set_data(sqe, op);
}

void loop_timer(struct loop *loop, struct loop_op *op, uint64_t deadline)
{
	op->info = NULL;
	arm_timer(loop, op, deadline);
}

void loop_cancel(struct loop_op *op)
{
	struct io_uring_sqe *sqe;

	if (!op->armed)
		return;
	sqe = next_sqe(op->loop, NULL);
	if (!sqe)
		return;
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

void loop_drop(struct loop_op *op)
{
	loop_cancel(op);
	while (op->armed)
		if (loop_turn(op->loop, NULL) < 0)
			return;
}

/*
 * Where the kernel cannot wait through the ring, the poll says when to. But who is
 * traced counts as ended for the poll and is its tracer's to reap first, which may be
 * a process of its own that does nothing of the kind: so this never blocks, and asks
 * again until the tracer has ended, too.
 */
static int finish_wait(struct loop *loop, struct loop_op *op, int res, bool *again)
{
	if (!op->polled) {
		if (res != -EINVAL)
			return res;
		loop->no_waitid = true;
		loop_wait_exit(loop, op, op->pidfd, op->info);
		*again = true;
		return 0;
	}
	if (res < 0 && res != -ETIME)
		return res;
	if (waitid(P_PIDFD, (id_t)op->pidfd, op->info, WEXITED | WNOHANG) < 0)
		return -errno;
	*again = !op->info->si_pid;
	if (*again)
		arm_timer(loop, op, now_ns() + REAP_PAUSE);
	return 0;
}

static void dispatch(struct loop *loop, struct loop_op *op, int res)
{
	bool again = false;

	if (!op)
		return;		/* the cancellation itself */
	op->armed = false;
	if (op->info)
		res = finish_wait(loop, op, res, &again);
	if (!again && op->done)
		op->done(op, res);
}

/* A kernel that is short of memory is asked again, for a few seconds. */
static int submit_and_wait(struct loop *loop)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int ret;

	for (int tries = 0; tries < 500; tries++) {
		ret = io_uring_submit_and_wait(&loop->ring, 1);
		if (ret >= 0 || ret == -EINTR || io_uring_cq_ready(&loop->ring))
			return 0;
		if (ret != -EAGAIN && ret != -EBUSY && ret != -ENOMEM)
			return ret;
		nanosleep(&pause, NULL);
	}
	return ret;
}

int loop_turn(struct loop *loop, struct error *err)
{
	struct io_uring_cqe *cqe;
	int ret = loop->failed ? loop->failed : submit_and_wait(loop);

	/* For good: ops whose owners gave up waiting must not be called any more. */
	if (ret < 0) {
		loop->failed = ret;
		return err_set(err, "loop", ret, "cannot wait on io_uring");
	}
	while (io_uring_peek_cqe(&loop->ring, &cqe) == 0) {
		struct loop_op *op = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&loop->ring, cqe);
		dispatch(loop, op, res);
	}
	return 0;
}
