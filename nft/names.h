/* SPDX-License-Identifier: MIT */
/*
 * What the sets and chains of the table are called. The name says everything
 * about a set, so that a dump can be compared with what it has to be:
 *
 *   ids, uids                 who is alive
 *   cells<L>, denied<L>       governed cgroups at level L; what they were denied
 *   allow<L>_ip_24_p16        one tuple: IPv4, /24, port mask /16
 *   allow<L>_ip6_128          one tuple: IPv6, /128, any port
 *   output, cell<L>           chains
 */
#ifndef NFT_NAMES_H
#define NFT_NAMES_H

#include <stdbool.h>

#include "nft/policy.h"

#define NFT_NAME_SIZE	32
#define NFT_LEVELS	256	/* the kernel's `socket cgroupv2 level` is below that */
#define NFT_OUTPUT	"output"
#define NFT_ID_KEY_SIZE	24	/* of a key in ids: parent, hash of the id */

enum set_kind {
	SET_IDS,
	SET_UIDS,
	SET_CELLS,
	SET_DENIED,
	SET_ALLOW,
};

/**
 * struct set_id - which set of the table
 * @kind: what it holds
 * @level: from SET_CELLS on; else 0
 * @tuple: of SET_ALLOW; else all zero
 */
struct set_id {
	enum set_kind kind;
	unsigned int level;
	struct egress_tuple tuple;
};

struct name {
	char text[NFT_NAME_SIZE];
};

struct name set_name(const struct set_id *set);
struct name chain_name(unsigned int level);

/* set_parse() - the reverse of set_name(); false for any other name. */
bool set_parse(const char *name, struct set_id *ret);

/* chain_parse() - the level of a cell<L>; 0 for any other name. */
unsigned int chain_parse(const char *name);

bool set_equal(const struct set_id *a, const struct set_id *b);

/* The size of a set's keys in bytes. */
unsigned int set_key_size(const struct set_id *set);

#endif /* NFT_NAMES_H */
