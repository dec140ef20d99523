// SPDX-License-Identifier: MIT
/* reconcile: what has an owner stays, what has none goes, what is foreign is named. */
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

#define IDENTITY	"user.cellos.identity"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "lifecycle-reconcile"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static pid_t start(const struct test_env *env, struct run *run, const char *id)
{
	*run = (struct run){
		.document = document(id, "'authority': {'egressRules': ["
				     "{'host': '127.0.0.1', 'port': 443}]}, "
				     "'run': {'argv': ['%s/sweep_work', 'pause']}",
				     env->workloads)
	};
	run_start(env, run);
	return cell_wait(env, run, id, "up\n");
}

static void kill_helper(struct run *run)
{
	pidfd_send_signal(run->pidfd, SIGKILL, NULL, 0);
	run_finish(run);
}

/* Return: what reconcile printed; its status in @ret. */
static json_t *reconcile(const struct test_env *env, struct run *ret)
{
	*ret = (struct run){ .verb = "reconcile", .args = { "--json" } };
	run_whole(env, ret);
	return json_loads(ret->out.bytes, 0, NULL);
}

static void destroy_all(struct __test_metadata *_metadata, const struct test_env *env)
{
	struct run run = { .verb = "destroy", .args = { "--all" } };

	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
}

/* A leaf as a helper makes it, without the rest. Return: its path. */
static char *make_leaf(const struct test_env *env, const char *id)
{
	char *path = text("%s/cellos_%s_11111111-2222-4333-8444-555555555555", env->parent, id);

	if (mkdir(path, 0755) < 0)
		give_up(path);
	return path;
}

