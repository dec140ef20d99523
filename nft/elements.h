/* SPDX-License-Identifier: MIT */
/*
 * Elements: what the table holds of single cells. A cell's elements are counted
 * through from 0, without a list of them ever being built: first the one in
 * ids, in uids if the uid is to be unique, in cells<L>, denied<L> and refused<L>
 * if it is governed, then one for each key of its policy; in exempt<L> if not.
 *
 * Its parent's elements, in parents<L> and strays<L>, are shared with the other
 * cells below that parent.
 */
#ifndef NFT_ELEMENTS_H
#define NFT_ELEMENTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "nft/attr.h"
#include "nft/cells.h"
#include "nft/names.h"
#include "nft/ruleset.h"
#include "uapi/cellos.h"

#define KEY_MAX		32
#define NO_RULE		UINT_MAX
#define ELEMENTS_MAX	(CELLOS_KEYS_MAX + 7)	/* of one cell */

/*
 * User data of an element: type, length, value. Type 0 is the comment that the
 * nft tool prints; it passes over types that it does not know.
 */
#define UDATA_COMMENT	0
#define UDATA_OWNER	128

/**
 * struct element - one element
 * @set: where it is
 * @key: set_key_size() bytes, in the layout of the kernel's registers
 * @owner: SET_IDS, SET_UIDS: inode of the cell's cgroup, kept beside the key
 * @comment: for listings, or NULL
 * @rule: SET_ALLOW: the rule that it counts for; else NO_RULE
 */
struct element {
	struct set_id set;
	uint8_t key[KEY_MAX];
	uint64_t owner;
	const char *comment;
	unsigned int rule;
};

/**
 * struct element_state - what the kernel has of an element
 * @found: it exists, and if it has an owner, it is the expected one
 * @taken: it exists, whoever owns it
 * @plain: it has nothing that would change its meaning (time-out, flags)
 * @counted: it has a counter
 * @logs: it is the entry of a map to the chain that logs for its cell
 * @comment: valid during the callback only
 */
struct element_state {
	bool found;
	bool taken;
	bool plain;
	bool counted;
	bool logs;
	struct nft_count count;
	const char *comment;
};

/* Some elements, made one by one by @at. @private: for a table of the cell's own. */
struct element_list {
	unsigned int n;
	void (*at)(const struct element_list *list, unsigned int i, struct element *ret);
	const void *arg;
	bool private;
};

/* A bit for each element of a list; NULL stands for all. */
struct element_mask {
	uint64_t word[(ELEMENTS_MAX + 63) / 64];
};

static inline bool element_mask_has(const struct element_mask *mask, unsigned int i)
{
	return !mask || mask->word[i / 64] >> (i % 64) & 1;
}

static inline void element_mask_add(struct element_mask *mask, unsigned int i)
{
	mask->word[i / 64] |= UINT64_C(1) << (i % 64);
}

/* cell_elements() - all elements of a cell; @cell must outlive the list. */
struct element_list cell_elements(const struct nft *nft, const struct nft_cell *cell);

/* Those of its policy only, in the order of its keys. */
struct element_list policy_elements(const struct nft_cell *cell);

/* All that has to be there of a cell: its own, and its parent's behind them. */
struct element_list required_elements(const struct nft *nft, const struct nft_cell *cell);

/* Those of its parent; none if the cell is not governed, or the table its own. */
struct element_list parent_elements(const struct nft *nft, const struct nft_cell *cell);

/* The sets that log for a cell, in order. Return: how many. */
unsigned int cell_log_sets(const struct nft_cell *cell, enum set_kind ret[2]);

/* What a cell needs in its level. */
struct needs cell_needs(const struct nft_cell *cell);

/* flow_chains_put() - make the chains that log for a cell; before its elements. */
void flow_chains_put(struct nft *nft, const struct nft_cell *cell);

/* flow_chain_put_removal() - of one of them. */
void flow_chain_put_removal(struct nft *nft, const char *name);

/* flow_chains_remove() - put their removal; after that of its elements. */
void flow_chains_remove(struct nft *nft, const struct nft_cell *cell);

/* How many of a cell's elements say that it is there (ids, uids, cells<L>). */
unsigned int cell_identity_elements(const struct nft *nft, const struct nft_cell *cell);

/* The element that stands for an id or a uid. */
struct element id_element(uint64_t parent_id, const char *id, uint64_t cgroup_id);
struct element uid_element(uint32_t uid, const char *id, uint64_t cgroup_id);

/**
 * elements_put() - put elements of a list into the batch
 * @type: NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM
 * @flags: of the message headers
 *
 * One message for each set, so the first elements of a cell have one each.
 */
void elements_put(struct nft *nft, const struct element_list *list,
		  const struct element_mask *mask, unsigned int type, unsigned int flags);

/* element_get() - put the request that reads one element. */
void element_get(struct message *m, const struct nft *nft, const struct element *element);

/**
 * element_judge() - what a reply to element_get() says
 * @err: filled if the reply is neither the element nor "there is none"
 */
int element_judge(const struct element *element, const struct reply *reply,
		  struct element_state *ret, struct error *err);

/**
 * elements_read() - read elements, one by one
 * @each: called in order; a negative value ends the reading
 * @ret_gen: generation at which all were read; 0: it changed in between; of an empty
 *	list untouched
 */
int elements_read(struct nft *nft, const struct element_list *list,
		  int (*each)(unsigned int i, const struct element *element,
			      const struct element_state *state, void *arg),
		  void *arg, uint32_t *ret_gen, struct error *err);

/* One element of a dump. */
struct dumped {
	const uint8_t *key;
	size_t key_size;
	uint64_t owner;		/* 0: none */
};

/* Parses one entry of an element list; false: it has no key. */
bool element_parse(const struct nlattr *entry, struct dumped *ret);

/* The list of elements in an NFT_MSG_NEWSETELEM. */
struct attrs elements_of_message(const struct nlmsghdr *nlh);

#endif /* NFT_ELEMENTS_H */
