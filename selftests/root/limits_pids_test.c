// SPDX-License-Identifier: MIT
/* The limit of tasks. */
#include <errno.h>
#include <stdio.h>

#include "selftests/harness.h"
#include "selftests/root/limits.h"

FIXTURE(cell)
{
	struct test_env env;
	const char *missing;
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "pids");
	self->missing = limits_missing(&self->env, "pids");
	if (self->missing) {
		env_teardown(&self->env);
		SKIP(return, "%s", self->missing);
	}
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

TEST_F(cell, limit_of_tasks_holds_to_the_last_one)
{
	static const int limits[] = { 1, 2, 3, 16, 100 };

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct run run = limits_run(&self->env, text("'pidsMax': %d", limits[i]),
					    "children");

		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ(text("%d\n%d\n", limits[i] - 1, EAGAIN), run.out.bytes);
		EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
		/* pids.peak came with Linux 6.0. */
		EXPECT_EQ(limits[i], json_int_at(run.report, "/resources/pidsPeak"));
	}
}

TEST_F(cell, fork_bomb_stays_bounded_and_is_torn_down)
{
	struct run run = {
		.document = document("limits", "'lifetime': {'ttlSeconds': 2}, 'run': {'argv': "
				     "['%s/workload_limits', 'bomb'], 'limits': {'pidsMax': 64, "
				     "'gracefulShutdownSeconds': 0}}", self->env.workloads),
	};

	run_start(&self->env, &run);
	run_finish_within(&run, 60);
	EXPECT_EQ(124, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ttl", json_text_at(run.report, "/exit/reason"));
	EXPECT_EQ(64, json_int_at(run.report, "/resources/pidsPeak"));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/teardown/destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
}

TEST_HARNESS_MAIN
