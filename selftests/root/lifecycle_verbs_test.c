// SPDX-License-Identifier: MIT
/* list, show, kill: a cell seen from another process, while it lives and after. */
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/xattr.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "lifecycle-verbs"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *cell_document(const struct test_env *env, const char *id, const char *word)
{
	return document(id, "'authority': {'egressRules': [{'host': '127.0.0.1', 'port': 443}]}, "
			"'lifetime': {'ttlSeconds': 600}, "
			"'run': {'argv': ['%s/sweep_work', '%s']}", env->workloads, word);
}

/* Starts a cell and waits until its workload is up. Return: the workload's pid. */
static pid_t start(const struct test_env *env, struct run *run, const char *id, const char *word)
{
	*run = (struct run){ .document = cell_document(env, id, word) };
	run_start(env, run);
	return cell_wait(env, run, id, "up\n");
}

/* Runs a verb with --json. Return: what it printed, parsed. */
static json_t *ask(const struct test_env *env, struct run *run, const char *verb, const char *id)
{
	*run = (struct run){ .verb = verb, .args = { "--json", id } };
	run_whole(env, run);
	return json_loads(run->out.bytes, 0, NULL);
}

static int run_verb(const struct test_env *env, struct run *run, const char *verb,
		    const char *id, const char *more)
{
	*run = (struct run){ .verb = verb, .args = { id, more } };
	return run_whole(env, run);
}

/* The nine fields of a cell in `list`, which are the first of `show`, too. */
static void check_cell(struct __test_metadata *_metadata, const struct test_env *env,
		       json_t *cell, const struct run *run, pid_t pid)
{
	const char *id = json_text_at(cell, "cellId");
	char *leaf = cell_leaf(env, id);

	ASSERT_NE(NULL, leaf);
	EXPECT_STREQ(leaf, json_text_at(cell, "cgroupPath"));
	EXPECT_STREQ(strrchr(leaf, '_') + 1, json_text_at(cell, "runToken"));
	EXPECT_STREQ("host", json_text_at(cell, "backend"));
	EXPECT_EQ(pid, json_int_at(cell, "pid"));
	EXPECT_EQ(strtol(proc_status(pid, "Uid"), NULL, 10), json_int_at(cell, "uid"));
	EXPECT_EQ(20, strlen(json_text_at(cell, "startedAt")));
	EXPECT_EQ(20, strlen(json_text_at(cell, "deadline")));
	EXPECT_GT(0, strcmp(json_text_at(cell, "startedAt"), json_text_at(cell, "deadline")));
	EXPECT_EQ(run->pid, json_int_at(cell, "owner/pid"));
	EXPECT_STREQ("run", json_text_at(cell, "owner/kind"));
}

TEST_F(cell, list_is_empty_without_cells)
{
	struct run run;
	json_t *list = ask(&self->env, &run, "list", NULL);

	EXPECT_EQ(0, run.status);
	EXPECT_TRUE(json_is_array(list));
	EXPECT_EQ(0, json_array_size(list));
}

TEST_F(cell, list_has_nine_fields_for_each_live_cell)
{
	struct run a, b, run;
	pid_t pid_a = start(&self->env, &a, "cell-a", "pause");
	pid_t pid_b = start(&self->env, &b, "cell-b", "pause");
	json_t *list = ask(&self->env, &run, "list", NULL), *cell;
	size_t i;

	ASSERT_LT(0, pid_a);
	ASSERT_LT(0, pid_b);
	EXPECT_EQ(0, run.status);
	ASSERT_EQ(2, json_array_size(list));
	json_array_foreach(list, i, cell) {
		bool is_a = !strcmp(json_text_at(cell, "cellId"), "cell-a");

		EXPECT_EQ(9, json_object_size(cell));
		EXPECT_TRUE(is_a || !strcmp(json_text_at(cell, "cellId"), "cell-b"));
		check_cell(_metadata, &self->env, cell, is_a ? &a : &b, is_a ? pid_a : pid_b);
	}
	EXPECT_STRNE(json_text_at(list, "0/cellId"), json_text_at(list, "1/cellId"));
	EXPECT_NE(json_int_at(list, "0/uid"), json_int_at(list, "1/uid"));
}

