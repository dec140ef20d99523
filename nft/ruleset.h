/* SPDX-License-Identifier: MIT */
/*
 * The static parts of the table: what all cells share. Made with the first cell
 * that needs them, compared with what they have to be before any other one
 * relies on them, gone with the last:
 *
 *	table inet cellos {
 *		set ids		{ type cgroupsv2 . mark . mark . mark . mark; }
 *		set uids	{ type uid; }
 *		set cells2	{ type cgroupsv2; }	# and exempt2, parents2
 *		set denied2	{ type cgroupsv2; counter; }	# and refused2, strays2
 *		set allow2_ip_24_p16 {
 *			type cgroupsv2 . inet_proto . ipv4_addr . inet_service; counter;
 *		}
 *		chain output {
 *			type filter hook output priority filter; policy accept;
 *			socket cgroupv2 level 2 @cells2 jump cell2
 *			socket cgroupv2 level 1 @parents2 jump guard2
 *			# where a cell logs allowed flows, too:
 *			meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn return
 *			socket cgroupv2 level 2 vmap @logallowed2
 *		}
 *		chain cell2 {
 *			meta nfproto ipv6 goto v6cell2
 *			ip hdrlength != 5 goto deny2
 *			meta oiftype != loopback ip daddr 127.0.0.0/8 goto deny2
 *			socket cgroupv2 level 2 . meta l4proto . ip daddr & 255.255.255.0 .
 *				th dport @allow2_ip_24_p16 return
 *			goto deny2
 *		}
 *		chain v6cell2 { exthdr rt exists goto deny2; ... ::1 ...; ...; goto deny2 }
 *		chain deny2 {
 *			socket cgroupv2 level 2 @denied2
 *			socket cgroupv2 level 2 vmap @logdenied2	# where a cell logs
 *			goto rejected
 *		}
 *		map logdenied2 { type cgroupsv2 : verdict; limit rate 10/second; }
 *		chain flow4711 { log prefix "cellos-flow <cell id>" group 5 }
 *		chain guard2 {
 *			socket cgroupv2 level 2 @cells2 return
 *			socket cgroupv2 level 2 @exempt2 return
 *			socket cgroupv2 level 1 @strays2
 *			goto rejected
 *		}
 *		chain input {
 *			type filter hook input priority filter; policy accept;
 *			meta l4proto ipv6-icmp exthdr frag exists icmpv6 type < 128 drop
 *			meta iiftype loopback ip6 daddr fe80::/10 meta l4proto udp jump scoped
 *			... the same for tcp flags syn ...
 *			socket cgroupv2 level 2 @cells2 jump peer2
 *		}
 *		chain peer2 {
 *			exthdr frag frag-off != 0 return
 *			tcp flags & (fin | syn | rst | ack) == syn goto refuse2
			meta iiftype loopback tcp flags & rst == rst return
 *			meta l4proto icmp goto quoted2
 *			meta l4proto ipv6-icmp goto quoted2
 *			socket cgroupv2 level 2 . meta l4proto . ip saddr & 255.255.255.0 .
 *				th sport != @allow2_ip_24_p16 goto refuse2
 *			meta nfproto ipv6 goto refuse2
 *		}
 *		chain quoted2 {
			meta iiftype loopback return
			... fragmentation needed, for TCP: return ...
			... then the same for what the ICMP error quotes ...
		}
 *		chain refuse2 { socket cgroupv2 level 2 @refused2; goto closed }
 *		chain rejected {
 *			meta l4proto tcp fib saddr type local reject with tcp reset
 *			drop
 *		}
 *		chain closed {
 *			meta l4proto tcp reject with tcp reset
 *			reject with icmpx port-unreachable
 *		}
 *		chain scoped { socket cgroupv2 level 0 return; goto closed }
 *	}
 *
 * What is allowed returns, it is not accepted: the levels below and above have
 * their say too, so the policies of nested cells intersect. Inbound the same
 * sets are looked up with the source: a peer that may be talked to may answer.
 * A lookup with != leaves the counters alone: they count what the cell sends.
 *
 * A table of one cell's own (in another network namespace) has neither ids and
 * uids nor the guard with its sets: these stay with the helper's namespace.
 */
#ifndef NFT_RULESET_H
#define NFT_RULESET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "nft/conn.h"
#include "nft/names.h"
#include "nft/rules.h"
#include "nft/tuple.h"

#define NFT_TABLE_SIZE	96

/* What may be logged of one cell: a burst, then so many packets a second. */
#define LOG_RATE	10
#define LOG_BURST	50

