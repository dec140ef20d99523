// SPDX-License-Identifier: MIT
/*
 * Taking a cell out. In the common case everything of the cell is there: its
 * identity is read, and the rest deleted on trust. A cell that is gone in part
 * is read whole, for deleting what is not there fails the transaction.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>

#include "nft/elements.h"
#include "nft/last.h"
#include "nft/remove.h"
#include "nft/retry.h"
#include "nft/ruleset.h"

/**
 * struct sight - what is known before a removal
 * @gen: generation that it is true of
 * @others: reply to others_get(): 1, 0 or -EAGAIN
 * @seen: identity elements that are the cell's
 * @id: the one in ids is the cell's
 */
struct sight {
	const struct nft_cell *cell;
	struct element_list elements;
	uint32_t gen;
	int others;
	unsigned int seen;
	bool id;
	struct error *err;
};

static int see_element(struct sight *sight, unsigned int i, const struct reply *reply)
{
	struct element_state state;
	struct element element;
	int r;

	sight->elements.at(&sight->elements, i, &element);
	r = element_judge(&element, reply, &state, sight->err);
	if (r < 0)
		return r;
	sight->seen += state.found;
	if (!i)
		sight->id = state.found;
	return 0;
}

/* Replies: generation, identity elements, others. */
static int see_identity(const struct reply *reply, void *arg)
{
	struct sight *sight = arg;

	if (!reply->index) {
		sight->gen = ruleset_gen(reply->nlh);
		if (sight->gen)
			return 0;
		return err_set(sight->err, CONN_STEP, reply->error ? reply->error : EPROTO,
			       "cannot read nf_tables");
	}
	if (reply->index <= cell_identity_elements(sight->cell))
		return see_element(sight, reply->index - 1, reply);
	sight->others = others_judge(reply, sight->id);
	return 0;
}

static int read_identity(struct nft *nft, struct sight *sight)
{
	struct message *m = &nft->conn.out;
	struct element element;
	unsigned int i;

	message_reset(m);
	message_begin(m, NFT_MSG_GETGEN, 0);
	for (i = 0; i < cell_identity_elements(sight->cell); i++) {
		sight->elements.at(&sight->elements, i, &element);
		element_get(m, nft, &element);
	}
	others_get(m, nft, sight->cell);
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

int elements_delete(struct nft *nft, const struct element_list *list,
		    const struct element_mask *mask, uint32_t gen, struct error *err)
{
	bool known = nft->rules.valid && nft->rules.gen == gen;
	struct batch batch;
	int r;

	conn_begin(&nft->conn, gen);
	elements_put(nft, list, mask, NFT_MSG_DELSETELEM, 0);
	if (nft->conn.out.count == 1)
		return 0;
	r = conn_commit(&nft->conn, &batch, err);
	if (r == -ENOENT || r == -ERESTART)
		return -ERESTART;
	if (r < 0)
		return err_set(err, CONN_STEP, r, "cannot remove elements%s%s",
			       *batch.text ? ": " : "", batch.text);
	if (known)
		ruleset_next_gen(&nft->rules);
	else
		nft->rules.valid = false;
	return 0;
}

int table_delete(struct nft *nft, uint32_t gen, struct error *err)
{
	struct batch batch;
	int r;

	conn_begin(&nft->conn, gen);
	message_begin(&nft->conn.out, NFT_MSG_DELTABLE, 0);
	message_put_str(&nft->conn.out, NFTA_TABLE_NAME, nft->table);
	r = conn_commit(&nft->conn, &batch, err);
	if (r == -ENOENT || r == -ERESTART)
		return -ERESTART;
	if (r < 0)
		return err_set(err, CONN_STEP, r, "cannot delete the table%s%s",
			       *batch.text ? ": " : "", batch.text);
	ruleset_note_none(&nft->rules, gen);
	ruleset_next_gen(&nft->rules);
	return 0;
}

/* @whole: read every element first. */
static int remove_once(struct nft *nft, const struct nft_cell *cell, bool whole,
		       struct error *err)
{
	struct sight sight = { .cell = cell, .elements = cell_elements(cell), .err = err };
	struct element_mask mask = { 0 };
	uint32_t gen;
	int r;

	r = read_identity(nft, &sight);
	if (r < 0)
		return r;
	gen = sight.gen;
	if (sight.id && sight.others <= 0) {
		r = table_is_only(nft, cell, !sight.others, err);
		if (r)
			return r < 0 ? r : table_delete(nft, gen, err);
	}
	if (!whole && sight.seen == cell_identity_elements(cell))
		return elements_delete(nft, &sight.elements, NULL, gen, err);
	r = elements_read(nft, &sight.elements, note_found, &mask, &gen, err);
	if (r < 0)
		return r;
	return gen ? elements_delete(nft, &sight.elements, &mask, gen, err) : -ERESTART;
}

int nft_cell_remove(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct retry retry = { 0 };
	bool whole = false;
	int r;

	do {
		r = remove_once(nft, cell, whole, err);
		whole = true;
	} while (r == -ERESTART && retry_wait(&retry));
	if (r == -ERESTART)
		return err_set(err, CONN_STEP, EBUSY,
			       "other programs changed the ruleset without a pause for %d s",
			       RETRY_SECONDS);
	return r;
}
