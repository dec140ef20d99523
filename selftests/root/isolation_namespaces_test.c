// SPDX-License-Identifier: MIT
/* Namespaces of a cell's own: which there are, what process 1 is, and that ends are told. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/inside.h"

#define ALL	"pid,ipc,mnt,net,user,uts,cgroup,time"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "namespaces"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run probe(const struct test_env *env, const char *unshare, const char *words)
{
	return (struct run){
		.document = document("spaces", "'run': {'argv': ['%s/workload_probe', %s]}",
				     env->workloads, words),
		.args = { "--unshare", unshare },
	};
}

/* Of the kinds that clone(2) knows, those in which the workload differs from this process. */
static const char *own_namespaces(pid_t pid)
{
	static const char *const kinds[] = {
		"pid", "ipc", "mnt", "net", "user", "uts", "cgroup", "time",
	};
	char *own = text("%s", "");

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(ns_inode(pid, kinds[i]), ns_inode(getpid(), kinds[i])))
			own = text("%s%s%s", own, *own ? "," : "", kinds[i]);
	return own;
}

/* The workload among the cell's processes: not the init. */
static pid_t workload_of(struct run *run, const struct test_env *env)
{
	struct run list = { .verb = "list", .args = { "--json" } };

	if (!cell_wait(env, run, "spaces", "ready\n") || run_whole(env, &list))
		return 0;
	return (pid_t)json_int_at(json_loads(list.out.bytes, 0, NULL), "0/pid");
}

TEST_F(cell, has_the_namespaces_that_are_asked_for_and_no_others)
{
	static const char *const sets[] = {
		"none", "ipc", "mnt", "net", "user", "uts", "cgroup", "pid,mnt",
		"ipc,mnt", "user,mnt", "pid,mnt,user", "pid,ipc,mnt,net,uts,cgroup", ALL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		struct run run = probe(&self->env, sets[i], "'wait'");
		const char *own;
		pid_t pid;

		run_start(&self->env, &run);
		pid = workload_of(&run, &self->env);
		ASSERT_GT(pid, 0) TH_LOG("%s: %s", sets[i], run_err(&run));
		own = own_namespaces(pid);
		for (const char *word = sets[i]; *word; word += strcspn(word, ","), word += *word == ',') {
			char name[16] = "";

			memcpy(name, word, strcspn(word, ","));
			EXPECT_TRUE(!strcmp(name, "none") || strstr(own, name))
				TH_LOG("%s: has %s", sets[i], own);
		}
		EXPECT_EQ(strcmp(sets[i], "none") ? strlen(sets[i]) : 0, strlen(own))
			TH_LOG("%s: has %s", sets[i], own);
		kill(run.pid, SIGTERM);
		run_finish(&run);
		EXPECT_EQ(128 + SIGTERM, run.status);
		EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
	}
}

TEST_F(cell, is_process_2_and_sees_no_process_of_the_host)
{
	struct run run = probe(&self->env, "pid,mnt", "'cat', '/proc/self/status'");

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nPid:\t2\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nPPid:\t0\n"));
	run = probe(&self->env, "pid,mnt", text("'cat', '/proc/%d/status'", getpid()));
	EXPECT_NE(0, run_whole(&self->env, &run));
	EXPECT_STREQ("", run.out.bytes);
}

/* Process 1 is a program of its own, out of the cell's reach. */
TEST_F(cell, cannot_look_into_process_1_or_end_it)
{
	EXPECT_INSIDE(&self->env, inside_isolated("'unshare': 'pid,mnt'"),
		      "readlink:/proc/1/exe readlink:/proc/1/root readlink:/proc/1/cwd "
		      "read:/proc/1/environ read:/proc/1/maps read:/proc/1/mem list:/proc/1/fd",
		      "EACCES EACCES EACCES EACCES EACCES EACCES EACCES");
	EXPECT_INSIDE(&self->env, inside_isolated("'unshare': 'user,pid,mnt', "
						  "'userMap': {'uid': 0, 'gid': 0}"),
		      "readlink:/proc/1/exe read:/proc/1/mem list:/proc/1/fd",
		      "EACCES EACCES EACCES");
	/* Where Landlock scopes signals none even gets so far as to be ignored. */
	EXPECT_INSIDE(&self->env, inside_isolated("'unshare': 'pid,mnt'"), "signal:1 cat:/proc/1/comm",
		      text("%s cellos-init", landlock_abi() >= 6 ? "EPERM" : "done"));
}

TEST_F(cell, leaves_orphans_to_process_1_which_reaps_them)
{
	EXPECT_INSIDE(&self->env, inside_isolated("'unshare': 'pid,mnt'"), "orphans:200",
		      "done");
}

