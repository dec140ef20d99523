// SPDX-License-Identifier: MIT
/*
 * Levels of the cgroup hierarchy: parents at different depths share the table,
 * and a cell below a cell may do what both may.
 */
#include "selftests/harness.h"
#include "selftests/laps.h"

#include "selftests/root/nft_fixture.h"

#include "selftests/root/nft_net.h"

#define PORT	5000
#define LAPS	laps(400)
#define HELPERS	2

FIXTURE(levels) {
	struct scene s;			/* its cell is at level 2 */
	struct nft_cell deep;		/* this one at level 4 */
	struct egress_policy deep_policy;
	const char *deep_folder, *deep_leaf;
	char deep_id[32];
};

/* PORT and PORT + 1; PORT and PORT + 2 */
static const struct allow allow_upper[] = {
	{ "127.0.0.1", 32, PORT, PORT, EGRESS_UDP },
	{ "127.0.0.1", 32, PORT + 1, PORT + 1, EGRESS_UDP },
	{ "::1", 128, 0, 0, EGRESS_UDP },
	{ 0 }
};

static const struct allow allow_lower[] = {
	{ "127.0.0.1", 32, PORT, PORT, EGRESS_UDP },
	{ "127.0.0.1", 32, PORT + 2, PORT + 2, EGRESS_UDP },
	{ "::1", 128, 0, 0, EGRESS_UDP },
	{ 0 }
};

/* A cell below a parent two levels below @top. */
static bool make_deep(FIXTURE_DATA(levels) *self, const char *top)
{
	self->deep_folder = cgroup_below(top, "cellos");
	self->deep_leaf = cgroup_below(self->deep_folder, "cell");
	self->deep = test_cell(cgroup_inode(self->deep_leaf), 2, self->deep_id,
			       &self->deep_policy);
	self->deep.parent_id = cgroup_inode(self->deep_folder);
	self->deep.level = 4;
	return self->deep_leaf;
}

FIXTURE_SETUP(levels)
{
	const char *reason;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, scene_allow(&self->s, allow_upper));
	ASSERT_EQ(0, allow_policy(allow_lower, &self->deep_policy));
}

FIXTURE_TEARDOWN(levels)
{
	egress_policy_done(&self->deep_policy);
	scene_teardown(&self->s);
}

/* How many sets and chains have this level in their name, as cells2, allow2_ip_32, v6cell2. */
static unsigned int level_objects(const json_t *listing, unsigned int level)
{
	static const char *const kinds[] = { "set", "map", "chain" };
	unsigned int i, n = 0, digits;
	const char *name;
	json_t *entry;
	size_t k;

	json_array_foreach(listing, k, entry) {
		for (i = 0; i < ARRAY_SIZE(kinds); i++) {
			name = json_string_value(json_object_get(json_object_get(entry, kinds[i]),
								 "name"));
			if (name && !strncmp(name, "v6", 2))
				name += 2;
			n += name && sscanf(name, "%*[a-z]%u", &digits) == 1 && digits == level;
		}
	}
	return n;
}

/*
 * Has the table what belongs to these levels, and nothing of others? Each level has
 * the same, since the cells here have the same tuples: more than a set and a chain.
 */
static bool has_levels(bool two, bool four)
{
	const json_t *listing = nft_listing("cellos");
	unsigned int i, n = 0;

	if (!two && !four)
		return !listing;
	for (i = 1; i < 8; i++) {
		const unsigned int seen = level_objects(listing, i);

		if (!seen != !((i == 2 && two) || (i == 4 && four)) || (n && seen && seen != n))
			return false;
		n = seen ? seen : n;
	}
	return listed(listing, "set", two ? "cells2" : "cells4") &&
	       listed(listing, "chain", two ? "peer2" : "peer4") &&
	       listed_rules(listing, "output") == 2 * ((unsigned int)two + four);
}

