// SPDX-License-Identifier: MIT
/*
 * Every step of a cell's life fails in turn, in four ways. Whatever fails, the
 * host is afterwards as before, or the report names what is left.
 */
#include "selftests/root/steps.h"

#include <errno.h>
#include <string.h>

#include "selftests/harness.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "sweep-steps"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* Rules of several sets, so that there are elements to leave behind. */
#define RULES								\
	"'authority': {'egressRules': ["				\
	"{'host': '127.0.0.1', 'port': 443}, "				\
	"{'host': '2001:db8::/32', 'port': '8000-8100', 'protocol': 'udp'}]}, "

/* A cell "swept" whose workload does what @word says, with one faulty step. */
static const struct outcome *sweep(const struct test_env *env, const char *word,
				   enum fault fault, unsigned int step)
{
	const char *doc = document("swept", RULES "'run': {'argv': ['%s/sweep_work', '%s']}",
				   env->workloads, word);

	return steps_cell(env, doc, fault, step, NULL);
}

static const char *name_of(unsigned int step)
{
	return cell_steps[step].name;
}

/* The first residue of a kind, or NULL. */
static const struct residue *residue_of(const struct outcome *outcome, enum cellos_residue kind)
{
	for (unsigned int i = 0; i < outcome->teardown.n_residue; i++)
		if (outcome->residue[i].kind == kind)
			return &outcome->residue[i];
	return NULL;
}

TEST_F(cell, a_cell_without_faults_is_exact)
{
	const char *before = host_snapshot(&self->env);
	const struct outcome *outcome = sweep(&self->env, "probe", FAULT_NONE, 0);

	ASSERT_TRUE(outcome->complete);
	EXPECT_EQ(0, outcome->status);
	EXPECT_STREQ("sound\n", outcome->out);
	EXPECT_EQ(0, outcome->error.errnum);
	EXPECT_EQ(CELLOS_EXITED, outcome->ending.kind);
	EXPECT_TRUE(outcome->teardown.destroyed);
	EXPECT_STREQ(outcome->fds_before, outcome->fds_after);
	EXPECT_TRUE(outcome->one_thread);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, a_step_that_refuses_is_named_and_nothing_is_left)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < steps_count(); i++) {
		const struct outcome *outcome;

		outcome = sweep(&self->env, "pause", FAULT_UP_REFUSES, i);
		ASSERT_TRUE(outcome->complete) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(125, outcome->status) TH_LOG("step %s", name_of(i));
		EXPECT_STREQ(name_of(i), outcome->error.step);
		EXPECT_EQ(EIO, outcome->error.errnum) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(CELLOS_FAILED, outcome->ending.kind) TH_LOG("step %s", name_of(i));
		EXPECT_STREQ("", outcome->out);
		EXPECT_EQ(0, outcome->teardown.n_residue) TH_LOG("step %s", name_of(i));
		/* Something was made from the step after "cgroup" on. */
		EXPECT_EQ(i > steps_find("cgroup"), outcome->made) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(outcome->made, outcome->teardown.destroyed)
			TH_LOG("step %s", name_of(i));
		EXPECT_STREQ(outcome->fds_before, outcome->fds_after);
		EXPECT_TRUE(outcome->one_thread);
		EXPECT_STREQ(before, host_snapshot(&self->env))
			TH_LOG("step %s", name_of(i));
	}
}

TEST_F(cell, a_step_that_fails_after_its_work_is_named_and_undone)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < steps_count(); i++) {
		const struct outcome *outcome;
		bool ran = i >= steps_find("spawn");

		outcome = sweep(&self->env, "pause", FAULT_UP_TOO_LATE, i);
		ASSERT_TRUE(outcome->complete) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(125, outcome->status) TH_LOG("step %s", name_of(i));
		EXPECT_STREQ(name_of(i), outcome->error.step);
		EXPECT_EQ(EIO, outcome->error.errnum) TH_LOG("step %s", name_of(i));
		/* Not "failed": the workload did run, and nobody saw it end by itself. */
		EXPECT_EQ(ran ? CELLOS_UNKNOWN : CELLOS_FAILED, outcome->ending.kind)
			TH_LOG("step %s", name_of(i));
		EXPECT_STREQ(ran ? outcome->out : "", outcome->out);
		EXPECT_EQ(0, outcome->teardown.n_residue) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(i >= steps_find("cgroup"), outcome->made) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(outcome->made, outcome->teardown.destroyed)
			TH_LOG("step %s", name_of(i));
		EXPECT_STREQ(outcome->fds_before, outcome->fds_after);
		EXPECT_TRUE(outcome->one_thread);
		EXPECT_STREQ(before, host_snapshot(&self->env))
			TH_LOG("step %s", name_of(i));
	}
}

/* The host decides, not the return value: what is gone is no residue. */
TEST_F(cell, a_removal_that_complains_but_leaves_nothing_is_no_failure)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < steps_count(); i++) {
		const struct outcome *outcome;

		outcome = sweep(&self->env, "daemon", FAULT_DOWN_COMPLAINS, i);
		ASSERT_TRUE(outcome->complete) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(0, outcome->status) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(0, outcome->error.errnum) TH_LOG("step %s", name_of(i));
		EXPECT_EQ(0, outcome->teardown.n_residue) TH_LOG("step %s", name_of(i));
		EXPECT_TRUE(outcome->teardown.destroyed) TH_LOG("step %s", name_of(i));
		EXPECT_STREQ(outcome->fds_before, outcome->fds_after);
		EXPECT_STREQ(before, host_snapshot(&self->env))
			TH_LOG("step %s", name_of(i));
	}
}

