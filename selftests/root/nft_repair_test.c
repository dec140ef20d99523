// SPDX-License-Identifier: MIT
/*
 * The cells' table after another program's hands were in it: what is put right,
 * and what is said of the rest.
 */
#include "selftests/harness.h"

#include "selftests/root/nft_fixture.h"

#include <linux/netfilter/nf_tables.h>

#include "nft/elements.h"
#include "nft/remove.h"
#include "selftests/root/nft_net.h"

#define PORT		5000
#define FIND_LAPS	40

FIXTURE(repair) {
	struct scene s;
	struct nft *other;	/* another program */
	struct nft_cell exempt;
};

FIXTURE_SETUP(repair)
{
	static const struct allow allow[] = {
		{ "127.0.0.1", 32, PORT, PORT, EGRESS_UDP },
		{ "127.64.0.0", 10, 7000, 7100, EGRESS_TCP | EGRESS_UDP },
		{ "2001:db8::", 33, 0, 0, EGRESS_TCP },
		{ "::1", 128, 4096, 8191, EGRESS_UDP },
		{ 0 }
	};
	const char *reason;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, scene_allow(&self->s, allow));
	ASSERT_EQ(0, nft_open(&self->other, NULL));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
	self->exempt = self->s.cell;
	self->exempt.cgroup_id += 1000;
	self->exempt.id = "exempt";
	self->exempt.uid_unique = self->exempt.governed = false;
	self->exempt.policy = NULL;
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->exempt, &self->s.err));
}

FIXTURE_TEARDOWN(repair)
{
	nft_close(self->other);
	scene_teardown(&self->s);
}

/* Are the rules in force, outbound and inbound? */
static bool in_force(FIXTURE_DATA(repair) *self)
{
	int fd = bound_in(self->s.place.leaf, SOCK_DGRAM, "127.0.0.1", 0);
	int stray = socket_in(self->s.place.folder, AF_INET, SOCK_DGRAM, 0);
	int known = bound_in(NULL, SOCK_DGRAM, "127.0.0.1", PORT);
	int stranger = bound_in(NULL, SOCK_DGRAM, "127.0.0.1", PORT + 1);
	struct address at = { .size = sizeof(at.v4) };
	bool ok;

	if (getsockname(fd, &at.any, &at.size))
		return false;
	send_to(stranger, "stranger", "127.0.0.1", ntohs(at.v4.sin_port));
	send_to(known, "known", "127.0.0.1", ntohs(at.v4.sin_port));
	settle();
	ok = !send_to(fd, "out", "127.0.0.1", PORT) &&
	     send_to(fd, "out", "127.0.0.1", PORT + 1) == EPERM &&
	     send_to(stray, "out", "127.0.0.1", PORT) == EPERM &&
	     !strcmp("known", heard(fd)) && !strcmp("EAGAIN", heard(fd));
	close(fd);
	close(stray);
	close(known);
	close(stranger);
	return ok;
}

/* ---- the keys ---- */

static bool same_keys(const struct egress_policy *a, const struct egress_policy *b)
{
	unsigned int i;

	for (i = 0; i < a->n_keys && i < b->n_keys; i++)
		if (key_compare(&a->keys[i], &b->keys[i]))
			return false;
	return a->n_keys == b->n_keys;
}

/* 30 networks with many ports: about 2,000 keys. */
static int many_keys(struct egress_policy *ret)
{
	struct allow allow[ALLOWS_MAX] = { { 0 } };
	char host[30][16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(host); i++) {
		snprintf(host[i], sizeof(host[i]), "10.0.%u.0", i);
		allow[i] = (struct allow) { host[i], 24, 1, 1023, EGRESS_TCP | EGRESS_UDP };
	}
	return allow_policy(allow, ret);
}

TEST_F(repair, finds_the_keys_in_force)
{
	const unsigned int all = self->s.policy.n_keys;
	struct egress_policy found, many;
	struct nft_cell neighbour;
	unsigned int lap;
	char id[32];

	ASSERT_EQ(0, many_keys(&many));
	ASSERT_LT(1900, many.n_keys);
	neighbour = test_cell(self->s.cell.cgroup_id + 2000, 2, id, &many);
	/* Sets that have just grown are the hardest to read. */
	for (lap = 0; lap < FIND_LAPS; lap++) {
		ASSERT_EQ(0, nft_cell_remove(self->s.nft, &neighbour, NULL));
		ASSERT_EQ(0, nft_cell_add(self->s.nft, &neighbour, &self->s.err));
		ASSERT_EQ(0, nft_cell_found(self->s.nft, &neighbour, &found, &self->s.err));
		EXPECT_TRUE(same_keys(&many, &found));
		EXPECT_EQ(0, found.n_rules);
		EXPECT_STREQ("", found.reprs);
		egress_policy_done(&found);
	}
	ASSERT_EQ(0, nft_cell_found(self->s.nft, &self->s.cell, &found, &self->s.err));
	EXPECT_TRUE(same_keys(&self->s.policy, &found));
	egress_policy_done(&found);
	/* What a change that nobody wrote down left in force. */
	self->s.policy.n_keys -= 2;
	ASSERT_EQ(0, nft_cell_replace(self->other, &neighbour, &self->s.policy, NULL));
	ASSERT_EQ(0, nft_cell_found(self->s.nft, &neighbour, &found, &self->s.err));
	EXPECT_EQ(all - 2, found.n_keys);
	EXPECT_TRUE(same_keys(&self->s.policy, &found));
	egress_policy_done(&found);
	self->s.policy.n_keys = all;
	/* Without cell, level, table: none. */
	neighbour.level = 5;
	ASSERT_EQ(0, nft_cell_found(self->s.nft, &neighbour, &found, &self->s.err));
	EXPECT_EQ(0, found.n_keys);
	egress_policy_done(&found);
	ASSERT_TRUE(nft_does("delete table inet cellos"));
	ASSERT_EQ(0, nft_cell_found(self->s.nft, &self->s.cell, &found, &self->s.err));
	EXPECT_EQ(0, found.n_keys);
	egress_policy_done(&found);
	egress_policy_done(&many);
}

