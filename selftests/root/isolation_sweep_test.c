// SPDX-License-Identifier: MIT
/*
 * A cell with namespaces, a workspace and something hidden: each system call of its init's
 * birth fails in turn, each step of its life fails, and its helper is killed around each.
 * Whatever fails is named, and nothing is left: no process, no zombie, no mount, no folder.
 */
#include "selftests/root/steps.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/failing_call.h"

FIXTURE(cell)
{
	struct test_env env;
	const char *work;	/* the folder that is made */
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "isolation-sweep");
	self->work = text("%s/work", self->env.dir);
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

#define EXISTS(path)	(access(path, F_OK) == 0)

#define OTHERS	"pid,ipc,mnt,user,uts,cgroup,time"

static const char *doc(const struct test_env *env, const char *word, const char *unshare)
{
	return document("swept", "'run': {'argv': ['%s/sweep_work', '%s'], 'workingDirectory': "
			"'%s/work', 'isolation': {'unshare': '%s', 'hiddenPaths': "
			"['/etc/passwd']}}", env->workloads, word, env->dir, unshare);
}

static const struct outcome *live(const struct test_env *env, const char *word, enum fault fault,
				  unsigned int step)
{
	return steps_cell(env, doc(env, word, OTHERS ",net"), fault, step, NULL);
}

/* ---- the birth of the init ---- */

/**
 * struct call - a system call that fails, in all of the helper's threads and children
 * @arg: its first argument, or ANY
 * @errnum: what it fails with
 * @message: how the message has to begin
 */
struct call {
	unsigned int nr;
	unsigned int arg;
	int errnum;
	const char *message;
};

static const struct call calls[] = {
	{ SYS_clone3, ANY, EAGAIN, "clone3 into cellos_swept" },
	{ SYS_close_range, ANY, EIO, "close_range: in the child" },
	{ SYS_close_range, 3, EIO, "stdio: cellos-init" },
	{ SYS_unshare, ANY, EIO, "namespaces: cgroup" },
	{ SYS_sethostname, ANY, EIO, "namespaces: swept" },
	{ SYS_mount, ANY, EIO, "mounts: /" },
	{ SYS_fsopen, ANY, EIO, "mounts: /proc" },
	{ SYS_fsconfig, ANY, EPERM, "mounts: /proc" },
	{ SYS_fsmount, ANY, EIO, "mounts: /proc" },
	{ SYS_move_mount, ANY, EIO, "mounts: /proc" },
	{ SYS_open_tree, ANY, EIO, "mounts: /etc/passwd" },
	{ SYS_setsid, ANY, EIO, "session: cellos-init" },
	{ SYS_personality, ANY, EIO, "session: cellos-init" },
	{ SYS_ioprio_set, ANY, EIO, "session: cellos-init" },
	{ SYS_setgroups, ANY, EIO, "credentials: cellos-init" },
	{ SYS_setresgid, ANY, EIO, "credentials: cellos-init" },
	{ SYS_setresuid, ANY, EAGAIN, "credentials: cellos-init" },
	{ SYS_prctl, PR_SET_SECUREBITS, EIO, "credentials: cellos-init" },
	{ SYS_prctl, PR_CAPBSET_DROP, EIO, "credentials: cellos-init" },
	{ SYS_prctl, PR_SET_NO_NEW_PRIVS, EIO, "credentials: cellos-init" },
	{ SYS_keyctl, ANY, EIO, "credentials: cellos-init" },
	{ SYS_execveat, ANY, EACCES, "exec: cellos-init" },
	/* Where the init lives, and the workload cannot be born beside it. */
	{ SYS_setns, ANY, EIO, "setns into the pid namespace" },
	{ SYS_setpriority, ANY, EIO, "process: nice" },
	{ SYS_landlock_restrict_self, ANY, EIO, "landlock: in the child" },
	{ SYS_fchdir, ANY, EIO, "workingDirectory: " },
};

/* In the first step, when the spawner's thread is there: it bears the children. */
static int probe_under_filter(struct error *err)
{
	if (failing_call_install(SECCOMP_FILTER_FLAG_TSYNC) < 0)
		return err_set(err, "check", errno, "cannot install the test's filter");
	return 0;
}

/* A network namespace is made by the helper itself, in a step of its own. */
static const struct outcome *live_under(const struct test_env *env, const char *word,
					const struct call *call)
{
	struct backend backend = backend_host;

	failing_call(call->nr, call->arg, call->errnum);
	backend.probe = probe_under_filter;
	return steps_cell(env, doc(env, word, OTHERS), FAULT_NONE, 0, &backend);
}

static void expect_nothing_left(struct __test_metadata *_metadata, const struct outcome *outcome,
				const char *where)
{
	EXPECT_EQ(0, outcome->teardown.n_residue) TH_LOG("%s", where);
	EXPECT_TRUE(outcome->childless) TH_LOG("%s: a child is left", where);
	EXPECT_TRUE(outcome->one_thread) TH_LOG("%s", where);
	EXPECT_STREQ(outcome->fds_before, outcome->fds_after) TH_LOG("%s", where);
}

TEST_F(cell, a_filter_that_hits_nothing_changes_nothing)
{
	static const struct call none = { SYS_swapon, ANY, EIO, "" };
	const struct outcome *outcome = live_under(&self->env, "true", &none);

	EXPECT_EQ(0, outcome->status) TH_LOG("%s", outcome->error.message);
	expect_nothing_left(_metadata, outcome, "none");
}

