// SPDX-License-Identifier: MIT
/*
 * A cell's keys from what the kernel has of them: all sets of its level are
 * dumped. For the rare case that a change of its rules was cut short and nobody
 * wrote down which ones are in force.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nft/elements.h"
#include "nft/remove.h"
#include "nft/retry.h"
#include "nft/ruleset.h"

#define ROOM	(2 * CELLOS_KEYS_MAX)	/* some keys are told twice */

struct finding {
	const struct nft_cell *cell;
	struct egress_tuple tuple;	/* whose set is being dumped */
	struct egress_key *keys;
	unsigned int n;
};

/* The reverse of what makes an element of a key. */
static int see_key(struct finding *finding, const struct dumped *dumped)
{
	const struct set_id set = { SET_ALLOW, finding->cell->level, finding->tuple };
	size_t addr = finding->tuple.family == 4 ? 4 : 16;
	struct egress_key *key;
	uint16_t port = 0;

	if (dumped->key_size != set_key_size(&set) ||
	    memcmp(dumped->key, &finding->cell->cgroup_id, 8))
		return 0;
	if (finding->n == ROOM)
		return -E2BIG;
	key = &finding->keys[finding->n++];
	*key = (struct egress_key) { .tuple = finding->tuple, .protocol = dumped->key[8] };
	memcpy(key->addr, dumped->key + 12, addr);
	if (finding->tuple.port_bits)
		memcpy(&port, dumped->key + 12 + addr, sizeof(port));
	key->port = ntohs(port);
	return 0;
}

static int see_elements(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *entry;
	struct dumped dumped;
	int r = 0;

	attrs_for_each(entry, elements_of_message(nlh))
		if (!r && element_parse(entry, &dumped))
			r = see_key(arg, &dumped);
	return r;
}

static int dump_set(struct nft *nft, struct finding *finding, struct error *err)
{
	const struct set_id set = { SET_ALLOW, finding->cell->level, finding->tuple };
	struct message *m = &nft->conn.out;
	struct name name = set_name(&set);
	int r;

	message_reset(m);
	message_begin(m, NFT_MSG_GETSETELEM, NLM_F_DUMP);
	message_put_str(m, NFTA_SET_ELEM_LIST_TABLE, nft->table);
	message_put_str(m, NFTA_SET_ELEM_LIST_SET, name.text);
	r = conn_dump(&nft->conn, see_elements, finding, err);
	if (r == -EAGAIN || r == -ENOENT)
		return -ERESTART;
	return r < 0 ? err_set(err, CONN_STEP, r, "cannot read set %s", name.text) : 0;
}

static int compare_keys(const void *left, const void *right)
{
	return key_compare(left, right);
}

static void sort(struct finding *finding)
{
	struct egress_key *keys = finding->keys;
	unsigned int i, kept = 0;

	qsort(keys, finding->n, sizeof(*keys), compare_keys);
	for (i = 0; i < finding->n; i++)
		if (!i || key_compare(&keys[i], &keys[kept - 1]))
			keys[kept++] = keys[i];
	finding->n = kept;
}

/* What was seen counts only if nobody committed meanwhile. */
static int find_once(struct nft *nft, struct finding *finding, struct error *err)
{
	uint32_t gen = 0;
	unsigned int i;
	int r;

	finding->n = 0;
	nft->rules.valid = false;
	r = ruleset_load(nft, err);
	if (!r)
		r = conn_settle(&nft->conn, err);
	for (i = 0; !r && i < TUPLES; i++) {
		if (!tuple_set_has(&nft->rules.level[finding->cell->level].tuples, i))
			continue;
		finding->tuple = tuple_at(i);
		r = dump_set(nft, finding, err);
	}
	if (!r)
		sort(finding);
	if (r < 0 || !nft->rules.table)
		return r;
	r = table_find(nft, &gen, err);
	return !r && gen != nft->rules.gen ? -ERESTART : r;
}

/*
 * The kernel makes a hash table larger some time after it was filled. A dump in
 * pieces then tells some elements twice, passes over others, and says nothing about
 * it: so two of them have to agree.
 */
static int find_twice(struct nft *nft, struct finding finding[2], struct error *err)
{
	int r = find_once(nft, &finding[0], err);

	if (!r)
		r = find_once(nft, &finding[1], err);
	if (r < 0)
		return r;
	if (finding[0].n == finding[1].n &&
	    !memcmp(finding[0].keys, finding[1].keys, finding[0].n * sizeof(*finding[0].keys)))
		return finding[0].n > CELLOS_KEYS_MAX ? -E2BIG : 0;
	return -ERESTART;
}

int nft_cell_found(struct nft *nft, const struct nft_cell *cell, struct egress_policy *ret,
		   struct error *err)
{
	struct egress_key *keys __free(mem) = calloc(2UL * ROOM, sizeof(*keys));
	char *reprs __free(mem) = calloc(1, 1);
	struct finding finding[] = {
		{ .cell = cell, .keys = keys }, { .cell = cell, .keys = keys + ROOM },
	};
	struct retry retry = { 0 };
	int r;

	if (!keys || !reprs)
		return err_set(err, CONN_STEP, ENOMEM, "cannot read the cell's rules");
	do {
		r = find_twice(nft, finding, err);
	} while (r == -ERESTART && retry_wait(&retry));
	if (r < 0)
		return r == -ERESTART ? retry_gave_up(err) : r;
	*ret = (struct egress_policy) {
		.keys = take_ptr(keys), .n_keys = finding[0].n, .reprs = take_ptr(reprs),
	};
	return 0;
}
