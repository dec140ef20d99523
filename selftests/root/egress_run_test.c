// SPDX-License-Identifier: MIT
/* Egress of a whole run, against servers of the test on the loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "egress"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* ---- servers ---- */

/* A server on all addresses, both families. */
static int serve(int type, int port)
{
	const struct sockaddr_in6 any = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((in_port_t)port),
	};
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 64) < 0))
		give_up("a server");
	return fd;
}

/* How many connections or datagrams have come, "hello" each; -1: other bytes. */
static int arrived(int fd, int type)
{
	char buf[16];

	for (int n = 0; ; n++) {
		int from = type == SOCK_STREAM ? accept(fd, NULL, NULL) : fd;
		ssize_t got;

		if (from < 0)
			return n;
		got = recv(from, buf, sizeof(buf), MSG_DONTWAIT);
		if (type == SOCK_STREAM)
			close(from);
		else if (got < 0)
			return n;
		if (got != 5 || memcmp(buf, "hello", 5))
			return -1;
	}
}

/* ---- an independent count of what leaves ---- */

static void nft(const char *commands)
{
	const char *const argv[] = { "nft", commands, NULL };

	if (!command(argv))
		give_up(commands);
}

/*
 * A later chain, so that it sees what the cell's rules have let pass: one named
 * counter for each of @matches.
 */
static void witness(const char *const *matches)
{
	char *all = text("add table inet witness; add chain inet witness out "
			 "{ type filter hook output priority 10; }");

	for (int i = 0; matches[i]; i++)
		all = text("%s; add counter inet witness c%d; "
			   "add rule inet witness out %s counter name c%d", all, i, matches[i], i);
	nft(all);
}

static json_int_t witnessed(int i, const char *what)
{
	const char *const argv[] = {
		"nft", "-j", text("list counter inet witness c%d", i), NULL
	};
	json_t *root = json_loads(command(argv) ?: "", 0, NULL);

	return json_int_at(root, text("/nftables/1/counter/%s", what));
}

/* ---- the tests ---- */

static const char *const allowed[] = {
	"{'host': '127.0.0.1', 'port': 7001, 'protocol': 'tcp'}",
	"{'host': '127.0.0.2', 'port': '7000-7099'}",
	"{'host': '::1', 'port': 7002, 'protocol': 'udp'}",
	"{'host': 'db.example', 'resolved': ['127.0.0.4', '127.0.0.5'], 'port': 7001}",
	"{'host': '127.64.0.0/10'}",
	"{'host': '::1', 'port': 7001, 'protocol': 'tcp'}",
	"{'host': '127.0.0.1', 'protocol': 'icmp'}",
	"{'host': '192.0.2.1', 'port': 1, 'protocol': 'tcp'}",
	NULL
};

static const char *const matches[] = {
	"ip daddr 127.0.0.1 tcp dport 7001",
	"ip daddr 127.0.0.2 th dport 7000-7099",
	"ip6 daddr ::1 udp dport 7002",
	"ip daddr { 127.0.0.4, 127.0.0.5 } th dport 7001",
	"ip daddr 127.64.0.0/10",
	"ip6 daddr ::1 tcp dport 7001",
	"ip daddr 127.0.0.1 icmp type echo-request",
	"ip daddr 192.0.2.1",
	NULL
};

static const struct attempt {
	const char *protocol, *host, *port, *count, *result;
} attempts[] = {
	{ "tcp", "127.0.0.1", "7001", "2", "ok" },
	{ "udp", "127.0.0.1", "7001", "1", "EPERM" },		/* another protocol */
	{ "tcp", "127.0.0.1", "7002", "1", "ECONNREFUSED" },	/* another port */
	{ "tcp", "127.0.0.3", "7001", "1", "ECONNREFUSED" },	/* another address */
	{ "udp", "127.0.0.2", "7001", "3", "ok" },
	{ "tcp", "127.0.0.2", "7001", "1", "ok" },
	{ "udp", "127.0.0.2", "7100", "1", "EPERM" },		/* past the range */
	{ "udp", "::1", "7002", "5", "ok" },
	{ "udp", "::1", "7001", "1", "EPERM" },
	{ "udp", "127.0.0.4", "7001", "1", "ok" },
	{ "tcp", "127.0.0.5", "7001", "1", "ok" },
	{ "udp", "127.64.0.0", "7001", "1", "ok" },		/* both ends of the prefix */
	{ "udp", "127.127.255.254", "7001", "1", "ok" },
	{ "udp", "127.128.0.1", "7001", "1", "EPERM" },
	{ "udp", "127.63.255.255", "7001", "1", "EPERM" },
	{ "tcp", "::1", "7001", "1", "ok" },
	{ "tcp", "::1", "7002", "1", "ECONNREFUSED" },
	{ "icmp", "127.0.0.1", "0", "2", "ok" },
	{ "icmp", "127.0.0.2", "0", "1", "EPERM" },
};

