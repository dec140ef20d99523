// SPDX-License-Identifier: MIT
/* What `probe` says of a host that lacks something, and that `run` does what it says. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(host) { struct test_env env; };
FIXTURE_SETUP(host) { env_setup(&self->env, "probe"); }
FIXTURE_TEARDOWN_PARENT(host) { env_teardown(&self->env); }

/* A kernel in which these calls fail, from one number to another. */
struct gap { unsigned int first, last, errnum; };

static void install(void *arg)
{
	const struct gap *gap = arg;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, gap->first, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, gap->last, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | gap->errnum),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		_exit(97);
}

static json_t *row(const struct run *run, const char *name)
{
	json_t *rows = json_loads(run->out.bytes, 0, NULL), *one;
	size_t i;

	json_array_foreach(rows, i, one)
		if (!strcmp(json_text_at(one, "/name"), name))
			return one;
	return NULL;
}

TEST_F(host, without_landlock_works_with_a_mount_namespace)
{
	struct gap landlock = { SYS_landlock_create_ruleset, SYS_landlock_create_ruleset, ENOSYS };
	struct run probe = {
		.verb = "probe", .args = { "--json" }, .before_exec = install, .arg = &landlock,
	};
	struct run run = {
		.document = document_argv("bare", "true", NULL), .before_exec = install,
		.arg = &landlock, .args = { "--unshare", "mnt" },
	};
	json_t *said;

	EXPECT_EQ(0, run_whole(&self->env, &probe)) TH_LOG("%s", probe.out.bytes);
	said = row(&probe, "landlock");
	EXPECT_TRUE(json_is_false(json_at(said, "/ok")));
	EXPECT_TRUE(json_is_false(json_at(said, "/needed")));
	EXPECT_NE(NULL, strstr(json_text_at(said, "/detail"), "each cell takes --unshare mnt"));
	EXPECT_NE(NULL, strstr(json_text_at(said, "/remedy"), "lsm="));
	EXPECT_NE(NULL, strstr(json_text_at(said, "/remedy"), "--unshare mnt"));
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	run.args[0] = NULL;
	EXPECT_EQ(125, run_whole(&self->env, &run));
}

/* Then nothing is left to keep a cell from the host's files with. */
TEST_F(host, without_landlock_and_mounts_does_not_work)
{
	struct gap both = { SYS_mount_setattr, SYS_landlock_create_ruleset, ENOSYS };
	struct run probe = {
		.verb = "probe", .args = { "--json" }, .before_exec = install, .arg = &both,
	};
	struct run run = {
		.document = document_argv("bare", "true", NULL), .before_exec = install,
		.arg = &both, .args = { "--unshare", "mnt" },
	};
	json_t *said;

	EXPECT_EQ(125, run_whole(&self->env, &probe));
	said = row(&probe, "landlock");
	EXPECT_TRUE(json_is_false(json_at(said, "/ok")));
	EXPECT_TRUE(json_is_true(json_at(said, "/needed")));
	EXPECT_EQ(125, run_whole(&self->env, &run));
}

TEST_HARNESS_MAIN
