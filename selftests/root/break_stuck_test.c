// SPDX-License-Identifier: MIT
/*
 * A process that outlives SIGKILL: it waits, uninterruptibly, for a file system whose
 * server has taken the request and never answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/inside.h"

FIXTURE(cell)
{
	struct test_env env;
	pid_t server;
	char *mount;
};

static void answer(int fd, const struct fuse_in_header *in, const void *body, size_t size)
{
	char buf[256] = "";
	struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + size), .unique = in->unique };

	memcpy(buf, &out, sizeof(out));
	memcpy(buf + sizeof(out), body, size);
	if (write(fd, buf, out.len) < 0)
		_exit(1);
}

/* Says that there is a file system, and what its root is; takes all else and is silent. */
static void serve_nothing(int fd)
{
	static char buf[FUSE_MIN_READ_BUFFER * 16];
	const struct fuse_in_header *in = (const void *)buf;

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno != EINTR)
			_exit(0);
		if (in->opcode == FUSE_INIT) {
			const struct fuse_init_out init = {
				.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096,
			};

			answer(fd, in, &init, sizeof(init));
		} else if (in->opcode == FUSE_GETATTR) {
			const struct fuse_attr_out attr = {
				.attr_valid = 60, .attr = { .ino = 1, .mode = S_IFDIR | 0777, .nlink = 2 },
			};

			answer(fd, in, &attr, sizeof(attr));
		}
	}
}

/* In a mount namespace of the test's, which its children are in, too. */
static bool mount_fuse(struct test_env *env, char **ret_mount, pid_t *ret_server)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	pid_t pid;

	*ret_mount = text("%s/fuse", env->dir);
	if (fd < 0 || mkdir(*ret_mount, 0755) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("stuck", *ret_mount, "fuse", MS_NOSUID | MS_NODEV,
		  text("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		serve_nothing(fd);
	close(fd);
	*ret_server = pid;	/* in memory that both share */
	return pid > 0;
}

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "stuck");
	if (!mount_fuse(&self->env, &self->mount, &self->server)) {
		const char *why = strerrorname_np(errno);

		env_teardown(&self->env);
		SKIP(return, "no FUSE file system can be mounted here (%s)", why);
	}
}

FIXTURE_TEARDOWN_PARENT(cell)
{
	if (self->server > 0)
		kill(self->server, SIGKILL);
	env_teardown(&self->env);
}

static bool is_waiting(pid_t pid)
{
	char *where = file_read(text("/proc/%d/wchan", pid), NULL);

	return where && strstr(where, "request_wait_answer");
}

/* The end is bounded, names who is left and where it waits, and is finished later. */
TEST_F_TIMEOUT(cell, that_outlives_sigkill_is_named_and_removed_later, 120)
{
	struct run run = inside(&self->env, "stuck", "'limits': {'gracefulShutdownSeconds': 0}",
				text("ids read:%s/file", self->mount));
	struct run reconcile = { .verb = "reconcile", .args = { "--json" } };
	json_t *residue;
	pid_t pid;

	run_start(&self->env, &run);
	/* Until SIGKILL comes it could be interrupted: then the request is waited for. */
	ASSERT_TRUE(WAIT_FOR((pid = cell_pid(&self->env, "stuck")) > 0 && is_waiting(pid)))
		TH_LOG("%s", run_err(&run));
	kill(run.pid, SIGTERM);
	run_finish_within(&run, 60);
	EXPECT_EQ(125, run.status) TH_LOG("%s", run.err.bytes);
	residue = json_at(run.report, "/teardown/residue");
	EXPECT_FALSE(json_is_true(json_at(run.report, "/teardown/destroyed")));
	EXPECT_STREQ("process", json_text_at(residue, "/0/kind"));
	EXPECT_EQ(pid, json_int_at(residue, "/0/pid"));
	EXPECT_STREQ("D", json_text_at(residue, "/0/state"));
	EXPECT_STREQ("cgroup", json_text_at(residue, "/1/kind"));
	/* The server goes, so the request fails, and the signal gets through. */
	kill(self->server, SIGKILL);
	waitpid(self->server, NULL, 0);
	self->server = 0;
	EXPECT_TRUE(WAIT_FOR(!process_alive(pid)));
	EXPECT_EQ(0, run_whole(&self->env, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
	EXPECT_EQ(NULL, cell_leaf(&self->env, "stuck"));
}

TEST_HARNESS_MAIN
