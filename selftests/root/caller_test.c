// SPDX-License-Identifier: MIT
/* Callers that are not root: what they have to bring, and what their cells are. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/breaking.h"

#define SECOND_GROUP	54321

/* @env's parent is a part of @tree, which belongs to the caller, as is the supervisor's. */
FIXTURE(caller) {
	struct test_env tree;
	struct test_env env;
	struct caller all;
};

FIXTURE_SETUP(caller)
{
	caller_tree(&self->tree, &self->env, &self->all, "caller");
}

FIXTURE_TEARDOWN_PARENT(caller) { env_teardown(&self->tree); }

/* A cell that says who it is. By the host's programs: it does not see /tmp. */
static const char *status_document(const char *isolation)
{
	return document("own", "'run': {'argv': ['cat', '/proc/self/status'], 'isolation': {%s}}",
			isolation);
}

static void expect_refused(struct __test_metadata *_metadata, const struct test_env *env,
			   struct run *run, const char *words)
{
	EXPECT_EQ(125, run_whole(env, run));
	EXPECT_NE(NULL, strstr(run->err.bytes, words)) TH_LOG("%s", run->err.bytes);
	EXPECT_NE(NULL, strstr(run->err.bytes, "\nhint: ")) TH_LOG("%s", run->err.bytes);
	EXPECT_STREQ("EPERM", json_text_at(run->report, "/error/errnoName"));
	EXPECT_STREQ("failed", json_text_at(run->report, "/exit/kind"));
}

TEST_F(caller, has_cells_of_its_own_uid_without_any_rights)
{
	struct run run = caller_run(&self->all, status_document("'unshare': ['pid', 'mnt']"));

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nUid:\t12345\t12345\t12345\t12345\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nGid:\t12345\t12345\t12345\t12345\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nGroups:\t \n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nPid:\t2\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapPrm:\t0000000000000000\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapBnd:\t0000000000000000\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapAmb:\t0000000000000000\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nNoNewPrivs:\t1\n"));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/egress/verified")));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/teardown/destroyed")));
}

TEST_F(caller, is_refused_user_namespaces_by_name)
{
	const char *doc = status_document("'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, "
					  "'gid': 0}");
	struct run run = caller_run(&self->all, doc);

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("EOPNOTSUPP", json_text_at(run.report, "/error/errnoName"));
	EXPECT_NE(NULL, strstr(run.err.bytes, "not built yet")) TH_LOG("%s", run.err.bytes);
}

/* In a user namespace of its own it could mount again what is read-only. */
TEST_F(caller, has_no_cells_without_the_baseline)
{
	const char *doc = status_document("'unshare': ['pid', 'mnt'], 'seccomp': 'none'");
	struct run run = caller_run(&self->all, doc);

	expect_refused(_metadata, &self->env, &run, "/spec/run/isolation/seccomp");
}

/* It owns them: only that it sees them read-only keeps it in its own. */
TEST_F(caller, has_cells_that_cannot_leave_their_cgroup)
{
	struct run run = caller_run(&self->all, document("stays",
		"'run': {'argv': ['sh', '-c', 'for d; do echo 0 > $d/cgroup.procs; done', 'sh', "
		"'%s', '%s', '%s'], 'isolation': {'unshare': ['pid', 'mnt']}}",
		self->env.parent, self->all.supervisor, self->tree.parent));
	char *p;
	int refused = 0;

	EXPECT_NE(0, run_whole(&self->env, &run));
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	for (p = run.err.bytes; (p = strstr(p, "Read-only file system")); p++)
		refused++;
	EXPECT_LE(1, refused) TH_LOG("%s", run.err.bytes);
	run = caller_run(&self->all, document_argv("plain", "true", NULL));
	expect_refused(_metadata, &self->env, &run, "cgroup.procs");
}

TEST_F(caller, gets_no_other_uid)
{
	static const char *const users[] = { "0:0", "12345:0", "0:12345", "1:1", "dynamic" };

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		struct run run = caller_run(&self->all, status_document("'unshare': ['pid', 'mnt']"));

		run.args[0] = "--user";
		run.args[1] = users[i];
		expect_refused(_metadata, &self->env, &run, "--user");
	}
}

