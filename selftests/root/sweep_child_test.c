// SPDX-License-Identifier: MIT
/*
 * Every system call of the child between clone and exec fails in turn. Then the
 * workload must not run: not without its credentials, not with a foreign fd, not
 * with a way to new privileges.
 *
 * A backend of the test's own lets the host's backend run under a seccomp filter
 * that makes one system call fail.
 */
#include "selftests/root/steps.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/failing_call.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "sweep-child"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/**
 * struct call - a system call that fails
 * @arg: its first argument, or ANY
 * @step: what the message has to name
 * @errnum: what it fails with
 * @status: the exit status that fits
 */
struct call {
	const char *name;
	unsigned int nr;
	unsigned int arg;
	const char *step;
	int errnum;
	int status;
};

static const struct call calls[] = {
	{ "close_range (private table)", SYS_close_range, ANY, "close_range", EIO, 125 },
	{ "close_range (CLOEXEC)", SYS_close_range, 3, "stdio", EIO, 125 },
	{ "setsid", SYS_setsid, ANY, "session", EIO, 125 },
	{ "rt_sigprocmask", SYS_rt_sigprocmask, ANY, "session", EIO, 125 },
	{ "dup2", SYS_dup2, ANY, "stdio", EIO, 125 },
	{ "capset", SYS_capset, ANY, "credentials", EIO, 125 },
	{ "setgroups", SYS_setgroups, ANY, "credentials", EIO, 125 },
	{ "setresgid", SYS_setresgid, ANY, "credentials", EIO, 125 },
	{ "prctl (ambient)", SYS_prctl, PR_CAP_AMBIENT, "credentials", EIO, 125 },
	{ "prctl (securebits)", SYS_prctl, PR_SET_SECUREBITS, "credentials", EIO, 125 },
	{ "prctl (bounding)", SYS_prctl, PR_CAPBSET_DROP, "credentials", EIO, 125 },
	{ "setresuid", SYS_setresuid, ANY, "credentials", EIO, 125 },
	{ "setresuid, EAGAIN", SYS_setresuid, ANY, "credentials", EAGAIN, 125 },
	{ "keyctl", SYS_keyctl, ANY, "credentials", EIO, 125 },
	{ "prctl (no_new_privs)", SYS_prctl, PR_SET_NO_NEW_PRIVS, "credentials", EIO, 125 },
	{ "landlock", SYS_landlock_restrict_self, ANY, "landlock", EIO, 125 },
	{ "openat2", SYS_openat2, ANY, "workingDirectory", EIO, 125 },
	{ "fchdir", SYS_fchdir, ANY, "workingDirectory", EACCES, 125 },
	{ "getcwd", SYS_getcwd, ANY, "workingDirectory", EIO, 125 },
	{ "seccomp", SYS_seccomp, ANY, "seccomp", EIO, 125 },
	{ "execve", SYS_execve, ANY, "exec", EIO, 126 },
	{ "execve, no memory", SYS_execve, ANY, "exec", ENOMEM, 125 },
	{ "execve, too many processes", SYS_execve, ANY, "exec", EAGAIN, 125 },
};

static void enter_filtered(const struct child *child, struct child_status *status)
{
	if (failing_call_install(0) < 0) {
		*status = (struct child_status){
			.step = CHILD_NONE, .errnum = errno, .exit_status = 125,
		};
		return;
	}
	backend_host.enter(child, status);
}

static const struct outcome *run_under(const struct test_env *env, const struct call *call)
{
	struct backend backend = backend_host;
	const char *doc = document("child", "'run': {'argv': ['%s/sweep_work', 'probe']}",
				   env->workloads);

	failing_call(call->nr, call->arg, call->errnum);
	backend.enter = enter_filtered;
	return steps_cell(env, doc, FAULT_NONE, 0, &backend);
}

TEST_F(cell, a_filter_that_hits_nothing_changes_nothing)
{
	static const struct call none = { "mount", SYS_mount, ANY, "", EIO, 0 };
	const struct outcome *outcome = run_under(&self->env, &none);

	EXPECT_EQ(0, outcome->status);
	EXPECT_STREQ("sound\n", outcome->out);
}

TEST_F(cell, no_workload_runs_when_a_call_of_its_birth_fails)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct call *call = &calls[i];
		const struct outcome *outcome = run_under(&self->env, call);

		ASSERT_TRUE(outcome->complete) TH_LOG("%s", call->name);
		EXPECT_STREQ("", outcome->out) TH_LOG("%s", call->name);
		EXPECT_EQ(call->status, outcome->status) TH_LOG("%s", call->name);
		EXPECT_EQ(CELLOS_FAILED, outcome->ending.kind) TH_LOG("%s", call->name);
		EXPECT_STREQ("spawn", outcome->error.step);
		EXPECT_EQ(call->errnum, outcome->error.errnum) TH_LOG("%s", call->name);
		EXPECT_EQ(0, strncmp(outcome->error.message, call->step, strlen(call->step)))
			TH_LOG("%s: %s", call->name, outcome->error.message);
		EXPECT_EQ(0, outcome->teardown.n_residue) TH_LOG("%s", call->name);
		EXPECT_TRUE(outcome->teardown.destroyed) TH_LOG("%s", call->name);
		EXPECT_STREQ(outcome->fds_before, outcome->fds_after);
		EXPECT_STREQ(before, host_snapshot(&self->env)) TH_LOG("%s", call->name);
	}
}

TEST_HARNESS_MAIN
