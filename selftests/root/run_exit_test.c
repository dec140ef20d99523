// SPDX-License-Identifier: MIT
/* How a workload ended, or why it never began: exit status, exit and error object. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "uapi/cellos.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "exit"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run probe(const struct test_env *env, const char *verb, const char *arg)
{
	return (struct run){
		.document = document("exit", "'run': {'argv': ['%s/workload_probe', '%s', '%s'], "
				     "'workingDirectory': '%s'}", env->workloads, verb, arg,
				     env->dir),
	};
}

TEST_F(cell, exit_code_is_the_workloads_own)
{
	/* Also those that speak of the helper: the report tells them apart. */
	static const int codes[] = { 0, 1, 7, 124, 125, 126, 127, 128, 137, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct run run = probe(&self->env, "exit", text("%d", codes[i]));

		EXPECT_EQ(codes[i], run_whole(&self->env, &run));
		EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
		EXPECT_EQ(codes[i], json_int_at(run.report, "/exit/code"));
		EXPECT_EQ(2, json_object_size(json_at(run.report, "/exit")));
		EXPECT_TRUE(json_is_null(json_at(run.report, "/error")));
		EXPECT_TRUE(json_is_true(json_at(run.report, "/teardown/destroyed")));
		EXPECT_EQ(0, run.err.size);
	}
}

/* Does this host dump core for a process in @directory that @sig ends? */
static bool dumps_core(const char *directory, int sig)
{
	const struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &core);
		signal(sig, SIG_DFL);
		if (chdir(directory) == 0)
			raise(sig);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WCOREDUMP(status);
}