/* ---- elements ---- */

static int delete_element(struct nft *other, struct element_list list, unsigned int i)
{
	struct element_mask mask = { 0 };
	const struct selection what = { list, &mask };

	element_mask_add(&mask, i);
	return ruleset_load(other, NULL) ? :
	       elements_delete(other, &what, 1, other->rules.gen, NULL);
}

TEST_F(repair, puts_back_any_one_element)
{
	struct element_list lists[] = {
		cell_elements(self->other, &self->s.cell),
		parent_elements(self->other, &self->s.cell),
	};
	unsigned int k, i;

	EXPECT_EQ(0, nft_cell_restore(self->s.nft, &self->s.cell, &self->s.err));
	for (k = 0; k < ARRAY_SIZE(lists); k++) {
		for (i = 0; i < lists[k].n; i++) {
			ASSERT_EQ(0, delete_element(self->other, lists[k], i));
			EXPECT_EQ(-EUCLEAN, nft_cell_verify(self->s.nft, &self->s.cell, NULL));
			EXPECT_EQ(1, nft_cell_restore(self->s.nft, &self->s.cell, &self->s.err));
			EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, NULL));
		}
	}
	EXPECT_EQ(0, nft_cell_restore(self->s.nft, &self->s.cell, NULL));
	EXPECT_TRUE(in_force(self));
	lists[0] = cell_elements(self->other, &self->exempt);
	for (i = 0; i < lists[0].n; i++) {
		ASSERT_EQ(0, delete_element(self->other, lists[0], i));
		EXPECT_EQ(1, nft_cell_restore(self->s.nft, &self->exempt, &self->s.err));
	}
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->exempt, NULL));
}

TEST_F(repair, puts_back_all_of_a_set)
{
	const int all = (int)cell_elements(self->other, &self->s.cell).n + 2;

	ASSERT_TRUE(in_force(self));
	ASSERT_TRUE(nft_does("flush set inet cellos allow2_ip_32_p16"));
	EXPECT_FALSE(in_force(self));
	EXPECT_EQ(1, nft_cell_restore(self->s.nft, &self->s.cell, &self->s.err));
	EXPECT_TRUE(in_force(self));
	/* With the table, everything. */
	ASSERT_TRUE(nft_does("delete table inet cellos"));
	EXPECT_FALSE(in_force(self));
	EXPECT_LE(all, nft_cell_restore(self->s.nft, &self->s.cell, &self->s.err));
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, &self->s.err));
	EXPECT_TRUE(in_force(self));
	EXPECT_LT(0, nft_cell_restore(self->s.nft, &self->exempt, &self->s.err));
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->exempt, NULL));
	EXPECT_EQ(0, nft_cell_restore(self->s.nft, &self->s.cell, NULL));
}

/* ---- chains and rules ---- */

/* Commits of anybody since the start; each makes one generation. */
static uint32_t generation(struct nft *nft)
{
	uint32_t gen = 0;

	table_find(nft, &gen, NULL);
	return gen;
}

static void expect_repair(struct __test_metadata *_metadata, FIXTURE_DATA(repair) *self,
			  const char *damage)
{
	uint32_t gen;

	ASSERT_TRUE(nft_does(damage)) {
		TH_LOG("nft '%s'", damage);
	}
	EXPECT_EQ(-EUCLEAN, nft_cell_verify(self->s.nft, &self->s.cell, NULL)) {
		TH_LOG("nft '%s'", damage);
	}
	gen = generation(self->other);
	memset(&self->s.err, 0, sizeof(self->s.err));
	EXPECT_EQ(1, nft_repair(self->s.nft, &self->s.err)) {
		TH_LOG("nft '%s': %s", damage, self->s.err.message);
	}
	EXPECT_EQ(gen + 1, generation(self->other));
	EXPECT_EQ(0, nft_repair(self->s.nft, &self->s.err));
	EXPECT_EQ(gen + 1, generation(self->other));
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, NULL));
	EXPECT_TRUE(in_force(self)) {
		TH_LOG("nft '%s'", damage);
	}
}

