// SPDX-License-Identifier: MIT
/*
 * Cells that make, or have, a user namespace: in one everybody has all capabilities, and
 * still neither mounts nor another root lead out.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/breaking.h"

FIXTURE(nested) { struct test_env env; };

/*
 * @isolation: of the cell
 * @makes: it can make a user namespace inside of its own
 * @apart: process 1 is its init
 */
FIXTURE_VARIANT(nested)
{
	const char *isolation;
	bool makes;
	bool apart;
};
FIXTURE_VARIANT_ADD(nested, with_the_baseline) { "", false, false };
FIXTURE_VARIANT_ADD(nested, without_a_profile) { "'seccomp': 'none'", true, false };
FIXTURE_VARIANT_ADD(nested, without_a_profile_apart) {
	"'seccomp': 'none', 'unshare': 'pid,ipc,mnt'", true, true
};
FIXTURE_VARIANT_ADD(nested, as_root_inside) {
	"'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, 'gid': 0}", false, true
};
FIXTURE_VARIANT_ADD(nested, as_root_inside_without_a_profile) {
	"'seccomp': 'none', 'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, 'gid': 0}", true, true
};

FIXTURE_SETUP(nested) { env_setup(&self->env, "breaknested"); }
FIXTURE_TEARDOWN_PARENT(nested) { env_teardown(&self->env); }

/* Of the host, whether an ordinary user may make one: without, nothing here means anything. */
static bool users_make_namespaces(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(setgid(CALLER) < 0 || setuid(CALLER) < 0 ||
		      unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static struct run nested(const struct test_env *env, const char *isolation, const char *tries)
{
	return breaking(env, "nested", text("'isolation': {%s}", isolation), tries);
}

/* No mount, no other root, no file by its number: not in the cell's, nor in one it made. */
TEST_F(nested, mounts_nothing_and_changes_no_root)
{
	struct run run = nested(&self->env, variant->isolation, text(
		"mount:%s pivot:/ newuser mount:%s mount:/proc pivot:/ handle:/etc/passwd",
		self->env.dir, self->env.dir));

	if (variant->makes && !users_make_namespaces())
		SKIP(return, "users make no user namespaces on this host");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_lines_of(run.out.bytes, 19, "EPERM EINVAL EACCES EOPNOTSUPP done"))
		TH_LOG("%s", run.out.bytes);
	/* The namespace itself, where it can be made, and nothing in it. */
	EXPECT_EQ(variant->makes, count_lines(run.out.bytes, "done")) TH_LOG("%s", run.out.bytes);
}

/* Process 1 is the host's, or the cell's init: its root is not the cell's to enter. */
TEST_F(nested, enters_no_root_of_process_1)
{
	struct run run = nested(&self->env, variant->isolation,
				"newuser chroot:/proc/1/root read:/proc/1/root/etc/passwd "
				"read:/proc/1/environ file:/proc/1/ns/mnt");
	const char *rest;

	if (variant->makes && !users_make_namespaces())
		SKIP(return, "users make no user namespaces on this host");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(variant->makes ? "done" : "EPERM", text("%.*s",
		     (int)strcspn(run.out.bytes, "\n"), run.out.bytes));
	rest = strchr(run.out.bytes, '\n') + 1;
	EXPECT_EQ(0, count_lines(rest, "done")) TH_LOG("%s", run.out.bytes);
}

TEST_HARNESS_MAIN
