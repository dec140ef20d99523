// SPDX-License-Identifier: MIT
/* The life of cells in nf_tables, and what their sockets may reach. */
#include "selftests/harness.h"
#include "nft/ruleset.h"
#include "selftests/root/nft_fixture.h"
#include "uapi/cellos.h"

#define OPEN_PORT	7001	/* somebody listens, and the policy allows it */
#define SHUT_PORT	7002	/* somebody listens */
#define OPEN_UDP	7024	/* to 7039: one block of 16 ports */

FIXTURE(cells) {
	struct nft *nft;
	struct error err;
	struct egress_policy policy;
	struct egress_policy none;
	struct nft_cell cell;
	char mount[2048];
	char folder[2112];
	char leaf[2176];
	char id[32];
};

/* tcp to 7001, udp to 7024-7039, on 127.0.0.1 and ::1 */
static int loopback_policy(struct egress_policy *ret, struct error *err)
{
	struct egress_net v4 = loopback_net(AF_INET), v6 = loopback_net(AF_INET6);
	const struct egress_rule rules[] = {
		{ &v4, 1, NULL, OPEN_PORT, OPEN_PORT, EGRESS_TCP },
		{ &v4, 1, NULL, OPEN_UDP, OPEN_UDP + 15, EGRESS_UDP },
		{ &v6, 1, NULL, OPEN_PORT, OPEN_PORT, EGRESS_TCP },
		{ &v6, 1, NULL, OPEN_UDP, OPEN_UDP + 15, EGRESS_UDP },
	};

	return egress_compile(rules, ARRAY_SIZE(rules), ret, err);
}

FIXTURE_SETUP(cells)
{
	uint64_t inode;

	if (geteuid())
		SKIP(return, "needs root");
	if (!cgroup2_mount(self->mount, sizeof(self->mount)))
		SKIP(return, "needs a cgroup2 mount");
	cgroup_sweep(self->mount);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_TRUE(loopback_up());
	snprintf(self->folder, sizeof(self->folder), "%s/" CGROUP_PREFIX "%d", self->mount,
		 getpid());
	snprintf(self->leaf, sizeof(self->leaf), "%s/cell", self->folder);
	ASSERT_NE(0, cgroup_make(self->folder));
	inode = cgroup_make(self->leaf);
	ASSERT_NE(0, inode);
	ASSERT_EQ(0, loopback_policy(&self->policy, &self->err));
	ASSERT_EQ(0, egress_compile(NULL, 0, &self->none, &self->err));
	ASSERT_EQ(0, nft_open(&self->nft, &self->err));
	self->cell = test_cell(inode, 1, self->id, &self->policy);
}

FIXTURE_TEARDOWN(cells)
{
	nft_close(self->nft);
	egress_policy_done(&self->policy);
	egress_policy_done(&self->none);
	cgroup_sweep(self->mount);
}

static bool table_exists(struct nft *nft)
{
	struct error err = { 0 };

	return ruleset_load(nft, &err) || nft->rules.table;
}

TEST_F(cells, reach_over_tcp_what_is_allowed_and_nothing_else)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct nft_count rules[4];
	struct nft_totals totals;
	unsigned int i;

	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct endpoint open = { families[i], SOCK_STREAM, OPEN_PORT };
		struct endpoint shut = { families[i], SOCK_STREAM, SHUT_PORT };

		ASSERT_LE(0, serve(&open));
		ASSERT_LE(0, serve(&shut));
		EXPECT_EQ(0, reach_from(self->leaf, &open, 0));
		EXPECT_EQ(ECONNREFUSED, reach_from(self->leaf, &shut, 0));
		/* Not in the cell: not governed. */
		EXPECT_EQ(0, reach_from(self->folder, &shut, 0));
		EXPECT_EQ(0, reach(&shut, 0));
	}
	ASSERT_EQ(0, nft_cell_count(self->nft, &self->cell, rules, &totals, &self->err));
	EXPECT_LE(3, rules[0].packets);
	EXPECT_LE(3, rules[2].packets);
	EXPECT_EQ(0, rules[1].packets + rules[3].packets);
	EXPECT_EQ(2, totals.denied.packets);
}

