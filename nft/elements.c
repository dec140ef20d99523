// SPDX-License-Identifier: MIT
/* What the elements of a cell are, and how they are written. */
#include "nft/elements.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "lib/cleanup.h"

#define CHUNK		(32 * 1024)	/* bytes of elements in one message; 64 KiB at most */

/* FNV-1a with 128 bits: wide enough that ids do not collide by chance. */
static void hash_id(const char *id, uint8_t ret[16])
{
	const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
	unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142 << 64 | 0x62b821756295c58d;
	int i;

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * prime;
	for (i = 15; i >= 0; i--, hash >>= 8)
		ret[i] = (uint8_t)hash;
}

struct element id_element(uint64_t parent_id, const char *id, uint64_t cgroup_id)
{
	struct element element = {
		.set = { .kind = SET_IDS },
		.owner = cgroup_id, .comment = id, .rule = NO_RULE,
	};

	memcpy(element.key, &parent_id, 8);
	hash_id(id, element.key + 8);
	return element;
}

struct element uid_element(uint32_t uid, const char *id, uint64_t cgroup_id)
{
	struct element element = {
		.set = { .kind = SET_UIDS },
		.owner = cgroup_id, .comment = id, .rule = NO_RULE,
	};

	memcpy(element.key, &uid, 4);
	return element;
}

static void cgroup_element(const struct nft_cell *cell, enum set_kind kind, struct element *ret)
{
	*ret = (struct element) {
		.set = { .kind = kind, .level = cell->level },
		.comment = cell->id, .rule = NO_RULE,
	};
	memcpy(ret->key, &cell->cgroup_id, 8);
}

/* cgroup . protocol . address [. port], each padded to 32-bit words */
static void allow_element(const struct nft_cell *cell, const struct egress_key *key,
			  struct element *ret)
{
	size_t addr = key->tuple.family == 4 ? 4 : 16;
	uint16_t port = htons(key->port);

	ret->set = (struct set_id) {
		.kind = SET_ALLOW, .level = cell->level, .tuple = key->tuple
	};
	ret->owner = 0;
	ret->comment = NULL;
	ret->rule = key->rule;
	memset(ret->key, 0, sizeof(ret->key));
	memcpy(ret->key, &cell->cgroup_id, 8);
	ret->key[8] = key->protocol;
	memcpy(ret->key + 12, key->addr, addr);
	if (key->tuple.port_bits)
		memcpy(ret->key + 12 + addr, &port, sizeof(port));
}

/* The sets that a governed cell stands in, or one that is not. */
static const enum set_kind governed_sets[] = { SET_CELLS, SET_DENIED, SET_REFUSED };
static const enum set_kind exempt_sets[] = { SET_EXEMPT };

/* The sets that log for a cell, in order. Return: how many. */
unsigned int cell_log_sets(const struct nft_cell *cell, enum set_kind ret[2])
{
	unsigned int n = 0;

	if (cell->governed && cell->log & NFT_LOG_DENIED)
		ret[n++] = SET_LOG_DENIED;
	if (cell->governed && cell->log & NFT_LOG_ALLOWED)
		ret[n++] = SET_LOG_ALLOWED;
	return n;
}

struct needs cell_needs(const struct nft_cell *cell)
{
	struct needs needs = { .sets = 0 };
	enum set_kind logs[2];
	unsigned int n = cell_log_sets(cell, logs);

	if (cell->governed)
		needs.tuples = tuple_set_of(cell->policy);
	while (n--)
		needs.sets |= SET_BIT(logs[n]);
	return needs;
}

static unsigned int registry_elements(bool private, const struct nft_cell *cell)
{
	return private ? 0 : 1U + cell->uid_unique;
}

static void cell_element(const struct element_list *list, unsigned int i, struct element *ret)
{
	const struct nft_cell *cell = list->arg;
	unsigned int first = registry_elements(list->private, cell), n_logs;
	enum set_kind logs[2];

	if (i < first) {
		*ret = i ? uid_element(cell->uid, cell->id, cell->cgroup_id) :
			   id_element(cell->parent_id, cell->id, cell->cgroup_id);
		return;
	}
	i -= first;
	if (!cell->governed)
		return cgroup_element(cell, exempt_sets[i], ret);
	if (i < ARRAY_SIZE(governed_sets))
		return cgroup_element(cell, governed_sets[i], ret);
	i -= ARRAY_SIZE(governed_sets);
	n_logs = cell_log_sets(cell, logs);
	if (i < n_logs)
		cgroup_element(cell, logs[i], ret);
	else
		allow_element(cell, &cell->policy->keys[i - n_logs], ret);
}

struct element_list cell_elements(const struct nft *nft, const struct nft_cell *cell)
{
	unsigned int n = registry_elements(nft->private, cell);
	enum set_kind logs[2];

	if (cell->governed)
		n += ARRAY_SIZE(governed_sets) + cell_log_sets(cell, logs) + cell->policy->n_keys;
	else if (!nft->private)
		n += ARRAY_SIZE(exempt_sets);
	return (struct element_list) {
		.n = n, .at = cell_element, .arg = cell, .private = nft->private,
	};
}

unsigned int cell_identity_elements(const struct nft *nft, const struct nft_cell *cell)
{
	return registry_elements(nft->private, cell) + (cell->governed || !nft->private);
}

