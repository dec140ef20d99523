// SPDX-License-Identifier: MIT
/* The end: an exit noticed, a thousand processes removed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/loop.h"
#include "helper/teardown.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/floor.h"
#include "selftests/bench/subject.h"

/* ---- from an exit to the waiter's wake-up ---- */

enum { WAKE_BARE, WAKE_LOOP };

/* The child sleeps so long that its parent waits by then. */
#define BEFORE_EXIT_NS	400000

/**
 * struct exits - one waiter
 * @stamp: where the child leaves the time, right before it exits; shared
 */
struct exits {
	uint64_t *stamp;
	struct loop *loop;
};

static void *exits_open(const void *arg)
{
	struct exits *exits = calloc(1, sizeof(*exits));
	struct error err = { 0 };

	(void)arg;
	if (!exits)
		die("no memory");
	exits->stamp = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (exits->stamp == MAP_FAILED || loop_open(&exits->loop, &err) < 0)
		die("%s", err.message);
	return exits;
}

/* A child that will exit in a moment. Return: its pidfd. */
static int begin_exit(const struct exits *exits)
{
	struct timespec pause = { .tv_nsec = BEFORE_EXIT_NS };
	pid_t pid = fork();
	int pidfd;

	if (pid < 0)
		die("fork");
	if (!pid) {
		nanosleep(&pause, NULL);
		*exits->stamp = clock_ns();
		_exit(0);
	}
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0)
		die("pidfd_open");
	return pidfd;
}

struct wake {
	struct loop_op op;
	uint64_t ns;
};

static void woken(struct loop_op *op, int res)
{
	(void)res;
	op_owner(op, struct wake, op)->ns = clock_ns();
}

static void exits_sample(void *state, uint64_t *ret_ns)
{
	const struct exits *exits = state;
	struct wake wake = { .op.done = woken };
	struct error err = { 0 };
	siginfo_t info;
	int pidfd = begin_exit(exits);

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		die("waitid");
	ret_ns[WAKE_BARE] = clock_ns() - *exits->stamp;
	close(pidfd);

	pidfd = begin_exit(exits);
	loop_wait_exit(exits->loop, &wake.op, pidfd, &info);
	while (!wake.ns)
		if (loop_turn(exits->loop, &err) < 0)
			die("%s", err.message);
	ret_ns[WAKE_LOOP] = wake.ns - *exits->stamp;
	close(pidfd);
}

static const struct lane_ops exits_ops = { .open = exits_open, .sample = exits_sample };

static void exit_to_wake_up(void)
{
	struct lane lane = { .name = "waitid on the pidfd", .ops = &exits_ops };
	const struct turns turns = { .rounds = pick(50, 5), .burst = 20, .warm_up = 20 };

	lanes_run(&lane, 1, &turns);
	table_head("From a workload's _exit to its supervisor's wake-up");
	lane_row(NULL, &lane, WAKE_BARE, NULL, 0);
	lane_row("the helper's loop (io_uring)", &lane, WAKE_LOOP, &lane.series[WAKE_BARE], 2);
}

/* ---- a thousand processes removed ---- */

/* Bounded by fork alone: nothing else keeps the processes from coming. */
static void wait_for_processes(int leaf_fd, unsigned int want)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	static char buf[256 * 1024];
	unsigned int have = 0;

	for (int tries = 0; have < want && tries < 5000; tries++) {
		int fd __free(fd) = openat(leaf_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
		size_t size = 0;
		ssize_t n;

		while ((n = read(fd, buf + size, sizeof(buf) - size)) > 0)
			size += (size_t)n;
		have = 0;
		for (size_t i = 0; i < size; i++)
			have += buf[i] == '\n';
		if (have < want)
			nanosleep(&pause, NULL);
	}
	errno = 0;
	if (have < want)
		die("only %u processes came to life", have);
}

struct bare {
	struct stand stand;
	unsigned int many;
};

