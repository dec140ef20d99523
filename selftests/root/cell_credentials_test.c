// SPDX-License-Identifier: MIT
/* Who a workload is: a user of its own, which holds nothing. */
#include <errno.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "uapi/cellos.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "credentials"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run waiting(const struct test_env *env)
{
	return (struct run){
		.document = document_argv("credentials", text("%s/workload_probe", env->workloads),
					  "wait", NULL),
	};
}

static const char *const no_rights[][2] = {
	{ "NoNewPrivs", "1" },
	{ "CapInh", "0000000000000000" },
	{ "CapPrm", "0000000000000000" },
	{ "CapEff", "0000000000000000" },
	{ "CapBnd", "0000000000000000" },
	{ "CapAmb", "0000000000000000" },
	{ "Groups", "" },
};

static void join_groups(void *arg)
{
	static const gid_t groups[] = { 0, 4, 27, 777 };

	(void)arg;
	if (setgroups(ARRAY_SIZE(groups), groups) < 0)
		_exit(97);
}

TEST_F(cell, workload_holds_no_capability_no_group_and_gains_none)
{
	static const char *const users[] = { "dynamic", "12345:12345" };

	for (int i = 0; i < 2; i++) {
		struct run run = waiting(&self->env);
		pid_t pid;

		run.args[0] = "--user";
		run.args[1] = users[i];
		run.before_exec = join_groups;
		run_start(&self->env, &run);
		pid = cell_wait(&self->env, &run, "credentials", "ready\n");
		ASSERT_GT(pid, 0);
		for (size_t k = 0; k < ARRAY_SIZE(no_rights); k++) {
			EXPECT_STREQ(no_rights[k][1], proc_status(pid, no_rights[k][0]))
				TH_LOG("%s", no_rights[k][0]);
		}
		kill(run.pid, SIGTERM);
		run_finish(&run);
	}
}

TEST_F(cell, dynamic_uid_and_gid_are_equal_in_range_and_not_used_again_soon)
{
	unsigned int last = 0;

	for (int i = 0; i < 3; i++) {
		struct run run = waiting(&self->env);
		unsigned int uid[4] = { 0 }, gid[4] = { 1 };
		pid_t pid;

		run_start(&self->env, &run);
		pid = cell_wait(&self->env, &run, "credentials", "ready\n");
		ASSERT_GT(pid, 0);
		ASSERT_EQ(4, sscanf(proc_status(pid, "Uid"), "%u %u %u %u", &uid[0], &uid[1],
				    &uid[2], &uid[3]));
		ASSERT_EQ(4, sscanf(proc_status(pid, "Gid"), "%u %u %u %u", &gid[0], &gid[1],
				    &gid[2], &gid[3]));
		EXPECT_GE(uid[0], CELLOS_UID_BASE);
		EXPECT_LT(uid[0], CELLOS_UID_BASE + CELLOS_UID_COUNT);
		EXPECT_EQ(0, memcmp(uid, gid, sizeof(uid)));
		for (int k = 1; k < 4; k++) {
			EXPECT_EQ(uid[0], uid[k]);
		}
		EXPECT_NE(last, uid[0]);
		last = uid[0];
		kill(run.pid, SIGTERM);
		run_finish(&run);
	}
}

TEST_F(cell, two_cells_at_once_have_two_users)
{
	struct run one = waiting(&self->env), two = waiting(&self->env);
	pid_t first, second;

	two.document = document_argv("second", text("%s/workload_probe", self->env.workloads),
				     "wait", NULL);
	run_start(&self->env, &one);
	run_start(&self->env, &two);
	first = cell_wait(&self->env, &one, "credentials", "ready\n");
	second = cell_wait(&self->env, &two, "second", "ready\n");
	ASSERT_GT(first, 0);
	ASSERT_GT(second, 0);
	EXPECT_STRNE(proc_status(first, "Uid"), proc_status(second, "Uid"));
	EXPECT_STRNE(proc_status(first, "Gid"), proc_status(second, "Gid"));
	kill(one.pid, SIGTERM);
	kill(two.pid, SIGTERM);
	run_finish(&one);
	run_finish(&two);
}

TEST_F(cell, session_is_its_own_and_has_no_terminal)
{
	struct run run = {
		.document = document_argv("session", text("%s/workload_probe",
							  self->env.workloads), "session", NULL),
	};
	int pid = 0, sid = 0, pgid = 0, tty = 0;
	unsigned int mask = 0;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	ASSERT_EQ(5, sscanf(run.out.bytes, "pid %d sid %d pgid %d tty %d umask %o", &pid, &sid,
			    &pgid, &tty, &mask));
	EXPECT_EQ(pid, sid);
	EXPECT_EQ(pid, pgid);
	EXPECT_EQ(-1, tty);
	EXPECT_EQ(022, mask);
}

/* Also those that the C library keeps to itself: the helper's own signal(3) cannot help them. */
static void shut_ears(void *arg)
{
	const struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } ignore = {
		.handler = SIG_IGN,
	};
	sigset_t all;

	(void)arg;
	sigfillset(&all);
	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, &ignore, NULL, sizeof(ignore.mask));
	sigprocmask(SIG_SETMASK, &all, NULL);
	umask(0777);
}

TEST_F(cell, signals_are_at_their_defaults_whatever_the_caller_ignores_or_blocks)
{
	static const char *const sets[] = { "SigBlk", "SigIgn", "SigCgt" };
	struct run run = waiting(&self->env);
	pid_t pid;

	run.before_exec = shut_ears;
	run_start(&self->env, &run);
	pid = cell_wait(&self->env, &run, "credentials", "ready\n");
	ASSERT_GT(pid, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		EXPECT_STREQ("0000000000000000", proc_status(pid, sets[i])) TH_LOG("%s", sets[i]);
	}
	/* And the helper hears all the same. */
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(128 + SIGTERM, run.status);
}

TEST_F(cell, exit_status_is_known_although_the_caller_ignores_sigchld)
{
	struct run run = {
		.document = document_argv("chld", "sh", "-c", "exit 9", NULL),
		.before_exec = shut_ears,
	};

	EXPECT_EQ(9, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
}

/* A key in the session keyring is for whoever possesses it, of whatever uid. */
TEST_F(cell, keyring_of_the_caller_stays_out_of_reach)
{
	static const char secret[] = "secret of the caller";
	struct run run = { 0 };
	long key;

	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno == ENOSYS)
		SKIP(return, "this kernel has no keyrings (CONFIG_KEYS)");
	key = syscall(SYS_add_key, "user", "cellos-selftest", secret, strlen(secret),
		      KEY_SPEC_SESSION_KEYRING);
	ASSERT_GT(key, 0);
	run.document = document_argv("keys", text("%s/workload_probe", self->env.workloads),
				     "key", text("%ld", key), NULL);
	/* The filter closes keyctl(2); the keyring was left behind before that. */
	EXPECT_EQ(EPERM, run_whole(&self->env, &run)) TH_LOG("%s", run.out.bytes);
}

TEST_HARNESS_MAIN
