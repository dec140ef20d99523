// SPDX-License-Identifier: MIT
/* The report's resources: which figures there are, whatever this host counts. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/limits.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "resources"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* A figure is there if the cell's cgroup has the file, and null if not. */
TEST_F(cell, each_figure_is_there_if_the_kernel_keeps_it)
{
	static const struct {
		const char *figure, *file;
	} figures[] = {
		{ "cpuUsec", "cpu.stat" }, { "userUsec", "cpu.stat" }, { "systemUsec", "cpu.stat" },
		{ "memoryPeakBytes", "memory.peak" }, { "oomKills", "memory.events" },
		{ "pidsPeak", "pids.peak" }, { "memorySwapPeakBytes", "memory.swap.peak" },
		{ "pressure/cpuSomeUsec", "cpu.pressure" },
		{ "pressure/cpuFullUsec", "cpu.pressure" },
		{ "pressure/memorySomeUsec", "memory.pressure" },
		{ "pressure/memoryFullUsec", "memory.pressure" },
		{ "pressure/ioSomeUsec", "io.pressure" }, { "pressure/ioFullUsec", "io.pressure" },
	};
	const size_t n = sizeof(figures) / sizeof(figures[0]);
	struct run run = limits_held(&self->env, "");
	bool kept[sizeof(figures) / sizeof(figures[0])];
	json_t *resources;

	run_start(&self->env, &run);
	ASSERT_LT(0, cell_wait(&self->env, &run, "limits", "ready"));
	for (size_t i = 0; i < n; i++)
		kept[i] = !access(text("%s/%s", cell_leaf(&self->env, "limits"), figures[i].file),
				  F_OK);
	gate_open(&self->env);
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	resources = json_at(run.report, "/resources");
	EXPECT_EQ(9, json_object_size(resources));
	EXPECT_EQ(6, json_object_size(json_at(resources, "pressure")));
	EXPECT_LT(0, json_int_at(resources, "wallUsec"));
	for (size_t i = 0; i < n; i++) {
		json_t *value = json_at(resources, figures[i].figure);

		EXPECT_TRUE(kept[i] ? json_is_integer(value) : json_is_null(value))
			TH_LOG("%s", figures[i].figure);
		EXPECT_LE(0, json_integer_value(value)) TH_LOG("%s", figures[i].figure);
	}
	EXPECT_EQ(kept[4], json_is_boolean(json_at(run.report, "/oomKilled")));
}

TEST_F(cell, cpu_time_is_counted)
{
	struct run run = limits_run(&self->env, "", "burn 100");
	json_int_t cpu, user, system;

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	cpu = json_int_at(run.report, "/resources/cpuUsec");
	user = json_int_at(run.report, "/resources/userUsec");
	system = json_int_at(run.report, "/resources/systemUsec");
	EXPECT_LE(100000, cpu);
	EXPECT_LE(user + system, cpu + 2);
	EXPECT_GE(user + system, cpu - 2);
}

TEST_HARNESS_MAIN