static const char *joined(const char *const *words)
{
	char *all = text("%s", "");

	for (int i = 0; words[i]; i++)
		all = text("%s%s%s", all, i ? ", " : "", words[i]);
	return all;
}

static const char *try_all(const struct test_env *env, const char *authority)
{
	char *argv = text("'%s/workload_net'", env->workloads);

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		argv = text("%s, '%s', '%s', '%s', '%s'", argv, attempts[i].protocol,
			    attempts[i].host, attempts[i].port, attempts[i].count);
	return document("egress", "%s'run': {'argv': [%s]}", authority, argv);
}

static void allow_ping(void)
{
	if (file_write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647") < 0)
		give_up("ping_group_range");
}

TEST_F(cell, what_the_rules_say_gets_through_and_nothing_else)
{
	int tcp = serve(SOCK_STREAM, 7001), udp = serve(SOCK_DGRAM, 7001);
	int tcp2 = serve(SOCK_STREAM, 7002), udp2 = serve(SOCK_DGRAM, 7002);
	struct run run = {
		.document = try_all(&self->env, text("'authority': {'egressRules': [%s]}, ",
						     joined(allowed))),
	};
	char *results = text("%s", "");
	json_int_t denied = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		results = text("%s%s\n", results, attempts[i].result);
		denied += strcmp(attempts[i].result, "ok") != 0;
	}
	allow_ping();
	witness(matches);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(results, run.out.bytes);

	/* The report's rows are the document's, and count what another chain counts. */
	EXPECT_EQ(ARRAY_SIZE(allowed) - 1, json_array_size(json_at(run.report, "/egress/rules")));
	for (int i = 0; matches[i]; i++) {
		EXPECT_EQ(witnessed(i, "packets"),
			  json_int_at(run.report, text("/egress/rules/%d/packets", i)))
			TH_LOG("%s", matches[i]);
		EXPECT_EQ(witnessed(i, "bytes"),
			  json_int_at(run.report, text("/egress/rules/%d/bytes", i)))
			TH_LOG("%s", matches[i]);
	}
	EXPECT_GE(witnessed(0, "packets"), 2 * 4);
	EXPECT_EQ(0, witnessed(7, "packets"));
	EXPECT_EQ(denied, json_int_at(run.report, "/egress/denied/packets"));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/egress/enforced")));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/egress/verified")));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/handle/nftRulesApplied")));

	EXPECT_EQ(2 + 1 + 1 + 1, arrived(tcp, SOCK_STREAM));
	EXPECT_EQ(3 + 1 + 2, arrived(udp, SOCK_DGRAM));
	EXPECT_EQ(0, arrived(tcp2, SOCK_STREAM));
	EXPECT_EQ(5, arrived(udp2, SOCK_DGRAM));
}

