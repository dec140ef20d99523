// SPDX-License-Identifier: MIT
/* `egress --set`, and others who want the same cell at the same time. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define RACES	25

#define ONE	RULE("127.0.0.1", 7001, "udp")
#define TWO	RULE("127.0.0.2", 7001, "udp")
#define THREE	RULE("127.0.0.3", 7001, "udp")

/* @server: at port 7001 of each address */
FIXTURE(cell) { struct test_env env; int server; };
FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "egress-race");
	self->server = serve(net_here(), SOCK_DGRAM, "0.0.0.0", 7001, 0);
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* A cell with a socket, 0 to 2, to each of 127.0.0.1 to 3. */
static void start(struct __test_metadata *_metadata, const struct test_env *env,
		  struct talk *talk, const char *id, const char *rules)
{
	*talk = (struct talk){ 0 };
	ASSERT_TRUE(talk_start(env, talk, id, rules));
	for (int i = 1; i <= 3; i++)
		EXPECT_STREQ("ok", say(talk, "open udp 127.0.0.%d 7001", i));
}

TEST_F(cell, who_looks_meanwhile_sees_one_set_or_the_other)
{
	static const char *const sets[] = {
		RULES(ONE ", " TWO), RULES(THREE), RULES(ONE), RULES(TWO ", " THREE ", " ONE),
	};
	struct talk talk;

	start(_metadata, &self->env, &talk, "watched", RULES(ONE));
	for (int i = 0; i < 2 * RACES; i++) {
		struct run run;

		egress_set_start(&self->env, &run, "watched", sets[i % ARRAY_SIZE(sets)]);
		EXPECT_TRUE(is_verified(&self->env, "watched"));
		run_finish(&run);
		EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	}
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
}

TEST_F(cell, of_two_replacements_at_once_each_is_whole)
{
	struct run first, second;
	unsigned int firsts = 0;
	struct talk talk;

	start(_metadata, &self->env, &talk, "twice", "[]");
	for (int i = 0; i < RACES; i++) {
		const char *reached;

		egress_set_start(&self->env, &first, "twice", RULES(ONE ", " TWO));
		egress_set_start(&self->env, &second, "twice", RULES(TWO ", " THREE));
		run_finish(&first);
		run_finish(&second);
		EXPECT_EQ(0, first.status) TH_LOG("%s", first.err.bytes);
		EXPECT_EQ(0, second.status) TH_LOG("%s", second.err.bytes);
		reached = reach(&talk, 3);
		firsts += !strcmp("ok ok EPERM ", reached);
		EXPECT_TRUE(!strcmp("ok ok EPERM ", reached) || !strcmp("EPERM ok ok ", reached))
			TH_LOG("%s", reached);
		EXPECT_TRUE(is_verified(&self->env, "twice"));
	}
	TH_LOG("the first was the last one %u of %u times", firsts, RACES);
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(talk.run.report, "/egress/verified")));
}

/* Either it was in time, or the cell was gone. */
static bool was_in_time(const struct run *set)
{
	return set->status == 0 || (set->status == 125 &&
				    strstr(set->err.bytes, "unknown or already destroyed"));
}

TEST_F(cell, of_a_replacement_and_a_destroy_nothing_is_left)
{
	const char *before = host_snapshot(&self->env);
	unsigned int replaced = 0;

	for (int i = 0; i < RACES; i++) {
		struct run set, destroy = { .verb = "destroy", .args = { "raced" } };
		struct talk talk;

		start(_metadata, &self->env, &talk, "raced", RULES(ONE));
		egress_set_start(&self->env, &set, "raced", RULES(TWO ", " THREE));
		run_start(&self->env, &destroy);
		run_finish(&set);
		run_finish(&destroy);
		EXPECT_TRUE(was_in_time(&set)) TH_LOG("%d: %s", set.status, set.err.bytes);
		replaced += set.status == 0;
		EXPECT_EQ(0, destroy.status) TH_LOG("%s", destroy.err.bytes);
		EXPECT_EQ(137, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
		EXPECT_EQ(0, json_array_size(json_at(talk.run.report, "/teardown/residue")));
		ASSERT_STREQ(before, host_snapshot(&self->env));
	}
	TH_LOG("%u of %u were replaced before", replaced, RACES);
}

TEST_F(cell, of_a_replacement_and_the_cells_own_end_nothing_is_left)
{
	const char *before = host_snapshot(&self->env);
	unsigned int replaced = 0;

	for (int i = 0; i < 2 * RACES; i++) {
		struct talk talk;
		struct run set;

		start(_metadata, &self->env, &talk, "ending", RULES(ONE));
		/* First the one, then the other, and ever later. */
		if (i % 2) {
			close(talk.fifo);
			talk.fifo = -1;
		}
		egress_set_start(&self->env, &set, "ending", RULES(TWO ", " THREE));
		for (int k = 0; !(i % 2) && k < i % 5; k++)
			say(&talk, "send 0");
		/* On a slow machine the end may be first each time, but for once. */
		if (!i)
			run_finish(&set);
		EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
		if (i)
			run_finish(&set);
		EXPECT_TRUE(was_in_time(&set)) TH_LOG("%d: %s", set.status, set.err.bytes);
		replaced += set.status == 0;
		EXPECT_TRUE(json_is_true(json_at(talk.run.report, "/egress/verified")));
		EXPECT_EQ(set.status ? 1 : 2,
			  json_array_size(json_at(talk.run.report, "/egress/rules")));
		EXPECT_EQ(0, json_array_size(json_at(talk.run.report, "/teardown/residue")));
		ASSERT_STREQ(before, host_snapshot(&self->env));
	}
	TH_LOG("%u of %u were replaced before", replaced, 2 * RACES);
	EXPECT_LT(0, replaced);
}

/* `reconcile` looks at what `egress` is changing, and leaves it alone. */
TEST_F(cell, reconcile_meanwhile_puts_nothing_back)
{
	static const char *const sets[] = { RULES(ONE ", " TWO), "[]", RULES(THREE) };
	struct talk talk;

	start(_metadata, &self->env, &talk, "kept", RULES(ONE));
	for (int i = 0; i < 2 * RACES; i++) {
		struct run run, set;

		egress_set_start(&self->env, &set, "kept", sets[i % ARRAY_SIZE(sets)]);
		verb(&self->env, &run, "reconcile", NULL);
		run_finish(&set);
		EXPECT_EQ(0, set.status) TH_LOG("%s", set.err.bytes);
		EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("", run.err.bytes);
		EXPECT_TRUE(is_verified(&self->env, "kept"));
	}
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(talk.run.report, "/egress/verified")));
}

/* Nor what a `run` has begun, or is just ending. */
TEST_F(cell, reconcile_repairs_no_cell_that_begins_or_ends)
{
	const char *before = host_snapshot(&self->env);
	struct run cell, run;

	for (int i = 0; i < 2 * RACES; i++) {
		cell = (struct run){
			.document = document("short", "'authority': {'egressRules': " RULES(ONE)
					     "}, 'run': {'argv': ['%s/sweep_work', 'true']}",
					     self->env.workloads),
		};
		run_start(&self->env, &cell);
		verb(&self->env, &run, "reconcile", NULL);
		EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("", run.err.bytes);
		run_finish(&cell);
		EXPECT_EQ(0, cell.status) TH_LOG("%s", cell.err.bytes);
		EXPECT_TRUE(json_is_true(json_at(cell.report, "/egress/verified")));
		ASSERT_STREQ(before, host_snapshot(&self->env));
	}
}

TEST_HARNESS_MAIN
