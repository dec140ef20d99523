// SPDX-License-Identifier: MIT
/*
 * The profiles of system calls, from inside a cell. What they close is also asked for
 * outside, by the same program as an ordinary user.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/unit/seccomp_calls.h"

#define OTHER_UID	12345

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "syscalls"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* A cell that runs the program; @more: members of spec.run. */
static struct run in_cell(const struct test_env *env, const char *word, const char *more)
{
	return (struct run){
		.document = document("syscalls", "'authority': {'egressRules': []}, "
				     "'run': {'argv': ['%s/workload_syscalls', '%s']%s}",
				     env->workloads, word, more),
	};
}

static void become_user(void *word)
{
	char *argv[] = { text("%s/workload_syscalls", getenv("CELLOS_TESTDIR")), word, NULL };

	if (setgroups(0, NULL) < 0 || setresgid(OTHER_UID, OTHER_UID, OTHER_UID) < 0 ||
	    setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
		_exit(97);
	execv(argv[0], argv);
}

static struct run outside(const char *word)
{
	return (struct run){
		.verb = "list", .no_parent = true,
		.before_exec = become_user, .arg = text("%s", word),
	};
}

/* Is this a whole line? */
static bool has_line(const char *lines, const char *line)
{
	size_t size = strlen(line);

	for (; lines; lines = strchr(lines, '\n') ? strchr(lines, '\n') + 1 : NULL)
		if (!strncmp(lines, line, size) && lines[size] == '\n')
			return true;
	return false;
}

static const char *line_of(const struct closed_row *row)
{
	return text("%s: %s", row->name, strerrorname_np(row->errnum));
}

TEST_F(cell, what_the_baseline_closes_fails_as_stated)
{
	struct run run = in_cell(&self->env, "closed", "");

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++) {
		EXPECT_TRUE(has_line(run.out.bytes, line_of(&closed_rows[i])))
			TH_LOG("not so: %s", line_of(&closed_rows[i]));
	}
}

/* So the test above means something: without a filter an ordinary user gets further. */
TEST_F(cell, an_ordinary_user_outside_gets_further)
{
	static const char *const lines[] = {
		"clone3: EINVAL", "ioctl TIOCSTI: ENOTTY", "ioctl TIOCSETD: ENOTTY",
		"shmget: EINVAL", "semop: EINVAL", "shmat: EINVAL",
	};
	struct run plain = outside("closed");
	unsigned int further = 0;

	ASSERT_EQ(0, run_whole(&self->env, &plain)) TH_LOG("%s", plain.err.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++)
		further += !has_line(plain.out.bytes, line_of(&closed_rows[i]));
	EXPECT_GT(further, 20) TH_LOG("%s", plain.out.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		EXPECT_TRUE(has_line(plain.out.bytes, lines[i])) TH_LOG("not so: %s", lines[i]);
	}
}

TEST_F(cell, without_a_profile_the_floor_stays)
{
	struct run run = in_cell(&self->env, "closed", ", 'isolation': {'seccomp': 'none'}");

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++) {
		if (!closed_rows[i].floor)
			continue;
		EXPECT_TRUE(has_line(run.out.bytes, line_of(&closed_rows[i])))
			TH_LOG("not so: %s", line_of(&closed_rows[i]));
	}
	EXPECT_TRUE(has_line(run.out.bytes, "ioctl TIOCSETD: ENOTTY"));
}

TEST_F(cell, objects_of_ipc_are_open_in_a_namespace_of_its_own)
{
	struct run run = in_cell(&self->env, "closed", "");

	run.args[0] = "--unshare=ipc";
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++) {
		EXPECT_EQ(!closed_rows[i].host_ipc,
			  has_line(run.out.bytes, line_of(&closed_rows[i])))
			TH_LOG("%s", line_of(&closed_rows[i]));
	}
}

/* ---- filters of the caller's ---- */

/* A new file of these instructions, and the document of a cell under it. */
static struct run under_filter(const struct test_env *env, const struct sock_filter *ops, size_t n)
{
	static int files;
	char *path = text("%s/filter%d", env->dir, files++);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, ops, n * sizeof(*ops)) != (ssize_t)(n * sizeof(*ops)))
		give_up(path);
	close(fd);
	return (struct run){
		.document = document("filter", "'run': {'argv': ['%s/workload_probe', 'cat', "
				     "'/proc/self/status'], 'isolation': {'seccomp': '%s'}}",
				     env->workloads, path),
	};
}

