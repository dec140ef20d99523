// SPDX-License-Identifier: MIT
/* The verb `egress`: what it shows, what it takes, what it refuses. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define DATAGRAM	(20 + 8 + 5)	/* bytes of "hello" over IPv4 */

#define ONE	RULE(WIRE_PEER4, 7001, "udp")
#define TWO	RULE(WIRE_PEER4, 7002, "udp")
#define THREE	RULE(WIRE_OTHER4, 7001, "udp")

/* @one, @two, @three: servers for the rules above, at the other end of a wire. */
FIXTURE(cell) { struct test_env env; int here, there, one, two, three; bool wired; };
FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "egress-verb");
	self->here = net_here();
	self->there = net_new();
	self->wired = wire(self->here, self->there);
	if (!self->wired) {
		env_teardown(&self->env);
		SKIP(return, "no veth: CONFIG_VETH is missing");
	}
	self->one = serve(self->there, SOCK_DGRAM, WIRE_PEER4, 7001, 0);
	self->two = serve(self->there, SOCK_DGRAM, WIRE_PEER4, 7002, 0);
	self->three = serve(self->there, SOCK_DGRAM, WIRE_OTHER4, 7001, 0);
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* A cell with rules ONE and TWO, and a socket, 0 to 2, to each of the servers. */
static void start(struct __test_metadata *_metadata, const struct test_env *env,
		  struct talk *talk, const char *id)
{
	*talk = (struct talk){ 0 };
	ASSERT_TRUE(talk_start(env, talk, id, RULES(ONE ", " TWO)));
	EXPECT_STREQ("ok", say(talk, "open udp %s 7001", WIRE_PEER4));
	EXPECT_STREQ("ok", say(talk, "open udp %s 7002", WIRE_PEER4));
	EXPECT_STREQ("ok", say(talk, "open udp %s 7001", WIRE_OTHER4));
}

static json_int_t packets(json_t *json, unsigned int rule)
{
	return json_int_at(json, text("rules/%u/packets", rule));
}

/* The table without its counters. */
static const char *table(void)
{
	static const char *const list[] = { "nft", "-s", "list", "ruleset", NULL };

	return command(list) ?: "(cannot be read)";
}

/* ---- showing ---- */

/* From a server to a socket of the cell. */
static void tell_cell(int server, int port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = inet_addr(WIRE_HERE4),
	};

	if (sendto(server, "hello", 5, 0, (const struct sockaddr *)&to, sizeof(to)) != 5)
		give_up("sendto");
}