TEST_F(caller, is_told_which_capability_is_missing)
{
	for (size_t i = 0; i < CALLER_CAPS; i++) {
		struct caller caller = self->all;
		struct run run = caller_run(&caller, status_document("'unshare': ['pid', 'mnt']"));

		caller.without = caller_caps[i];
		expect_refused(_metadata, &self->env, &run, "");
		for (char *p = run.err.bytes; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
		EXPECT_NE(NULL, strstr(run.err.bytes, cap_to_name(caller_caps[i])))
			TH_LOG("%s", run.err.bytes);
	}
}

TEST_F(caller, with_supplementary_groups_is_refused)
{
	struct caller caller = self->all;
	struct run run = caller_run(&caller, status_document("'unshare': ['pid', 'mnt']"));

	caller.group = SECOND_GROUP;
	expect_refused(_metadata, &self->env, &run, "supplementary groups");
}

/* Where the sockets of its other processes lie, and the devices that it owns. */
TEST_F(caller, has_cells_that_see_no_place_of_its_other_processes)
{
	struct run run = caller_run(&self->all, document("sees",
		"'run': {'argv': ['sh', '-c', 'ls /run /tmp /var/tmp 2>&1; ls /dev/pts; "
		"echo x > /dev/null && echo null; : < /dev/zero && echo zero; : < /dev/ptmx'], "
		"'isolation': {'unshare': ['pid', 'mnt']}}"));

	EXPECT_NE(0, run_whole(&self->env, &run));
	EXPECT_EQ(NULL, strstr(run.out.bytes, "cellos-selftest")) TH_LOG("%s", run.out.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "null\nzero\n")) TH_LOG("%s", run.out.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "/dev/ptmx")) TH_LOG("%s", run.err.bytes);
}

/* What belongs to root is not opened for it: the helper has no more rights than it has. */
TEST_F(caller, names_no_file_that_it_could_not_open)
{
	char *secret = text("%s/document", self->env.dir);
	struct run run = caller_run(&self->all, NULL);
	int fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ASSERT_GE(fd, 0);
	close(fd);
	run.document_path = secret;
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("EACCES", json_text_at(run.report, "/error/errnoName"));
}

TEST_F(caller, sees_ends_and_reconciles_its_cells)
{
	struct run run = caller_run(&self->all, document("lives",
		"'run': {'argv': ['sh', '-c', 'echo ready; exec sleep 1000'], "
		"'isolation': {'unshare': ['pid', 'mnt']}}"));
	struct run list = caller_run(&self->all, NULL), destroy = list, reconcile = list;

	list.verb = "list";
	list.args[0] = "--json";
	destroy.verb = "destroy";
	destroy.args[0] = "lives";
	reconcile.verb = "reconcile";
	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "lives", "ready\n"), 0);
	ASSERT_EQ(0, run_whole(&self->env, &list)) TH_LOG("%s", list.err.bytes);
	EXPECT_NE(NULL, strstr(list.out.bytes, "\"cellId\": \"lives\""));
	ASSERT_EQ(0, run_whole(&self->env, &destroy)) TH_LOG("%s", destroy.err.bytes);
	run_finish(&run);
	EXPECT_EQ(137, run.status);
	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "lives", "ready\n"), 0);
	kill(run.pid, SIGKILL);
	run_finish(&run);
	ASSERT_EQ(0, run_whole(&self->env, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
	EXPECT_NE(NULL, strstr(reconcile.out.bytes, "lives: destroyed"));
}

/* Whoever made it could have written anything into its attributes. */
TEST_F(caller, has_cells_that_root_does_not_believe)
{
	struct run run = caller_run(&self->all, document("mine",
		"'run': {'argv': ['sh', '-c', 'echo ready; exec sleep 1000'], "
		"'isolation': {'unshare': ['pid', 'mnt']}}"));
	struct run destroy = { .verb = "destroy", .args = { "mine" } };

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "mine", "ready\n"), 0);
	EXPECT_EQ(125, run_whole(&self->env, &destroy));
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(128 + SIGTERM, run.status);
}

TEST_HARNESS_MAIN
