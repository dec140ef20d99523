// SPDX-License-Identifier: MIT
/* destroy: from elsewhere, by many at once, while the run itself tears down. */
#include <string.h>
#include <sys/pidfd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

#define DESTROYERS	8

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "lifecycle-destroy"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static pid_t start(const struct test_env *env, struct run *run, const char *id, const char *word)
{
	*run = (struct run){
		.document = document(id, "'authority': {'egressRules': ["
				     "{'host': '127.0.0.1', 'port': 443}]}, "
				     "'run': {'argv': ['%s/sweep_work', '%s']}",
				     env->workloads, word)
	};
	run_start(env, run);
	return cell_wait(env, run, id, "up\n");
}

/* A TeardownReport: four fields, and this cell. */
static void check_teardown(struct __test_metadata *_metadata, json_t *report, const char *id,
			   bool destroyed, unsigned int peers)
{
	EXPECT_EQ(4, json_object_size(report));
	EXPECT_STREQ(id, json_text_at(report, "cellId"));
	EXPECT_EQ(destroyed, json_is_true(json_at(report, "destroyed")));
	EXPECT_EQ(peers, json_int_at(report, "peersTrackedAfter"));
	EXPECT_TRUE(json_is_array(json_at(report, "residue")));
	EXPECT_EQ(0, json_array_size(json_at(report, "residue")));
}

/* What the run of a cell says that another process has destroyed. */
static void check_destroyed_run(struct __test_metadata *_metadata, struct run *run)
{
	run_finish(run);
	EXPECT_EQ(137, run->status) TH_LOG("%s", run->err.bytes);
	EXPECT_STREQ("forced", json_text_at(run->report, "exit/kind"));
	EXPECT_STREQ("destroy", json_text_at(run->report, "exit/reason"));
	EXPECT_TRUE(json_is_null(json_at(run->report, "exit/exitCode")));
	EXPECT_TRUE(json_is_null(json_at(run->report, "error")));
	EXPECT_TRUE(json_is_false(json_at(run->report, "teardown/destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(run->report, "teardown/residue")));
}

TEST_F(cell, a_destroy_from_elsewhere_has_the_win)
{
	const char *before = host_snapshot(&self->env);
	struct run run, other, destroy = { .verb = "destroy", .args = { "victim", "--json" } };
	pid_t pid = start(&self->env, &run, "victim", "pause");

	ASSERT_LT(0, pid);
	ASSERT_LT(0, start(&self->env, &other, "other", "pause"));
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	check_teardown(_metadata, json_loads(destroy.out.bytes, 0, NULL), "victim", true, 1);
	EXPECT_FALSE(process_alive(pid));
	check_destroyed_run(_metadata, &run);
	destroy.args[0] = "other";
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	check_teardown(_metadata, json_loads(destroy.out.bytes, 0, NULL), "other", true, 0);
	check_destroyed_run(_metadata, &other);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, destroy_needs_no_consent_of_the_workload)
{
	const char *before = host_snapshot(&self->env);
	struct run run, destroy = { .verb = "destroy", .args = { "victim" } };

	ASSERT_LT(0, start(&self->env, &run, "victim", "stubborn"));
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	check_destroyed_run(_metadata, &run);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, a_cell_is_not_destroyed_twice)
{
	struct run run, destroy = { .verb = "destroy", .args = { "victim", "--json" } };

	ASSERT_LT(0, start(&self->env, &run, "victim", "pause"));
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	EXPECT_EQ(125, run_whole(&self->env, &destroy));
	EXPECT_NE(NULL, strstr(destroy.err.bytes,
			       "unknown or already destroyed (no double-teardown)"));
	run_finish(&run);
}

TEST_F(cell, of_many_destroys_exactly_one_wins)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int round = 0; round < 10; round++) {
		struct run run, destroys[DESTROYERS];
		unsigned int winners = 0;

		ASSERT_LT(0, start(&self->env, &run, "victim", "pause"));
		for (unsigned int i = 0; i < DESTROYERS; i++) {
			destroys[i] = (struct run){
				.verb = "destroy", .args = { "victim", "--json" }
			};
			run_start(&self->env, &destroys[i]);
		}
		for (unsigned int i = 0; i < DESTROYERS; i++) {
			struct run *d = &destroys[i];

			run_finish(d);
			if (d->status == 0) {
				winners++;
				check_teardown(_metadata, json_loads(d->out.bytes, 0, NULL),
					       "victim", true, 0);
				continue;
			}
			EXPECT_EQ(125, d->status);
			EXPECT_NE(NULL, strstr(d->err.bytes,
					       "unknown or already destroyed (no double-teardown)"))
				TH_LOG("%s", d->err.bytes);
		}
		EXPECT_EQ(1, winners);
		check_destroyed_run(_metadata, &run);
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
}

/* Whoever of the two is first, together they tell one story. */
TEST_F(cell, destroy_while_the_run_tears_down_is_one_teardown)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int round = 0; round < 40; round++) {
		struct run destroy = { .verb = "destroy", .args = { "victim", "--json" } };
		struct run run;
		bool by_run, by_destroy;
		pid_t pid = start(&self->env, &run, "victim", "pause");

		ASSERT_LT(0, pid);
		run_start(&self->env, &destroy);
		kill(pid, SIGUSR1);
		run_finish(&run);
		run_finish(&destroy);
		by_run = json_is_true(json_at(run.report, "teardown/destroyed"));
		by_destroy = destroy.status == 0;
		EXPECT_NE(by_run, by_destroy) TH_LOG("%s", destroy.err.bytes);
		EXPECT_EQ(by_run ? 128 + SIGUSR1 : 137, run.status) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ(by_run ? "signaled" : "forced",
			     json_text_at(run.report, "exit/kind"));
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
}

TEST_F(cell, destroy_all_ends_every_cell_and_says_so)
{
	const char *before = host_snapshot(&self->env);
	struct run destroy = { .verb = "destroy", .args = { "--all", "--json" } };
	struct run runs[5];
	json_t *reports;

	for (unsigned int i = 0; i < 5; i++)
		ASSERT_LT(0, start(&self->env, &runs[i], text("cell-%u", i), "pause"));
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	reports = json_loads(destroy.out.bytes, 0, NULL);
	ASSERT_EQ(5, json_array_size(reports));
	for (unsigned int i = 0; i < 5; i++)
		check_teardown(_metadata, json_array_get(reports, i),
			       json_text_at(reports, text("%u/cellId", i)), true, 4 - i);
	for (unsigned int i = 0; i < 5; i++)
		check_destroyed_run(_metadata, &runs[i]);
	EXPECT_STREQ(before, host_snapshot(&self->env));
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	EXPECT_STREQ("[]\n", destroy.out.bytes);
}

/* A helper that is stopped can do nothing for its cell: others can. */
TEST_F(cell, the_cell_of_a_stopped_helper_is_destroyed)
{
	const char *before = host_snapshot(&self->env);
	struct run run, destroy = { .verb = "destroy", .args = { "victim", "--json" } };

	ASSERT_LT(0, start(&self->env, &run, "victim", "pause"));
	pidfd_send_signal(run.pidfd, SIGSTOP, NULL, 0);
	EXPECT_EQ(0, run_whole(&self->env, &destroy));
	check_teardown(_metadata, json_loads(destroy.out.bytes, 0, NULL), "victim", true, 0);
	pidfd_send_signal(run.pidfd, SIGCONT, NULL, 0);
	check_destroyed_run(_metadata, &run);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
