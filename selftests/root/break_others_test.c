// SPDX-License-Identifier: MIT
/*
 * Cells against others: the helper that bore them, the host, and another cell, of each kind
 * of uid. The other one is of the same kind, so that uids are in nobody's way.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/breaking.h"

#define REACHES	13	/* tries of workload_break_process */
#define BENDS	9

FIXTURE(others)
{
	struct test_env tree;
	struct test_env env;
	struct caller caller;
	struct run victim;
	pid_t victim_pid;
};

/* The workload: an init was born before it. */
static pid_t last_pid(const struct test_env *env, const char *id)
{
	char *procs = file_read(text("%s/cgroup.procs", cell_leaf(env, id)), NULL);
	pid_t pid = 0;

	for (char *line = strtok(procs, "\n"); line; line = strtok(NULL, "\n"))
		pid = (pid_t)strtol(line, NULL, 10);
	return pid;
}

/*
 * @user: --user; NULL: what is the default
 * @is_caller: the uid is a caller's that is not root
 * @isolation: namespaces of both cells
 * @apart: they have pid namespaces, and number processes each for itself
 * @same: the uid of both is the same
 */
FIXTURE_VARIANT(others)
{
	const char *user;
	bool is_caller;
	const char *isolation;
	bool apart;
	bool same;
};
FIXTURE_VARIANT_ADD(others, of_dynamic_uids) { NULL, false, "", false, false };
FIXTURE_VARIANT_ADD(others, of_dynamic_uids_apart) {
	NULL, false, "'unshare': 'pid,mnt'", true, false
};
FIXTURE_VARIANT_ADD(others, of_root_inside) {
	NULL, false, "'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, 'gid': 0}", true, false
};
FIXTURE_VARIANT_ADD(others, of_a_chosen_uid) { "--user=54321:54321", false, "", false, true };
FIXTURE_VARIANT_ADD(others, of_a_chosen_uid_apart) {
	"--user=54321:54321", false, "'unshare': 'pid,mnt'", true, true
};
FIXTURE_VARIANT_ADD(others, of_uid_0) { "--user=0:0", false, "'unshare': 'pid,mnt'", true, true };
FIXTURE_VARIANT_ADD(others, of_one_caller) {
	NULL, true, "'unshare': 'pid,mnt'", true, true
};

/* The workspace is for those who do not see /tmp, where the program may lie. */
static struct run by(const struct test_env *env, struct caller *caller,
		     const FIXTURE_VARIANT(others) *variant, const char *id, const char *tries)
{
	const char *folder = variant->apart ? text("'workingDirectory': '%s/ws', ", env->dir) : "";
	struct run run = breaking_process(env, id, text("%s'isolation': {%s}", folder,
							variant->isolation), tries);

	run.args[0] = variant->user;
	if (variant->is_caller) {
		run.before_exec = caller_becomes;
		run.arg = caller;
	}
	return run;
}

FIXTURE_SETUP(others)
{
	if (variant->is_caller) {
		caller_tree(&self->tree, &self->env, &self->caller, "breakothers");
	} else {
		env_setup(&self->tree, "breakothers");
		self->env = self->tree;
	}
	self->victim = by(&self->env, &self->caller, variant, "victim", "wait");
	run_start(&self->env, &self->victim);
	ASSERT_TRUE(WAIT_FOR(strstr(run_out(&self->victim), "ready\n")))
		TH_LOG("%s", run_err(&self->victim));
	self->victim_pid = last_pid(&self->env, "victim");
	ASSERT_GT(self->victim_pid, 0);
}

FIXTURE_TEARDOWN_PARENT(others) { env_teardown(&self->tree); }

/* It ends when it is told to, and not before. */
static void expect_unhurt(struct __test_metadata *_metadata, struct run *victim, pid_t pid)
{
	EXPECT_TRUE(process_alive(pid));
	EXPECT_TRUE(process_alive(victim->pid));
	kill(victim->pid, SIGTERM);
	run_finish(victim);
	EXPECT_EQ(128 + SIGTERM, victim->status) TH_LOG("%s", victim->err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(victim->report, "/teardown/residue")));
}

/* The other cell, its helper, the own helper where it has a number, and this test. */
TEST_F(others, are_not_traced_read_or_robbed)
{
	const char *words = variant->apart ? "ESRCH ENOENT" : "EPERM EACCES";
	struct run run = by(&self->env, &self->caller, variant, "attacker",
			    text("reach:%d reach:%d reach:%d%s", self->victim_pid,
				 self->victim.pid, getpid(), variant->apart ? "" : " reach:parent"));

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_lines_of(run.out.bytes, REACHES * (variant->apart ? 3 : 4), words))
		TH_LOG("%s", run.out.bytes);
	expect_unhurt(_metadata, &self->victim, self->victim_pid);
}

/*
 * That takes no more than the same uid, and no Landlock domain is between: so two cells of a
 * uid that was chosen need pid namespaces. Their helper has another uid.
 */
TEST_F(others, are_not_signalled_slowed_or_limited)
{
	bool exposed = variant->same && !variant->apart;
	const char *words = variant->apart ? "ESRCH ENOENT" : "EPERM EACCES";
	struct run run = by(&self->env, &self->caller, variant, "attacker",
			    text("bend:%d bend:%d%s", self->victim.pid, getpid(),
				 exposed ? "" : text(" bend:%d", self->victim_pid)));

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_lines_of(run.out.bytes, BENDS * (exposed ? 2 : 3), words))
		TH_LOG("%s", run.out.bytes);
	expect_unhurt(_metadata, &self->victim, self->victim_pid);
}

TEST_HARNESS_MAIN
