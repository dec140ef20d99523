/* SPDX-License-Identifier: MIT */
/*
 * Which rules stand in which chain. They follow from the sets that exist: the
 * levels in use, and the tuples of each. So whoever knows the sets can write
 * any chain anew, and can say of any dumped rule whether it has to be there.
 */
#ifndef NFT_RULES_H
#define NFT_RULES_H

#include <stdbool.h>

#include "nft/message.h"
#include "nft/names.h"
#include "nft/tuple.h"

enum rule_kind {
	RULE_LOOPBACK_OUT,	/* meta oiftype loopback accept */
	RULE_LOOPBACK_IN,	/* meta iiftype loopback accept */
	RULE_STRAY_LOOPBACK,	/* a loopback address by way of another device */
	RULE_STRAY_LOOPBACK6,
	RULE_LATER_FRAGMENT,	/* of IPv6, but not the first */
	RULE_SCOPED_UDP,	/* over loopback, to a link-local address */
	RULE_SCOPED_SYN,
	RULE_SOCKET,		/* whose socket is found */
	RULE_CUT_ERROR,		/* the first fragment of an ICMPv6 error */
	RULE_IPV6,		/* meta nfproto ipv6 */
	RULE_OPTIONS,		/* ip hdrlength != 5: IPv4 options */
	RULE_ROUTING,		/* exthdr rt exists: an IPv6 routing header */
	RULE_LOG,		/* socket cgroupv2 level L vmap @<map> */
	RULE_NOT_SYN,		/* TCP, but no first segment of a connection */
	RULE_CGROUP,		/* socket cgroupv2 level L @<set> */
	RULE_GO,		/* always */
	RULE_TUPLE,		/* the key made from the destination is in the tuple's set */
	RULE_SYN,		/* the first segment of a TCP connection */
	RULE_RESET,		/* a TCP reset that came over the loopback device */
	RULE_ICMP,		/* of that protocol */
	RULE_ICMPV6,
	RULE_MTU,		/* ICMP: fragmentation needed, for TCP */
	RULE_MTU6,
	RULE_NOT_FROM,		/* keys made from the source are in no tuple's set */
	RULE_NOT_QUOTED,	/* the same for the destination of the packet quoted */
	RULE_LOCAL_RESET,	/* tcp from an address of the host's: reject with tcp reset */
	RULE_TCP_RESET,		/* tcp: reject with tcp reset */
	RULE_UNREACHABLE,	/* reject with icmpx port-unreachable */
};

/**
 * struct rule - one rule
 * @kind: what it matches
 * @level: of the cells that it is about
 * @set: of RULE_CGROUP and RULE_LOG
 * @code: NFT_RETURN, NFT_JUMP, NFT_GOTO, NF_ACCEPT; NFT_CONTINUE: no verdict
 * @to: of a jump or goto
 * @tuple: of RULE_TUPLE; only the family of RULE_NOT_*
 * @tuples: of RULE_NOT_*
 */
struct rule {
	enum rule_kind kind;
	unsigned int level;
	enum set_kind set;
	int code;
	enum chain_kind to;
	struct egress_tuple tuple;
	const struct tuple_set *tuples;
};

struct nft;

/**
 * chain_rule() - the rule that has to be at a place
 * @nft: what sets there are: nft->rules
 * @i: from 0
 *
 * Return: false: the chain has fewer.
 */
bool chain_rule(const struct nft *nft, const struct chain_id *chain, unsigned int i,
		struct rule *ret);

/* chain_wanted() - has a table with these sets this chain? */
bool chain_wanted(const struct nft *nft, const struct chain_id *chain);

/* rule_put() - the list of expressions, as NFTA_RULE_EXPRESSIONS. */
void rule_put(struct message *m, const struct rule *rule);

/**
 * rule_fits() - does the kernel take a RULE_NOT_* with these tuples of a family?
 *
 * A rule holds 128 expressions (NFT_RULE_MAXEXPRS) and less than 4,096 bytes in
 * the kernel's form. 32 tuples fit unless most of them differ in both prefix
 * length and port mask.
 */
bool rule_fits(const struct tuple_set *tuples, unsigned int family);

#endif /* NFT_RULES_H */
