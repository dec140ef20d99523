// SPDX-License-Identifier: MIT
/*
 * The policy compiler against a naive matcher: whatever rules come in, looking
 * up the compiled keys tuple by tuple, as the kernel does, must give the same
 * verdict for every packet, above all at the edges of addresses and ports.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftests/harness.h"
#include "nft/policy.h"
#include "uapi/cellos.h"

#define SEED	UINT64_C(0x5eed0ce110500001)
#define ROUNDS	4000

struct packet {
	uint8_t family;
	uint8_t protocol;
	uint16_t port;
	uint8_t addr[16];
};

static uint64_t state = SEED;

static uint32_t draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

static bool in_prefix(const uint8_t *addr, const uint8_t *net, unsigned int prefix)
{
	unsigned int i;

	for (i = 0; i < prefix; i++)
		if ((addr[i / 8] ^ net[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

static uint8_t protocol_bit(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return EGRESS_TCP;
	case IPPROTO_UDP:
		return EGRESS_UDP;
	case IPPROTO_SCTP:
		return EGRESS_SCTP;
	case IPPROTO_ICMP:
		return EGRESS_ICMP;
	default:
		return EGRESS_ICMPV6;
	}
}

/* The first rule that a packet matches, as the document says it; -1: none. */
static int match_rules(const struct egress_rule *rules, unsigned int n, const struct packet *p)
{
	unsigned int i, j;

	for (i = 0; i < n; i++) {
		if (!(rules[i].protocols & protocol_bit(p->protocol)))
			continue;
		if (rules[i].port_last &&
		    (p->port < rules[i].port_first || p->port > rules[i].port_last))
			continue;
		for (j = 0; j < rules[i].n_nets; j++)
			if (rules[i].nets[j].family == p->family &&
			    in_prefix(p->addr, rules[i].nets[j].addr, rules[i].nets[j].prefix))
				return (int)i;
	}
	return -1;
}

/* What the kernel does: mask by the key's tuple, compare all of it. */
static bool key_matches(const struct egress_key *key, const struct packet *p)
{
	uint16_t mask = key->tuple.port_bits ? (uint16_t)(0xffff << (16 - key->tuple.port_bits)) : 0;

	return key->tuple.family == p->family && key->protocol == p->protocol &&
	       (p->port & mask) == key->port &&
	       in_prefix(p->addr, key->addr, key->tuple.prefix);
}

/* The lowest rule among all keys that match; -1: none. */
static int match_keys(const struct egress_policy *policy, const struct packet *p)
{
	int rule = -1;
	unsigned int i;

	for (i = 0; i < policy->n_keys; i++)
		if (key_matches(&policy->keys[i], p) &&
		    (rule < 0 || policy->keys[i].rule < rule))
			rule = policy->keys[i].rule;
	return rule;
}