TEST_F(cell, rules_are_shown_with_packets_and_bytes_and_both_counters)
{
	struct talk talk;
	struct run run;
	json_t *json;

	start(_metadata, &self->env, &talk, "shown");
	EXPECT_STREQ("ok", say(&talk, "listen udp %s 7000", WIRE_HERE4));
	for (int i = 0; i < 3; i++)
		EXPECT_STREQ("ok", say(&talk, "send 0"));
	EXPECT_STREQ("EPERM", say(&talk, "send 2"));
	tell_cell(self->three, 7000);
	tell_cell(self->three, 7000);
	tell_cell(self->one, 7000);
	EXPECT_STREQ("hello", say(&talk, "wait 3"));
	EXPECT_STREQ("EAGAIN", say(&talk, "take 3"));

	json = verb(&self->env, &run, "egress", "shown");
	ASSERT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", run.err.bytes);
	EXPECT_EQ(6, json_object_size(json));
	EXPECT_STREQ("shown", json_text_at(json, "cellId"));
	EXPECT_TRUE(json_is_true(json_at(json, "enforced")));
	EXPECT_TRUE(json_is_true(json_at(json, "verified")));
	ASSERT_EQ(2, json_array_size(json_at(json, "rules")));
	EXPECT_NE(NULL, strstr(json_text_at(json, "rules/0/ruleRepr"), WIRE_PEER4));
	EXPECT_NE(NULL, strstr(json_text_at(json, "rules/0/ruleRepr"), "7001"));
	EXPECT_EQ(3, packets(json, 0));
	EXPECT_EQ(3 * DATAGRAM, json_int_at(json, "rules/0/bytes"));
	EXPECT_EQ(0, packets(json, 1));
	EXPECT_EQ(1, json_int_at(json, "denied/packets"));
	EXPECT_EQ(DATAGRAM, json_int_at(json, "denied/bytes"));
	EXPECT_EQ(2, json_int_at(json, "refused/packets"));
	EXPECT_EQ(2 * DATAGRAM, json_int_at(json, "refused/bytes"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(3, json_int_at(talk.run.report, "/egress/rules/0/packets"));
}

/* A line that begins and ends so? */
static bool has_line(const char *all, const char *begin, const char *end)
{
	for (const char *line = all; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");

		line += strspn(line, " ");
		len = strcspn(line, "\n");
		if (!strncmp(line, begin, strlen(begin)) && len >= strlen(end) &&
		    !strncmp(line + len - strlen(end), end, strlen(end)))
			return true;
	}
	return false;
}

TEST_F(cell, text_says_the_same)
{
	struct run json_run, run = { .verb = "egress", .args = { "lines" } };
	struct talk talk;
	json_t *json;

	start(_metadata, &self->env, &talk, "lines");
	EXPECT_STREQ("ok", say(&talk, "send 1"));
	EXPECT_STREQ("EPERM", say(&talk, "send 2"));
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	json = verb(&self->env, &json_run, "egress", "lines");
	EXPECT_TRUE(has_line(run.out.bytes, "egress: ", "enforced, verified"))
		TH_LOG("%s", run.out.bytes);
	EXPECT_TRUE(has_line(run.out.bytes, json_text_at(json, "rules/0/ruleRepr"),
			     " 0 packets, 0 bytes")) TH_LOG("%s", run.out.bytes);
	EXPECT_TRUE(has_line(run.out.bytes, json_text_at(json, "rules/1/ruleRepr"),
			     " 1 packets, 33 bytes")) TH_LOG("%s", run.out.bytes);
	EXPECT_TRUE(has_line(run.out.bytes, "denied", " 1 packets, 33 bytes"));
	EXPECT_TRUE(has_line(run.out.bytes, "refused", " 0 packets, 0 bytes"));
	EXPECT_EQ(0, talk_end(&talk));
}

/* ---- refusing ---- */

TEST_F(cell, unknown_ids_are_refused_with_a_hint)
{
	struct run run;

	EXPECT_EQ(NULL, verb(&self->env, &run, "egress", "nobody"));
	EXPECT_EQ(125, run.status);
	EXPECT_STREQ("", run.out.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "\"nobody\" unknown")) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "\nhint: ")) TH_LOG("%s", run.err.bytes);
	egress_set(&self->env, &run, "nobody", "[]");
	EXPECT_EQ(125, run.status);
	EXPECT_NE(NULL, strstr(run.err.bytes, "\"nobody\" unknown")) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, wrong_usage_is_refused)
{
	static const struct run wrong[] = {
		{ .verb = "egress" },
		{ .verb = "egress", .args = { "usage", "two" } },
		{ .verb = "egress", .args = { "usage", "--set" } },
		{ .verb = "egress", .args = { "usage", "--sett", "-" } },
		{ .verb = "egress", .args = { "usage", "--all" } },
		{ .verb = "egress", .args = { "--set", "-" }, .document = "[]" },
		{ .verb = "show", .args = { "usage", "--set", "-" }, .document = "[]" },
	};
	const char *before;
	struct talk talk;

	start(_metadata, &self->env, &talk, "usage");
	before = table();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct run run = wrong[i];

		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%zu", i);
		EXPECT_EQ(0, strncmp(run.err.bytes, "cellos-helper: options: ", 24))
			TH_LOG("%zu: %s", i, run.err.bytes);
		EXPECT_STREQ("", run.out.bytes);
	}
	EXPECT_TRUE(!strcmp(before, table()));
	EXPECT_EQ(0, talk_end(&talk));
}

TEST_F(cell, a_file_that_is_not_there_is_refused)
{
	struct run run = { .verb = "egress", .args = { "nobody", "--set", "/nowhere/rules" } };

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_NE(NULL, strstr(run.err.bytes, "/nowhere/rules")) TH_LOG("%s", run.err.bytes);
}

/* What each array is refused with. */
static const struct malformed {
	const char *array, *says;
} malformed[] = {
	{ "[{'host': '10.0.0.1', 'port': 0}]", " /0/port: " },
	{ "[{'host': '10.0.0.1'}, {'host': '10.0.0.2', 'port': '9-8'}]", " /1/port: " },
	{ "[{'host': '10.0.0.1', 'protocol': 'tpc'}]", " /0/protocol: " },
	{ "[{'host': '10.0.0.1/33'}]", " /0/host: " },
	{ "[{'host': 'name.example'}]", " /0/host: " },
	{ "[{'host': 'name.example', 'resolved': ['10.0.0.1', 'x']}]", " /0/resolved/1: " },
	{ "[{'port': 1}]", " /0/host: " },
	{ "[{'host': '10.0.0.1', 'colour': 1}]", " /0/colour: " },
	{ "[{'host': '10.0.0.1', 'host': '10.0.0.2'}]", " /0/host: " },
	{ "[{'host': '10.0.0.1'}, 7]", " /1: " },
	{ "[{'host': '10.0.0.1', 'port': 1, 'protocol': 'icmp'}]", " /0/port: " },
	{ "{'egressRules': []}", "array" },
	{ "7", "array" },
	{ "[", "document: " },
	{ "[] []", "document: " },
	{ "", "document: " },
};

