// SPDX-License-Identifier: MIT
/* Writing the static parts; each builder stands under its nft text. */
#include "nft/ruleset.h"

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nft/expr.h"

/*
 * Data type numbers of the nft tool, which stores them with a set to know how
 * to print its keys; the kernel passes them through. In a concatenation each
 * takes six bits.
 */
enum nft_type {
	TYPE_IPADDR	= 7,
	TYPE_IP6ADDR	= 8,
	TYPE_PROTOCOL	= 12,
	TYPE_SERVICE	= 13,
	TYPE_MARK	= 19,
	TYPE_UID	= 24,
	TYPE_CGROUPV2	= 46,
};

#define CONCAT(type, next)	((type) << 6 | (next))

/* table inet cellos { } */
void ruleset_put_table(struct message *m, const struct nft *nft, unsigned int flags)
{
	message_begin(m, NFT_MSG_NEWTABLE, flags);
	message_put_str(m, NFTA_TABLE_NAME, nft->table);
	message_put_be32(m, NFTA_TABLE_FLAGS, nft->table_flags);
}

/*
 * chain output { type filter hook output priority filter; policy accept; }
 * chain cell<L> { }
 */
void ruleset_put_chain(struct message *m, const struct nft *nft, const struct chain_id *chain,
		       unsigned int flags)
{
	struct name name = chain_name(chain);
	struct nlattr *hook;

	message_begin(m, NFT_MSG_NEWCHAIN, flags);
	message_put_str(m, NFTA_CHAIN_TABLE, nft->table);
	message_put_str(m, NFTA_CHAIN_NAME, name.text);
	if (!chain_is_base(chain))
		return;
	hook = message_nest(m, NFTA_CHAIN_HOOK);
	message_put_be32(m, NFTA_HOOK_HOOKNUM,
			 chain->kind == CHAIN_OUTPUT ? NF_INET_LOCAL_OUT : NF_INET_LOCAL_IN);
	message_put_be32(m, NFTA_HOOK_PRIORITY, 0);
	message_nest_end(m, hook);
	message_put_be32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	message_put_str(m, NFTA_CHAIN_TYPE, "filter");
}

static uint32_t key_type(const struct set_id *set)
{
	uint32_t type = TYPE_CGROUPV2;
	int i;

	switch (set->kind) {
	case SET_UIDS:
		return TYPE_UID;
	case SET_IDS:		/* a hash has no type; four marks print as hex digits */
		for (i = 0; i < 4; i++)
			type = CONCAT(type, TYPE_MARK);
		return type;
	case SET_ALLOW:
		type = CONCAT(type, TYPE_PROTOCOL);
		type = CONCAT(type, set->tuple.family == 4 ? TYPE_IPADDR : TYPE_IP6ADDR);
		return set->tuple.port_bits ? CONCAT(type, TYPE_SERVICE) : type;
	default:
		return type;
	}
}

/*
 * set <name> { type <key type>; counter; }
 *
 * Without a size (NFTA_SET_DESC_SIZE) and with no flags the kernel takes the
 * hash table that grows, the one whose cost does not depend on its size.
 */
