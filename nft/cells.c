// SPDX-License-Identifier: MIT
/*
 * The life of a cell in the table. Everything is optimistic: what is known of
 * the ruleset is true of one generation of it, a transaction says which, and
 * when another program was faster the kernel refuses and we look again.
 */
#include "nft/cells.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nft/elements.h"
#include "nft/explain.h"
#include "nft/retry.h"
#include "nft/ruleset.h"
#include "nft/shrink.h"

#define WANT_SIZE	(64 * 1024)

int nft_open(struct nft **ret, struct error *err)
{
	struct nft *nft = calloc(1, sizeof(*nft));
	int r;

	if (!nft)
		return err_set(err, CONN_STEP, ENOMEM, "cannot talk to nf_tables");
	r = conn_open(&nft->conn, err);
	if (!r) {
		nft->want.size = WANT_SIZE;
		nft->want.data = malloc(WANT_SIZE);
		if (!nft->want.data)
			r = err_set(err, CONN_STEP, ENOMEM, "cannot talk to nf_tables");
	}
	if (r < 0) {
		nft_close(nft);
		return r;
	}
	nft_use_table(nft, "cellos");
	*ret = nft;
	return 0;
}

void nft_use_table(struct nft *nft, const char *name)
{
	nft->private = nft->loopback = nft->rules.valid = false;
	snprintf(nft->table, sizeof(nft->table), "%s", name);
}

void nft_use_private(struct nft *nft, const char *name, bool loopback)
{
	nft_use_table(nft, name);
	nft->private = true;
	nft->loopback = loopback;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	conn_close(&nft->conn);
	free(nft->want.data);
	free(nft);
}

int nft_fd(const struct nft *nft)
{
	return mnl_socket_get_fd(nft->conn.socket);
}

struct one {
	const struct element *element;
	struct element_state state;
	struct error *err;
};

static int see_one(const struct reply *reply, void *arg)
{
	struct one *one = arg;

	return element_judge(one->element, reply, &one->state, one->err);
}

static int element_taken(struct nft *nft, const struct element *element, struct error *err)
{
	struct one one = { .element = element, .err = err };
	int r;

	message_reset(&nft->conn.out);
	element_get(&nft->conn.out, nft, element);
	r = conn_ask(&nft->conn, see_one, &one, err);
	return r < 0 ? r : one.state.taken;
}

int nft_id_taken(struct nft *nft, uint64_t parent_id, const char *id, struct error *err)
{
	struct element element = id_element(parent_id, id, 0);

	return element_taken(nft, &element, err);
}

int nft_uid_taken(struct nft *nft, uint32_t uid, struct error *err)
{
	struct element element = uid_element(uid, NULL, 0);

	return element_taken(nft, &element, err);
}

static int check_cell(const struct nft_cell *cell, struct error *err)
{
	if (!cell->level || cell->level >= NFT_LEVELS)
		return err_set(err, CONN_STEP, EINVAL,
			       "cgroup level %u: nf_tables matches levels 1 to %u", cell->level,
			       NFT_LEVELS - 1);
	return 0;
}

/* Says why the transaction of an addition failed. */
static int explain_add(struct nft *nft, const struct nft_cell *cell, const struct batch *batch,
		       struct error *err)
{
	struct culprit culprit = culprit_of(nft, cell, batch);

	if (batch->error == -EEXIST && culprit.set.kind == SET_IDS && culprit.is_set)
		return err_set(err, CONN_STEP, EEXIST,
			       "cell id \"%s\" already active on host (no duplicate live "
			       "cells)", cell->id);
	if (batch->error == -EEXIST && culprit.set.kind == SET_UIDS)
		return err_set(err, CONN_STEP, EADDRINUSE, "a live cell has the uid %u", cell->uid);
	return explain_batch(&culprit, batch, err);
}

