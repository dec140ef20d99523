// SPDX-License-Identifier: MIT
/* The cells' table among other programs: tampered with, raced for, swept. */
#include "selftests/harness.h"
#include "selftests/laps.h"

#include "selftests/root/nft_fixture.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "nft/elements.h"
#include "nft/expr.h"
#include "nft/remove.h"
#include "nft/ruleset.h"

#define RACERS	2
#define LAPS	500
#define CROWD	laps(200)

FIXTURE(tables) {
	struct nft *nft;
	struct nft *other;	/* another program */
	struct error err;
	struct egress_policy policy;
	struct nft_cell cell;
	char id[32];
};

FIXTURE_SETUP(tables)
{
	struct egress_net v4 = loopback_net(AF_INET), v6 = loopback_net(AF_INET6);
	const struct egress_rule rules[] = {
		{ &v4, 1, NULL, 443, 443, EGRESS_TCP },
		{ &v6, 1, NULL, 0, 0, EGRESS_UDP },
	};

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, egress_compile(rules, ARRAY_SIZE(rules), &self->policy, &self->err));
	ASSERT_EQ(0, nft_open(&self->nft, &self->err));
	ASSERT_EQ(0, nft_open(&self->other, &self->err));
	/* No such cgroup: nothing here needs sockets in it. */
	self->cell = test_cell(1000000, 1, self->id, &self->policy);
	ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err));
}

FIXTURE_TEARDOWN(tables)
{
	nft_close(self->nft);
	nft_close(self->other);
	egress_policy_done(&self->policy);
}

/* Commits what is in the other program's buffer behind the batch header. */
static int commit(struct nft *other)
{
	struct batch batch;

	return conn_commit(&other->conn, &batch, NULL);
}

static int begin(struct nft *other)
{
	int r = ruleset_load(other, NULL);

	conn_begin(&other->conn, other->rules.gen);
	return r;
}

/* A cell must neither be added under, nor verified against, such a table. */
static void expect_unclean(struct __test_metadata *_metadata, FIXTURE_DATA(tables) *self,
			   const char *word)
{
	struct nft_cell next;
	unsigned int left;
	char id[32];

	next = test_cell(1000001, 2, id, &self->policy);
	EXPECT_EQ(-EUCLEAN, nft_cell_verify(self->nft, &self->cell, &self->err));
	EXPECT_NE(NULL, strstr(self->err.message, word)) {
		TH_LOG("message: %s", self->err.message);
	}
	EXPECT_NE('\0', self->err.hint[0]);
	EXPECT_EQ(-EUCLEAN, nft_cell_add(self->nft, &next, NULL));
	ASSERT_EQ(0, nft_cell_left(self->nft, &next, &left, NULL));
	EXPECT_EQ(0, left);
	/* It can be taken down all the same, and the table with it. */
	EXPECT_EQ(0, nft_cell_remove(self->nft, &self->cell, NULL));
	EXPECT_EQ(0, nft_cell_add(self->nft, &next, NULL));
	EXPECT_EQ(0, nft_cell_verify(self->nft, &next, NULL));
}

static void put_accept(struct nft *other, const char *chain, unsigned int flags)
{
	struct message *m = &other->conn.out;
	struct nlattr *list;

	message_begin(m, NFT_MSG_NEWRULE, NLM_F_CREATE | flags);
	message_put_str(m, NFTA_RULE_TABLE, "cellos");
	message_put_str(m, NFTA_RULE_CHAIN, chain);
	list = message_nest(m, NFTA_RULE_EXPRESSIONS);
	expr_verdict(m, NF_ACCEPT, NULL);
	message_nest_end(m, list);
}

TEST_F(tables, with_a_foreign_accept_before_the_jumps_are_refused)
{
	ASSERT_EQ(0, begin(self->other));
	put_accept(self->other, "output", 0);
	ASSERT_EQ(0, commit(self->other));
	expect_unclean(_metadata, self, "chain output");
}

TEST_F(tables, with_a_foreign_accept_in_a_cells_chain_are_refused)
{
	ASSERT_EQ(0, begin(self->other));
	put_accept(self->other, "cell2", 0);
	ASSERT_EQ(0, commit(self->other));
	expect_unclean(_metadata, self, "chain cell2");
}

