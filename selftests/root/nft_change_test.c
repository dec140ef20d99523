// SPDX-License-Identifier: MIT
/*
 * Other rules for a cell in force: what both allow goes on undisturbed, what only
 * the old ones did ends at once, and a change that fails changes nothing.
 */
#include "selftests/harness.h"

#include "selftests/root/nft_fixture.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <sys/mman.h>

#include "nft/elements.h"
#include "selftests/root/nft_net.h"

#define PORT		5000
#define CELL_PORT	4000
#define CHANGES		300

FIXTURE(change) {
	struct scene s;
	struct egress_policy next;
	struct nft *other;	/* another program */
	int udp;		/* the cell's */
};

static const struct allow two_ports[] = {
	{ "127.0.0.1", 32, PORT, PORT, EGRESS_UDP },
	{ "127.0.0.1", 32, PORT + 1, PORT + 1, EGRESS_UDP },
	{ 0 }
};

FIXTURE_SETUP(change)
{
	const char *reason;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, nft_open(&self->other, NULL));
	ASSERT_EQ(0, scene_allow(&self->s, two_ports));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
	self->udp = bound_in(self->s.place.leaf, SOCK_DGRAM, "127.0.0.1", CELL_PORT);
}

FIXTURE_TEARDOWN(change)
{
	nft_close(self->other);
	egress_policy_done(&self->next);
	scene_teardown(&self->s);
}

/* Replaces the rules; those that were become self->next. 0 or -errno. */
static int change_to(FIXTURE_DATA(change) *self, const struct allow *allow)
{
	struct egress_policy old = self->s.policy;
	int r;

	egress_policy_done(&self->next);
	r = allow_policy(allow, &self->next);
	memset(&self->s.err, 0, sizeof(self->s.err));
	if (!r)
		r = nft_cell_replace(self->s.nft, &self->s.cell, &self->next, &self->s.err);
	if (r)
		return r;
	self->s.policy = self->next;
	self->next = old;
	return nft_cell_verify(self->s.nft, &self->s.cell, &self->s.err);
}

/* Sends @n datagrams. Return: 0 or errno. */
static int send_n(const FIXTURE_DATA(change) *self, uint16_t port, unsigned int n)
{
	int r = 0;

	while (!r && n--)
		r = send_to(self->udp, "x", "127.0.0.1", port);
	return r;
}

/* How many packets the rule with this number has allowed; -1: the denied ones. */
static int64_t packets(FIXTURE_DATA(change) *self, int rule)
{
	struct nft_count rules[ALLOWS_MAX];
	struct nft_totals totals;

	if (nft_cell_count(self->s.nft, &self->s.cell, rules, &totals, NULL))
		return -1;
	return (int64_t)(rule < 0 ? totals.denied.packets : rules[rule].packets);
}

TEST_F(change, leaves_kept_rules_their_counters)
{
	const struct allow next[] = {
		two_ports[1],
		{ "127.0.0.1", 32, PORT + 2, PORT + 2, EGRESS_UDP },
		{ 0 }
	};

	ASSERT_EQ(0, send_n(self, PORT, 3));
	ASSERT_EQ(0, send_n(self, PORT + 1, 5));
	EXPECT_EQ(EPERM, send_n(self, PORT + 2, 1));
	ASSERT_EQ(0, change_to(self, next));
	EXPECT_EQ(5, packets(self, 0));
	EXPECT_EQ(0, packets(self, 1));
	EXPECT_EQ(1, packets(self, -1));
	EXPECT_EQ(2, listed_elements(nft_listing("cellos"), "allow2_ip_32_p16"));
	EXPECT_EQ(EPERM, send_n(self, PORT, 1));
	EXPECT_EQ(0, send_n(self, PORT + 1, 1));
	EXPECT_EQ(0, send_n(self, PORT + 2, 2));
	EXPECT_EQ(6, packets(self, 0));
	EXPECT_EQ(2, packets(self, 1));
	EXPECT_EQ(2, packets(self, -1));
	/* What goes and comes back begins at 0. */
	ASSERT_EQ(0, change_to(self, two_ports));
	EXPECT_EQ(0, packets(self, 0));
	EXPECT_EQ(6, packets(self, 1));
}

