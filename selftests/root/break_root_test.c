// SPDX-License-Identifier: MIT
/*
 * Cells of the host's uid 0. They own root's files, and Landlock does not govern what an
 * owner does to modes, times and attributes; and services take their word for root's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/breaking.h"

FIXTURE(root) { struct test_env env; };
FIXTURE_SETUP(root) { env_setup(&self->env, "breakroot"); }
FIXTURE_TEARDOWN_PARENT(root) { env_teardown(&self->env); }

/* The workspace is where the test's files are: so these are in its sight. */
static struct run as_root(const struct test_env *env, const char *tries)
{
	struct run run = breaking(env, "root", text("'workingDirectory': '%s/ws', 'isolation': "
						    "{'unshare': 'pid,mnt'}", env->dir), tries);

	run.args[0] = "--user=0:0";
	return run;
}

/*
 * Mode, owner, times: all but stat(2) of an @n-fold try have failed so. The baseline keeps
 * attributes from getting that far.
 */
static void expect_unchanged(struct __test_metadata *_metadata, const struct run *run,
			     unsigned int n, const char *how)
{
	EXPECT_TRUE(all_lines_of(run->out.bytes, 5 * n, text("done EOPNOTSUPP %s", how)))
		TH_LOG("%s", run->out.bytes);
	EXPECT_EQ(n, count_lines(run->out.bytes, "done")) TH_LOG("%s", run->out.bytes);
	EXPECT_EQ(n, count_lines(run->out.bytes, "EOPNOTSUPP")) TH_LOG("%s", run->out.bytes);
}

static struct timespec changed(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		give_up(path);
	return st.st_ctim;
}

TEST_F(root, changes_nothing_about_the_null_devices)
{
	static const char *const devices[] = {
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	};

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		struct run run = as_root(&self->env, text("owner:%s file:%s", devices[i],
							  devices[i]));
		struct timespec before = changed(devices[i]), after;

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		expect_unchanged(_metadata, &run, 3, "EROFS");
		after = changed(devices[i]);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before))) TH_LOG("%s", devices[i]);
	}
}

/* And yet they are what they are for. */
TEST_F(root, reads_and_writes_the_null_devices)
{
	struct run run = {
		.document = document("root", "'run': {'argv': ['sh', '-c', 'echo x >/dev/null && "
				     "head -c 3 /dev/zero | wc -c && : <>/dev/urandom && echo done'], "
				     "'isolation': {'unshare': 'pid,mnt'}}"),
		.args = { "--user=0:0" },
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("3\ndone\n", run.out.bytes);
}

/* A file that root owns, its program, where it is, its root, its cgroup. */
TEST_F(root, changes_nothing_about_the_files_of_root)
{
	struct run run = as_root(&self->env, text("owner:%s owner:/etc/passwd "
		"owner:/proc/self/exe owner:/proc/self/root owner:/dev owner:%s/cgroup.procs "
		"file:/proc/self/exe file:/etc/passwd file:%s/cgroup.procs", self->env.dir,
		self->env.parent, self->env.mount));

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	expect_unchanged(_metadata, &run, 12, "EROFS");
}

/* Its output is not to be seen: stat(2) has worked, twice for each fd, and nothing else. */
TEST_F(root, with_null_stdio_changes_nothing_about_the_hosts_device)
{
	struct run run = as_root(&self->env, "fd:0 fd:1 fd:2 exit");
	struct timespec before = changed("/dev/null"), after;

	run.args[1] = "--stdio=null";
	EXPECT_EQ(6, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	after = changed("/dev/null");
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

/* ---- what it inherits ---- */

struct stdio { int fd[3]; };

static void put_stdio(void *arg)
{
	const struct stdio *stdio = arg;

	for (int i = 0; i < 3; i++)
		if (dup2(stdio->fd[i], i) < 0)
			_exit(97);
}

static struct stdio pipes(void)
{
	struct stdio stdio;
	int ends[2];

	for (int i = 0; i < 3; i++) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			give_up("pipe2");
		stdio.fd[i] = ends[i > 0];
	}
	return stdio;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0644);

	if (fd < 0)
		give_up(path);
	return fd;
}

/* The document is a file: fd 0 is the cell's. */
static struct run inherits(const struct test_env *env, struct stdio *stdio)
{
	struct run run = as_root(env, "fd:1 exit");
	int fd;

	run.document_path = text("%s/document", env->dir);
	fd = open_file(run.document_path, O_WRONLY | O_CREAT | O_TRUNC);
	if (dprintf(fd, "%s", run.document) < 0)
		give_up(run.document_path);
	close(fd);
	run.args[1] = "--stdio=inherit";
	run.before_exec = put_stdio;
	run.arg = stdio;
	return run;
}

static int open_terminal(void)
{
	int ends[2];

	if (openpty(&ends[0], &ends[1], NULL, NULL, NULL) < 0)
		give_up("openpty");
	return ends[1];
}

static int open_named_pipe(const char *path)
{
	if (mkfifo(path, 0666) < 0)
		give_up(path);
	return open_file(path, O_RDWR);
}

TEST_F(root, inherits_no_file_and_no_device_of_root)
{
	const int fds[] = {
		open_file(text("%s/log", self->env.dir), O_WRONLY | O_CREAT),
		open_file("/etc/passwd", O_RDONLY), open_file("/dev/null", O_RDWR),
		open_named_pipe(text("%s/fifo", self->env.dir)), open_terminal(),
	};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct stdio stdio = pipes();
		struct run run = inherits(&self->env, &stdio);

		stdio.fd[i % 3] = fds[i];
		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%zu", i);
		EXPECT_STREQ("stdio", json_text_at(run.report, "/error/step"));
		EXPECT_STREQ("EPERM", json_text_at(run.report, "/error/errnoName"));
		EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"),
				       text("fd %zu", i % 3)))
			TH_LOG("%s", json_text_at(run.report, "/error/message"));
		EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/hint"), "--stdio pipe"));
		EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
	}
}

