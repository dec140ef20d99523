/* SPDX-License-Identifier: MIT */
/*
 * Is this the last cell? With it, the table goes. Newer kernels say how many
 * elements a set has. On others a witness will do: another cell that was seen
 * in ids, of which one lookup tells whether it still lives. Only when there is
 * none, or it is gone, ids is dumped, and the next witness found.
 *
 * (A dump cannot be broken off but by closing its socket, and closing a socket
 * of nf_tables waits for an RCU grace period.)
 */
#ifndef NFT_LAST_H
#define NFT_LAST_H

#include "nft/elements.h"

/**
 * others_get() - put the one request whose reply others_judge() understands
 * @own: in the set that is asked for, and no other
 * @witness: of that set
 */
void others_get(struct message *m, const struct nft *nft, const struct element *own,
		const struct witness *witness);

/**
 * others_judge() - what that reply says
 * @reply: the reply
 * @own: whether the cell itself is in the set
 *
 * Return: 1: there are other cells; 0: there are none; -EAGAIN: not known.
 */
int others_judge(const struct reply *reply, bool own);

/**
 * table_is_only() - has the table no cells but one?
 * @cell: the cell that may be there, or NULL
 * @known: ids is known to have no other
 *
 * The set ids says who is alive. Before the whole table is deleted on its word,
 * the sets of governed cgroups are asked too: no cell loses its rules because
 * somebody emptied ids.
 *
 * Return: 1, 0, -ERESTART: the table changed meanwhile; other -errno.
 */
int table_is_only(struct nft *nft, const struct nft_cell *cell, bool known, struct error *err);

/**
 * set_is_only() - is there no element in a set but one?
 * @key: the one that may be there; NULL: none may
 *
 * Return: as table_is_only().
 */
int set_is_only(struct nft *nft, const struct set_id *set, const uint8_t *key, struct error *err);

/**
 * level_is_only() - has a level no cells but one?
 * @cell: of that level
 * @known: the level's governed cells are known to be no others
 *
 * Return: as table_is_only().
 */
int level_is_only(struct nft *nft, const struct nft_cell *cell, bool known, struct error *err);

#endif /* NFT_LAST_H */
