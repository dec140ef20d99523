// SPDX-License-Identifier: MIT
#include "nft/rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "lib/cleanup.h"
#include "nft/ruleset.h"

#define FAMILY(n)	{ .family = (n) }

/* The chains of a level whose rules are always the same; in order. */
static const struct rule deny_rules[] = {
	{ RULE_CGROUP, .set = SET_DENIED, .code = NFT_CONTINUE },
	{ RULE_LOG, .set = SET_LOG_DENIED, .code = NFT_CONTINUE },
	{ RULE_GO, .code = NFT_GOTO, .to = CHAIN_REJECT },
};

static const struct rule refuse_rules[] = {
	{ RULE_CGROUP, .set = SET_REFUSED, .code = NFT_CONTINUE },
	{ RULE_GO, .code = NFT_GOTO, .to = CHAIN_CLOSED },
};

static const struct rule guard_rules[] = {
	{ RULE_CGROUP, .set = SET_CELLS, .code = NFT_RETURN },
	{ RULE_CGROUP, .set = SET_EXEMPT, .code = NFT_RETURN },
	{ RULE_CGROUP, .set = SET_STRAYS, .code = NFT_CONTINUE },
	{ RULE_GO, .code = NFT_GOTO, .to = CHAIN_REJECT },
};

static const struct rule peer_rules[] = {
	/*
	 * What its ports should be is something else, and may match a port that the cell
	 * has chosen. The first fragment is judged; without it the others are nothing.
	 */
	{ RULE_LATER_FRAGMENT, .code = NFT_RETURN },
	{ RULE_SYN, .code = NFT_GOTO, .to = CHAIN_REFUSE },
	{ RULE_RESET, .code = NFT_RETURN },
	{ RULE_ICMP, .code = NFT_GOTO, .to = CHAIN_QUOTED },
	{ RULE_ICMPV6, .code = NFT_GOTO, .to = CHAIN_QUOTED },
	{ RULE_NOT_FROM, .code = NFT_GOTO, .to = CHAIN_REFUSE, .tuple = FAMILY(4) },
	{ RULE_NOT_FROM, .code = NFT_GOTO, .to = CHAIN_REFUSE, .tuple = FAMILY(6) },
};

static const struct rule quoted_rules[] = {
	{ RULE_MTU, .code = NFT_RETURN },
	{ RULE_MTU6, .code = NFT_RETURN },
	{ RULE_NOT_QUOTED, .code = NFT_GOTO, .to = CHAIN_REFUSE, .tuple = FAMILY(4) },
	{ RULE_NOT_QUOTED, .code = NFT_GOTO, .to = CHAIN_REFUSE, .tuple = FAMILY(6) },
};

/*
 * Outbound. A drop tells the sender EPERM at once, and no packet is made: one that
 * quotes it would go to its source, which need not be an address of this host
 * (ip(7), IP_FREEBIND). For the same reason only a host's own address gets a reset.
 */
static const struct rule reject_rules[] = {
	{ RULE_LOCAL_RESET, .code = NFT_CONTINUE },
	{ RULE_GO, .code = NF_DROP },
};

/* Inbound: the answers of a port that is closed, so that nobody can tell the two apart. */
static const struct rule closed_rules[] = {
	{ RULE_TCP_RESET, .code = NFT_CONTINUE },
	{ RULE_UNREACHABLE, .code = NFT_CONTINUE },
};

/*
 * The socket lookup of nf_tables does not know from which device a packet that came
 * over loopback is for: it misses who is bound to a link-local address of another.
 * Such a socket may be a cell's, so what it alone would get is refused.
 */
static const struct rule scoped_rules[] = {
	{ RULE_SOCKET, .code = NFT_RETURN },
	{ RULE_GO, .code = NFT_GOTO, .to = CHAIN_CLOSED },
};

/*
 * Where an address does not tell where the packet goes: options, routing headers, an
 * address of this host that is sent out of it.
 */
static const struct rule cell_rules[] = {
	{ RULE_IPV6, .code = NFT_GOTO, .to = CHAIN_V6CELL },
	{ RULE_OPTIONS, .code = NFT_GOTO, .to = CHAIN_DENY },
	{ RULE_STRAY_LOOPBACK, .code = NFT_GOTO, .to = CHAIN_DENY },
};

static const struct rule v6cell_rules[] = {
	{ RULE_ROUTING, .code = NFT_GOTO, .to = CHAIN_DENY },
	{ RULE_STRAY_LOOPBACK6, .code = NFT_GOTO, .to = CHAIN_DENY },
};

/*
 * Fragments of IPv6 are put together behind this hook, and in the first of them the
 * packet that an ICMPv6 error quotes may be cut off before its ports: so none can
 * tell whose it is. No honest one is in fragments, for it is cut to 1,280 bytes
 * (RFC 4443, 2.4). Others of that size pass: the first fragment has the ports.
 */
static const struct rule input_rules[] = {
	{ RULE_CUT_ERROR, .code = NF_DROP },
	{ RULE_SCOPED_UDP, .code = NFT_JUMP, .to = CHAIN_SCOPED },
	{ RULE_SCOPED_SYN, .code = NFT_JUMP, .to = CHAIN_SCOPED },
};

/* A base chain: some rules for each level in use. */
static const struct rule output_level_rules[] = {
	{ RULE_CGROUP, .set = SET_CELLS, .code = NFT_JUMP, .to = CHAIN_CELL },
	{ RULE_CGROUP, .set = SET_PARENTS, .code = NFT_JUMP, .to = CHAIN_GUARD },
};

