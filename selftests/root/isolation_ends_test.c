// SPDX-License-Identifier: MIT
/*
 * How a cell ends is told the same whether or not it has a pid namespace: every ending is
 * made once without and once with all namespaces, and the reports are compared.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/inside.h"

#define ALL	"pid,ipc,mnt,net,user,uts,cgroup,time"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "ends"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run without(const struct test_env *env, const char *members, const char *tries)
{
	return inside(env, "ends", members, tries);
}

static struct run with(const struct test_env *env, const char *members, const char *tries)
{
	struct run run = inside(env, "ends", members, tries);

	run.args[0] = "--unshare";
	run.args[1] = ALL;
	return run;
}

static struct run (*const makers[])(const struct test_env *env, const char *members,
				    const char *tries) = { without, with };

/* What a report says of the end, as text. */
static const char *end_of(const struct run *run)
{
	json_t *exit = json_at(run->report, "/exit");
	char *ending = exit ? json_dumps(exit, JSON_SORT_KEYS) : NULL;

	return text("%d %s residue %zu", run->status, ending ?: "(none)",
		    json_array_size(json_at(run->report, "/teardown/residue")));
}

/* Ends that the workload brings about itself. */
static void expect_same(struct __test_metadata *_metadata, const struct test_env *env,
			const char *members, const char *tries)
{
	const char *ends[2], *before = host_snapshot(env);

	for (int i = 0; i < 2; i++) {
		struct run run = makers[i](env, members, tries);

		run_whole(env, &run);
		ends[i] = end_of(&run);
		EXPECT_EQ(0, run.err.size) TH_LOG("%s: %s", tries, run.err.bytes);
	}
	EXPECT_STREQ(ends[0], ends[1]) TH_LOG("%s", tries);
	EXPECT_NE(NULL, strstr(ends[0], "residue 0"));
	EXPECT_STREQ(before, host_snapshot(env)) TH_LOG("%s", tries);
}

