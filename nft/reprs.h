/* SPDX-License-Identifier: MIT */
/*
 * Egress rules in nft's own words, one line each, for reports.
 */
#ifndef NFT_REPRS_H
#define NFT_REPRS_H

#include <stdbool.h>
#include <stddef.h>

#include "nft/policy.h"

#define REPRS_MAX	(60 * 1024)	/* bytes of all lines of a cell, without the NUL */

/**
 * struct reprs - text that grows line by line
 * @text: room for REPRS_MAX bytes and a NUL; the caller's
 * @len: bytes used
 * @full: something did not fit; the rest was dropped
 */
struct reprs {
	char *text;
	size_t len;
	bool full;
};

/* reprs_add() - append one rule's line, newline included. */
void reprs_add(struct reprs *reprs, const struct egress_rule *rule);

#endif /* NFT_REPRS_H */
