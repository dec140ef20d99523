// SPDX-License-Identifier: MIT
/*
 * Helpers that meet at the worst moment. One is held at a system call of its own
 * by strace(1), as long as it takes another one to do all its work; then it goes on.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define STRACE		"/usr/bin/strace"

#define ONE	RULE("127.0.0.1", 7001, "udp")
#define TWO	RULE("127.0.0.2", 7001, "udp")

FIXTURE(cell) { struct test_env env; int server; };
FIXTURE_SETUP(cell)
{
	if (access(STRACE, X_OK) < 0)
		SKIP(return, STRACE " is missing: nothing to hold a helper with");
	env_setup(&self->env, "egress-held");
	self->server = serve(net_here(), SOCK_DGRAM, "0.0.0.0", 7001, 0);
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/**
 * struct hold - where a helper is held
 * @call: name of the system call; @nr: its number
 * @when: at which of them, from 1
 * @words: the program's arguments
 */
struct hold {
	const char *call;
	long nr;
	unsigned int when;
	const char *words[8];
};

/* The tracer steps aside (-D), so that the helper is the test's own child. */
static void become_strace(void *arg)
{
	const struct hold *hold = arg;
	const char *argv[20] = {
		"strace", "-D", "-qqq", "-o", "/dev/null",
		"-e", text("trace=%s", hold->call),
		"-e", text("inject=%s:delay_enter=%u:when=%u", hold->call, 600000000, hold->when),
		getenv("CELLOS_HELPER"),
	};

	for (int i = 0; hold->words[i]; i++)
		argv[10 + i] = hold->words[i];
	execv(STRACE, (char **)(uintptr_t)argv);
}

static long number_at(pid_t pid, const char *file)
{
	char *line = file_read(text("/proc/%d/%s", pid, file), NULL);
	long nr = line && *line >= '0' && *line <= '9' ? strtol(line, NULL, 10) : -1;

	free(line);
	return nr;
}

static int tracer_of(const struct run *run)
{
	return atoi(proc_status(run->pid, "TracerPid"));
}

/* Every call stops at its tracer for a moment: only the one held stays. */
static bool is_held(const struct run *run, const struct hold *hold)
{
	for (int i = 0; i < 20; i++) {
		if (!tracer_of(run) || number_at(run->pid, "syscall") != hold->nr)
			return false;
		test_pause();
	}
	return true;
}

static bool hold_start(const struct test_env *env, struct run *run, struct hold *hold)
{
	run->before_exec = become_strace;
	run->arg = hold;
	run_start(env, run);
	return WAIT_FOR(is_held(run, hold) || !process_alive(run->pid)) && is_held(run, hold);
}

/* A tracee whose tracer dies goes on. */
static void hold_end(struct run *run)
{
	int tracer = tracer_of(run);

	if (tracer > 0)
		kill(tracer, SIGKILL);
	run_finish(run);
}

static char *parent_option(const struct test_env *env)
{
	return text("--cgroup-parent=%s", env->parent);
}

static void start(struct __test_metadata *_metadata, const struct test_env *env,
		  struct talk *talk, const char *id)
{
	*talk = (struct talk){ 0 };
	ASSERT_TRUE(talk_start(env, talk, id, RULES(ONE ", " TWO)));
	EXPECT_STREQ("ok", say(talk, "open udp 127.0.0.1 7001"));
	EXPECT_STREQ("ok", say(talk, "open udp 127.0.0.2 7001"));
}

static void set(struct __test_metadata *_metadata, const struct test_env *env, const char *id,
		const char *rules)
{
	struct run run;

	egress_set(env, &run, id, rules);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
}

/* ---- who looked before a replacement ---- */

