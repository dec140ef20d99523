// SPDX-License-Identifier: MIT
/*
 * Births in a cgroup whose OOM kills all that is in it, and with each of them whoever
 * shares its memory: the helper must not be among these.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/limits.h"

#define KIB	1024

FIXTURE(cell)
{
	struct test_env env;
	const char *missing;
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "birth");
	self->missing = limits_missing(&self->env, "memory");
	if (self->missing) {
		env_teardown(&self->env);
		SKIP(return, "%s", self->missing);
	}
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static void expect_oom_before_exec(struct __test_metadata *_metadata, struct run *run)
{
	EXPECT_EQ(125, run->status) TH_LOG("%s", run->err.bytes);
	EXPECT_STREQ("failed", json_text_at(run->report, "/exit/kind"));
	EXPECT_STREQ("spawn", json_text_at(run->report, "/error/step"));
	EXPECT_STREQ("ENOMEM", json_text_at(run->report, "/error/errnoName"));
	EXPECT_NE(NULL, strstr(json_text_at(run->report, "/error/message"), "out of memory"))
		TH_LOG("%s", run->err.bytes);
	EXPECT_TRUE(json_is_true(json_at(run->report, "/oomKilled")));
}

/* ---- the cell's own limit ---- */

static struct run grouped(const struct test_env *env, unsigned int bytes, const char *unshare)
{
	return (struct run){
		.document = document("limits", "'run': {'argv': ['%s/workload_limits', 'burn', "
				     "'1'], 'isolation': {'unshare': '%s'}, 'limits': {"
				     "'memoryOomGroup': true, 'memoryMaxBytes': %u}}",
				     env->workloads, unshare, bytes),
	};
}