TEST_F(cell, datagrams_are_counted_one_by_one)
{
	int udp = serve(SOCK_DGRAM, 7001);
	struct run run = {
		.document = document("count", "'authority': {'egressRules': [{'host': "
				     "'127.0.0.1', 'port': 7001, 'protocol': 'udp'}]}, 'run': "
				     "{'argv': ['%s/workload_net', 'udp', '127.0.0.1', '7001', "
				     "'100', 'udp', '127.0.0.1', '7002', '1']}",
				     self->env.workloads),
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ok\nEPERM\n", run.out.bytes);
	EXPECT_EQ(100, arrived(udp, SOCK_DGRAM));
	EXPECT_EQ(100, json_int_at(run.report, "/egress/rules/0/packets"));
	EXPECT_EQ(100 * (20 + 8 + 5), json_int_at(run.report, "/egress/rules/0/bytes"));
	EXPECT_EQ(1, json_int_at(run.report, "/egress/denied/packets"));
	EXPECT_EQ(20 + 8 + 5, json_int_at(run.report, "/egress/denied/bytes"));
}

TEST_F(cell, empty_list_denies_everything_loopback_too)
{
	static const char *const authorities[] = {
		"", "'authority': {}, ", "'authority': {'egressRules': []}, ",
	};
	int tcp = serve(SOCK_STREAM, 7001), udp = serve(SOCK_DGRAM, 7001);
	json_int_t packets = 0;

	allow_ping();
	/* Without a rule for icmp there is no ping socket, and so nothing to count. */
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		packets += strcmp(attempts[i].protocol, "icmp") != 0;
	for (size_t i = 0; i < ARRAY_SIZE(authorities); i++) {
		struct run run = { .document = try_all(&self->env, authorities[i]) };

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(NULL, strstr(run.out.bytes, "ok")) TH_LOG("%s", run.out.bytes);
		EXPECT_EQ(packets, json_int_at(run.report, "/egress/denied/packets"));
		EXPECT_EQ(0, json_array_size(json_at(run.report, "/egress/rules")));
		EXPECT_TRUE(json_is_true(json_at(run.report, "/egress/enforced")));
	}
	EXPECT_EQ(0, arrived(tcp, SOCK_STREAM));
	EXPECT_EQ(0, arrived(udp, SOCK_DGRAM));
}

TEST_F(cell, connecting_as_the_very_first_act_is_denied)
{
	int tcp = serve(SOCK_STREAM, 7001);
	const char *first = text("'run': {'argv': ['%s/workload_first', 'connect', '7001']}",
				 self->env.workloads);
	const char *rule = "'authority': {'egressRules': [{'host': '127.0.0.1', 'port': 7001}]}";
	struct run run;

	for (int i = 0; i < 50; i++) {
		run = (struct run){ .document = document("first", "%s", first) };
		ASSERT_EQ(ECONNREFUSED, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		ASSERT_EQ(1, json_int_at(run.report, "/egress/denied/packets"));
	}
	EXPECT_EQ(-1, accept(tcp, NULL, NULL));
	EXPECT_EQ(EAGAIN, errno);
	/* The same program gets through where it may. */
	run = (struct run){ .document = document("first", "%s, %s", rule, first) };
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, ruleset_shows_the_cell_while_it_lives_and_nothing_after)
{
	static const char *const list[] = { "nft", "list", "ruleset", NULL };
	struct run run = {
		.document = document("shown-cell", "'authority': {'egressRules': [{'host': "
				     "'198.51.100.7', 'port': 4443, 'protocol': 'tcp'}, {'host': "
				     "'2001:db8:77::/48', 'port': 53}]}, 'run': {'argv': "
				     "['%s/workload_probe', 'wait']}", self->env.workloads),
	};
	static const char *const shown[] = {
		"table inet cellos", "198.51.100.7", "4443", "2001:db8:77::", "\"shown-cell\"",
		"hook output", "socket cgroupv2",
	};
	char *rules = command(list);

	ASSERT_STREQ("", rules);
	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "shown-cell", "ready\n"), 0);
	rules = command(list);
	ASSERT_NE(NULL, rules);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		EXPECT_NE(NULL, strstr(rules, shown[i])) TH_LOG("%s", shown[i]);
	}
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_STREQ("", command(list));
}

/* May send to @host; sends there and elsewhere, then stays. */
static const char *sender(const struct test_env *env, const char *id, const char *host, int port)
{
	return document(id, "'authority': {'egressRules': [{'host': '%s'}]}, 'run': {'argv': "
			"['%s/workload_net', 'udp', '127.0.0.1', '7001', '1', 'udp', '127.0.0.2', "
			"'7001', '1', 'bind', '127.0.0.9', '%d', '1']}", host, env->workloads,
			port);
}

TEST_F(cell, two_cells_have_two_policies)
{
	int udp = serve(SOCK_DGRAM, 7001);
	struct run one = { .document = sender(&self->env, "one", "127.0.0.1", 7010) };
	struct run two = { .document = sender(&self->env, "two", "127.0.0.2", 7011) };

	run_start(&self->env, &one);
	run_start(&self->env, &two);
	ASSERT_GT(cell_wait(&self->env, &one, "one", "ready\n"), 0);
	ASSERT_GT(cell_wait(&self->env, &two, "two", "ready\n"), 0);
	kill(one.pid, SIGTERM);
	kill(two.pid, SIGTERM);
	run_finish(&one);
	run_finish(&two);
	for (int i = 0; i < 2; i++) {
		json_t *report = i ? two.report : one.report;

		EXPECT_EQ(1, json_int_at(report, "/egress/rules/0/packets"));
		EXPECT_EQ(1, json_int_at(report, "/egress/denied/packets"));
	}
	EXPECT_EQ(2, arrived(udp, SOCK_DGRAM));
}