TEST_F_TIMEOUT(cell, no_workload_runs_when_a_call_of_a_birth_fails, 180)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct call *call = &calls[i];
		const char *where = text("call %u: %s", call->nr, call->message);
		const struct outcome *outcome = live_under(&self->env, "pause", call);

		ASSERT_TRUE(outcome->complete) TH_LOG("%s", where);
		EXPECT_STREQ("", outcome->out) TH_LOG("%s", where);
		EXPECT_EQ(125, outcome->status) TH_LOG("%s", where);
		EXPECT_EQ(CELLOS_FAILED, outcome->ending.kind) TH_LOG("%s", where);
		EXPECT_STREQ("spawn", outcome->error.step);
		EXPECT_EQ(call->errnum, outcome->error.errnum) TH_LOG("%s", where);
		EXPECT_EQ(0, strncmp(outcome->error.message, call->message, strlen(call->message)))
			TH_LOG("%s: %s", where, outcome->error.message);
		EXPECT_TRUE(outcome->teardown.destroyed) TH_LOG("%s", where);
		expect_nothing_left(_metadata, outcome, where);
		EXPECT_FALSE(EXISTS(self->work)) TH_LOG("%s", where);
		EXPECT_STREQ(before, host_snapshot(&self->env)) TH_LOG("%s", where);
	}
}

/* ---- the steps ---- */

TEST_F_TIMEOUT(cell, a_step_that_fails_is_named_and_undone, 120)
{
	static const enum fault faults[] = { FAULT_UP_REFUSES, FAULT_UP_TOO_LATE };
	const char *before = host_snapshot(&self->env);

	for (size_t k = 0; k < ARRAY_SIZE(faults); k++) {
		for (unsigned int i = 0; i < steps_count(); i++) {
			const char *name = cell_steps[i].name;
			const struct outcome *outcome = live(&self->env, "pause", faults[k], i);

			ASSERT_TRUE(outcome->complete) TH_LOG("step %s", name);
			EXPECT_EQ(125, outcome->status) TH_LOG("step %s", name);
			EXPECT_STREQ(name, outcome->error.step);
			expect_nothing_left(_metadata, outcome, name);
			EXPECT_FALSE(EXISTS(self->work)) TH_LOG("step %s", name);
			EXPECT_STREQ(before, host_snapshot(&self->env)) TH_LOG("step %s", name);
		}
	}
}

TEST_F_TIMEOUT(cell, reconcile_removes_what_a_killed_helper_left, 180)
{
	static const enum fault faults[] = {
		FAULT_KILL_BEFORE_UP, FAULT_KILL_AFTER_UP, FAULT_KILL_BEFORE_DOWN,
		FAULT_KILL_AFTER_DOWN,
	};
	const char *before = host_snapshot(&self->env);

	for (size_t k = 0; k < ARRAY_SIZE(faults); k++) {
		for (unsigned int i = 0; i < steps_count(); i++) {
			const char *where = text("%s, fault %d", cell_steps[i].name, faults[k]);
			struct run run = { .verb = "reconcile", .args = { "--json" } };
			bool up = faults[k] == FAULT_KILL_AFTER_UP;

			live(&self->env, faults[k] < FAULT_KILL_BEFORE_DOWN ? "silent" : "daemon",
			     faults[k], i);
			/* The kill hit a cell that was as far as that. */
			EXPECT_TRUE(!up || i < steps_find("workspace") || EXISTS(self->work))
				TH_LOG("%s", where);
			EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s: %s", where,
									 run.err.bytes);
			EXPECT_EQ(NULL, strstr(run.out.bytes, "\"destroyed\": false"))
				TH_LOG("%s: %s", where, run.out.bytes);
			EXPECT_FALSE(EXISTS(self->work)) TH_LOG("%s", where);
			EXPECT_TRUE(WAIT_FOR(!strcmp(before, host_snapshot(&self->env))))
				TH_LOG("%s: %s", where, host_snapshot(&self->env));
		}
	}
}

/* What keeps the mark in the folder from going: a mount on it, in this test's own namespace. */
TEST_F(cell, a_workspace_that_cannot_be_removed_is_reported_and_removed_later)
{
	struct run run = { .document = doc(&self->env, "pause", OTHERS) };
	struct run reconcile = { .verb = "reconcile" };
	const char *before, *leaf, *at;

	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	before = host_snapshot(&self->env);
	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "swept", "up\n"), 0);
	leaf = cell_leaf(&self->env, "swept");
	ASSERT_NE(NULL, leaf);
	at = text("%s%s", self->work, strrchr(leaf, '/'));
	ASSERT_EQ(0, mount("cellos-selftest", at, "tmpfs", 0, NULL)) TH_LOG("%s", at);
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(125, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_FALSE(json_is_true(json_at(run.report, "/teardown/destroyed")));
	EXPECT_STREQ("file", json_text_at(run.report, "/teardown/residue/1/kind"))
		TH_LOG("%s", run.report_text.bytes);
	EXPECT_NE(NULL, strstr(run.report_text.bytes, at)) TH_LOG("%s", run.report_text.bytes);
	/* Its leaf stays: it is how others know of it. */
	EXPECT_TRUE(EXISTS(leaf));
	EXPECT_EQ(0, umount2(at, MNT_DETACH));
	EXPECT_EQ(0, run_whole(&self->env, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
	EXPECT_FALSE(EXISTS(self->work));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