/**
 * struct level_rules - what the table has for one level
 * @sets: SET_BIT()s of the sets that exist; 0: the level is not in use
 * @tuples: those with a set
 */
struct level_rules {
	uint32_t sets;
	struct tuple_set tuples;
};

/**
 * struct ruleset - what is known of the static parts
 * @valid: the rest is true of the ruleset at generation @gen
 * @dumped: all of it was seen in a dump, none of it only written
 * @gen: the kernel's generation id
 * @table: the table exists; else nothing does
 * @sets: SET_BIT()s of SET_IDS and SET_UIDS
 * @level: by level; 0 is not used
 */
struct ruleset {
	bool valid;
	bool dumped;
	uint32_t gen;
	bool table;
	uint32_t sets;
	struct level_rules level[NFT_LEVELS];
};

/*
 * An element that was seen in a set: as long as it is there, another one is not
 * the last. See last.h.
 */
struct witness {
	bool seen;
	struct set_id set;
	uint8_t key[NFT_ID_KEY_SIZE];
};

/**
 * struct nft - the connection of cells.h
 * @conn: the socket
 * @table: name of the table
 * @table_flags: NFT_TABLE_F_*
 * @private: the table is one cell's own
 * @loopback: and what goes over the loopback device is allowed
 * @rules: what is known of the table
 * @want: scratch for what a dumped object has to be
 * @ids, @cells: witnesses that other cells live, in the table and in a level
 */
struct nft {
	struct conn conn;
	char table[NFT_TABLE_SIZE];
	uint32_t table_flags;
	bool private;
	bool loopback;
	struct ruleset rules;
	struct message want;
	struct witness ids;
	struct witness cells;
};

/* Has this kind of table such a set? */
bool table_has_set(const struct nft *nft, enum set_kind kind);

/* SET_BIT()s of the sets that every level has. */
uint32_t level_sets(const struct nft *nft);

/* A chain with a hook? */
static inline bool chain_is_base(const struct chain_id *chain)
{
	return chain->kind == CHAIN_OUTPUT || chain->kind == CHAIN_INPUT;
}

/*
 * Builders: begin a message and put what the object has to be. @flags are of
 * the message header. The same builders make the objects and judge the dumped.
 */
void ruleset_put_table(struct message *m, const struct nft *nft, unsigned int flags);
void ruleset_put_chain(struct message *m, const struct nft *nft, const struct chain_id *chain,
		       unsigned int flags);
void ruleset_put_set(struct message *m, const struct nft *nft, const struct set_id *set,
		     unsigned int flags);
void ruleset_put_rule(struct message *m, const struct nft *nft, const struct chain_id *chain,
		      const struct rule *rule, unsigned int flags);

/* Deletes what is in a chain and puts what has to be. */
void ruleset_put_rules(struct nft *nft, const struct chain_id *chain);

/**
 * struct needs - what a cell needs in its level
 * @tuples: its rules' tuples
 * @sets: SET_BIT()s of the sets that not every level has: those that log
 */
struct needs {
	struct tuple_set tuples;
	uint32_t sets;
};

/**
 * ruleset_put_missing() - put what a cell needs and its level does not have
 * @nft: with valid rules; they are changed to what will be, once committed
 *
 * Return: whether anything was put. If the commit fails, the caller sets
 * nft->rules.valid to false.
 */
bool ruleset_put_missing(struct nft *nft, unsigned int level, const struct needs *needs);

/* The reverse, for a level without cells: its rules, chains and sets go. */
void ruleset_put_level_removal(struct nft *nft, unsigned int level);

/* For tuples that nobody uses: their lookups and sets go. */
void ruleset_put_tuple_removal(struct nft *nft, unsigned int level,
			       const struct tuple_set *unused);

/* Notes that there is no table. */
void ruleset_note_none(struct ruleset *rules, uint32_t gen);

/* Notes a commit of ours: the generation went on by exactly one. */
void ruleset_next_gen(struct ruleset *rules);

/**
 * ruleset_load() - dump the static parts and compare them
 *
 * Return: 0: nft->rules is valid and dumped; -EUCLEAN: the table is not what it
 * has to be, @err names the difference; other -errno.
 */
int ruleset_load(struct nft *nft, struct error *err);

/* Reads an NFT_MSG_NEWGEN. 0: it is none. */
uint32_t ruleset_gen(const struct nlmsghdr *nlh);

#endif /* NFT_RULESET_H */