TEST_F(cell, ends_as_it_does_without_a_pid_namespace)
{
	static const int signals[] = { SIGSEGV, SIGKILL, SIGTERM, SIGABRT, SIGHUP, 34, 64 };
	static const int codes[] = { 0, 1, 125, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct run run = probe(&self->env, ALL, text("'exit', '%d'", codes[i]));

		EXPECT_EQ(codes[i], run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct run run = probe(&self->env, ALL, text("'raise', '%d'", signals[i]));

		EXPECT_EQ(128 + signals[i], run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("signaled", json_text_at(run.report, "/exit/kind"));
		EXPECT_EQ(signals[i], json_int_at(run.report, "/exit/signal"));
	}
}

TEST_F(cell, obeys_and_is_forced_as_without_a_pid_namespace)
{
	struct run obeys = {
		.args = { "--unshare", "pid,mnt" },
		.document = document("ladder", "'lifetime': {'ttlSeconds': 1}, 'run': {'argv': "
				     "['%s/workload_probe', 'wait']}", self->env.workloads),
	};
	struct run ignores = {
		.args = { "--unshare", "pid,mnt" },
		.document = document("ladder", "'lifetime': {'ttlSeconds': 1}, 'run': {'argv': "
				     "['%s/workload_probe', 'ignore'], 'limits': "
				     "{'gracefulShutdownSeconds': 1}}", self->env.workloads),
	};

	EXPECT_EQ(124, run_whole(&self->env, &obeys)) TH_LOG("%s", obeys.err.bytes);
	EXPECT_GT(4000000, json_int_at(obeys.report, "/resources/wallUsec"));
	EXPECT_EQ(124, run_whole(&self->env, &ignores)) TH_LOG("%s", ignores.err.bytes);
	EXPECT_STREQ("ttl", json_text_at(ignores.report, "/exit/reason"));
	/* Less than both seconds: the clock of the TTL begins before the workload's. */
	EXPECT_LT(1200000, json_int_at(ignores.report, "/resources/wallUsec"));
}

TEST_F(cell, has_a_name_and_a_root_of_its_own)
{
	struct run run = probe(&self->env, "uts,cgroup", "'cat', '/proc/sys/kernel/hostname'");
	char *line;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("spaces\n", run.out.bytes);
	run = probe(&self->env, "uts,cgroup", "'cat', '/proc/self/cgroup'");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	line = strstr(run.out.bytes, "0::");
	EXPECT_EQ(0, strncmp(line ?: "", "0::/\n", 5)) TH_LOG("%s", run.out.bytes);
}

TEST_F(cell, has_the_ids_that_its_map_says_and_no_rights_by_them)
{
	struct run run = {
		.args = { "--unshare", "user,pid,mnt" },
		.document = document("mapped", "'run': {'argv': ['%s/workload_probe', 'cat', "
				     "'/proc/self/status'], 'isolation': "
				     "{'userMap': {'uid': 0, 'gid': 7}}}", self->env.workloads),
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nUid:\t0\t0\t0\t0\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nGid:\t7\t7\t7\t7\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapPrm:\t0000000000000000\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapBnd:\t0000000000000000\n"));
}

/* What two cells could share is neither's: objects of IPC, and /dev/shm. */
TEST_F(cell, shares_no_memory_with_another)
{
	const char *own = inside_isolated("'unshare': 'ipc,mnt'");
	struct run one = inside(&self->env, "one", own, "create:/dev/shm/here wait");

	run_start(&self->env, &one);
	ASSERT_GT(cell_wait(&self->env, &one, "one", "ready\n"), 0);
	EXPECT_STREQ("done\nready\n", run_out(&one));
	EXPECT_INSIDE(&self->env, own, "read:/dev/shm/here create:/dev/shm/here", "ENOENT done");
	EXPECT_NE(0, access("/dev/shm/here", F_OK));
	kill(one.pid, SIGTERM);
	run_finish(&one);
	EXPECT_EQ(128 + SIGTERM, one.status);
}

TEST_F(cell, killed_with_its_helper_is_removed_by_reconcile)
{
	const char *before = host_snapshot(&self->env);
	struct run reconcile = { .verb = "reconcile" };

	for (unsigned int i = 0; i < laps(20); i++) {
		struct run run = probe(&self->env, ALL, "'wait'");
		struct timespec soon = { .tv_nsec = (long)i * 400000 };

		run_start(&self->env, &run);
		nanosleep(&soon, NULL);	/* another instant each time */
		kill(run.pid, SIGKILL);
		run_finish(&run);
		EXPECT_EQ(0, run_whole(&self->env, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
		/* The init's end waits until its orphans, who are ours now, are reaped. */
		EXPECT_TRUE(WAIT_FOR(!strcmp(before, host_snapshot(&self->env)))) TH_LOG("lap %u", i);
	}
}

TEST_HARNESS_MAIN
