// SPDX-License-Identifier: MIT
#include "nft/last.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#define SET_COUNT	20	/* NFTA_SET_COUNT, newer than the headers we build with */
#define UNKNOWN		(-1)

/* The number of elements of a dumped set, if this kernel says it. */
static int64_t set_size(const struct nlmsghdr *nlh)
{
	const struct nlattr *count = attrs_find(attrs_of_message(nlh, sizeof(struct nfgenmsg)),
						SET_COUNT, 0);

	return count ? (int64_t)attr_be32(count) : UNKNOWN;
}

void others_get(struct message *m, const struct nft *nft, const struct element *own,
		const struct witness *witness)
{
	struct element seen = { .set = own->set };
	struct name name = set_name(&own->set);

	if (witness->seen && set_equal(&witness->set, &own->set) &&
	    memcmp(witness->key, own->key, set_key_size(&own->set))) {
		memcpy(seen.key, witness->key, sizeof(witness->key));
		element_get(m, nft, &seen);
		return;
	}
	message_begin(m, NFT_MSG_GETSET, 0);
	message_put_str(m, NFTA_SET_TABLE, nft->table);
	message_put_str(m, NFTA_SET_NAME, name.text);
}

int others_judge(const struct reply *reply, bool own)
{
	int64_t size;

	if (reply->error)
		return -EAGAIN;
	if (reply->nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return 1;
	size = set_size(reply->nlh);
	return size == UNKNOWN ? -EAGAIN : size > own;
}

struct other {
	const uint8_t *key;
	size_t size;
	bool seen;
	uint8_t seen_key[KEY_MAX];
};

static int see_other(const struct nlmsghdr *nlh, void *arg)
{
	struct other *other = arg;
	const struct nlattr *entry;
	struct dumped dumped;

	attrs_for_each(entry, elements_of_message(nlh)) {
		if (other->seen || !element_parse(entry, &dumped))
			continue;
		if (other->key && dumped.key_size == other->size &&
		    !memcmp(dumped.key, other->key, other->size))
			continue;
		other->seen = true;
		if (dumped.key_size == other->size)
			memcpy(other->seen_key, dumped.key, other->size);
	}
	return 0;
}

static void note_witness(struct witness *witness, const struct set_id *set,
			 const struct other *other)
{
	*witness = (struct witness) { .seen = other->seen, .set = *set };
	memcpy(witness->key, other->seen_key, sizeof(witness->key));
}

int set_is_only(struct nft *nft, const struct set_id *set, const uint8_t *key, struct error *err)
{
	struct other other = { .key = key, .size = set_key_size(set) };
	struct message *m = &nft->conn.out;
	struct name name = set_name(set);
	int r;

	message_reset(m);
	message_begin(m, NFT_MSG_GETSETELEM, NLM_F_DUMP);
	message_put_str(m, NFTA_SET_ELEM_LIST_TABLE, nft->table);
	message_put_str(m, NFTA_SET_ELEM_LIST_SET, name.text);
	r = conn_dump(&nft->conn, see_other, &other, err);
	if (r == -EAGAIN || r == -ENOENT)
		return -ERESTART;
	if (r < 0)
		return err_set(err, CONN_STEP, r, "cannot read set %s", name.text);
	if (set->kind == SET_IDS || set->kind == SET_CELLS)
		note_witness(set->kind == SET_IDS ? &nft->ids : &nft->cells, set, &other);
	return !other.seen;
}

/* What a dump of the sets says: the levels whose cells have to be looked at. */
struct levels {
	bool other;
	bool look[NFT_LEVELS];
};

static int see_level(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct levels *levels = arg;
	struct set_id set;
	int64_t size;

	if (!set_parse(attr_str(attrs_find(attrs, NFTA_SET_NAME, 0)), &set) ||
	    set.kind != SET_CELLS)
		return 0;
	size = set_size(nlh);
	levels->look[set.level] = size;
	levels->other = levels->other || size > 1;
	return 0;
}

static int see_levels(struct nft *nft, struct levels *levels, struct error *err)
{
	int r;

	message_reset(&nft->conn.out);
	message_begin(&nft->conn.out, NFT_MSG_GETSET, NLM_F_DUMP);
	message_put_str(&nft->conn.out, NFTA_SET_TABLE, nft->table);
	r = conn_dump(&nft->conn, see_level, levels, err);
	if (r == -EAGAIN || r == -ENOENT)
		return -ERESTART;
	return r < 0 ? err_set(err, CONN_STEP, r, "cannot read the sets of cells") : 0;
}

static int ids_are_only(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct element own = { .set = { .kind = SET_IDS } };

	if (cell)
		own = id_element(cell->parent_id, cell->id, cell->cgroup_id);
	return set_is_only(nft, &own.set, cell ? own.key : NULL, err);
}

int table_is_only(struct nft *nft, const struct nft_cell *cell, bool known, struct error *err)
{
	struct set_id set = { .kind = SET_CELLS };
	struct levels levels = { 0 };
	int r = conn_settle(&nft->conn, err);
	bool own;

	if (!r)
		r = known ? 1 : ids_are_only(nft, cell, err);
	if (r > 0)
		r = see_levels(nft, &levels, err) ? : !levels.other;
	for (set.level = 1; r > 0 && set.level < NFT_LEVELS; set.level++) {
		if (!levels.look[set.level])
			continue;
		own = cell && cell->governed && cell->level == set.level;
		r = set_is_only(nft, &set, own ? (const uint8_t *)&cell->cgroup_id : NULL, err);
	}
	return r;
}

int level_is_only(struct nft *nft, const struct nft_cell *cell, bool known, struct error *err)
{
	struct set_id set = { .kind = SET_CELLS, .level = cell->level };
	const uint8_t *own = (const uint8_t *)&cell->cgroup_id;
	int r = conn_settle(&nft->conn, err);

	if (!r)
		r = known ? 1 : set_is_only(nft, &set, cell->governed ? own : NULL, err);
	set.kind = SET_EXEMPT;
	return r > 0 ? set_is_only(nft, &set, cell->governed ? NULL : own, err) : r;
}
