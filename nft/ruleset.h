/* SPDX-License-Identifier: MIT */
/*
 * The static parts of the table: what all cells share. Made with the first cell
 * that needs them, compared with what they have to be before any other one
 * relies on them:
 *
 *	table inet cellos {
 *		set ids		{ type cgroupsv2 . mark . mark . mark . mark; }
 *		set uids	{ type uid; }
 *		set cells2	{ type cgroupsv2; }
 *		set denied2	{ type cgroupsv2; counter; }
 *		set allow2_ip_24_p16 {
 *			type cgroupsv2 . inet_proto . ipv4_addr . inet_service; counter;
 *		}
 *		chain output {
 *			type filter hook output priority filter; policy accept;
 *			socket cgroupv2 level 2 @cells2 jump cell2
 *		}
 *		chain cell2 {
 *			socket cgroupv2 level 2 . meta l4proto . ip daddr & 255.255.255.0 .
 *				th dport @allow2_ip_24_p16 return
 *			socket cgroupv2 level 2 @denied2
 *			meta l4proto tcp reject with tcp reset
 *			reject with icmpx admin-prohibited
 *		}
 *	}
 *
 * What is allowed returns, it is not accepted: the levels below and above have
 * their say too, so the policies of nested cells intersect.
 */
#ifndef NFT_RULESET_H
#define NFT_RULESET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "nft/conn.h"
#include "nft/names.h"
#include "nft/tuple.h"

/**
 * struct level_rules - what the table has for one level
 * @cells: set cells<L>
 * @denied: set denied<L>
 * @jump: the rule in chain output
 * @tail: how many of the last three rules of chain cell<L>
 * @sets: tuples with a set
 * @rules: tuples with a rule
 */
struct level_rules {
	bool cells;
	bool denied;
	bool jump;
	uint8_t tail;
	struct tuple_set sets;
	struct tuple_set rules;
};

#define TAIL_RULES	3

/**
 * struct ruleset - what is known of the static parts
 * @valid: the rest is true of the ruleset at generation @gen
 * @dumped: all of it was seen in a dump, none of it only written
 * @gen: the kernel's generation id
 * @table: the table exists; else nothing does
 * @ids: set ids exists
 * @uids: set uids exists
 * @output: the base chain exists
 * @level: by level; 0 is not used
 */
struct ruleset {
	bool valid;
	bool dumped;
	uint32_t gen;
	bool table;
	bool ids;
	bool uids;
	bool output;
	struct level_rules level[NFT_LEVELS];
};

/**
 * struct nft - the connection of cells.h
 * @conn: the socket
 * @table: name of the table
 * @table_flags: NFT_TABLE_F_*
 * @rules: what is known of the table
 * @want: scratch for what a dumped object has to be
 * @witness: key in ids of some cell, the last one seen; see last.h
 * @has_witness: there is one
 */
struct nft {
	struct conn conn;
	char table[NFT_NAME_SIZE];
	uint32_t table_flags;
	struct ruleset rules;
	struct message want;
	uint8_t witness[NFT_ID_KEY_SIZE];
	bool has_witness;
};

enum rule_kind {
	RULE_JUMP,	/* in output */
	RULE_TUPLE,	/* in cell<L>, at the head, in any order */
	RULE_DENIED,	/* in cell<L>, the tail in this order */
	RULE_TCP,
	RULE_REST,
};

/* @tuple: of RULE_TUPLE only */
struct rule_id {
	enum rule_kind kind;
	unsigned int level;
	struct egress_tuple tuple;
};

/*
 * Builders: begin a message and put what the object has to be. @flags are of
 * the message header. The same builders make the objects and judge the dumped.
 */
void ruleset_put_table(struct message *m, const struct nft *nft, unsigned int flags);
void ruleset_put_output(struct message *m, const struct nft *nft, unsigned int flags);
void ruleset_put_chain(struct message *m, const struct nft *nft, unsigned int level);
void ruleset_put_set(struct message *m, const struct nft *nft, const struct set_id *set);
void ruleset_put_rule(struct message *m, const struct nft *nft, const struct rule_id *rule,
		      unsigned int flags);

/**
 * ruleset_put_missing() - put what a level and its tuples need and do not have
 * @nft: with valid rules
 * @level: 0: only what every cell needs
 * @needed: tuples
 *
 * Return: whether anything was put. ruleset_note() afterwards, once committed.
 */
bool ruleset_put_missing(struct nft *nft, unsigned int level, const struct tuple_set *needed);

/* Notes what ruleset_put_missing() made; @dumped stays only if it made nothing. */
void ruleset_note(struct nft *nft, unsigned int level, const struct tuple_set *needed);

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
