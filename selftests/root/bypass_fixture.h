/* SPDX-License-Identifier: MIT */
/* A test of the bypass suite: a host for cells, with a world around it. */
#ifndef SELFTESTS_ROOT_BYPASS_FIXTURE_H
#define SELFTESTS_ROOT_BYPASS_FIXTURE_H

#include "selftests/harness.h"
#include "selftests/root/bypass.h"

FIXTURE(cell)
{
	struct test_env env;
	struct outside out;
};

FIXTURE_SETUP(cell)
{
	const char *missing;

	env_setup(&self->env, "bypass");
	missing = outside_setup(&self->out, &self->env);
	if (missing)
		SKIP(return, "no %s here", missing);
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

#define EXPECT_ATTEMPT(...)	\
	EXPECT_STREQ("", attempt(&self->out, &(struct attempt){ __VA_ARGS__ }))

#endif /* SELFTESTS_ROOT_BYPASS_FIXTURE_H */