static bool is_base(const char *chain)
{
	return !strcmp(chain, "output") || !strcmp(chain, "input");
}

/* Each chain of the table in turn, as nft(8) names them. */
TEST_F(repair, puts_any_chain_right)
{
	static const char *const damages[][2] = {
		{ "insert rule", "accept" },
		{ "add rule", "accept" },
		{ "insert rule", "meta l4proto udp counter accept" },
		{ "flush chain", "" },
	};
	json_t *listing = nft_listing("cellos"), *entry;
	const char *chain;
	char damage[256];
	unsigned int i, n = 0;
	size_t k;

	json_array_foreach(listing, k, entry) {
		chain = json_string_value(json_object_get(json_object_get(entry, "chain"), "name"));
		if (!chain)
			continue;
		n++;
		for (i = 0; i < ARRAY_SIZE(damages); i++) {
			snprintf(damage, sizeof(damage), "%s inet cellos %s %s", damages[i][0],
				 chain, damages[i][1]);
			expect_repair(_metadata, self, damage);
		}
		/* Nothing may jump to a chain that goes. */
		snprintf(damage, sizeof(damage),
			 "flush table inet cellos; delete chain inet cellos %s", chain);
		expect_repair(_metadata, self, damage);
		snprintf(damage, sizeof(damage), "chain inet cellos %s { policy drop; }", chain);
		if (is_base(chain))
			expect_repair(_metadata, self, damage);
	}
	EXPECT_LE(10, n);
}

TEST_F(repair, wakes_a_dormant_table)
{
	expect_repair(_metadata, self, "add table inet cellos { flags dormant; }");
	expect_repair(_metadata, self, "flush table inet cellos");
}

TEST_F(repair, keeps_the_counters)
{
	struct nft_count rules[ALLOWS_MAX];
	struct nft_totals totals;

	ASSERT_TRUE(in_force(self));
	expect_repair(_metadata, self, "flush table inet cellos");
	ASSERT_EQ(0, nft_cell_count(self->s.nft, &self->s.cell, rules, &totals, NULL));
	EXPECT_EQ(2, rules[0].packets);
	EXPECT_EQ(2, totals.denied.packets);
	EXPECT_EQ(2, totals.refused.packets);
}

/* The set comes back with the repair, and what was in it with the restoration. */
TEST_F(repair, makes_a_lost_set_again)
{
	static const char *const sets[] = { "cells2", "denied2", "allow2_ip_32_p16" };
	char damage[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		snprintf(damage, sizeof(damage),
			 "flush table inet cellos; delete set inet cellos %s", sets[i]);
		ASSERT_TRUE(nft_does(damage));
		EXPECT_EQ(1, nft_repair(self->s.nft, &self->s.err));
		EXPECT_EQ(0, nft_repair(self->s.nft, &self->s.err));
		EXPECT_LE(1, nft_cell_restore(self->s.nft, &self->s.cell, &self->s.err));
		EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, &self->s.err));
		EXPECT_TRUE(in_force(self));
	}
}

TEST_F(repair, says_what_cannot_be_put_right)
{
	static const char *const damages[][2] = {
		{ "flush table inet cellos; delete set inet cellos exempt2;"
		  "add set inet cellos exempt2 { type ipv4_addr; }", "exempt2" },
		{ "flush table inet cellos; delete set inet cellos cells2;"
		  "add set inet cellos cells2 { type inet_service; }", "cells2" },
		{ "flush table inet cellos; delete chain inet cellos output;"
		  "add chain inet cellos output", "output" },
		{ "flush table inet cellos; delete chain inet cellos input;"
		  "add chain inet cellos input { type filter hook input priority 10; }", "input" },
	};
	unsigned int i;
	uint32_t gen;

	for (i = 0; i < ARRAY_SIZE(damages); i++) {
		ASSERT_TRUE(nft_does(damages[i][0]));
		gen = generation(self->other);
		memset(&self->s.err, 0, sizeof(self->s.err));
		EXPECT_EQ(-EUCLEAN, nft_repair(self->s.nft, &self->s.err)) {
			TH_LOG("nft '%s'", damages[i][0]);
		}
		EXPECT_NE(NULL, strstr(self->s.err.message, damages[i][1])) {
			TH_LOG("%s", self->s.err.message);
		}
		EXPECT_NE(NULL, strstr(self->s.err.message, "cannot be put right: "));
		EXPECT_NE('\0', self->s.err.hint[0]);
		EXPECT_EQ(gen, generation(self->other));
		/* The remedy of the hint, and then the cells again. */
		ASSERT_TRUE(nft_does("delete table inet cellos"));
		EXPECT_EQ(0, nft_repair(self->s.nft, NULL));
		EXPECT_LT(0, nft_cell_restore(self->s.nft, &self->s.cell, NULL));
		EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, NULL));
	}
}

TEST_HARNESS_MAIN
