// SPDX-License-Identifier: MIT
/*
 * Taking a cell out. In the common case everything of the cell is there: its
 * identity is read, and the rest deleted on trust. A cell that is gone in part
 * is read whole, for deleting what is not there fails the transaction.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "nft/elements.h"
#include "nft/last.h"
#include "nft/remove.h"
#include "nft/retry.h"
#include "nft/ruleset.h"

/**
 * struct sight - what is known before a removal
 * @gen: generation that it is true of
 * @others: reply to others_get() about ids: 1, 0 or -EAGAIN
 * @level_others: about cells<L>
 * @seen: identity elements that are the cell's
 * @mask: which
 */
struct sight {
	struct nft *nft;
	const struct nft_cell *cell;
	struct element_list elements;
	uint32_t gen;
	int others;
	int level_others;
	unsigned int seen;
	struct element_mask mask;
	struct error *err;
};

/* The last of the identity elements says that the cell is in its level. */
static struct element level_element(const struct sight *sight)
{
	struct element element;

	sight->elements.at(&sight->elements,
			   cell_identity_elements(sight->nft, sight->cell) - 1, &element);
	element.set.kind = SET_CELLS;
	return element;
}

static int see_element(struct sight *sight, unsigned int i, const struct reply *reply)
{
	struct element_state state;
	struct element element;
	int r;

	sight->elements.at(&sight->elements, i, &element);
	r = element_judge(&element, reply, &state, sight->err);
	if (r < 0 || !state.found)
		return r;
	sight->seen++;
	element_mask_add(&sight->mask, i);
	return 0;
}

/* Replies: generation, identity elements, others, others of the level. */
static int see_identity(const struct reply *reply, void *arg)
{
	struct sight *sight = arg;
	unsigned int n = cell_identity_elements(sight->nft, sight->cell);

	if (!reply->index) {
		sight->gen = ruleset_gen(reply->nlh);
		if (sight->gen)
			return 0;
		return err_set(sight->err, CONN_STEP, reply->error ? reply->error : EPROTO,
			       "cannot read nf_tables");
	}
	if (reply->index <= n)
		return see_element(sight, reply->index - 1, reply);
	if (reply->index == n + 1)
		sight->others = others_judge(reply, element_mask_has(&sight->mask, 0));
	else
		sight->level_others = others_judge(reply, sight->cell->governed &&
						   element_mask_has(&sight->mask, n - 1));
	return 0;
}

static int read_identity(struct nft *nft, struct sight *sight)
{
	struct message *m = &nft->conn.out;
	struct element element;
	unsigned int i;

	message_reset(m);
	message_begin(m, NFT_MSG_GETGEN, 0);
	for (i = 0; i < cell_identity_elements(nft, sight->cell); i++) {
		sight->elements.at(&sight->elements, i, &element);
		element_get(m, nft, &element);
	}
	element = id_element(sight->cell->parent_id, sight->cell->id, sight->cell->cgroup_id);
	others_get(m, nft, &element, &nft->ids);
	element = level_element(sight);
	others_get(m, nft, &element, &nft->cells);
	return conn_ask(&nft->conn, see_identity, sight, sight->err);
}

static int note_found(unsigned int i, const struct element *element,
		      const struct element_state *state, void *arg)
{
	struct element_mask *mask = arg;

	(void)element;
	if (state->found)
		element_mask_add(mask, i);
	return 0;
}

/* Sends a transaction of deletions. What was known stays so, if it was of @gen. */
static int commit_deletion(struct nft *nft, uint32_t gen, const char *what, struct error *err)
{
	bool known = nft->rules.valid && nft->rules.gen == gen;
	struct batch batch;
	int r;

	r = conn_commit(&nft->conn, &batch, err);
	if (!r && known)
		ruleset_next_gen(&nft->rules);
	else
		nft->rules.valid = false;
	if (r == -ENOENT || r == -ERESTART)
		return -ERESTART;
	return r < 0 ? err_set(err, CONN_STEP, r, "cannot remove %s%s%s", what,
			       *batch.text ? ": " : "", batch.text) : 0;
}

