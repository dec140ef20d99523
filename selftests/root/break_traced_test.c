// SPDX-License-Identifier: MIT
/*
 * A workload that has ended and is kept: a process of its cell traces it, so the zombie
 * is that one's first, and it does not take it. Nobody else can, not the helper either.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell)
{
	struct test_env env;
	const char *before;
	struct run run;
	pid_t workload;
	pid_t tracer;
};

FIXTURE_SETUP(cell) { env_setup(&self->env, "traced"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* Up to where the workload, which ends with 7, is a zombie. */
static bool keep_workload(FIXTURE_DATA(cell) *self, const char *lifetime)
{
	struct run *run = &self->run;

	run->document = document("traced", "%s'run': {'argv': ['%s/workload_attack', 'trace', "
				 "'7'], 'limits': {'gracefulShutdownSeconds': 1}}", lifetime,
				 self->env.workloads);
	self->before = host_snapshot(&self->env);
	run_start(&self->env, run);
	return WAIT_FOR(sscanf(run_out(run), "%d %d\n", &self->workload, &self->tracer) == 2 &&
			proc_status(self->workload, "State")[0] == 'Z');
}

static void expect_end(struct __test_metadata *_metadata, FIXTURE_DATA(cell) *self, int status)
{
	run_finish_within(&self->run, 10);
	EXPECT_EQ(status, self->run.status) TH_LOG("%s", self->run.err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(self->run.report, "/teardown/residue")));
	EXPECT_FALSE(process_alive(self->tracer));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

TEST_F(cell, kept_by_its_tracer_is_ended_by_its_ttl)
{
	ASSERT_TRUE(keep_workload(self, "'lifetime': {'ttlSeconds': 2}, "));
	expect_end(_metadata, self, 124);
	EXPECT_STREQ("ttl", json_text_at(self->run.report, "/exit/reason"));
	EXPECT_TRUE(json_is_true(json_at(self->run.report, "/teardown/destroyed")));
}

TEST_F(cell, kept_by_its_tracer_is_ended_by_a_signal_to_the_helper)
{
	ASSERT_TRUE(keep_workload(self, ""));
	kill(self->run.pid, SIGTERM);
	expect_end(_metadata, self, 128 + SIGTERM);
	EXPECT_STREQ("caller", json_text_at(self->run.report, "/exit/reason"));
	EXPECT_TRUE(json_is_true(json_at(self->run.report, "/teardown/destroyed")));
}

TEST_F(cell, kept_by_its_tracer_is_ended_by_destroy)
{
	struct run destroy = { .verb = "destroy", .args = { "traced" } };

	ASSERT_TRUE(keep_workload(self, ""));
	EXPECT_EQ(0, run_whole(&self->env, &destroy)) TH_LOG("%s", destroy.err.bytes);
	expect_end(_metadata, self, 137);
	EXPECT_STREQ("destroy", json_text_at(self->run.report, "/exit/reason"));
}

/* The other way round: it was no more than late. */
TEST_F(cell, kept_by_its_tracer_ends_with_its_own_code_when_that_is_gone)
{
	ASSERT_TRUE(keep_workload(self, ""));
	kill(self->tracer, SIGKILL);
	expect_end(_metadata, self, 7);
	EXPECT_STREQ("exited", json_text_at(self->run.report, "/exit/kind"));
	EXPECT_TRUE(json_is_true(json_at(self->run.report, "/teardown/destroyed")));
}

TEST_HARNESS_MAIN
