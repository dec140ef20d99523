// SPDX-License-Identifier: MIT
#include "helper/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "helper/caps.h"
#include "lib/cleanup.h"
#include "lib/io.h"

void stdio_init(struct stdio *stdio)
{
	*stdio = (struct stdio){ .child = { -EBADF, -EBADF, -EBADF } };
	for (size_t i = 0; i < ARRAY_SIZE(stdio->pumps); i++)
		stdio->pumps[i].from = -EBADF;
}

static int make_pipes(struct stdio *stdio, uid_t uid, gid_t gid, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_STDIO, err);

	if (priv < 0)
		return priv;
	for (int i = 0; i < 3; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_set(err, "stdio", errno, "cannot make a pipe");
		/* The cell reads the first and writes the others. */
		stdio->child[i] = ends[i > 0];
		if (i > 0)
			stdio->pumps[i - 1].from = ends[0];
		else
			close(ends[1]);	/* stdin is at its end from the start */
		if (i > 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
			return err_set(err, "stdio", errno, "cannot make a pipe non-blocking");
		if (fchown(stdio->child[i], uid, gid) < 0)
			return err_set(err, "stdio", errno, "cannot give a pipe to uid %u", uid);
	}
	return 0;
}

/* Made by pipe(2): nobody else opens it by a name, and it ends with its users. */
static bool is_nameless_pipe(int fd, const struct stat *st)
{
	struct statfs fs;

	return S_ISFIFO(st->st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

/*
 * No mount of the cell's own is between it and a file of the caller's, and Landlock does not
 * govern what an owner does by an fd: fchmod(2) would make a setuid program of its uid's of
 * whatever the cell has written, or a device of it that everybody may use.
 */
static int check_owner(int fd, const struct stat *st, uid_t uid, struct error *err)
{
	if (st->st_uid != uid || is_nameless_pipe(fd, st))
		return 0;
	err_set(err, "stdio", EPERM, "--stdio inherit: the caller's fd %d is a %s that belongs to "
		"uid %u, as which the cell could change its mode and times", fd,
		S_ISCHR(st->st_mode) ? "device" : "file", uid);
	err_hint(err, "use --stdio pipe or null, or a pipe to cat(1)");
	return -EPERM;
}

/*
 * A socket of the caller's is governed by the caller's cgroup, whoever uses it;
 * a directory or a bare path leads out of whatever else the cell is confined to.
 */
static int check_inherited(const struct stdio *stdio, int fd, uid_t uid, struct error *err)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return err_set(err, "stdio", errno, "cannot look at the caller's fd %d", fd);
	if (!(flags & O_PATH) && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) ||
				  S_ISFIFO(st.st_mode)))
		return stdio->owner ? check_owner(fd, &st, uid, err) : 0;
	err_set(err, "stdio", EPERM, "--stdio inherit: the caller's fd %d is %s", fd,
		S_ISSOCK(st.st_mode) ? "a socket, which the cell's egress rules would not govern" :
		"no file, pipe or terminal");
	err_hint(err, "use --stdio pipe, or put cat(1) and a pipe in between");
	return -EPERM;
}

static int share(struct stdio *stdio, bool null, uid_t uid, struct error *err)
{
	for (int i = 0; i < 3; i++) {
		int ret = null ? 0 : check_inherited(stdio, i, uid, err);

		if (ret < 0)
			return ret;
		stdio->child[i] = null ? open("/dev/null", O_RDWR | O_CLOEXEC)
				       : fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (stdio->child[i] < 0)
			return err_set(err, "stdio", errno, "cannot make fd %d of the cell", i);
	}
	return 0;
}

int stdio_make(struct stdio *stdio, enum cellos_stdio mode, uid_t uid, gid_t gid,
	       struct error *err)
{
	if (mode != CELLOS_STDIO_PIPE)
		return share(stdio, mode == CELLOS_STDIO_NULL, uid, err);
	for (int i = 0; i < 2; i++) {
		stdio->pumps[i].to = i + 1;
		stdio->pumps[i].buf = malloc(PUMP_SIZE);
		if (!stdio->pumps[i].buf)
			return err_set(err, "stdio", ENOMEM, "no memory for a pump");
	}
	return make_pipes(stdio, uid, gid, err);
}

void stdio_close_child(struct stdio *stdio)
{
	for (int i = 0; i < 3; i++)
		fd_close(&stdio->child[i]);
}

