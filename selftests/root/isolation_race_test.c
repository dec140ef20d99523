// SPDX-License-Identifier: MIT
/* The private workspace, while somebody of the host replaces the folder that it lies on. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/inside.h"

#define EXISTS(path)	(access(path, F_OK) == 0)

/* Members for a workspace at @path, with more fields of isolation. */
static const char *at(const char *path, const char *fields)
{
	return text("'workingDirectory': '%s', 'isolation': {'unshare': 'mnt'%s%s}", path,
		    *fields ? ", " : "", fields);
}

/*
 * A user of the host swaps the folder for a link to another, and back, as fast as it
 * can, while cells are made. No cell ever has a workspace elsewhere.
 */
static pid_t start_swapping(const char *a, const char *b)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0)
				_exit(1);
	return pid;
}

FIXTURE(race)
{
	struct test_env env;
	char at[ENV_PATH_MAX + 8];
	char other[ENV_PATH_MAX + 8];
	char open[ENV_PATH_MAX + 8];	/* where the cell's uid could write, were it there */
};

FIXTURE_VARIANT(race) { bool link; bool listed; };
FIXTURE_VARIANT_ADD(race, with_a_symbolic_link) { true, false };
FIXTURE_VARIANT_ADD(race, with_another_folder) { false, false };
FIXTURE_VARIANT_ADD(race, with_a_symbolic_link_and_is_listed) { true, true };
FIXTURE_VARIANT_ADD(race, with_another_folder_and_is_listed) { false, true };

FIXTURE_SETUP(race)
{
	env_setup(&self->env, "workspace");
	snprintf(self->at, sizeof(self->at), "%s/work", self->env.dir);
	snprintf(self->other, sizeof(self->other), "%s/other", self->env.dir);
	snprintf(self->open, sizeof(self->open), "%s/open", self->env.dir);
	ASSERT_EQ(0, mkdir(self->at, 0755));
	ASSERT_EQ(0, mkdir(self->open, 0755));
	ASSERT_EQ(0, chmod(self->open, 0777));
	ASSERT_EQ(0, variant->link ? symlink(self->open, self->other) :
				     rename(self->open, self->other));
}

FIXTURE_TEARDOWN_PARENT(race) { env_teardown(&self->env); }

TEST_F_TIMEOUT(race, folder_that_is_replaced_meanwhile_is_refused, 120)
{
	const char *listed = variant->listed ? text("'readWritePaths': ['%s']", self->at) : "";
	unsigned int ran = 0, refused = 0;
	pid_t pid;

	if (variant->listed && landlock_abi() < 3)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs 3)", landlock_abi());
	pid = start_swapping(self->at, self->other);

	for (int i = 0; i < 300 && (i < 40 || !ran || !refused); i++) {
		struct run run = inside(&self->env, "race", at(self->at, listed),
					text("create:a create:%s/a", self->open));

		run_whole(&self->env, &run);
		ran += run.status == 0;
		refused += run.status == 125;
		if (run.status == 0) {
			EXPECT_STREQ(variant->link ? "done EACCES" : "done ENOENT",
				     inside_answers(&run));
		} else {
			EXPECT_EQ(125, run.status) TH_LOG("%d: %s", run.status, run.err.bytes);
			EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
		}
		EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_LT(0, ran);
	EXPECT_LT(0, refused);
	EXPECT_FALSE(EXISTS(text("%s/a", self->at)));
	EXPECT_FALSE(EXISTS(text("%s/a", self->other)));
	EXPECT_FALSE(EXISTS(text("%s/a", self->open)));
}

TEST_HARNESS_MAIN