static const struct rule input_level_rules[] = {
	{ RULE_CGROUP, .set = SET_CELLS, .code = NFT_JUMP, .to = CHAIN_PEER },
};

/* At the end of output is what all levels allow. */
static const struct rule log_level_rules[] = {
	{ RULE_LOG, .set = SET_LOG_ALLOWED, .code = NFT_CONTINUE },
};

struct rule_list {
	const struct rule *rules;
	unsigned int n;
};

#define RULES(array)	{ (array), ARRAY_SIZE(array) }

static const struct rule_list log_level = RULES(log_level_rules);

static const struct {
	struct rule_list once;
	struct rule_list level;	/* of the chains that all levels share: for each */
} chains[CHAIN_COUNT] = {
	[CHAIN_OUTPUT]	= { .level = RULES(output_level_rules) },
	[CHAIN_INPUT]	= { RULES(input_rules), RULES(input_level_rules) },
	[CHAIN_REJECT]	= { .once = RULES(reject_rules) },
	[CHAIN_CLOSED]	= { .once = RULES(closed_rules) },
	[CHAIN_SCOPED]	= { .once = RULES(scoped_rules) },
	[CHAIN_CELL]	= { .once = RULES(cell_rules) },
	[CHAIN_V6CELL]	= { .once = RULES(v6cell_rules) },
	[CHAIN_DENY]	= { .once = RULES(deny_rules) },
	[CHAIN_PEER]	= { .once = RULES(peer_rules) },
	[CHAIN_QUOTED]	= { .once = RULES(quoted_rules) },
	[CHAIN_REFUSE]	= { .once = RULES(refuse_rules) },
	[CHAIN_GUARD]	= { .once = RULES(guard_rules) },
};

bool chain_wanted(const struct nft *nft, const struct chain_id *chain)
{
	if (chain->kind < CHAIN_CELL)
		return true;
	return nft->rules.level[chain->level].sets &&
	       (chain->kind != CHAIN_GUARD || table_has_set(nft, SET_PARENTS));
}

/* Is the rule about a set that the level, or such a table at all, has not? */
static bool is_void(const struct nft *nft, unsigned int level, const struct rule *rule)
{
	if (rule->kind == RULE_LOG)
		return !(nft->rules.level[level].sets & SET_BIT(rule->set));
	return rule->kind == RULE_CGROUP && !table_has_set(nft, rule->set);
}

/* The @i-th rule of a list for a level; counts @i down if there are fewer. */
static bool list_at(const struct nft *nft, unsigned int level, const struct rule_list *list,
		    unsigned int *i, struct rule *ret)
{
	unsigned int k;

	for (k = 0; k < list->n; k++) {
		if (is_void(nft, level, &list->rules[k]) || (*i)--)
			continue;
		*ret = list->rules[k];
		ret->level = level;
		return true;
	}
	return false;
}

static bool levels_at(const struct nft *nft, const struct rule_list *list, unsigned int *i,
		      struct rule *ret)
{
	unsigned int level;

	for (level = 1; level < NFT_LEVELS; level++)
		if (nft->rules.level[level].sets && list_at(nft, level, list, i, ret))
			return true;
	return false;
}

static bool logs_allowed(const struct nft *nft)
{
	struct rule rule;
	unsigned int first = 0;

	return levels_at(nft, &log_level, &first, &rule);
}

static bool base_rule(const struct nft *nft, const struct chain_id *chain, unsigned int i,
		      struct rule *ret)
{
	if (nft->loopback && (chain->kind == CHAIN_OUTPUT || chain->kind == CHAIN_INPUT)) {
		if (!i--) {
			*ret = (struct rule) {
				.kind = chain->kind == CHAIN_OUTPUT ? RULE_LOOPBACK_OUT :
								      RULE_LOOPBACK_IN,
				.code = NF_ACCEPT,
			};
			return true;
		}
	}
	if (list_at(nft, 0, &chains[chain->kind].once, &i, ret) ||
	    levels_at(nft, &chains[chain->kind].level, &i, ret))
		return true;
	if (chain->kind != CHAIN_OUTPUT || !logs_allowed(nft))
		return false;
	*ret = (struct rule) { .kind = RULE_NOT_SYN, .code = NFT_RETURN };
	return !i-- || levels_at(nft, &log_level, &i, ret);
}

/* The longest prefixes and single ports first: they are the most used. */
static bool cell_rule(const struct level_rules *level, unsigned int family, unsigned int i,
		      struct rule *ret)
{
	unsigned int index = TUPLES;

	while (index--) {
		if (!tuple_set_has(&level->tuples, index) || tuple_at(index).family != family ||
		    i--)
			continue;
		*ret = (struct rule) {
			.kind = RULE_TUPLE, .code = NFT_RETURN, .tuple = tuple_at(index),
		};
		return true;
	}
	*ret = (struct rule) { .kind = RULE_GO, .code = NFT_GOTO, .to = CHAIN_DENY };
	return !i;
}

bool chain_rule(const struct nft *nft, const struct chain_id *chain, unsigned int i,
		struct rule *ret)
{
	const struct level_rules *level = &nft->rules.level[chain->level];
	bool found;

	if (chain->kind < CHAIN_CELL)
		return base_rule(nft, chain, i, ret);
	found = list_at(nft, chain->level, &chains[chain->kind].once, &i, ret);
	if (!found && (chain->kind == CHAIN_CELL || chain->kind == CHAIN_V6CELL))
		found = cell_rule(level, chain->kind == CHAIN_CELL ? 4 : 6, i, ret);
	ret->level = chain->level;
	ret->tuples = &level->tuples;
	return found;
}