TEST_F_TIMEOUT(cell, by_every_signal_is_told_the_same, 180)
{
	for (int sig = 1; sig <= 64; sig++) {
		/* These do not end a process. */
		if (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH ||
		    sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			continue;
		/* Not all of the real-time ones, which are alike. */
		if (sig > 35 && sig < 64)
			continue;
		expect_same(_metadata, &self->env, NULL, text("raise:%d exit:99", sig));
	}
}

TEST_F(cell, by_abort_and_by_exit_codes_is_told_the_same)
{
	static const char *const tries[] = {
		"abort", "exit:0", "exit:1", "exit:124", "exit:137", "exit:255",
	};
	struct run run = with(&self->env, NULL, "abort");

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		expect_same(_metadata, &self->env, NULL, tries[i]);
	EXPECT_EQ(128 + SIGABRT, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("SIGABRT", json_text_at(run.report, "/exit/signalName"));
}

TEST_F(cell, by_a_core_dump_is_told_the_same)
{
	const char *core = "'process': {'rlimits': {'core': 'unlimited'}}";

	expect_same(_metadata, &self->env, core, "abort");
	expect_same(_metadata, &self->env, "'process': {'rlimits': {'core': 0}}", "abort");
}

/* Ends that come from outside, once the cell is up. */
static void end_from_outside(struct __test_metadata *_metadata, const struct test_env *env,
			     void (*end)(const struct test_env *env, struct run *run),
			     const char *expected)
{
	const char *ends[2], *before = host_snapshot(env);

	for (int i = 0; i < 2; i++) {
		struct run run = makers[i](env, NULL, "wait");

		run_start(env, &run);
		EXPECT_GT(cell_wait(env, &run, "ends", "ready\n"), 0);
		end(env, &run);
		run_finish(&run);
		ends[i] = end_of(&run);
	}
	EXPECT_STREQ(ends[0], ends[1]);
	EXPECT_NE(NULL, strstr(ends[1], expected)) TH_LOG("%s", ends[1]);
	EXPECT_NE(NULL, strstr(ends[1], "residue 0")) TH_LOG("%s", ends[1]);
	EXPECT_STREQ(before, host_snapshot(env));
}

static void by_verb(const struct test_env *env, const char *verb, const char *more)
{
	struct run run = { .verb = verb, .args = { "ends", more } };

	if (run_whole(env, &run))
		fprintf(stderr, "# %s: %s\n", verb, run.err.bytes);
}

static void by_kill(const struct test_env *env, struct run *run)
{
	(void)run;
	by_verb(env, "kill", NULL);
}

static void by_kill_usr2(const struct test_env *env, struct run *run)
{
	(void)run;
	by_verb(env, "kill", "SIGUSR2");
}

static void by_kill_kill(const struct test_env *env, struct run *run)
{
	(void)run;
	by_verb(env, "kill", "9");
}

static void by_destroy(const struct test_env *env, struct run *run)
{
	(void)run;
	by_verb(env, "destroy", NULL);
}

static void by_caller(const struct test_env *env, struct run *run)
{
	(void)env;
	kill(run->pid, SIGINT);
}

TEST_F(cell, by_verbs_and_by_the_caller_is_told_the_same)
{
	end_from_outside(_metadata, &self->env, by_kill, "\"SIGTERM\"");
	end_from_outside(_metadata, &self->env, by_kill_usr2, "\"SIGUSR2\"");
	end_from_outside(_metadata, &self->env, by_kill_kill, "\"SIGKILL\"");
	end_from_outside(_metadata, &self->env, by_destroy, "137 {\"exitCode\": null, \"kind\": "
			 "\"forced\", \"reason\": \"destroy\"}");
	end_from_outside(_metadata, &self->env, by_caller, "130 {\"exitCode\": null, \"kind\": "
			 "\"forced\", \"reason\": \"caller\"}");
}

/* What cannot begin is told the same, too. */
TEST_F(cell, that_never_begins_is_told_the_same)
{
	static const char *const programs[] = {
		"/none/such", "no-such-program", "/etc", "/etc/passwd",
	};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct run runs[2] = { { .args = { NULL } }, { .args = { "--unshare", ALL } } };
		const char *before = host_snapshot(&self->env);

		for (int k = 0; k < 2; k++) {
			runs[k].document = document_argv("begin", programs[i], NULL);
			run_whole(&self->env, &runs[k]);
		}
		EXPECT_LE(126, runs[1].status) TH_LOG("%s", programs[i]);
		EXPECT_STREQ(end_of(&runs[0]), end_of(&runs[1])) TH_LOG("%s", programs[i]);
		EXPECT_STREQ(json_text_at(runs[0].report, "/error/message"),
			     json_text_at(runs[1].report, "/error/message"));
		EXPECT_STREQ(json_text_at(runs[0].report, "/error/errnoName"),
			     json_text_at(runs[1].report, "/error/errnoName"));
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
}

/* The program and all that it starts: execveat(2) kills. Its inits alone call it. */
static void kill_inits(void *arg)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	(void)arg;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		_exit(97);
}

TEST_F(cell, whose_init_is_killed_before_it_begins_says_so)
{
	const char *before = host_snapshot(&self->env);
	struct run run = {
		.document = document_argv("ends", "true", NULL),
		.args = { "--unshare", ALL }, .before_exec = kill_inits,
	};

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("the cell's init was killed before the workload began",
		     json_text_at(run.report, "/error/message")) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ECANCELED", json_text_at(run.report, "/error/errnoName"));
	EXPECT_STREQ("{\"kind\": \"failed\"}",
		     json_dumps(json_at(run.report, "/exit"), JSON_SORT_KEYS));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/teardown/destroyed")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* A daemon in a session of its own ends with its cell; so does the init. */
TEST_F(cell, that_leaves_a_daemon_leaves_none)
{
	const char *before = host_snapshot(&self->env);
	struct run run = {
		.document = document("ends", "'run': {'argv': ['%s/workload_probe', 'daemon']}",
				     self->env.workloads),
		.args = { "--unshare", ALL },
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