TEST_F(change, touches_only_the_keys_that_differ)
{
	static const struct allow wide[] = {
		{ "127.0.0.0", 8, PORT, PORT + 2, EGRESS_UDP },
		{ "::", 0, 0, 0, EGRESS_TCP },
		{ 0 }
	};
	static const struct allow narrow[] = {
		{ "127.0.0.0", 8, PORT + 1, PORT + 40, EGRESS_UDP },
		{ 0 }
	};
	static const struct allow none[] = { { 0 } };
	uint32_t gen;

	ASSERT_EQ(0, change_to(self, wide));
	ASSERT_EQ(0, send_n(self, PORT, 1));
	ASSERT_EQ(0, send_n(self, PORT + 1, 2));
	ASSERT_EQ(0, send_n(self, PORT + 2, 3));
	/* One rule of many keys: two of them stay. */
	ASSERT_EQ(0, change_to(self, narrow));
	EXPECT_EQ(2 + 3, packets(self, 0));
	EXPECT_EQ(EPERM, send_n(self, PORT, 1));
	EXPECT_EQ(0, send_n(self, PORT + 40, 1));
	/* The same rules again: nothing is committed. */
	gen = self->s.nft->rules.gen;
	ASSERT_EQ(0, change_to(self, narrow));
	EXPECT_EQ(gen, self->s.nft->rules.gen);
	ASSERT_EQ(0, change_to(self, none));
	EXPECT_EQ(EPERM, send_n(self, PORT + 1, 1));
	ASSERT_EQ(0, change_to(self, two_ports));
	EXPECT_EQ(0, send_n(self, PORT + 1, 1));
}

TEST_F(change, is_made_by_whoever_comes_with_the_rules_in_force)
{
	static const struct allow one[] = {
		{ "127.0.0.1", 32, PORT + 9, PORT + 9, EGRESS_UDP }, { 0 }
	};
	struct nft_cell cell = self->s.cell;

	/* What the other one knows of the table gets old. */
	ASSERT_EQ(0, nft_cell_verify(self->other, &cell, NULL));
	ASSERT_EQ(0, change_to(self, one));
	cell.policy = &self->s.policy;
	ASSERT_EQ(0, nft_cell_replace(self->other, &cell, &self->next, NULL));
	cell.policy = &self->next;
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &cell, NULL));
	EXPECT_EQ(0, send_n(self, PORT, 1));
	EXPECT_EQ(EPERM, send_n(self, PORT + 9, 1));
}

/* ---- while packets flow ---- */

/* What the process that sends and receives has seen; @stop ends it. */
struct flow {
	volatile bool stop;
	volatile unsigned int laps;
	unsigned int lost_out, lost_in, leaked_out, leaked_in;
};

/* PORT is allowed by all rules, PORT + 7 by none. */
static void run_flow(struct flow *flow, int cell, const int peer[2])
{
	const char *words;

	for (; !flow->stop; flow->laps++) {
		flow->leaked_out += !send_to(cell, "never", "127.0.0.1", PORT + 7);
		flow->lost_out += send_to(cell, "kept", "127.0.0.1", PORT) != 0;
		flow->leaked_out += strcmp("EAGAIN", heard(peer[1])) != 0;
		flow->lost_out += strcmp("kept", hear(peer[0])) != 0;
		send_to(peer[1], "never", "127.0.0.1", CELL_PORT);
		send_to(peer[0], "kept", "127.0.0.1", CELL_PORT);
		words = hear(cell);
		flow->leaked_in += !strcmp("never", words);
		flow->lost_in += strcmp("kept", words) != 0;
	}
}

