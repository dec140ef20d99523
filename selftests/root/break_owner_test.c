// SPDX-License-Identifier: MIT
/*
 * Cells whose uid owns cgroups: those of a caller to whom a tree of them is delegated, and
 * of root for the uid of one. They cannot leave theirs, nor write what else the uid owns.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/breaking.h"

FIXTURE(owner)
{
	struct test_env tree;
	struct test_env env;
	struct caller caller;
};

/* Who asks for the cell: the owner of a tree, or root for the uid that may write one file. */
FIXTURE_VARIANT(owner) { bool is_caller; };
FIXTURE_VARIANT_ADD(owner, who_calls) { true };
FIXTURE_VARIANT_ADD(owner, for_whom_root_calls) { false };

FIXTURE_SETUP(owner)
{
	if (variant->is_caller) {
		caller_tree(&self->tree, &self->env, &self->caller, "breakowner");
		return;
	}
	env_setup(&self->tree, "breakowner");
	self->env = self->tree;
	self->caller.supervisor = self->tree.parent;
	ASSERT_EQ(0, chown(text("%s/cgroup.procs", self->env.parent), CALLER, CALLER));
}

FIXTURE_TEARDOWN_PARENT(owner) { env_teardown(&self->tree); }

static struct run owned(const struct test_env *env, struct caller *caller, bool is_caller,
			const char *tries)
{
	/* The workspace is where the test's files are: so these are in its sight. */
	struct run run = breaking(env, "owned", text("'workingDirectory': '%s/ws', 'isolation': "
						     "{'unshare': 'pid,mnt'}", env->dir), tries);

	if (is_caller) {
		run.before_exec = caller_becomes;
		run.arg = caller;
	} else {
		run.args[0] = text("--user=%d:%d", CALLER, CALLER);
	}
	return run;
}

TEST_F(owner, moves_into_no_cgroup_and_bears_no_child_there)
{
	const struct test_env *env = &self->env;
	struct run run = owned(env, &self->caller, variant->is_caller, text(
		"move:%s/cgroup.procs move:%s/cgroup.threads move:%s/cgroup.procs "
		"move:%s/cgroup.procs move:%s/cgroup.procs born:%s born:%s born:%s", env->parent,
		env->parent, self->caller.supervisor, self->tree.parent, env->mount, env->parent,
		self->caller.supervisor, self->tree.parent));

	ASSERT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_lines_of(run.out.bytes, 8, "EROFS EACCES ENOSYS"))
		TH_LOG("%s", run.out.bytes);
	EXPECT_EQ(3, count_lines(run.out.bytes, "ENOSYS")) TH_LOG("%s", run.out.bytes);
}

/* It owns them, and would also be allowed to open the pipe on a read-only mount. */
TEST_F(owner, writes_no_file_and_no_named_pipe_of_its_own)
{
	char *file = text("%s/file", self->env.dir), *fifo = text("%s/fifo", self->env.dir);
	struct run run = owned(&self->env, &self->caller, variant->is_caller,
			       text("fifo:%s owner:%s owner:%s file:%s", fifo, fifo, file, file));
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ASSERT_EQ(0, mkfifo(fifo, 0600));
	ASSERT_GE(open(fifo, O_RDWR | O_CLOEXEC), 0);	/* somebody reads it */
	ASSERT_EQ(0, chown(fifo, CALLER, CALLER) + fchown(fd, CALLER, CALLER));
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(run.out.bytes, "EACCES\n", 7)) TH_LOG("%s", run.out.bytes);
	EXPECT_EQ(12, count_lines(run.out.bytes, "EROFS")) TH_LOG("%s", run.out.bytes);
	EXPECT_EQ(4, count_lines(run.out.bytes, "EOPNOTSUPP")) TH_LOG("%s", run.out.bytes);
	EXPECT_EQ(4, count_lines(run.out.bytes, "done")) TH_LOG("%s", run.out.bytes);
}

/* A daemon of its uid outside of the cell is bound by none of the cell's rules. */
TEST_F(owner, reaches_no_unix_socket_of_its_own)
{
	char *stream = text("%s/stream", self->env.dir), *datagram = text("%s/dgram", self->env.dir);
	struct run run = owned(&self->env, &self->caller, variant->is_caller,
			       text("unix connect:%s sendto:%s", stream, datagram));

	serve_unix(SOCK_STREAM, stream);
	serve_unix(SOCK_DGRAM, datagram);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(UNIX_CLOSED, inside_answers(&run));
}

/* Its stdout, and who asks for the cell. */
struct heir {
	int fd;
	struct caller *caller;
};

static void inherit(void *arg)
{
	const struct heir *heir = arg;

	if (dup2(heir->fd, STDOUT_FILENO) < 0)
		_exit(97);
	if (heir->caller)
		caller_becomes(heir->caller);
}

/* By an fd from outside it could make a setuid program of its uid's of what it has written. */
TEST_F(owner, inherits_no_file_of_its_own)
{
	int fd = open(text("%s/out", self->env.dir), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct heir heir = { fd, variant->is_caller ? &self->caller : NULL };
	struct run run = owned(&self->env, &self->caller, variant->is_caller, "read:/dev/null");

	run.args[variant->is_caller ? 0 : 1] = "--stdio=inherit";
	run.before_exec = inherit;
	run.arg = &heir;
	ASSERT_EQ(0, fchown(fd, CALLER, CALLER));
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("stdio", json_text_at(run.report, "/error/step"));
	EXPECT_STREQ("EPERM", json_text_at(run.report, "/error/errnoName"));
	/* Of another's file it cannot. */
	ASSERT_EQ(0, fchown(fd, 0, 0));
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

/* What it has is its workspace, and the devices that leave no trace. */
TEST_F(owner, writes_into_its_workspace)
{
	struct run run = owned(&self->env, &self->caller, variant->is_caller, "read:/dev/null");

	run.document = document("owned", "'run': {'argv': ['sh', '-c', 'echo a >a && chmod 600 a && "
				"mkfifo b && echo x >/dev/null && cat a'], 'workingDirectory': "
				"'%s/ws', 'isolation': {'unshare': 'pid,mnt'}}", self->env.dir);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("a\n", run.out.bytes);
}

TEST_HARNESS_MAIN
