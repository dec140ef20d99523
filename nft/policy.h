/* SPDX-License-Identifier: MIT */
/*
 * A cell's egress policy as plain data, and how it is compiled: rules (what
 * the document says) become keys (elements of hash sets). Pure: no netlink, no
 * cgroup, no allocation that the caller does not see.
 *
 * The kernel finds a packet's verdict by tuple space search (Srinivasan, Suri,
 * Varghese, SIGCOMM 1999): one hash set for each (family, prefix length, port
 * mask) in use, called a tuple; a packet is masked by each tuple in turn and
 * looked up. So a rule must be cut into keys whose prefix lengths and port
 * masks come from a small list:
 *
 *  - port masks: /16, /12, /8, /4 (aligned blocks of 1, 16, 256, 4096 ports)
 *    and /0 (any port; the port is left out of the key);
 *  - prefix lengths: multiples of 4. Others are expanded to the next one
 *    (controlled prefix expansion), at most 8 keys for one.
 */
#ifndef NFT_POLICY_H
#define NFT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Bits of struct egress_rule.protocols. */
#define EGRESS_TCP	0x01
#define EGRESS_UDP	0x02
#define EGRESS_SCTP	0x04
#define EGRESS_ICMP	0x08	/* IPv4 addresses only */
#define EGRESS_ICMPV6	0x10	/* IPv6 addresses only */

/* One destination network. @addr is in network order, host bits are zero. */
struct egress_net {
	uint8_t family;		/* 4 or 6 */
	uint8_t prefix;		/* 0 to 32, or to 128 */
	uint8_t addr[16];	/* IPv4: the first four bytes */
};

/* One rule of the document, already checked. */
struct egress_rule {
	const struct egress_net *nets;
	unsigned int n_nets;	/* more than one only with "resolved" */
	const char *host;	/* the name, if the rule has one; else NULL */
	uint16_t port_first;	/* host order; 0 to 0: any port */
	uint16_t port_last;
	uint8_t protocols;	/* EGRESS_*; never 0 */
};

/* Which hash set a key lives in. */
struct egress_tuple {
	uint8_t family;		/* 4 or 6 */
	uint8_t prefix;		/* a multiple of 4 */
	uint8_t port_bits;	/* 16, 12, 8, 4; 0: no port in the key */
};

/*
 * One element, in the form in which it is also stored on the cell's cgroup (an
 * xattr): fixed size, no padding, the same on every architecture of one host.
 */
struct egress_key {
	struct egress_tuple tuple;
	uint8_t protocol;	/* IPPROTO_* */
	uint16_t port;		/* host order, masked to tuple.port_bits */
	uint16_t rule;		/* index of the first rule that has this key */
	uint8_t addr[16];	/* network order, masked to tuple.prefix */
};

/**
 * struct egress_policy - the compiled rules of one cell
 * @keys: sorted by tuple, no duplicates
 * @n_keys: 0: everything is denied
 * @n_rules: rows of the report
 * @reprs: each rule in nft's words, each ended by a newline ("" for no rules)
 */
struct egress_policy {
	struct egress_key *keys;
	unsigned int n_keys;
	unsigned int n_rules;
	char *reprs;
};

/**
 * egress_compile() - cut rules into keys
 * @rules: the document's rules, in order
 * @n_rules: 0 to CELLOS_RULES_MAX
 * @ret: filled on success; release with egress_policy_done()
 * @err: names /spec/authority/egressRules/N if a limit is passed
 *
 * A key that several rules share belongs to the first of them.
 *
 * Return: 0; -E2BIG if the rules need more than CELLOS_KEYS_MAX keys, more than
 * CELLOS_TUPLES_MAX tuples of one family, or texts of more than 60 KiB; -ENOMEM.
 */
int egress_compile(const struct egress_rule *rules, unsigned int n_rules,
		   struct egress_policy *ret, struct error *err);

/* egress_policy_done() - release what egress_compile() filled; idempotent. */
void egress_policy_done(struct egress_policy *policy);

/*
 * The stored form: keys and reprs as two byte strings, each fit for one xattr
 * (64 KiB). Loading checks every field: the bytes come from the kernel, but a
 * newer or older helper may have written them.
 */
int egress_policy_load(const void *keys, size_t keys_size, const char *reprs, size_t reprs_size,
		       struct egress_policy *ret, struct error *err);

#endif /* NFT_POLICY_H */