/*
 * The ring only says when there is something to read. On Linux 6.1 a read through it
 * is a kernel worker's: for a moment its bytes are neither in the pipe nor here, and
 * stdio_drain() would take both for empty.
 */
static void pump_on(struct pump *pump)
{
	if (pump->full)
		loop_poll(pump->loop, &pump->op, pump->to, POLLOUT);
	else if (pump->writing)
		loop_write(pump->loop, &pump->op, pump->to, pump->buf + pump->written,
			   pump->filled - pump->written);
	else
		loop_poll(pump->loop, &pump->op, pump->from, POLLIN);
}

/* Without a reader the pipe is closed: the workload sees EPIPE, as in a shell. */
static void pump_give_up(struct pump *pump, int errnum)
{
	if (pump->writing)
		pump->lost += pump->filled - pump->written;
	if (!pump->errnum)
		pump->errnum = errnum;
	pump->writing = false;
	fd_close(&pump->from);
}

/* Bytes that wait in the pipe. */
static uint64_t pump_left(const struct pump *pump)
{
	int left = 0;

	return pump->from >= 0 && ioctl(pump->from, FIONREAD, &left) == 0 ? (uint64_t)left : 0;
}

static void pump_read(struct pump *pump)
{
	ssize_t n = read(pump->from, pump->buf, PUMP_SIZE);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		int errnum = errno;

		pump->lost += pump_left(pump);
		pump_give_up(pump, errnum);
	} else if (n == 0) {
		fd_close(&pump->from);
	} else {
		pump->filled = (size_t)n;
		pump->written = 0;
		pump->writing = true;
	}
}

static void pump_moved(struct loop_op *op, int res)
{
	struct pump *pump = op_owner(op, struct pump, op);

	if (res == -ECANCELED || (pump->ending && !pump->writing))
		return;
	/* Somebody made our stdout non-blocking: wait for room in it. */
	if (pump->full || res == -EINTR || res == -EAGAIN) {
		pump->full = res == -EAGAIN && pump->writing;
	} else if (!pump->writing) {
		pump_read(pump);
	} else if (res < 0) {
		pump_give_up(pump, -res);
	} else {
		pump->written += (size_t)res;
		pump->writing = pump->written < pump->filled;
	}
	if (pump->from >= 0 && !pump->ending)
		pump_on(pump);
}

/* A write that is interrupted instead of cancelled must not begin anew. */
static void pump_end(struct pump *pump)
{
	pump->ending = true;
	if (pump->op.armed)
		loop_drop(&pump->op);
}

void stdio_pump(struct stdio *stdio, struct loop *loop)
{
	for (size_t i = 0; i < ARRAY_SIZE(stdio->pumps); i++) {
		struct pump *pump = &stdio->pumps[i];

		if (pump->from < 0)
			continue;
		pump->loop = loop;
		pump->op.done = pump_moved;
		pump_on(pump);
	}
}

/* Is there anything left to carry? */
static bool pump_busy(const struct pump *pump)
{
	return pump->from >= 0 && (pump->writing || pump_left(pump) > 0);
}

uint64_t stdio_drain(struct stdio *stdio, struct loop *loop, int *ret_errnum)
{
	struct loop_op timer = { .done = NULL };
	uint64_t lost = 0;

	loop_timer(loop, &timer, now_ns() + CELLOS_DRAIN_TIMEOUT * NSEC_PER_SEC);
	while (timer.armed && (pump_busy(&stdio->pumps[0]) || pump_busy(&stdio->pumps[1])))
		if (loop_turn(loop, NULL) < 0)
			break;
	for (size_t i = 0; i < ARRAY_SIZE(stdio->pumps); i++) {
		struct pump *pump = &stdio->pumps[i];

		pump_end(pump);
		pump->lost += pump_left(pump);
		if (pump->writing)
			pump_give_up(pump, ETIMEDOUT);
		fd_close(&pump->from);
		lost += pump->lost;
		if (pump->lost)
			*ret_errnum = pump->errnum;
	}
	loop_drop(&timer);
	return lost;
}

void stdio_done(struct stdio *stdio)
{
	stdio_close_child(stdio);
	for (size_t i = 0; i < ARRAY_SIZE(stdio->pumps); i++) {
		pump_end(&stdio->pumps[i]);
		fd_close(&stdio->pumps[i].from);
		free(stdio->pumps[i].buf);
		stdio->pumps[i].buf = NULL;
	}
}