TEST_F(cell, reconcile_that_read_the_old_rules_does_not_put_them_back)
{
	struct hold hold = {
		"sendto", SYS_sendto, 1, { "reconcile", parent_option(&self->env) },
	};
	struct run run = { 0 };
	struct talk talk;

	start(_metadata, &self->env, &talk, "tightened");
	ASSERT_TRUE(hold_start(&self->env, &run, &hold));
	set(_metadata, &self->env, "tightened", RULES(TWO));
	EXPECT_TRUE(is_held(&run, &hold));
	hold_end(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", run.err.bytes);
	EXPECT_STREQ("EPERM", say(&talk, "send 0"));
	EXPECT_STREQ("ok", say(&talk, "send 1"));
	EXPECT_TRUE(is_verified(&self->env, "tightened"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(talk.run.report, "/egress/verified")));
}

/* Each reads the rules, is held, and then compares. */
static void look_late(struct __test_metadata *_metadata, const struct test_env *env,
		      const char *verb_name)
{
	struct hold hold = {
		"sendto", SYS_sendto, 1, { verb_name, parent_option(env), "late", "--json" },
	};
	struct run run = { 0 };
	struct talk talk;
	json_t *json;

	start(_metadata, env, &talk, "late");
	ASSERT_TRUE(hold_start(env, &run, &hold));
	set(_metadata, env, "late", RULES(TWO));
	EXPECT_TRUE(is_held(&run, &hold));
	hold_end(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s: %s", verb_name, run.err.bytes);
	json = json_loads(run.out.bytes, 0, NULL);
	json = json_at(json, "egress") ?: json;
	EXPECT_TRUE(json_is_true(json_at(json, "verified")));
	EXPECT_EQ(1, json_array_size(json_at(json, "rules")));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
}

TEST_F(cell, show_that_read_the_old_rules_takes_the_new_ones_for_no_foreign_change)
{
	look_late(_metadata, &self->env, "show");
}

TEST_F(cell, egress_that_read_the_old_rules_takes_the_new_ones_for_no_foreign_change)
{
	look_late(_metadata, &self->env, "egress");
}

/* ---- cells that begin or end ---- */

static struct hold hold_run(const struct test_env *env, const char *call, long nr,
			    unsigned int when)
{
	return (struct hold){
		call, nr, when, { "run", parent_option(env), "--report=/dev/fd/2", "-" },
	};
}

static void reconcile_meanwhile(struct __test_metadata *_metadata, const struct test_env *env,
				struct hold *hold)
{
	const char *before = host_snapshot(env);
	struct run other, run = {
		.document = document("between", "'authority': {'egressRules': " RULES(ONE) "}, "
				     "'run': {'argv': ['%s/sweep_work', 'true']}",
				     env->workloads),
	};
	json_t *report;

	ASSERT_TRUE(hold_start(env, &run, hold));
	ASSERT_NE(NULL, cell_leaf(env, "between"));
	report = verb(env, &other, "reconcile", NULL);
	EXPECT_EQ(0, other.status) TH_LOG("%s", other.err.bytes);
	EXPECT_STREQ("", other.err.bytes);
	EXPECT_EQ(1, json_int_at(report, "kept"));
	EXPECT_TRUE(is_held(&run, hold));
	hold_end(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	report = json_loads(run.err.bytes, 0, NULL);
	EXPECT_TRUE(json_is_true(json_at(report, "/egress/verified"))) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(before, host_snapshot(env));
}

/* 1 and 2 ask for the id and the uid, with 3 begins what the rules need. */
TEST_F(cell, reconcile_leaves_a_cell_alone_whose_rules_are_still_to_come)
{
	struct hold hold = hold_run(&self->env, "sendto", SYS_sendto, 3);

	reconcile_meanwhile(_metadata, &self->env, &hold);
}

TEST_F(cell, reconcile_leaves_a_cell_alone_whose_rules_its_run_has_removed)
{
	struct hold hold = hold_run(&self->env, "unlinkat", SYS_unlinkat, 1);

	reconcile_meanwhile(_metadata, &self->env, &hold);
}

/*
 * 1 and 2 are for the birth, with 3 its run would begin to end it: by then no process
 * leads to its network any more, and only the run holds what stands there.
 */
TEST_F(cell, destroy_ends_a_cell_whose_network_only_its_run_can_see)
{
	struct hold hold = {
		"flock", SYS_flock, 3,
		{ "run", parent_option(&self->env), "--unshare=net", "--report=/dev/fd/2", "-" },
	};
	const char *before = host_snapshot(&self->env);
	struct run other, run = {
		.document = document("own", "'authority': {'egressRules': " RULES(ONE) "}, "
				     "'run': {'argv': ['%s/sweep_work', 'true']}",
				     self->env.workloads),
	};
	json_t *report;

	ASSERT_TRUE(hold_start(&self->env, &run, &hold));
	ASSERT_EQ(0, cell_pid(&self->env, "own"));
	report = verb(&self->env, &other, "destroy", "own");
	EXPECT_EQ(0, other.status) TH_LOG("%s", other.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(report, "destroyed")));
	EXPECT_TRUE(is_held(&run, &hold));
	hold_end(&run);
	EXPECT_EQ(137, run.status) TH_LOG("%s", run.err.bytes);
	report = json_loads(run.err.bytes, 0, NULL);
	EXPECT_STREQ("destroy", json_text_at(report, "/exit/reason"));
	EXPECT_EQ(0, json_array_size(json_at(report, "/teardown/residue")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
