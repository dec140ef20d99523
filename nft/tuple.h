/* SPDX-License-Identifier: MIT */
/*
 * Sets of tuples. There are few possible tuples (2 families, 33 prefix lengths,
 * 5 port masks), so each has a number, and a set of them is a bitmap.
 */
#ifndef NFT_TUPLE_H
#define NFT_TUPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "nft/policy.h"

#define TUPLES_OF_FAMILY	(33 * 5)
#define TUPLES			(2 * TUPLES_OF_FAMILY)

struct tuple_set {
	uint64_t word[(TUPLES + 63) / 64];
};

/* The number of a tuple; IPv4 first, then by prefix length and port mask. */
static inline unsigned int tuple_index(const struct egress_tuple *tuple)
{
	unsigned int base = tuple->family == 6 ? TUPLES_OF_FAMILY : 0;

	return base + tuple->prefix / 4U * 5U + tuple->port_bits / 4U;
}

static inline struct egress_tuple tuple_at(unsigned int index)
{
	unsigned int i = index % TUPLES_OF_FAMILY;

	return (struct egress_tuple) {
		.family = index < TUPLES_OF_FAMILY ? 4 : 6,
		.prefix = (uint8_t)(i / 5 * 4),
		.port_bits = (uint8_t)(i % 5 * 4),
	};
}

static inline bool tuple_is_valid(const struct egress_tuple *tuple)
{
	if (tuple->family != 4 && tuple->family != 6)
		return false;
	return tuple->prefix % 4 == 0 && tuple->prefix <= (tuple->family == 4 ? 32 : 128) &&
	       tuple->port_bits % 4 == 0 && tuple->port_bits <= 16;
}

static inline bool tuple_set_has(const struct tuple_set *set, unsigned int index)
{
	return set->word[index / 64] >> (index % 64) & 1;
}

static inline void tuple_set_add(struct tuple_set *set, unsigned int index)
{
	set->word[index / 64] |= UINT64_C(1) << (index % 64);
}

static inline void tuple_set_remove(struct tuple_set *set, unsigned int index)
{
	set->word[index / 64] &= ~(UINT64_C(1) << (index % 64));
}

/* How many tuples of one family (4 or 6) are in the set. */
static inline unsigned int tuple_set_count(const struct tuple_set *set, unsigned int family)
{
	unsigned int i = family == 6 ? TUPLES_OF_FAMILY : 0;
	unsigned int end = i + TUPLES_OF_FAMILY;
	unsigned int n = 0;

	for (; i < end; i++)
		n += tuple_set_has(set, i);
	return n;
}

/* The order of stored keys: by tuple, protocol, address, port. */
static inline int key_compare(const struct egress_key *a, const struct egress_key *b)
{
	int order = (int)tuple_index(&a->tuple) - (int)tuple_index(&b->tuple);

	if (!order)
		order = a->protocol - b->protocol;
	if (!order)
		order = memcmp(a->addr, b->addr, sizeof(a->addr));
	return order ? order : a->port - b->port;
}

/* The tuples that a policy's keys live in. */
static inline struct tuple_set tuple_set_of(const struct egress_policy *policy)
{
	struct tuple_set set = { 0 };
	unsigned int i;

	for (i = 0; i < policy->n_keys; i++)
		tuple_set_add(&set, tuple_index(&policy->keys[i].tuple));
	return set;
}

#endif /* NFT_TUPLE_H */
