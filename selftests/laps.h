/* SPDX-License-Identifier: MIT */
/*
 * How often a test tries again what goes well nearly always. CELLOS_TEST_SLOW=1 says that
 * this machine is an emulated one: there a tenth has to do, on a real one it is all.
 */
#ifndef SELFTESTS_LAPS_H
#define SELFTESTS_LAPS_H

#include <stdbool.h>
#include <stdlib.h>

static inline bool is_slow(void)
{
	return getenv("CELLOS_TEST_SLOW");
}

static inline unsigned int laps(unsigned int n)
{
	return is_slow() && n >= 10 ? n / 10 : n;
}

#endif /* SELFTESTS_LAPS_H */
