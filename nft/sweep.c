// SPDX-License-Identifier: MIT
/*
 * Removing what has no cgroup any more. First everything is dumped, then asked
 * whether it still exists: a cell's cgroup is made before its elements, so what
 * is new in between is never taken for an orphan. Then the orphans are read
 * once more, a few at a time, and deleted in transactions that fail if anything
 * changed since.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nft/elements.h"
#include "nft/last.h"
#include "nft/remove.h"
#include "nft/retry.h"

#define CHUNK	256	/* elements in one transaction; at most ELEMENTS_MAX */

/* An element that was found, and whose it is. */
struct found {
	struct set_id set;
	uint64_t cgroup_id;
	uint8_t key[KEY_MAX];
};

struct sweep {
	struct nft *nft;
	struct set_id *sets;
	size_t n_sets;
	size_t at_set;		/* the one that is being dumped */
	struct found *found;
	size_t n_found;
	struct error *err;
};

/* Room for one more; doubles. Return: 0 or -ENOMEM. */
static int grow(void **array, size_t n, size_t size)
{
	void *larger;

	if (n & (n - 1))
		return 0;
	larger = reallocarray(*array, n ? 2 * n : 1, size);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	return 0;
}

static int see_set(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct sweep *sweep = arg;
	void *sets = sweep->sets;
	struct set_id set;

	if (!set_parse(attr_str(attrs_find(attrs, NFTA_SET_NAME, 0)), &set) ||
	    attr_be32(attrs_find(attrs, NFTA_SET_KEY_LEN, 0)) != set_key_size(&set))
		return 0;
	if (grow(&sets, sweep->n_sets, sizeof(*sweep->sets)))
		return -ENOMEM;
	sweep->sets = sets;
	sweep->sets[sweep->n_sets++] = set;
	return 0;
}

/*
 * The owner of what is registered stands beside the key, the others have the
 * cgroup as the first part of it. What has no owner is not ours.
 */
static int see_element(struct sweep *sweep, const struct dumped *dumped)
{
	const struct set_id *set = &sweep->sets[sweep->at_set];
	bool registry = set->kind == SET_IDS || set->kind == SET_UIDS;
	void *all = sweep->found;
	struct found *found;

	if (dumped->key_size != set_key_size(set) || (registry && !dumped->owner))
		return 0;
	if (grow(&all, sweep->n_found, sizeof(*sweep->found)))
		return -ENOMEM;
	sweep->found = all;
	found = &sweep->found[sweep->n_found++];
	*found = (struct found) { .set = *set, .cgroup_id = dumped->owner };
	memcpy(found->key, dumped->key, dumped->key_size);
	if (!registry)
		memcpy(&found->cgroup_id, dumped->key, 8);
	return 0;
}

