// SPDX-License-Identifier: MIT
/*
 * Sets of tuples that one rule of the mirror has to look up: how many the kernel
 * takes; and packets that chance makes, judged by rules that chance makes.
 */
#include "selftests/harness.h"

#include "selftests/root/nft_fixture.h"

#include <time.h>

#include "nft/rules.h"
#include "nft/tuple.h"
#include "selftests/root/nft_net.h"
#include "uapi/cellos.h"

#define CELL_PORT	4000
#define ROUNDS		200	/* sets of tuples */
#define POLICIES	60
#define PACKETS		60	/* to and from each cell */
#define RULES		12	/* of one policy, at most */

FIXTURE(tuples) {
	struct scene s;
	uint64_t random;
	uint64_t seed;
};

FIXTURE_SETUP(tuples)
{
	const char *reason, *seed = getenv("CELLOS_TEST_SEED");
	struct timespec now;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	command_ip("route add local 2001:db8::/32 dev lo\n");
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
	clock_gettime(CLOCK_REALTIME, &now);
	self->seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)now.tv_nsec << 20 | 1;
	self->random = self->seed;
}

FIXTURE_TEARDOWN(tuples)
{
	scene_teardown(&self->s);
}

/* xorshift64; below @n */
static unsigned int chance(uint64_t *random, unsigned int n)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (unsigned int)(*random >> 16) % n;
}

/* A cell with one key in each of these tuples. 0 or -errno. */
static int add_with(struct scene *s, const struct tuple_set *tuples)
{
	static struct egress_key keys[TUPLES];
	static char none[] = "";
	static struct egress_policy policy = { .keys = keys, .reprs = none };
	unsigned int i, n = 0;

	for (i = 0; i < TUPLES; i++)
		if (tuple_set_has(tuples, i))
			keys[n++] = (struct egress_key) {
				.tuple = tuple_at(i), .protocol = IPPROTO_UDP,
			};
	policy.n_keys = n;
	s->cell.policy = &policy;
	memset(&s->err, 0, sizeof(s->err));
	return nft_cell_add(s->nft, &s->cell, &s->err);
}

/* @port_bits: masks that each prefix length has, ended by -1 */
static void add_shape(struct tuple_set *to, uint8_t family, unsigned int first,
		      const int *port_bits)
{
	const unsigned int last = family == 4 ? 32 : 128;
	struct egress_tuple tuple = { .family = family };
	const int *bits;

	for (; first <= last; first += 4)
		for (bits = port_bits; *bits >= 0; bits++) {
			tuple.prefix = (uint8_t)first;
			tuple.port_bits = (uint8_t)*bits;
			if (tuple_set_count(to, family) < CELLOS_TUPLES_MAX)
				tuple_set_add(to, tuple_index(&tuple));
		}
}

TEST_F(tuples, of_many_shapes_fit_by_the_32)
{
	static const struct {
		uint8_t family;
		unsigned int first, n;
		int port_bits[6];
	} shapes[] = {
		{ 4, 0, 32, { 16, 12, 8, 4, -1 } },
		{ 4, 0, 32, { 16, 12, 8, 4, 0, -1 } },
		{ 4, 0, 27, { 16, 8, 0, -1 } },
		{ 4, 4, 32, { 16, 12, 8, 0, -1 } },
		{ 6, 4, 32, { 16, -1 } },
		{ 6, 4, 32, { 0, -1 } },
		{ 6, 0, 32, { 8, -1 } },
		{ 6, 68, 32, { 16, 0, -1 } },
		{ 6, 104, 32, { 16, 12, 8, 4, 0, -1 } },
	};
	struct tuple_set set, both;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		set = (struct tuple_set) { 0 };
		add_shape(&set, shapes[i].family, shapes[i].first, shapes[i].port_bits);
		EXPECT_EQ(shapes[i].n, tuple_set_count(&set, shapes[i].family));
		EXPECT_EQ(0, add_with(&self->s, &set)) {
			TH_LOG("shape %u: %s", i, self->s.err.message);
		}
		EXPECT_EQ(0, nft_cell_verify(self->s.nft, &self->s.cell, NULL));
		EXPECT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
		/* A family takes nothing from the other one. */
		for (k = 0; k < ARRAY_SIZE(shapes); k++) {
			both = set;
			if (shapes[k].family == shapes[i].family)
				continue;
			add_shape(&both, shapes[k].family, shapes[k].first, shapes[k].port_bits);
			EXPECT_EQ(0, add_with(&self->s, &both));
			EXPECT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
		}
	}
}

/* Each prefix length with one mask, and never the mask of the one before. */
static struct tuple_set wild_mixture(void)
{
	static const uint8_t masks[] = { 4, 16, 8, 12 };
	struct tuple_set set = { 0 };
	unsigned int i;

