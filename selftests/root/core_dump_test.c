// SPDX-License-Identifier: MIT
/* Core dumps are off: what a cell's death starts on the host. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/inside.h"

#define PATTERN		"/proc/sys/kernel/core_pattern"
#define PIPE_LIMIT	"/proc/sys/kernel/core_pipe_limit"
/* The kernel starts the handler where it sees no mount but the first. */
#define HANDLER		"/cellos-core-handler"
#define DUMP		"/cellos-core-dump"

/* ---- the limit ---- */

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "core"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

TEST_F(cell, keeps_the_limit_that_it_was_born_with)
{
	static const char *const profiles[] = { "baseline", "none" };

	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		const char *none = text("'isolation': {'seccomp': '%s'}", profiles[i]);
		const char *given = text("%s, 'process': {'rlimits': {'core': 4096}}", none);

		EXPECT_INSIDE(&self->env, none, "nocores rlimit:4", "done done done 1:1");
		EXPECT_INSIDE(&self->env, given, "nocores rlimit:4", "done done done 4096:4096");
	}
}

struct helper {
	const char *pattern;	/* a file that the helper takes for core_pattern */
	rlim_t hard;
};

static void become_helper(void *arg)
{
	const struct helper *helper = arg;
	const struct rlimit core = { 0, helper->hard };

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(helper->pattern, PATTERN, NULL, MS_BIND, NULL) < 0 ||
	    setrlimit(RLIMIT_CORE, &core) < 0)
		_exit(97);
}

static struct run under(const struct test_env *env, struct helper *helper, const char *pattern,
			const char *members)
{
	struct run run = inside(env, "core", members, "rlimit:4");
	char *path = text("%s/pattern", env->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, pattern, strlen(pattern)) < 0)
		give_up(path);
	close(fd);
	helper->pattern = path;
	run.before_exec = become_helper;
	run.arg = helper;
	return run;
}

TEST_F(cell, without_a_limit_that_stops_the_hosts_handler_is_refused)
{
	static const struct {
		const char *pattern;
		rlim_t hard;
		const char *message, *hint;
	} rows[] = {
		{ "|/usr/lib/handler %p\n", 0, "names a program", "ulimit -Hc 1" },
		{ "@/run/handler\n", 0, "names a socket", "a file or a program" },
		{ "@/run/handler\n", RLIM_INFINITY, "names a socket", "a file or a program" },
		{ "@@/run/handler\n", 1, "names a socket", "a file or a program" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct helper helper = { .hard = rows[i].hard };
		struct run run = under(&self->env, &helper, rows[i].pattern, NULL);

		EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/rlimits/core",
			       rows[i].message, rows[i].hint);
		EXPECT_STREQ("check", json_text_at(run.report, "/error/step"));
	}
}

TEST_F(cell, with_such_a_limit_or_one_of_its_callers_runs)
{
	static const struct {
		const char *pattern;
		rlim_t hard;
		const char *members, *limit;
	} rows[] = {
		{ "|/usr/lib/handler %p\n", 1, NULL, "1:1" },
		{ "|/usr/lib/handler %p\n", RLIM_INFINITY, NULL, "1:1" },
		{ "core\n", 0, NULL, "0:0" },
		{ "\n", 0, NULL, "0:0" },
		{ "|/usr/lib/handler %p\n", 0, "'process': {'rlimits': {'core': 0}}", "0:0" },
		{ "@/run/handler\n", 9, "'process': {'rlimits': {'core': 9}}", "9:9" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct helper helper = { .hard = rows[i].hard };
		struct run run = under(&self->env, &helper, rows[i].pattern, rows[i].members);

		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ(rows[i].limit, inside_answers(&run)) TH_LOG("%zu", i);
	}
}

/* ---- the handler: in a guest, for a pattern is the whole host's ---- */

FIXTURE(handler)
{
	struct test_env env;
	bool guest;
	char pattern[256];
	char limit[16];
};

static void make_handler(const char *path)
{
	static const char script[] = "#!/bin/sh\ncat >" DUMP "\n";
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, script, sizeof(script) - 1) != sizeof(script) - 1)
		give_up(path);
	close(fd);
}

FIXTURE_SETUP(handler)
{
	size_t size;

	env_setup(&self->env, "core");
	self->guest = getenv("CELLOS_TEST_GUEST");
	if (!self->guest)
		return;
	snprintf(self->pattern, sizeof(self->pattern), "%s", file_read(PATTERN, &size));
	snprintf(self->limit, sizeof(self->limit), "%s", file_read(PIPE_LIMIT, &size));
	make_handler(HANDLER);
	/* So the process whose core is dumped ends after the handler. */
	ASSERT_EQ(0, file_write(PIPE_LIMIT, "4"));
	ASSERT_EQ(0, file_write(PATTERN, "|" HANDLER));
}

FIXTURE_TEARDOWN_PARENT(handler)
{
	if (self->guest) {
		file_write(PATTERN, self->pattern);
		file_write(PIPE_LIMIT, self->limit);
		unlink(HANDLER);
		unlink(DUMP);
	}
	env_teardown(&self->env);
}

/* How many bytes the handler was given; -1: it did not run. Forgets them. */
static long dumped(void)
{
	struct stat st;
	long size = stat(DUMP, &st) < 0 ? -1 : (long)st.st_size;

	unlink(DUMP);
	return size;
}

TEST_F(handler, of_the_host_never_runs_for_a_cell_that_lowers_its_limit)
{
	static const char *const profiles[] = { "baseline", "none" };
	const struct rlimit none = { 0, 0 };
	pid_t pid;

	if (!self->guest)
		SKIP(return, "not in a guest: kernel.core_pattern of this host stays as it is");
	/* It runs for others, so that what follows means something. */
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		raise(SIGSEGV);
	}
	waitpid(pid, NULL, 0);
	ASSERT_LT(0, dumped());
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct run run = inside(&self->env, "core",
					text("'isolation': {'seccomp': '%s'}", profiles[i]),
					"nocores raise:11");
		struct run shell = {
			.document = document("core", "'run': {'argv': ['/bin/sh', '-c', "
					     "'ulimit -c 0; kill -SEGV $$'], 'isolation': "
					     "{'seccomp': '%s'}}", profiles[i]),
		};

		EXPECT_EQ(128 + SIGSEGV, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_FALSE(json_is_true(json_at(run.report, "/exit/coreDumped")));
		EXPECT_EQ(-1, dumped());
		EXPECT_EQ(128 + SIGSEGV, run_whole(&self->env, &shell))
			TH_LOG("%s", shell.err.bytes);
		EXPECT_EQ(-1, dumped());
	}
}

/* A caller that leaves it to the handler has it. */
TEST_F(handler, of_the_host_runs_for_a_cell_whose_caller_says_so)
{
	struct run run = inside(&self->env, "core", "'process': {'rlimits': {'core': 0}}",
				"raise:11");

	if (!self->guest)
		SKIP(return, "not in a guest: kernel.core_pattern of this host stays as it is");
	EXPECT_EQ(128 + SIGSEGV, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_LT(0, dumped());
}

TEST_HARNESS_MAIN