static void mask_net(struct egress_net *net)
{
	unsigned int bit;

	for (bit = net->prefix; bit < 128; bit++)
		net->addr[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
}

/* Few distinct networks, so that rules overlap. */
static struct egress_net draw_net(void)
{
	struct egress_net net = { .family = draw(2) ? 4 : 6 };
	unsigned int i, size = net.family == 4 ? 4 : 16;

	net.prefix = (uint8_t)draw(size * 8 + 1);
	for (i = 0; i < size; i++)
		net.addr[i] = draw(3) ? 0x0a : (uint8_t)draw(256);
	mask_net(&net);
	return net;
}

static struct egress_rule draw_rule(const struct egress_net *net)
{
	struct egress_rule rule = { .nets = net, .n_nets = 1 };

	if (!draw(4)) {
		rule.protocols = net->family == 4 ? EGRESS_ICMP : EGRESS_ICMPV6;
		return rule;
	}
	rule.protocols = (uint8_t)(1 + draw(7));	/* tcp, udp, sctp in any mixture */
	switch (draw(4)) {
	case 0:
		return rule;
	case 1:
		rule.port_first = rule.port_last = (uint16_t)(1 + draw(65535));
		return rule;
	case 2:
		rule.port_first = (uint16_t)(1 + draw(65535));
		rule.port_last = (uint16_t)(rule.port_first + draw(65536U - rule.port_first));
		return rule;
	default:
		rule.port_first = (uint16_t)(1 + draw(300));
		rule.port_last = (uint16_t)(rule.port_first + draw(300));
		return rule;
	}
}

/* A packet at, just inside or just outside of one rule's edges. */
static struct packet draw_packet(const struct egress_rule *rule)
{
	static const uint8_t numbers[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	const struct egress_net *net = rule->nets;
	struct packet p = { .family = net->family };
	unsigned int bit, bits = net->family == 4 ? 32 : 128;
	bool ones = draw(2);

	p.protocol = numbers[draw(3)];
	if (rule->protocols & (EGRESS_ICMP | EGRESS_ICMPV6) && draw(8))
		p.protocol = net->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	memcpy(p.addr, net->addr, sizeof(p.addr));
	for (bit = net->prefix; ones && bit < bits; bit++)
		p.addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (!draw(2)) {
		bit = draw(bits);
		p.addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	p.port = (uint16_t)(draw(2) ? rule->port_first : rule->port_last);
	p.port = (uint16_t)(p.port + draw(3) - 1);
	if (!draw(4))
		p.port = (uint16_t)draw(65536);
	if (p.protocol == IPPROTO_ICMP || p.protocol == IPPROTO_ICMPV6)
		p.port = 0;
	return p;
}

TEST(compiled_rules_give_the_verdicts_of_the_rules)
{
	unsigned int round, i, n, allowed = 0, compiled = 0;

	TH_LOG("seed %#llx", (unsigned long long)SEED);
	for (round = 0; round < ROUNDS; round++) {
		struct egress_rule rules[6];
		struct egress_net nets[6];
		struct egress_policy policy;
		struct packet p;

		n = 1 + draw(6);
		for (i = 0; i < n; i++) {
			nets[i] = draw_net();
			rules[i] = draw_rule(&nets[i]);
		}
		/* Six rules of up to 60 x 3 x 8 keys may pass the limit. */
		if (egress_compile(rules, n, &policy, NULL) == -E2BIG)
			continue;
		compiled++;
		for (i = 0; i < 40; i++) {
			p = draw_packet(&rules[draw(n)]);
			ASSERT_EQ(match_rules(rules, n, &p), match_keys(&policy, &p)) {
				TH_LOG("round %u packet %u", round, i);
			}
			allowed += match_keys(&policy, &p) >= 0;
		}
		egress_policy_done(&policy);
	}
	/* The draw must reach both verdicts, or nothing was compared. */
	EXPECT_GT(compiled, ROUNDS / 2U);
	EXPECT_GT(allowed, compiled * 5);
	EXPECT_LT(allowed, compiled * 38);
}

static struct egress_net net4(const char *text, uint8_t prefix)
{
	struct egress_net net = { .family = 4, .prefix = prefix };

	inet_pton(AF_INET, text, net.addr);
	return net;
}

static struct egress_net net6(const char *text, uint8_t prefix)
{
	struct egress_net net = { .family = 6, .prefix = prefix };

	inet_pton(AF_INET6, text, net.addr);
	return net;
}

static int keys_of(struct egress_net net, uint16_t first, uint16_t last, uint8_t protocols)
{
	struct egress_rule rule = {
		.nets = &net, .n_nets = 1, .port_first = first, .port_last = last,
		.protocols = protocols,
	};
	struct egress_policy policy;
	int r = egress_compile(&rule, 1, &policy, NULL);

	if (r)
		return r;
	r = (int)policy.n_keys;
	egress_policy_done(&policy);
	return r;
}

TEST(prefixes_grow_to_the_next_multiple_of_four)
{
	EXPECT_EQ(1, keys_of(net4("10.0.0.1", 32), 443, 443, EGRESS_TCP));
	EXPECT_EQ(2, keys_of(net4("10.0.0.0", 31), 443, 443, EGRESS_TCP));
	EXPECT_EQ(4, keys_of(net4("10.0.0.0", 30), 443, 443, EGRESS_TCP));
	EXPECT_EQ(8, keys_of(net4("10.0.0.0", 29), 443, 443, EGRESS_TCP));
	EXPECT_EQ(1, keys_of(net4("10.0.0.0", 28), 443, 443, EGRESS_TCP));
	EXPECT_EQ(1, keys_of(net4("0.0.0.0", 0), 443, 443, EGRESS_TCP));
	EXPECT_EQ(8, keys_of(net4("0.0.0.0", 1), 443, 443, EGRESS_TCP));
	EXPECT_EQ(8, keys_of(net6("2001:db8::", 61), 443, 443, EGRESS_TCP));
	EXPECT_EQ(1, keys_of(net6("::1", 128), 443, 443, EGRESS_TCP));
}

TEST(port_ranges_are_cut_into_aligned_blocks)
{
	struct egress_net net = net4("10.0.0.1", 32);

	EXPECT_EQ(1, keys_of(net, 0, 0, EGRESS_TCP));
	EXPECT_EQ(2, keys_of(net, 0, 0, EGRESS_TCP | EGRESS_UDP));
	EXPECT_EQ(1, keys_of(net, 4096, 8191, EGRESS_TCP));
	EXPECT_EQ(1, keys_of(net, 256, 511, EGRESS_TCP));
	EXPECT_EQ(1, keys_of(net, 16, 31, EGRESS_TCP));
	EXPECT_EQ(2, keys_of(net, 31, 32, EGRESS_TCP));
	EXPECT_EQ(11, keys_of(net, 8000, 8100, EGRESS_TCP));
	EXPECT_EQ(60, keys_of(net, 1, 65535, EGRESS_TCP));
	EXPECT_EQ(1, keys_of(net, 65535, 65535, EGRESS_TCP));
}

TEST(a_shared_key_belongs_to_the_first_rule)
{
	struct egress_net net = net4("10.0.0.1", 32);
	struct egress_rule rules[] = {
		{ &net, 1, NULL, 80, 81, EGRESS_TCP },
		{ &net, 1, NULL, 81, 82, EGRESS_TCP },
		{ &net, 1, NULL, 80, 82, EGRESS_TCP },
	};
	static const unsigned int owner[] = { 0, 0, 1 };
	struct egress_policy policy;
	unsigned int i;

	ASSERT_EQ(0, egress_compile(rules, 3, &policy, NULL));
	ASSERT_EQ(3, policy.n_keys);
	EXPECT_EQ(3, policy.n_rules);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(80 + i, policy.keys[i].port);
		EXPECT_EQ(owner[i], policy.keys[i].rule);
	}
	egress_policy_done(&policy);
}

TEST(no_rules_compile_to_no_keys)
{
	struct egress_policy policy;

	ASSERT_EQ(0, egress_compile(NULL, 0, &policy, NULL));
	EXPECT_EQ(0, policy.n_keys);
	EXPECT_EQ(0, policy.n_rules);
	EXPECT_STREQ("", policy.reprs);
	egress_policy_done(&policy);
	egress_policy_done(&policy);
}

TEST(too_many_keys_are_refused_by_the_rule_that_passes_the_limit)
{
	static struct egress_rule rules[CELLOS_RULES_MAX];
	static struct egress_net nets[CELLOS_RULES_MAX];
	struct error err = { 0 };
	struct egress_policy policy = { 0 };
	char field[64];
	unsigned int i, n;

	/* 60 blocks each, all in the same four tuples. */
	for (i = 0; i < CELLOS_RULES_MAX; i++) {
		nets[i] = net4("10.0.0.0", 32);
		nets[i].addr[2] = (uint8_t)(i >> 8);
		nets[i].addr[3] = (uint8_t)i;
		rules[i] = (struct egress_rule) { &nets[i], 1, NULL, 1, 65535, EGRESS_TCP };
	}
	n = CELLOS_KEYS_MAX / 60;
	ASSERT_EQ(0, egress_compile(rules, n, &policy, &err));
	EXPECT_EQ(n * 60, policy.n_keys);
	egress_policy_done(&policy);
	ASSERT_EQ(-E2BIG, egress_compile(rules, CELLOS_RULES_MAX, &policy, &err));
	snprintf(field, sizeof(field), "/spec/authority/egressRules/%u", n);
	EXPECT_STREQ(field, err.field);
	EXPECT_EQ(E2BIG, err.errnum);
	EXPECT_EQ(NULL, policy.keys);
}

TEST(a_cell_of_as_many_keys_as_allowed_compiles)
{
	static struct egress_rule rules[CELLOS_KEYS_MAX / 60 + 60];
	static struct egress_net nets[ARRAY_SIZE(rules)];
	unsigned int i, n = CELLOS_KEYS_MAX / 60 + CELLOS_KEYS_MAX % 60;
	struct egress_policy policy, loaded;

	for (i = 0; i < n; i++) {
		nets[i] = net4("10.0.0.0", 32);
		nets[i].addr[2] = (uint8_t)(i >> 8);
		nets[i].addr[3] = (uint8_t)i;
		rules[i] = (struct egress_rule) { &nets[i], 1, NULL, 1, 65535, EGRESS_TCP };
		if (i >= CELLOS_KEYS_MAX / 60)
			rules[i].port_last = 1;
	}
	ASSERT_EQ(0, egress_compile(rules, n, &policy, NULL));
	EXPECT_EQ(CELLOS_KEYS_MAX, policy.n_keys);
	ASSERT_EQ(0, egress_policy_load(policy.keys, policy.n_keys * sizeof(*policy.keys),
					policy.reprs, strlen(policy.reprs), &loaded, NULL));
	EXPECT_EQ(policy.n_rules, loaded.n_rules);
	egress_policy_done(&policy);
	egress_policy_done(&loaded);
}

TEST(too_many_tuples_of_one_family_are_refused_by_rule)
{
	struct egress_rule rules[9 * 5];
	struct egress_net nets[9 * 5];
	static const uint16_t first[] = { 0, 7, 16, 256, 4096 };
	static const uint16_t last[] = { 0, 7, 31, 511, 8191 };
	struct error err = { 0 };
	struct egress_policy policy;
	char field[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		nets[i] = net4("10.0.0.0", (uint8_t)(i / 5 * 4));
		mask_net(&nets[i]);
		rules[i] = (struct egress_rule) {
			&nets[i], 1, NULL, first[i % 5], last[i % 5], EGRESS_TCP
		};
	}
	ASSERT_EQ(0, egress_compile(rules, CELLOS_TUPLES_MAX, &policy, &err));
	egress_policy_done(&policy);
	ASSERT_EQ(-E2BIG, egress_compile(rules, CELLOS_TUPLES_MAX + 1, &policy, &err));
	snprintf(field, sizeof(field), "/spec/authority/egressRules/%u", CELLOS_TUPLES_MAX);
	EXPECT_STREQ(field, err.field);
}

TEST(too_long_texts_are_refused_by_rule)
{
	struct egress_net net = net4("10.0.0.1", 32);
	static struct egress_rule rules[CELLOS_RULES_MAX];
	static char host[254];
	struct error err = { 0 };
	struct egress_policy policy;
	unsigned int i;

	memset(host, 'a', sizeof(host) - 1);
	for (i = 0; i < CELLOS_RULES_MAX; i++)
		rules[i] = (struct egress_rule) { &net, 1, host, 443, 443, EGRESS_TCP };
	/* A line: 253 letters, 11 of ` comment ""`, 37 before, the newline. */
	ASSERT_EQ(-E2BIG, egress_compile(rules, CELLOS_RULES_MAX, &policy, &err));
	EXPECT_NE(NULL, strstr(err.field, "/spec/authority/egressRules/2"));
	ASSERT_EQ(0, egress_compile(rules, 200, &policy, NULL));
	EXPECT_LE(strlen(policy.reprs), 60 * 1024);
	egress_policy_done(&policy);
}

TEST(rules_read_as_nft_would_say_them)
{
	struct egress_net one = net4("10.0.0.1", 32), ten = net4("10.0.0.0", 8);
	struct egress_net doc = net6("2001:db8::", 32), all = net4("0.0.0.0", 0);
	struct egress_net resolved[] = {
		net4("192.0.2.1", 32), net4("192.0.2.2", 32), net6("2001:db8::1", 128)
	};
	const struct egress_rule rules[] = {
		{ &one, 1, NULL, 443, 443, EGRESS_TCP },
		{ &one, 1, NULL, 8000, 8100, EGRESS_TCP },
		{ &ten, 1, NULL, 0, 0, EGRESS_TCP },
		{ &ten, 1, NULL, 53, 53, EGRESS_TCP | EGRESS_UDP },
		{ &all, 1, NULL, 0, 0, EGRESS_ICMP },
		{ &doc, 1, NULL, 0, 0, EGRESS_ICMPV6 },
		{ &doc, 1, NULL, 0, 0, EGRESS_TCP | EGRESS_UDP },
		{ &doc, 1, NULL, 9, 9, EGRESS_SCTP },
		{ resolved, 3, "example.org", 443, 443, EGRESS_TCP },
	};
	struct egress_policy policy;

	ASSERT_EQ(0, egress_compile(rules, ARRAY_SIZE(rules), &policy, NULL));
	EXPECT_STREQ("ip daddr 10.0.0.1 tcp dport 443 accept\n"
		     "ip daddr 10.0.0.1 tcp dport 8000-8100 accept\n"
		     "ip daddr 10.0.0.0/8 meta l4proto tcp accept\n"
		     "ip daddr 10.0.0.0/8 meta l4proto { tcp, udp } th dport 53 accept\n"
		     "ip daddr 0.0.0.0/0 meta l4proto icmp accept\n"
		     "ip6 daddr 2001:db8::/32 meta l4proto ipv6-icmp accept\n"
		     "ip6 daddr 2001:db8::/32 meta l4proto { tcp, udp } accept\n"
		     "ip6 daddr 2001:db8::/32 sctp dport 9 accept\n"
		     "ip daddr { 192.0.2.1, 192.0.2.2 } tcp dport 443 accept; "
		     "ip6 daddr 2001:db8::1 tcp dport 443 accept comment \"example.org\"\n",
		     policy.reprs);
	egress_policy_done(&policy);
}

/* A stored policy of three keys and two rules, to be spoilt field by field. */
FIXTURE(stored) {
	struct egress_key keys[3];
	struct egress_policy loaded;
	struct error err;
};

FIXTURE_SETUP(stored)
{
	struct egress_net v4 = net4("10.0.0.0", 24), v6 = net6("2001:db8::", 32);
	const struct egress_rule rules[] = {
		{ &v4, 1, NULL, 16, 31, EGRESS_TCP | EGRESS_UDP },
		{ &v6, 1, NULL, 0, 0, EGRESS_ICMPV6 },
	};
	struct egress_policy policy;

	ASSERT_EQ(0, egress_compile(rules, 2, &policy, NULL));
	ASSERT_EQ(3, policy.n_keys);
	memcpy(self->keys, policy.keys, sizeof(self->keys));
	egress_policy_done(&policy);
}

FIXTURE_TEARDOWN(stored)
{
	egress_policy_done(&self->loaded);
}

static int load(struct egress_key *keys, size_t size, const char *reprs,
		struct egress_policy *ret, struct error *err)
{
	*err = (struct error) { 0 };
	return egress_policy_load(keys, size, reprs, strlen(reprs), ret, err);
}

TEST_F(stored, loads_as_it_was_compiled)
{
	ASSERT_EQ(0, load(self->keys, sizeof(self->keys), "a\nb\n", &self->loaded, &self->err));
	EXPECT_EQ(3, self->loaded.n_keys);
	EXPECT_EQ(2, self->loaded.n_rules);
	EXPECT_EQ(0, memcmp(self->keys, self->loaded.keys, sizeof(self->keys)));
	EXPECT_STREQ("a\nb\n", self->loaded.reprs);
}

TEST_F(stored, loads_when_empty)
{
	ASSERT_EQ(0, load(NULL, 0, "", &self->loaded, &self->err));
	EXPECT_EQ(0, self->loaded.n_keys);
	EXPECT_EQ(0, self->loaded.n_rules);
}

TEST_F(stored, is_refused_with_any_bad_field)
{
#define SPOIL(field, value, word)	{ offsetof(struct egress_key, field), value, word }
	static const struct {
		size_t offset;
		uint8_t value;
		const char *word;
	} spoilt[] = {
		SPOIL(tuple.family, 5, "tuple"),
		SPOIL(tuple.family, 0, "tuple"),
		SPOIL(tuple.prefix, 23, "tuple"),
		SPOIL(tuple.prefix, 36, "tuple"),
		SPOIL(tuple.port_bits, 13, "tuple"),
		SPOIL(tuple.port_bits, 20, "tuple"),
		SPOIL(tuple.port_bits, 8, "port"),
		SPOIL(tuple.port_bits, 0, "port"),
		SPOIL(protocol, IPPROTO_ICMP, "protocol"),
		SPOIL(protocol, IPPROTO_ICMPV6, "protocol"),
		SPOIL(protocol, 0, "protocol"),
		SPOIL(port, 17, "port"),
		SPOIL(port, 0, "port"),
		SPOIL(rule, 2, "rule number"),
		SPOIL(addr[3], 1, "address"),
		SPOIL(addr[4], 1, "address"),
		SPOIL(tuple.prefix, 16, "order"),
		SPOIL(addr[0], 9, "order"),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spoilt); i++) {
		struct egress_key keys[3];
		bool order = !strcmp(spoilt[i].word, "order");

		memcpy(keys, self->keys, sizeof(keys));
		/* The order is broken by the second key, the rest by the first. */
		if (!strcmp(spoilt[i].word, "order") && spoilt[i].value == 9)
			keys[1].protocol = keys[0].protocol;
		((uint8_t *)&keys[order])[spoilt[i].offset] = spoilt[i].value;
		EXPECT_EQ(-EINVAL, load(keys, sizeof(keys), "a\nb\n", &self->loaded, &self->err));
		EXPECT_NE(NULL, strstr(self->err.message, spoilt[i].word)) {
			TH_LOG("case %u: %s", i, self->err.message);
		}
	}
}

TEST_F(stored, is_refused_with_a_duplicate_key)
{
	self->keys[1] = self->keys[0];
	EXPECT_EQ(-EINVAL, load(self->keys, sizeof(self->keys), "a\nb\n", &self->loaded,
				&self->err));
}

TEST_F(stored, is_refused_with_a_wrong_size)
{
	EXPECT_EQ(-EINVAL, load(self->keys, sizeof(self->keys) - 1, "a\nb\n", &self->loaded,
				&self->err));
	EXPECT_EQ(-EINVAL, load(self->keys, (CELLOS_KEYS_MAX + 1) * sizeof(self->keys[0]), "",
				&self->loaded, &self->err));
}

TEST_F(stored, is_refused_with_bad_texts)
{
	EXPECT_EQ(-EINVAL, load(self->keys, sizeof(self->keys), "a\n", &self->loaded, &self->err));
	EXPECT_EQ(-EINVAL, load(self->keys, sizeof(self->keys), "a\nb", &self->loaded,
				&self->err));
	EXPECT_EQ(-EINVAL, load(self->keys, sizeof(self->keys), "a\n\x1b\n", &self->loaded,
				&self->err));
	EXPECT_EQ(-EINVAL, egress_policy_load(self->keys, sizeof(self->keys), "a\n\0\n", 4,
					      &self->loaded, &self->err));
}

TEST_HARNESS_MAIN
