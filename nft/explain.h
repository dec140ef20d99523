/* SPDX-License-Identifier: MIT */
/*
 * Which rule of the document made a transaction fail. The kernel names the
 * message by its sequence number and, since 6.2, the place in it.
 */
#ifndef NFT_EXPLAIN_H
#define NFT_EXPLAIN_H

#include "nft/elements.h"

/**
 * struct culprit - what a transaction failed at
 * @is_set: an element of @set
 * @rule: the rule that it stands for; NO_RULE
 */
struct culprit {
	bool is_set;
	struct set_id set;
	unsigned int rule;
};

/*
 * culprit_of() - what it was, from the messages that are still in the buffer
 * @cell: with the policy whose elements were put
 */
struct culprit culprit_of(const struct nft *nft, const struct nft_cell *cell,
			  const struct batch *batch);

/* explain_batch() - fill @err, with the rule as field where it is known. -errno. */
int explain_batch(const struct culprit *culprit, const struct batch *batch, struct error *err);

#endif /* NFT_EXPLAIN_H */
