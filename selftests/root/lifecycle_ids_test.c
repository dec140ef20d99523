// SPDX-License-Identifier: MIT
/* One id, one live cell; afterwards the id can be used again. */
#include <string.h>
#include <sys/pidfd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

#define AT_ONCE		8

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "lifecycle-ids"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *cell_document(const struct test_env *env, const char *id, const char *word)
{
	return document(id, "'run': {'argv': ['%s/sweep_work', '%s']}", env->workloads, word);
}

static int destroy(const struct test_env *env, const char *id)
{
	struct run run = { .verb = "destroy", .args = { id } };

	return run_whole(env, &run);
}

static bool is_duplicate(const struct run *run)
{
	return run->status == 125 &&
	       strstr(run->err.bytes, "already active on host (no duplicate live cells)");
}

TEST_F(cell, a_live_id_is_refused_and_the_first_cell_unharmed)
{
	struct run first = { .document = cell_document(&self->env, "same", "pause") };
	struct run second = { .document = cell_document(&self->env, "same", "true") };
	pid_t pid;

	run_start(&self->env, &first);
	pid = cell_wait(&self->env, &first, "same", "up\n");
	ASSERT_LT(0, pid);
	EXPECT_EQ(125, run_whole(&self->env, &second));
	EXPECT_TRUE(is_duplicate(&second)) TH_LOG("%s", second.err.bytes);
	EXPECT_STREQ("failed", json_text_at(second.report, "exit/kind"));
	EXPECT_STREQ("EEXIST", json_text_at(second.report, "error/errnoName"));
	EXPECT_EQ(0, json_array_size(json_at(second.report, "teardown/residue")));
	EXPECT_EQ(1, json_int_at(second.report, "teardown/peersTrackedAfter"));
	EXPECT_TRUE(process_alive(pid));
	EXPECT_EQ(0, destroy(&self->env, "same"));
	run_finish(&first);
}

TEST_F(cell, an_id_is_free_after_the_end_and_after_destroy)
{
	struct run run = { .document = cell_document(&self->env, "again", "pause") };
	struct run last = { .document = cell_document(&self->env, "again", "true") };

	for (unsigned int i = 0; i < 5; i++) {
		run_start(&self->env, &run);
		ASSERT_LT(0, cell_wait(&self->env, &run, "again", "up\n"));
		EXPECT_EQ(0, destroy(&self->env, "again"));
		/* As soon as destroy is through, whether the run has noticed or not. */
		EXPECT_EQ(0, run_whole(&self->env, &last)) TH_LOG("%s", last.err.bytes);
		run_finish(&run);
		EXPECT_EQ(137, run.status);
	}
}

TEST_F(cell, an_id_stays_taken_after_a_crash_until_reconcile)
{
	struct run run = { .document = cell_document(&self->env, "crash", "pause") };
	struct run next = { .document = cell_document(&self->env, "crash", "true") };
	struct run reconcile = { .verb = "reconcile" };

	run_start(&self->env, &run);
	ASSERT_LT(0, cell_wait(&self->env, &run, "crash", "up\n"));
	pidfd_send_signal(run.pidfd, SIGKILL, NULL, 0);
	run_finish(&run);
	EXPECT_EQ(125, run_whole(&self->env, &next));
	EXPECT_TRUE(is_duplicate(&next)) TH_LOG("%s", next.err.bytes);
	EXPECT_NE(NULL, strstr(next.err.bytes, "cellos-helper reconcile"));
	EXPECT_EQ(0, run_whole(&self->env, &reconcile));
	EXPECT_EQ(0, run_whole(&self->env, &next)) TH_LOG("%s", next.err.bytes);
}

/* Started at the same time, none may slip past the other. */
TEST_F_TIMEOUT(cell, of_many_runs_with_one_id_exactly_one_lives, 60)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int round = 0; round < 15; round++) {
		struct run runs[AT_ONCE];
		unsigned int live = 0, ended = 0;

		for (unsigned int i = 0; i < AT_ONCE; i++) {
			runs[i] = (struct run){
				.document = cell_document(&self->env, "one", "pause")
			};
			run_start(&self->env, &runs[i]);
		}
		/* The one that lives holds out until the others have been refused. */
		for (unsigned int i = 0; i < AT_ONCE; i++) {
			EXPECT_TRUE(WAIT_FOR(!process_alive(runs[i].pid) ||
					     strstr(run_out(&runs[i]), "up\n")));
			live += process_alive(runs[i].pid);
		}
		EXPECT_EQ(1, live);
		EXPECT_EQ(0, destroy(&self->env, "one"));
		for (unsigned int i = 0; i < AT_ONCE; i++) {
			run_finish(&runs[i]);
			ended += runs[i].status == 137;
			EXPECT_TRUE(runs[i].status == 137 || is_duplicate(&runs[i]))
				TH_LOG("%d: %s", runs[i].status, runs[i].err.bytes);
		}
		EXPECT_EQ(1, ended);
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
}

TEST_HARNESS_MAIN