/* With an entry of a map the chain goes that it jumps to. */
static void put_flow_chains(struct nft *nft, const struct selection *what)
{
	struct element element;
	uint64_t cgroup_id;
	unsigned int i;

	for (i = 0; i < what->list.n; i++) {
		what->list.at(&what->list, i, &element);
		if (!set_logs(element.set.kind) || !element_mask_has(what->mask, i))
			continue;
		memcpy(&cgroup_id, element.key, 8);
		flow_chain_put_removal(nft, flow_chain_name(element.set.kind, cgroup_id).text);
	}
}

int elements_delete(struct nft *nft, const struct selection *what, unsigned int n, uint32_t gen,
		    struct error *err)
{
	conn_begin(&nft->conn, gen);
	for (; n--; what++) {
		elements_put(nft, &what->list, what->mask, NFT_MSG_DELSETELEM, 0);
		put_flow_chains(nft, what);
	}
	if (nft->conn.out.count == 1)
		return 0;
	return commit_deletion(nft, gen, "elements", err);
}

int table_delete(struct nft *nft, uint32_t gen, struct error *err)
{
	int r;

	conn_begin(&nft->conn, gen);
	message_begin(&nft->conn.out, NFT_MSG_DELTABLE, 0);
	message_put_str(&nft->conn.out, NFTA_TABLE_NAME, nft->table);
	r = commit_deletion(nft, gen, "the table", err);
	if (r < 0)
		return r;
	ruleset_note_none(&nft->rules, gen);
	ruleset_next_gen(&nft->rules);
	return 0;
}

static int see_table(const struct reply *reply, void *arg)
{
	uint32_t *gen = arg;

	if (!reply->index)
		*gen = ruleset_gen(reply->nlh);
	else if (reply->error)
		*gen = 0;
	return 0;
}

int table_find(struct nft *nft, uint32_t *ret_gen, struct error *err)
{
	struct message *m = &nft->conn.out;

	message_reset(m);
	message_begin(m, NFT_MSG_GETGEN, 0);
	message_begin(m, NFT_MSG_GETTABLE, 0);
	message_put_str(m, NFTA_TABLE_NAME, nft->table);
	return conn_ask(&nft->conn, see_table, ret_gen, err);
}

/*
 * Is what is known of the ruleset true of @gen? Else it is read. Return: 1; 0: the
 * table is not as it has to be, so nothing static is touched; -ERESTART.
 */
static int know_rules(struct nft *nft, uint32_t gen)
{
	int r;

	if (nft->rules.valid && nft->rules.gen == gen)
		return 1;
	r = ruleset_load(nft, NULL);
	if (r == -EUCLEAN)
		return 0;
	return !r && nft->rules.gen == gen ? 1 : -ERESTART;
}

/* With the last cell of a level its sets, chains and rules go. 1: done. */
static int remove_level(struct nft *nft, const struct sight *sight)
{
	unsigned int n = cell_identity_elements(nft, sight->cell);
	struct element_list registry = sight->elements;
	int r;

	if (sight->level_others > 0 || !element_mask_has(&sight->mask, n - 1))
		return 0;
	r = level_is_only(nft, sight->cell, !sight->level_others, sight->err);
	if (r > 0)
		r = know_rules(nft, sight->gen);
	if (r <= 0 || !nft->rules.level[sight->cell->level].sets)
		return r < 0 ? r : 0;
	registry.n = n - 1;
	conn_begin(&nft->conn, sight->gen);
	elements_put(nft, &registry, &sight->mask, NFT_MSG_DELSETELEM, 0);
	ruleset_put_level_removal(nft, sight->cell->level);
	flow_chains_remove(nft, sight->cell);
	r = commit_deletion(nft, sight->gen, "the level's rules", sight->err);
	return r < 0 ? r : 1;
}

static int read_mask(struct nft *nft, struct selection *what, struct element_mask *mask,
		     uint32_t gen, struct error *err)
{
	uint32_t now = gen;
	int r;

	*mask = (struct element_mask) { 0 };
	what->mask = mask;
	r = elements_read(nft, &what->list, note_found, mask, &now, err);
	return r < 0 ? r : now == gen ? 0 : -ERESTART;
}