static void *bare_open(const void *arg)
{
	const struct subject_arg *what = arg;
	struct bare *bare = calloc(1, sizeof(*bare));

	if (!bare)
		die("no memory");
	stand_open(&bare->stand, place.many_path);
	bare->many = what->many;
	return bare;
}

static void bare_kill(int leaf_fd, int events, int pidfd)
{
	uint64_t populated = 1;
	char buf[256];

	if (io_write_at(leaf_fd, "cgroup.kill", "1") < 0)
		die("cgroup.kill");
	for (;;) {
		struct pollfd p = { .fd = events, .events = POLLPRI };
		ssize_t n = pread(events, buf, sizeof(buf) - 1, 0);

		if (n < 0)
			die("cgroup.events");
		buf[n] = '\0';
		if (!keyed_u64(buf, "populated", &populated) || !populated)
			break;
		poll(&p, 1, -1);
	}
	floor_reap(pidfd);
}

static void bare_sample(void *state, uint64_t *ret_ns)
{
	const struct bare *bare = state;
	char *number = text("%u", bare->many);
	const char *const argv[] = { place.many_path, number, NULL };
	int parent = bare->stand.parent.fd;
	int leaf, events, pidfd;
	uint64_t begin;

	if (mkdirat(parent, "cellos_many", 0755) < 0)
		die("mkdir");
	leaf = openat(parent, "cellos_many", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	events = openat(leaf, "cgroup.events", O_RDONLY | O_CLOEXEC);
	pidfd = floor_spawn(leaf, argv);
	wait_for_processes(leaf, bare->many);
	begin = clock_ns();
	bare_kill(leaf, events, pidfd);
	*ret_ns = clock_ns() - begin;
	close(events);
	close(leaf);
	if (unlinkat(parent, "cellos_many", AT_REMOVEDIR) < 0)
		die("rmdir");
	free(number);
}

/* A cell as `destroy` finds it: all of it there, nothing of it at its end. */
static void cell_sample(void *state, uint64_t *ret_ns)
{
	struct subject *subject = state;
	struct teardown report;
	struct error err = { 0 };
	struct cell cell;
	uint64_t begin;

	cell_init(&cell, &subject->host, &subject->stand.plan);
	errno = 0;
	if (cell_up(&cell, cell_steps, &err) < 0)
		die("%s: %s", err.step, err.message);
	wait_for_processes(cell.leaf_fd, (unsigned int)strtoul(subject->stand.plan.argv[1], NULL,
							       10));
	begin = clock_ns();
	if (teardown_claim(&cell, "destroy", &err) < 0 ||
	    teardown_cell(&cell, cell_steps, &report, &err) < 0)
		die("%s: %s", err.step, err.message);
	*ret_ns = clock_ns() - begin;
	teardown_done(&report);
	cell_done(&cell);
}

static const struct lane_ops bare_ops = { .open = bare_open, .sample = bare_sample };
static const struct lane_ops cell_ops = { .open = subject_open, .sample = cell_sample };

static void many_processes(void)
{
	const struct subject_arg many = {
		.stdio = "null", .crowd = 1, .many = pick(1000, 50),
	};
	struct lane lanes[] = {
		{ .name = "cgroup.kill, wait for populated 0, waitid", .ops = &bare_ops,
		  .arg = &many },
		{ .name = "the helper's teardown of a cell, with its rules", .ops = &cell_ops,
		  .arg = &many },
	};
	const struct turns turns = {
		.rounds = pick(25, 3), .burst = 1, .warm_up = 1, .settle_ms = 100,
	};

	lanes_run(lanes, ARRAY_SIZE(lanes), &turns);
	table_head("Teardown of 1,000 processes");
	lane_row(NULL, &lanes[0], 0, NULL, 0);
	lane_row(NULL, &lanes[1], 0, lanes[0].series, 1.3);
}

void part_end(void)
{
	exit_to_wake_up();
	many_processes();
}
