// SPDX-License-Identifier: MIT
/*
 * More than one table, cell, parent or helper: what happens in one place is not felt
 * in another.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define ROUNDS	10

#define ONE	RULE("127.0.0.1", 7001, "udp")
#define TWO	RULE("127.0.0.2", 7001, "udp")

/*
 * @deep: the same environment with a parent that is two levels deeper
 * @top: what of it lies beside the other parent
 */
FIXTURE(place) { struct test_env env, deep; char top[ENV_PATH_MAX]; int server; };
FIXTURE_SETUP(place)
{
	env_setup(&self->env, "egress-places");
	self->server = serve(net_here(), SOCK_DGRAM, "0.0.0.0", 7001, 0);
	self->deep = self->env;
	/* It ends with a living pid, as those do that nobody has to sweep. */
	snprintf(self->top, sizeof(self->top), "%.150s/cellos-selftest-egress-places-deep-%d",
		 self->env.mount, getpid());
	snprintf(self->deep.parent, sizeof(self->deep.parent), "%.200s/a/b", self->top);
	snprintf(self->deep.dir, sizeof(self->deep.dir), "%.200s/deep", self->env.dir);
	if (mkdir(self->deep.dir, 0755) < 0 || mkdir(self->top, 0755) < 0 ||
	    mkdir(text("%s/a", self->top), 0755) < 0 || mkdir(self->deep.parent, 0755) < 0)
		give_up(self->deep.parent);
}
FIXTURE_TEARDOWN_PARENT(place)
{
	cgroup_sweep(self->top);
	env_teardown(&self->env);
}

static bool start(const struct test_env *env, struct talk *talk, const char *id,
		  const char *rules)
{
	return talk_start(env, talk, id, rules) &&
	       !strcmp("ok", say(talk, "open udp 127.0.0.1 7001")) &&
	       !strcmp("ok", say(talk, "open udp 127.0.0.2 7001"));
}

