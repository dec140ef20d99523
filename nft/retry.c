// SPDX-License-Identifier: MIT
#include "nft/retry.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "nft/conn.h"

#define SECOND		UINT64_C(1000000000)
#define PAUSE_FIRST	UINT64_C(50000)		/* nanoseconds, doubled each round */
#define PAUSE_ROUNDS	8			/* up to 12.8 ms */

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

/* xorshift64: only has to differ between processes. */
static uint64_t next_random(struct retry *retry)
{
	retry->random ^= retry->random << 13;
	retry->random ^= retry->random >> 7;
	retry->random ^= retry->random << 17;
	return retry->random;
}

bool retry_wait(struct retry *retry)
{
	struct timespec pause = { 0 };
	uint64_t time = now();

	if (!retry->deadline) {
		retry->deadline = time + RETRY_SECONDS * SECOND;
		retry->random = (time ^ (uint64_t)getpid() << 32) | 1;
	}
	if (time >= retry->deadline)
		return false;
	/* At once the first time: it was one collision, as a rule. */
	if (!retry->round++)
		return true;
	if (retry->round > PAUSE_ROUNDS)
		retry->round = PAUSE_ROUNDS;
	pause.tv_nsec = (long)(next_random(retry) % (PAUSE_FIRST << (retry->round - 1)));
	nanosleep(&pause, NULL);
	return true;
}

int retry_gave_up(struct error *err)
{
	return err_set(err, CONN_STEP, EBUSY,
		       "other programs changed the ruleset without a pause for %d s",
		       RETRY_SECONDS);
}