TEST_F(levels, come_with_the_first_cell_and_go_with_the_last)
{
	struct nft_cell *shallow = &self->s.cell, *deep = &self->deep, second;
	struct nft *nft = self->s.nft;
	char id[32];

	ASSERT_TRUE(make_deep(self, cgroup_below(self->s.place.folder, "x")));
	EXPECT_TRUE(has_levels(false, false));
	ASSERT_EQ(0, nft_cell_add(nft, deep, &self->s.err));
	EXPECT_TRUE(has_levels(false, true));
	ASSERT_EQ(0, nft_cell_add(nft, shallow, &self->s.err));
	EXPECT_TRUE(has_levels(true, true));
	EXPECT_EQ(0, nft_cell_verify(nft, deep, &self->s.err));
	EXPECT_EQ(0, nft_cell_verify(nft, shallow, &self->s.err));
	ASSERT_EQ(0, nft_cell_remove(nft, deep, &self->s.err));
	EXPECT_TRUE(has_levels(true, false));
	EXPECT_EQ(0, nft_cell_verify(nft, shallow, &self->s.err));
	ASSERT_EQ(0, nft_cell_add(nft, deep, &self->s.err));
	EXPECT_TRUE(has_levels(true, true));
	/* The first of two cells takes nothing of what the second needs. */
	second = test_cell(shallow->cgroup_id + 1000, 3, id, &self->s.policy);
	ASSERT_EQ(0, nft_cell_add(nft, &second, &self->s.err));
	ASSERT_EQ(0, nft_cell_remove(nft, shallow, &self->s.err));
	EXPECT_TRUE(has_levels(true, true));
	EXPECT_EQ(0, nft_cell_verify(nft, &second, &self->s.err));
	ASSERT_EQ(0, nft_cell_remove(nft, &second, &self->s.err));
	EXPECT_TRUE(has_levels(false, true));
	EXPECT_EQ(0, nft_cell_verify(nft, deep, &self->s.err));
	ASSERT_EQ(0, nft_cell_remove(nft, deep, &self->s.err));
	EXPECT_TRUE(has_levels(false, false));
}

/* A cell that is only registered needs its level, too: there it is exempt. */
TEST_F(levels, stay_for_a_cell_without_rules_of_its_own)
{
	struct nft_cell exempt = self->s.cell;

	exempt.cgroup_id += 1000;
	exempt.id = "exempt";
	exempt.uid += 1000;
	exempt.governed = false;
	exempt.policy = NULL;
	ASSERT_TRUE(make_deep(self, self->s.place.leaf));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->deep, NULL));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &exempt, NULL));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &exempt, &self->s.err));
	EXPECT_TRUE(has_levels(true, true));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &exempt, NULL));
	EXPECT_TRUE(has_levels(false, true));
}

/* Which of four ports a cgroup's socket may send to (a bit each), and hear from (<< 4). */
static unsigned int reaches(const char *cgroup)
{
	int fd = bound_in(cgroup, SOCK_DGRAM, "127.0.0.1", PORT + 100), from;
	unsigned int i, out = 0, in = 0;

	for (i = 0; i < 4; i++) {
		from = bound_in(NULL, SOCK_DGRAM, "127.0.0.1", (uint16_t)(PORT + i));
		out |= (unsigned int)!send_to(fd, "out", "127.0.0.1", (uint16_t)(PORT + i)) << i;
		send_to(from, "in", "127.0.0.1", PORT + 100);
		settle();
		in |= (unsigned int)!strcmp("in", heard(fd)) << i;
		close(from);
	}
	close(fd);
	return out | in << 4;
}

static struct nft_totals count(struct nft *nft, const struct nft_cell *cell, uint64_t *first_rule)
{
	struct nft_count rules[ALLOWS_MAX];
	struct nft_totals totals = { 0 };

	nft_cell_count(nft, cell, rules, &totals, NULL);
	*first_rule = rules[0].packets;
	return totals;
}