TEST_F(tables, with_a_foreign_rule_behind_ours_are_refused)
{
	ASSERT_EQ(0, begin(self->other));
	put_accept(self->other, "cell2", NLM_F_APPEND);
	ASSERT_EQ(0, commit(self->other));
	expect_unclean(_metadata, self, "chain cell2");
}

static void put_flush(struct nft *other, const char *chain)
{
	struct message *m = &other->conn.out;

	message_begin(m, NFT_MSG_DELRULE, 0);
	message_put_str(m, NFTA_RULE_TABLE, "cellos");
	message_put_str(m, NFTA_RULE_CHAIN, chain);
}

TEST_F(tables, with_a_flushed_base_chain_are_refused)
{
	ASSERT_EQ(0, begin(self->other));
	put_flush(self->other, "output");
	ASSERT_EQ(0, commit(self->other));
	expect_unclean(_metadata, self, "output");
}

TEST_F(tables, with_a_flushed_chain_of_a_level_are_refused)
{
	ASSERT_EQ(0, begin(self->other));
	put_flush(self->other, "cell2");
	ASSERT_EQ(0, commit(self->other));
	expect_unclean(_metadata, self, "cell2");
}

/* Each chain in turn is left without its last rule: what rejects, jumps, or counts. */
TEST_F(tables, with_the_last_rule_of_a_chain_gone_are_refused)
{
	static const enum chain_kind kinds[] = {
		CHAIN_OUTPUT, CHAIN_INPUT, CHAIN_REJECT, CHAIN_CELL, CHAIN_V6CELL, CHAIN_DENY,
		CHAIN_PEER, CHAIN_QUOTED, CHAIN_REFUSE, CHAIN_GUARD,
	};
	struct rule rule, next;
	unsigned int i, k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct chain_id chain = { kinds[k], kinds[k] < CHAIN_CELL ? 0 : 2 };
		struct name name = chain_name(&chain);

		ASSERT_EQ(0, begin(self->other));
		put_flush(self->other, name.text);
		ASSERT_TRUE(chain_rule(self->other, &chain, 0, &rule));
		for (i = 1; chain_rule(self->other, &chain, i, &next); i++) {
			ruleset_put_rule(&self->other->conn.out, self->other, &chain, &rule,
					 NLM_F_CREATE | NLM_F_APPEND);
			rule = next;
		}
		ASSERT_EQ(0, commit(self->other));
		memset(&self->err, 0, sizeof(self->err));
		EXPECT_EQ(-EUCLEAN, nft_cell_verify(self->nft, &self->cell, &self->err));
		EXPECT_NE(NULL, strstr(self->err.message, name.text)) {
			TH_LOG("message: %s", self->err.message);
		}
		EXPECT_EQ(1, nft_repair(self->nft, NULL));
		EXPECT_EQ(0, nft_cell_verify(self->nft, &self->cell, NULL));
	}
}

TEST_F(tables, that_are_dormant_are_refused)
{
	ASSERT_EQ(0, begin(self->other));
	self->other->table_flags = NFT_TABLE_F_DORMANT;
	ruleset_put_table(&self->other->conn.out, self->other, 0);
	ASSERT_EQ(0, commit(self->other));
	self->other->table_flags = 0;
	expect_unclean(_metadata, self, "flags");
}

TEST_F(tables, whose_base_chain_drops_are_refused)
{
	struct message *m = &self->other->conn.out;

	ASSERT_EQ(0, begin(self->other));
	message_begin(m, NFT_MSG_NEWCHAIN, 0);
	message_put_str(m, NFTA_CHAIN_TABLE, "cellos");
	message_put_str(m, NFTA_CHAIN_NAME, "output");
	message_put_be32(m, NFTA_CHAIN_POLICY, NF_DROP);
	ASSERT_EQ(0, commit(self->other));
	expect_unclean(_metadata, self, "chain output");
}