static int add_once(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct element_list elements = cell_elements(nft, cell);
	struct element_list parent = parent_elements(nft, cell);
	struct needs needs = cell_needs(cell);
	struct batch batch;
	bool grew;
	int r = 0;

	if (!nft->rules.valid)
		r = ruleset_load(nft, err);
	if (!r && nft->private && nft->rules.table) {
		r = err_set(err, CONN_STEP, EEXIST, "the network namespace has a table inet %s "
			    "already", nft->table);
		err_hint(err, "a cell whose id differs only in signs may live there: choose "
			 "another id; or, if none does: nft delete table inet %s", nft->table);
	}
	if (!r)
		r = ruleset_make_room(nft, cell->level, &needs.tuples, err);
	if (r < 0)
		return r;
	conn_begin(&nft->conn, nft->rules.gen);
	grew = ruleset_put_missing(nft, cell->level, &needs);
	flow_chains_put(nft, cell);
	elements_put(nft, &parent, NULL, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	elements_put(nft, &elements, NULL, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	r = conn_commit(&nft->conn, &batch, err);
	if (r < 0) {
		nft->rules.valid = nft->rules.valid && !grew && r != -ERESTART;
		return r == -ERESTART ? r : explain_add(nft, cell, &batch, err);
	}
	ruleset_next_gen(&nft->rules);
	nft->rules.dumped = nft->rules.dumped && !grew;
	return 0;
}

int nft_cell_add(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct retry retry = { 0 };
	int r;

	r = check_cell(cell, err);
	if (r < 0)
		return r;
	do {
		r = add_once(nft, cell, err);
	} while (r == -ERESTART && retry_wait(&retry));
	return r == -ERESTART ? retry_gave_up(err) : r;
}

static int missing(const struct element *element, const char *what, struct error *err)
{
	struct name name = set_name(&element->set);

	err_set(err, CONN_STEP, EUCLEAN, "an element of the cell in set %s %s", name.text, what);
	err_hint(err, "another program changes the cells' table");
	return -EUCLEAN;
}

static int verify_element(unsigned int i, const struct element *element,
			  const struct element_state *state, void *arg)
{
	bool counter = set_counts(element->set.kind);
	struct error *err = arg;

	(void)i;
	if (!state->taken)
		return missing(element, "is missing", err);
	if (!state->found)
		return missing(element, "belongs to another cell", err);
	if (!state->plain || state->counted != counter ||
	    state->logs != set_logs(element->set.kind) ||
	    (element->comment && strcmp(element->comment, state->comment)))
		return missing(element, "is not as it was written", err);
	return 0;
}

/* Do the rules that look the cell up exist, and have they been seen? */
static int verify_static(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	const struct ruleset *rules = &nft->rules;
	const struct level_rules *level = &rules->level[cell->level];
	struct needs needs = cell_needs(cell);
	unsigned int i;
	int r;

	if (!rules->valid || !rules->dumped) {
		r = ruleset_load(nft, err);
		if (r < 0)
			return r;
	}
	if (!rules->table || !level->sets)
		return err_set(err, CONN_STEP, EUCLEAN, "the rules that govern level %u are gone",
			       cell->level);
	for (i = 0; i < ARRAY_SIZE(needs.tuples.word); i++)
		if (needs.tuples.word[i] & ~level->tuples.word[i] || needs.sets & ~level->sets)
			return err_set(err, CONN_STEP, EUCLEAN,
				       "rules that the cell's elements need are gone");
	return 0;
}

int nft_cell_verify(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct element_list elements = required_elements(nft, cell);
	uint32_t gen = 0;
	int r;

	r = check_cell(cell, err);
	if (!r)
		r = elements_read(nft, &elements, verify_element, err, &gen, err);
	if (r < 0)
		return r;
	if (gen != nft->rules.gen)
		nft->rules.valid = false;
	return verify_static(nft, cell, err);
}

struct counting {
	struct nft_count *rules;
	unsigned int n_rules;
	struct nft_totals *totals;
};

static int count_element(unsigned int i, const struct element *element,
			 const struct element_state *state, void *arg)
{
	struct counting *to = arg;

	(void)i;
	if (element->set.kind == SET_DENIED) {
		to->totals->denied = state->count;
	} else if (element->set.kind == SET_REFUSED) {
		to->totals->refused = state->count;
	} else if (element->rule < to->n_rules) {
		to->rules[element->rule].packets += state->count.packets;
		to->rules[element->rule].bytes += state->count.bytes;
	}
	return 0;
}

int nft_cell_count(struct nft *nft, const struct nft_cell *cell, struct nft_count *rules,
		   struct nft_totals *ret, struct error *err)
{
	unsigned int n = cell->governed ? cell->policy->n_rules : 0;
	struct counting to = { .rules = rules, .n_rules = n, .totals = ret };
	struct element_list elements = cell_elements(nft, cell);
	uint32_t gen = 0;

	memset(ret, 0, sizeof(*ret));
	if (n)
		memset(rules, 0, n * sizeof(*rules));
	return elements_read(nft, &elements, count_element, &to, &gen, err);
}

static int count_found(unsigned int i, const struct element *element,
		       const struct element_state *state, void *arg)
{
	unsigned int *left = arg;

	(void)i;
	(void)element;
	*left += state->found;
	return 0;
}

int nft_cell_left(struct nft *nft, const struct nft_cell *cell, unsigned int *ret_left,
		  struct error *err)
{
	struct element_list elements = cell_elements(nft, cell);
	unsigned int left = 0;
	uint32_t gen = 0;
	int r;

	r = elements_read(nft, &elements, count_found, &left, &gen, err);
	if (!r)
		*ret_left = left;
	return r;
}
