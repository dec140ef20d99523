// SPDX-License-Identifier: MIT
/*
 * Many cells with all namespaces, one after another and at once: what the host has of
 * namespaces, mounts and processes is afterwards as before.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/inside.h"

#define ALL	"pid,ipc,mnt,net,user,uts,cgroup,time"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "isolation-many"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *members(const struct test_env *env)
{
	return text("'workingDirectory': '%s/work', 'isolation': {'unshare': '" ALL "', "
		    "'hiddenPaths': ['/etc/passwd']}", env->dir);
}

/* Processes in any cell of this test: also those that no child of ours is a parent of. */
static unsigned int cell_processes(const struct test_env *env)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned int n = 0;

	if (!proc)
		give_up("/proc");
	while ((entry = readdir(proc))) {
		char *cgroup;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		cgroup = file_read(text("/proc/%s/cgroup", entry->d_name), NULL);
		n += cgroup && strstr(cgroup, strrchr(env->parent, '/')) != NULL;
		free(cgroup);
	}
	closedir(proc);
	return n;
}

TEST_F_TIMEOUT(cell, one_after_another_leave_nothing, 240)
{
	const char *before = host_snapshot(&self->env);
	const char *mounts = file_read("/proc/self/mountinfo", NULL);

	for (unsigned int i = 0; i < laps(200); i++) {
		struct run run = inside(&self->env, "many", members(&self->env), "ids create:a");

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%u: %s", i, run.err.bytes);
		ASSERT_EQ(0, strncmp(run.out.bytes, "2:0:", 4)) TH_LOG("%u: %s", i, run.out.bytes);
		ASSERT_NE(NULL, strstr(run.out.bytes, "\ndone\n"));
	}
	EXPECT_STREQ(mounts, file_read("/proc/self/mountinfo", NULL));
	EXPECT_EQ(0, cell_processes(&self->env));
	EXPECT_NE(0, access(text("%s/work", self->env.dir), F_OK));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* The init is one of the cell's processes, too. */
static pid_t workload_of(const struct test_env *env, const char *id)
{
	struct run show = { .verb = "show", .args = { id, "--json" } };

	return run_whole(env, &show) ? 0 :
		(pid_t)json_int_at(json_loads(show.out.bytes, 0, NULL), "pid");
}

/* Namespaces live as long as a process, an fd or a mount holds them: the init is the last. */
TEST_F(cell, ends_take_their_namespaces_along)
{
	static const char *const kinds[] = {
		"pid", "ipc", "mnt", "net", "user", "uts", "cgroup", "time",
	};
	struct run run = inside(&self->env, "spaces", members(&self->env), "wait");
	int fds[2] = { -1, -1 }, dir;
	pid_t pid;

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "spaces", "ready\n"), 0);
	pid = workload_of(&self->env, "spaces");
	ASSERT_GT(pid, 0);
	EXPECT_EQ(2, cell_processes(&self->env));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		EXPECT_STRNE(ns_inode(getpid(), kinds[i]), ns_inode(pid, kinds[i]))
			TH_LOG("%s", kinds[i]);
	}
	/* A folder of its /proc, held from here: empty once the pid namespace is gone. */
	dir = open(text("/proc/%d/root/proc", pid), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ASSERT_GE(dir, 0);
	fds[0] = openat(dir, "1", O_PATH | O_DIRECTORY | O_CLOEXEC);
	EXPECT_GE(fds[0], 0);
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(128 + SIGTERM, run.status);
	EXPECT_EQ(-1, openat(dir, "1", O_PATH | O_DIRECTORY | O_CLOEXEC));
	EXPECT_EQ(0, cell_processes(&self->env));
	close(fds[0]);
	close(dir);
}

/* The maps as who is outside reads them: one id each, of the dynamic range. */
TEST_F(cell, ids_are_mapped_one_to_one_or_as_asked)
{
	static const struct {
		const char *map;
		int inside;
	} rows[] = {
		{ "", -1 }, { ", 'userMap': {'uid': 0, 'gid': 7}", 0 },
		{ ", 'userMap': {'uid': 4294967294, 'gid': 7}", -2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *own = text("'isolation': {'unshare': 'user'%s}", rows[i].map);
		struct run run = inside(&self->env, "map", own, "ids wait");
		unsigned int uid = 0, in = 1, out = 1, count = 0, told = 3;
		pid_t pid;

		run_start(&self->env, &run);
		pid = cell_wait(&self->env, &run, "map", "ready\n");
		ASSERT_GT(pid, 0);
		ASSERT_EQ(1, sscanf(proc_status(pid, "Uid"), "%u", &uid));
		ASSERT_EQ(3, sscanf(file_read(text("/proc/%d/uid_map", pid), NULL), "%u %u %u", &in,
				    &out, &count));
		ASSERT_EQ(1, sscanf(run_out(&run), "%*d:%*d:%u", &told));
		EXPECT_EQ(uid, out);
		EXPECT_EQ(1, count);
		EXPECT_EQ(in, told);
		EXPECT_LE(2000000000, uid);
		EXPECT_EQ(rows[i].inside == -1 ? uid : (unsigned int)rows[i].inside, in)
			TH_LOG("row %zu", i);
		ASSERT_EQ(3, sscanf(file_read(text("/proc/%d/gid_map", pid), NULL), "%u %u %u", &in,
				    &out, &count));
		EXPECT_EQ(uid, out);
		EXPECT_EQ(1, count);
		EXPECT_EQ(rows[i].inside == -1 ? uid : 7, in);
		kill(run.pid, SIGTERM);
		run_finish(&run);
	}
}

TEST_HARNESS_MAIN