static void policy_element(const struct element_list *list, unsigned int i, struct element *ret)
{
	const struct nft_cell *cell = list->arg;

	allow_element(cell, &cell->policy->keys[i], ret);
}

struct element_list policy_elements(const struct nft_cell *cell)
{
	return (struct element_list) {
		.n = cell->policy->n_keys, .at = policy_element, .arg = cell,
	};
}

static void parent_element(const struct element_list *list, unsigned int i, struct element *ret)
{
	static const enum set_kind kinds[] = { SET_PARENTS, SET_STRAYS };
	const struct nft_cell *cell = list->arg;

	*ret = (struct element) {
		.set = { .kind = kinds[i], .level = cell->level }, .rule = NO_RULE,
	};
	memcpy(ret->key, &cell->parent_id, 8);
}

static unsigned int n_parent_elements(bool private, const struct nft_cell *cell)
{
	return cell->governed && !private ? 2 : 0;
}

struct element_list parent_elements(const struct nft *nft, const struct nft_cell *cell)
{
	return (struct element_list) {
		.n = n_parent_elements(nft->private, cell), .at = parent_element, .arg = cell,
	};
}

static void required_element(const struct element_list *list, unsigned int i,
			     struct element *ret)
{
	const struct nft_cell *cell = list->arg;
	unsigned int own = list->n - n_parent_elements(list->private, cell);

	if (i < own)
		cell_element(list, i, ret);
	else
		parent_element(list, i - own, ret);
}

struct element_list required_elements(const struct nft *nft, const struct nft_cell *cell)
{
	struct element_list list = cell_elements(nft, cell);

	list.n += n_parent_elements(nft->private, cell);
	list.at = required_element;
	return list;
}

static void put_userdata(struct message *m, const struct element *element)
{
	uint8_t data[2 + CELLOS_ID_MAX + 1 + 2 + 8];
	size_t len, n = 0;

	if (element->comment) {
		len = strnlen(element->comment, CELLOS_ID_MAX);
		data[n++] = UDATA_COMMENT;
		data[n++] = (uint8_t)(len + 1);
		memcpy(data + n, element->comment, len);
		data[n + len] = '\0';
		n += len + 1;
	}
	if (element->owner) {
		data[n++] = UDATA_OWNER;
		data[n++] = 8;
		memcpy(data + n, &element->owner, 8);
		n += 8;
	}
	if (n)
		message_put(m, NFTA_SET_ELEM_USERDATA, data, n);
}

/* : jump flow<id> */
static void put_jump(struct message *m, const struct element *element)
{
	struct nlattr *data = message_nest(m, NFTA_SET_ELEM_DATA), *verdict;
	uint64_t cgroup_id;

	memcpy(&cgroup_id, element->key, 8);
	verdict = message_nest(m, NFTA_DATA_VERDICT);
	message_put_be32(m, NFTA_VERDICT_CODE, (uint32_t)NFT_JUMP);
	message_put_str(m, NFTA_VERDICT_CHAIN,
			flow_chain_name(element->set.kind, cgroup_id).text);
	message_nest_end(m, verdict);
	message_nest_end(m, data);
}

/* { key [comment "..."] [: jump flow<id>] } */
static void put_entry(struct message *m, const struct element *element, bool userdata)
{
	struct nlattr *entry = message_nest(m, NFTA_LIST_ELEM), *key;

	key = message_nest(m, NFTA_SET_ELEM_KEY);
	message_put(m, NFTA_DATA_VALUE, element->key, set_key_size(&element->set));
	message_nest_end(m, key);
	if (userdata)
		put_userdata(m, element);
	if (userdata && set_logs(element->set.kind))
		put_jump(m, element);
	message_nest_end(m, entry);
}

/* add|delete|get element inet cellos <set> { ... */
static struct nlattr *begin_list(struct message *m, const struct nft *nft,
				 const struct set_id *set, unsigned int type, unsigned int flags)
{
	struct name name = set_name(set);

	message_begin(m, type, flags);
	message_put_str(m, NFTA_SET_ELEM_LIST_TABLE, nft->table);
	message_put_str(m, NFTA_SET_ELEM_LIST_SET, name.text);
	return message_nest(m, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void element_get(struct message *m, const struct nft *nft, const struct element *element)
{
	struct nlattr *list = begin_list(m, nft, &element->set, NFT_MSG_GETSETELEM, 0);

	put_entry(m, element, false);
	message_nest_end(m, list);
}

/* One message for each set, or for each chunk of a set that is too long. */
void elements_put(struct nft *nft, const struct element_list *list,
		  const struct element_mask *mask, unsigned int type, unsigned int flags)
{
	struct message *m = &nft->conn.out;
	struct nlattr *nest = NULL;
	struct element element;
	struct set_id set;
	unsigned int i;

	for (i = 0; i < list->n; i++) {
		if (!element_mask_has(mask, i))
			continue;
		list->at(list, i, &element);
		if (nest && (!set_equal(&set, &element.set) || message_length(m) > CHUNK)) {
			message_nest_end(m, nest);
			nest = NULL;
		}
		if (!nest)
			nest = begin_list(m, nft, &element.set, type, flags);
		set = element.set;
		put_entry(m, &element, type == NFT_MSG_NEWSETELEM);
	}
	if (nest)
		message_nest_end(m, nest);
}