TEST_F(cell, reconcile_keeps_what_has_an_owner_and_removes_the_rest)
{
	const char *before = host_snapshot(&self->env);
	struct run live, dead, run;
	pid_t pid;
	json_t *report;

	ASSERT_LT(0, start(&self->env, &live, "live"));
	pid = start(&self->env, &dead, "dead");
	ASSERT_LT(0, pid);
	kill_helper(&dead);
	EXPECT_TRUE(process_alive(pid));
	report = reconcile(&self->env, &run);
	EXPECT_EQ(0, run.status);
	EXPECT_EQ(2, json_object_size(report));
	EXPECT_EQ(1, json_int_at(report, "kept"));
	ASSERT_EQ(1, json_array_size(json_at(report, "removed")));
	EXPECT_EQ(4, json_object_size(json_at(report, "removed/0")));
	EXPECT_STREQ("dead", json_text_at(report, "removed/0/cellId"));
	EXPECT_TRUE(json_is_true(json_at(report, "removed/0/destroyed")));
	EXPECT_EQ(1, json_int_at(report, "removed/0/peersTrackedAfter"));
	EXPECT_EQ(0, json_array_size(json_at(report, "removed/0/residue")));
	EXPECT_FALSE(process_alive(pid));
	EXPECT_LT(0, cell_pid(&self->env, "live"));
	/* The rules of the one that lives are untouched. */
	run = (struct run){ .verb = "show", .args = { "live", "--json" } };
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	destroy_all(_metadata, &self->env);
	run_finish(&live);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* Stopped is not dead. */
TEST_F(cell, reconcile_keeps_the_cell_of_a_stopped_helper)
{
	struct run stopped, run;

	ASSERT_LT(0, start(&self->env, &stopped, "stopped"));
	pidfd_send_signal(stopped.pidfd, SIGSTOP, NULL, 0);
	EXPECT_EQ(1, json_int_at(reconcile(&self->env, &run), "kept"));
	EXPECT_EQ(0, run.status);
	pidfd_send_signal(stopped.pidfd, SIGCONT, NULL, 0);
	destroy_all(_metadata, &self->env);
	run_finish(&stopped);
}

TEST_F(cell, reconcile_without_anything_to_do_does_nothing)
{
	struct run run;
	json_t *report = reconcile(&self->env, &run);

	EXPECT_EQ(0, run.status);
	EXPECT_EQ(0, json_int_at(report, "kept"));
	EXPECT_EQ(0, json_array_size(json_at(report, "removed")));
}

TEST_F(cell, a_leaf_without_identity_is_removed)
{
	const char *before = host_snapshot(&self->env);
	struct run run;
	json_t *report;

	make_leaf(&self->env, "unfinished");
	report = reconcile(&self->env, &run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	ASSERT_EQ(1, json_array_size(json_at(report, "removed")));
	EXPECT_TRUE(json_is_null(json_at(report, "removed/0/cellId")));
	EXPECT_TRUE(json_is_true(json_at(report, "removed/0/destroyed")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* Nobody lists what has no name, but it does not get in the way either. */
TEST_F(cell, a_leaf_without_identity_is_no_cell)
{
	struct run run = { .verb = "list", .args = { "--json" } };

	make_leaf(&self->env, "unfinished");
	EXPECT_EQ(0, run_whole(&self->env, &run));
	EXPECT_STREQ("[]\n", run.out.bytes);
	run = (struct run){ .verb = "destroy", .args = { "unfinished" } };
	EXPECT_EQ(125, run_whole(&self->env, &run));
}

/* A helper that died between clone and the note of whom it made. */
TEST_F(cell, a_cell_whose_workload_was_never_noted_is_found_and_ended)
{
	const char *before = host_snapshot(&self->env);
	struct run cell, run;
	pid_t pid = start(&self->env, &cell, "unnoted");
	json_t *json;

	ASSERT_LT(0, pid);
	kill_helper(&cell);
	ASSERT_EQ(0, removexattr(cell_leaf(&self->env, "unnoted"), "user.cellos.pid"));
	run = (struct run){ .verb = "list", .args = { "--json" } };
	EXPECT_EQ(0, run_whole(&self->env, &run));
	json = json_loads(run.out.bytes, 0, NULL);
	EXPECT_STREQ("unnoted", json_text_at(json, "0/cellId"));
	EXPECT_TRUE(json_is_null(json_at(json, "0/pid")));
	run = (struct run){ .verb = "kill", .args = { "unnoted" } };
	EXPECT_EQ(125, run_whole(&self->env, &run));
	json = reconcile(&self->env, &run);
	EXPECT_EQ(0, run.status);
	EXPECT_STREQ("unnoted", json_text_at(json, "removed/0/cellId"));
	EXPECT_TRUE(json_is_true(json_at(json, "removed/0/destroyed")));
	EXPECT_FALSE(process_alive(pid));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* What another version has made, only that version can take apart. */
TEST_F(cell, a_leaf_of_another_version_is_named_and_stays)
{
	static const char later[] = "version=99\nid=future\n";
	char *leaf = make_leaf(&self->env, "future");
	struct run dead, run;
	json_t *report;

	ASSERT_EQ(0, setxattr(leaf, IDENTITY, later, sizeof(later) - 1, 0));
	ASSERT_LT(0, start(&self->env, &dead, "dead"));
	kill_helper(&dead);
	report = reconcile(&self->env, &run);
	EXPECT_NE(NULL, strstr(run.err.bytes, "version 99")) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, leaf + strlen(self->env.parent) + 1))
		TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, access(leaf, F_OK));
	/* It holds up nobody else. */
	EXPECT_EQ(1, json_array_size(json_at(report, "removed")));
	EXPECT_STREQ("dead", json_text_at(report, "removed/0/cellId"));
	EXPECT_EQ(125, run.status);
	EXPECT_EQ(1, json_int_at(report, "removed/0/peersTrackedAfter"));
}

FIXTURE(damaged) { struct test_env env; };
FIXTURE_VARIANT(damaged) { const char *identity; };
FIXTURE_VARIANT_ADD(damaged, no_version) { "id=damaged\n" };
FIXTURE_VARIANT_ADD(damaged, empty) { "" };
FIXTURE_VARIANT_ADD(damaged, cut) { "version=2\nid=damaged\ntoken=1" };
FIXTURE_VARIANT_ADD(damaged, no_number) { "version=x\nid=damaged\n" };
FIXTURE_SETUP(damaged) { env_setup(&self->env, "lifecycle-reconcile"); }
FIXTURE_TEARDOWN_PARENT(damaged) { env_teardown(&self->env); }

TEST_F(damaged, a_leaf_with_a_damaged_identity_is_named_and_stays)
{
	char *leaf = make_leaf(&self->env, "damaged");
	struct run run;

	ASSERT_EQ(0, setxattr(leaf, IDENTITY, variant->identity, strlen(variant->identity), 0));
	EXPECT_EQ(0, json_array_size(json_at(reconcile(&self->env, &run), "removed")));
	EXPECT_EQ(125, run.status);
	EXPECT_NE(NULL, strstr(run.err.bytes, "damaged")) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, access(leaf, F_OK));
	run = (struct run){ .verb = "list", .args = { "--json" } };
	run_whole(&self->env, &run);
	EXPECT_STREQ("[]\n", run.out.bytes);
}

/* The helper's pid may be another process's by now: the inode tells. */
TEST_F(cell, an_owner_s_reused_pid_is_not_the_owner)
{
	struct run dead, run;
	char *leaf, *identity, *owner;
	char *forged;

	ASSERT_LT(0, start(&self->env, &dead, "dead"));
	kill_helper(&dead);
	leaf = cell_leaf(&self->env, "dead");
	identity = xattr_read(leaf, IDENTITY);
	owner = strstr(identity, "\nowner=") + strlen("\nowner=");
	/*
	 * The parent of this process lives, but it is not who made the cell. Nor did it start in
	 * the same tick, which is all that Linux before 6.9 has to tell the one from the other.
	 */
	forged = text("%.*s%d%s", (int)(owner - identity), identity, getppid(),
		      strchr(owner, ' '));
	ASSERT_EQ(0, setxattr(leaf, IDENTITY, forged, strlen(forged), 0));
	EXPECT_EQ(1, json_array_size(json_at(reconcile(&self->env, &run), "removed")));
	EXPECT_EQ(0, run.status);
}

TEST_HARNESS_MAIN
