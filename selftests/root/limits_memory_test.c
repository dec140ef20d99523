// SPDX-License-Identifier: MIT
/* Limits of memory: in force, told apart from signals, too low to begin with. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "selftests/harness.h"
#include "selftests/root/limits.h"

#define MIB	(1024 * 1024)

FIXTURE(cell)
{
	struct test_env env;
	const char *missing;
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "memory");
	self->missing = limits_missing(&self->env, "memory");
	if (self->missing) {
		env_teardown(&self->env);
		SKIP(return, "%s", self->missing);
	}
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* Ended by the OOM killer: a signal by its looks. */
#define EXPECT_OOM(run)	do {							\
	EXPECT_EQ(128 + SIGKILL, (run).status) TH_LOG("%s", (run).err.bytes);	\
	EXPECT_STREQ("signaled", json_text_at((run).report, "/exit/kind"));	\
	EXPECT_STREQ("SIGKILL", json_text_at((run).report, "/exit/signalName"));	\
	EXPECT_TRUE(json_is_true(json_at((run).report, "/oomKilled")));		\
	EXPECT_LE(1, json_int_at((run).report, "/resources/oomKills"));		\
	EXPECT_TRUE(json_is_true(json_at((run).report, "/teardown/destroyed")));	\
} while (0)

#define EXPECT_NO_OOM(run)	do {						\
	EXPECT_TRUE(json_is_false(json_at((run).report, "/oomKilled")));	\
	EXPECT_EQ(0, json_int_at((run).report, "/resources/oomKills"));		\
} while (0)

TEST_F(cell, memory_limits_are_in_force)
{
	/* Each of them beyond whole pages, which is what the kernel keeps. */
	struct run run = limits_held(&self->env, "'memoryMaxBytes': 67108865, "
		"'memorySwapMaxBytes': 8191, 'memoryHighBytes': 33554433, 'memoryOomGroup': true");

	run_start(&self->env, &run);
	ASSERT_LT(0, cell_wait(&self->env, &run, "limits", "ready"));
	EXPECT_STREQ("67108864", leaf_file(&self->env, "memory.max"));
	EXPECT_STREQ("4096", leaf_file(&self->env, "memory.swap.max"));
	EXPECT_STREQ("33554432", leaf_file(&self->env, "memory.high"));
	EXPECT_STREQ("1", leaf_file(&self->env, "memory.oom.group"));
	gate_open(&self->env);
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_NO_OOM(run);
}

TEST_F(cell, largest_limit_is_none)
{
	struct run run = limits_held(&self->env, "'memoryMaxBytes': 9223372036854775807");

	run_start(&self->env, &run);
	ASSERT_LT(0, cell_wait(&self->env, &run, "limits", "ready"));
	EXPECT_STREQ("max", leaf_file(&self->env, "memory.max"));
	EXPECT_STREQ("0", leaf_file(&self->env, "memory.swap.max"));
	EXPECT_STREQ("max", leaf_file(&self->env, "memory.high"));
	gate_open(&self->env);
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, hard_limit_ends_the_cell_and_is_told_from_a_signal)
{
	struct run run = limits_run(&self->env, "'memoryMaxBytes': 33554432", "eat 67108864");

	run_whole(&self->env, &run);
	EXPECT_OOM(run);
	EXPECT_GE(32 * MIB, json_int_at(run.report, "/resources/memoryPeakBytes"));
	EXPECT_LE(16 * MIB, json_int_at(run.report, "/resources/memoryPeakBytes"));
}

TEST_F(cell, memory_within_the_limit_can_be_had)
{
	struct run run = limits_run(&self->env, "'memoryMaxBytes': 33554432", "eat 16777216");

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NO_OOM(run);
	EXPECT_LE(16 * MIB, json_int_at(run.report, "/resources/memoryPeakBytes"));
}

TEST_F(cell, swap_is_used_only_if_it_is_given)
{
	struct run run = limits_run(&self->env, "'memoryMaxBytes': 16777216, "
				    "'memorySwapMaxBytes': 67108864", "eat 33554432");
	json_t *peak;

	if (!limits_swap())
		SKIP(return, "no swap is in use on this host");
	run_start(&self->env, &run);
	run_finish_within(&run, 60);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_NO_OOM(run);
	peak = json_at(run.report, "/resources/memorySwapPeakBytes");
	/* memory.swap.peak came with Linux 6.5. */
	EXPECT_TRUE(json_is_null(peak) || json_integer_value(peak) > 8 * MIB);
	EXPECT_LT(0, json_int_at(run.report, "/resources/pressure/memorySomeUsec"));
}

TEST_F(cell, swap_that_does_not_do_ends_the_cell)
{
	struct run run = limits_run(&self->env, "'memoryMaxBytes': 16777216, "
				    "'memorySwapMaxBytes': 4194304", "eat 67108864");

	if (!limits_swap())
		SKIP(return, "no swap is in use on this host");
	run_start(&self->env, &run);
	run_finish_within(&run, 60);
	EXPECT_OOM(run);
}

