/* SPDX-License-Identifier: MIT */
/*
 * Trying again after another program committed in between. Every collision
 * means that somebody made progress, so a short random pause is enough.
 */
#ifndef NFT_RETRY_H
#define NFT_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define RETRY_SECONDS	20

/* All zero to begin with. */
struct retry {
	uint64_t deadline;	/* CLOCK_MONOTONIC, nanoseconds */
	uint64_t random;
	unsigned int round;
};

/* retry_wait() - pause; false: the time is over, give up. */
bool retry_wait(struct retry *retry);

/* retry_gave_up() - says so. -EBUSY. */
int retry_gave_up(struct error *err);

#endif /* NFT_RETRY_H */
