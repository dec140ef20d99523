// SPDX-License-Identifier: MIT
#include "selftests/bench/lane.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "selftests/bench/bench.h"

/* The lane's end of its socket, in the lane's process. */
static int lane_fd = -EBADF;

static void send_all(int fd, const void *buf, size_t size)
{
	if (io_write_all(fd, buf, size) < 0)
		die("a lane and its controller lost each other");
}

/* False at the end of the other side. */
static bool receive(int fd, void *buf, size_t size)
{
	ssize_t n = recv(fd, buf, size, MSG_WAITALL);

	if (n > 0 && (size_t)n != size)
		die("a lane and its controller lost each other");
	return n > 0;
}

void lane_skip(const char *fmt, ...)
{
	char why[SKIP_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	send_all(lane_fd, why, sizeof(why));
	_exit(0);
}

static void lane_main(const struct lane *lane)
{
	char ready[SKIP_SIZE] = "";
	uint64_t ns[METRICS];
	unsigned int n;
	void *state;

	/* Its own session: a Ctrl-C is for the controller, who then ends us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (unshare(CLONE_NEWNET) < 0)
		die("%s: cannot make a network namespace", lane->name);
	state = lane->ops->open(lane->arg);
	send_all(lane_fd, ready, sizeof(ready));
	while (receive(lane_fd, &n, sizeof(n)))
		while (n--) {
			memset(ns, 0, sizeof(ns));
			lane->ops->sample(state, ns);
			send_all(lane_fd, ns, sizeof(ns));
		}
	_exit(0);
}

static void lane_open(struct lane *lane)
{
	int ends[2];

	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("socketpair");
	lane->pid = fork();
	if (lane->pid < 0)
		die("fork");
	if (!lane->pid) {
		/* The controller's ends of the others must not live on here. */
		lane_fd = ends[1];
		if (lane_fd > 3)
			close_range(3, (unsigned int)lane_fd - 1, 0);
		close_range((unsigned int)lane_fd + 1, ~0U, 0);
		lane_main(lane);
	}
	close(ends[1]);
	lane->fd = ends[0];
	if (!receive(lane->fd, lane->skipped, sizeof(lane->skipped)))
		die("%s: it could not be set up", lane->name);
}

static void lane_turn(struct lane *lane, unsigned int n, bool keep)
{
	uint64_t ns[METRICS];

	if (*lane->skipped || !n)
		return;
	send_all(lane->fd, &n, sizeof(n));
	while (n--) {
		if (!receive(lane->fd, ns, sizeof(ns)))
			die("%s: it ended", lane->name);
		for (size_t i = 0; keep && i < METRICS; i++)
			if (ns[i])
				series_add(&lane->series[i], ns[i]);
	}
}

static void settle(unsigned int ms)
{
	struct timespec pause = { .tv_nsec = (long)ms * 1000000 };

	if (ms)
		nanosleep(&pause, NULL);
}

static void lane_close(struct lane *lane)
{
	fd_close(&lane->fd);
	while (waitpid(lane->pid, NULL, 0) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < METRICS; i++) {
		lane->series[i].name = lane->name;
		series_sort(&lane->series[i]);
	}
}

/* How far it is from one lane to the next in this round: a number that meets all of them. */
static size_t stride_of(unsigned int round, size_t n)
{
	size_t stride = n > 2 ? 1 + round % (n - 1) : 1;

	for (;; stride++) {
		size_t a = stride, b = n;

		while (b) {
			size_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

void lanes_run(struct lane *lanes, size_t n, const struct turns *turns)
{
	for (size_t i = 0; i < n; i++)
		lane_open(&lanes[i]);
	for (size_t i = 0; i < n; i++)
		lane_turn(&lanes[i], turns->warm_up, false);
	for (unsigned int round = 0; round < turns->rounds; round++) {
		size_t stride = stride_of(round, n);

		for (size_t i = 0; i < n; i++) {
			struct lane *lane = &lanes[(round + i * stride) % n];

			if (lane->every && round % lane->every)
				continue;
			settle(turns->settle_ms);
			lane_turn(lane, turns->burst, true);
		}
	}
	for (size_t i = 0; i < n; i++)
		lane_close(&lanes[i]);
	place_sweep(false);
}

void lane_row(const char *name, const struct lane *lane, unsigned int metric,
	      const struct series *against, double budget)
{
	struct row row = {
		.name = name ? name : lane->name,
		.series = &lane->series[metric],
		.against = against,
		.budget = budget,
		.note = *lane->skipped ? lane->skipped : NULL,
	};

	table_row(&row);
}