static int see_elements(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *entry;
	struct dumped dumped;
	int r;

	attrs_for_each(entry, elements_of_message(nlh)) {
		r = element_parse(entry, &dumped) ? see_element(arg, &dumped) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A dump that others disturbed may have missed elements, which is no harm: they
 * are found by the next sweep. A set or table that went away has no orphans.
 */
static int dump(struct sweep *sweep, int (*each)(const struct nlmsghdr *nlh, void *arg))
{
	int r = conn_dump(&sweep->nft->conn, each, sweep, sweep->err);

	if (r == -EAGAIN || r == -ENOENT)
		return 0;
	return r < 0 ? err_set(sweep->err, CONN_STEP, r, "cannot dump the cells' table") : 0;
}

static int dump_all(struct sweep *sweep)
{
	struct message *m = &sweep->nft->conn.out;
	struct name name;
	int r;

	message_reset(m);
	message_begin(m, NFT_MSG_GETSET, NLM_F_DUMP);
	message_put_str(m, NFTA_SET_TABLE, sweep->nft->table);
	r = dump(sweep, see_set);
	for (sweep->at_set = 0; !r && sweep->at_set < sweep->n_sets; sweep->at_set++) {
		name = set_name(&sweep->sets[sweep->at_set]);
		message_reset(m);
		message_begin(m, NFT_MSG_GETSETELEM, NLM_F_DUMP);
		message_put_str(m, NFTA_SET_ELEM_LIST_TABLE, sweep->nft->table);
		message_put_str(m, NFTA_SET_ELEM_LIST_SET, name.text);
		r = dump(sweep, see_elements);
	}
	return r;
}

static int compare_found(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	return (a->cgroup_id > b->cgroup_id) - (a->cgroup_id < b->cgroup_id);
}

/* Keeps the elements of cgroups that do not exist, asking once for each cgroup. */
static void keep_orphans(struct sweep *sweep, bool (*exists)(uint64_t cgroup_id, void *arg),
			 void *arg)
{
	size_t i, kept = 0;
	bool lives = false;

	if (sweep->n_found)
		qsort(sweep->found, sweep->n_found, sizeof(*sweep->found), compare_found);
	for (i = 0; i < sweep->n_found; i++) {
		if (!i || sweep->found[i].cgroup_id != sweep->found[i - 1].cgroup_id)
			lives = exists(sweep->found[i].cgroup_id, arg);
		if (!lives)
			sweep->found[kept++] = sweep->found[i];
	}
	sweep->n_found = kept;
}

static void found_at(const struct element_list *list, unsigned int i, struct element *ret)
{
	const struct found *found = (const struct found *)list->arg + i;
	bool registry = found->set.kind == SET_IDS || found->set.kind == SET_UIDS;

	*ret = (struct element) {
		.set = found->set, .owner = registry ? found->cgroup_id : 0, .rule = NO_RULE,
	};
	memcpy(ret->key, found->key, sizeof(ret->key));
}

struct still {
	struct element_mask mask;
	unsigned int n;
};

static int note_still(unsigned int i, const struct element *element,
		      const struct element_state *state, void *arg)
{
	struct still *still = arg;

	(void)element;
	if (state->found) {
		element_mask_add(&still->mask, i);
		still->n++;
	}
	return 0;
}

/* Return: how many were deleted, or -errno. */
static int delete_chunk(struct nft *nft, const struct element_list *list, struct error *err)
{
	struct retry retry = { 0 };
	struct still still;
	const struct selection what = { *list, &still.mask };
	uint32_t gen;
	int r;

	do {
		still = (struct still) { 0 };
		r = elements_read(nft, list, note_still, &still, &gen, err);
		if (!r)
			r = gen ? elements_delete(nft, &what, 1, gen, err) : -ERESTART;
	} while (r == -ERESTART && retry_wait(&retry));
	return r < 0 ? err_set(err, CONN_STEP, r, "cannot remove orphaned elements") : (int)still.n;
}

struct chains {
	struct nft *nft;
	bool (*exists)(uint64_t cgroup_id, void *arg);
	void *arg;
	char (*names)[NFT_NAME_SIZE];
	size_t n;
};

static int see_chain(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	const char *name = attr_str(attrs_find(attrs, NFTA_CHAIN_NAME, 0));
	uint64_t cgroup_id = flow_chain_parse(name);
	struct chains *chains = arg;
	void *names = chains->names;

	if (strcmp(attr_str(attrs_find(attrs, NFTA_CHAIN_TABLE, 0)), chains->nft->table) ||
	    !cgroup_id || chains->exists(cgroup_id, chains->arg))
		return 0;
	if (grow(&names, chains->n, sizeof(*chains->names)))
		return -ENOMEM;
	chains->names = names;
	strcpy(chains->names[chains->n++], name);
	return 0;
}

/* Chains that logged for cells that are gone. What is still in use stays, and is tried again. */
static int sweep_chains(struct chains *chains, struct error *err)
{
	struct nft *nft = chains->nft;
	struct batch batch;
	uint32_t gen;
	int r;

	message_reset(&nft->conn.out);
	message_begin(&nft->conn.out, NFT_MSG_GETCHAIN, NLM_F_DUMP);
	r = conn_dump(&nft->conn, see_chain, chains, err);
	if (r < 0 || !chains->n)
		return r == -EAGAIN || r == -ENOENT ? 0 : r;
	r = table_find(nft, &gen, err);
	if (r < 0 || !gen)
		return r;
	conn_begin(&nft->conn, gen);
	while (chains->n--)
		flow_chain_put_removal(nft, chains->names[chains->n]);
	r = conn_commit(&nft->conn, &batch, err);
	nft->rules.valid = false;
	return r == -EBUSY || r == -ENOENT || r == -ERESTART ? 0 :
	       r < 0 ? err_set(err, CONN_STEP, r, "cannot remove chains that logged") : 0;
}

static int delete_empty_table(struct nft *nft, struct error *err)
{
	struct retry retry = { 0 };
	uint32_t gen;
	int r;

	do {
		r = table_find(nft, &gen, err);
		if (r < 0 || !gen)
			return r;
		r = table_is_only(nft, NULL, false, err);
		if (r > 0)
			r = table_delete(nft, gen, err);
	} while (r == -ERESTART && retry_wait(&retry));
	return r < 0 ? err_set(err, CONN_STEP, r, "cannot delete the empty table") : 0;
}

static int sweep_orphans(struct sweep *sweep, unsigned int *ret_removed)
{
	struct element_list list = { .at = found_at };
	unsigned int removed = 0;
	size_t at;
	int r;

	for (at = 0; at < sweep->n_found; at += list.n) {
		list.arg = sweep->found + at;
		list.n = CHUNK;
		if (sweep->n_found - at < CHUNK)
			list.n = (unsigned int)(sweep->n_found - at);
		r = delete_chunk(sweep->nft, &list, sweep->err);
		if (r < 0)
			return r;
		removed += (unsigned int)r;
	}
	*ret_removed = removed;
	r = delete_empty_table(sweep->nft, sweep->err);
	return r < 0 ? r : levels_sweep(sweep->nft, sweep->err);
}

int nft_sweep(struct nft *nft, bool (*exists)(uint64_t cgroup_id, void *arg), void *arg,
	      unsigned int *ret_removed, struct error *err)
{
	struct sweep sweep = { .nft = nft, .err = err };
	struct chains chains = { .nft = nft, .exists = exists, .arg = arg };
	int r;

	r = dump_all(&sweep);
	if (!r) {
		keep_orphans(&sweep, exists, arg);
		r = sweep_orphans(&sweep, ret_removed);
	}
	if (!r)
		r = sweep_chains(&chains, err);
	free(chains.names);
	free(sweep.sets);
	free(sweep.found);
	return r;
}
