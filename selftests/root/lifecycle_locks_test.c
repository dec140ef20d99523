// SPDX-License-Identifier: MIT
/* Locks: no cell can hold up another; a helper that is stuck does not hang the rest. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "lifecycle-locks"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

TEST_F(cell, a_cell_that_locks_all_it_can_open_blocks_nobody)
{
	const char *before = host_snapshot(&self->env);
	struct run hostile = {
		.document = document("hostile", "'run': {'argv': ['%s/sweep_work', 'locks', '%s']}",
				     self->env.workloads, self->env.parent)
	};
	struct run other = {
		.document = document("other", "'run': {'argv': ['%s/sweep_work', 'probe']}",
				     self->env.workloads)
	};
	struct run verb = { .verb = "reconcile" };
	uint64_t begin;
	char *line;

	run_start(&self->env, &hostile);
	ASSERT_LT(0, cell_wait(&self->env, &hostile, "hostile", "locked "));
	line = text("%s", run_out(&hostile));
	/* The parent, the own leaf, and files in both. */
	EXPECT_LT(10, strtol(line + strlen("locked "), NULL, 10)) TH_LOG("%s", line);
	begin = test_now_ms();
	EXPECT_EQ(0, run_whole(&self->env, &other)) TH_LOG("%s", other.err.bytes);
	EXPECT_STREQ("sound\n", other.out.bytes);
	EXPECT_EQ(0, run_whole(&self->env, &verb)) TH_LOG("%s", verb.err.bytes);
	verb = (struct run){ .verb = "destroy", .args = { "hostile" } };
	EXPECT_EQ(0, run_whole(&self->env, &verb)) TH_LOG("%s", verb.err.bytes);
	/* Any wait for a lock would have lasted 10 s. */
	EXPECT_GT(5000, test_now_ms() - begin);
	run_finish(&hostile);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* A process that holds the lock as a helper does in its short section, and stops. */
static pid_t stopped_holder(const struct test_env *env)
{
	const char *path = text("%s/cgroup.kill", env->parent);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(path, O_WRONLY);

		if (fd < 0 || flock(fd, LOCK_EX) < 0)
			_exit(1);
		raise(SIGSTOP);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		give_up("a process that holds the lock");
	return pid;
}

static const char *cell_document(const struct test_env *env, const char *id, const char *word)
{
	return document(id, "'run': {'argv': ['%s/sweep_work', '%s']}", env->workloads, word);
}

/* All wait at the same time, each its 10 s. */
TEST_F_TIMEOUT(cell, a_stopped_holder_of_the_lock_times_the_others_out, 60)
{
	const char *before = host_snapshot(&self->env);
	struct run live = { .document = cell_document(&self->env, "live", "pause") };
	struct run ending = { .document = cell_document(&self->env, "ending", "pause") };
	struct run late = { .document = cell_document(&self->env, "late", "true") };
	struct run destroy = { .verb = "destroy", .args = { "live" } };
	struct run list = { .verb = "list" };
	pid_t pid, holder;
	uint64_t begin;

	run_start(&self->env, &live);
	ASSERT_LT(0, cell_wait(&self->env, &live, "live", "up\n"));
	run_start(&self->env, &ending);
	pid = cell_wait(&self->env, &ending, "ending", "up\n");
	ASSERT_LT(0, pid);
	holder = stopped_holder(&self->env);
	begin = test_now_ms();
	run_start(&self->env, &late);
	run_start(&self->env, &destroy);
	kill(pid, SIGUSR1);
	/* Who only looks takes no lock. */
	EXPECT_EQ(0, run_whole(&self->env, &list));
	EXPECT_GT(5000, test_now_ms() - begin);
	run_finish(&late);
	run_finish(&destroy);
	run_finish(&ending);
	EXPECT_LE(9900, test_now_ms() - begin);
	EXPECT_GT(15000, test_now_ms() - begin);
	/* A cell that is not made yet is refused ... */
	EXPECT_EQ(125, late.status);
	EXPECT_STREQ("cgroup", json_text_at(late.report, "error/step"));
	EXPECT_STREQ("ETIMEDOUT", json_text_at(late.report, "error/errnoName"));
	EXPECT_NE(NULL, strstr(json_text_at(late.report, "error/message"), "lock"));
	EXPECT_STRNE("(none)", json_text_at(late.report, "error/hint"));
	EXPECT_EQ(0, json_array_size(json_at(late.report, "teardown/residue")));
	/* ... one that ends is removed all the same by its own run ... */
	EXPECT_EQ(128 + SIGUSR1, ending.status) TH_LOG("%s", ending.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(ending.report, "teardown/destroyed")));
	/* ... and a stranger without the lock touches nothing. */
	EXPECT_EQ(125, destroy.status);
	EXPECT_NE(NULL, strstr(destroy.err.bytes, "lock")) TH_LOG("%s", destroy.err.bytes);
	EXPECT_LT(0, cell_pid(&self->env, "live"));
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	EXPECT_EQ(0, run_whole(&self->env, &destroy)) TH_LOG("%s", destroy.err.bytes);
	run_finish(&live);
	EXPECT_EQ(137, live.status);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
