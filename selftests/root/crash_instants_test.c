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

/* How long a whole run takes here, in microseconds: the median of some. */
static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t whole_run(const struct test_env *env)
{
	uint64_t times[15];

	for (unsigned int i = 0; i < 15; i++) {
		struct run run = { .document = cell_document(env, "timed", "true") };
		uint64_t begin = now_usec();

		if (run_whole(env, &run) != 0)
			give_up(run.err.bytes);
		times[i] = now_usec() - begin;
	}
	qsort(times, 15, sizeof(*times), compare);
	return times[7];
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
	uint64_t usec = whole_run(&self->env) * 3 / 2;
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
	uint64_t usec = whole_run(&self->env);
	const char *before = host_snapshot(&self->env);
	unsigned int repeated = 0;

	for (unsigned int i = 0; i < DESTROYS; i++) {
		struct run run = { .document = cell_document(&self->env, "victim", "pause") };
		struct run first = { .verb = "destroy", .args = { "victim" } };
		struct run second = { .verb = "destroy", .args = { "victim" } };

		run_start(&self->env, &run);
		ASSERT_LT(0, cell_wait(&self->env, &run, "victim", "up\n"));
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
	uint64_t usec = whole_run(&self->env) * 4;
	unsigned int repeated = 0;

	for (unsigned int i = 0; i < RECONCILES; i++) {
		struct run first = { .verb = "reconcile" };
		struct run runs[CELLS];
		struct remains remains;

		for (unsigned int k = 0; k < CELLS; k++) {
			char *id = text("orphan-%u", k);

			runs[k] = (struct run){
				.document = cell_document(&self->env, id, "pause")
			};
			run_start(&self->env, &runs[k]);
		}
		for (unsigned int k = 0; k < CELLS; k++) {
			ASSERT_LT(0, cell_wait(&self->env, &runs[k], text("orphan-%u", k), "up\n"));
			kill_within(&runs[k], 1);
		}
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
