// SPDX-License-Identifier: MIT
/*
 * The program is SIGKILLed at instants that no test has chosen with care. The
 * delays are pseudo-random, the same in every run, and scaled to the machine.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/common.h"

#define RUNS		laps(300)
#define DESTROYS	laps(60)
#define RECONCILES	laps(40)
#define CELLS		4	/* for each reconcile */

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "crash-instants"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* Park and Miller's generator: fixed seed, no help from the host. */
static uint64_t next_random(void)
{
	static uint64_t state = 20240229;

	state = state * 48271 % 2147483647;
	return state;
}

static uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Not to wait for anything: the instant is the experiment. */
static void kill_within(struct run *run, uint64_t usec)
{
	uint64_t delay = next_random() % usec;
	struct timespec ts = { (time_t)(delay / 1000000), (long)(delay % 1000000) * 1000 };

	nanosleep(&ts, NULL);
	pidfd_send_signal(run->pidfd, SIGKILL, NULL, 0);
	run_finish(run);
}

static const char *cell_document(const struct test_env *env, const char *id, const char *word)
{
	return document(id, "'authority': {'egressRules': [{'host': '127.0.0.1', 'port': 443}]}, "
			"'run': {'argv': ['%s/sweep_work', '%s']}", env->workloads, word);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

#define TIMES	7

/* The median of what it takes here from its start to its end, in microseconds. */
static uint64_t whole(const struct test_env *env, void (*prepare)(const struct test_env *env,
								  struct run *ret))
{
	uint64_t times[TIMES];

	for (unsigned int i = 0; i < TIMES; i++) {
		struct run run = { .verb = NULL };
		uint64_t begin;

		prepare(env, &run);
		begin = now_usec();
		if (run_whole(env, &run) != 0)
			give_up(run.err.bytes);
		times[i] = now_usec() - begin;
	}
	qsort(times, TIMES, sizeof(*times), compare);
	return times[TIMES / 2];
}

static void a_run(const struct test_env *env, struct run *ret)
{
	ret->document = cell_document(env, "timed", "true");
}

/* Starts a cell, and waits until it is up. */
static void start(const struct test_env *env, struct run *run, const char *id)
{
	*run = (struct run){ .document = cell_document(env, id, "pause") };
	run_start(env, run);
	if (cell_wait(env, run, id, "up\n") <= 0)
		give_up(id);
}

static void a_destroy(const struct test_env *env, struct run *ret)
{
	struct run run;

	start(env, &run, "victim");
	*ret = (struct run){ .verb = "destroy", .args = { "victim" } };
}

/* Cells that nobody owns any more. */
static void a_reconcile(const struct test_env *env, struct run *ret)
{
	struct run runs[CELLS];

	for (unsigned int k = 0; k < CELLS; k++)
		start(env, &runs[k], text("orphan-%u", k));
	for (unsigned int k = 0; k < CELLS; k++)
		kill_within(&runs[k], 1);
	*ret = (struct run){ .verb = "reconcile" };
}

struct remains {
	unsigned int leaves;	/* cgroups of cells */
	unsigned int unknown;	/* without an identity */
	unsigned int populated;
};

static struct remains count_remains(const struct test_env *env)
{
	struct remains remains = { 0 };
	DIR *dir = opendir(env->parent);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *leaf = text("%s/%s", env->parent, entry->d_name);

		if (strncmp(entry->d_name, "cellos_", 7))
			continue;
		remains.leaves++;
		remains.unknown += !xattr_read(leaf, "user.cellos.identity");
		remains.populated += *file_read(text("%s/cgroup.procs", leaf), NULL) != '\0';
	}
	closedir(dir);
	return remains;
}

static void reconcile(struct __test_metadata *_metadata, const struct test_env *env,
		      unsigned int removed)
{
	struct run run = { .verb = "reconcile", .args = { "--json" } };
	json_t *report, *row;
	size_t i;

	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	report = json_loads(run.out.bytes, 0, NULL);
	EXPECT_EQ(0, json_int_at(report, "kept"));
	EXPECT_EQ(removed, json_array_size(json_at(report, "removed")));
	json_array_foreach(json_at(report, "removed"), i, row) {
		EXPECT_TRUE(json_is_true(json_at(row, "destroyed")));
		EXPECT_EQ(0, json_array_size(json_at(row, "residue")));
	}
}

TEST_F_TIMEOUT(cell, a_run_killed_at_any_instant_is_removed_by_one_reconcile, 60)
{
	uint64_t usec = whole(&self->env, a_run) * 3 / 2;
	const char *before = host_snapshot(&self->env);
	struct remains remains;

	for (unsigned int i = 0; i < RUNS; i++) {
		struct run run = {
			.document = cell_document(&self->env, text("instant-%u", i), "pause")
		};

		run_start(&self->env, &run);
		kill_within(&run, usec);
		EXPECT_EQ(-SIGKILL, run.status) TH_LOG("%s", run.err.bytes);
	}
	remains = count_remains(&self->env);
	TH_LOG("%u runs killed within %u us: %u leaves, %u of them without identity, %u with "
	       "processes", RUNS, (unsigned int)usec, remains.leaves, remains.unknown,
	       remains.populated);
	/* Else the instants were all too early, or all too late. */
	EXPECT_LT(0, remains.leaves);
	EXPECT_GT(RUNS, remains.leaves);
	EXPECT_LT(0, remains.populated);
	reconcile(_metadata, &self->env, remains.leaves);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F_TIMEOUT(cell, a_destroy_killed_at_any_instant_can_be_repeated, 60)
{
	const char *before = host_snapshot(&self->env);
	uint64_t usec = whole(&self->env, a_destroy);
	unsigned int repeated = 0;

	for (unsigned int i = 0; i < DESTROYS; i++) {
		struct run first = { .verb = "destroy", .args = { "victim" } };
		struct run second = { .verb = "destroy", .args = { "victim" } };
		struct run run;

		start(&self->env, &run, "victim");
		run_start(&self->env, &first);
		kill_within(&first, usec);
		/* Unless it is gone: the first was quick, or its run took over. */
		if (run_whole(&self->env, &second) == 0) {
			repeated++;
		} else {
			EXPECT_NE(NULL, strstr(second.err.bytes, "already destroyed"));
		}
		run_finish(&run);
		EXPECT_EQ(128 + SIGKILL, run.status) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(0, json_array_size(json_at(run.report, "teardown/residue")));
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
	TH_LOG("%u of %u destroys were repeated", repeated, DESTROYS);
	EXPECT_LT(0, repeated);
}

TEST_F_TIMEOUT(cell, a_reconcile_killed_at_any_instant_can_be_repeated, 60)
{
	const char *before = host_snapshot(&self->env);
	uint64_t usec = whole(&self->env, a_reconcile);
	unsigned int repeated = 0;

	for (unsigned int i = 0; i < RECONCILES; i++) {
		struct remains remains;
		struct run first;

		a_reconcile(&self->env, &first);
		run_start(&self->env, &first);
		kill_within(&first, usec);
		remains = count_remains(&self->env);
		repeated += remains.leaves > 0;
		reconcile(_metadata, &self->env, remains.leaves);
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
	TH_LOG("%u of %u reconciles were repeated", repeated, RECONCILES);
	EXPECT_LT(0, repeated);
}

TEST_HARNESS_MAIN
