// SPDX-License-Identifier: MIT
/*
 * Changing a cell that is in force: other rules, and what another program took
 * from it put back. A packet meets the table before or after a transaction,
 * never in between.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "nft/elements.h"
#include "nft/explain.h"
#include "nft/retry.h"
#include "nft/ruleset.h"
#include "nft/shrink.h"

/* Which keys only one of two policies has; both are sorted. */
struct difference {
	struct element_mask gone;
	struct element_mask come;
};

static void compare(const struct egress_policy *old, const struct egress_policy *new,
		    struct difference *ret)
{
	unsigned int i = 0, k = 0;
	int order;

	*ret = (struct difference) { 0 };
	while (i < old->n_keys || k < new->n_keys) {
		if (i == old->n_keys)
			order = 1;
		else if (k == new->n_keys)
			order = -1;
		else
			order = key_compare(&old->keys[i], &new->keys[k]);
		if (order < 0)
			element_mask_add(&ret->gone, i);
		else if (order > 0)
			element_mask_add(&ret->come, k);
		i += order <= 0;
		k += order >= 0;
	}
}

static int outcome_unknown(struct error *err)
{
	if (err)
		*err = (struct error) { 0 };
	err_set(err, CONN_STEP, EBADMSG, "the answer of nf_tables is lost: which rules are in force "
		"is not known");
	err_hint(err, "do it again");
	return -EBADMSG;
}

/* Some of a cell's keys, by number. */
struct picked {
	const struct nft_cell *cell;
	uint16_t number[CELLOS_KEYS_MAX];
};

static void picked_element(const struct element_list *list, unsigned int i, struct element *ret)
{
	const struct picked *picked = list->arg;
	const struct element_list all = policy_elements(picked->cell);

	all.at(&all, picked->number[i], ret);
}

static int see_gone(unsigned int i, const struct element *element,
		    const struct element_state *state, void *arg)
{
	(void)i;
	(void)element;
	(void)arg;
	return state->taken ? -EBADMSG : 0;
}

/* That what is to be there is there says nothing of what is not to be there any more. */
static int check_gone(struct nft *nft, const struct nft_cell *cell,
		      const struct element_mask *gone, struct error *err)
{
	struct picked picked = { .cell = cell };
	struct element_list list = { .at = picked_element, .arg = &picked };
	uint32_t gen = 0;
	unsigned int i;
	int r;

	for (i = 0; i < cell->policy->n_keys; i++)
		if (element_mask_has(gone, i))
			picked.number[list.n++] = (uint16_t)i;
	r = elements_read(nft, &list, see_gone, NULL, &gen, err);
	/* A look that failed leaves it as open as one that saw something. */
	return r < 0 ? outcome_unknown(err) : r;
}

static int replace_once(struct nft *nft, const struct nft_cell *cell,
			const struct nft_cell *next, const struct difference *change,
			struct error *err)
{
	struct element_list gone = policy_elements(cell), come = policy_elements(next);
	struct needs needs = cell_needs(next);
	struct culprit culprit;
	struct batch batch;
	bool grew;
	int r = 0;

	if (!nft->rules.valid)
		r = ruleset_load(nft, err);
	if (!r && !nft->rules.level[cell->level].sets)
		r = err_set(err, CONN_STEP, EUCLEAN, "the rules that govern level %u are gone",
			    cell->level);
	if (!r)
		r = ruleset_make_room(nft, cell->level, &needs.tuples, err);
	if (r < 0)
		return r;
	conn_begin(&nft->conn, nft->rules.gen);
	grew = ruleset_put_missing(nft, cell->level, &needs);
	elements_put(nft, &gone, &change->gone, NFT_MSG_DELSETELEM, 0);
	elements_put(nft, &come, &change->come, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	if (nft->conn.out.count == 1)
		return 0;
	r = conn_commit(&nft->conn, &batch, err);
	if (r < 0) {
		nft->rules.valid = nft->rules.valid && !grew && r != -ERESTART;
		if (r == -ERESTART)
			return r;
		if (batch.unknown)
			return outcome_unknown(err);
		culprit = culprit_of(nft, next, &batch);
		return r == -ENOENT ? err_set(err, CONN_STEP, EUCLEAN,
					      "elements of the cell are missing in the table") :
				      explain_batch(&culprit, &batch, err);
	}
	ruleset_next_gen(&nft->rules);
	nft->rules.dumped = nft->rules.dumped && !grew;
	return 0;
}

int nft_cell_replace(struct nft *nft, const struct nft_cell *cell,
		     const struct egress_policy *policy, struct error *err)
{
	struct nft_cell next = *cell;
	struct difference change;
	struct retry retry = { 0 };
	int r;

	next.policy = policy;
	compare(cell->policy, policy, &change);
	do {
		r = replace_once(nft, cell, &next, &change, err);
	} while (r == -ERESTART && retry_wait(&retry));
	if (!r)
		r = check_gone(nft, cell, &change.gone, err);
	return r == -ERESTART ? retry_gave_up(err) : r;
}

struct lost {
	struct element_mask mask;
	unsigned int n;
};

static int note_lost(unsigned int i, const struct element *element,
		     const struct element_state *state, void *arg)
{
	struct lost *lost = arg;

	(void)element;
	if (!state->taken) {
		element_mask_add(&lost->mask, i);
		lost->n++;
	}
	return 0;
}

static int restore_once(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct element_list lists[] = { cell_elements(nft, cell), parent_elements(nft, cell) };
	struct needs needs = cell_needs(cell);
	struct lost lost[2] = { 0 };
	struct culprit culprit;
	struct batch batch;
	uint32_t gen[2];
	bool grew;
	int i, r;

	r = ruleset_load(nft, err);
	gen[0] = gen[1] = nft->rules.gen;
	for (i = 0; !r && i < 2; i++)
		r = elements_read(nft, &lists[i], note_lost, &lost[i], &gen[i], err);
	if (r < 0)
		return r;
	if (gen[0] != nft->rules.gen || gen[1] != nft->rules.gen)
		return -ERESTART;
	conn_begin(&nft->conn, nft->rules.gen);
	grew = ruleset_put_missing(nft, cell->level, &needs);
	if (lost[0].n)
		flow_chains_put(nft, cell);
	for (i = 0; i < 2; i++)
		elements_put(nft, &lists[i], &lost[i].mask, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	if (nft->conn.out.count == 1)
		return 0;
	r = conn_commit(&nft->conn, &batch, err);
	nft->rules.valid = false;
	if (!r)
		return (int)(lost[0].n + lost[1].n) + grew;
	culprit = culprit_of(nft, cell, &batch);
	return r == -ERESTART ? r : explain_batch(&culprit, &batch, err);
}

int nft_cell_restore(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct retry retry = { 0 };
	int r;

	do {
		r = restore_once(nft, cell, err);
	} while (r == -ERESTART && retry_wait(&retry));
	return r == -ERESTART ? retry_gave_up(err) : r;
}