TEST_F(tables, of_others_with_the_same_name_are_refused)
{
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, begin(self->other));
	ruleset_put_table(&self->other->conn.out, self->other, NLM_F_CREATE);
	ASSERT_EQ(0, commit(self->other));
	EXPECT_EQ(-EUCLEAN, nft_cell_add(self->nft, &self->cell, &self->err));
}

/* Each element of the cell in turn is deleted by another program. */
TEST_F(tables, without_any_one_element_fail_verification)
{
	struct element_list elements = cell_elements(self->nft, &self->cell);
	struct element_mask mask;
	const struct selection what = { elements, &mask };
	unsigned int i, left;

	for (i = 0; i < elements.n; i++) {
		ASSERT_EQ(0, begin(self->other));
		mask = (struct element_mask) { 0 };
		element_mask_add(&mask, i);
		ASSERT_EQ(0, elements_delete(self->other, &what, 1, self->other->rules.gen, NULL));
		EXPECT_EQ(-EUCLEAN, nft_cell_verify(self->nft, &self->cell, NULL));
		ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, NULL));
		EXPECT_EQ(elements.n - 1, left);
		ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err)) {
			TH_LOG("element %u: %s", i, self->err.message);
		}
		ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, NULL));
		EXPECT_EQ(0, left);
		ASSERT_EQ(0, nft_cell_add(self->nft, &self->cell, &self->err)) {
			TH_LOG("element %u: %s", i, self->err.message);
		}
		ASSERT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	}
}

/* One program of a race. Return: 0, or the lap that failed. */
static int race(unsigned int number, unsigned int laps, const struct egress_policy *policy)
{
	struct error err = { 0 };
	struct nft_cell cell;
	unsigned int i, n;
	struct nft *nft;
	char id[32];

	if (nft_open(&nft, &err))
		return 1;
	for (i = 0; i < laps; i++) {
		n = 1000 + number * laps + i;
		cell = test_cell(2000000 + n, n, id, policy);
		if (nft_cell_add(nft, &cell, &err) || nft_cell_verify(nft, &cell, &err) ||
		    nft_cell_remove(nft, &cell, &err)) {
			fprintf(stderr, "# racer %u, lap %u: %s\n", number, i, err.message);
			break;
		}
	}
	nft_close(nft);
	return i < laps;
}

/* Return: how many racers failed. */
static int run_race(unsigned int racers, unsigned int laps, const struct egress_policy *policy)
{
	int gate[2], status, failed = 0;
	unsigned int i;
	char byte;

	if (pipe2(gate, O_CLOEXEC))
		return -1;
	for (i = 0; i < racers; i++) {
		if (fork())
			continue;
		/* All wait for the end of the pipe, so all start at once. */
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) || race(i, laps, policy));
	}
	close(gate[0]);
	close(gate[1]);
	for (i = 0; i < racers; i++)
		failed += wait(&status) < 0 || status;
	return failed;
}

TEST_F(tables, survive_two_programs_that_come_and_go)
{
	/* With a cell that stays, and with the table itself coming and going. */
	EXPECT_EQ(0, run_race(RACERS, LAPS, &self->policy));
	EXPECT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	EXPECT_EQ(0, run_race(RACERS, LAPS, &self->policy));
	ASSERT_EQ(0, ruleset_load(self->nft, &self->err));
	EXPECT_FALSE(self->nft->rules.table);
}

TEST_F(tables, survive_two_hundred_programs_at_once)
{
	EXPECT_EQ(0, run_race(CROWD, 1, &self->policy));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &self->cell, &self->err));
	EXPECT_EQ(0, run_race(CROWD, 1, &self->policy));
	ASSERT_EQ(0, ruleset_load(self->nft, &self->err));
	EXPECT_FALSE(self->nft->rules.table);
}

