/* SPDX-License-Identifier: MIT */
/*
 * How often a test tries again what goes well nearly always. CELLOS_TEST_SLOW=1 says that
 * this machine is an emulated one: there a tenth has to do, on a real one it is all.
 */
#ifndef SELFTESTS_LAPS_H
#define SELFTESTS_LAPS_H

#include <stdlib.h>

static inline unsigned int laps(unsigned int n)
{
	return getenv("CELLOS_TEST_SLOW") && n >= 10 ? n / 10 : n;
}

#endif /* SELFTESTS_LAPS_H */