TEST_F(cells, count_each_datagram_once)
{
	static const int families[] = { AF_INET, AF_INET6 };
	static const unsigned int header[] = { 20 + 8, 40 + 8 };
	struct nft_count rules[4];
	struct nft_totals totals;
	unsigned int i;

	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		struct endpoint first = { families[i], SOCK_DGRAM, OPEN_UDP };
		struct endpoint last = { families[i], SOCK_DGRAM, OPEN_UDP + 15 };
		struct endpoint below = { families[i], SOCK_DGRAM, OPEN_UDP - 1 };
		struct endpoint above = { families[i], SOCK_DGRAM, OPEN_UDP + 16 };

		ASSERT_LE(0, serve(&first));
		ASSERT_LE(0, serve(&last));
		EXPECT_EQ(0, reach_from(self->leaf, &first, 5));
		EXPECT_EQ(0, reach_from(self->leaf, &last, 2));
		EXPECT_EQ(EPERM, reach_from(self->leaf, &below, 1));
		EXPECT_EQ(EPERM, reach_from(self->leaf, &above, 1));
	}
	ASSERT_EQ(0, nft_cell_count(self->nft, &self->cell, rules, &totals, &self->err));
	for (i = 0; i < ARRAY_SIZE(families); i++) {
		EXPECT_EQ(0, rules[2 * i].packets);
		EXPECT_EQ(7, rules[2 * i + 1].packets);
		EXPECT_EQ(7 * (10 + header[i]), rules[2 * i + 1].bytes);
	}
	EXPECT_EQ(4, totals.denied.packets);
	EXPECT_EQ(2 * (10 + header[0]) + 2 * (10 + header[1]), totals.denied.bytes);
}

TEST_F(cells, without_rules_reach_nothing)
{
	struct endpoint tcp = { AF_INET, SOCK_STREAM, OPEN_PORT };
	struct endpoint udp = { AF_INET6, SOCK_DGRAM, OPEN_UDP };
	struct nft_totals totals;

	self->cell.policy = &self->none;
	ASSERT_LE(0, serve(&tcp));
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	EXPECT_EQ(ECONNREFUSED, reach_from(self->leaf, &tcp, 0));
	EXPECT_EQ(EPERM, reach_from(self->leaf, &udp, 1));
	ASSERT_EQ(0, nft_cell_count(self->nft, &self->cell, NULL, &totals, &self->err));
	EXPECT_EQ(2, totals.denied.packets);
}

TEST_F(cells, in_cells_reach_what_both_allow)
{
	struct egress_net v4 = loopback_net(AF_INET);
	const struct egress_rule wide = { &v4, 1, NULL, 1, 65535, EGRESS_TCP };
	struct endpoint open = { AF_INET, SOCK_STREAM, OPEN_PORT };
	struct endpoint shut = { AF_INET, SOCK_STREAM, SHUT_PORT };
	struct nft_cell outer = self->cell, inner = self->cell;
	struct egress_policy policy;
	char path[2300];

	ASSERT_EQ(0, egress_compile(&wide, 1, &policy, NULL));
	snprintf(path, sizeof(path), "%s/inner", self->leaf);
	inner.cgroup_id = cgroup_make(path);
	ASSERT_NE(0, inner.cgroup_id);
	inner.level = 3;
	inner.id = "inner";
	inner.uid++;
	inner.policy = &policy;
	ASSERT_LE(0, serve(&open));
	ASSERT_LE(0, serve(&shut));
	ASSERT_EQ(0, nft_cell_add(self->nft, &inner, &self->err));
	EXPECT_EQ(0, reach_from(path, &shut, 0));
	ASSERT_EQ(0, nft_cell_add(self->nft, &outer, &self->err));
	EXPECT_EQ(0, reach_from(path, &open, 0));
	EXPECT_EQ(ECONNREFUSED, reach_from(path, &shut, 0));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &outer, &self->err));
	EXPECT_EQ(0, reach_from(path, &shut, 0));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &inner, &self->err));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &inner, &self->err));
	EXPECT_FALSE(table_exists(self->nft));
	EXPECT_EQ(0, rmdir(path));
	egress_policy_done(&policy);
}

TEST_F(cells, leave_nothing_when_the_last_is_removed)
{
	struct nft_cell other = self->cell;
	unsigned int left = 99;
	char id[32];

	other = test_cell(self->cell.cgroup_id + 1000, 2, id, &self->none);
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_add(self->nft, &other, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, &self->err));
	EXPECT_EQ(5 + self->policy.n_keys, left);
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, &self->err));
	EXPECT_EQ(0, left);
	EXPECT_TRUE(table_exists(self->nft));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &other, &self->err));
	EXPECT_EQ(-EUCLEAN, nft_cell_verify(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &other, &self->err));
	EXPECT_FALSE(table_exists(self->nft));
	/* Again, and with no table at all: no error. */
	EXPECT_EQ(0, nft_cell_remove(self->nft, &other, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &other, &left, &self->err));
	EXPECT_EQ(0, left);
}

