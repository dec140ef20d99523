// SPDX-License-Identifier: MIT
/* Many at once: cells beside each other, processes in one cell. */
#include <stdlib.h>
#include <string.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/common.h"

#define CELLS_MAX	200
#define CELLS		laps(CELLS_MAX)
#define PROCESSES	1000

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "many-at-once"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run runs[CELLS_MAX];

static void start_all(const struct test_env *env)
{
	for (unsigned int i = 0; i < CELLS; i++) {
		runs[i] = (struct run){
			.document = document(text("cell-%u", i), "'authority': {'egressRules': ["
					     "{'host': '127.0.0.1', 'port': %u}]}, "
					     "'run': {'argv': ['%s/sweep_work', 'pause']}",
					     1000 + i, env->workloads)
		};
		run_start(env, &runs[i]);
	}
}

static bool is_up(struct run *run)
{
	return WAIT_FOR(strstr(run_out(run), "up\n") || !process_alive(run->pid)) &&
	       process_alive(run->pid);
}

/* All 200 are there, all different, each with a process and its owner. */
static void check_list(struct __test_metadata *_metadata, const struct test_env *env)
{
	struct run list = { .verb = "list", .args = { "--json" } };
	bool seen[CELLS_MAX] = { false };
	json_t *cells, *cell;
	size_t i;

	EXPECT_EQ(0, run_whole(env, &list)) TH_LOG("%s", list.err.bytes);
	cells = json_loads(list.out.bytes, 0, NULL);
	ASSERT_EQ(CELLS, json_array_size(cells));
	json_array_foreach(cells, i, cell) {
		const char *id = json_text_at(cell, "cellId");
		unsigned long n = strtoul(id + strlen("cell-"), NULL, 10);

		ASSERT_GT(CELLS, n);
		EXPECT_FALSE(seen[n]);
		seen[n] = true;
		EXPECT_LT(0, json_int_at(cell, "pid"));
		EXPECT_EQ(runs[n].pid, json_int_at(cell, "owner/pid"));
	}
}

TEST_F_TIMEOUT(cell, two_hundred_cells_live_at_once_and_end_exactly, 100)
{
	const char *before = host_snapshot(&self->env);
	uint64_t begin = test_now_ms();

	start_all(&self->env);
	for (unsigned int i = 0; i < CELLS; i++) {
		ASSERT_TRUE(is_up(&runs[i])) TH_LOG("cell %u: %s", i, run_err(&runs[i]));
	}
	TH_LOG("%u cells were up after %u ms", CELLS, (unsigned int)(test_now_ms() - begin));
	check_list(_metadata, &self->env);
	/* All are told at the same time. */
	for (unsigned int i = 0; i < CELLS; i++)
		kill(runs[i].pid, SIGTERM);
	for (unsigned int i = 0; i < CELLS; i++) {
		run_finish(&runs[i]);
		EXPECT_EQ(128 + SIGTERM, runs[i].status) TH_LOG("%u: %s", i, runs[i].err.bytes);
		EXPECT_STREQ("", runs[i].err.bytes);
		EXPECT_STREQ("caller", json_text_at(runs[i].report, "exit/reason"));
		EXPECT_TRUE(json_is_true(json_at(runs[i].report, "teardown/destroyed")));
		EXPECT_EQ(0, json_array_size(json_at(runs[i].report, "teardown/residue")));
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F_TIMEOUT(cell, two_hundred_cells_are_destroyed_by_one_command, 100)
{
	const char *before = host_snapshot(&self->env);
	struct run destroy = { .verb = "destroy", .args = { "--all", "--json" } };

	start_all(&self->env);
	for (unsigned int i = 0; i < CELLS; i++) {
		ASSERT_TRUE(is_up(&runs[i])) TH_LOG("cell %u: %s", i, run_err(&runs[i]));
	}
	EXPECT_EQ(0, run_whole(&self->env, &destroy)) TH_LOG("%s", destroy.err.bytes);
	EXPECT_EQ(CELLS, json_array_size(json_loads(destroy.out.bytes, 0, NULL)));
	for (unsigned int i = 0; i < CELLS; i++) {
		run_finish(&runs[i]);
		EXPECT_EQ(137, runs[i].status) TH_LOG("%u: %s", i, runs[i].err.bytes);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

FIXTURE(crowd) { struct test_env env; };
FIXTURE_VARIANT(crowd) { bool by_destroy; };
FIXTURE_VARIANT_ADD(crowd, caller) { false };
FIXTURE_VARIANT_ADD(crowd, destroy) { true };
FIXTURE_SETUP(crowd) { env_setup(&self->env, "many-at-once"); }
FIXTURE_TEARDOWN_PARENT(crowd) { env_teardown(&self->env); }

TEST_F_TIMEOUT(crowd, a_thousand_processes_are_gone_after_teardown, 60)
{
	const char *before = host_snapshot(&self->env);
	struct run destroy = { .verb = "destroy", .args = { "crowd" } };
	struct run run = {
		.document = document("crowd", "'run': {'argv': ['%s/sweep_work', 'many', '%u'], "
				     "'limits': {'gracefulShutdownSeconds': 0}}",
				     self->env.workloads, PROCESSES)
	};
	char *procs;
	unsigned int n = 0;

	run_start(&self->env, &run);
	ASSERT_LT(0, cell_wait(&self->env, &run, "crowd", "up\n"));
	procs = file_read(text("%s/cgroup.procs", cell_leaf(&self->env, "crowd")), NULL);
	for (char *p = procs; (p = strchr(p, '\n')); p++)
		n++;
	EXPECT_EQ(PROCESSES + 1, n);
	if (variant->by_destroy) {
		EXPECT_EQ(0, run_whole(&self->env, &destroy)) TH_LOG("%s", destroy.err.bytes);
	} else {
		kill(run.pid, SIGTERM);
	}
	run_finish(&run);
	EXPECT_EQ(variant->by_destroy ? 137 : 128 + SIGTERM, run.status)
		TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(run.report, "teardown/residue")));
	EXPECT_EQ(variant->by_destroy, json_is_false(json_at(run.report, "teardown/destroyed")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
