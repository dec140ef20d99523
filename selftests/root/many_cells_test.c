// SPDX-License-Identifier: MIT
/* Many cells one after another: each is exact, and nothing adds up. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/verbs.h"
#include "selftests/root/steps.h"

#include "selftests/harness.h"
#include "selftests/laps.h"

#define IN_PROCESS	(is_slow() ? 400 : 10000)
#define WARM_UP		200
#define WHOLE		laps(300)

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "many-cells"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *true_document(const struct test_env *env)
{
	return document("many", "'authority': {'egressRules': ["
			"{'host': '127.0.0.1', 'port': 443}]}, "
			"'run': {'argv': ['%s/sweep_work', 'true']}", env->workloads);
}

/*
 * A cell that lives all the while: the last one would take the table with it, and
 * the kernel takes milliseconds to delete a table.
 */
static const char *neighbour_document(const struct test_env *env)
{
	return document("neighbour", "'run': {'argv': ['%s/sweep_work', 'pause']}", env->workloads);
}

/* What the process that makes the cells tells of itself. */
struct tally {
	bool complete;
	unsigned int exact;
	char fds[2][2048];
	long rss[2];	/* KiB, after the first cells and after the last */
};

static long rss_kib(void)
{
	return strtol(proc_status(getpid(), "VmRSS"), NULL, 10);
}

/* One cell of a host that stays open. Did it do exactly what it has to? */
static bool one_cell(struct host *host, const struct plan *plan)
{
	struct run_result result;
	struct cell cell;
	bool exact;
	int status;

	cell_init(&cell, host, plan);
	status = run_cell(&cell, cell_steps, &result);
	exact = status == 0 && result.ending.kind == CELLOS_EXITED && !result.error.errnum &&
		result.teardown.destroyed && !result.teardown.n_residue && cell.verified;
	teardown_done(&result.teardown);
	cell_done(&cell);
	return exact;
}

static void make_many(const struct test_env *env, struct tally *tally)
{
	struct error err = { 0 };
	struct plan plan;
	struct host host;

	steps_begin();
	steps_plan(env, true_document(env), &plan);
	if (host_open(plan.cgroup_parent, HOST_NFT | HOST_LOOP | HOST_SPAWN, &host, &err) < 0)
		give_up(err.message);
	for (unsigned int i = 0; i < IN_PROCESS; i++) {
		if (i == WARM_UP) {
			steps_fds(tally->fds[0], sizeof(tally->fds[0]));
			tally->rss[0] = rss_kib();
		}
		tally->exact += one_cell(&host, &plan);
	}
	steps_fds(tally->fds[1], sizeof(tally->fds[1]));
	tally->rss[1] = rss_kib();
	host_done(&host);
	plan_done(&plan);
	tally->complete = true;
	_exit(0);
}

TEST_F_TIMEOUT(cell, ten_thousand_cells_in_one_process_add_nothing_up, 200)
{
	const char *before = host_snapshot(&self->env);
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct run neighbour = { .document = neighbour_document(&self->env) };
	struct run destroy = { .verb = "destroy", .args = { "neighbour" } };
	uint64_t begin;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, tally);
	run_start(&self->env, &neighbour);
	ASSERT_LT(0, cell_wait(&self->env, &neighbour, "neighbour", "up\n"));
	begin = test_now_ms();
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0)
		make_many(&self->env, tally);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_TRUE(tally->complete);
	EXPECT_EQ(IN_PROCESS, tally->exact);
	EXPECT_STREQ(tally->fds[0], tally->fds[1]);
	/* A leak of 100 bytes a cell would be 1 MB. */
	EXPECT_GT(tally->rss[0] + 512, tally->rss[1]) TH_LOG("%ld KiB", tally->rss[0]);
	TH_LOG("%u cells in %u ms, %ld KiB resident", IN_PROCESS,
	       (unsigned int)(test_now_ms() - begin), tally->rss[1]);
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	run_finish(&neighbour);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F_TIMEOUT(cell, hundreds_of_whole_runs_are_each_exact, 100)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < WHOLE; i++) {
		struct run run = { .document = true_document(&self->env) };

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("run %u: %s", i, run.err.bytes);
		EXPECT_STREQ("", run.err.bytes);
		EXPECT_STREQ("exited", json_text_at(run.report, "exit/kind"));
		EXPECT_TRUE(json_is_true(json_at(run.report, "teardown/destroyed")));
		EXPECT_EQ(0, json_array_size(json_at(run.report, "teardown/residue")));
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
