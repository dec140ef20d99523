// SPDX-License-Identifier: MIT
/*
 * The guard: below a parent with a governed cell, who is no cell has no egress;
 * nor has what a cell leaves behind.
 */
#include "selftests/harness.h"

#include "selftests/root/nft_fixture.h"

#include "selftests/root/nft_net.h"

#define OPEN_PORT	5000
#define SHUT_PORT	5001

FIXTURE(guard) {
	struct scene s;		/* its cell may send to OPEN_PORT */
	struct nft_cell far;	/* of another parent; the table stays with it */
	struct nft_cell next;	/* of the same parent */
	struct egress_policy none;
	const char *far_folder, *far_leaf, *next_leaf;
	const char *below;	/* no cell; below the parent */
	const char *deep;	/* below that */
	char far_id[32], next_id[32];
};

/* The name of the other parent begins as the one's, so it is swept with it. */
static bool make_cells(FIXTURE_DATA(guard) *self)
{
	const struct place *place = &self->s.place;
	char far[64];

	snprintf(far, sizeof(far), CGROUP_PREFIX "%d_far", getpid());
	self->far_folder = cgroup_below(place->mount, far);
	self->far_leaf = cgroup_below(self->far_folder, "cell");
	self->next_leaf = cgroup_below(place->folder, "next");
	self->below = cgroup_below(place->folder, "below");
	self->deep = cgroup_below(self->below, "deep");
	self->far = test_cell(cgroup_inode(self->far_leaf), 2, self->far_id, &self->none);
	self->far.parent_id = cgroup_inode(self->far_folder);
	self->next = test_cell(cgroup_inode(self->next_leaf), 3, self->next_id, &self->none);
	self->next.parent_id = place->folder_id;
	return self->far_leaf && self->next_leaf && self->deep;
}

FIXTURE_SETUP(guard)
{
	static const struct allow allow[] = {
		{ "127.0.0.1", 32, OPEN_PORT, OPEN_PORT, EGRESS_TCP | EGRESS_UDP },
		{ "::1", 128, OPEN_PORT, OPEN_PORT, EGRESS_TCP | EGRESS_UDP },
		{ 0 }
	};
	const char *reason;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, scene_allow(&self->s, allow));
	ASSERT_EQ(0, egress_compile(NULL, 0, &self->none, NULL));
	ASSERT_TRUE(make_cells(self));
	ASSERT_LE(0, bound_in(NULL, SOCK_STREAM, "127.0.0.1", OPEN_PORT));
	ASSERT_LE(0, bound_in(NULL, SOCK_STREAM, "::1", OPEN_PORT));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->far, &self->s.err));
}

FIXTURE_TEARDOWN(guard)
{
	egress_policy_done(&self->none);
	scene_teardown(&self->s);
}

/*
 * How a socket from a cgroup sends to OPEN_PORT and connects to it, with both
 * families. Return: 0: it does; EPERM: it cannot, in the way of a refusal; -1:
 * neither.
 */
static int egress(const char *cgroup)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };
	int i, udp, tcp, n = 0, refused = 0;

	for (i = 0; i < 2; i++) {
		const struct address to = address_at(hosts[i], OPEN_PORT);
		const struct address any = address_at(i ? "::" : "0.0.0.0", 0);
		int fd = socket_in(cgroup, to.any.sa_family, SOCK_DGRAM, 0);

		udp = send_to(fd, "x", hosts[i], OPEN_PORT);
		close(fd);
		tcp = connect_from(cgroup, &any, &to);
		n += !udp + !tcp;
		refused += (udp == EPERM) + (tcp == ECONNREFUSED);
	}
	return n == 4 ? 0 : refused == 4 ? EPERM : -1;
}

static unsigned int parents(void)
{
	return listed_elements(nft_listing("cellos"), "parents2");
}

static uint64_t strays(void)
{
	return listed_packets(nft_listing("cellos"), "strays2");
}

static int release(FIXTURE_DATA(guard) *self)
{
	return nft_parent_release(self->s.nft, self->s.place.folder_id, 2, &self->s.err);
}

TEST_F(guard, leaves_a_socket_of_no_cell_without_egress_while_one_lives)
{
	EXPECT_EQ(0, egress(self->below));
	EXPECT_EQ(1, parents());
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
	ASSERT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, &self->s.err));
	EXPECT_EQ(2, parents());
	EXPECT_EQ(0, strays());
	EXPECT_EQ(EPERM, egress(self->below));
	EXPECT_EQ(EPERM, egress(self->deep));
	EXPECT_EQ(EPERM, egress(self->s.place.folder));
	EXPECT_EQ(3 * 4, strays());
	/* The cell has its rules; others are not meant. */
	EXPECT_EQ(0, egress(self->s.place.leaf));
	EXPECT_EQ(0, egress(self->s.place.mount));
	EXPECT_EQ(EPERM, egress(self->far_folder));
	EXPECT_EQ(4 * 4, strays());
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, &self->s.err));
	ASSERT_EQ(0, release(self));
	EXPECT_EQ(1, parents());
	EXPECT_EQ(0, egress(self->below));
	EXPECT_EQ(0, egress(self->deep));
	EXPECT_EQ(EPERM, egress(self->far_folder));
}

