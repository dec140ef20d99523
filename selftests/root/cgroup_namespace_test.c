// SPDX-License-Identifier: MIT
/* Which cell parents will do inside a cgroup namespace, and under what conditions. */
#include <sys/xattr.h>

#include "selftests/root/cgroup_view.h"

FIXTURE(inside) { struct test_env env; };
FIXTURE_SETUP(inside) { env_setup(&self->env, "namespace"); }
FIXTURE_TEARDOWN_PARENT(inside) { env_teardown(&self->env); }

static void expect_refused(struct __test_metadata *_metadata, const struct test_env *env,
			   const char *errno_name, const char *words)
{
	const char *before = host_snapshot(env);
	struct run run = { .document = document_argv("refused", "true", NULL) };

	EXPECT_EQ(125, run_whole(env, &run)) TH_LOG("%s", env->parent);
	EXPECT_STREQ(errno_name, json_text_at(run.report, "/error/errnoName"))
		TH_LOG("%s: %s", env->parent, run.err.bytes);
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"), words))
		TH_LOG("%s: %s", env->parent, run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "\nhint: ")) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(before, host_snapshot(env));
}

/* ---- which parents ---- */

TEST_F(inside, parent_outside_the_namespace_is_refused_by_name)
{
	const struct test_env *env = &self->env;
	const struct test_env beside = env_at(env, make(text("%s/beside", env->parent)));
	const struct test_env deeper = env_at(env, make(text("%s/beside/b", env->parent)));
	const struct test_env root = env_at(env, env->mount);

	enter_namespace(text("%s/ns", env->parent));
	expect_refused(_metadata, &beside, "EINVAL", "is outside the root of this cgroup namespace");
	expect_refused(_metadata, &deeper, "EINVAL", "is outside the root of this cgroup namespace");
	expect_refused(_metadata, env, "EINVAL", "is outside the root of this cgroup namespace");
	expect_refused(_metadata, &root, "EINVAL", "is the root of the hierarchy");
}

TEST_F(inside, root_of_the_namespace_may_be_the_parent)
{
	const struct test_env *env = &self->env;
	char *root = text("%s/ns", env->parent), *init = text("%s/init", env->parent);
	struct test_env fresh;
	int ret;

	enter_namespace(root);
	fresh = env_at(env, mount_at(text("%s/view", env->dir), NULL));
	expect_refused(_metadata, &fresh, "EBUSY", "has processes of its own");
	ret = file_write(text("%s/cgroup.procs", make(init)), "0");
	if (ret == -ENOENT)
		SKIP(return, "nsdelegate: no process leaves the root of its cgroup namespace");
	ASSERT_EQ(0, ret);
	expect_governed(_metadata, &fresh);
}

TEST_F(inside, default_parent_is_found_where_the_mount_fits_the_namespace)
{
	const struct test_env *env = &self->env;
	struct run run = { .document = document_argv("found", "true", NULL), .no_parent = true };
	struct run probe = { .verb = "probe", .no_parent = true };
	char *root = text("%s/ns", env->parent), *own = text("%s/own", root), *point;
	int there = access(text("%s/cellos", env->mount), F_OK);

	enter_namespace(root);
	EXPECT_EQ(125, run_whole(env, &run));
	EXPECT_STREQ("ENOENT", json_text_at(run.report, "/error/errnoName"))
		TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "no cgroup2 mount shows the root"))
		TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(there, access(text("%s/cellos", env->mount), F_OK));
	point = mount_at(text("%s/view", env->dir), NULL);
	run_whole(env, &probe);
	EXPECT_NE(NULL, strstr(probe.out.bytes, "ok   cgroup-parent")) TH_LOG("%s", probe.out.bytes);
	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(json_text_at(run.report, "/handle/cgroupPath"),
			     text("%s/cellos/cellos_", point), strlen(point) + 15));
	ASSERT_EQ(0, file_write(text("%s/cgroup.procs", make(own)), "0"));
	ASSERT_EQ(0, setxattr(own, "user.delegate", "1", 1, 0));
	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(json_text_at(run.report, "/handle/cgroupPath"),
			     text("%s/own/cellos/cellos_", point), strlen(point) + 19));
}