TEST_F(levels, of_a_cell_below_a_cell_both_have_to_allow)
{
	struct nft_cell *outer = &self->s.cell, *inner = &self->deep;
	struct nft_totals totals;
	const char *between = cgroup_below(self->s.place.leaf, "run");
	uint64_t allowed;

	ASSERT_TRUE(make_deep(self, self->s.place.leaf));
	EXPECT_EQ(0xff, reaches(self->deep_leaf));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, inner, &self->s.err));
	EXPECT_EQ(0x55, reaches(self->deep_leaf));
	EXPECT_EQ(0xff, reaches(between));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, outer, &self->s.err));
	EXPECT_EQ(0x11, reaches(self->deep_leaf));
	EXPECT_EQ(0x33, reaches(between));
	/* Below the inner parent only its cells may talk; the guard is for egress. */
	EXPECT_EQ(0x30, reaches(self->deep_folder));
	/* Each counts what it judges: the outer one comes first. */
	totals = count(self->s.nft, outer, &allowed);
	EXPECT_EQ(1 + 1 + 1, allowed);
	EXPECT_EQ(2 + 2 + 2, totals.denied.packets);
	totals = count(self->s.nft, inner, &allowed);
	EXPECT_EQ(1 + 1, allowed);
	EXPECT_EQ(2 + 1, totals.denied.packets);
	EXPECT_EQ(2 + 1, totals.refused.packets);
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, inner, NULL));
	EXPECT_EQ(0x33, reaches(self->deep_leaf));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, inner, NULL));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, outer, NULL));
	EXPECT_EQ(0x55, reaches(self->deep_leaf));
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, inner, &self->s.err));
}

/* One helper, with parents at both depths. Return: 0, or 1: it was disturbed. */
static int helper(FIXTURE_DATA(levels) *self, unsigned int number)
{
	struct error err = { 0 };
	struct nft_cell cell;
	unsigned int lap, n;
	struct nft *nft;
	char id[32];

	if (nft_open(&nft, &err))
		return 1;
	for (lap = 0; lap < LAPS; lap++) {
		n = 10 + number * LAPS + lap;
		cell = test_cell(2000000 + n, n, id, (lap / 2) % 2 ? &self->s.policy :
								    &self->deep_policy);
		cell.parent_id = 1000 + number;
		cell.level = (lap + number) % 2 ? 2 : 4;
		if (nft_cell_add(nft, &cell, &err) || nft_cell_verify(nft, &cell, &err) ||
		    nft_cell_remove(nft, &cell, &err)) {
			fprintf(stderr, "# helper %u, lap %u: %s\n", number, lap, err.message);
			return 1;
		}
	}
	nft_close(nft);
	return 0;
}

/* Return: how many were disturbed. */
static int all_helpers(FIXTURE_DATA(levels) *self)
{
	int gate[2], status, failed = 0;
	unsigned int i;
	cpu_set_t all;
	char byte;

	memset(&all, 0xff, sizeof(all));
	if (pipe2(gate, O_CLOEXEC))
		return -1;
	for (i = 0; i < HELPERS; i++) {
		if (fork())
			continue;
		/* All wait for the end of the pipe, so all start at once. */
		close(gate[1]);
		sched_setaffinity(0, sizeof(all), &all);
		_exit(read(gate[0], &byte, 1) || helper(self, i));
	}
	close(gate[0]);
	close(gate[1]);
	for (i = 0; i < HELPERS; i++)
		failed += wait(&status) < 0 || status;
	return failed;
}

TEST_F(levels, come_and_go_under_two_helpers_undisturbed)
{
	/* With a cell that stays at one of them, and with none. */
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(0, all_helpers(self));
	EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, &self->s.err));
	EXPECT_TRUE(has_levels(true, false));
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(0, all_helpers(self));
	EXPECT_EQ(NULL, nft_listing("cellos"));
}

TEST_HARNESS_MAIN
