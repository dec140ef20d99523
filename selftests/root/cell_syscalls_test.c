// SPDX-License-Identifier: MIT
/*
 * The profiles of system calls, from inside a cell. What they close is also asked for
 * outside, by the same program as an ordinary user.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
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

/* A profile or a namespace that this version may not have yet: is it refused by name? */
static bool is_built(struct __test_metadata *_metadata, const struct test_env *env,
		     struct run *run)
{
	if (run_whole(env, run) != 125)
		return true;
	EXPECT_NE(NULL, strstr(run->err.bytes, "not built yet")) TH_LOG("%s", run->err.bytes);
	return false;
}

TEST_F(cell, without_a_profile_the_floor_stays)
{
	struct run run = in_cell(&self->env, "closed", ", 'isolation': {'seccomp': 'none'}");

	if (!is_built(_metadata, &self->env, &run))
		SKIP(return, "run.isolation.seccomp is not built yet");
	ASSERT_EQ(0, run.status);
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++) {
		if (!closed_rows[i].floor)
			continue;
		EXPECT_TRUE(has_line(run.out.bytes, line_of(&closed_rows[i])))
			TH_LOG("not so: %s", line_of(&closed_rows[i]));
	}
	EXPECT_TRUE(has_line(run.out.bytes, "clone3: EINVAL"));
	EXPECT_TRUE(has_line(run.out.bytes, "ioctl TIOCSTI: ENOTTY"));
}

TEST_F(cell, objects_of_ipc_are_open_in_a_namespace_of_its_own)
{
	struct run run = in_cell(&self->env, "closed", "");

	run.args[0] = "--unshare=ipc";
	if (!is_built(_metadata, &self->env, &run))
		SKIP(return, "--unshare ipc is not built yet");
	ASSERT_EQ(0, run.status);
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++) {
		EXPECT_EQ(!closed_rows[i].host_ipc,
			  has_line(run.out.bytes, line_of(&closed_rows[i])))
			TH_LOG("%s", line_of(&closed_rows[i]));
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