void ruleset_put_set(struct message *m, const struct nft *nft, const struct set_id *set,
		     unsigned int flags)
{
	/* Tells the nft tool that a single key is in host byte order. */
	static const uint8_t host_order[] = { 0x00, 0x04, 0x01, 0x00, 0x00, 0x00 };
	struct name name = set_name(set);

	message_begin(m, NFT_MSG_NEWSET, flags);
	message_put_str(m, NFTA_SET_TABLE, nft->table);
	message_put_str(m, NFTA_SET_NAME, name.text);
	message_put_be32(m, NFTA_SET_FLAGS, set_logs(set->kind) ? NFT_SET_MAP : 0);
	message_put_be32(m, NFTA_SET_KEY_TYPE, key_type(set));
	message_put_be32(m, NFTA_SET_KEY_LEN, set_key_size(set));
	message_put_be32(m, NFTA_SET_ID, m->count);
	if (set->kind != SET_IDS && set->kind != SET_ALLOW)
		message_put(m, NFTA_SET_USERDATA, host_order, sizeof(host_order));
	if (set_logs(set->kind)) {
		message_put_be32(m, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
		expr_limit(m, NFTA_SET_EXPR, LOG_RATE, LOG_BURST);
	}
	if (set_counts(set->kind))
		expr_counter(m, NFTA_SET_EXPR);
}

void ruleset_put_rule(struct message *m, const struct nft *nft, const struct chain_id *chain,
		      const struct rule *rule, unsigned int flags)
{
	struct name name = chain_name(chain);

	message_begin(m, NFT_MSG_NEWRULE, flags);
	message_put_str(m, NFTA_RULE_TABLE, nft->table);
	message_put_str(m, NFTA_RULE_CHAIN, name.text);
	rule_put(m, rule);
}

bool table_has_set(const struct nft *nft, enum set_kind kind)
{
	const uint32_t shared = SET_BIT(SET_IDS) | SET_BIT(SET_UIDS) | SET_BIT(SET_EXEMPT) |
				SET_BIT(SET_PARENTS) | SET_BIT(SET_STRAYS);

	return !nft->private || !(shared & SET_BIT(kind));
}

uint32_t level_sets(const struct nft *nft)
{
	enum set_kind kind;
	uint32_t sets = 0;

	for (kind = SET_CELLS; kind < SET_LOG_DENIED; kind++)
		if (table_has_set(nft, kind))
			sets |= SET_BIT(kind);
	return sets;
}

/* delete rule inet cellos <chain>: all of them */
static void put_flush(struct message *m, const struct nft *nft, const struct chain_id *chain)
{
	struct name name = chain_name(chain);

	message_begin(m, NFT_MSG_DELRULE, 0);
	message_put_str(m, NFTA_RULE_TABLE, nft->table);
	message_put_str(m, NFTA_RULE_CHAIN, name.text);
}

static void put_all_rules(struct nft *nft, const struct chain_id *chain)
{
	struct rule rule;
	unsigned int i;

	for (i = 0; chain_rule(nft, chain, i, &rule); i++)
		ruleset_put_rule(&nft->conn.out, nft, chain, &rule,
				 NLM_F_CREATE | NLM_F_APPEND);
}

void ruleset_put_rules(struct nft *nft, const struct chain_id *chain)
{
	put_flush(&nft->conn.out, nft, chain);
	put_all_rules(nft, chain);
}

#define MAKE	(NLM_F_CREATE | NLM_F_EXCL)

/* A chain may only be jumped to once it is there, so the rules come at the end. */
static void put_core(struct nft *nft)
{
	struct message *m = &nft->conn.out;
	struct set_id set = { .kind = SET_IDS };
	struct chain_id chain = { .kind = CHAIN_OUTPUT };

	ruleset_put_table(m, nft, MAKE);
	for (; set.kind <= SET_UIDS; set.kind++)
		if (table_has_set(nft, set.kind))
			ruleset_put_set(m, nft, &set, MAKE);
	for (; chain.kind < CHAIN_CELL; chain.kind++)
		ruleset_put_chain(m, nft, &chain, MAKE);
	nft->rules.table = true;
	nft->rules.sets = SET_BIT(SET_IDS) | SET_BIT(SET_UIDS);
}

static void put_level(struct nft *nft, unsigned int level)
{
	struct message *m = &nft->conn.out;
	struct set_id set = { .kind = SET_CELLS, .level = level };
	struct chain_id chain = { .kind = CHAIN_CELL, .level = level };

	nft->rules.level[level].sets = level_sets(nft);
	for (; set.kind < SET_LOG_DENIED; set.kind++)
		if (table_has_set(nft, set.kind))
			ruleset_put_set(m, nft, &set, MAKE);
	for (; chain.kind < CHAIN_COUNT; chain.kind++)
		if (chain_wanted(nft, &chain))
			ruleset_put_chain(m, nft, &chain, MAKE);
}

/* The chains whose rules depend on the levels there are. */
static void put_shared_rules(struct nft *nft, bool flush)
{
	struct chain_id chain = { .kind = CHAIN_OUTPUT };

	for (; chain.kind < CHAIN_REJECT; chain.kind++) {
		if (flush)
			put_flush(&nft->conn.out, nft, &chain);
		put_all_rules(nft, &chain);
	}
}

/* Those whose rules depend on nothing. */
static void put_fixed_rules(struct nft *nft)
{
	struct chain_id chain = { .kind = CHAIN_REJECT };

	for (; chain.kind < CHAIN_CELL; chain.kind++)
		put_all_rules(nft, &chain);
}

/* The chains of a level whose rules depend on its tuples. */
static void put_tuple_rules(struct nft *nft, unsigned int level)
{
	static const enum chain_kind kinds[] = {
		CHAIN_CELL, CHAIN_V6CELL, CHAIN_PEER, CHAIN_QUOTED
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct chain_id chain = { kinds[i], level };

		ruleset_put_rules(nft, &chain);
	}
}

static void put_level_rules(struct nft *nft, unsigned int level)
{
	struct chain_id chain = { .kind = CHAIN_CELL, .level = level };

	for (; chain.kind < CHAIN_COUNT; chain.kind++)
		if (chain_wanted(nft, &chain))
			put_all_rules(nft, &chain);
}

static bool put_tuple_sets(struct nft *nft, unsigned int level, const struct tuple_set *needed)
{
	struct tuple_set *have = &nft->rules.level[level].tuples;
	struct set_id set = { .kind = SET_ALLOW, .level = level };
	bool grew = false;
	unsigned int i;

	for (i = 0; i < TUPLES; i++) {
		if (!tuple_set_has(needed, i) || tuple_set_has(have, i))
			continue;
		set.tuple = tuple_at(i);
		ruleset_put_set(&nft->conn.out, nft, &set, MAKE);
		tuple_set_add(have, i);
		grew = true;
	}
	return grew;
}

static bool put_log_sets(struct nft *nft, unsigned int level, uint32_t needed)
{
	struct level_rules *have = &nft->rules.level[level];
	struct set_id set = { .kind = SET_LOG_DENIED, .level = level };
	bool grew = false;

	for (; set.kind < SET_ALLOW; set.kind++) {
		if (!(needed & SET_BIT(set.kind)) || have->sets & SET_BIT(set.kind))
			continue;
		ruleset_put_set(&nft->conn.out, nft, &set, MAKE);
		have->sets |= SET_BIT(set.kind);
		grew = true;
	}
	return grew;
}

bool ruleset_put_missing(struct nft *nft, unsigned int level, const struct needs *needs)
{
	const struct chain_id deny = { CHAIN_DENY, level };
	bool new_table = !nft->rules.table;
	bool new_level = !nft->rules.level[level].sets;
	bool new_tuples, new_logs;

	if (new_table)
		put_core(nft);
	if (new_level)
		put_level(nft, level);
	new_tuples = put_tuple_sets(nft, level, &needs->tuples);
	new_logs = put_log_sets(nft, level, needs->sets);
	if (new_table)
		put_fixed_rules(nft);
	if (new_level)
		put_level_rules(nft, level);
	else if (new_tuples)
		put_tuple_rules(nft, level);
	if (new_logs && !new_level)
		ruleset_put_rules(nft, &deny);
	if (new_table || new_level || new_logs)
		put_shared_rules(nft, !new_table);
	return new_table || new_level || new_tuples || new_logs;
}

/* delete chain | set inet cellos <name> */
static void put_chain_removal(struct nft *nft, const struct chain_id *chain)
{
	struct name name = chain_name(chain);

	message_begin(&nft->conn.out, NFT_MSG_DELCHAIN, 0);
	message_put_str(&nft->conn.out, NFTA_CHAIN_TABLE, nft->table);
	message_put_str(&nft->conn.out, NFTA_CHAIN_NAME, name.text);
}

static void put_set_removal(struct nft *nft, const struct set_id *set)
{
	struct name name = set_name(set);

	message_begin(&nft->conn.out, NFT_MSG_DELSET, 0);
	message_put_str(&nft->conn.out, NFTA_SET_TABLE, nft->table);
	message_put_str(&nft->conn.out, NFTA_SET_NAME, name.text);
}

static void put_tuple_set_removal(struct nft *nft, unsigned int level,
				  const struct tuple_set *tuples)
{
	struct set_id set = { .kind = SET_ALLOW, .level = level };
	unsigned int i;

	for (i = 0; i < TUPLES; i++) {
		if (!tuple_set_has(tuples, i))
			continue;
		set.tuple = tuple_at(i);
		put_set_removal(nft, &set);
	}
}

/* What is looked up or jumped to cannot go, so the rules go first. */
void ruleset_put_level_removal(struct nft *nft, unsigned int level)
{
	struct level_rules *have = &nft->rules.level[level], gone = *have;
	struct set_id set = { .kind = SET_CELLS, .level = level };
	struct chain_id chain = { .kind = CHAIN_CELL, .level = level };

	for (; chain.kind < CHAIN_COUNT; chain.kind++)
		if (chain_wanted(nft, &chain))
			put_flush(&nft->conn.out, nft, &chain);
	*have = (struct level_rules) { 0 };
	put_shared_rules(nft, true);
	for (chain.kind = CHAIN_CELL; chain.kind < CHAIN_COUNT; chain.kind++)
		if (chain.kind != CHAIN_GUARD || table_has_set(nft, SET_PARENTS))
			put_chain_removal(nft, &chain);
	for (; set.kind < SET_ALLOW; set.kind++)
		if (gone.sets & SET_BIT(set.kind))
			put_set_removal(nft, &set);
	put_tuple_set_removal(nft, level, &gone.tuples);
}

void ruleset_put_tuple_removal(struct nft *nft, unsigned int level,
			       const struct tuple_set *unused)
{
	struct level_rules *have = &nft->rules.level[level];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(have->tuples.word); i++)
		have->tuples.word[i] &= ~unused->word[i];
	put_tuple_rules(nft, level);
	put_tuple_set_removal(nft, level, unused);
}

void ruleset_note_none(struct ruleset *rules, uint32_t gen)
{
	memset(rules, 0, sizeof(*rules));
	rules->valid = rules->dumped = true;
	rules->gen = gen;
}

void ruleset_next_gen(struct ruleset *rules)
{
	if (!++rules->gen)	/* the kernel skips 0, too */
		rules->gen = 1;
}
