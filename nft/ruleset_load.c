// SPDX-License-Identifier: MIT
/*
 * Reading the static parts back. Whatever is in our chains decides about our
 * cells, so every rule in them must be one that we would write, in a place
 * where we would write it; other chains cannot be reached from ours.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nft/attr.h"
#include "nft/retry.h"
#include "nft/ruleset.h"

/* Bits of attrs_match()'s @ignore: what says nothing about what a packet meets. */
#define BIT(type)	(UINT64_C(1) << (type))
#define TABLE_NOISE	(BIT(NFTA_TABLE_HANDLE) | BIT(NFTA_TABLE_USE) | \
			 BIT(NFTA_TABLE_USERDATA) | BIT(NFTA_TABLE_OWNER))
#define CHAIN_NOISE	(BIT(NFTA_CHAIN_HANDLE) | BIT(NFTA_CHAIN_USE) | \
			 BIT(NFTA_CHAIN_COUNTERS) | BIT(NFTA_CHAIN_FLAGS) | \
			 BIT(NFTA_CHAIN_USERDATA))
#define RULE_NOISE	(BIT(NFTA_RULE_HANDLE) | BIT(NFTA_RULE_POSITION) | \
			 BIT(NFTA_RULE_USERDATA))
/* 19 and 20: name of the backend and number of elements, on newer kernels. */
#define SET_NOISE	(BIT(NFTA_SET_HANDLE) | BIT(NFTA_SET_ID) | \
			 BIT(NFTA_SET_USERDATA) | BIT(19) | BIT(20))

/* @err: its own, for the snapshot may prove inconsistent. */
struct load {
	struct nft *nft;
	struct error err;
};

static int differs(struct load *load, const char *what, const char *name)
{
	err_set(&load->err, CONN_STEP, EUCLEAN, "table inet %s is not as it has to be: %s %s",
		load->nft->table, what, name);
	err_hint(&load->err, "run 'cellos-helper reconcile'; or, while no cell lives: nft delete "
		 "table inet %s", load->nft->table);
	return -EUCLEAN;
}

static bool message_match(const struct nft *nft, const struct nlmsghdr *have, uint64_t noise)
{
	size_t skip = sizeof(struct nfgenmsg);

	/* The one message in the scratch buffer; a put that failed matches nothing. */
	return !nft->want.error && attrs_match(attrs_of_message(nft->want.nlh, skip),
					       attrs_of_message(have, skip), noise);
}

