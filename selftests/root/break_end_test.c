// SPDX-License-Identifier: MIT
/* Cells that do not want to end: all that they have made goes with them, in bounded time. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/breaking.h"

FIXTURE(end) { struct test_env env; };
FIXTURE_VARIANT(end)
{
	const char *isolation;
};
FIXTURE_VARIANT_ADD(end, plain) { "" };
FIXTURE_VARIANT_ADD(end, namespaces) { "'unshare': 'pid,ipc,mnt,uts,cgroup'" };
FIXTURE_VARIANT_ADD(end, no_profile) { "'seccomp': 'none', 'unshare': 'pid,mnt'" };

FIXTURE_SETUP(end) { env_setup(&self->env, "breakend"); }
FIXTURE_TEARDOWN_PARENT(end) { env_teardown(&self->env); }

/* With a TTL of a second and a grace of none: @words are quoted, with commas. */
static struct run stubborn(const struct test_env *env, const char *isolation, const char *words)
{
	return (struct run){
		.document = document("end", "'lifetime': {'ttlSeconds': 1}, 'run': {'argv': "
				     "['%s/workload_break', %s], 'limits': "
				     "{'gracefulShutdownSeconds': 0}, 'isolation': {%s}}",
				     env->workloads, words, isolation),
	};
}

static void expect_nothing_left(struct __test_metadata *_metadata, const struct test_env *env,
				const struct run *run, const char *before)
{
	EXPECT_TRUE(json_is_true(json_at(run->report, "/teardown/destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(run->report, "/teardown/residue")));
	EXPECT_TRUE(json_is_null(json_at(run->report, "/error"))) TH_LOG("%s", run->err.bytes);
	EXPECT_STREQ(before, host_snapshot(env));
}

static void expect_ttl(struct __test_metadata *_metadata, const struct test_env *env,
		       const struct run *run, const char *before)
{
	EXPECT_EQ(124, run->status) TH_LOG("%s", run->err.bytes);
	EXPECT_STREQ("forced", json_text_at(run->report, "/exit/kind"));
	EXPECT_STREQ("ttl", json_text_at(run->report, "/exit/reason"));
	expect_nothing_left(_metadata, env, run, before);
}

/* In sessions of their own, deaf, orphaned, named like threads of the kernel. */
TEST_F(end, of_the_workload_takes_its_daemons_along)
{
	const char *before = host_snapshot(&self->env);
	struct run run = stubborn(&self->env, variant->isolation, "'daemons:8'");

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("done", inside_answers(&run));
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	expect_nothing_left(_metadata, &self->env, &run, before);
}

TEST_F(end, by_ttl_takes_all_that_is_deaf_along)
{
	const char *before = host_snapshot(&self->env);
	struct run run = stubborn(&self->env, variant->isolation, "'daemons:8', 'deaf', 'wait'");

	run_whole(&self->env, &run);
	EXPECT_STREQ("done done ready", inside_answers(&run));
	expect_ttl(_metadata, &self->env, &run, before);
}

TEST_F(end, by_ttl_does_not_wait_for_who_has_stopped)
{
	const char *before = host_snapshot(&self->env);
	struct run run = stubborn(&self->env, variant->isolation, "'daemons:2', 'deaf', 'stop'");

	run_whole(&self->env, &run);
	EXPECT_STREQ("done done done", inside_answers(&run));
	expect_ttl(_metadata, &self->env, &run, before);
}

TEST_F(end, by_ttl_does_not_wait_for_a_frozen_cell)
{
	const char *before = host_snapshot(&self->env);
	struct run run = stubborn(&self->env, variant->isolation, "'daemons:2', 'deaf', 'wait'");
	const char *leaf;

	run_start(&self->env, &run);
	ASSERT_TRUE(WAIT_FOR((leaf = cell_leaf(&self->env, "end")) &&
			     strstr(run_out(&run), "ready\n")));
	ASSERT_EQ(0, file_write(text("%s/cgroup.freeze", leaf), "1"));
	run_finish(&run);
	expect_ttl(_metadata, &self->env, &run, before);
}

/* Its child would be the helper's, and a zombie that keeps the pid namespace from ending. */
TEST_F(end, of_a_child_is_never_the_helpers_affair)
{
	const char *before = host_snapshot(&self->env);
	struct run run = stubborn(&self->env, variant->isolation, "'sibling'");

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EPERM ENOSYS", inside_answers(&run));
	expect_nothing_left(_metadata, &self->env, &run, before);
}

TEST_HARNESS_MAIN
