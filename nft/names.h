/* SPDX-License-Identifier: MIT */
/*
 * What the sets and chains of the table are called. The name says everything
 * about a set, so that a dump can be compared with what it has to be. L is the
 * level of cells: how deep their cgroups are.
 *
 *   ids, uids                 who is alive
 *   cells<L>                  governed cgroups
 *   exempt<L>                 cells with --egress off
 *   parents<L>                cgroups, one level up, below which only cells may talk
 *   denied<L>                 counters: what cells were denied outbound
 *   refused<L>                counters: what was refused inbound for cells
 *   strays<L>                 counters: what the guard refused, by parent
 *   logdenied<L>, logallowed<L>	whose flows are logged: maps to chains of theirs
 *   allow<L>_ip_24_p16        one tuple: IPv4, /24, port mask /16
 *   allow<L>_ip6_128          one tuple: IPv6, /128, any port
 *
 *   output, input             base chains
 *   rejected, closed, scoped  chains that all levels share
 *   cell<L>, v6cell<L>, deny<L>	chains of a level, outbound
 *   peer<L>, quoted<L>, refuse<L>	inbound
 *   guard<L>                  for sockets of no cell
 *   flow<id>, flowok<id>      log for one cell what was denied, or allowed
 */
#ifndef NFT_NAMES_H
#define NFT_NAMES_H

#include <stdbool.h>

#include "nft/policy.h"

#define NFT_NAME_SIZE	32
#define NFT_LEVELS	256	/* the kernel's `socket cgroupv2 level` is below that */
#define NFT_ID_KEY_SIZE	24	/* of a key in ids: parent, hash of the id */

/* Those of a level begin with SET_CELLS; SET_ALLOW is many. */
enum set_kind {
	SET_IDS,
	SET_UIDS,
	SET_CELLS,
	SET_EXEMPT,
	SET_PARENTS,
	SET_DENIED,
	SET_REFUSED,
	SET_STRAYS,
	SET_LOG_DENIED,		/* these two only where a cell asks for it */
	SET_LOG_ALLOWED,
	SET_ALLOW,
};

#define SET_BIT(kind)	(1U << (kind))

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

/* Those of a level begin with CHAIN_CELL. */
enum chain_kind {
	CHAIN_OUTPUT,
	CHAIN_INPUT,
	CHAIN_REJECT,
	CHAIN_CLOSED,
	CHAIN_SCOPED,
	CHAIN_CELL,
	CHAIN_V6CELL,
	CHAIN_DENY,
	CHAIN_PEER,
	CHAIN_QUOTED,
	CHAIN_REFUSE,
	CHAIN_GUARD,
	CHAIN_COUNT
};

/* @level: from CHAIN_CELL on; else 0 */
struct chain_id {
	enum chain_kind kind;
	unsigned int level;
};

struct name {
	char text[NFT_NAME_SIZE];
};

struct name set_name(const struct set_id *set);
struct name chain_name(const struct chain_id *chain);

/* set_parse(), chain_parse() - the reverse; false for any other name. */
bool set_parse(const char *name, struct set_id *ret);
bool chain_parse(const char *name, struct chain_id *ret);

bool set_equal(const struct set_id *a, const struct set_id *b);

/* Has each element of such a set a counter? */
bool set_counts(enum set_kind kind);

/* Is it a map to chains that log, each element with a limit? */
bool set_logs(enum set_kind kind);

/* flow_chain_name() - the chain that logs for one cell; @kind of a set that logs. */
struct name flow_chain_name(enum set_kind kind, uint64_t cgroup_id);

/* flow_chain_parse() - the cell's cgroup id, or 0 for any other name. */
uint64_t flow_chain_parse(const char *name);

/* The size of a set's keys in bytes. */
unsigned int set_key_size(const struct set_id *set);

#endif /* NFT_NAMES_H */