TEST_F(cell, filter_of_the_callers_stands_above_the_floor)
{
	static const struct sock_filter ops[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEDIUM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	static const struct sock_filter open_all[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct run run = under_filter(&self->env, open_all, 1);

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nSeccomp_filters:\t2\n"));
	/* The workload cannot open what it is to show. */
	run = under_filter(&self->env, ops, ARRAY_SIZE(ops));
	EXPECT_NE(0, run_whole(&self->env, &run));
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	EXPECT_STREQ("", run.out.bytes);
}

TEST_F(cell, filter_that_cannot_be_is_refused_before_anything_is_made)
{
	static const struct sock_filter endless[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	};
	static const struct sock_filter deadly[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const char *before = host_snapshot(&self->env);
	struct run runs[] = {
		under_filter(&self->env, endless, 0), under_filter(&self->env, endless, 1),
		under_filter(&self->env, deadly, 1),
		{ .document = document("filter", "'run': {'argv': ['true'], 'isolation': "
				       "{'seccomp': '%s/none'}}", self->env.dir) },
		{ .document = document("filter", "'run': {'argv': ['true'], 'isolation': "
				       "{'seccomp': '/proc/self/mem'}}") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		EXPECT_EQ(125, run_whole(&self->env, &runs[i])) TH_LOG("%zu", i);
		EXPECT_STREQ("/spec/run/isolation/seccomp", json_text_at(runs[i].report, "/error/field"))
			TH_LOG("%zu: %s", i, runs[i].err.bytes);
		EXPECT_STREQ("check", json_text_at(runs[i].report, "/error/step"));
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

static struct run under_file(const char *path)
{
	return (struct run){
		.document = document("filter", "'run': {'argv': ['true'], 'isolation': "
				     "{'seccomp': '%s'}}", path),
	};
}

/* To open a device is to do something to it: a watchdog begins to count. */
TEST_F(cell, filter_that_is_no_regular_file_is_not_opened)
{
	const char *const paths[] = {
		text("%s/regular", self->env.dir), text("%s/device", self->env.dir),
		text("%s/pipe", self->env.dir), text("%s/folder", self->env.dir),
	};
	struct inotify_event events[8];
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	ASSERT_EQ(0, mknod(paths[0], S_IFREG | 0644, 0));
	ASSERT_EQ(0, mknod(paths[1], S_IFCHR | 0644, makedev(1, 3)));
	ASSERT_EQ(0, mknod(paths[2], S_IFIFO | 0644, 0));
	ASSERT_EQ(0, mkdir(paths[3], 0755));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct run run = under_file(paths[i]);
		int watch = inotify_add_watch(fd, paths[i], IN_OPEN);

		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(i == 0, read(fd, events, sizeof(events)) > 0) TH_LOG("%s", paths[i]);
		EXPECT_EQ(i == 0, !strstr(json_text_at(run.report, "/error/message"),
					  "is no regular file")) TH_LOG("%s", run.err.bytes);
		inotify_rm_watch(fd, watch);
		while (read(fd, events, sizeof(events)) > 0)
			;
	}
}

TEST_F(cell, error_of_a_filter_says_nothing_of_what_is_in_the_file)
{
	static const struct sock_filter ops[] = {
		{ 0x6f72, 0, 0, 0x3a746f }, { 0x4242, 7, 7, 0x42424242 },
		/* As if it were a filter: a jump, a shift, a load, a memory word. */
		{ BPF_JMP | BPF_JA, 0, 0, 0x1234567 }, { BPF_JMP | BPF_JA, 0, 0, 0x7654321 },
		{ BPF_ALU | BPF_LSH | BPF_K, 0, 0, 1234 }, { BPF_ALU | BPF_LSH | BPF_K, 0, 0, 4321 },
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 1235 }, { BPF_LD | BPF_W | BPF_ABS, 0, 0, 4321 },
		{ BPF_ST, 0, 0, 1234 }, { BPF_ST, 0, 0, 4321 },
	};
	const char *messages[2];

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct run run = under_filter(&self->env, &ops[i], 1);

		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		messages[i % 2] = json_text_at(run.report, "/error/message");
		if (i % 2)
			EXPECT_STREQ(messages[0], messages[1]);
	}
}

/* ---- what still works ---- */

TEST_F(cell, ordinary_programs_see_no_difference)
{
	struct run inside = in_cell(&self->env, "open", ""), plain = outside("open");

	ASSERT_EQ(0, run_whole(&self->env, &inside)) TH_LOG("%s", inside.err.bytes);
	ASSERT_EQ(0, run_whole(&self->env, &plain)) TH_LOG("%s", plain.err.bytes);
	EXPECT_STREQ(plain.out.bytes, inside.out.bytes);
	EXPECT_TRUE(has_line(inside.out.bytes, "ptrace: open"));
	EXPECT_TRUE(has_line(inside.out.bytes, "personality: open"));
	EXPECT_TRUE(has_line(inside.out.bytes, "adjtimex: open"));
}

TEST_F(cell, processes_and_threads_can_be_started)
{
	struct run run = in_cell(&self->env, "start", "");

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("pthread_create: open\nclone: open\nfork: open\nvfork: open\n"
		     "posix_spawn: open\nsystem: open\npopen: open\n", run.out.bytes);
}

/* An interpreter of the host's with threads, processes and events of its own. */
TEST_F(cell, python_runs)
{
	static const char program[] =
		"import threading, subprocess, asyncio, os, socket\n"
		"t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
		"subprocess.run([\"/bin/true\"], check=True)\n"
		"asyncio.run(asyncio.sleep(0))\n"
		"a, b = socket.socketpair(); a.send(b\"x\"); b.recv(1)\n"
		"print(len(os.listdir(\"/proc/self/task\")))\n";
	struct run run = {
		.document = document_argv("syscalls", "/usr/bin/python3", "-I", "-c", program,
					  NULL),
	};

	if (access("/usr/bin/python3", X_OK) < 0)
		SKIP(return, "python3 is not there");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("1\n", run.out.bytes);
}

TEST_HARNESS_MAIN