TEST_F(cells, with_a_live_id_are_refused_without_trace)
{
	struct nft_cell twin;
	unsigned int left;
	char id[32];

	EXPECT_EQ(0, nft_id_taken(self->nft, PARENT_ID, self->id, &self->err));
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	EXPECT_EQ(1, nft_id_taken(self->nft, PARENT_ID, self->id, &self->err));
	EXPECT_EQ(0, nft_id_taken(self->nft, PARENT_ID + 1, self->id, &self->err));
	twin = test_cell(self->cell.cgroup_id + 1000, 2, id, &self->policy);
	twin.id = self->id;
	EXPECT_EQ(-EEXIST, nft_cell_add(self->nft, &twin, &self->err));
	EXPECT_NE(NULL, strstr(self->err.message, self->id));
	ASSERT_EQ(0, nft_cell_left(self->nft, &twin, &left, NULL));
	EXPECT_EQ(0, left);
	ASSERT_EQ(0, nft_cell_verify(self->nft, &self->cell, NULL));
	twin.parent_id++;
	EXPECT_EQ(0, nft_cell_add(self->nft, &twin, NULL));
}

TEST_F(cells, with_a_live_uid_are_refused_without_trace)
{
	struct nft_cell twin;
	unsigned int left;
	char id[32];

	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	EXPECT_EQ(1, nft_uid_taken(self->nft, self->cell.uid, &self->err));
	EXPECT_EQ(0, nft_uid_taken(self->nft, self->cell.uid + 1, &self->err));
	twin = test_cell(self->cell.cgroup_id + 1000, 2, id, &self->policy);
	twin.uid = self->cell.uid;
	EXPECT_EQ(-EADDRINUSE, nft_cell_add(self->nft, &twin, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &twin, &left, NULL));
	EXPECT_EQ(0, left);
	twin.uid_unique = false;
	EXPECT_EQ(0, nft_cell_add(self->nft, &twin, NULL));
}

TEST_F(cells, removed_twice_leave_a_successor_of_the_same_id_alone)
{
	struct nft_cell successor = self->cell;

	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	successor.cgroup_id++;
	ASSERT_EQ(0, nft_cell_add(self->nft, &successor, &self->err));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	EXPECT_EQ(0, nft_cell_verify(self->nft, &successor, &self->err));
	EXPECT_EQ(1, nft_id_taken(self->nft, PARENT_ID, self->id, &self->err));
}

TEST_F(cells, that_are_not_governed_are_registered_only)
{
	struct endpoint shut = { AF_INET, SOCK_STREAM, SHUT_PORT };
	struct nft_totals totals;

	self->cell.governed = false;
	self->cell.policy = NULL;
	ASSERT_LE(0, serve(&shut));
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	EXPECT_EQ(0, reach_from(self->leaf, &shut, 0));
	EXPECT_EQ(1, nft_id_taken(self->nft, PARENT_ID, self->id, &self->err));
	EXPECT_EQ(0, nft_cell_count(self->nft, &self->cell, NULL, &totals, &self->err));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	EXPECT_FALSE(table_exists(self->nft));
}

/* @n addresses from 10.0.0.0 on, one rule each; @last: ports from 1 on. */
static int many_rules(unsigned int n, uint16_t last, struct egress_policy *ret)
{
	static struct egress_rule rules[CELLOS_RULES_MAX];
	static struct egress_net nets[CELLOS_RULES_MAX];
	unsigned int i;

	for (i = 0; i < n; i++) {
		nets[i] = (struct egress_net) {
			4, 32, { 10, 0, (uint8_t)(i >> 8), (uint8_t)i }
		};
		rules[i] = (struct egress_rule) { &nets[i], 1, NULL, 1, last, EGRESS_TCP };
	}
	return egress_compile(rules, n, ret, NULL);
}

TEST_F(cells, may_have_a_thousand_rules)
{
	static struct nft_count rules[1000];
	struct egress_policy policy;
	struct nft_totals totals;
	unsigned int left;

	ASSERT_EQ(0, many_rules(1000, 1, &policy));
	ASSERT_EQ(1000, policy.n_keys);
	self->cell.policy = &policy;
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_count(self->nft, &self->cell, rules, &totals, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, &self->err));
	EXPECT_EQ(1005, left);
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	egress_policy_done(&policy);
}

TEST_F(cells, may_have_as_many_keys_as_the_limit_says)
{
	struct egress_policy policy;
	struct nft_cell other;
	unsigned int left;
	char id[32];

	ASSERT_EQ(0, many_rules(CELLOS_KEYS_MAX / 60, 65535, &policy));
	other = test_cell(self->cell.cgroup_id + 1000, 2, id, &self->none);
	self->cell.policy = &policy;
	ASSERT_EQ(0, nft_cell_add(self->nft, &other, &self->err));
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, &self->err));
	EXPECT_EQ(5 + CELLOS_KEYS_MAX / 60 * 60, left);
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, &self->err));
	EXPECT_EQ(0, left);
	egress_policy_done(&policy);
}