TEST_F(guard, ends_with_the_table)
{
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->far, NULL));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(EPERM, egress(self->below));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(NULL, nft_listing("cellos"));
	EXPECT_EQ(0, egress(self->below));
}

TEST_F(guard, does_not_touch_a_cell_without_rules_of_its_own)
{
	self->next.governed = false;
	self->next.policy = NULL;
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->next, &self->s.err));
	/* Such a cell sets up no guard. */
	EXPECT_EQ(1, parents());
	EXPECT_EQ(0, egress(self->below));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
	ASSERT_EQ(0, nft_cell_verify(self->s.nft, &self->next, &self->s.err));
	EXPECT_EQ(0, egress(self->next_leaf));
	EXPECT_EQ(EPERM, egress(self->below));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->next, &self->s.err));
	EXPECT_EQ(EPERM, egress(self->next_leaf));
	/* The other order: the guard was there first. */
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->next, &self->s.err));
	EXPECT_EQ(0, egress(self->next_leaf));
	EXPECT_EQ(8, strays());
}

TEST_F(guard, silences_what_a_removed_cell_left_behind)
{
	int udp = socket_in(self->s.place.leaf, AF_INET, SOCK_DGRAM, 0);
	int tcp = socket_in(self->s.place.leaf, AF_INET, SOCK_STREAM, 0);
	int server = bound_in(NULL, SOCK_DGRAM, "127.0.0.2", OPEN_PORT);
	int listener = bound_in(NULL, SOCK_STREAM, "127.0.0.2", OPEN_PORT), fd;

	/* No cell yet: anybody's sockets. */
	ASSERT_EQ(0, connect_to(tcp, "127.0.0.2", OPEN_PORT));
	fd = accepted(listener);
	ASSERT_LE(0, fd);
	ASSERT_EQ(2, send(tcp, "in", 2, 0));
	EXPECT_STREQ("in", hear(fd));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->next, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	ASSERT_EQ(0, rmdir(self->s.place.leaf));
	EXPECT_EQ(0, strays());
	EXPECT_EQ(EPERM, send_to(udp, "left behind", "127.0.0.2", OPEN_PORT));
	EXPECT_EQ(1, strays());
	send(tcp, "left behind", 11, MSG_NOSIGNAL);
	settle();
	EXPECT_STREQ("ECONNRESET", heard(tcp));
	EXPECT_STREQ("EAGAIN", heard(server));
	EXPECT_STREQ("EAGAIN", heard(fd));
	EXPECT_LE(2, strays());
	/* Nor do they talk when no cell is left, until the parent is released. */
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->next, NULL));
	EXPECT_EQ(EPERM, send_to(udp, "left behind", "127.0.0.2", OPEN_PORT));
	EXPECT_STREQ("EAGAIN", heard(server));
	ASSERT_EQ(0, release(self));
	EXPECT_EQ(0, send_to(udp, "nobody cares", "127.0.0.2", OPEN_PORT));
	EXPECT_STREQ("nobody cares", hear(server));
}

TEST_F(guard, stays_when_cells_go)
{
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(EPERM, egress(self->below));
	EXPECT_EQ(4, strays());
	/* The second finds the parent there, and its counter stays. */
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->next, NULL));
	EXPECT_EQ(4, strays());
	EXPECT_EQ(2, parents());
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->next, NULL));
	EXPECT_EQ(2, parents());
	EXPECT_EQ(EPERM, egress(self->below));
	EXPECT_EQ(EPERM, egress(self->s.place.leaf));
	EXPECT_EQ(3 * 4, strays());
	ASSERT_EQ(0, nft_cell_verify(self->s.nft, &self->far, NULL));
}

TEST_F(guard, is_released_for_one_parent)
{
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(EPERM, egress(self->below));
	ASSERT_EQ(0, release(self));
	EXPECT_EQ(1, parents());
	EXPECT_EQ(0, egress(self->below));
	EXPECT_EQ(EPERM, egress(self->far_folder));
	/* Twice is no error, and takes nobody else's. */
	ASSERT_EQ(0, release(self));
	ASSERT_EQ(0, nft_cell_verify(self->s.nft, &self->far, NULL));
	/* The next cell begins it again. */
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->next, NULL));
	EXPECT_EQ(EPERM, egress(self->below));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->next, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->far, NULL));
	/* Nor without a table. */
	EXPECT_EQ(NULL, nft_listing("cellos"));
	EXPECT_EQ(0, release(self));
}

TEST_HARNESS_MAIN