uint32_t ruleset_gen(const struct nlmsghdr *nlh)
{
	if (!nlh || nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return 0;
	return attr_be32(attrs_find(attrs_of_message(nlh, sizeof(struct nfgenmsg)),
				    NFTA_GEN_ID, 0));
}

static int see_table(struct load *load, const struct nlmsghdr *nlh)
{
	struct nft *nft = load->nft;

	nft->rules.table = true;
	message_reset(&nft->want);
	ruleset_put_table(&nft->want, nft, 0);
	return message_match(nft, nlh, TABLE_NOISE) ? 0 : differs(load, "its", "flags");
}

static int see_output(struct load *load, const struct nlmsghdr *nlh)
{
	struct nft *nft = load->nft;

	nft->rules.output = true;
	message_reset(&nft->want);
	ruleset_put_output(&nft->want, nft, 0);
	return message_match(nft, nlh, CHAIN_NOISE) ? 0 : differs(load, "chain", NFT_OUTPUT);
}

/* Replies: generation, table, chain. */
static int see_head(const struct reply *reply, void *arg)
{
	struct load *load = arg;

	if (reply->error == -ENOENT && reply->index)
		return 0;
	if (reply->error) {
		err_set(&load->err, CONN_STEP, reply->error, "cannot read nf_tables%s%s",
			*reply->text ? ": " : "", reply->text);
		if (reply->error == -EPERM)
			err_hint(&load->err, "CAP_NET_ADMIN is needed");
		return reply->error;
	}
	if (reply->index == 1)
		return see_table(load, reply->nlh);
	if (reply->index == 2)
		return see_output(load, reply->nlh);
	load->nft->rules.gen = ruleset_gen(reply->nlh);
	return 0;
}

static int load_head(struct load *load)
{
	struct nft *nft = load->nft;
	struct message *m = &nft->conn.out;

	message_reset(m);
	message_begin(m, NFT_MSG_GETGEN, 0);
	message_begin(m, NFT_MSG_GETTABLE, 0);
	message_put_str(m, NFTA_TABLE_NAME, nft->table);
	message_begin(m, NFT_MSG_GETCHAIN, 0);
	message_put_str(m, NFTA_CHAIN_TABLE, nft->table);
	message_put_str(m, NFTA_CHAIN_NAME, NFT_OUTPUT);
	return conn_ask(&nft->conn, see_head, load, &load->err);
}

static void note_set(struct ruleset *rules, const struct set_id *set)
{
	struct level_rules *level = &rules->level[set->level];

	switch (set->kind) {
	case SET_IDS:
		rules->ids = true;
		break;
	case SET_UIDS:
		rules->uids = true;
		break;
	case SET_CELLS:
		level->cells = true;
		break;
	case SET_DENIED:
		level->denied = true;
		break;
	case SET_ALLOW:
		tuple_set_add(&level->sets, tuple_index(&set->tuple));
		break;
	}
}

static int see_set(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct load *load = arg;
	struct nft *nft = load->nft;
	const char *name = attr_str(attrs_find(attrs, NFTA_SET_NAME, 0));
	struct set_id set;

	if (strcmp(attr_str(attrs_find(attrs, NFTA_SET_TABLE, 0)), nft->table) ||
	    !set_parse(name, &set))
		return 0;
	message_reset(&nft->want);
	ruleset_put_set(&nft->want, nft, &set);
	if (!message_match(nft, nlh, SET_NOISE))
		return differs(load, "set", name);
	note_set(&nft->rules, &set);
	return 0;
}

/* The set that a rule looks up first, or "". */
static const char *looked_up(struct attrs rule)
{
	struct attrs list = attrs_of(attrs_find(rule, NFTA_RULE_EXPRESSIONS, 0));
	const struct nlattr *entry;

	attrs_for_each(entry, list) {
		struct attrs expr = attrs_of(entry);

		if (!strcmp(attr_str(attrs_find(expr, NFTA_EXPR_NAME, 0)), "lookup"))
			return attr_str(attrs_find(attrs_of(attrs_find(expr, NFTA_EXPR_DATA, 0)),
						   NFTA_LOOKUP_SET, 0));
	}
	return "";
}

static bool rule_match(struct nft *nft, const struct nlmsghdr *nlh, const struct rule_id *rule)
{
	message_reset(&nft->want);
	ruleset_put_rule(&nft->want, nft, rule, 0);
	return message_match(nft, nlh, RULE_NOISE);
}

static bool see_jump(struct nft *nft, const struct nlmsghdr *nlh, const char *lookup)
{
	struct rule_id rule = { .kind = RULE_JUMP };
	struct set_id set;

	if (!set_parse(lookup, &set) || set.kind != SET_CELLS)
		return false;
	rule.level = set.level;
	if (nft->rules.level[set.level].jump || !rule_match(nft, nlh, &rule))
		return false;
	nft->rules.level[set.level].jump = true;
	return true;
}

static bool see_cell_rule(struct nft *nft, const struct nlmsghdr *nlh, unsigned int level,
			  const char *lookup)
{
	struct level_rules *have = &nft->rules.level[level];
	struct rule_id rule = { .level = level };
	struct set_id set;

	if (!have->tail && set_parse(lookup, &set) && set.kind == SET_ALLOW) {
		rule.kind = RULE_TUPLE;
		rule.tuple = set.tuple;
		if (tuple_set_has(&have->rules, tuple_index(&set.tuple)))
			return false;
		tuple_set_add(&have->rules, tuple_index(&set.tuple));
		return rule_match(nft, nlh, &rule);
	}
	if (have->tail == TAIL_RULES)
		return false;
	rule.kind = RULE_DENIED + have->tail++;
	return rule_match(nft, nlh, &rule);
}

static int see_rule(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct load *load = arg;
	const char *chain = attr_str(attrs_find(attrs, NFTA_RULE_CHAIN, 0));
	unsigned int level = chain_parse(chain);
	const char *lookup = looked_up(attrs);
	bool ours = true;

	if (strcmp(attr_str(attrs_find(attrs, NFTA_RULE_TABLE, 0)), load->nft->table))
		return 0;
	if (level)
		ours = see_cell_rule(load->nft, nlh, level, lookup);
	else if (!strcmp(chain, NFT_OUTPUT))
		ours = see_jump(load->nft, nlh, lookup);
	return ours ? 0 : differs(load, "a rule is missing, foreign or misplaced in chain", chain);
}

static int dump_table(struct load *load, unsigned int type, uint16_t table_attr,
		      int (*each)(const struct nlmsghdr *nlh, void *arg))
{
	struct nft *nft = load->nft;
	int r;

	message_reset(&nft->conn.out);
	message_begin(&nft->conn.out, type, NLM_F_DUMP);
	message_put_str(&nft->conn.out, table_attr, nft->table);
	r = conn_dump(&nft->conn, each, load, &load->err);
	if (r == -ENOENT)	/* the table went away meanwhile */
		return -EAGAIN;
	return r;
}

static int check_level(struct load *load, unsigned int level)
{
	const struct level_rules *have = &load->nft->rules.level[level];
	struct set_id set = { .kind = SET_ALLOW, .level = level };
	struct name chain = chain_name(level), name;
	unsigned int i;

	for (i = 0; i < TUPLES; i++) {
		if (tuple_set_has(&have->sets, i) == tuple_set_has(&have->rules, i))
			continue;
		set.tuple = tuple_at(i);
		name = set_name(&set);
		return differs(load, "set or rule missing of", name.text);
	}
	if (!have->jump)
		return differs(load, "no jump to chain", chain.text);
	if (have->tail != TAIL_RULES)
		return differs(load, "a rule is missing at the end of chain", chain.text);
	set = (struct set_id) { .kind = have->cells ? SET_DENIED : SET_CELLS, .level = level };
	name = set_name(&set);
	if (!have->cells || !have->denied)
		return differs(load, "missing set", name.text);
	return 0;
}

/* Each unit is made in one transaction, so it is there whole or not at all. */
static int check_complete(struct load *load)
{
	static const struct level_rules nothing;
	const struct ruleset *rules = &load->nft->rules;
	unsigned int level;
	int r;

	if (!rules->output)
		return differs(load, "missing chain", NFT_OUTPUT);
	if (!rules->ids || !rules->uids)
		return differs(load, "missing set", rules->ids ? "uids" : "ids");
	for (level = 1; level < NFT_LEVELS; level++) {
		if (!memcmp(&rules->level[level], &nothing, sizeof(nothing)))
			continue;
		r = check_level(load, level);
		if (r < 0)
			return r;
	}
	return 0;
}

static int see_gen(const struct reply *reply, void *arg)
{
	uint32_t *gen = arg;

	*gen = ruleset_gen(reply->nlh);
	return 0;
}

static int load_parts(struct load *load)
{
	int r;

	r = load_head(load);
	if (r < 0 || !load->nft->rules.table)
		return r;
	r = dump_table(load, NFT_MSG_GETSET, NFTA_SET_TABLE, see_set);
	if (!r)
		r = dump_table(load, NFT_MSG_GETRULE, NFTA_RULE_TABLE, see_rule);
	return r ? r : check_complete(load);
}

/* A difference counts only if nobody committed while it was being looked at. */
static int load_once(struct load *load)
{
	struct nft *nft = load->nft;
	struct error err = { 0 };
	uint32_t gen = 0;
	int r, asked;

	memset(&nft->rules, 0, sizeof(nft->rules));
	load->err = (struct error) { 0 };
	r = load_parts(load);
	if (r < 0 && r != -EUCLEAN)
		return r;
	message_reset(&nft->conn.out);
	message_begin(&nft->conn.out, NFT_MSG_GETGEN, 0);
	asked = conn_ask(&nft->conn, see_gen, &gen, &err);
	if (asked < 0 || gen != nft->rules.gen) {
		load->err = err;
		return asked < 0 ? asked : -EAGAIN;
	}
	nft->rules.valid = nft->rules.dumped = !r;
	return r;
}

int ruleset_load(struct nft *nft, struct error *err)
{
	struct load load = { .nft = nft };
	struct retry retry = { 0 };
	int r;

	do {
		r = load_once(&load);
	} while ((r == -EAGAIN || r == -ENOBUFS) && retry_wait(&retry));
	if (r < 0) {
		err_set(&load.err, CONN_STEP, r, "cannot read the table inet %s", nft->table);
		if (err && !err_is_set(err))
			*err = load.err;
	}
	return r;
}
