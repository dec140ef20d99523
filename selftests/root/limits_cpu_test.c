// SPDX-License-Identifier: MIT
/* The limit of cpu time, and the share of it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftests/harness.h"
#include "selftests/root/limits.h"

FIXTURE(cell)
{
	struct test_env env;
	const char *missing;
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "cpu");
	self->missing = limits_missing(&self->env, "cpu");
	if (self->missing) {
		env_teardown(&self->env);
		SKIP(return, "%s", self->missing);
	}
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

TEST_F(cell, cpu_limits_are_in_force)
{
	static const char *const weights[] = { "1", "33", "100", "9999", "10000" };

	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {
		struct run run = limits_held(&self->env,
			text("'cpuMax': {'quotaMicros': 20000, 'periodMicros': 50000}, "
			     "'cpuWeight': %s", weights[i]));

		run_start(&self->env, &run);
		ASSERT_LT(0, cell_wait(&self->env, &run, "limits", "ready"));
		EXPECT_STREQ("20000 50000", leaf_file(&self->env, "cpu.max"));
		EXPECT_STREQ(weights[i], leaf_file(&self->env, "cpu.weight"));
		gate_open(&self->env);
		run_finish(&run);
		EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	}
}

TEST_F(cell, quota_slows_down_and_shows_as_pressure)
{
	struct run run = limits_run(&self->env, "'cpuMax': {'quotaMicros': 10000, "
				    "'periodMicros': 100000}", "burn 200");
	json_int_t cpu, wall;

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	cpu = json_int_at(run.report, "/resources/cpuUsec");
	wall = json_int_at(run.report, "/resources/wallUsec");
	EXPECT_LE(200000, cpu);
	EXPECT_LT(5 * cpu, wall) TH_LOG("%lld of %lld", (long long)cpu, (long long)wall);
	EXPECT_LT(wall / 2, json_int_at(run.report, "/resources/pressure/cpuSomeUsec"));
}

/* What a cell has had by now, in microseconds; -1: there is no such cell. */
static long long usage(const struct test_env *env, const char *id)
{
	const char *leaf = cell_leaf(env, id);
	const char *stat = leaf ? file_read(text("%s/cpu.stat", leaf), NULL) : NULL;
	const char *line = stat ? strstr(stat, "usage_usec ") : NULL;

	return line ? strtoll(line + strlen("usage_usec "), NULL, 10) : -1;
}

#define WORK	100000		/* microseconds, more than a birth takes */
#define ENOUGH	2000000

/*
 * On one CPU, with this weight. Not by what it inherits: before Linux 6.2 who is born into
 * another cpuset gets all CPUs of it.
 */
static struct run burner(const struct test_env *env, const char *id, unsigned int weight)
{
	const char *run = text("'run': {'argv': ['%s/workload_limits', 'burn', '60000'], "
			       "'limits': {'cpuWeight': %u}, 'process': {'cpuAffinity': [0]}}",
			       env->workloads, weight);

	return (struct run){ .document = text("%s", document(id, "%s", run)) };
}

/* Since they had so much: has one had more than three times what the other has? */
static bool is_divided(const struct test_env *env, long long heavy_had, long long light_had)
{
	long long heavy = usage(env, "heavy") - heavy_had, light = usage(env, "light") - light_had;

	return heavy + light > ENOUGH && heavy > 3 * light;
}

TEST_F_TIMEOUT(cell, weight_divides_one_cpu, 90)
{
	const struct test_env *env = &self->env;
	struct run heavy = burner(env, "heavy", 1000), light = burner(env, "light", 50);
	long long heavy_had, light_had;

	/* The other way round the light one would have to be born beside the heavy one. */
	run_start(env, &light);
	ASSERT_TRUE(WAIT_FOR(usage(env, "light") > WORK)) TH_LOG("%s", light.err.bytes);
	run_start(env, &heavy);
	ASSERT_TRUE(WAIT_FOR(usage(env, "heavy") > WORK)) TH_LOG("%s", heavy.err.bytes);
	heavy_had = usage(env, "heavy");
	light_had = usage(env, "light");
	/* 20 to 1 is what was asked for; on a machine without steady time it may take a while. */
	EXPECT_TRUE(WAIT_FOR(is_divided(env, heavy_had, light_had)))
		TH_LOG("%lld to %lld", usage(env, "heavy") - heavy_had,
		       usage(env, "light") - light_had);
	kill(heavy.pid, SIGTERM);
	kill(light.pid, SIGTERM);
	run_finish(&heavy);
	run_finish(&light);
	EXPECT_EQ(128 + SIGTERM, heavy.status) TH_LOG("%s", heavy.err.bytes);
	EXPECT_EQ(128 + SIGTERM, light.status) TH_LOG("%s", light.err.bytes);
}

TEST_HARNESS_MAIN