	for (i = 0; i < CELLOS_TUPLES_MAX; i++) {
		const struct egress_tuple tuple = {
			.family = 6, .prefix = (uint8_t)(128 - 4 * i),
			.port_bits = masks[i % ARRAY_SIZE(masks)],
		};

		tuple_set_add(&set, tuple_index(&tuple));
	}
	return set;
}

TEST_F(tuples, in_a_wild_mixture_are_refused_and_leave_nothing)
{
	const struct tuple_set wild = wild_mixture(), none = { 0 };
	unsigned int left;

	ASSERT_EQ(CELLOS_TUPLES_MAX, tuple_set_count(&wild, 6));
	ASSERT_FALSE(rule_fits(&wild, 6));
	EXPECT_EQ(-E2BIG, add_with(&self->s, &wild));
	EXPECT_NE(NULL, strstr(self->s.err.message, "level 2"));
	EXPECT_NE('\0', self->s.err.hint[0]);
	EXPECT_EQ(NULL, nft_listing("cellos"));
	/* Nor beside a cell that is there, and which stays as it was. */
	self->s.cell.cgroup_id++;
	self->s.cell.id = "other";
	self->s.cell.uid++;
	ASSERT_EQ(0, add_with(&self->s, &none));
	self->s.cell.cgroup_id--;
	self->s.cell.id = self->s.id;
	self->s.cell.uid--;
	EXPECT_EQ(-E2BIG, add_with(&self->s, &wild));
	ASSERT_EQ(0, nft_cell_left(self->s.nft, &self->s.cell, &left, NULL));
	EXPECT_EQ(0, left);
	EXPECT_FALSE(listed(nft_listing("cellos"), "set", "allow2_ip6_128_p4"));
	EXPECT_EQ(1, listed_elements(nft_listing("cellos"), "cells2"));
}

/* Grows a set by chance until one more would not fit. */
static struct tuple_set full_by_chance(uint64_t *random)
{
	struct tuple_set set = { 0 }, more;

	for (;;) {
		more = set;
		tuple_set_add(&more, chance(random, TUPLES));
		if (tuple_set_count(&more, 4) > CELLOS_TUPLES_MAX ||
		    tuple_set_count(&more, 6) > CELLOS_TUPLES_MAX || !rule_fits(&more, 4) ||
		    !rule_fits(&more, 6))
			return set;
		set = more;
	}
}

TEST_F(tuples, that_are_said_to_fit_are_taken_by_the_kernel)
{
	struct tuple_set set;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		set = full_by_chance(&self->random);
		ASSERT_EQ(0, add_with(&self->s, &set)) {
			TH_LOG("CELLOS_TEST_SEED=%#llx, round %u: %s",
			       (unsigned long long)self->seed, i, self->s.err.message);
		}
		if (i % 20 == 0)	/* others can read it, too */
			ASSERT_NE(NULL, nft_listing("cellos"));
		ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	}
}

/* ---- packets that chance makes ---- */

/* The rules as they are meant, and what the compiled ones are compared with. */
struct rules {
	unsigned int n;
	struct egress_net nets[RULES];
	struct egress_rule rule[RULES];
};

struct peer {
	struct egress_net net;	/* of full length */
	uint16_t port;
};

