/* SPDX-License-Identifier: MIT */
/*
 * Deleting, tied to the generation that was looked at.
 */
#ifndef NFT_REMOVE_H
#define NFT_REMOVE_H

#include "nft/elements.h"

/**
 * elements_delete() - delete the elements of a list that @mask has
 * @gen: generation at which they were seen
 *
 * Return: 0; -ERESTART: something changed since, look again; other -errno.
 */
int elements_delete(struct nft *nft, const struct element_list *list,
		    const struct element_mask *mask, uint32_t gen, struct error *err);

/* table_delete() - delete the table and all in it; returns as elements_delete(). */
int table_delete(struct nft *nft, uint32_t gen, struct error *err);

#endif /* NFT_REMOVE_H */