TEST_F(tables, give_an_id_to_one_of_many_only)
{
	struct nft_cell cell = self->cell;
	int status, winners = 0, losers = 0;
	struct error err = { 0 };
	struct nft *nft;
	unsigned int i;

	cell.id = "wanted";
	cell.uid_unique = false;
	for (i = 0; i < 20; i++) {
		if (fork())
			continue;
		cell.cgroup_id = 3000000 + i;
		if (nft_open(&nft, &err))
			_exit(2);
		switch (nft_cell_add(nft, &cell, &err)) {
		case 0:
			_exit(0);
		case -EEXIST:
			_exit(1);
		default:
			_exit(2);
		}
	}
	for (i = 0; i < 20 && wait(&status) > 0; i++) {
		winners += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		losers += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	EXPECT_EQ(1, winners);
	EXPECT_EQ(19, losers);
}

struct living {
	uint64_t cgroup_id;
	unsigned int asked;
};

static bool exists(uint64_t cgroup_id, void *arg)
{
	struct living *living = arg;

	living->asked++;
	return cgroup_id == living->cgroup_id || (living->cgroup_id && cgroup_id == PARENT_ID);
}

TEST_F(tables, are_swept_of_orphans_only)
{
	struct living living = { .cgroup_id = self->cell.cgroup_id };
	unsigned int i, removed, left;
	struct nft_cell orphan;
	char id[32];

	for (i = 0; i < 100; i++) {
		orphan = test_cell(4000000 + i, 10 + i, id, &self->policy);
		orphan.level = 1 + i % 3;
		ASSERT_EQ(0, nft_cell_add(self->other, &orphan, &self->err));
	}
	ASSERT_EQ(0, nft_sweep(self->nft, exists, &living, &removed, &self->err));
	EXPECT_EQ(100 * (5 + self->policy.n_keys), removed);
	EXPECT_EQ(102, living.asked);
	ASSERT_EQ(0, nft_cell_left(self->nft, &orphan, &left, &self->err));
	EXPECT_EQ(0, left);
	EXPECT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	/* The levels that have no cell any more went, too. */
	ASSERT_EQ(0, ruleset_load(self->nft, &self->err));
	EXPECT_EQ(0, self->nft->rules.level[1].sets);
	EXPECT_NE(0, self->nft->rules.level[2].sets);
	EXPECT_EQ(0, self->nft->rules.level[3].sets);
	ASSERT_EQ(0, nft_sweep(self->nft, exists, &living, &removed, &self->err));
	EXPECT_EQ(0, removed);
	living.cgroup_id = 0;
	ASSERT_EQ(0, nft_sweep(self->nft, exists, &living, &removed, &self->err));
	EXPECT_EQ(5 + self->policy.n_keys + 2, removed);
	ASSERT_EQ(0, ruleset_load(self->nft, &self->err));
	EXPECT_FALSE(self->nft->rules.table);
	ASSERT_EQ(0, nft_sweep(self->nft, exists, &living, &removed, &self->err));
	EXPECT_EQ(0, removed);
}

/* Somebody emptied ids: the last cell that it knows must not take the table. */
TEST_F(tables, stay_while_any_set_of_cells_has_another)
{
	struct element_list elements = cell_elements(self->nft, &self->cell);
	struct element_mask mask = { 0 };
	const struct selection what = { elements, &mask };
	struct nft_cell next;
	unsigned int left;
	char id[32];

	next = test_cell(1000001, 2, id, &self->policy);
	ASSERT_EQ(0, nft_cell_add(self->nft, &next, &self->err));
	ASSERT_EQ(0, begin(self->other));
	element_mask_add(&mask, 0);
	ASSERT_EQ(0, elements_delete(self->other, &what, 1, self->other->rules.gen, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->nft, &next, &self->err));
	ASSERT_EQ(0, nft_cell_left(self->nft, &self->cell, &left, &self->err));
	EXPECT_EQ(elements.n - 1, left);
}

TEST_F(tables, are_not_touched_by_a_probe)
{
	uint32_t gen;

	ASSERT_EQ(0, nft_probe(self->nft, &self->err)) {
		TH_LOG("%s", self->err.message);
	}
	ASSERT_EQ(0, ruleset_load(self->nft, &self->err));
	gen = self->nft->rules.gen;
	EXPECT_EQ(0, nft_cell_verify(self->nft, &self->cell, &self->err));
	ASSERT_EQ(0, ruleset_load(self->nft, &self->err));
	EXPECT_EQ(gen, self->nft->rules.gen);
}

TEST_HARNESS_MAIN
