// SPDX-License-Identifier: MIT
/*
 * From rules to keys. Each rule is the product of its networks, protocols and
 * ports; each factor is cut into blocks that a tuple can look up. A hash of all
 * keys so far finds duplicates at once, so that the work for a rule is bounded
 * by its own size and a limit is noticed at the very rule that passes it.
 */
#include "nft/policy.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nft/reprs.h"
#include "nft/tuple.h"
#include "uapi/cellos.h"

#define STEP		"egress"
#define SLOTS		16384		/* a power of two, well above CELLOS_KEYS_MAX */

_Static_assert(sizeof(struct egress_key) == 24, "the stored form must have no padding");
_Static_assert(SLOTS >= 2 * CELLOS_KEYS_MAX, "the hash must stay half empty");
_Static_assert(CELLOS_KEYS_MAX < UINT16_MAX, "slots are 16 bit");

struct compiler {
	struct egress_key *keys;
	unsigned int n_keys;
	struct tuple_set tuples;
	unsigned int n_tuples[2];	/* IPv4, IPv6 */
	uint16_t slots[SLOTS];		/* index into keys plus one; 0: free */
};

DEFINE_FREE(policy, struct egress_policy, egress_policy_done(p))

static int over(unsigned int rule, struct error *err, const char *what)
{
	if (err && !err->errnum)
		snprintf(err->field, sizeof(err->field), "/spec/authority/egressRules/%u", rule);
	err_set(err, STEP, E2BIG, "%s", what);
	err_hint(err, "merge rules, or use prefix lengths and port ranges that are powers of 16");
	return -E2BIG;
}