static void reconcile(struct __test_metadata *_metadata, const struct test_env *env, int status,
		      const char *says)
{
	struct run run;

	verb(env, &run, "reconcile", NULL);
	EXPECT_EQ(status, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(says ? strstr(run.err.bytes, says) != NULL : !*run.err.bytes)
		TH_LOG("%s", run.err.bytes);
}

static bool is_not_verified(const struct test_env *env, const char *id)
{
	struct run run;
	json_t *json = verb(env, &run, "show", id);

	return run.status == 125 && json_is_false(json_at(json, "egress/verified"));
}

/* ---- two depths ---- */

TEST_F(place, parents_at_two_depths_have_a_level_each)
{
	const char *before = host_snapshot(&self->env);
	struct talk high = { 0 }, low = { 0 };

	ASSERT_TRUE(start(&self->env, &high, "same-id", RULES(ONE)));
	EXPECT_EQ(NULL, strstr(net_rules(net_here()), "cells4"));
	ASSERT_TRUE(start(&self->deep, &low, "same-id", RULES(TWO)));
	EXPECT_NE(NULL, strstr(net_rules(net_here()), "cells4"));
	EXPECT_STREQ("ok EPERM ", reach(&high, 2));
	EXPECT_STREQ("EPERM ok ", reach(&low, 2));
	EXPECT_TRUE(is_verified(&self->env, "same-id"));
	EXPECT_TRUE(is_verified(&self->deep, "same-id"));
	EXPECT_EQ(0, talk_end(&high)) TH_LOG("%s", high.run.err.bytes);
	/* The level has gone with its last cell. */
	EXPECT_EQ(NULL, strstr(net_rules(net_here()), "cells2"));
	EXPECT_TRUE(is_verified(&self->deep, "same-id"));
	EXPECT_STREQ("EPERM ok ", reach(&low, 2));
	EXPECT_EQ(0, talk_end(&low)) TH_LOG("%s", low.run.err.bytes);
	EXPECT_EQ(1, json_int_at(high.run.report, "/egress/rules/0/packets"));
	EXPECT_EQ(2, json_int_at(low.run.report, "/egress/rules/0/packets"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* `destroy --all` and `reconcile` have the scope of their parent. */
TEST_F(place, verbs_of_one_parent_leave_the_other_alone)
{
	struct talk high = { 0 }, low = { 0 };
	struct run run;

	ASSERT_TRUE(start(&self->env, &high, "high", RULES(ONE)));
	ASSERT_TRUE(start(&self->deep, &low, "low", RULES(TWO)));
	egress_set(&self->env, &run, "low", "[]");
	EXPECT_EQ(125, run.status);
	verb(&self->env, &run, "destroy", "--all");
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(137, talk_end(&high));
	EXPECT_TRUE(is_verified(&self->deep, "low"));
	EXPECT_STREQ("EPERM ok ", reach(&low, 2));
	talk_crash(&low);
	reconcile(_metadata, &self->env, 0, NULL);
	EXPECT_NE(NULL, cell_leaf(&self->deep, "low"));
	reconcile(_metadata, &self->deep, 0, NULL);
	EXPECT_STREQ("", net_rules(net_here()));
}

static struct run short_cell(const struct test_env *env, const char *id, const char *address)
{
	return (struct run){
		.document = document(id, "'authority': {'egressRules': [{'host': '%s', 'port': "
				     "7001}]}, 'run': {'argv': ['%s/workload_net', 'udp', "
				     "'127.0.0.1', '7001', '1', 'udp', '127.0.0.2', '7001', "
				     "'1']}", address, env->workloads),
	};
}

/* First and last cells of their levels, made and removed at the same time. */
TEST_F(place, helpers_of_two_parents_do_not_get_in_each_others_way)
{
	const char *before = host_snapshot(&self->env);

	for (int i = 0; i < ROUNDS; i++) {
		struct run runs[] = {
			short_cell(&self->env, "a", "127.0.0.1"),
			short_cell(&self->deep, "b", "127.0.0.2"),
			short_cell(&self->env, "c", "127.0.0.1"),
			short_cell(&self->deep, "d", "127.0.0.2"),
		};

		for (size_t k = 0; k < ARRAY_SIZE(runs); k++)
			run_start(k % 2 ? &self->deep : &self->env, &runs[k]);
		for (size_t k = 0; k < ARRAY_SIZE(runs); k++) {
			run_finish(&runs[k]);
			EXPECT_EQ(0, runs[k].status) TH_LOG("%s", runs[k].err.bytes);
			EXPECT_STREQ(k % 2 ? "EPERM\nok\n" : "ok\nEPERM\n", runs[k].out.bytes);
			EXPECT_TRUE(json_is_true(json_at(runs[k].report, "/egress/verified")));
		}
	}
	drain(self->server);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* ---- foreign hands in more than one place ---- */

TEST_F(place, one_reconcile_for_each_parent_puts_all_cells_right)
{
	struct talk one = { 0 }, two = { 0 }, low = { 0 };

	ASSERT_TRUE(start(&self->env, &one, "one", RULES(ONE)));
	ASSERT_TRUE(start(&self->env, &two, "two", RULES(TWO)));
	ASSERT_TRUE(start(&self->deep, &low, "low", RULES(TWO)));
	ASSERT_NE(NULL, nft("flush ruleset"));
	reconcile(_metadata, &self->env, 0, "cell one was");
	EXPECT_TRUE(is_verified(&self->env, "one"));
	EXPECT_TRUE(is_verified(&self->env, "two"));
	EXPECT_TRUE(is_not_verified(&self->deep, "low"));
	reconcile(_metadata, &self->deep, 0, "cell low was");
	EXPECT_TRUE(is_verified(&self->deep, "low"));
	EXPECT_STREQ("ok EPERM ", reach(&one, 2));
	EXPECT_STREQ("EPERM ok ", reach(&two, 2));
	EXPECT_STREQ("EPERM ok ", reach(&low, 2));
	EXPECT_EQ(125, talk_end(&one));
	EXPECT_EQ(125, talk_end(&two));
	EXPECT_EQ(125, talk_end(&low));
	EXPECT_STREQ("", net_rules(net_here()));
}

/* Whoever comes after it is not to blame. */
TEST_F(place, a_cell_that_began_later_reports_nothing_of_it)
{
	struct talk before = { 0 }, after = { 0 };

	ASSERT_TRUE(start(&self->env, &before, "before", RULES(ONE)));
	ASSERT_NE(NULL, nft("insert rule inet cellos output accept"));
	reconcile(_metadata, &self->env, 0, "cell before was");
	ASSERT_TRUE(start(&self->env, &after, "after", RULES(TWO)));
	EXPECT_EQ(0, talk_end(&after)) TH_LOG("%s", after.run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(after.run.report, "/egress/verified")));
	EXPECT_EQ(125, talk_end(&before));
}

/* ---- tables in other networks ---- */

FIXTURE(own) { struct test_env env; struct talk talk; int net; };
FIXTURE_VARIANT(own) { const char *commands; };
FIXTURE_VARIANT_ADD(own, ruleset_flushed) { "flush ruleset" };
FIXTURE_VARIANT_ADD(own, table_deleted) { "delete table inet cellos_own" };
FIXTURE_VARIANT_ADD(own, table_dormant) { "add table inet cellos_own { flags dormant; }" };
FIXTURE_VARIANT_ADD(own, accept) { "insert rule inet cellos_own output accept" };
FIXTURE_VARIANT_ADD(own, elements_deleted) { "flush set inet cellos_own cells2" };
FIXTURE_SETUP(own)
{
	env_setup(&self->env, "egress-places");
	self->talk.run = (struct run){ .args = { "--unshare", "net" } };
	ASSERT_TRUE(talk_start(&self->env, &self->talk, "own", RULES(ONE)));
	self->net = net_of(cell_pid(&self->env, "own"));
}
FIXTURE_TEARDOWN_PARENT(own) { env_teardown(&self->env); }

static void lay_hands(struct __test_metadata *_metadata, int net, const char *commands)
{
	int home = net_here();

	net_enter(net);
	ASSERT_NE(NULL, nft(commands)) TH_LOG("%s", commands);
	net_enter(home);
	close(home);
}

TEST_F(own, foreign_hands_there_are_noticed_and_put_right)
{
	const char *tables = net_tables(self->net);

	lay_hands(_metadata, self->net, variant->commands);
	EXPECT_TRUE(is_not_verified(&self->env, "own"));
	reconcile(_metadata, &self->env, 0, "cell own was");
	EXPECT_TRUE(is_verified(&self->env, "own"));
	EXPECT_STREQ(tables, net_tables(self->net));
	EXPECT_EQ(125, talk_end(&self->talk));
	EXPECT_TRUE(json_is_false(json_at(self->talk.run.report, "/egress/verified")));
	EXPECT_STREQ("", net_rules(self->net));
}

/* Here it is registered, and may do nothing: that is its rules, too. */
TEST_F(own, foreign_hands_here_are_noticed_and_put_right)
{
	ASSERT_NE(NULL, nft(strcmp(variant->commands, "flush ruleset") ?
			    "flush set inet cellos cells2" : "flush ruleset"));
	EXPECT_TRUE(is_not_verified(&self->env, "own"));
	reconcile(_metadata, &self->env, 0, "cell own was");
	EXPECT_TRUE(is_verified(&self->env, "own"));
	EXPECT_EQ(125, talk_end(&self->talk));
	EXPECT_STREQ("", net_rules(self->net));
	EXPECT_STREQ("", net_rules(net_here()));
}

TEST_HARNESS_MAIN