static bool bit_of(const uint8_t *bytes, unsigned int i)
{
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

static bool in_net(const struct egress_net *net, const struct egress_net *addr)
{
	unsigned int i;

	for (i = 0; i < net->prefix; i++)
		if (bit_of(net->addr, i) != bit_of(addr->addr, i))
			return false;
	return net->family == addr->family;
}

static bool allowed(const struct rules *rules, const struct peer *peer)
{
	const struct egress_rule *rule;

	for (rule = rules->rule; rule < rules->rule + rules->n; rule++)
		if (rule->protocols & EGRESS_UDP && in_net(rule->nets, &peer->net) &&
		    (!rule->port_first ||
		     (rule->port_first <= peer->port && peer->port <= rule->port_last)))
			return true;
	return false;
}

/* 127.0.0.0/8 or 2001:db8::/32; all local here. */
static struct egress_net random_addr(uint64_t *random)
{
	static const uint8_t head[] = { 0x20, 0x01, 0x0d, 0xb8 };
	struct egress_net addr = { .family = 4, .prefix = 32, .addr = { 127 } };
	unsigned int i = 1, end = 4;

	if (chance(random, 2)) {
		addr = (struct egress_net) { .family = 6, .prefix = 128 };
		memcpy(addr.addr, head, 4);
		i = 4;
		end = 16;
	}
	for (; i < end; i++)
		addr.addr[i] = (uint8_t)chance(random, 256);
	return addr;
}

static void random_rule(uint64_t *random, struct egress_net *net, struct egress_rule *rule)
{
	static const uint8_t protocols[] = { EGRESS_UDP, EGRESS_UDP, EGRESS_TCP | EGRESS_UDP,
					     EGRESS_TCP };
	unsigned int i, first = chance(random, 65535) + 1, last = first;

	*net = random_addr(random);
	if (net->family == 4)
		net->prefix = (uint8_t)(8 + chance(random, 25));
	else
		net->prefix = (uint8_t)(32 + chance(random, 97));
	for (i = net->prefix; i < (net->family == 4 ? 32 : 128); i++)
		net->addr[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	switch (chance(random, 4)) {
	case 0:
		first = last = 0;
		break;
	case 1:		/* one block */
		first = chance(random, 15) * 4096 + 4096;
		last = first + (16U << 4 * chance(random, 3)) - 1;
		break;
	case 2:
		last += chance(random, 8);
		last = last > 65535 ? 65535 : last;
	}
	*rule = (struct egress_rule) {
		net, 1, NULL, (uint16_t)first, (uint16_t)last, protocols[chance(random, 4)]
	};
}

static void random_rules(uint64_t *random, struct rules *rules)
{
	unsigned int i;

	rules->n = chance(random, RULES + 1);
	for (i = 0; i < rules->n; i++)
		random_rule(random, &rules->nets[i], &rules->rule[i]);
}

/* Mostly at the edges of a rule: inside, one bit off, one port off. */
static struct peer random_peer(uint64_t *random, const struct rules *rules)
{
	struct peer peer = { random_addr(random), (uint16_t)(chance(random, 65535) + 1) };
	const struct egress_rule *rule;
	unsigned int i;

	if (rules->n && chance(random, 8)) {
		rule = &rules->rule[chance(random, rules->n)];
		while (peer.net.family != rule->nets->family)
			peer.net = random_addr(random);
		for (i = 0; i < rule->nets->prefix; i++) {
			peer.net.addr[i / 8] &= (uint8_t)~(0x80 >> i % 8);
			peer.net.addr[i / 8] |= rule->nets->addr[i / 8] & 0x80 >> i % 8;
		}
		i = rule->nets->prefix - 1U - chance(random, 2);
		if (!chance(random, 4) && i > (peer.net.family == 4 ? 8 : 32))
			peer.net.addr[i / 8] ^= (uint8_t)(0x80 >> i % 8);
		i = (chance(random, 2) ? rule->port_first : rule->port_last) + chance(random, 3);
		if (rule->port_first && i > 1 && i <= 65536)
			peer.port = (uint16_t)(i - 1);
	}
	/* Broadcast: no address for a sender. */
	if (peer.net.family == 4 && peer.net.addr[3] == 255)
		peer.net.addr[3] = 254;
	return peer;
}

struct cell_sockets {
	int fd4, fd6;
};

/* Sends to the peer, and from it. Return: true: both as it has to be. */
static bool try_peer(const struct cell_sockets *cell, const struct peer *peer, bool expected)
{
	const bool v4 = peer->net.family == 4;
	const int fd = v4 ? cell->fd4 : cell->fd6;
	char host[INET6_ADDRSTRLEN];
	bool sent, arrived;
	int from;

	inet_ntop(v4 ? AF_INET : AF_INET6, peer->net.addr, host, sizeof(host));
	sent = !send_to(fd, "out", host, peer->port);
	from = bound_in(NULL, SOCK_DGRAM, host, peer->port);
	if (send_to(from, host, v4 ? "127.0.0.1" : "::1", CELL_PORT))
		return false;
	settle();
	arrived = !strcmp(heard(fd), host);
	close(from);
	if (sent != expected || arrived != expected)
		fprintf(stderr, "# %s port %u: %s, but %ssent and %sarrived\n", host, peer->port,
			expected ? "allowed" : "not allowed", sent ? "" : "not ",
			arrived ? "" : "not ");
	return sent == expected && arrived == expected;
}

TEST_F(tuples, judge_any_packet_as_the_rules_say)
{
	const struct cell_sockets cell = {
		bound_in(self->s.place.leaf, SOCK_DGRAM, "127.0.0.1", CELL_PORT),
		bound_in(self->s.place.leaf, SOCK_DGRAM, "::1", CELL_PORT),
	};
	unsigned int i, k, seen[2] = { 0 };
	struct rules rules;
	struct peer peer;
	bool expected;

	for (i = 0; i < POLICIES; i++) {
		random_rules(&self->random, &rules);
		egress_policy_done(&self->s.policy);
		ASSERT_EQ(0, egress_compile(rules.rule, rules.n, &self->s.policy, NULL));
		ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
		for (k = 0; k < PACKETS; k++) {
			peer = random_peer(&self->random, &rules);
			expected = allowed(&rules, &peer);
			seen[expected]++;
			ASSERT_TRUE(try_peer(&cell, &peer, expected)) {
				TH_LOG("CELLOS_TEST_SEED=%#llx, policy %u, packet %u",
				       (unsigned long long)self->seed, i, k);
			}
		}
		ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	}
	/* Chance gave both kinds enough. */
	EXPECT_LT(POLICIES * PACKETS / 10, seen[0]);
	EXPECT_LT(POLICIES * PACKETS / 10, seen[1]);
}

TEST_HARNESS_MAIN
