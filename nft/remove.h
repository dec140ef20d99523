/* SPDX-License-Identifier: MIT */
/*
 * Deleting, tied to the generation that was looked at.
 */
#ifndef NFT_REMOVE_H
#define NFT_REMOVE_H

#include "nft/elements.h"

/* Elements of a list that @mask has. */
struct selection {
	struct element_list list;
	const struct element_mask *mask;
};

/**
 * elements_delete() - delete some elements
 * @what: @n selections
 * @gen: generation at which they were seen
 *
 * Return: 0; -ERESTART: something changed since, look again; other -errno.
 */
int elements_delete(struct nft *nft, const struct selection *what, unsigned int n, uint32_t gen,
		    struct error *err);

/* table_delete() - delete the table and all in it; returns as elements_delete(). */
int table_delete(struct nft *nft, uint32_t gen, struct error *err);

/* table_find() - does it exist? @ret_gen: 0: no. */
int table_find(struct nft *nft, uint32_t *ret_gen, struct error *err);

/* levels_sweep() - take away the levels that have no cells. 0 or -errno. */
int levels_sweep(struct nft *nft, struct error *err);

#endif /* NFT_REMOVE_H */