/* What is not root's it may have; a pipe without a name belongs to whoever made it. */
TEST_F(root, inherits_pipes_and_files_of_others)
{
	struct stdio stdio = pipes();
	struct run run = inherits(&self->env, &stdio);

	EXPECT_LT(run_whole(&self->env, &run), 125);
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	stdio.fd[1] = open_file(text("%s/others", self->env.dir), O_WRONLY | O_CREAT);
	ASSERT_EQ(0, fchown(stdio.fd[1], CALLER, CALLER));
	EXPECT_EQ(2, run_whole(&self->env, &run));
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
}

/* ---- whom it talks to ---- */

TEST_F(root, reaches_no_unix_socket_of_the_host)
{
	char *stream = text("%s/stream", self->env.dir), *datagram = text("%s/dgram", self->env.dir);
	const char *tries = text("unix connect:%s sendto:%s", stream, datagram);
	struct run run = as_root(&self->env, tries);
	char byte;
	int fd = serve_unix(SOCK_DGRAM, datagram);

	serve_unix(SOCK_STREAM, stream);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(UNIX_CLOSED, inside_answers(&run));
	EXPECT_EQ(-1, recv(fd, &byte, 1, MSG_DONTWAIT));
	/* A uid that nobody obeys may: the servers are there, and say so. */
	run.args[0] = NULL;
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(UNIX_OPEN, inside_answers(&run));
}

TEST_F(root, writes_into_no_named_pipe)
{
	char *path = text("%s/fifo", self->env.dir);
	struct run run = as_root(&self->env, text("fifo:%s", path));

	open_named_pipe(path);	/* somebody reads it */
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EACCES", inside_answers(&run));
}

TEST_F(root, does_not_leave_its_cgroup_or_bear_into_another)
{
	const struct test_env *env = &self->env;
	struct run run = as_root(env, text("move:%s/cgroup.procs move:%s/cgroup.threads "
		"move:%s/cgroup.procs born:%s born:%s sibling", env->mount, env->mount,
		env->parent, env->mount, env->parent));

	ASSERT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_lines_of(run.out.bytes, 7, "EROFS EACCES EPERM ENOSYS"))
		TH_LOG("%s", run.out.bytes);
}

TEST_HARNESS_MAIN
