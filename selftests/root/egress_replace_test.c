// SPDX-License-Identifier: MIT
/* `egress --set`: one set of rules after another. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define REPLACEMENTS	200

#define ONE	RULE("127.0.0.1", 7001, "udp")
#define TWO	RULE("127.0.0.2", 7001, "udp")
#define THREE	RULE("127.0.0.3", 7001, "udp")

/* @server: at port 7001 of each address */
FIXTURE(cell) { struct test_env env; int server; };
FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "egress-replace");
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

static void replace(struct __test_metadata *_metadata, const struct test_env *env,
		    const char *id, const char *rules)
{
	struct run run;
	json_t *json = egress_set(env, &run, id, rules);

	EXPECT_EQ(0, run.status) TH_LOG("%s: %s", rules, run.err.bytes);
	EXPECT_STREQ("", run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "verified"))) TH_LOG("%s", run.out.bytes);
}

static json_int_t row(json_t *json, unsigned int rule)
{
	return json_int_at(json, text("/egress/rules/%u/packets", rule));
}

TEST_F(cell, rules_come_from_a_file_and_from_stdin)
{
	char *path = text("%s/rules.json", self->env.dir);
	struct run run = { .verb = "egress", .args = { "--set", path, "files", "--json" } };
	struct talk talk;
	json_t *json;

	start(_metadata, &self->env, &talk, "files", RULES(ONE));
	EXPECT_STREQ("ok EPERM EPERM ", reach(&talk, 3));
	replace(_metadata, &self->env, "files", RULES(TWO));
	EXPECT_STREQ("EPERM ok EPERM ", reach(&talk, 3));
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ASSERT_EQ(0, file_write(path, "[{\"host\": \"127.0.0.3\"}, {\"host\": \"127.0.0.1\"}]\n"));
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ok EPERM ok ", reach(&talk, 3));
	/* It answers with the new ones. */
	json = json_loads(run.out.bytes, 0, NULL);
	ASSERT_EQ(2, json_array_size(json_at(json, "rules")));
	EXPECT_NE(NULL, strstr(json_text_at(json, "rules/0/ruleRepr"), "127.0.0.3"));
	EXPECT_TRUE(is_verified(&self->env, "files"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
}

TEST_F(cell, an_empty_array_denies_all)
{
	struct talk talk;

	start(_metadata, &self->env, &talk, "empty", RULES(ONE ", " TWO ", " THREE));
	EXPECT_STREQ("ok ok ok ", reach(&talk, 3));
	replace(_metadata, &self->env, "empty", "[]");
	EXPECT_STREQ("EPERM EPERM EPERM ", reach(&talk, 3));
	EXPECT_TRUE(is_verified(&self->env, "empty"));
	replace(_metadata, &self->env, "empty", RULES(TWO));
	EXPECT_STREQ("EPERM ok EPERM ", reach(&talk, 3));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(3 + 2, json_int_at(talk.run.report, "/egress/denied/packets"));
}

TEST_F(cell, kept_rules_keep_their_counters_and_the_report_has_the_rows_of_the_last)
{
	struct talk talk;
	json_t *report;

	start(_metadata, &self->env, &talk, "counts", RULES(ONE ", " TWO));
	EXPECT_STREQ("ok ok EPERM ", reach(&talk, 3));
	EXPECT_STREQ("ok ok EPERM ", reach(&talk, 3));
	/* ONE goes, TWO becomes the second, THREE comes. */
	replace(_metadata, &self->env, "counts", RULES(THREE ", " TWO));
	EXPECT_STREQ("EPERM ok ok ", reach(&talk, 3));
	/* Only the order changes: nothing of that is in the kernel. */
	replace(_metadata, &self->env, "counts", RULES(TWO ", " THREE));
	EXPECT_STREQ("EPERM ok ok ", reach(&talk, 3));
	/* One that has gone and comes again is new. */
	replace(_metadata, &self->env, "counts", RULES(TWO ", " ONE ", " THREE));
	EXPECT_STREQ("ok ok ok ", reach(&talk, 3));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	report = talk.run.report;
	ASSERT_EQ(3, json_array_size(json_at(report, "/egress/rules")));
	EXPECT_NE(NULL, strstr(json_text_at(report, "/egress/rules/0/ruleRepr"), "127.0.0.2"));
	EXPECT_NE(NULL, strstr(json_text_at(report, "/egress/rules/1/ruleRepr"), "127.0.0.1"));
	EXPECT_NE(NULL, strstr(json_text_at(report, "/egress/rules/2/ruleRepr"), "127.0.0.3"));
	EXPECT_EQ(5, row(report, 0));
	EXPECT_EQ(1, row(report, 1));
	EXPECT_EQ(3, row(report, 2));
	EXPECT_EQ(2 + 1 + 1, json_int_at(report, "/egress/denied/packets"));
	EXPECT_TRUE(json_is_true(json_at(report, "/egress/verified")));
	EXPECT_TRUE(json_is_null(json_at(report, "/error")));
}

/* A thousand rules, of which every other one is another each time. */
static const char *thousand(unsigned int which)
{
	char *all = NULL;
	size_t size;
	FILE *f = open_memstream(&all, &size);

	if (!f)
		give_up("open_memstream");
	fputc('[', f);
	for (unsigned int i = 0; i < 1000; i++)
		fprintf(f, "%s{'host': '127.%u.%u.%u', 'protocol': 'udp'}", i ? ", " : "",
			i % 2 ? which : 1, i / 250, i % 250 + 1);
	fputc(']', f);
	fclose(f);
	return all;
}

TEST_F(cell, a_thousand_rules_are_replaced_in_one_step)
{
	const char *before = host_snapshot(&self->env);
	struct talk talk;

	start(_metadata, &self->env, &talk, "thousand", thousand(2));
	EXPECT_STREQ("ok", say(&talk, "open udp 127.2.3.250 7001"));
	EXPECT_STREQ("ok", say(&talk, "open udp 127.3.3.250 7001"));
	EXPECT_STREQ("ok", say(&talk, "send 3"));
	EXPECT_STREQ("EPERM", say(&talk, "send 4"));
	replace(_metadata, &self->env, "thousand", thousand(3));
	EXPECT_STREQ("EPERM", say(&talk, "send 3"));
	EXPECT_STREQ("ok", say(&talk, "send 4"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(1, row(talk.run.report, 999));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F_TIMEOUT(cell, a_kept_rule_never_fails_through_two_hundred_replacements, 30)
{
	static const char *const sets[] = {
		RULES(ONE), RULES(TWO ", " ONE), RULES(ONE ", " THREE ", {'host': '10.0.0.0/8'}"),
		RULES("{'host': '127.0.0.1'}, {'host': '::1', 'port': '1-1000'}, " ONE),
	};
	unsigned int sent, failed;
	long long arrived = 0;
	struct talk talk;

	start(_metadata, &self->env, &talk, "often", RULES(ONE));
	talk_send(&talk, "stream 0");
	for (int i = 0; i < REPLACEMENTS; i++) {
		replace(_metadata, &self->env, "often", sets[i % ARRAY_SIZE(sets)]);
		arrived += drain(self->server);
	}
	ASSERT_EQ(2, sscanf(say(&talk, "take 0"), "sent %u failed %u", &sent, &failed));
	talk_answer(&talk);
	arrived += drain(self->server);
	EXPECT_EQ(0, failed);
	EXPECT_GT(sent, REPLACEMENTS);
	EXPECT_EQ(5LL * sent, arrived);
	replace(_metadata, &self->env, "often", RULES(ONE));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(sent, row(talk.run.report, 0));
}

TEST_HARNESS_MAIN
