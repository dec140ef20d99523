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
#include "nft/retry.h"
#include "nft/ruleset.h"
#include "nft/shrink.h"

#define WANT_SIZE	8192

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
	strcpy(nft->table, "cellos");
	*ret = nft;
	return 0;
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

static unsigned int level_of(const struct nft_cell *cell)
{
	return cell->governed ? cell->level : 0;
}

static int check_cell(const struct nft_cell *cell, struct error *err)
{
	if (cell->governed && (!cell->level || cell->level >= NFT_LEVELS))
		return err_set(err, CONN_STEP, EINVAL,
			       "cgroup level %u: nf_tables matches levels 1 to %u", cell->level,
			       NFT_LEVELS - 1);
	return 0;
}

static struct tuple_set tuples_of(const struct nft_cell *cell)
{
	struct tuple_set none = { 0 };

	return cell->governed ? tuple_set_of(cell->policy) : none;
}

/* Says why the transaction of an addition failed. */
static int explain_add(const struct nft_cell *cell, const struct batch *batch,
		       uint32_t first_seq, struct error *err)
{
	if (batch->error == -EEXIST && batch->seq == first_seq)
		return err_set(err, CONN_STEP, EEXIST,
			       "cell id \"%s\" already active on host (no duplicate live "
			       "cells)", cell->id);
	if (batch->error == -EEXIST && cell->uid_unique && batch->seq == first_seq + 1)
		return err_set(err, CONN_STEP, EADDRINUSE, "a live cell has the uid %u", cell->uid);
	if (batch->error == -EEXIST) {
		err_set(err, CONN_STEP, EUCLEAN, "the table holds elements of this cgroup already");
		err_hint(err, "run 'cellos-helper reconcile'");
		return -EUCLEAN;
	}
	err_set(err, CONN_STEP, batch->error, "nf_tables refused the cell's rules%s%s",
		*batch->text ? ": " : "", batch->text);
	return batch->error;
}

static int add_once(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct element_list elements = cell_elements(cell);
	struct tuple_set needed = tuples_of(cell);
	unsigned int level = level_of(cell);
	struct batch batch;
	uint32_t first_seq;
	bool grew;
	int r = 0;

	if (!nft->rules.valid)
		r = ruleset_load(nft, err);
	if (!r)
		r = ruleset_make_room(nft, level, &needed, err);
	if (r == -ERESTART)
		nft->rules.valid = false;
	if (r < 0)
		return r;
	conn_begin(&nft->conn, nft->rules.gen);
	grew = ruleset_put_missing(nft, level, &needed);
	first_seq = nft->conn.out.seq + 1;
	elements_put(nft, &elements, NULL, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	r = conn_commit(&nft->conn, &batch, err);
	if (r == -ERESTART)
		nft->rules.valid = false;
	else if (r < 0)
		r = explain_add(cell, &batch, first_seq, err);
	if (r < 0)
		return r;
	ruleset_next_gen(&nft->rules);
	ruleset_note(nft, level, &needed);
	nft->rules.dumped = nft->rules.dumped && !grew;
	return 0;
}

static int too_busy(struct error *err)
{
	return err_set(err, CONN_STEP, EBUSY,
		       "other programs changed the ruleset without a pause for %d s",
		       RETRY_SECONDS);
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
	return r == -ERESTART ? too_busy(err) : r;
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
	bool counter = element->set.kind == SET_DENIED || element->set.kind == SET_ALLOW;
	struct error *err = arg;

	(void)i;
	if (!state->taken)
		return missing(element, "is missing", err);
	if (!state->found)
		return missing(element, "belongs to another cell", err);
	if (!state->plain || state->counted != counter ||
	    (element->comment && strcmp(element->comment, state->comment)))
		return missing(element, "is not as it was written", err);
	return 0;
}

/* Do the rules that look the cell up exist, and have they been seen? */
static int verify_static(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	const struct ruleset *rules = &nft->rules;
	const struct level_rules *level = &rules->level[level_of(cell)];
	struct tuple_set needed = tuples_of(cell);
	unsigned int i;
	int r;

	if (!rules->valid || !rules->dumped) {
		r = ruleset_load(nft, err);
		if (r < 0)
			return r;
	}
	if (!rules->table || (cell->governed && !level->jump))
		return err_set(err, CONN_STEP, EUCLEAN, "the rules that govern level %u are gone",
			       cell->level);
	for (i = 0; i < ARRAY_SIZE(needed.word); i++)
		if (needed.word[i] & ~level->rules.word[i])
			return err_set(err, CONN_STEP, EUCLEAN,
				       "rules that the cell's elements need are gone");
	return 0;
}

int nft_cell_verify(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct element_list elements = cell_elements(cell);
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
	struct nft_count *denied;
};

static int count_element(unsigned int i, const struct element *element,
			 const struct element_state *state, void *arg)
{
	struct counting *to = arg;

	(void)i;
	if (element->set.kind == SET_DENIED) {
		*to->denied = state->count;
	} else if (element->rule < to->n_rules) {
		to->rules[element->rule].packets += state->count.packets;
		to->rules[element->rule].bytes += state->count.bytes;
	}
	return 0;
}

int nft_cell_count(struct nft *nft, const struct nft_cell *cell, struct nft_count *rules,
		   struct nft_count *denied, struct error *err)
{
	unsigned int n = cell->governed ? cell->policy->n_rules : 0;
	struct counting to = { .rules = rules, .n_rules = n, .denied = denied };
	struct element_list elements = cell_elements(cell);
	uint32_t gen = 0;

	memset(denied, 0, sizeof(*denied));
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
	struct element_list elements = cell_elements(cell);
	unsigned int left = 0;
	uint32_t gen = 0;
	int r;

	r = elements_read(nft, &elements, count_found, &left, &gen, err);
	if (!r)
		*ret_left = left;
	return r;
}
