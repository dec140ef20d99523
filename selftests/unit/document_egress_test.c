// SPDX-License-Identifier: MIT
/* helper/document_egress.c: egress rules, in a document and alone. */
#include "selftests/unit/refusal.h"

#define FIELD(rest)	"/spec/authority/egressRules" rest
#define PORT(port)	RULE("'host': '10.0.0.1', 'port': " port)

TEST(rules_of_the_wrong_shape_are_refused)
{
	static const struct refusal rows[] = {
		{ AUTHORITY("'egressRules': {}"), EINVAL, FIELD(""), "must be an array", NULL },
		{ AUTHORITY("'egressRules': null"), EINVAL, FIELD(""), "must be an array", NULL },
		{ AUTHORITY("'egressRules': ['10.0.0.1']"), EINVAL, FIELD("/0"),
		  "is a string, must be an object", NULL },
		{ RULE(""), EINVAL, FIELD("/0/host"), "is missing", NULL },
		{ RULE("'host': 1"), EINVAL, FIELD("/0/host"), "must be a string", NULL },
		{ RULE("'host': ''"), EINVAL, FIELD("/0/host"), "is empty", NULL },
		{ RULE("'host': '10.0.0.1', 'ports': 443"), EINVAL, FIELD("/0/ports"),
		  "unknown key", "\"port\"?" },
		{ RULE("'host': '10.0.0.1'}, {'host': '10.0.0.2', 'action': 'drop'"), EINVAL,
		  FIELD("/1/action"), "unknown key", "known here: host, resolved, port, protocol" },
		{ RULE("'host': '10.0.0.0/33'"), EINVAL, FIELD("/0/host"), "above 32", NULL },
		{ RULE("'host': '10.0.0.1\\u0000'"), EINVAL, FIELD("/0/host"), "NUL", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(ports_that_are_none_are_refused)
{
	static const struct refusal rows[] = {
		{ PORT("0"), EINVAL, FIELD("/0/port"), "0 is out of range", "for any port" },
		{ PORT("65536"), EINVAL, FIELD("/0/port"), "65536 is out of range: 1 to 65535",
		  NULL },
		{ PORT("-1"), EINVAL, FIELD("/0/port"), "-1 is out of range", NULL },
		{ PORT("80.0"), EINVAL, FIELD("/0/port"), "fraction", "whole number" },
		{ PORT("null"), EINVAL, FIELD("/0/port"), "is null, must be a string or an in",
		  NULL },
		{ PORT("[80]"), EINVAL, FIELD("/0/port"), "is an array", NULL },
		{ PORT("99999999999999999999"), EINVAL, FIELD("/0/port"), "too large", NULL },
		{ PORT("'0'"), EINVAL, FIELD("/0/port"), "0 is out of range", "for any port" },
		{ PORT("'65536'"), EINVAL, FIELD("/0/port"), "65536 is out of range", NULL },
		{ PORT("'99999999999999999999'"), EINVAL, FIELD("/0/port"), "out of range", NULL },
		{ PORT("'80-70'"), EINVAL, FIELD("/0/port"), "\"80-70\" runs backwards",
		  "\"70-80\"" },
		{ PORT("'80-65536'"), EINVAL, FIELD("/0/port"), "65536 is out of range", NULL },
		{ PORT("'0-80'"), EINVAL, FIELD("/0/port"), "0 is out of range", "any port" },
		{ PORT("'x'"), EINVAL, FIELD("/0/port"), "\"x\" is not a port", "\"8000-8100\"" },
		{ PORT("''"), EINVAL, FIELD("/0/port"), "\"\" is not a port", "write" },
		{ PORT("'-'"), EINVAL, FIELD("/0/port"), "\"-\" is not a port", "write" },
		{ PORT("'80-'"), EINVAL, FIELD("/0/port"), "\"80-\" is not a port", "write" },
		{ PORT("'-80'"), EINVAL, FIELD("/0/port"), "\"-80\" is not a port", "write" },
		{ PORT("'80-90-100'"), EINVAL, FIELD("/0/port"), "is not a port", "write" },
		{ PORT("' 80'"), EINVAL, FIELD("/0/port"), "\" 80\" is not a port", "write" },
		{ PORT("'80 - 90'"), EINVAL, FIELD("/0/port"), "is not a port", "write" },
		{ PORT("'+80'"), EINVAL, FIELD("/0/port"), "is not a port", "write" },
		{ PORT("'080'"), EINVAL, FIELD("/0/port"), "\"080\" is not a port", "write" },
		{ PORT("'http'"), EINVAL, FIELD("/0/port"), "\"http\" is not a port", "write" },
		{ PORT("'80\\u0000'"), EINVAL, FIELD("/0/port"), "NUL character", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(protocols_that_do_not_fit_are_refused)
{
	static const struct refusal rows[] = {
		{ RULE("'host': '10.0.0.1', 'protocol': 'TCP'"), EINVAL, FIELD("/0/protocol"),
		  "unknown protocol \"TCP\"", "did you mean \"tcp\"?" },
		{ RULE("'host': '10.0.0.1', 'protocol': 'quic'"), EINVAL, FIELD("/0/protocol"),
		  "unknown protocol \"quic\"", "known here: tcp, udp, sctp, icmp, icmpv6" },
		{ RULE("'host': '10.0.0.1', 'protocol': ''"), EINVAL, FIELD("/0/protocol"),
		  "unknown protocol \"\"", "known here" },
		{ RULE("'host': '10.0.0.1', 'protocol': 6"), EINVAL, FIELD("/0/protocol"),
		  "must be a string", NULL },
		{ RULE("'host': '10.0.0.1', 'protocol': 'icmp', 'port': 8"), EINVAL,
		  FIELD("/0/port"), "icmp has no ports", NULL },
		{ RULE("'host': '::1', 'port': '1-2', 'protocol': 'icmpv6'"), EINVAL,
		  FIELD("/0/port"), "icmpv6 has no ports", NULL },
		{ RULE("'host': '2001:db8::/32', 'protocol': 'icmp'"), EINVAL, FIELD("/0/host"),
		  "is an IPv6 address, but the rule's protocol is icmp", "IPv6 has icmpv6" },
		{ RULE("'host': '10.0.0.1', 'protocol': 'icmpv6'"), EINVAL, FIELD("/0/host"),
		  "is an IPv4 address, but the rule's protocol is icmpv6", "IPv4 has icmp" },
		{ RULE("'host': 'a.example', 'resolved': ['10.0.0.1', '::1'], 'protocol': 'icmp'"),
		  EINVAL, FIELD("/0/resolved/1"), "is an IPv6 address", "IPv6 has icmpv6" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(host_names_without_plain_addresses_are_refused)
{
	static const struct refusal rows[] = {
		{ RULE("'host': 'example.com', 'port': 443"), EINVAL, FIELD("/0/host"),
		  "\"example.com\" is a host name without \"resolved\"", "no DNS queries" },
		{ RULE("'host': 'example.com', 'resolved': []"), EINVAL, FIELD("/0/resolved"),
		  "is empty", NULL },
		{ RULE("'host': 'example.com', 'resolved': '10.0.0.1'"), EINVAL,
		  FIELD("/0/resolved"), "is a string, must be an array", NULL },
		{ RULE("'host': 'example.com', 'resolved': [1]"), EINVAL, FIELD("/0/resolved/0"),
		  "must be a string", NULL },
		{ RULE("'host': 'example.com', 'resolved': ['10.0.0.1', 'b.example']"), EINVAL,
		  FIELD("/0/resolved/1"), "is not an IPv4 address", NULL },
		{ RULE("'host': 'example.com', 'resolved': ['10.0.0.0/8']"), EINVAL,
		  FIELD("/0/resolved/0"), "is a network, must be a single address", NULL },
		{ RULE("'host': 'example.com', 'resolved': ['']"), EINVAL, FIELD("/0/resolved/0"),
		  "1 part", NULL },
		{ RULE("'host': '10.0.0.1', 'resolved': ['10.0.0.1']"), EINVAL,
		  FIELD("/0/resolved"), "beside an address, not a host name", NULL },
		{ RULE("'host': 'exa_mple.com', 'resolved': ['10.0.0.1']"), EINVAL,
		  FIELD("/0/host"), "neither an address nor a host name", "labels of letters" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(too_many_rules_or_addresses_are_refused)
{
	char *rules __free(mem) = json_repeat("[@]", "{'host': '10.0.0.1'}",
					      CELLOS_RULES_MAX + 1, true);
	char *addrs __free(mem) = json_repeat("[{'host': 'a.example', 'resolved': [@]}]",
					      "'10.0.0.1'", CELLOS_RULE_ADDRS_MAX + 1, true);
	const struct refusal rows[] = {
		{ rules, E2BIG, "", "has 1025 rules, at most 1024", NULL },
		{ addrs, E2BIG, "/0/resolved", "has 65 entries, at most 64", NULL },
	};
	struct egress_rule *parsed;
	unsigned int n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text __free(mem) = json_text(rows[i].input);
		struct error err = { };
		int ret = egress_rules_parse(text, strlen(text), &parsed, &n, &err);

		check_refusal(_metadata, &rows[i], "document", ret, &err);
	}
}

TEST(rules_at_the_limits_are_accepted)
{
	char *input __free(mem) = json_repeat("[@]", "{'host': '10.0.0.1'}",
					      CELLOS_RULES_MAX, true);
	char *text __free(mem) = json_text(input);
	struct egress_rule *rules;
	struct error err = { };
	unsigned int n;

	ASSERT_EQ(0, egress_rules_parse(text, strlen(text), &rules, &n, &err));
	EXPECT_EQ(CELLOS_RULES_MAX, n);
	egress_rules_done(rules, n);
}

TEST(rules_are_read_in_order_with_their_defaults)
{
	static const uint8_t v4[16] = { 10, 0, 0, 1 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	struct document doc = good_document(_metadata, AUTHORITY("'egressRules': ["
		"{'host': '10.0.0.1', 'port': 443, 'protocol': 'tcp'},"
		"{'host': '2001:db8::/32', 'port': '8000-8100', 'protocol': 'udp'},"
		"{'host': '0.0.0.0/0', 'port': '65535'},"
		"{'host': '10.0.0.1', 'protocol': 'icmp'},"
		"{'host': '::/0', 'protocol': 'icmpv6'},"
		"{'host': '10.0.0.1', 'port': '1-65535', 'protocol': 'sctp'}]"));
	const struct egress_rule *rules = doc.rules;

	ASSERT_EQ(6, doc.n_rules);
	EXPECT_EQ(1, rules[0].n_nets);
	EXPECT_EQ(NULL, rules[0].host);
	EXPECT_EQ(4, rules[0].nets->family);
	EXPECT_EQ(32, rules[0].nets->prefix);
	EXPECT_EQ(0, memcmp(v4, rules[0].nets->addr, 16));
	EXPECT_EQ(443, rules[0].port_first);
	EXPECT_EQ(443, rules[0].port_last);
	EXPECT_EQ(EGRESS_TCP, rules[0].protocols);
	EXPECT_EQ(6, rules[1].nets->family);
	EXPECT_EQ(32, rules[1].nets->prefix);
	EXPECT_EQ(0, memcmp(v6, rules[1].nets->addr, 16));
	EXPECT_EQ(8000, rules[1].port_first);
	EXPECT_EQ(8100, rules[1].port_last);
	EXPECT_EQ(EGRESS_UDP, rules[1].protocols);
	EXPECT_EQ(0, rules[2].nets->prefix);
	EXPECT_EQ(65535, rules[2].port_first);
	EXPECT_EQ(EGRESS_TCP | EGRESS_UDP, rules[2].protocols);
	EXPECT_EQ(EGRESS_ICMP, rules[3].protocols);
	EXPECT_EQ(0, rules[3].port_first);
	EXPECT_EQ(0, rules[3].port_last);
	EXPECT_EQ(EGRESS_ICMPV6, rules[4].protocols);
	EXPECT_EQ(1, rules[5].port_first);
	EXPECT_EQ(65535, rules[5].port_last);
	EXPECT_EQ(EGRESS_SCTP, rules[5].protocols);
	document_done(&doc);
}

TEST(a_host_name_stands_for_its_resolved_addresses)
{
	struct document doc = good_document(_metadata,
		RULE("'resolved': ['10.0.0.1', '2001:db8::1'], 'host': 'A-1.example.com'"));
	const struct egress_rule *rule = doc.rules;

	ASSERT_EQ(1, doc.n_rules);
	ASSERT_EQ(2, rule->n_nets);
	EXPECT_STREQ("A-1.example.com", rule->host);
	EXPECT_EQ(4, rule->nets[0].family);
	EXPECT_EQ(32, rule->nets[0].prefix);
	EXPECT_EQ(6, rule->nets[1].family);
	EXPECT_EQ(128, rule->nets[1].prefix);
	document_done(&doc);
}

TEST(an_array_alone_is_read_with_fields_relative_to_it)
{
	static const struct refusal rows[] = {
		{ "{}", EINVAL, "", "is an object, must be an array", NULL },
		{ "[{'host': '10.0.0.1'}, {'host': '10.0.0.1', 'port': 0}]", EINVAL, "/1/port",
		  "/1/port: 0 is out of range", "any port" },
		{ "[{'host': '10.0.0.1', 'port': 1e999}]", EINVAL, "/0/port", "too large", NULL },
		{ "[{'host': '10.0.0.1', 'host': '10.0.0.2'}]", EINVAL, "/0/host", "twice", "one" },
		{ "[", EINVAL, "", "not JSON", NULL },
	};
	struct egress_rule *rules = NULL;
	unsigned int n = 7;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text __free(mem) = json_text(rows[i].input);
		struct error err = { };
		int ret = egress_rules_parse(text, strlen(text), &rules, &n, &err);

		check_refusal(_metadata, &rows[i], "document", ret, &err);
	}
	EXPECT_EQ(7, n);
	ASSERT_EQ(0, egress_rules_parse("[]", 2, &rules, &n, NULL));
	EXPECT_EQ(0, n);
	egress_rules_done(rules, n);
}

TEST_HARNESS_MAIN
