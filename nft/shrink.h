/* SPDX-License-Identifier: MIT */
/*
 * The bound on tuples. Every governed packet of a level is looked up in each of
 * its tuples, so there are at most CELLOS_TUPLES_MAX a family.
 */
#ifndef NFT_SHRINK_H
#define NFT_SHRINK_H

#include "nft/ruleset.h"

/**
 * ruleset_make_room() - see that a level can take some more tuples
 * @nft: with valid rules
 * @level: 0: nothing to do
 * @needed: the tuples of a new cell
 *
 * Tuples that no cell uses any more stay until their place is needed: then
 * they are deleted here, in a transaction of their own.
 *
 * Return: 0; -E2BIG: too many are in use; -ERESTART: something changed, look
 * again; other -errno.
 */
int ruleset_make_room(struct nft *nft, unsigned int level, const struct tuple_set *needed,
		      struct error *err);

#endif /* NFT_SHRINK_H */
