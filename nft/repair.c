// SPDX-License-Identifier: MIT
/*
 * Putting the static parts right. They follow from the sets, so they can be
 * written anew whatever was done to them; in one transaction, so no packet
 * finds them half done.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "nft/attr.h"
#include "nft/cells.h"
#include "nft/retry.h"
#include "nft/ruleset.h"

static int see_set(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct nft *nft = arg;
	struct level_rules *level;
	struct set_id set;

	if (!set_parse(attr_str(attrs_find(attrs, NFTA_SET_NAME, 0)), &set) ||
	    set.kind < SET_CELLS || !table_has_set(nft, set.kind))
		return 0;
	level = &nft->rules.level[set.level];
	level->sets |= level_sets(nft) | (set_logs(set.kind) ? SET_BIT(set.kind) : 0);
	if (set.kind == SET_ALLOW)
		tuple_set_add(&level->tuples, tuple_index(&set.tuple));
	return 0;
}

/* The levels and tuples of which there is anything, whatever else is wrong. */
static int see_levels(struct nft *nft, struct error *err)
{
	uint32_t gen = nft->rules.gen;
	int r;

	ruleset_note_none(&nft->rules, gen);
	nft->rules.table = true;
	message_reset(&nft->conn.out);
	message_begin(&nft->conn.out, NFT_MSG_GETSET, NLM_F_DUMP);
	message_put_str(&nft->conn.out, NFTA_SET_TABLE, nft->table);
	r = conn_dump(&nft->conn, see_set, nft, err);
	if (r == -EAGAIN || r == -ENOENT)
		return -ERESTART;
	return r < 0 ? err_set(err, CONN_STEP, r, "cannot read the sets of cells") : 0;
}

static void put_sets(struct nft *nft, unsigned int level)
{
	struct set_id set = { .kind = level ? SET_CELLS : SET_IDS, .level = level };
	enum set_kind end = level ? SET_ALLOW : SET_CELLS;
	unsigned int i;

	for (; set.kind < end; set.kind++)
		if (!level ? table_has_set(nft, set.kind) :
			     nft->rules.level[level].sets & SET_BIT(set.kind))
			ruleset_put_set(&nft->conn.out, nft, &set, NLM_F_CREATE);
	for (i = 0; level && i < TUPLES; i++) {
		set.tuple = tuple_at(i);
		if (tuple_set_has(&nft->rules.level[level].tuples, i))
			ruleset_put_set(&nft->conn.out, nft, &set, NLM_F_CREATE);
	}
}

/* @rules: write what is in them; else only make them. */
static void put_chains(struct nft *nft, unsigned int level, bool rules)
{
	struct chain_id chain = { .kind = level ? CHAIN_CELL : CHAIN_OUTPUT, .level = level };
	enum chain_kind end = level ? CHAIN_COUNT : CHAIN_CELL;

	for (; chain.kind < end; chain.kind++) {
		if (!chain_wanted(nft, &chain))
			continue;
		if (rules)
			ruleset_put_rules(nft, &chain);
		else
			ruleset_put_chain(&nft->conn.out, nft, &chain, NLM_F_CREATE);
	}
}

static void put_all(struct nft *nft)
{
	unsigned int level;

	ruleset_put_table(&nft->conn.out, nft, NLM_F_CREATE);
	for (level = 0; level < NFT_LEVELS; level++) {
		if (level && !nft->rules.level[level].sets)
			continue;
		put_sets(nft, level);
		put_chains(nft, level, false);
	}
	for (level = 0; level < NFT_LEVELS; level++)
		if (!level || nft->rules.level[level].sets)
			put_chains(nft, level, true);
}

static int repair_once(struct nft *nft, struct error *err)
{
	struct error difference = { 0 };
	struct batch batch;
	uint32_t gen;
	int r;

	r = ruleset_load(nft, &difference);
	if (!r)
		return 0;
	if (r != -EUCLEAN)
		return err_set(err, CONN_STEP, r, "%s", difference.message);
	gen = nft->rules.gen;
	r = see_levels(nft, err);
	if (r < 0)
		return r;
	conn_begin(&nft->conn, gen);
	put_all(nft);
	r = conn_commit(&nft->conn, &batch, err);
	nft->rules.valid = false;
	if (!r || r == -ERESTART)
		return r ? r : 1;
	err_set(err, CONN_STEP, EUCLEAN, "%s, and it cannot be put right: %s", difference.message,
		*batch.text ? batch.text : strerror(-r));
	err_hint(err, "while no cell lives: nft delete table inet %s", nft->table);
	return -EUCLEAN;
}

int nft_repair(struct nft *nft, struct error *err)
{
	struct retry retry = { 0 };
	int r;

	do {
		r = repair_once(nft, err);
	} while (r == -ERESTART && retry_wait(&retry));
	return r == -ERESTART ? retry_gave_up(err) : r;
}