TEST_F(change, is_between_two_packets)
{
	static const struct allow others[][3] = {
		{ { "127.0.0.1", 32, PORT, PORT, EGRESS_UDP } },
		{ { "127.0.0.1", 32, PORT, PORT, EGRESS_UDP },
		  { "127.0.0.1", 32, PORT + 1, PORT + 6, EGRESS_UDP | EGRESS_TCP } },
		{ { "127.0.0.1", 32, PORT, PORT, EGRESS_UDP },
		  { "10.0.0.0", 9, 0, 0, EGRESS_UDP } },
	};
	const int peer[] = {
		bound_in(NULL, SOCK_DGRAM, "127.0.0.1", PORT),
		bound_in(NULL, SOCK_DGRAM, "127.0.0.1", PORT + 7),
	};
	struct flow *flow = mmap(NULL, sizeof(*flow), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int i;
	cpu_set_t all;
	int status;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, flow);
	pid = fork();
	if (!pid) {
		memset(&all, 0xff, sizeof(all));
		sched_setaffinity(0, sizeof(all), &all);
		run_flow(flow, self->udp, peer);
		_exit(0);
	}
	for (i = 0; i < CHANGES || flow->laps < CHANGES; i++)
		if (change_to(self, others[i % ARRAY_SIZE(others)]))
			break;
	flow->stop = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_LE(CHANGES, i) {
		TH_LOG("change %u: %s", i, self->s.err.message);
	}
	EXPECT_EQ(0, flow->lost_out);
	EXPECT_EQ(0, flow->lost_in);
	EXPECT_EQ(0, flow->leaked_out);
	EXPECT_EQ(0, flow->leaked_in);
}

/* ---- changes that fail ---- */

/* Another program's element, for the cell's cgroup. */
static int put_foreign(FIXTURE_DATA(change) *self, const struct allow *allow, unsigned int type)
{
	struct egress_policy policy;
	struct nft_cell cell = self->s.cell;
	struct element_list list;
	struct batch batch;
	int r;

	if (allow_policy(allow, &policy) || ruleset_load(self->other, NULL))
		return -1;
	cell.policy = &policy;
	list = policy_elements(&cell);
	conn_begin(&self->other->conn, self->other->rules.gen);
	elements_put(self->other, &list, NULL, type, NLM_F_CREATE);
	r = conn_commit(&self->other->conn, &batch, NULL);
	egress_policy_done(&policy);
	return r;
}

static const struct allow foreign[] = {
	{ "127.0.0.1", 32, PORT + 5, PORT + 5, EGRESS_UDP }, { 0 }
};

static const struct allow with_foreign[] = {
	{ "127.0.0.1", 32, PORT + 1, PORT + 1, EGRESS_UDP },
	{ "127.0.0.1", 32, PORT + 4, PORT + 4, EGRESS_UDP },
	{ "127.0.0.1", 32, PORT + 5, PORT + 5, EGRESS_UDP },
	{ "127.0.0.1", 32, PORT + 6, PORT + 6, EGRESS_UDP },
	{ 0 }
};

TEST_F(change, that_fails_names_the_rule_and_changes_nothing)
{
	ASSERT_EQ(0, send_n(self, PORT, 3));
	ASSERT_EQ(0, put_foreign(self, foreign, NFT_MSG_NEWSETELEM));
	EXPECT_EQ(-EUCLEAN, change_to(self, with_foreign));
	/* Before 6.2 the kernel does not say which element of many it refuses. */
	if (self->s.err.field[0])
		EXPECT_STREQ("/spec/authority/egressRules/2", self->s.err.field);
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(0, send_n(self, PORT, 1));
	EXPECT_EQ(4, packets(self, 0));
	EXPECT_EQ(EPERM, send_n(self, PORT + 4, 1));
	EXPECT_EQ(EPERM, send_n(self, PORT + 6, 1));
	ASSERT_EQ(0, put_foreign(self, foreign, NFT_MSG_DELSETELEM));
	ASSERT_EQ(0, change_to(self, with_foreign));
	EXPECT_EQ(0, send_n(self, PORT + 5, 1));
	EXPECT_EQ(EPERM, send_n(self, PORT, 1));
}

