// SPDX-License-Identifier: MIT
/* Nothing is left of a run, however it ended, and its report says so. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_VARIANT(cell)
{
	const char *verb, *arg;
	const char *members;	/* of spec, beside run */
	int status;
	bool never_ran;
};
FIXTURE_VARIANT_ADD(cell, normal_exit) { "exit", "0", "", 0, false };
FIXTURE_VARIANT_ADD(cell, failing_exit) { "exit", "7", "", 7, false };
FIXTURE_VARIANT_ADD(cell, signal) { "raise", "9", "", 137, false };
FIXTURE_VARIANT_ADD(cell, ttl) { "wait", "", "'lifetime': {'ttlSeconds': 1}, ", 124, false };
FIXTURE_VARIANT_ADD(cell, fork_bomb_of_1000) { "bomb", "1000", "", 0, false };
FIXTURE_VARIANT_ADD(cell, double_forked_daemon) { "daemon", "", "", 0, false };
FIXTURE_VARIANT_ADD(cell, background_child) { "background", "", "", 3, false };
FIXTURE_VARIANT_ADD(cell, exec_failure) { NULL, "", "", 127, true };

FIXTURE_SETUP(cell) { env_setup(&self->env, "residue"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *const rules = "'authority': {'egressRules': [{'host': '10.0.0.0/8'}, "
	"{'host': '::1', 'port': 443, 'protocol': 'tcp'}]}, ";

TEST_F(cell, leaves_nothing)
{
	const char *before = host_snapshot(&self->env);
	struct run run = {
		.document = document("residue", "%s%s'run': {'argv': ['%s/%s', '%s', '%s']}",
				     rules, variant->members, self->env.workloads,
				     variant->verb ? "workload_probe" : "none",
				     variant->verb ?: "", variant->arg),
	};

	EXPECT_EQ(variant->status, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
	EXPECT_TRUE(json_is_array(json_at(run.report, "/teardown/residue")));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/teardown/destroyed")));
	EXPECT_EQ(0, json_int_at(run.report, "/teardown/peersTrackedAfter"));
	EXPECT_STREQ("residue", json_text_at(run.report, "/teardown/cellId"));
	EXPECT_EQ(variant->never_ran, !strcmp("failed", json_text_at(run.report, "/exit/kind")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* A cell that lives beside it is counted, and not touched. */
TEST_F(cell, leaves_its_neighbour_alone)
{
	struct run neighbour = {
		.document = document("neighbour", "'authority': {'egressRules': [{'host': "
				     "'10.0.0.0/8'}]}, 'run': {'argv': ['%s/workload_probe', "
				     "'wait']}", self->env.workloads),
	};
	struct run run = {
		.document = document("residue", "%s%s'run': {'argv': ['%s/%s', '%s', '%s']}",
				     rules, variant->members, self->env.workloads,
				     variant->verb ? "workload_probe" : "none",
				     variant->verb ?: "", variant->arg),
	};
	pid_t pid;

	run_start(&self->env, &neighbour);
	pid = cell_wait(&self->env, &neighbour, "neighbour", "ready\n");
	ASSERT_GT(pid, 0);
	EXPECT_EQ(variant->status, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(1, json_int_at(run.report, "/teardown/peersTrackedAfter"));
	EXPECT_TRUE(process_alive(pid));
	kill(neighbour.pid, SIGTERM);
	run_finish(&neighbour);
	EXPECT_EQ(128 + SIGTERM, neighbour.status);
	EXPECT_EQ(0, json_array_size(json_at(neighbour.report, "/teardown/residue")));
	EXPECT_TRUE(json_is_true(json_at(neighbour.report, "/egress/verified")));
}

TEST_HARNESS_MAIN
