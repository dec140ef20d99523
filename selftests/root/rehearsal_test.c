// SPDX-License-Identifier: MIT
/* The rehearsal of `probe`: passes on this host, and can fail. */
#include <errno.h>
#include <string.h>

#include "helper/caps.h"
#include "helper/rehearsal.h"
#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(host) {
	struct test_env env;
	struct cgroup_parent parent;
	struct error err;
};

FIXTURE_SETUP(host)
{
	env_setup(&self->env, "rehearsal");
	ASSERT_EQ(0, cgroup_parent_open(self->env.parent, false, &self->parent, &self->err));
}

FIXTURE_TEARDOWN_PARENT(host) { env_teardown(&self->env); }

TEST_F(host, that_works_passes_and_is_left_as_it_was)
{
	const char *before = host_snapshot(&self->env);

	ASSERT_EQ(0, caps_init(PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_NETWORK), &self->err));
	EXPECT_EQ(0, rehearse_egress(&self->parent, &self->err)) TH_LOG("%s", self->err.message);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* As where the default parent was never made: then its place is the root, mode 0555. */
TEST_F(host, that_has_no_cell_parent_yet_passes_too)
{
	const char *before = host_snapshot(&self->env);

	cgroup_parent_done(&self->parent);
	ASSERT_EQ(0, cgroup_parent_open(self->env.mount, false, &self->parent, &self->err));
	ASSERT_EQ(0, caps_init(PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_NETWORK) |
			       PRIV_MASK(PRIV_PARENT), &self->err));
	EXPECT_EQ(0, rehearse_egress(&self->parent, &self->err)) TH_LOG("%s", self->err.message);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* Rules that look at another level match nobody, as in a kernel that does not match. */
TEST_F(host, whose_rules_do_not_match_is_found_out)
{
	const char *before = host_snapshot(&self->env);

	ASSERT_EQ(0, caps_init(PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_NETWORK), &self->err));
	self->parent.level++;
	EXPECT_EQ(-EUCLEAN, rehearse_egress(&self->parent, &self->err));
	EXPECT_NE(NULL, strstr(self->err.message, "did not end as it must"))
		TH_LOG("%s", self->err.message);
	EXPECT_NE('\0', self->err.hint[0]);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(host, that_allows_no_network_namespace_is_told_so)
{
	ASSERT_EQ(0, caps_init(PRIV_MASK(PRIV_EGRESS), &self->err));
	EXPECT_EQ(-EPERM, rehearse_egress(&self->parent, &self->err));
	EXPECT_NE(NULL, strcasestr(self->err.message, "cap_sys_admin"))
		TH_LOG("%s", self->err.message);
}

TEST_HARNESS_MAIN