/* A rule with its elements in a message of their own: any kernel says enough. */
TEST_F(change, that_fails_names_a_rule_that_stands_alone)
{
	static const struct allow next[] = {
		{ "127.0.0.1", 32, PORT, PORT, EGRESS_UDP },
		{ "127.0.0.0", 8, PORT, PORT, EGRESS_UDP },
		{ 0 }
	};

	ASSERT_EQ(0, change_to(self, next));
	ASSERT_EQ(0, change_to(self, two_ports));
	ASSERT_EQ(0, put_foreign(self, next + 1, NFT_MSG_NEWSETELEM));
	EXPECT_EQ(-EUCLEAN, change_to(self, next));
	EXPECT_STREQ("/spec/authority/egressRules/1", self->s.err.field);
}

/* Four prefix lengths from @prefix on, with each port mask: 20 tuples. */
static void fill(struct allow many[21], unsigned int prefix)
{
	static const uint16_t last[] = { 0, 4096, 4096 + 15, 4096 + 255, 8191 };
	unsigned int i;

	for (i = 0; i < 20; i++)
		many[i] = (struct allow) {
			"0.0.0.0", (uint8_t)(prefix + i / 5 * 4), i % 5 ? 4096 : 0, last[i % 5],
			EGRESS_TCP
		};
	many[i] = (struct allow) { 0 };
}

/* So does a cell that cannot begin with its rules. */
TEST_F(change, from_nothing_names_the_rule_and_leaves_nothing)
{
	struct nft_cell neighbour;
	unsigned int left;
	char id[32];

	neighbour = test_cell(self->s.cell.cgroup_id + 1000, 2, id, &self->s.policy);
	ASSERT_EQ(0, nft_cell_add(self->other, &neighbour, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	ASSERT_EQ(0, put_foreign(self, two_ports + 1, NFT_MSG_NEWSETELEM));
	EXPECT_EQ(-EUCLEAN, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
	if (self->s.err.field[0])
		EXPECT_STREQ("/spec/authority/egressRules/1", self->s.err.field);
	EXPECT_NE('\0', self->s.err.hint[0]);
	ASSERT_EQ(0, put_foreign(self, two_ports + 1, NFT_MSG_DELSETELEM));
	ASSERT_EQ(0, nft_cell_left(self->s.nft, &self->s.cell, &left, NULL));
	EXPECT_EQ(0, left);
	EXPECT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
}

TEST_F(change, to_more_tuples_than_fit_is_refused)
{
	struct egress_policy policy;
	struct nft_cell neighbour;
	struct allow many[21];
	char id[32];

	fill(many, 4);
	ASSERT_EQ(0, allow_policy(many, &policy));
	neighbour = test_cell(self->s.cell.cgroup_id + 1000, 2, id, &policy);
	ASSERT_EQ(0, nft_cell_add(self->other, &neighbour, &self->s.err));
	fill(many, 20);
	EXPECT_EQ(-E2BIG, change_to(self, many));
	EXPECT_NE(NULL, strstr(self->s.err.message, "level 2"));
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(0, send_n(self, PORT, 1));
	/* Alone it may have them. */
	ASSERT_EQ(0, nft_cell_remove(self->other, &neighbour, NULL));
	EXPECT_EQ(0, change_to(self, many));
	egress_policy_done(&policy);
}

TEST_F(change, of_what_is_not_there_is_refused)
{
	const struct allow one[] = { two_ports[1], { 0 } };

	ASSERT_EQ(0, put_foreign(self, two_ports, NFT_MSG_DELSETELEM));
	EXPECT_EQ(-EUCLEAN, change_to(self, one));
	EXPECT_EQ(EPERM, send_n(self, PORT + 1, 1));
	ASSERT_EQ(0, nft_cell_remove(self->other, &self->s.cell, NULL));
	EXPECT_EQ(-EUCLEAN, change_to(self, one));
	EXPECT_EQ(NULL, nft_listing("cellos"));
}

TEST_HARNESS_MAIN