TEST_F(cell, a_malformed_array_is_refused_by_its_field_and_changes_nothing)
{
	const char *before;
	struct talk talk;
	struct run run;

	start(_metadata, &self->env, &talk, "strict");
	before = table();
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		EXPECT_EQ(NULL, egress_set(&self->env, &run, "strict", malformed[i].array));
		EXPECT_EQ(125, run.status) TH_LOG("%s", malformed[i].array);
		EXPECT_NE(NULL, strstr(run.err.bytes, malformed[i].says))
			TH_LOG("%s: %s", malformed[i].array, run.err.bytes);
		EXPECT_EQ(NULL, strstr(run.err.bytes, "egressRules/"))
			TH_LOG("%s: %s", malformed[i].array, run.err.bytes);
		EXPECT_TRUE(!strcmp(before, table())) TH_LOG("%s", malformed[i].array);
	}
	EXPECT_TRUE(is_verified(&self->env, "strict"));
	EXPECT_STREQ("ok", say(&talk, "send 0"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(2, json_array_size(json_at(talk.run.report, "/egress/rules")));
}

/* So many rules: the words, and a number for each in between. */
static const char *many(unsigned int n, const char *before, const char *behind)
{
	char *all = NULL;
	size_t size;
	FILE *f = open_memstream(&all, &size);

	if (!f)
		give_up("open_memstream");
	fputc('[', f);
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "%s%s%u.%u%s", i ? ", " : "", before, i / 250, i % 250, behind);
	fputc(']', f);
	fclose(f);
	return all;
}

/* Each prefix length with each size of port range that has a mask of its own: 40 tuples. */
static const char *many_tuples(void)
{
	static const char *const ports[] = {
		"", ", 'port': 1", ", 'port': '16-31'", ", 'port': '256-511'",
		", 'port': '4096-8191'",
	};
	char *all = text("[{'host': '127.0.0.1'}");

	for (int prefix = 4; prefix <= 32; prefix += 4)
		for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
			all = text("%s, {'host': '128.0.0.0/%d'%s}", all, prefix, ports[i]);
	return text("%s]", all);
}

TEST_F(cell, what_does_not_fit_is_refused_and_the_old_rules_stay_in_force)
{
	const struct { const char *array, *says; } large[] = {
		{ many(1025, "{'host': '10.0.", "'}"), " has 1025 rules" },
		{ many(1000, "{'host': '10.0.", "', 'port': '1-65534'}"), "/12: " },
		{ many_tuples(), "prefix length" },
	};
	const char *before;
	struct talk talk;
	struct run run;

	start(_metadata, &self->env, &talk, "large");
	EXPECT_STREQ("ok", say(&talk, "send 0"));
	before = table();
	for (size_t i = 0; i < ARRAY_SIZE(large); i++) {
		EXPECT_EQ(NULL, egress_set(&self->env, &run, "large", large[i].array));
		EXPECT_EQ(125, run.status) TH_LOG("%zu", i);
		EXPECT_NE(NULL, strstr(run.err.bytes, large[i].says))
			TH_LOG("%zu: %s", i, run.err.bytes);
		EXPECT_TRUE(!strcmp(before, table())) TH_LOG("%zu", i);
		EXPECT_TRUE(is_verified(&self->env, "large")) TH_LOG("%zu", i);
		EXPECT_STREQ("ok", say(&talk, "send 0"));
	}
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(4, json_int_at(talk.run.report, "/egress/rules/0/packets"));
}

TEST_F(cell, a_cell_without_enforcement_has_no_rules_to_replace)
{
	struct talk talk = { .run = { .args = { "--egress=off" } } };
	struct run run;
	json_t *json;

	ASSERT_TRUE(talk_start(&self->env, &talk, "off", NULL));
	egress_set(&self->env, &run, "off", RULES(ONE));
	EXPECT_EQ(125, run.status);
	EXPECT_NE(NULL, strstr(run.err.bytes, "--egress off")) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "\nhint: ")) TH_LOG("%s", run.err.bytes);
	json = verb(&self->env, &run, "egress", "off");
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(json_is_false(json_at(json, "enforced")));
	EXPECT_TRUE(json_is_false(json_at(json, "verified")));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
}

/* Whose rules stand in another network namespace than the caller's. */
TEST_F(cell, a_cell_of_another_network_is_not_touched)
{
	const char *before;
	struct talk talk, other = { 0 };
	struct run run;

	start(_metadata, &self->env, &talk, "here");
	before = table();
	net_enter(self->there);
	ASSERT_TRUE(talk_start(&self->env, &other, "there", NULL));
	/* Nothing to take away: that alone would fail there. */
	egress_set(&self->env, &run, "here", RULES(ONE ", " TWO ", " THREE));
	EXPECT_EQ(125, run.status) TH_LOG("%s", run.out.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "network")) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, talk_end(&other)) TH_LOG("%s", other.run.err.bytes);
	net_enter(self->here);
	EXPECT_TRUE(!strcmp(before, table()));
	EXPECT_TRUE(is_verified(&self->env, "here"));
	EXPECT_STREQ("ok", say(&talk, "send 0"));
	EXPECT_STREQ("EPERM", say(&talk, "send 2"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
}

TEST_HARNESS_MAIN
