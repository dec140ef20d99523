// SPDX-License-Identifier: MIT
/*
 * The folder of a private workspace, replaced by somebody of the host at one given moment:
 * when the helper has looked at it and writes down that it is going to use it.
 */
#include "selftests/root/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "selftests/harness.h"

#define OTHER_UID	12345

/* Two folders that change places, once. */
static const char *swap_a, *swap_b;

/* In place of the C library's, for the objects of the program that this test links. */
int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	if (swap_a && strstr(name, "workspace")) {
		if (renameat2(AT_FDCWD, swap_a, AT_FDCWD, swap_b, RENAME_EXCHANGE) < 0)
			give_up("renameat2");
		swap_a = NULL;
	}
	return (int)syscall(SYS_fsetxattr, fd, name, value, size, flags);
}

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "swap"); }
FIXTURE_TEARDOWN_PARENT(cell)
{
	swap_a = NULL;
	env_teardown(&self->env);
}

TEST_F(cell, folder_of_somebody_else_gets_no_mark)
{
	const char *at = text("%s/work", self->env.dir), *other = text("%s/other", self->env.dir);
	const char *doc = document("swap", "'run': {'argv': ['%s/sweep_work', 'true'], "
				   "'workingDirectory': '%s', 'isolation': {'unshare': 'mnt'}}",
				   self->env.workloads, at);
	const struct outcome *outcome;
	struct stat st;

	/* As another cell makes it; what takes its place is somebody else's, open to root. */
	ASSERT_EQ(0, mkdir(at, 0700));
	ASSERT_EQ(0, chmod(at, 01700));
	ASSERT_EQ(0, mkdir(other, 0700));
	ASSERT_EQ(0, chmod(other, 0777));
	ASSERT_EQ(0, chown(other, OTHER_UID, OTHER_UID));
	swap_a = at;
	swap_b = other;
	outcome = steps_cell(&self->env, doc, FAULT_NONE, 0, NULL);
	EXPECT_TRUE(outcome->complete);
	EXPECT_EQ(0, outcome->status) TH_LOG("%s", outcome->error.message);
	EXPECT_EQ(0, outcome->teardown.n_residue);
	/* They did change places, and both are as they were: empty. */
	ASSERT_EQ(0, stat(at, &st));
	EXPECT_EQ(OTHER_UID, st.st_uid);
	EXPECT_EQ(0, rmdir(at)) TH_LOG("%s", strerror(errno));
	EXPECT_EQ(0, rmdir(other)) TH_LOG("%s", strerror(errno));
}

TEST_HARNESS_MAIN