TEST_F(cell, show_adds_resources_and_egress)
{
	struct run run, shown;
	pid_t pid = start(&self->env, &run, "shown", "pause");
	json_t *cell = ask(&self->env, &shown, "show", "shown");

	EXPECT_EQ(0, shown.status);
	EXPECT_STREQ("", shown.err.bytes);
	check_cell(_metadata, &self->env, cell, &run, pid);
	EXPECT_EQ(pid, json_int_at(cell, "processes/0/pid"));
	EXPECT_EQ(9, json_object_size(json_at(cell, "resources")));
	EXPECT_EQ(6, json_object_size(json_at(cell, "resources/pressure")));
	EXPECT_LE(0, json_int_at(cell, "resources/cpuUsec"));
	EXPECT_TRUE(json_is_true(json_at(cell, "egress/enforced")));
	EXPECT_TRUE(json_is_true(json_at(cell, "egress/verified")));
	EXPECT_EQ(1, json_array_size(json_at(cell, "egress/rules")));
	EXPECT_NE(NULL, strstr(json_text_at(cell, "egress/rules/0/ruleRepr"), "127.0.0.1"));
	EXPECT_EQ(0, json_int_at(cell, "egress/rules/0/packets"));
	EXPECT_EQ(0, json_int_at(cell, "egress/denied/packets"));
}

TEST_F(cell, a_killed_helper_s_cell_is_still_listed_shown_and_killed)
{
	struct run run, verb;
	pid_t pid = start(&self->env, &run, "orphan", "pause");
	json_t *json;

	ASSERT_LT(0, pid);
	pidfd_send_signal(run.pidfd, SIGKILL, NULL, 0);
	run_finish(&run);
	json = ask(&self->env, &verb, "list", NULL);
	ASSERT_EQ(1, json_array_size(json));
	EXPECT_TRUE(json_is_false(json_at(json, "0/owner/alive")));
	EXPECT_EQ(pid, json_int_at(json, "0/pid"));
	json = ask(&self->env, &verb, "show", "orphan");
	EXPECT_EQ(0, verb.status);
	EXPECT_TRUE(json_is_true(json_at(json, "egress/verified")));
	EXPECT_EQ(0, run_verb(&self->env, &verb, "kill", "orphan", "KILL"));
	EXPECT_TRUE(WAIT_FOR(!process_alive(pid)));
	/* The cell stays until it is destroyed; its workload cannot be signalled twice. */
	EXPECT_EQ(125, run_verb(&self->env, &verb, "kill", "orphan", NULL));
	json = ask(&self->env, &verb, "destroy", "orphan");
	EXPECT_EQ(0, verb.status);
	EXPECT_TRUE(json_is_true(json_at(json, "destroyed")));
}

FIXTURE(signals) { struct test_env env; };
FIXTURE_VARIANT(signals) { const char *arg; int signal; const char *name; };
FIXTURE_VARIANT_ADD(signals, by_default) { NULL, SIGTERM, "SIGTERM" };
FIXTURE_VARIANT_ADD(signals, by_name) { "SIGUSR1", SIGUSR1, "SIGUSR1" };
FIXTURE_VARIANT_ADD(signals, by_short_name) { "KILL", SIGKILL, "SIGKILL" };
FIXTURE_VARIANT_ADD(signals, by_number) { "6", SIGABRT, "SIGABRT" };
FIXTURE_SETUP(signals) { env_setup(&self->env, "lifecycle-verbs"); }
FIXTURE_TEARDOWN_PARENT(signals) { env_teardown(&self->env); }

