/* SPDX-License-Identifier: MIT */
/*
 * The kernel's test harness, for machines that are slow, too. Each of its tests has so
 * many seconds before it counts as hung; on an emulated machine it has PATIENCE times as
 * many. What a test itself waits for it says itself.
 */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H

#include "kselftest_harness.h"
#include "selftests/laps.h"

#define PATIENCE 4

/* Constructors without a priority come after those that put the tests on the list. */
static void __attribute__((constructor)) be_patient(void)
{
	for (struct __fixture_metadata *f = __fixture_list; is_slow() && f; f = f->next)
		for (struct __test_metadata *t = f->tests; t; t = t->next)
			t->timeout *= PATIENCE;
}

#endif /* SELFTESTS_HARNESS_H */