TEST_F(cell, plain_signal_is_no_oom_kill)
{
	struct run run = {
		.document = document("limits", "'run': {'argv': ['%s/workload_probe', 'raise', "
				     "'9'], 'limits': {'memoryMaxBytes': 33554432}}",
				     self->env.workloads),
	};

	EXPECT_EQ(128 + SIGKILL, run_whole(&self->env, &run));
	EXPECT_STREQ("SIGKILL", json_text_at(run.report, "/exit/signalName"));
	EXPECT_NO_OOM(run);
}

TEST_F(cell, oom_kill_takes_one_process_unless_the_group_is_asked_for)
{
	struct run alone = limits_run(&self->env, "'memoryMaxBytes': 33554432, "
				      "'memoryOomGroup': false", "family 67108864");
	struct run group = limits_run(&self->env, "'memoryMaxBytes': 33554432, "
				      "'memoryOomGroup': true", "family 67108864");

	EXPECT_EQ(3, run_whole(&self->env, &alone)) TH_LOG("%s", alone.err.bytes);
	EXPECT_STREQ("exited", json_text_at(alone.report, "/exit/kind"));
	EXPECT_TRUE(json_is_true(json_at(alone.report, "/oomKilled")));
	EXPECT_EQ(1, json_int_at(alone.report, "/resources/oomKills"));
	run_whole(&self->env, &group);
	EXPECT_OOM(group);
	/* The kernel counts the one that it chose twice: alone, and as one of the group. */
	EXPECT_LE(3, json_int_at(group.report, "/resources/oomKills"));
}

TEST_F(cell, soft_limit_slows_down_and_ends_nothing)
{
	struct run run = limits_run(&self->env, "'memoryHighBytes': 8388608", "eat 8912896");

	run_start(&self->env, &run);
	run_finish_within(&run, 60);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_NO_OOM(run);
	EXPECT_LE(8 * MIB, json_int_at(run.report, "/resources/memoryPeakBytes"));
	EXPECT_LT(0, json_int_at(run.report, "/resources/pressure/memorySomeUsec"));
}

/* ---- too low to begin ---- */

static const char *const low[] = {
	"1", "4095", "4096", "8192", "16384", "32768", "65536", "98304", "131072", "163840",
	"204800", "262144", "327680", "393216", "524288", "1048576",
};

/* Refused by name, or, past exec, ended by the OOM killer, or it was enough. */
static void check_low(struct __test_metadata *_metadata, const char *bytes, struct run *run)
{
	TH_LOG("%s bytes: status %d, %s", bytes, run->status, json_text_at(run->report,
								      "/error/message"));
	ASSERT_NE(NULL, run->report);
	EXPECT_EQ(0, json_array_size(json_at(run->report, "/teardown/residue")));
	EXPECT_TRUE(json_is_true(json_at(run->report, "/teardown/destroyed")));
	if (run->status == 0)
		return;
	if (run->status == 128 + SIGKILL) {
		EXPECT_TRUE(json_is_true(json_at(run->report, "/oomKilled")));
		return;
	}
	EXPECT_EQ(125, run->status);
	EXPECT_STREQ("failed", json_text_at(run->report, "/exit/kind"));
	EXPECT_STREQ("spawn", json_text_at(run->report, "/error/step"));
	EXPECT_STREQ("/spec/run/limits/memoryMaxBytes", json_text_at(run->report, "/error/field"));
	EXPECT_NE(NULL, strstr(json_text_at(run->report, "/error/hint"), "too low to start"));
	EXPECT_EQ(0, json_int_at(run->report, "/resources/oomKills"));
}

TEST_F_TIMEOUT(cell, limit_too_low_to_begin_is_said, 280)
{
	bool refused = false, enough = false;

	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		struct run run = limits_run(&self->env, text("'memoryMaxBytes': %s", low[i]),
					    "burn 1");

		run_start(&self->env, &run);
		run_finish_within(&run, 40);
		check_low(_metadata, low[i], &run);
		refused |= run.status == 125;
		enough |= run.status == 0;
	}
	EXPECT_TRUE(refused);
	EXPECT_TRUE(enough);
}

/* ---- without limits ---- */

TEST_F(cell, memory_and_tasks_are_accounted_without_any_limit)
{
	struct run first = limits_run(&self->env, "'memoryMaxBytes': 33554432, 'pidsMax': 9",
				      "eat 4096");
	struct run run = limits_run(&self->env, "", "eat 16777216");
	char *control = text("%s/cgroup.subtree_control", self->env.parent);
	struct run killed = {
		.document = document("limits", "'run': {'argv': ['%s/workload_probe', 'raise', "
				     "'9']}", self->env.workloads),
	};

	/* The first one has the controllers given to the parent; it keeps them for itself. */
	ASSERT_EQ(0, run_whole(&self->env, &first)) TH_LOG("%s", first.err.bytes);
	ASSERT_EQ(0, file_write(control, "-memory -pids"));
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(file_read(control, NULL), "memory"));
	EXPECT_NE(NULL, strstr(file_read(control, NULL), "pids"));
	EXPECT_NO_OOM(run);
	EXPECT_LE(16 * MIB, json_int_at(run.report, "/resources/memoryPeakBytes"));
	EXPECT_EQ(1, json_int_at(run.report, "/resources/pidsPeak"));
	EXPECT_EQ(128 + SIGKILL, run_whole(&self->env, &killed));
	EXPECT_NO_OOM(killed);
}

TEST_HARNESS_MAIN