TEST_F(signals, kill_ends_in_signaled)
{
	const char *before = host_snapshot(&self->env);
	struct run run, verb;

	ASSERT_LT(0, start(&self->env, &run, "victim", "pause"));
	EXPECT_EQ(0, run_verb(&self->env, &verb, "kill", "victim", variant->arg));
	EXPECT_STREQ("", verb.out.bytes);
	run_finish(&run);
	EXPECT_EQ(128 + variant->signal, run.status);
	EXPECT_STREQ("signaled", json_text_at(run.report, "exit/kind"));
	EXPECT_EQ(variant->signal, json_int_at(run.report, "exit/signal"));
	EXPECT_STREQ(variant->name, json_text_at(run.report, "exit/signalName"));
	EXPECT_TRUE(json_is_true(json_at(run.report, "teardown/destroyed")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, kill_of_nonsense_is_refused)
{
	struct run run, verb;

	ASSERT_LT(0, start(&self->env, &run, "victim", "pause"));
	EXPECT_EQ(125, run_verb(&self->env, &verb, "kill", "victim", "0"));
	EXPECT_EQ(125, run_verb(&self->env, &verb, "kill", "victim", "65"));
	EXPECT_EQ(125, run_verb(&self->env, &verb, "kill", "victim", "SIGNONE"));
	EXPECT_NE(NULL, strstr(verb.err.bytes, "SIGNONE"));
	EXPECT_EQ(125, run_verb(&self->env, &verb, "kill", "victi", NULL));
	EXPECT_NE(NULL, strstr(verb.err.bytes, "unknown or already destroyed"));
	EXPECT_EQ(0, run_verb(&self->env, &verb, "destroy", "victim", NULL));
	run_finish(&run);
}

FIXTURE(unknown) { struct test_env env; };
FIXTURE_VARIANT(unknown) { const char *verb; };
FIXTURE_VARIANT_ADD(unknown, show) { "show" };
FIXTURE_VARIANT_ADD(unknown, kill) { "kill" };
FIXTURE_VARIANT_ADD(unknown, destroy) { "destroy" };
FIXTURE_SETUP(unknown) { env_setup(&self->env, "lifecycle-verbs"); }
FIXTURE_TEARDOWN_PARENT(unknown) { env_teardown(&self->env); }

TEST_F(unknown, an_unknown_id_is_refused_in_the_words_of_the_contract)
{
	struct run verb;

	EXPECT_EQ(125, run_verb(&self->env, &verb, variant->verb, "nobody", NULL));
	EXPECT_STREQ("", verb.out.bytes);
	EXPECT_NE(NULL, strstr(verb.err.bytes,
			       "unknown or already destroyed (no double-teardown)"));
}

/* Ids that give the same leaf segment are told apart by the identity. */
TEST_F(cell, ids_with_the_same_leaf_name_are_two_cells)
{
	struct run dot, line, verb;
	json_t *json;

	ASSERT_LT(0, start(&self->env, &dot, "a.b", "pause"));
	ASSERT_LT(0, start(&self->env, &line, "a_b", "pause"));
	json = ask(&self->env, &verb, "show", "a_b");
	EXPECT_EQ(line.pid, json_int_at(json, "owner/pid"));
	EXPECT_EQ(0, run_verb(&self->env, &verb, "destroy", "a.b", NULL));
	run_finish(&dot);
	EXPECT_EQ(137, dot.status);
	json = ask(&self->env, &verb, "show", "a_b");
	EXPECT_EQ(line.pid, json_int_at(json, "owner/pid"));
	EXPECT_EQ(0, run_verb(&self->env, &verb, "destroy", "a_b", NULL));
	run_finish(&line);
}

/* Someone else's flush: rules are gone, and that is said; the end is clean. */
TEST_F(cell, a_foreign_flush_is_shown_and_survived)
{
	static const char *const flush[] = { "nft", "flush", "ruleset", NULL };
	const char *before = host_snapshot(&self->env);
	struct run run, verb;
	json_t *json;

	ASSERT_LT(0, start(&self->env, &run, "flushed", "pause"));
	ASSERT_NE(NULL, command(flush));
	json = ask(&self->env, &verb, "show", "flushed");
	EXPECT_EQ(125, verb.status);
	EXPECT_NE(NULL, strstr(verb.err.bytes, strerror(EUCLEAN))) TH_LOG("%s", verb.err.bytes);
	EXPECT_STREQ("flushed", json_text_at(json, "cellId"));
	EXPECT_TRUE(json_is_false(json_at(json, "egress/verified")));
	EXPECT_EQ(0, run_verb(&self->env, &verb, "kill", "flushed", NULL));
	run_finish(&run);
	/* Nobody knows what the cell sent meanwhile: that is a failure of the run. */
	EXPECT_EQ(125, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EUCLEAN", json_text_at(run.report, "error/errnoName"));
	EXPECT_TRUE(json_is_false(json_at(run.report, "egress/verified")));
	EXPECT_TRUE(json_is_true(json_at(run.report, "teardown/destroyed")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* `flush table` takes the rules and leaves the sets: the cell is not governed. */
TEST_F(cell, a_foreign_flush_of_the_table_is_shown_and_survived)
{
	static const char *const flush[] = { "nft", "flush", "table", "inet", "cellos", NULL };
	const char *before = host_snapshot(&self->env);
	struct run run, verb;
	json_t *json;

	ASSERT_LT(0, start(&self->env, &run, "flushed", "pause"));
	ASSERT_NE(NULL, command(flush));
	json = ask(&self->env, &verb, "show", "flushed");
	EXPECT_EQ(125, verb.status);
	EXPECT_NE(NULL, strstr(verb.err.bytes, strerror(EUCLEAN))) TH_LOG("%s", verb.err.bytes);
	EXPECT_TRUE(json_is_false(json_at(json, "egress/verified")));
	json = ask(&self->env, &verb, "destroy", "flushed");
	EXPECT_EQ(0, verb.status) TH_LOG("%s", verb.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "destroyed")));
	run_finish(&run);
	EXPECT_EQ(137, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
