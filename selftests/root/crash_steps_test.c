// SPDX-License-Identifier: MIT
/*
 * The helper is SIGKILLed right before and right after each step of a cell's
 * life, forward and backward. One `reconcile` brings the host back to what it
 * was, and says truthfully what it removed.
 */
#include "selftests/root/steps.h"

#include <dirent.h>
#include <string.h>

#include "selftests/harness.h"

/* Does nftables hold anything in this network namespace? */
static bool has_rules(void)
{
	static const char *const nft[] = { "nft", "list", "ruleset", NULL };
	const char *rules = command(nft);

	return rules && *rules;
}

static unsigned int count_leaves(const struct test_env *env)
{
	DIR *dir = opendir(env->parent);
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir)))
		n += !strncmp(entry->d_name, "cellos_", 7);
	if (!dir)
		give_up(env->parent);
	closedir(dir);
	return n;
}

/* The cell "crashed", killed at this point of its life. */
static void crash(struct __test_metadata *_metadata, const struct test_env *env,
		  enum fault fault, unsigned int step)
{
	/* Backward a process is still there to be ended, but the workload has exited. */
	bool backward = fault == FAULT_KILL_BEFORE_DOWN || fault == FAULT_KILL_AFTER_DOWN;
	const char *doc = document("crashed", "'authority': {'egressRules': ["
				   "{'host': '127.0.0.1', 'port': 443}]}, "
				   "'run': {'argv': ['%s/sweep_work', '%s']}", env->workloads,
				   backward ? "daemon" : "silent");
	const struct outcome *outcome = steps_cell(env, doc, fault, step, NULL);

	ASSERT_FALSE(outcome->complete) TH_LOG("step %s", cell_steps[step].name);
}

/* Reconciles, and compares its report with what was there. */
static void reconcile(struct __test_metadata *_metadata, const struct test_env *env,
		      const char *where)
{
	struct run run = { .verb = "reconcile", .args = { "--json" } };
	bool finished = cell_leaf(env, "crashed");
	unsigned int leaves = count_leaves(env);
	json_t *report, *removed;

	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s: %s", where, run.err.bytes);
	EXPECT_STREQ("", run.err.bytes);
	report = json_loads(run.out.bytes, 0, NULL);
	ASSERT_NE(NULL, report) TH_LOG("%s: %s", where, run.out.bytes);
	EXPECT_EQ(2, json_object_size(report));
	EXPECT_EQ(0, json_int_at(report, "kept")) TH_LOG("%s", where);
	removed = json_at(report, "removed");
	ASSERT_EQ(leaves, json_array_size(removed)) TH_LOG("%s", where);
	if (!leaves)
		return;
	EXPECT_EQ(4, json_object_size(json_at(removed, "0")));
	EXPECT_STREQ(finished ? "crashed" : "(none)", json_text_at(removed, "0/cellId"));
	EXPECT_TRUE(json_is_true(json_at(removed, "0/destroyed"))) TH_LOG("%s", where);
	EXPECT_EQ(0, json_int_at(removed, "0/peersTrackedAfter"));
	EXPECT_EQ(0, json_array_size(json_at(removed, "0/residue"))) TH_LOG("%s", where);
}

/* What has to be there of a cell whose steps up to here were done, and no more. */
static void look(struct __test_metadata *_metadata, const struct test_env *env,
		 unsigned int steps_done, const char *where)
{
	bool made = steps_done > steps_find("cgroup");
	bool known = steps_done > steps_find("identity");
	bool governed = steps_done > steps_find("egress");
	bool born = steps_done > steps_find("spawn");
	const char *leaf = cell_leaf(env, "crashed");

	EXPECT_EQ(made, count_leaves(env)) TH_LOG("%s", where);
	EXPECT_EQ(known, leaf != NULL) TH_LOG("%s", where);
	EXPECT_EQ(governed, has_rules()) TH_LOG("%s", where);
	EXPECT_EQ(born, cell_pid(env, "crashed") != 0) TH_LOG("%s", where);
	EXPECT_EQ(born, leaf && xattr_read(leaf, "user.cellos.pid")) TH_LOG("%s", where);
}

