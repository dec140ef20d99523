// SPDX-License-Identifier: MIT
#include "selftests/bench/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "helper/caps.h"
#include "helper/teardown.h"
#include "helper/verbs.h"
#include "lib/io.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/floor.h"

#define SPARE_FDS	64
#define LIMITS		"/spec/run/limits/"

#define PRIVS	(PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_STDIO) | PRIV_MASK(PRIV_SIGNAL) | \
		 PRIV_MASK(PRIV_CREDENTIALS) | PRIV_MASK(PRIV_NETWORK) | \
		 PRIV_MASK(PRIV_NAMESPACES))

void hold_fds(unsigned int n, bool cloexec)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("getrlimit");
	if (limit.rlim_max < n + SPARE_FDS)
		lane_skip("RLIMIT_NOFILE is at most %llu here", (unsigned long long)limit.rlim_max);
	limit.rlim_cur = limit.rlim_max;
	if (n && setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	for (unsigned int i = 0; i < n; i++)
		if (fcntl(0, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 3) < 0)
			die("cannot open %u fds", n);
}

/* Small pages: the worst case for whoever copies page tables. */
static void hold_memory(size_t size)
{
	char *map;

	if (!size)
		return;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		lane_skip("no %zu MiB of memory", size >> 20);
	madvise(map, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		map[i] = 1;
}

static const char *program_of(const struct subject_arg *what)
{
	if (what->many)
		return place.many_path;
	return what->bare ? place.bare_path : place.true_path;
}

/* The whole life. Is it as it has to be? */
static bool live(struct subject *subject, struct cell *cell, struct run_result *result)
{
	const struct plan *plan = &subject->stand.plan;
	int status;

	cell_init(cell, &subject->host, plan);
	status = run_cell(cell, cell_steps, result);
	teardown_done(&result->teardown);
	cell_done(cell);
	return status == 0 && cell->verified == plan->egress_enforced &&
	       result->teardown.destroyed;
}

/* What this host lacks is a row that says so; everything else is a fault. */
static void try_wish(struct subject *subject)
{
	struct run_result result;
	struct cell cell;

	errno = 0;
	if (live(subject, &cell, &result))
		return;
	if (!strcmp(result.error.step, "limits") || !strncmp(result.error.field, LIMITS,
							     strlen(LIMITS)))
		lane_skip("no such controller here: %s", result.error.message);
	if (result.error.errnum == EOPNOTSUPP)
		lane_skip("not on this host: %s", result.error.message);
	die("the cell failed: %s: %s", result.error.step, result.error.message);
}

void *subject_open(const void *arg)
{
	const struct subject_arg *what = arg;
	struct subject *subject = calloc(1, sizeof(*subject));
	struct stand_wish wish = what->wish ? *what->wish : (struct stand_wish){ .run = NULL };
	struct error err = { 0 };

	if (!subject)
		die("no memory");
	wish.program = program_of(what);
	wish.many = what->many;
	if (!wish.stdio)
		wish.stdio = what->stdio;
	stand_make(&subject->stand, &wish);
	stand_crowd(&subject->stand, what->crowd, true);
	hold_memory(what->resident);
	/* As `run` begins: capabilities, signals, host. */
	if (caps_init(PRIVS, &err) < 0 || wait_block_signals() < 0 ||
	    host_open(subject->stand.path, HOST_NFT | HOST_LOOP | HOST_SPAWN, &subject->host,
		      &err) < 0)
		die("%s: %s", err.step, err.message);
	hold_fds(what->fds, true);
	if (what->wish)
		try_wish(subject);
	return subject;
}

static void subject_sample(void *state, uint64_t *ret_ns)
{
	struct subject *subject = state;
	struct run_result result;
	struct cell cell;
	uint64_t begin = clock_ns();
	bool good;

	good = live(subject, &cell, &result);
	ret_ns[LIFE_ALL] = clock_ns() - begin;
	errno = 0;
	if (!good)
		die("the cell failed: %s: %s", result.error.step, result.error.message);
	ret_ns[LIFE_CGROUP] = cell.timings.cgroup * NSEC_PER_USEC;
	ret_ns[LIFE_EGRESS] = cell.timings.egress * NSEC_PER_USEC;
	ret_ns[LIFE_SPAWN] = cell.timings.spawn * NSEC_PER_USEC;
	ret_ns[LIFE_TEARDOWN] = cell.timings.teardown * NSEC_PER_USEC;
}

const struct lane_ops subject_ops = { .open = subject_open, .sample = subject_sample };
