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

/* chain output { type filter hook output priority filter; policy accept; } */
void ruleset_put_output(struct message *m, const struct nft *nft, unsigned int flags)
{
	struct nlattr *hook;

	message_begin(m, NFT_MSG_NEWCHAIN, flags);
	message_put_str(m, NFTA_CHAIN_TABLE, nft->table);
	message_put_str(m, NFTA_CHAIN_NAME, NFT_OUTPUT);
	hook = message_nest(m, NFTA_CHAIN_HOOK);
	message_put_be32(m, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
	message_put_be32(m, NFTA_HOOK_PRIORITY, 0);
	message_nest_end(m, hook);
	message_put_be32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	message_put_str(m, NFTA_CHAIN_TYPE, "filter");
}

/* chain cell<L> { } */
void ruleset_put_chain(struct message *m, const struct nft *nft, unsigned int level)
{
	struct name name = chain_name(level);

	message_begin(m, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	message_put_str(m, NFTA_CHAIN_TABLE, nft->table);
	message_put_str(m, NFTA_CHAIN_NAME, name.text);
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
void ruleset_put_set(struct message *m, const struct nft *nft, const struct set_id *set)
{
	/* Tells the nft tool that a single key is in host byte order. */
	static const uint8_t host_order[] = { 0x00, 0x04, 0x01, 0x00, 0x00, 0x00 };
	struct name name = set_name(set);

	message_begin(m, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	message_put_str(m, NFTA_SET_TABLE, nft->table);
	message_put_str(m, NFTA_SET_NAME, name.text);
	message_put_be32(m, NFTA_SET_FLAGS, 0);
	message_put_be32(m, NFTA_SET_KEY_TYPE, key_type(set));
	message_put_be32(m, NFTA_SET_KEY_LEN, set_key_size(set));
	message_put_be32(m, NFTA_SET_ID, m->count);
	if (set->kind != SET_IDS && set->kind != SET_ALLOW)
		message_put(m, NFTA_SET_USERDATA, host_order, sizeof(host_order));
	if (set->kind == SET_DENIED || set->kind == SET_ALLOW)
		expr_counter(m, NFTA_SET_EXPR);
}

/* socket cgroupv2 level L @<set> */
static void put_cgroup_lookup(struct message *m, unsigned int level, enum set_kind kind)
{
	struct set_id set = { .kind = kind, .level = level };
	struct name name = set_name(&set);

	expr_cgroup(m, level, 0);
	expr_lookup(m, name.text, 0);
}

/*
 * [meta nfproto ipv4] socket cgroupv2 level L . meta l4proto .
 *	ip daddr & <mask> [. th dport & <mask>] @allow<L>_... return
 */
static void put_tuple(struct message *m, const struct rule_id *rule)
{
	static const struct packet_part ip_daddr = { NFT_PAYLOAD_NETWORK_HEADER, 16, 4 };
	static const struct packet_part ip6_daddr = { NFT_PAYLOAD_NETWORK_HEADER, 24, 16 };
	static const struct packet_part th_dport = { NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2 };
	const struct egress_tuple *tuple = &rule->tuple;
	struct set_id set = { .kind = SET_ALLOW, .level = rule->level, .tuple = *tuple };
	const struct packet_part *daddr = tuple->family == 4 ? &ip_daddr : &ip6_daddr;
	struct name name = set_name(&set);
	unsigned int word = 3 + daddr->size / 4;

	expr_meta(m, NFT_META_NFPROTO, 0);
	expr_is(m, 0, tuple->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	expr_cgroup(m, rule->level, 0);
	expr_meta(m, NFT_META_L4PROTO, 2);
	expr_payload(m, daddr, 3);
	if (tuple->prefix < daddr->size * 8)
		expr_mask(m, 3, daddr->size, tuple->prefix);
	if (tuple->port_bits)
		expr_payload(m, &th_dport, word);
	if (tuple->port_bits && tuple->port_bits < 16)
		expr_mask(m, word, 2, tuple->port_bits);
	expr_lookup(m, name.text, 0);
	expr_verdict(m, NFT_RETURN, NULL);
}

static void put_expressions(struct message *m, const struct rule_id *rule)
{
	struct name chain = chain_name(rule->level);

	switch (rule->kind) {
	case RULE_JUMP:		/* socket cgroupv2 level L @cells<L> jump cell<L> */
		put_cgroup_lookup(m, rule->level, SET_CELLS);
		expr_verdict(m, NFT_JUMP, chain.text);
		break;
	case RULE_TUPLE:
		put_tuple(m, rule);
		break;
	case RULE_DENIED:	/* socket cgroupv2 level L @denied<L>: only counts */
		put_cgroup_lookup(m, rule->level, SET_DENIED);
		break;
	case RULE_TCP:		/* meta l4proto tcp reject with tcp reset */
		expr_meta(m, NFT_META_L4PROTO, 0);
		expr_is(m, 0, IPPROTO_TCP);
		expr_reject_tcp(m);
		break;
	case RULE_REST:		/* reject with icmpx admin-prohibited */
		expr_reject_icmpx(m);
		break;
	}
}

void ruleset_put_rule(struct message *m, const struct nft *nft, const struct rule_id *rule,
		      unsigned int flags)
{
	struct name chain = chain_name(rule->level);
	struct nlattr *list;

	message_begin(m, NFT_MSG_NEWRULE, flags);
	message_put_str(m, NFTA_RULE_TABLE, nft->table);
	message_put_str(m, NFTA_RULE_CHAIN, rule->kind == RULE_JUMP ? NFT_OUTPUT : chain.text);
	list = message_nest(m, NFTA_RULE_EXPRESSIONS);
	put_expressions(m, rule);
	message_nest_end(m, list);
}

static void put_core(struct nft *nft)
{
	struct message *m = &nft->conn.out;
	struct set_id set = { .kind = SET_IDS };

	ruleset_put_table(m, nft, NLM_F_CREATE | NLM_F_EXCL);
	ruleset_put_set(m, nft, &set);
	set.kind = SET_UIDS;
	ruleset_put_set(m, nft, &set);
	ruleset_put_output(m, nft, NLM_F_CREATE | NLM_F_EXCL);
}

static void put_level(struct nft *nft, unsigned int level)
{
	struct message *m = &nft->conn.out;
	struct set_id set = { .kind = SET_CELLS, .level = level };
	struct rule_id rule = { .level = level };

	ruleset_put_set(m, nft, &set);
	set.kind = SET_DENIED;
	ruleset_put_set(m, nft, &set);
	ruleset_put_chain(m, nft, level);
	for (rule.kind = RULE_DENIED; rule.kind <= RULE_REST; rule.kind++)
		ruleset_put_rule(m, nft, &rule, NLM_F_CREATE | NLM_F_APPEND);
	rule.kind = RULE_JUMP;
	ruleset_put_rule(m, nft, &rule, NLM_F_CREATE | NLM_F_APPEND);
}

/* Without NLM_F_APPEND the rule goes to the head of its chain. */
static void put_allow(struct nft *nft, unsigned int level, unsigned int index)
{
	struct set_id set = { .kind = SET_ALLOW, .level = level, .tuple = tuple_at(index) };
	struct rule_id rule = { .kind = RULE_TUPLE, .level = level, .tuple = tuple_at(index) };

	ruleset_put_set(&nft->conn.out, nft, &set);
	ruleset_put_rule(&nft->conn.out, nft, &rule, NLM_F_CREATE);
}

bool ruleset_put_missing(struct nft *nft, unsigned int level, const struct tuple_set *needed)
{
	const struct level_rules *have = &nft->rules.level[level];
	unsigned int i, before = nft->conn.out.count;

	if (!nft->rules.table)
		put_core(nft);
	if (level && !have->cells)
		put_level(nft, level);
	for (i = 0; level && i < TUPLES; i++)
		if (tuple_set_has(needed, i) && !tuple_set_has(&have->sets, i))
			put_allow(nft, level, i);
	return nft->conn.out.count != before;
}

void ruleset_note(struct nft *nft, unsigned int level, const struct tuple_set *needed)
{
	struct ruleset *rules = &nft->rules;
	struct level_rules *have = &rules->level[level];
	unsigned int i;

	rules->table = rules->ids = rules->uids = rules->output = true;
	if (!level)
		return;
	have->cells = have->denied = have->jump = true;
	have->tail = TAIL_RULES;
	for (i = 0; i < ARRAY_SIZE(needed->word); i++) {
		have->sets.word[i] |= needed->word[i];
		have->rules.word[i] |= needed->word[i];
	}
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