/* One IPv4 rule for each of @n tuples, from number @from on. */
static int tuples_policy(unsigned int from, unsigned int n, struct egress_policy *ret)
{
	struct egress_rule rules[CELLOS_TUPLES_MAX];
	struct egress_net nets[CELLOS_TUPLES_MAX];
	struct egress_tuple tuple;
	unsigned int i;
	uint16_t port;

	for (i = 0; i < n; i++) {
		tuple = tuple_at(from + i);
		port = tuple.port_bits ? (uint16_t)(1 << (16 - tuple.port_bits)) : 0;
		nets[i] = (struct egress_net) { .family = 4, .prefix = tuple.prefix };
		rules[i] = (struct egress_rule) {
			&nets[i], 1, NULL, port, port ? (uint16_t)(2 * port - 1) : 0, EGRESS_TCP
		};
	}
	return egress_compile(rules, n, ret, NULL);
}

TEST_F(cells, with_too_many_tuples_together_are_refused)
{
	struct egress_policy full, one;
	struct nft_cell first, second;
	char id[32];

	ASSERT_EQ(0, tuples_policy(0, CELLOS_TUPLES_MAX, &full));
	ASSERT_EQ(0, tuples_policy(CELLOS_TUPLES_MAX, 1, &one));
	first = self->cell;
	first.policy = &full;
	second = test_cell(self->cell.cgroup_id + 1000, 2, id, &one);
	ASSERT_EQ(0, nft_cell_add(self->nft, &first, &self->err));
	EXPECT_EQ(-E2BIG, nft_cell_add(self->nft, &second, &self->err));
	EXPECT_NE(NULL, strstr(self->err.message, "level 2"));
	EXPECT_EQ(0, nft_cell_verify(self->nft, &first, NULL));
	/* Another level has a bound of its own. */
	second.level = 3;
	EXPECT_EQ(0, nft_cell_add(self->nft, &second, NULL));
	egress_policy_done(&full);
	egress_policy_done(&one);
}

TEST_F(cells, get_the_place_of_tuples_that_nobody_uses)
{
	struct nft_cell first = self->cell, second, keeper;
	struct egress_policy full, one;
	char id[32], id3[32];

	ASSERT_EQ(0, tuples_policy(0, CELLOS_TUPLES_MAX, &full));
	ASSERT_EQ(0, tuples_policy(CELLOS_TUPLES_MAX, 1, &one));
	first.policy = &full;
	second = test_cell(self->cell.cgroup_id + 1000, 2, id, &one);
	keeper = test_cell(self->cell.cgroup_id + 2000, 3, id3, &self->none);
	ASSERT_EQ(0, nft_cell_add(self->nft, &keeper, &self->err));
	ASSERT_EQ(0, nft_cell_add(self->nft, &first, &self->err));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &first, &self->err));
	ASSERT_EQ(0, nft_cell_add(self->nft, &second, &self->err));
	ASSERT_EQ(0, nft_cell_verify(self->nft, &second, &self->err));
	ASSERT_EQ(0, ruleset_load(self->nft, &self->err));
	EXPECT_EQ(1, tuple_set_count(&self->nft->rules.level[2].tuples, 4));
	egress_policy_done(&full);
	egress_policy_done(&one);
}

TEST_F(cells, are_readable_by_the_nft_tool)
{
	static const char *const words[] = {
		"table inet cellos", "127.0.0.1 . 7001 counter packets 0", "17 . 127.0.0.1 . 7024",
		"6 . ::1 . 7001", "comment \"cell-1\"", "reject with tcp reset",
		"\t\treject\n", "fib saddr type", "th dport & 65520 @allow2_ip_32_p12 return",
		"socket cgroupv2 level 2 @cells2 jump cell2",
	};
	static char text[65536];
	size_t size;
	FILE *pipe;
	unsigned int i;

	if (access("/usr/sbin/nft", X_OK))
		SKIP(return, "needs the nft tool");
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
	/* -p: protocols as numbers; their names need /etc/protocols. */
	pipe = popen("/usr/sbin/nft -p list ruleset", "re");
	ASSERT_NE(NULL, pipe);
	size = fread(text, 1, sizeof(text) - 1, pipe);
	text[size] = '\0';
	ASSERT_EQ(0, pclose(pipe));
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		EXPECT_NE(NULL, strstr(text, words[i])) {
			TH_LOG("missing: %s", words[i]);
		}
	}
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	pipe = popen("/usr/sbin/nft list ruleset", "re");
	ASSERT_NE(NULL, pipe);
	EXPECT_EQ(EOF, fgetc(pipe));
	EXPECT_EQ(0, pclose(pipe));
}

TEST_HARNESS_MAIN