/* Said to be too low, or, past exec, ended by the OOM killer, or it was enough. */
static void check_told(struct __test_metadata *_metadata, struct run *run)
{
	ASSERT_NE(NULL, run->report);
	EXPECT_TRUE(json_is_true(json_at(run->report, "/teardown/destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(run->report, "/teardown/residue")));
	if (run->status == 0)
		return;
	if (run->status == 128 + SIGKILL) {
		EXPECT_STREQ("signaled", json_text_at(run->report, "/exit/kind"));
		EXPECT_TRUE(json_is_true(json_at(run->report, "/oomKilled")));
		return;
	}
	EXPECT_EQ(125, run->status);
	EXPECT_STREQ("failed", json_text_at(run->report, "/exit/kind"));
	EXPECT_STREQ("/spec/run/limits/memoryMaxBytes", json_text_at(run->report, "/error/field"));
	EXPECT_NE(NULL, strstr(json_text_at(run->report, "/error/hint"), "too low to start"))
		TH_LOG("%s", run->err.bytes);
}

static void climb(struct __test_metadata *_metadata, const struct test_env *env,
		  const char *unshare)
{
	const char *before = host_snapshot(env);
	bool refused = false;

	for (unsigned int bytes = 16 * KIB; bytes <= 256 * KIB; bytes += 16 * KIB) {
		struct run run = grouped(env, bytes, unshare);

		run_start(env, &run);
		run_finish_within(&run, 40);
		TH_LOG("%u bytes: status %d, %s", bytes, run.status,
		       json_text_at(run.report, "/error/message"));
		check_told(_metadata, &run);
		EXPECT_STREQ(before, host_snapshot(env));
		refused |= run.status == 125;
	}
	EXPECT_TRUE(refused);
}

TEST_F_TIMEOUT(cell, with_group_kill_and_little_memory_is_reported, 200)
{
	climb(_metadata, &self->env, "none");
}

TEST_F_TIMEOUT(cell, with_group_kill_little_memory_and_an_init_is_reported, 200)
{
	climb(_metadata, &self->env, "pid,mnt");
}

/* ---- the limit of a cgroup above ---- */

/* Up to two, or how many there are. */
static unsigned int cell_pair(const struct test_env *env, const char *id, pid_t ret[2])
{
	char *leaf = cell_leaf(env, id);
	char *procs = leaf ? file_read(text("%s/cgroup.procs", leaf), NULL) : NULL;
	int n = procs ? sscanf(procs, "%d\n%d\n", &ret[0], &ret[1]) : 0;

	return n < 0 ? 0 : (unsigned int)n;
}

/* What cannot be dumped has files in /proc that are root's, whosever process it is. */
static bool is_closed(pid_t pid)
{
	struct stat st;

	return stat(text("/proc/%d/mem", pid), &st) == 0 && st.st_uid == 0 &&
	       strncmp("0\t", proc_status(pid, "Uid"), 2);
}

static int hold_lease(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, "#!/bin/sh\n", 10) != 10 || fchmod(fd, 0755) < 0)
		give_up("a program");
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Being asked to release it is a signal, which we do not hear. */
	signal(SIGIO, SIG_IGN);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		give_up("a write lease");
	return fd;
}

/*
 * A host's group above all cells, at its limit while one of them is being born: it is in
 * its exec, which lasts as long as somebody holds a lease on the program.
 */
TEST_F_TIMEOUT(cell, being_born_dies_alone_when_a_neighbour_fills_the_parent, 60)
{
	char *path = text("%s/leased", self->env.dir);
	struct run slow = { .document = document("slow", "'run': {'argv': ['%s'], 'isolation': "
						 "{'unshare': 'pid,mnt'}}", path) };
	struct run eater = {
		.document = document("eater", "'run': {'argv': ['%s/workload_limits', 'eat', "
				     "'134217728']}", self->env.workloads),
	};
	const char *before = host_snapshot(&self->env);
	int fd = hold_lease(path);
	pid_t pair[2];

	ASSERT_EQ(0, file_write(text("%s/memory.swap.max", self->env.parent), "0"));
	ASSERT_EQ(0, file_write(text("%s/memory.max", self->env.parent), "67108864"));
	ASSERT_EQ(0, file_write(text("%s/memory.oom.group", self->env.parent), "1"));
	run_start(&self->env, &slow);
	/* Its init, and itself: a copy of the helper with the uid of the cell. */
	ASSERT_TRUE(WAIT_FOR(cell_pair(&self->env, "slow", pair) == 2 && is_closed(pair[0]) &&
			     is_closed(pair[1])));
	EXPECT_EQ(128 + SIGKILL, run_whole(&self->env, &eater)) TH_LOG("%s", eater.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(eater.report, "/oomKilled")));
	run_finish(&slow);
	expect_oom_before_exec(_metadata, &slow);
	EXPECT_STREQ("(none)", json_text_at(slow.report, "/error/field"));
	EXPECT_NE(NULL, strstr(json_text_at(slow.report, "/error/hint"), "above"));
	EXPECT_TRUE(json_is_true(json_at(slow.report, "/teardown/destroyed")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
	close(fd);
}

/* ---- what a child with memory of its own tells ---- */

static const struct {
	const char *run;
	const char *unshare;
	int status;
	const char *message;
} births[] = {
	{ "'argv': ['true']", "none", 0, "(none)" },
	{ "'argv': ['true']", "pid,ipc,mnt,net,user,uts,cgroup,time", 0, "(none)" },
	{ "'argv': ['true'], 'workingDirectory': '/tmp/own', 'isolation': {'workspaceBytes': 65536}",
	  "pid,ipc,mnt", 0, "(none)" },
	{ "'argv': ['true'], 'workingDirectory': '/tmp/own', 'isolation': {'workspaceBytes': 65536}",
	  "mnt", 0, "(none)" },
	{ "'argv': ['/nowhere']", "none", 127, "exec: /nowhere" },
	{ "'argv': ['/nowhere']", "pid,mnt", 127, "exec: /nowhere" },
	{ "'argv': ['true'], 'workingDirectory': '/nowhere'", "none", 125,
	  "workingDirectory: /nowhere" },
	{ "'argv': ['true'], 'isolation': {'hiddenPaths': ['/nowhere']}", "pid,mnt", 125,
	  "mounts: /nowhere" },
};

TEST_F_TIMEOUT(cell, with_memory_of_its_own_begins_and_fails_as_any_other, 60)
{
	const char *before = host_snapshot(&self->env);

	ASSERT_EQ(0, file_write(text("%s/memory.oom.group", self->env.parent), "1"));
	for (size_t i = 0; i < sizeof(births) / sizeof(births[0]); i++) {
		struct run run = {
			.document = document("own", "'run': {%s}", births[i].run),
			.args = { "--unshare", births[i].unshare },
		};

		EXPECT_EQ(births[i].status, run_whole(&self->env, &run))
			TH_LOG("%zu: %s", i, run.err.bytes);
		EXPECT_STREQ(births[i].message, json_text_at(run.report, "/error/message"))
			TH_LOG("%zu: %s", i, run.err.bytes);
		EXPECT_TRUE(json_is_true(json_at(run.report, "/teardown/destroyed")));
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
}

TEST_HARNESS_MAIN
