// SPDX-License-Identifier: MIT
/* Memory, queues and segments that cells could share: with and without namespaces of their own. */
#include <signal.h>
#include <string.h>
#include <sys/shm.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/inside.h"

#define OWN	"'isolation': {'unshare': 'ipc,mnt'}"
#define UNLISTED "'isolation': {'unshare': 'ipc,mnt', 'readWritePaths': []}"
#define LISTED	"'isolation': {'unshare': 'ipc,mnt', 'readWritePaths': ['/dev/mqueue']}"

FIXTURE(cell)
{
	struct test_env env;
	char *key;	/* of a segment; nobody else's */
	char *queue;
	char *shm;
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "ipc");
	self->key = text("%d", 0x43000000 + getpid());
	self->queue = text("/cellos-selftest-%d", getpid());
	self->shm = text("/dev/shm/cellos-selftest-%d", getpid());
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

TEST_F(cell, with_its_own_makes_objects_that_nobody_else_sees)
{
	const char *makes = text("segment:%s create:%s write:%s truncate:%s", self->key, self->shm,
				 self->shm, self->shm);
	const char *finds = text("findsegment:%s read:%s", self->key, self->shm);
	struct run run = inside(&self->env, "one", OWN, text("%s wait", makes));
	const char *before = host_snapshot(&self->env);

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "one", "ready\n"), 0);
	EXPECT_STREQ("done\ndone\ndone\ndone\nready\n", run_out(&run));
	EXPECT_INSIDE(&self->env, OWN, text("%s %s", finds, makes),
		      "ENOENT ENOENT done done done done");
	/* Nor the host. */
	EXPECT_EQ(-1, shmget((key_t)strtol(self->key, NULL, 0), 0, 0));
	EXPECT_NE(0, access(self->shm, F_OK));
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(128 + SIGTERM, run.status);
	/* And they went with it. */
	EXPECT_INSIDE(&self->env, OWN, finds, "ENOENT ENOENT");
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, with_its_own_makes_queues_that_nobody_else_sees)
{
	struct run run = inside(&self->env, "one", OWN, text("queue:%s wait", self->queue));

	if (access("/dev/mqueue", F_OK) < 0)
		SKIP(return, "this host has no /dev/mqueue");
	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "one", "ready\n"), 0);
	EXPECT_STREQ("done\nready\n", run_out(&run));
	EXPECT_INSIDE(&self->env, OWN, text("findqueue:%s queue:%s findqueue:%s", self->queue,
					    self->queue, self->queue), "ENOENT done done");
	EXPECT_NE(0, access(text("/dev/mqueue%s", self->queue), F_OK));
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(128 + SIGTERM, run.status);
	EXPECT_INSIDE(&self->env, OWN, text("findqueue:%s", self->queue), "ENOENT");
}

/* Lists are about them as about all files. */
TEST_F(cell, with_lists_makes_queues_if_they_are_listed)
{
	const char *tries = text("queue:%s", self->queue);

	if (landlock_abi() < 3)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs 3)", landlock_abi());
	if (access("/dev/mqueue", F_OK) < 0)
		SKIP(return, "this host has no /dev/mqueue");
	EXPECT_INSIDE(&self->env, UNLISTED, tries, "EACCES");
	EXPECT_INSIDE(&self->env, LISTED, tries, "done");
}

/* What would outlive the cell it may not make: these are the host's. */
TEST_F(cell, without_leaves_no_objects_on_the_host)
{
	static const char *const members[] = {
		NULL, "'isolation': {'unshare': 'mnt'}", "'isolation': {'unshare': 'pid,mnt,uts'}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		struct run run = inside(&self->env, "none", members[i],
					text("queue:%s segment:%s create:%s", self->queue,
					     self->key, self->shm));

		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(NULL, strstr(run.out.bytes, "done")) TH_LOG("%s", run.out.bytes);
		EXPECT_EQ(-1, shmget((key_t)strtol(self->key, NULL, 0), 0, 0));
		EXPECT_NE(0, access(self->shm, F_OK));
		EXPECT_NE(0, access(text("/dev/mqueue%s", self->queue), F_OK));
	}
}

/* A segment of the host's that anybody may attach is out of reach, with and without. */
TEST_F(cell, does_not_reach_a_segment_of_the_hosts)
{
	static const char *const members[] = { NULL, OWN };
	int id = shmget((key_t)strtol(self->key, NULL, 0), 4096, IPC_CREAT | IPC_EXCL | 0666);

	ASSERT_GE(id, 0);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		struct run run = inside(&self->env, "host", members[i],
					text("findsegment:%s", self->key));

		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(NULL, strstr(run.out.bytes, "done")) TH_LOG("%s", run.out.bytes);
	}
	EXPECT_EQ(0, shmctl(id, IPC_RMID, NULL));
}

TEST_F(cell, has_files_of_memory_and_of_processes)
{
	static const char *const members[] = {
		NULL, OWN, "'isolation': {'unshare': 'pid,mnt'}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		EXPECT_INSIDE(&self->env, members[i], "memfd write:/proc/self/comm "
			      "write:/dev/stdout write:/dev/null", "done done xdone done");
}

TEST_F(cell, shm_is_as_large_as_the_workspace)
{
	EXPECT_INSIDE(&self->env, text("'workingDirectory': '%s/work', 'isolation': {'unshare': "
				       "'ipc,mnt', 'workspaceBytes': 131072}", self->env.dir),
		      "fill:/dev/shm/a fill:a crowd:/dev/shm", "ENOSPC:128 ENOSPC:128 ENOSPC:62");
}

TEST_HARNESS_MAIN