/* @whole: read every element first; else all that belongs to the cell is there. */
static int remove_elements(struct nft *nft, struct sight *sight, bool whole)
{
	struct selection what = { .list = sight->elements };
	int r = 0;

	if (whole || sight->seen < cell_identity_elements(nft, sight->cell))
		r = read_mask(nft, &what, &sight->mask, sight->gen, sight->err);
	return r ? r : elements_delete(nft, &what, 1, sight->gen, sight->err);
}

static int remove_once(struct nft *nft, const struct nft_cell *cell, bool whole,
		       struct error *err)
{
	struct sight sight = {
		.nft = nft, .cell = cell, .elements = cell_elements(nft, cell), .err = err,
	};
	int r;

	r = read_identity(nft, &sight);
	if (r < 0)
		return r;
	if (element_mask_has(&sight.mask, 0) && sight.others <= 0) {
		r = table_is_only(nft, cell, !sight.others, err);
		if (r)
			return r < 0 ? r : table_delete(nft, sight.gen, err);
	}
	r = remove_level(nft, &sight);
	return r ? (r < 0 ? r : 0) : remove_elements(nft, &sight, whole);
}

/* A table of that name may be another's: it is ours if there is anything of the cell in it. */
static int remove_private(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct element_mask mask = { 0 };
	struct selection what = { .list = cell_elements(nft, cell) };
	uint32_t gen;
	unsigned int i;
	int r;

	r = table_find(nft, &gen, err);
	if (r < 0 || !gen)
		return r;
	r = read_mask(nft, &what, &mask, gen, err);
	for (i = 0; !r && i < what.list.n; i++)
		if (element_mask_has(&mask, i))
			return table_delete(nft, gen, err);
	return r;
}

int nft_cell_remove(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct retry retry = { 0 };
	bool whole = false;
	int r;

	do {
		r = nft->private ? remove_private(nft, cell, err) : remove_once(nft, cell, whole, err);
		whole = true;
	} while (r == -ERESTART && retry_wait(&retry));
	return r == -ERESTART ? retry_gave_up(err) : r;
}

static int release_once(struct nft *nft, const struct nft_cell *parent, struct error *err)
{
	struct selection what = { .list = parent_elements(nft, parent) };
	struct element_mask mask;
	uint32_t gen;
	int r;

	r = table_find(nft, &gen, err);
	if (r < 0 || !gen)
		return r;
	r = read_mask(nft, &what, &mask, gen, err);
	return r ? r : elements_delete(nft, &what, 1, gen, err);
}

int nft_parent_release(struct nft *nft, uint64_t parent_id, unsigned int level,
		       struct error *err)
{
	const struct nft_cell parent = {
		.parent_id = parent_id, .level = level, .governed = true,
	};
	struct retry retry = { 0 };
	int r;

	do {
		r = release_once(nft, &parent, err);
	} while (r == -ERESTART && retry_wait(&retry));
	return r == -ERESTART ? retry_gave_up(err) : r;
}

static int sweep_level(struct nft *nft, unsigned int level, struct error *err)
{
	/* No cell is like this one: its level has no others if it has none. */
	const struct nft_cell none = { .cgroup_id = 0, .level = level, .governed = true };
	uint32_t gen = nft->rules.gen;
	int r;

	r = level_is_only(nft, &none, false, err);
	if (r <= 0)
		return r;
	conn_begin(&nft->conn, gen);
	ruleset_put_level_removal(nft, level);
	return commit_deletion(nft, gen, "a level's rules", err);
}

static int sweep_levels_once(struct nft *nft, struct error *err)
{
	unsigned int level;
	int r;

	r = ruleset_load(nft, NULL);
	if (r < 0)
		return r == -EUCLEAN ? 0 : err_set(err, CONN_STEP, r, "cannot read the table");
	for (level = 1; !r && level < NFT_LEVELS; level++)
		if (nft->rules.level[level].sets)
			r = sweep_level(nft, level, err);
	return r;
}

int levels_sweep(struct nft *nft, struct error *err)
{
	struct retry retry = { 0 };
	int r;

	do {
		r = sweep_levels_once(nft, err);
	} while (r == -ERESTART && retry_wait(&retry));
	return r == -ERESTART ? retry_gave_up(err) : r;
}
