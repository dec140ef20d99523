// SPDX-License-Identifier: MIT
/*
 * Reading the static parts back. The sets come first, for what rules there have
 * to be follows from them (rules.h); then each rule of our chains is compared
 * with the one of its place. Other chains cannot be reached from ours.
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
			 BIT(NFTA_SET_USERDATA) | BIT(NFTA_SET_DATA_LEN) | \
			 BIT(19) | BIT(20))

/*
 * @err: its own, for the snapshot may prove inconsistent
 * @chain: whose rules are coming; its next one has to be number @next
 * @seen: by level (0: shared by all), a bit for each chain that had rules
 */
struct load {
	struct nft *nft;
	struct error err;
	bool in_chain;
	struct chain_id chain;
	unsigned int next;
	uint32_t seen[NFT_LEVELS];
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

static int see_base_chain(struct load *load, const struct nlmsghdr *nlh, enum chain_kind kind)
{
	const struct chain_id chain = { .kind = kind };
	struct nft *nft = load->nft;

	message_reset(&nft->want);
	ruleset_put_chain(&nft->want, nft, &chain, 0);
	if (message_match(nft, nlh, CHAIN_NOISE))
		return 0;
	return differs(load, "chain", chain_name(&chain).text);
}

/* Replies: generation, table, base chains. */
static int see_head(const struct reply *reply, void *arg)
{
	struct load *load = arg;

	if (reply->error == -ENOENT && reply->index <= 1)
		return 0;
	if (reply->error == -ENOENT && !load->nft->rules.table)
		return 0;
	if (reply->error == -ENOENT)
		return differs(load, "missing chain", reply->index == 2 ? "output" : "input");
	if (reply->error) {
		err_set(&load->err, CONN_STEP, reply->error, "cannot read nf_tables%s%s",
			*reply->text ? ": " : "", reply->text);
		if (reply->error == -EPERM)
			err_hint(&load->err, "CAP_NET_ADMIN is needed");
		return reply->error;
	}
	if (reply->index == 1)
		return see_table(load, reply->nlh);
	if (reply->index >= 2)
		return see_base_chain(load, reply->nlh, CHAIN_OUTPUT + reply->index - 2);
	load->nft->rules.gen = ruleset_gen(reply->nlh);
	return 0;
}

static int load_head(struct load *load)
{
	struct chain_id chain = { .kind = CHAIN_OUTPUT };
	struct nft *nft = load->nft;
	struct message *m = &nft->conn.out;

	message_reset(m);
	message_begin(m, NFT_MSG_GETGEN, 0);
	message_begin(m, NFT_MSG_GETTABLE, 0);
	message_put_str(m, NFTA_TABLE_NAME, nft->table);
	for (; chain.kind <= CHAIN_INPUT; chain.kind++) {
		struct name name = chain_name(&chain);

		message_begin(m, NFT_MSG_GETCHAIN, 0);
		message_put_str(m, NFTA_CHAIN_TABLE, nft->table);
		message_put_str(m, NFTA_CHAIN_NAME, name.text);
	}
	return conn_ask(&nft->conn, see_head, load, &load->err);
}

static void note_set(struct ruleset *rules, const struct set_id *set)
{
	struct level_rules *level = &rules->level[set->level];

	if (set->kind == SET_ALLOW)
		tuple_set_add(&level->tuples, tuple_index(&set->tuple));
	else if (set->kind >= SET_CELLS)
		level->sets |= SET_BIT(set->kind);
	else
		rules->sets |= SET_BIT(set->kind);
}

static int see_set(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct load *load = arg;
	struct nft *nft = load->nft;
	const char *name = attr_str(attrs_find(attrs, NFTA_SET_NAME, 0));
	struct set_id set;

	if (strcmp(attr_str(attrs_find(attrs, NFTA_SET_TABLE, 0)), nft->table) ||
	    !set_parse(name, &set) || !table_has_set(nft, set.kind))
		return 0;
	message_reset(&nft->want);
	ruleset_put_set(&nft->want, nft, &set, 0);
	if (!message_match(nft, nlh, SET_NOISE))
		return differs(load, "set", name);
	note_set(&nft->rules, &set);
	return 0;
}

static int differs_in_chain(struct load *load)
{
	return differs(load, "a rule is missing, foreign or misplaced in chain",
		       chain_name(&load->chain).text);
}

/* The chain before is complete if no rule is left that would have to come. */
static int begin_chain(struct load *load, const struct chain_id *chain)
{
	struct rule rule;
	int r = 0;

	if (load->in_chain && chain_rule(load->nft, &load->chain, load->next, &rule))
		r = differs_in_chain(load);
	load->in_chain = chain;
	load->next = 0;
	if (!r && chain) {
		load->chain = *chain;
		load->seen[chain->level] |= 1U << chain->kind;
	}
	return r;
}

static bool is_in(const struct load *load, const struct chain_id *chain)
{
	return load->in_chain && load->chain.kind == chain->kind &&
	       load->chain.level == chain->level;
}

/* Is the rule of a chain that logs one that does nothing else? */
static bool is_log(struct attrs rule)
{
	struct attrs list = attrs_of(attrs_find(rule, NFTA_RULE_EXPRESSIONS, 0));
	struct attrs first = attrs_of(attrs_find(list, NFTA_LIST_ELEM, 0));

	return !strcmp(attr_str(attrs_find(first, NFTA_EXPR_NAME, 0)), "log") &&
	       !attrs_find(list, NFTA_LIST_ELEM, 1);
}

static int see_rule(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct load *load = arg;
	struct nft *nft = load->nft;
	struct chain_id chain;
	struct rule rule;
	int r = 0;

	const char *name = attr_str(attrs_find(attrs, NFTA_RULE_CHAIN, 0));

	if (strcmp(attr_str(attrs_find(attrs, NFTA_RULE_TABLE, 0)), nft->table))
		return 0;
	if (flow_chain_parse(name) && !is_log(attrs))
		return differs(load, "a foreign rule in chain", name);
	if (!chain_parse(name, &chain) || !chain_wanted(nft, &chain))
		return 0;
	if (!is_in(load, &chain))
		r = begin_chain(load, &chain);
	if (r < 0)
		return r;
	if (!chain_rule(nft, &chain, load->next++, &rule))
		return differs_in_chain(load);
	message_reset(&nft->want);
	ruleset_put_rule(&nft->want, nft, &chain, &rule, 0);
	return message_match(nft, nlh, RULE_NOISE) ? 0 : differs_in_chain(load);
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

/* Chains without any rule are in no dump of rules. */
static int check_seen(struct load *load, unsigned int level)
{
	struct chain_id chain = { .kind = level ? CHAIN_CELL : CHAIN_OUTPUT, .level = level };
	enum chain_kind end = level ? CHAIN_COUNT : CHAIN_CELL;
	struct rule rule;

	for (; chain.kind < end; chain.kind++) {
		if (!chain_wanted(load->nft, &chain) ||
		    !chain_rule(load->nft, &chain, 0, &rule) ||
		    load->seen[level] & 1U << chain.kind)
			continue;
		load->chain = chain;
		return differs_in_chain(load);
	}
	return 0;
}

static int check_sets(struct load *load, uint32_t missing, unsigned int level)
{
	struct set_id set = { .kind = SET_IDS, .level = level };

	if (!missing)
		return 0;
	while (!(missing & SET_BIT(set.kind)))
		set.kind++;
	return differs(load, "missing set", set_name(&set).text);
}

/* A level is made in one transaction, so it is there whole or not at all. */
static int check_complete(struct load *load)
{
	static const struct level_rules nothing;
	const struct ruleset *rules = &load->nft->rules;
	uint32_t registry = load->nft->private ? 0 : SET_BIT(SET_IDS) | SET_BIT(SET_UIDS);
	unsigned int level;
	int r;

	r = check_sets(load, registry & ~rules->sets, 0);
	if (!r)
		r = check_seen(load, 0);
	for (level = 1; !r && level < NFT_LEVELS; level++) {
		if (!memcmp(&rules->level[level], &nothing, sizeof(nothing)))
			continue;
		r = check_sets(load, level_sets(load->nft) & ~rules->level[level].sets, level);
		if (!r)
			r = check_seen(load, level);
	}
	return r;
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
	if (!r)
		r = begin_chain(load, NULL);
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
	*load = (struct load) { .nft = nft };
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
	bool differed = false;
	int r;

	do {
		r = load_once(&load);
		if (r != -EUCLEAN || differed)
			continue;
		/* It may be another transaction's doing: a difference is seen twice. */
		differed = true;
		r = conn_settle(&nft->conn, NULL) ? : -EAGAIN;
	} while ((r == -EAGAIN || r == -ENOBUFS) && retry_wait(&retry));
	if (r < 0) {
		err_set(&load.err, CONN_STEP, r, "cannot read the table inet %s", nft->table);
		if (err && !err_is_set(err))
			*err = load.err;
	}
	return r;
}