TEST_F(inside, frozen_parent_is_refused_and_nothing_hangs)
{
	const struct test_env *env = &self->env;
	const char *cells = make(text("%s/cells", env->parent));
	const char *freeze = text("%s/cgroup.freeze", cells);
	struct test_env part;

	own_mounts();
	part = env_at(env, mount_at(text("%s/view", env->dir), cells));
	ASSERT_EQ(0, file_write(freeze, "1"));
	expect_refused(_metadata, &part, "EBUSY", "is frozen");
	ASSERT_EQ(0, file_write(freeze, "0"));
}

/* ---- what else may be the case ---- */

TEST_F(inside, loopback_need_not_be_up)
{
	static const char *const down[] = { "ip", "link", "set", "lo", "down", NULL };
	struct run run = { .document = document_argv("down", "true", NULL) };
	struct test_env cells;

	ASSERT_NE(NULL, command(down));
	enter_namespace(text("%s/ns", self->env.parent));
	cells = env_at(&self->env, make(text("%s/ns/cells", self->env.parent)));
	EXPECT_EQ(0, run_whole(&cells, &run)) TH_LOG("%s", run.err.bytes);
	/* A namespace whose loopback never was up has not even an address. */
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	EXPECT_EQ(0, run_whole(&cells, &run)) TH_LOG("%s", run.err.bytes);
}

TEST_F(inside, firewall_that_drops_everything_hides_nothing)
{
	static const char *const rules[] = {
		"nft", "add table inet wall; add chain inet wall out "
		"{ type filter hook output priority -2147483648; policy drop; }", NULL,
	};
	struct run run = { .document = document_argv("walled", "true", NULL) };
	struct test_env cells;

	ASSERT_NE(NULL, command(rules));
	enter_namespace(text("%s/ns", self->env.parent));
	cells = env_at(&self->env, make(text("%s/ns/cells", self->env.parent)));
	EXPECT_EQ(0, run_whole(&cells, &run)) TH_LOG("%s", run.err.bytes);
}

TEST_F(inside, probe_tries_it_too)
{
	struct run run = { .verb = "probe" };
	struct test_env cells;

	enter_namespace(text("%s/ns", self->env.parent));
	cells = env_at(&self->env, make(text("%s/ns/cells", self->env.parent)));
	EXPECT_EQ(0, run_whole(&cells, &run)) TH_LOG("%s", run.out.bytes);
	cells = env_at(&self->env, make(text("%s/beside", self->env.parent)));
	EXPECT_EQ(125, run_whole(&cells, &run));
	EXPECT_NE(NULL, strstr(run.out.bytes, "is outside the root")) TH_LOG("%s", run.out.bytes);
}

/* As a program leaves it that is killed in the middle. */
TEST_F(inside, what_a_killed_program_leaves_is_removed_by_reconcile)
{
	struct run reconcile = { .verb = "reconcile" };
	struct test_env cells;
	char *left;

	enter_namespace(text("%s/ns", self->env.parent));
	cells = env_at(&self->env, make(text("%s/ns/cells", self->env.parent)));
	left = make(text("%s/cellos__level_01234567-89ab-4cde-8f01-23456789abcd", cells.parent));
	EXPECT_EQ(0, run_whole(&cells, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
	EXPECT_NE(0, access(left, F_OK));
}

/* What another program makes meanwhile, to find its level, is not counted for a cell. */
TEST_F(inside, trial_of_another_program_does_not_count_as_a_cell)
{
	static const char *const list[] = { "nft", "list", "tables", NULL };
	struct run run = { .document = document_argv("level", "true", NULL) };
	struct test_env cells;

	enter_namespace(text("%s/ns", self->env.parent));
	cells = env_at(&self->env, make(text("%s/ns/cells", self->env.parent)));
	make(text("%s/cellos__level_01234567-89ab-4cde-8f01-23456789abcd", cells.parent));
	EXPECT_EQ(0, run_whole(&cells, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, json_int_at(run.report, "/teardown/peersTrackedAfter"));
	EXPECT_STREQ("", command(list));
}

TEST_HARNESS_MAIN