FIXTURE(forward) { struct test_env env; };
FIXTURE_VARIANT(forward) { enum fault fault; unsigned int done; };
FIXTURE_VARIANT_ADD(forward, before) { FAULT_KILL_BEFORE_UP, 0 };
FIXTURE_VARIANT_ADD(forward, after) { FAULT_KILL_AFTER_UP, 1 };
FIXTURE_SETUP(forward) { env_setup(&self->env, "crash-steps"); }
FIXTURE_TEARDOWN_PARENT(forward) { env_teardown(&self->env); }

TEST_F(forward, reconcile_undoes_what_a_killed_helper_had_made)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < steps_count(); i++) {
		const char *where = cell_steps[i].name;

		crash(_metadata, &self->env, variant->fault, i);
		look(_metadata, &self->env, i + variant->done, where);
		reconcile(_metadata, &self->env, where);
		EXPECT_STREQ(before, host_snapshot(&self->env)) TH_LOG("%s", where);
	}
}

TEST_F(forward, the_id_is_free_again_after_reconcile)
{
	struct run again = {
		.document = document("crashed", "'run': {'argv': ['%s/sweep_work', 'probe']}",
				     self->env.workloads)
	};

	for (unsigned int i = 0; i < steps_count(); i++) {
		const char *where = cell_steps[i].name;

		crash(_metadata, &self->env, variant->fault, i);
		reconcile(_metadata, &self->env, where);
		EXPECT_EQ(0, run_whole(&self->env, &again)) TH_LOG("%s: %s", where,
								  again.err.bytes);
		EXPECT_STREQ("sound\n", again.out.bytes);
	}
}

/* The lock of a helper that was killed goes with it: others are not held up. */
TEST_F(forward, other_cells_start_beside_the_remains)
{
	struct run other = {
		.document = document("other", "'run': {'argv': ['%s/sweep_work', 'probe']}",
				     self->env.workloads)
	};

	for (unsigned int i = 0; i < steps_count(); i++) {
		const char *where = cell_steps[i].name;

		crash(_metadata, &self->env, variant->fault, i);
		EXPECT_EQ(0, run_whole(&self->env, &other)) TH_LOG("%s: %s", where,
								  other.err.bytes);
		EXPECT_STREQ("sound\n", other.out.bytes);
		reconcile(_metadata, &self->env, where);
	}
}

FIXTURE(backward) { struct test_env env; };
FIXTURE_VARIANT(backward) { enum fault fault; };
FIXTURE_VARIANT_ADD(backward, before) { FAULT_KILL_BEFORE_DOWN };
FIXTURE_VARIANT_ADD(backward, after) { FAULT_KILL_AFTER_DOWN };
FIXTURE_SETUP(backward) { env_setup(&self->env, "crash-steps"); }
FIXTURE_TEARDOWN_PARENT(backward) { env_teardown(&self->env); }

TEST_F(backward, reconcile_finishes_the_teardown_of_a_killed_helper)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = 0; i < steps_count(); i++) {
		const char *where = cell_steps[i].name;

		crash(_metadata, &self->env, variant->fault, i);
		reconcile(_metadata, &self->env, where);
		EXPECT_STREQ(before, host_snapshot(&self->env)) TH_LOG("%s", where);
	}
}

/* `destroy` knows the cell as well as `reconcile` does, while it has an identity. */
TEST_F(forward, destroy_does_the_same_for_a_cell_with_identity)
{
	const char *before = host_snapshot(&self->env);

	for (unsigned int i = steps_find("egress"); i < steps_count(); i++) {
		struct run run = { .verb = "destroy", .args = { "crashed", "--json" } };
		const char *where = cell_steps[i].name;
		json_t *report;

		crash(_metadata, &self->env, variant->fault, i);
		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s: %s", where, run.err.bytes);
		report = json_loads(run.out.bytes, 0, NULL);
		EXPECT_STREQ("crashed", json_text_at(report, "cellId"));
		EXPECT_TRUE(json_is_true(json_at(report, "destroyed"))) TH_LOG("%s", where);
		EXPECT_STREQ(before, host_snapshot(&self->env)) TH_LOG("%s", where);
	}
}

TEST_HARNESS_MAIN