/* FNV-1a over all of the key but the rule's number. */
static unsigned int hash_key(const struct egress_key *key)
{
	struct egress_key plain = *key;
	const unsigned char *byte = (const unsigned char *)&plain;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	plain.rule = 0;
	for (i = 0; i < sizeof(plain); i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	return (unsigned int)(hash ^ hash >> 32) % SLOTS;
}

static int compare_keys(const void *left, const void *right)
{
	return key_compare(left, right);
}

static int add_tuple(struct compiler *to, const struct egress_key *key, struct error *err)
{
	unsigned int index = tuple_index(&key->tuple);
	unsigned int *n = &to->n_tuples[key->tuple.family == 6];

	if (tuple_set_has(&to->tuples, index))
		return 0;
	if (*n == CELLOS_TUPLES_MAX)
		return over(key->rule, err, "the rules need too many pairs of prefix length and "
			    "port mask");
	tuple_set_add(&to->tuples, index);
	++*n;
	return 0;
}

/* Adds a key unless an earlier rule has it. */
static int add_key(struct compiler *to, const struct egress_key *key, struct error *err)
{
	unsigned int slot = hash_key(key);
	int r;

	for (; to->slots[slot]; slot = (slot + 1) % SLOTS)
		if (!key_compare(&to->keys[to->slots[slot] - 1], key))
			return 0;
	if (to->n_keys == CELLOS_KEYS_MAX)
		return over(key->rule, err, "the rules need too many set elements");
	r = add_tuple(to, key, err);
	if (r < 0)
		return r;
	to->keys[to->n_keys++] = *key;
	to->slots[slot] = (uint16_t)to->n_keys;
	return 0;
}

/* Cuts the ports into the largest aligned blocks of 4096, 256, 16 and 1. */
static int add_ports(struct compiler *to, struct egress_key key, const struct egress_rule *rule,
		     struct error *err)
{
	uint32_t port = rule->port_first, size;
	int r;

	if (!rule->port_last)
		return add_key(to, &key, err);
	while (port <= rule->port_last) {
		key.tuple.port_bits = 4;
		for (size = 4096; port % size || port + size - 1 > rule->port_last; size /= 16)
			key.tuple.port_bits += 4;
		key.port = (uint16_t)port;
		r = add_key(to, &key, err);
		if (r < 0)
			return r;
		port += size;
	}
	return 0;
}

static const struct {
	uint8_t bit, number, not_family;
} protocols[] = {
	{ EGRESS_TCP,    IPPROTO_TCP,    0 },
	{ EGRESS_UDP,    IPPROTO_UDP,    0 },
	{ EGRESS_SCTP,   IPPROTO_SCTP,   0 },
	{ EGRESS_ICMP,   IPPROTO_ICMP,   6 },
	{ EGRESS_ICMPV6, IPPROTO_ICMPV6, 4 },
};

static int add_protocols(struct compiler *to, struct egress_key key,
			 const struct egress_rule *rule, struct error *err)
{
	unsigned int i;
	int r;

	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!(rule->protocols & protocols[i].bit) ||
		    key.tuple.family == protocols[i].not_family)
			continue;
		key.protocol = protocols[i].number;
		r = add_ports(to, key, rule, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Controlled prefix expansion: a prefix length that is no multiple of 4 becomes
 * the 2, 4 or 8 networks of the next one.
 */
static int add_net(struct compiler *to, struct egress_key key, const struct egress_net *net,
		   const struct egress_rule *rule, struct error *err)
{
	unsigned int grown = (net->prefix + 3U) & ~3U;
	unsigned int i, n = 1U << (grown - net->prefix);
	unsigned int shift = 8 - (grown - 1) % 8 - 1;
	int r;

	key.tuple.family = net->family;
	key.tuple.prefix = (uint8_t)grown;
	for (i = 0; i < n; i++) {
		memcpy(key.addr, net->addr, net->family == 4 ? 4 : 16);
		if (grown)
			key.addr[(grown - 1) / 8] |= (uint8_t)(i << shift);
		r = add_protocols(to, key, rule, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_rule(struct compiler *to, const struct egress_rule *rule, unsigned int number,
		    struct error *err)
{
	struct egress_key key = { .rule = (uint16_t)number };
	unsigned int i;
	int r;

	for (i = 0; i < rule->n_nets; i++) {
		r = add_net(to, key, &rule->nets[i], rule, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compile(struct compiler *to, const struct egress_rule *rules, unsigned int n_rules,
		   struct reprs *reprs, struct error *err)
{
	unsigned int i;
	int r;

	for (i = 0; i < n_rules; i++) {
		r = add_rule(to, &rules[i], i, err);
		if (r < 0)
			return r;
		reprs_add(reprs, &rules[i]);
		if (reprs->full)
			return over(i, err, "the rules' texts need more than 60 KiB");
	}
	if (to->n_keys)
		qsort(to->keys, to->n_keys, sizeof(*to->keys), compare_keys);
	return 0;
}

/* Gives back what a block does not need; keeps it whole if that fails. */
static void *shrink(void *block, size_t size)
{
	void *smaller = realloc(block, size ? size : 1);

	return smaller ? smaller : block;
}

int egress_compile(const struct egress_rule *rules, unsigned int n_rules,
		   struct egress_policy *ret, struct error *err)
{
	struct egress_policy policy __free(policy) = { .n_rules = n_rules };
	struct compiler *to __free(mem) = calloc(1, sizeof(*to));
	struct reprs reprs = { 0 };
	int r;

	if (n_rules > CELLOS_RULES_MAX)
		return over(CELLOS_RULES_MAX, err, "too many rules");
	policy.keys = calloc(CELLOS_KEYS_MAX, sizeof(*policy.keys));
	policy.reprs = malloc(REPRS_MAX + 1);
	if (!to || !policy.keys || !policy.reprs)
		return err_set(err, STEP, ENOMEM, "cannot compile the egress rules");
	to->keys = policy.keys;
	reprs.text = policy.reprs;
	reprs.text[0] = '\0';
	r = compile(to, rules, n_rules, &reprs, err);
	if (r < 0)
		return r;
	policy.n_keys = to->n_keys;
	policy.keys = shrink(policy.keys, policy.n_keys * sizeof(*policy.keys));
	policy.reprs = shrink(policy.reprs, reprs.len + 1);
	*ret = policy;
	policy = (struct egress_policy) { 0 };
	return 0;
}

void egress_policy_done(struct egress_policy *policy)
{
	free(policy->keys);
	free(policy->reprs);
	*policy = (struct egress_policy) { 0 };
}
