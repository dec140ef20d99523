/* SPDX-License-Identifier: MIT */
/*
 * A test of the bypass suite in which outsiders try to reach a cell. It is made
 * twice: the cell "guest" is governed, or (the control) it is not.
 */
#ifndef SELFTESTS_ROOT_BYPASS_GUEST_H
#define SELFTESTS_ROOT_BYPASS_GUEST_H

#include "selftests/root/bypass_fixture.h"

FIXTURE_VARIANT(cell) { bool off; };
FIXTURE_VARIANT_ADD(cell, governed) { .off = false };
FIXTURE_VARIANT_ADD(cell, control) { .off = true };

/* What has been refused to a governed one is counted. */
#define EXPECT_REFUSED(n)	\
	EXPECT_TRUE(variant->off || guest_refused(&self->out) == (n))	\
		TH_LOG("refused: %" JSON_INTEGER_FORMAT, guest_refused(&self->out))

#endif /* SELFTESTS_ROOT_BYPASS_GUEST_H */