TEST_F(cell, signal_that_ends_the_workload_is_named)
{
	const struct {
		int sig;
		const char *name;
	} cases[] = {
		{ SIGSEGV, "SIGSEGV" }, { SIGKILL, "SIGKILL" }, { SIGTERM, "SIGTERM" },
		{ SIGABRT, "SIGABRT" }, { SIGHUP, "SIGHUP" }, { 34, "SIG34" }, { 64, "SIG64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run run = probe(&self->env, "raise", text("%d", cases[i].sig));

		EXPECT_EQ(128 + cases[i].sig, run_whole(&self->env, &run));
		EXPECT_STREQ("signaled", json_text_at(run.report, "/exit/kind"));
		EXPECT_EQ(cases[i].sig, json_int_at(run.report, "/exit/signal"));
		EXPECT_STREQ(cases[i].name, json_text_at(run.report, "/exit/signalName"));
		EXPECT_FALSE(json_is_true(json_at(run.report, "/exit/coreDumped")));
		EXPECT_EQ(4, json_object_size(json_at(run.report, "/exit")));
		EXPECT_TRUE(json_is_null(json_at(run.report, "/error")));
	}
}

/* By default nothing is dumped; who asks for it may also have to write it somewhere. */
TEST_F(cell, core_is_dumped_for_who_asks_for_it)
{
	bool core = dumps_core(self->env.dir, SIGSEGV);
	struct run run = {
		.args = { "--user", "12345:12345" },
		.document = document("core", "'run': {'argv': ['%s/workload_probe', 'raise', '11'], "
				     "'workingDirectory': '%s', "
				     "'process': {'rlimits': {'core': 'unlimited'}}}",
				     self->env.workloads, self->env.dir),
	};

	EXPECT_EQ(128 + SIGSEGV, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(core, json_is_true(json_at(run.report, "/exit/coreDumped")));
}

/* ---- what cannot be executed ---- */

static const char *make_file(const struct test_env *env, const char *name, mode_t mode,
			     const char *bytes)
{
	char *path = text("%s/%s", env->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, bytes, strlen(bytes)) < 0 || fchmod(fd, mode) < 0)
		give_up(path);
	close(fd);
	return path;
}

static const char *make_hidden(const struct test_env *env)
{
	char *folder = text("%s/hidden", env->dir);

	if (mkdir(folder, 0700) < 0)
		give_up(folder);
	return make_file(env, "hidden/program", 0755, "#!/bin/sh\n");
}

static const char *make_fifo(const struct test_env *env)
{
	char *path = text("%s/fifo", env->dir);

	if (mkfifo(path, 0777) < 0 || chmod(path, 0777) < 0)
		give_up(path);
	return path;
}

TEST_F(cell, program_that_cannot_be_executed_is_an_error_of_the_spawn)
{
	const struct {
		int status;
		int errnum;
		const char *errno_name, *argv0;
		bool hint;
	} cases[] = {
		{ 127, ENOENT, "ENOENT", "/none/such", false },
		{ 127, ENOENT, "ENOENT", "no-such-program-anywhere", true },
		{ 127, ENOENT, "ENOENT", "./none", true },
		{ 126, EACCES, "EACCES", self->env.dir, true },
		{ 126, EACCES, "EACCES", make_file(&self->env, "data", 0644, "#!/bin/sh\n"), true },
		{ 126, EACCES, "EACCES", make_fifo(&self->env), true },
		{ 126, EACCES, "EACCES", make_hidden(&self->env), true },
		{ 126, ENOEXEC, "ENOEXEC", make_file(&self->env, "text", 0755, "exit 0\n"), true },
		{ 126, ENOENT, "ENOENT",
		  make_file(&self->env, "script", 0755, "#!/none/interpreter\n"), true },
	};
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run run = { .document = document_argv("exec", cases[i].argv0, NULL) };

		EXPECT_EQ(cases[i].status, run_whole(&self->env, &run))
			TH_LOG("%s", cases[i].argv0);
		EXPECT_STREQ("spawn", json_text_at(run.report, "/error/step"));
		EXPECT_EQ(cases[i].errnum, json_int_at(run.report, "/error/errno"));
		EXPECT_STREQ(cases[i].errno_name, json_text_at(run.report, "/error/errnoName"));
		EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"),
				       cases[i].argv0));
		EXPECT_EQ(cases[i].hint, json_is_string(json_at(run.report, "/error/hint")))
			TH_LOG("%s", cases[i].argv0);
		EXPECT_EQ(6, json_object_size(json_at(run.report, "/error")));
		EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
		EXPECT_EQ(1, json_object_size(json_at(run.report, "/exit")));
		EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
		EXPECT_STREQ("/spec/run/argv/0", json_text_at(run.report, "/error/field"));
		EXPECT_EQ(0, strncmp(run.err.bytes,
				     "cellos-helper: spawn: /spec/run/argv/0: exec: ", 46))
			TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(cases[i].hint, !!strstr(run.err.bytes, "\nhint: "));
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, relative_program_is_looked_for_in_the_working_directory)
{
	struct run run = {
		.document = document("relative", "'run': {'argv': ['./workload_probe', 'exit', "
				     "'6'], 'workingDirectory': '%s'}", self->env.workloads),
	};

	EXPECT_EQ(6, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, program_that_somebody_writes_is_not_executed)
{
	const char *path = make_file(&self->env, "busy", 0755, "#!/bin/sh\n");
	struct run run = { .document = document_argv("busy", path, NULL) };
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(126, run_whole(&self->env, &run));
	EXPECT_STREQ("ETXTBSY", json_text_at(run.report, "/error/errnoName"));
	close(fd);
}

/* ---- a program whose owner does not let it be opened ---- */

static int hold_lease(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* Being asked to release it is a signal, which we do not hear. */
	signal(SIGIO, SIG_IGN);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		give_up("a write lease");
	return fd;
}

TEST_F_TIMEOUT(cell, spawn_ends_at_its_deadline_and_holds_up_no_other_cell, 60)
{
	const char *path = make_file(&self->env, "leased", 0755, "#!/bin/sh\n");
	struct run slow = { .document = document_argv("slow", path, NULL) };
	struct run fast = { .document = document_argv("fast", "true", NULL) };
	const char *before = host_snapshot(&self->env);
	uint64_t begin = test_now_ms(), took;
	int fd = hold_lease(path);

	run_start(&self->env, &slow);
	ASSERT_TRUE(WAIT_FOR(cell_pid(&self->env, "slow") > 0));
	begin = test_now_ms();
	EXPECT_EQ(0, run_whole(&self->env, &fast)) TH_LOG("%s", fast.err.bytes);
	EXPECT_LT(test_now_ms() - begin, 8000);
	run_finish(&slow);
	took = test_now_ms() - begin;
	EXPECT_GT(took, CELLOS_SPAWN_TIMEOUT * 1000 - 1000);
	EXPECT_LT(took, CELLOS_SPAWN_TIMEOUT * 1000 + 8000);
	EXPECT_EQ(125, slow.status);
	EXPECT_STREQ("spawn", json_text_at(slow.report, "/error/step"));
	EXPECT_STREQ("ETIMEDOUT", json_text_at(slow.report, "/error/errnoName"));
	EXPECT_STREQ("failed", json_text_at(slow.report, "/exit/kind"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
	close(fd);
}

TEST_F(cell, caller_may_end_a_spawn_that_hangs)
{
	const char *path = make_file(&self->env, "leased", 0755, "#!/bin/sh\n");
	struct run run = { .document = document_argv("slow", path, NULL) };
	const char *before = host_snapshot(&self->env);
	int fd = hold_lease(path);
	uint64_t begin;

	run_start(&self->env, &run);
	ASSERT_TRUE(WAIT_FOR(cell_pid(&self->env, "slow") > 0));
	begin = test_now_ms();
	kill(run.pid, SIGINT);
	run_finish(&run);
	EXPECT_LT(test_now_ms() - begin, 8000);
	EXPECT_EQ(128 + SIGINT, run.status);
	EXPECT_STREQ("forced", json_text_at(run.report, "/exit/kind"));
	EXPECT_STREQ("caller", json_text_at(run.report, "/exit/reason"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
	close(fd);
}

TEST_HARNESS_MAIN
