// SPDX-License-Identifier: MIT
/* A run that is ended before its time: by its TTL, by its caller. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "stop"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* A run of `workload_probe VERB` with a TTL (0: none) and a grace, both in seconds. */
static struct run probe(const struct test_env *env, const char *verb, unsigned int ttl,
			unsigned int grace)
{
	const char *lifetime = ttl ? text("'lifetime': {'ttlSeconds': %u}, ", ttl) : "";

	return (struct run){
		.document = document("stop", "%s'run': {'argv': ['%s/workload_probe', '%s'], "
				     "'limits': {'gracefulShutdownSeconds': %u}}", lifetime,
				     env->workloads, verb, grace),
	};
}

static void expect_forced(struct __test_metadata *_metadata, const struct run *run,
			  const char *reason, int status)
{
	EXPECT_EQ(status, run->status) TH_LOG("%s", run->err.bytes);
	EXPECT_STREQ("forced", json_text_at(run->report, "/exit/kind"));
	EXPECT_STREQ(reason, json_text_at(run->report, "/exit/reason"));
	EXPECT_TRUE(json_is_null(json_at(run->report, "/exit/exitCode")));
	EXPECT_EQ(3, json_object_size(json_at(run->report, "/exit")));
	EXPECT_TRUE(json_is_null(json_at(run->report, "/error")));
	EXPECT_TRUE(json_is_true(json_at(run->report, "/teardown/destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(run->report, "/teardown/residue")));
	EXPECT_EQ(0, run->err.size) TH_LOG("%s", run->err.bytes);
}

/* ---- TTL ---- */

/*
 * Waits for the end, which takes @low to @high milliseconds: bounds that tell a
 * deadline from another, on a busy machine, too.
 */
static void expect_ttl(struct __test_metadata *_metadata, const struct test_env *env,
		       struct run *run, uint64_t low, uint64_t high)
{
	uint64_t begin = test_now_ms(), took;
	const char *before = host_snapshot(env);

	run_whole(env, run);
	took = test_now_ms() - begin;
	EXPECT_GE(took, low);
	EXPECT_LE(took, high);
	expect_forced(_metadata, run, "ttl", 124);
	EXPECT_STREQ(before, host_snapshot(env));
}

TEST_F(cell, ttl_ends_a_workload_that_obeys_within_the_grace)
{
	struct run run = probe(&self->env, "obey", 1, 60);

	expect_ttl(_metadata, &self->env, &run, 1000, 15000);
}

TEST_F(cell, ttl_ends_a_workload_without_a_handler)
{
	struct run run = probe(&self->env, "wait", 1, 60);

	expect_ttl(_metadata, &self->env, &run, 1000, 15000);
}

TEST_F(cell, ttl_kills_a_workload_that_ignores_sigterm_after_the_grace)
{
	struct run run = probe(&self->env, "ignore", 1, 1);

	expect_ttl(_metadata, &self->env, &run, 2000, 15000);
}

TEST_F(cell, ttl_without_grace_kills_at_once)
{
	struct run run = probe(&self->env, "ignore", 1, 0);

	expect_ttl(_metadata, &self->env, &run, 1000, 15000);
}

TEST_F(cell, ttl_ends_a_stopped_workload)
{
	struct run run = probe(&self->env, "stop", 1, 1);

	expect_ttl(_metadata, &self->env, &run, 2000, 15000);
}

TEST_F(cell, ttl_ends_a_frozen_cell)
{
	struct run run = probe(&self->env, "obey", 2, 1);
	const char *before = host_snapshot(&self->env);

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "stop", "ready\n"), 0);
	ASSERT_EQ(0, file_write(text("%s/cgroup.freeze", cell_leaf(&self->env, "stop")), "1"));
	run_finish(&run);
	expect_forced(_metadata, &run, "ttl", 124);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, ttl_counts_a_workload_that_ends_in_time_as_exited)
{
	struct run run = {
		.document = document("stop", "'lifetime': {'ttlSeconds': 60}, 'run': {'argv': "
				     "['%s/workload_probe', 'exit', '7']}", self->env.workloads),
	};

	EXPECT_EQ(7, run_whole(&self->env, &run));
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
}

/* ---- the caller's signals ---- */

FIXTURE(signals) { struct test_env env; };
FIXTURE_VARIANT(signals) { int sig; };
FIXTURE_VARIANT_ADD(signals, sigint) { .sig = SIGINT };
FIXTURE_VARIANT_ADD(signals, sigterm) { .sig = SIGTERM };
FIXTURE_VARIANT_ADD(signals, sighup) { .sig = SIGHUP };
FIXTURE_SETUP(signals) { env_setup(&self->env, "stop"); }
FIXTURE_TEARDOWN_PARENT(signals) { env_teardown(&self->env); }

TEST_F(signals, one_lets_the_workload_end_in_peace)
{
	struct run run = probe(&self->env, "obey", 0, 60);
	const char *before = host_snapshot(&self->env);
	uint64_t begin;

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "stop", "ready\n"), 0);
	begin = test_now_ms();
	kill(run.pid, variant->sig);
	run_finish(&run);
	EXPECT_LT(test_now_ms() - begin, 15000);
	expect_forced(_metadata, &run, "caller", 128 + variant->sig);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(signals, one_kills_after_the_grace_if_sigterm_is_ignored)
{
	struct run run = probe(&self->env, "ignore", 0, 1);
	uint64_t begin;

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "stop", "ready\n"), 0);
	begin = test_now_ms();
	kill(run.pid, variant->sig);
	run_finish(&run);
	EXPECT_GE(test_now_ms() - begin, 1000);
	EXPECT_LT(test_now_ms() - begin, 15000);
	expect_forced(_metadata, &run, "caller", 128 + variant->sig);
}

/* Is the helper asleep, all signals to it taken? */
static bool has_taken_signals(pid_t helper)
{
	return !strcmp(proc_status(helper, "ShdPnd"), "0000000000000000") &&
	       proc_status(helper, "State")[0] == 'S';
}

TEST_F(signals, second_one_kills_at_once)
{
	struct run run = probe(&self->env, "ignore", 0, 600);
	pid_t pid;

	run_start(&self->env, &run);
	pid = cell_wait(&self->env, &run, "stop", "ready\n");
	ASSERT_GT(pid, 0);
	kill(run.pid, variant->sig);
	ASSERT_TRUE(WAIT_FOR(has_taken_signals(run.pid)));
	EXPECT_TRUE(process_alive(pid));
	kill(run.pid, SIGTERM);
	run_finish(&run);
	/* The first one is what the status tells. */
	expect_forced(_metadata, &run, "caller", 128 + variant->sig);
}

TEST_F(signals, children_of_the_workload_end_with_it)
{
	struct run run = {
		.document = document_argv("stop", "sh", "-c", "trap 'exit 0' TERM; "
					  "(trap '' TERM HUP INT; sleep 1000) & echo ready; wait",
					  NULL),
	};
	const char *before = host_snapshot(&self->env);

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "stop", "ready\n"), 0);
	kill(run.pid, variant->sig);
	run_finish(&run);
	expect_forced(_metadata, &run, "caller", 128 + variant->sig);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
