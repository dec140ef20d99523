// SPDX-License-Identifier: MIT
/*
 * System calls of the whole program fail, one occurrence after another, by
 * strace(1)'s fault injection. Whatever fails, the program ends in time, either
 * says what failed or has done what it says, and a workload that runs was born
 * as it has to be. One `reconcile` then leaves nothing.
 *
 * strace counts the occurrences for each thread and process by itself, so a
 * fault meets the helper, its spawner, the child and the workload.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/common.h"

#define STRACE		"/usr/bin/strace"
#define AT_ONCE		2
/* The longest of the program's own deadlines is 10 s; two of them may add up. */
#define HANGS_AFTER	30

/**
 * struct fault - a system call that fails
 * @how: as strace says it
 * @first: occurrence to begin with; @last: to end with
 */
struct fault {
	const char *call;
	const char *how;
	unsigned int first;
	unsigned int last;
};

/* One run under one fault. */
struct trial {
	struct run run;
	const struct test_env *env;
	char *id;
	char *inject;
	char *trace;
};

FIXTURE(cell) { struct test_env env; };
FIXTURE_VARIANT(cell) { const struct fault *faults; size_t n; const char *tail; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "sweep-syscalls"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static void become_strace(void *arg)
{
	struct trial *trial = arg;
	char *report = text("--report=fd:%d", trial->run.report_text.fd);
	char *parent = text("--cgroup-parent=%s", trial->env->parent);
	char *helper = getenv("CELLOS_HELPER");
	char *argv[] = {
		text("strace"), text("-f"), text("--seccomp-bpf"), text("-qqq"), text("-o"),
		text("/dev/null"), text("-e"), trial->trace, text("-e"), trial->inject, helper,
		text("run"), parent, report, text("-"), NULL
	};

	/* A group of its own: what hangs is ended as a whole. */
	setpgid(0, 0);
	execv(STRACE, argv);
}

static void trial_start(const struct test_env *env, struct trial *trial,
			const struct fault *fault, const char *when)
{
	*trial = (struct trial){
		.env = env,
		.id = text("faulty-%s-%s", fault->call, when),
		.inject = text("inject=%s:%s:when=%s", fault->call, fault->how, when),
		.trace = text("trace=%s", fault->call),
		.run = { .before_exec = become_strace },
	};
	/* A '+' is no part of an id. */
	trial->id[strcspn(trial->id, "+")] = '\0';
	trial->run.document = document(trial->id, "'authority': {'egressRules': ["
				       "{'host': '127.0.0.1', 'port': 443}]}, "
				       "'run': {'argv': ['%s/sweep_work', 'probe']}",
				       env->workloads);
	trial->run.arg = trial;
	run_start(env, &trial->run);
}

/* Is there anything of this cell, in cgroupfs or in nftables? */
static bool is_left(const struct test_env *env, const char *id)
{
	static const char *const nft[] = { "nft", "list", "ruleset", NULL };
	const char *rules = command(nft);

	return cell_leaf(env, id) || !rules || strstr(rules, text("\"%s\"", id));
}

/* Does a report that the program has written agree with how it ended? */
static void judge_report(struct __test_metadata *_metadata, const struct trial *trial)
{
	const struct run *run = &trial->run;
	bool failed = json_is_object(json_at(run->report, "error"));
	const char *kind = json_text_at(run->report, "exit/kind");

	if (run->status == 0) {
		EXPECT_STREQ("exited", kind) TH_LOG("%s", trial->inject);
		EXPECT_TRUE(json_is_true(json_at(run->report, "egress/verified")))
			TH_LOG("%s", trial->inject);
		EXPECT_TRUE(json_is_true(json_at(run->report, "teardown/destroyed")))
			TH_LOG("%s", trial->inject);
		EXPECT_EQ(0, json_array_size(json_at(run->report, "teardown/residue")))
			TH_LOG("%s", trial->inject);
	} else {
		EXPECT_TRUE(failed || !strcmp(kind, "exited")) TH_LOG("%s", trial->inject);
	}
	if (!strcmp(kind, "failed"))
		EXPECT_STREQ("", run->out.bytes);
	/* The other way round is allowed: what cannot be looked at counts as left. */
	EXPECT_TRUE(json_array_size(json_at(run->report, "teardown/residue")) > 0 ||
		    !is_left(trial->env, trial->id))
		TH_LOG("%s: %s", trial->inject, run->report_text.bytes);
}

static void judge_trial(struct __test_metadata *_metadata, struct trial *trial)
{
	struct run *run = &trial->run;
	bool blind;

	run_finish_within(run, HANGS_AFTER);
	EXPECT_NE(RUN_HUNG, run->status) TH_LOG("%s", trial->inject);
	if (run->status == RUN_HUNG) {
		kill(-run->pid, SIGKILL);
		return;
	}
	/* 5: a fault hit the workload itself, which said so. */
	blind = run->status == 5 && !strcmp(run->out.bytes, "blind\n");
	EXPECT_TRUE(run->status == 0 || blind || (run->status >= 125 && run->status <= 127))
		TH_LOG("%s: status %d %s", trial->inject, run->status, run->err.bytes);
	EXPECT_EQ(NULL, strstr(run->out.bytes, "unsound")) TH_LOG("%s: %s", trial->inject,
								  run->out.bytes);
	if (run->status == 0)
		EXPECT_STREQ("sound\n", run->out.bytes);
	if (run->status >= 125)
		EXPECT_STRNE("", run->err.bytes) TH_LOG("%s: silent", trial->inject);
	if (run->report)
		judge_report(_metadata, trial);
	else
		EXPECT_NE(0, run->status) TH_LOG("%s: no report", trial->inject);
}

static void nothing_is_left(struct __test_metadata *_metadata, const struct test_env *env,
			    const char *before, const char *where)
{
	struct run run = { .verb = "reconcile" };

	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s: %s", where, run.err.bytes);
	EXPECT_STREQ(before, host_snapshot(env)) TH_LOG("%s", where);
}

/*
 * An emulated machine takes seconds for each trial: there one of each sixteen
 * occurrences that a row begins has to do.
 */
static unsigned int trials_of(unsigned int occurrences)
{
	return is_slow() ? (occurrences + 15) / 16 : occurrences;
}

/* The occurrences of one call, two at a time; @tail is put behind each number. */
static void sweep(struct __test_metadata *_metadata, const struct test_env *env,
		  const struct fault *fault, const char *tail)
{
	unsigned int all = fault->last - fault->first + 1, n = trials_of(all), stride = all / n;
	struct trial *trials = calloc(n, sizeof(*trials));
	const char *before = host_snapshot(env);

	for (unsigned int i = 0; i < n + AT_ONCE; i++) {
		if (i >= AT_ONCE)
			judge_trial(_metadata, &trials[i - AT_ONCE]);
		if (i < n)
			trial_start(env, &trials[i], fault,
				    text("%u%s", fault->first + i * stride + stride / 2, tail));
	}
	nothing_is_left(_metadata, env, before, fault->call);
}

static const struct fault single[] = {
	{ "flock", "error=EIO", 1, 4 },
	{ "mkdirat", "error=EIO", 1, 2 },
	{ "openat", "error=EMFILE", 1, 27 },
	{ "openat2", "error=EACCES", 1, 2 },
	{ "newfstatat", "error=EIO", 1, 32 },
	{ "read", "error=EIO", 1, 24 },
	{ "pread64", "error=EIO", 1, 4 },
	{ "readlink", "error=EIO", 1, 6 },
	{ "close", "error=EIO", 1, 40 },
	{ "fsetxattr", "error=ENOSPC", 1, 7 },
	{ "fgetxattr", "error=EIO", 1, 4 },
	{ "fstatfs", "error=EIO", 1, 4 },
	{ "sendto", "error=ENOBUFS", 1, 17 },
	{ "recvmmsg", "error=ENOBUFS", 1, 21 },
	{ "recvmmsg", "error=EIO", 1, 21 },
	{ "socket", "error=EMFILE", 1, 2 },
	{ "bind", "error=EIO", 1, 2 },
	{ "setsockopt", "error=EPERM", 1, 5 },
	{ "pipe2", "error=EMFILE", 1, 4 },
	{ "fchown", "error=EPERM", 1, 4 },
	{ "fcntl", "error=EMFILE", 1, 7 },
	{ "dup2", "error=EBUSY", 1, 4 },
	{ "dup3", "error=EBUSY", 1, 9 },
	{ "eventfd2", "error=EMFILE", 1, 3 },
	{ "signalfd4", "error=EMFILE", 1, 2 },
	{ "pidfd_open", "error=EMFILE", 1, 2 },
	{ "clone3", "error=EAGAIN", 1, 2 },
	{ "futex", "error=EINTR", 1, 2 },
	{ "io_uring_setup", "error=ENOMEM", 1, 2 },
	{ "io_uring_register", "error=EINVAL", 1, 2 },
	{ "io_uring_enter", "error=EAGAIN", 1, 9 },
	{ "io_uring_enter", "error=EINTR", 1, 9 },
	{ "io_uring_enter", "error=EBUSY", 1, 9 },
	{ "landlock_create_ruleset", "error=EOPNOTSUPP", 1, 2 },
	{ "landlock_restrict_self", "error=EPERM", 1, 1 },
	{ "capget", "error=EPERM", 1, 23 },
	{ "capset", "error=EPERM", 1, 21 },
	{ "prctl", "error=EPERM", 1, 120 },
	{ "rt_sigaction", "error=EINVAL", 1, 62 },
	{ "rt_sigprocmask", "error=EINVAL", 1, 4 },
	{ "close_range", "error=EMFILE", 1, 3 },
	{ "seccomp", "error=EINVAL", 1, 2 },
	{ "setsid", "error=EPERM", 1, 1 },
	{ "setgroups", "error=EPERM", 1, 1 },
	{ "setresgid", "error=EPERM", 1, 1 },
	{ "setresuid", "error=EAGAIN", 1, 1 },
	{ "fchdir", "error=EACCES", 1, 1 },
	{ "execve", "error=ENOMEM", 1, 3 },
	{ "waitid", "error=EINTR", 1, 2 },
	{ "ioctl", "error=EIO", 1, 3 },
	{ "getrandom", "error=EINTR", 1, 4 },
	{ "faccessat2", "error=EIO", 1, 3 },
	{ "getdents64", "error=EIO", 1, 3 },
	{ "unlinkat", "error=EBUSY", 1, 2 },
	{ "write", "error=EIO", 1, 4 },
	{ "mmap", "error=ENOMEM", 2, 36 },
	{ "mprotect", "error=ENOMEM", 1, 11 },
	{ "munmap", "error=EINVAL", 1, 8 },
	{ "brk", "retval=0", 4, 8 },
	{ "madvise", "error=ENOMEM", 1, 4 },
};

/* From an occurrence on each one fails: a host that is out of something. */
static const struct fault lasting[] = {
	{ "openat", "error=EMFILE", 13, 27 },
	{ "read", "error=EIO", 7, 24 },
	{ "close", "error=EIO", 1, 40 },
	{ "fsetxattr", "error=ENOSPC", 1, 6 },
	{ "fgetxattr", "error=EIO", 1, 2 },
	{ "sendto", "error=ENOBUFS", 1, 16 },
	{ "recvmmsg", "error=ENOBUFS", 1, 20 },
	{ "recvmmsg", "error=EIO", 1, 20 },
	{ "fchown", "error=EPERM", 1, 3 },
	{ "dup3", "error=EBUSY", 1, 8 },
	{ "clone3", "error=EAGAIN", 1, 2 },
	{ "io_uring_enter", "error=EAGAIN", 3, 4 },	/* asked again for 5 s */
	{ "io_uring_enter", "error=EIO", 1, 8 },
	{ "capset", "error=EPERM", 1, 21 },
	{ "capget", "error=EPERM", 1, 23 },
	{ "unlinkat", "error=EBUSY", 1, 1 },
	{ "faccessat2", "error=EIO", 1, 2 },
	{ "waitid", "error=EIO", 1, 1 },
	{ "ioctl", "error=EIO", 1, 3 },
	{ "getdents64", "error=EIO", 1, 2 },
	{ "fcntl", "error=EMFILE", 1, 6 },
	{ "newfstatat", "error=EIO", 19, 32 },
	{ "mmap", "error=ENOMEM", 20, 36 },
	{ "brk", "retval=0", 4, 8 },
};

FIXTURE_VARIANT_ADD(cell, once) { single, ARRAY_SIZE(single), "" };
FIXTURE_VARIANT_ADD(cell, lasting) { lasting, ARRAY_SIZE(lasting), "+" };

TEST_F_TIMEOUT(cell, a_fault_is_said_or_survived, 200)
{
	if (access(STRACE, X_OK) < 0)
		SKIP(return, STRACE " is missing: no fault injection");
	for (size_t i = 0; i < variant->n; i++)
		sweep(_metadata, &self->env, &variant->faults[i], variant->tail);
}

TEST_HARNESS_MAIN