/* ---- egress off ---- */

TEST_F(cell, off_with_rules_is_refused)
{
	const char *before = host_snapshot(&self->env);
	struct run run = {
		.document = document("off", "'authority': {'egressRules': [{'host': '10.0.0.1'}]}, "
				     "'run': {'argv': ['true']}"),
		.args = { "--egress", "off" },
	};

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("options", json_text_at(run.report, "/error/step"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/hint"), "egressRules"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, off_enforces_nothing_and_says_so)
{
	int tcp = serve(SOCK_STREAM, 7001), udp = serve(SOCK_DGRAM, 7001);
	const char *before = host_snapshot(&self->env);
	struct run run = {
		.document = document("off", "'run': {'argv': ['%s/workload_net', 'tcp', "
				     "'127.0.0.1', '7001', '1', 'udp', '::1', '7001', '1']}",
				     self->env.workloads),
		.args = { "--egress=off" },
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ok\nok\n", run.out.bytes);
	EXPECT_EQ(1, arrived(tcp, SOCK_STREAM));
	EXPECT_EQ(1, arrived(udp, SOCK_DGRAM));
	EXPECT_TRUE(json_is_false(json_at(run.report, "/egress/enforced")));
	EXPECT_TRUE(json_is_false(json_at(run.report, "/egress/verified")));
	EXPECT_TRUE(json_is_false(json_at(run.report, "/handle/nftRulesApplied")));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* A cell without enforcement does not loosen, nor suffer from, one that has it. */
TEST_F(cell, off_and_enforced_cells_live_side_by_side)
{
	int udp = serve(SOCK_DGRAM, 7001);
	const char *send = text("'run': {'argv': ['%s/workload_net', 'udp', '127.0.0.1', '7001', "
				"'1']}", self->env.workloads);
	struct run governed = {
		.document = document("governed", "'run': {'argv': ['%s/workload_probe', 'wait']}",
				     self->env.workloads),
	};
	struct run off = { .document = document("off", "%s", send), .args = { "--egress=off" } };
	struct run strict = { .document = document("strict", "%s", send) };

	run_start(&self->env, &governed);
	ASSERT_GT(cell_wait(&self->env, &governed, "governed", "ready\n"), 0);
	EXPECT_EQ(0, run_whole(&self->env, &off));
	EXPECT_STREQ("ok\n", off.out.bytes);
	EXPECT_EQ(0, run_whole(&self->env, &strict));
	EXPECT_STREQ("EPERM\n", strict.out.bytes);
	EXPECT_EQ(1, arrived(udp, SOCK_DGRAM));
	kill(governed.pid, SIGTERM);
	run_finish(&governed);
}

TEST_F(cell, a_thousand_rules_are_in_force)
{
	enum { RULES = 1000 };
	int udp = serve(SOCK_DGRAM, 7001);
	char *list = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&list, &size);
	struct run run = { 0 };

	ASSERT_NE(NULL, f);
	for (int i = 0; i < RULES; i++)
		fprintf(f, "%s{'host': '127.1.%d.%d', 'port': 7001, 'protocol': 'udp'}",
			i ? ", " : "", i / 250, i % 250);
	fclose(f);
	run.document = document("many", "'authority': {'egressRules': [%s]}, 'run': {'argv': "
				"['%s/workload_net', 'udp', '127.1.0.0', '7001', '1', 'udp', "
				"'127.1.3.249', '7001', '2', 'udp', '127.1.3.250', '7001', '1']}",
				list, self->env.workloads);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ok\nok\nEPERM\n", run.out.bytes);
	EXPECT_EQ(3, arrived(udp, SOCK_DGRAM));
	EXPECT_EQ(RULES, json_array_size(json_at(run.report, "/egress/rules")));
	EXPECT_EQ(1, json_int_at(run.report, "/egress/rules/0/packets"));
	EXPECT_EQ(2, json_int_at(run.report, text("/egress/rules/%d/packets", RULES - 1)));
}

TEST_HARNESS_MAIN
