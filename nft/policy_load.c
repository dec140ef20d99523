// SPDX-License-Identifier: MIT
/*
 * Reading a stored policy back. A key that is not exactly what the compiler
 * makes would name a set element that no cell has, or another one's: every
 * field is checked, and so is the order.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "nft/policy.h"
#include "nft/reprs.h"
#include "nft/tuple.h"
#include "uapi/cellos.h"

#define STEP	"egress"

DEFINE_FREE(policy, struct egress_policy, egress_policy_done(p))

static bool protocol_is_valid(const struct egress_key *key)
{
	switch (key->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return true;
	case IPPROTO_ICMP:
		return key->tuple.family == 4 && !key->tuple.port_bits;
	case IPPROTO_ICMPV6:
		return key->tuple.family == 6 && !key->tuple.port_bits;
	default:
		return false;
	}
}

/* Bits below the mask are zero; no key with a port begins at port 0. */
static bool port_is_valid(const struct egress_key *key)
{
	unsigned int below = 0xffffU >> key->tuple.port_bits;

	if (!key->tuple.port_bits)
		return !key->port;
	return key->port && !(key->port & below);
}

static bool addr_is_valid(const struct egress_key *key)
{
	unsigned int bit;

	for (bit = key->tuple.prefix; bit < 128; bit++)
		if (key->addr[bit / 8] & 0x80U >> bit % 8)
			return false;
	return true;
}

/* What is wrong with a key, or NULL. */
static const char *key_fault(const struct egress_key *key, const struct egress_key *before,
			     unsigned int n_rules)
{
	if (!tuple_is_valid(&key->tuple))
		return "tuple";
	if (!protocol_is_valid(key))
		return "protocol";
	if (!port_is_valid(key))
		return "port";
	if (!addr_is_valid(key))
		return "address";
	if (key->rule >= n_rules)
		return "rule number";
	if (before && key_compare(before, key) >= 0)
		return "order";
	return NULL;
}

/* The number of lines, or -EINVAL: each is printable and ended by a newline. */
static int count_lines(const char *text, size_t size, struct error *err)
{
	int n = 0;
	size_t i;

	if (size > REPRS_MAX)
		return err_set(err, STEP, EINVAL, "stored rule texts: %zu bytes", size);
	if (size && text[size - 1] != '\n')
		return err_set(err, STEP, EINVAL, "stored rule texts: the last line has no end");
	for (i = 0; i < size; i++) {
		if (text[i] == '\n')
			n++;
		else if (text[i] < 0x20 || text[i] > 0x7e)
			return err_set(err, STEP, EINVAL, "stored rule texts: byte %zu is no text",
				       i);
	}
	if (n > CELLOS_RULES_MAX)
		return err_set(err, STEP, EINVAL, "stored rule texts: %d lines", n);
	return n;
}

static int check_keys(const struct egress_policy *policy, struct error *err)
{
	struct tuple_set tuples;
	const char *fault;
	unsigned int i;

	for (i = 0; i < policy->n_keys; i++) {
		fault = key_fault(&policy->keys[i], i ? &policy->keys[i - 1] : NULL,
				  policy->n_rules);
		if (fault)
			return err_set(err, STEP, EINVAL, "stored egress key %u: bad %s", i, fault);
	}
	tuples = tuple_set_of(policy);
	if (tuple_set_count(&tuples, 4) > CELLOS_TUPLES_MAX ||
	    tuple_set_count(&tuples, 6) > CELLOS_TUPLES_MAX)
		return err_set(err, STEP, EINVAL, "stored egress keys: too many tuples");
	return 0;
}

int egress_policy_load(const void *keys, size_t keys_size, const char *reprs, size_t reprs_size,
		       struct egress_policy *ret, struct error *err)
{
	struct egress_policy policy __free(policy) = { 0 };
	int r;

	if (keys_size % sizeof(*policy.keys) ||
	    keys_size / sizeof(*policy.keys) > CELLOS_KEYS_MAX)
		return err_set(err, STEP, EINVAL, "stored egress keys: %zu bytes", keys_size);
	r = count_lines(reprs, reprs_size, err);
	if (r < 0)
		return r;
	policy.n_rules = (unsigned int)r;
	policy.n_keys = (unsigned int)(keys_size / sizeof(*policy.keys));
	policy.keys = malloc(keys_size ? keys_size : 1);
	policy.reprs = malloc(reprs_size + 1);
	if (!policy.keys || !policy.reprs)
		return err_set(err, STEP, ENOMEM, "cannot load the stored egress rules");
	if (keys_size)
		memcpy(policy.keys, keys, keys_size);
	if (reprs_size)
		memcpy(policy.reprs, reprs, reprs_size);
	policy.reprs[reprs_size] = '\0';
	r = check_keys(&policy, err);
	if (r < 0)
		return r;
	*ret = policy;
	policy = (struct egress_policy) { 0 };
	return 0;
}