/* Runs a verb over what is left; its report in run->out. */
static int tidy_up(const struct test_env *env, const char *verb, const char *arg)
{
	struct run run = { .verb = verb, .args = { "--json", arg } };
	int status = run_whole(env, &run);

	if (status != 0)
		fprintf(stderr, "# %s: %s%s\n", verb, run.out.bytes, run.err.bytes);
	return status;
}

FIXTURE(leaving) { struct test_env env; };
FIXTURE_VARIANT(leaving) { const char *verb; };
FIXTURE_VARIANT_ADD(leaving, reconcile) { .verb = "reconcile" };
FIXTURE_VARIANT_ADD(leaving, destroy) { .verb = "destroy" };
FIXTURE_SETUP(leaving) { env_setup(&self->env, "sweep-steps"); }
FIXTURE_TEARDOWN_PARENT(leaving) { env_teardown(&self->env); }

TEST_F(leaving, a_cgroup_that_stays_is_reported_and_removed_later)
{
	const char *before = host_snapshot(&self->env);
	const struct residue *residue;
	const struct outcome *outcome;

	outcome = sweep(&self->env, "true", FAULT_DOWN_SLEEPS, steps_find("cgroup"));
	EXPECT_EQ(125, outcome->status);
	EXPECT_STREQ("teardown", outcome->error.step);
	EXPECT_EQ(EBUSY, outcome->error.errnum);
	EXPECT_FALSE(outcome->teardown.destroyed);
	EXPECT_EQ(1, outcome->teardown.n_residue);
	EXPECT_EQ(1, outcome->teardown.peers);
	residue = residue_of(outcome, CELLOS_RESIDUE_CGROUP);
	ASSERT_NE(NULL, residue);
	EXPECT_STREQ(cell_leaf(&self->env, "swept"), residue->what);
	EXPECT_STREQ(outcome->fds_before, outcome->fds_after);
	EXPECT_EQ(0, tidy_up(&self->env, variant->verb,
			     strcmp(variant->verb, "destroy") ? NULL : "swept"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(leaving, processes_that_stay_are_reported_and_removed_later)
{
	const char *before = host_snapshot(&self->env);
	const struct residue *process;
	const struct outcome *outcome;
	pid_t pid;

	outcome = sweep(&self->env, "daemon", FAULT_DOWN_SLEEPS, steps_find("spawn"));
	EXPECT_EQ(125, outcome->status);
	/* The first thing that did not work: rules stay as long as processes do. */
	EXPECT_STREQ("egress", outcome->error.step);
	EXPECT_EQ(EBUSY, outcome->error.errnum);
	EXPECT_FALSE(outcome->teardown.destroyed);
	EXPECT_EQ(3, outcome->teardown.n_residue);
	EXPECT_NE(NULL, residue_of(outcome, CELLOS_RESIDUE_NFT));
	EXPECT_NE(NULL, residue_of(outcome, CELLOS_RESIDUE_CGROUP));
	process = residue_of(outcome, CELLOS_RESIDUE_PROCESS);
	ASSERT_NE(NULL, process);
	pid = cell_pid(&self->env, "swept");
	EXPECT_LT(0, pid);
	EXPECT_EQ(pid, process->pid);
	EXPECT_STREQ("sweep_work", process->what);
	EXPECT_NE(NULL, strchr("SR", process->state));
	EXPECT_EQ(0, tidy_up(&self->env, variant->verb,
			     strcmp(variant->verb, "destroy") ? NULL : "swept"));
	EXPECT_FALSE(process_alive(pid));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, rules_that_stay_are_reported_and_removed_later)
{
	const char *before = host_snapshot(&self->env);
	const struct residue *residue;
	const struct outcome *outcome;

	outcome = sweep(&self->env, "true", FAULT_DOWN_SLEEPS, steps_find("egress"));
	EXPECT_EQ(125, outcome->status);
	EXPECT_STREQ("teardown", outcome->error.step);
	EXPECT_FALSE(outcome->teardown.destroyed);
	EXPECT_EQ(1, outcome->teardown.n_residue);
	EXPECT_EQ(0, outcome->teardown.peers);
	residue = residue_of(outcome, CELLOS_RESIDUE_NFT);
	ASSERT_NE(NULL, residue);
	/* ids, uids, cells, denied; tcp and udp of one rule, and at least one of the other */
	EXPECT_LE(7, residue->count);
	EXPECT_STREQ("inet cellos", residue->what);
	EXPECT_NE(0, strcmp(before, host_snapshot(&self->env)));
	EXPECT_EQ(0, tidy_up(&self->env, "reconcile", NULL));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* Pipes end with the process that held them: nothing of the host is left. */
TEST_F(cell, stdio_that_nobody_closes_is_closed_with_the_cell)
{
	const char *before = host_snapshot(&self->env);
	const struct outcome *outcome = sweep(&self->env, "daemon", FAULT_DOWN_SLEEPS,
					      steps_find("stdio"));

	EXPECT_EQ(0, outcome->status);
	EXPECT_STREQ("up\n", outcome->out);
	EXPECT_EQ(0, outcome->teardown.n_residue);
	EXPECT_STREQ(outcome->fds_before, outcome->fds_after);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
