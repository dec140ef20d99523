// SPDX-License-Identifier: MIT
#include "nft/shrink.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nft/attr.h"
#include "nft/last.h"
#include "uapi/cellos.h"

static struct tuple_set join(const struct tuple_set *a, const struct tuple_set *b)
{
	struct tuple_set both;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(both.word); i++)
		both.word[i] = a->word[i] | b->word[i];
	return both;
}

static bool fits(const struct tuple_set *have, const struct tuple_set *needed)
{
	struct tuple_set both = join(have, needed);

	return tuple_set_count(&both, 4) <= CELLOS_TUPLES_MAX &&
	       tuple_set_count(&both, 6) <= CELLOS_TUPLES_MAX;
}

/* Tuples that can go, and the handles of their rules. */
struct unused {
	unsigned int level;
	struct tuple_set tuples;
	uint64_t handle[TUPLES];
};

/* A rule of ours, for the rules were compared: its one lookup names its tuple. */
static int see_handle(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct attrs list = attrs_of(attrs_find(attrs, NFTA_RULE_EXPRESSIONS, 0));
	struct unused *unused = arg;
	const struct nlattr *entry;
	struct set_id set;

	attrs_for_each(entry, list) {
		struct attrs data = attrs_of(attrs_find(attrs_of(entry), NFTA_EXPR_DATA, 0));
		const char *name = attr_str(attrs_find(data, NFTA_LOOKUP_SET, 0));

		if (set_parse(name, &set) && set.kind == SET_ALLOW && set.level == unused->level)
			unused->handle[tuple_index(&set.tuple)] =
				attr_be64(attrs_find(attrs, NFTA_RULE_HANDLE, 0));
	}
	return 0;
}

static int find_handles(struct nft *nft, struct unused *unused, struct error *err)
{
	struct name chain = chain_name(unused->level);
	int r;

	message_reset(&nft->conn.out);
	message_begin(&nft->conn.out, NFT_MSG_GETRULE, NLM_F_DUMP);
	message_put_str(&nft->conn.out, NFTA_RULE_TABLE, nft->table);
	message_put_str(&nft->conn.out, NFTA_RULE_CHAIN, chain.text);
	r = conn_dump(&nft->conn, see_handle, unused, err);
	if (r == -EAGAIN || r == -ENOENT)
		return -ERESTART;
	return r < 0 ? err_set(err, CONN_STEP, r, "cannot read the rules of %s", chain.text) : 0;
}

static int find_unused(struct nft *nft, const struct tuple_set *needed, struct unused *unused,
		       struct error *err)
{
	const struct tuple_set *have = &nft->rules.level[unused->level].sets;
	struct set_id set = { .kind = SET_ALLOW, .level = unused->level };
	unsigned int i;
	int r;

	for (i = 0; i < TUPLES; i++) {
		if (!tuple_set_has(have, i) || tuple_set_has(needed, i))
			continue;
		set.tuple = tuple_at(i);
		r = set_is_only(nft, &set, NULL, err);
		if (r < 0)
			return r;
		if (r)
			tuple_set_add(&unused->tuples, i);
	}
	return find_handles(nft, unused, err);
}

/* delete rule inet cellos cell<L> handle H; delete set inet cellos allow<L>_... */
static void put_deletion(struct nft *nft, const struct unused *unused, unsigned int index)
{
	struct set_id set = {
		.kind = SET_ALLOW, .level = unused->level, .tuple = tuple_at(index)
	};
	struct message *m = &nft->conn.out;
	struct name chain = chain_name(unused->level), name = set_name(&set);

	message_begin(m, NFT_MSG_DELRULE, 0);
	message_put_str(m, NFTA_RULE_TABLE, nft->table);
	message_put_str(m, NFTA_RULE_CHAIN, chain.text);
	message_put_be64(m, NFTA_RULE_HANDLE, unused->handle[index]);
	message_begin(m, NFT_MSG_DELSET, 0);
	message_put_str(m, NFTA_SET_TABLE, nft->table);
	message_put_str(m, NFTA_SET_NAME, name.text);
}

static int delete_unused(struct nft *nft, const struct unused *unused, struct error *err)
{
	struct level_rules *have = &nft->rules.level[unused->level];
	struct batch batch;
	unsigned int i;
	int r;

	conn_begin(&nft->conn, nft->rules.gen);
	for (i = 0; i < TUPLES; i++)
		if (tuple_set_has(&unused->tuples, i))
			put_deletion(nft, unused, i);
	r = conn_commit(&nft->conn, &batch, err);
	if (r < 0 && r != -ERESTART)
		err_set(err, CONN_STEP, r, "cannot remove unused sets%s%s",
			*batch.text ? ": " : "", batch.text);
	if (r < 0)
		return r;
	ruleset_next_gen(&nft->rules);
	for (i = 0; i < ARRAY_SIZE(have->sets.word); i++) {
		have->sets.word[i] &= ~unused->tuples.word[i];
		have->rules.word[i] &= ~unused->tuples.word[i];
	}
	return 0;
}

int ruleset_make_room(struct nft *nft, unsigned int level, const struct tuple_set *needed,
		      struct error *err)
{
	const struct level_rules *have = &nft->rules.level[level];
	struct unused unused = { .level = level };
	struct tuple_set left;
	unsigned int i;
	int r;

	if (!level || fits(&have->sets, needed))
		return 0;
	r = find_unused(nft, needed, &unused, err);
	if (r < 0)
		return r;
	for (i = 0; i < ARRAY_SIZE(left.word); i++)
		left.word[i] = have->sets.word[i] & ~unused.tuples.word[i];
	if (fits(&left, needed))
		return delete_unused(nft, &unused, err);
	err_set(err, CONN_STEP, E2BIG, "level %u: the live cells and this one need more than %d "
		"pairs of prefix length and port mask", level, CELLOS_TUPLES_MAX);
	err_hint(err, "use fewer different prefix lengths, and single ports rather than ranges");
	return -E2BIG;
}
