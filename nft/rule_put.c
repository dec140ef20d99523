// SPDX-License-Identifier: MIT
/*
 * Rules as lists of expressions; each builder stands under its nft text.
 *
 * A key is made up in the registers: the cgroup in words 0 and 1, the protocol
 * in 2, the address from 3 on, the port behind it; as the elements have it.
 */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include "nft/expr.h"
#include "nft/ruleset.h"

#define WORD_PROTOCOL	2
#define WORD_ADDR	3
#define MAX_EXPRS	128
#define MAX_BYTES	4095

/* Where the parts of a key stand in a packet; a protocol of size 0 is the packet's own. */
struct view {
	struct packet_part protocol, addr, port;
};

#define NETWORK(offset, size)	{ NFT_PAYLOAD_NETWORK_HEADER, offset, size }
#define TRANSPORT(offset, size)	{ NFT_PAYLOAD_TRANSPORT_HEADER, offset, size }

static const struct view to_view[] = {
	{ .addr = NETWORK(16, 4), .port = TRANSPORT(2, 2) },
	{ .addr = NETWORK(24, 16), .port = TRANSPORT(2, 2) },
};

static const struct view from_view[] = {
	{ .addr = NETWORK(12, 4), .port = TRANSPORT(0, 2) },
	{ .addr = NETWORK(8, 16), .port = TRANSPORT(0, 2) },
};

/*
 * The packet quoted behind the 8 bytes of an ICMP error: one that we sent, so
 * its destination is the peer. Where it has options the port is read from the
 * wrong place, and that is no hole: an outsider who makes up the quoted packet
 * can also write the right port into the right place.
 */
static const struct view quoted_view[] = {
	{ TRANSPORT(8 + 9, 1), TRANSPORT(8 + 16, 4), TRANSPORT(8 + 20 + 2, 2) },
	{ TRANSPORT(8 + 6, 1), TRANSPORT(8 + 24, 16), TRANSPORT(8 + 40 + 2, 2) },
};

static const struct view *view_of(const struct view *views, unsigned int family)
{
	return &views[family == 6];
}

static void put_family(struct message *m, unsigned int family)
{
	expr_meta(m, NFT_META_NFPROTO, 0);
	expr_is(m, 0, family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

static void put_protocol_is(struct message *m, uint8_t protocol)
{
	expr_meta(m, NFT_META_L4PROTO, 0);
	expr_is(m, 0, protocol);
}

static void put_bytes_are(struct message *m, const struct packet_part *part, const void *bytes)
{
	const struct operand value = { bytes, part->size };

	expr_payload(m, part, 0);
	expr_compare(m, 0, NFT_CMP_EQ, &value);
}

static struct name tuple_set_name(const struct rule *rule, struct egress_tuple tuple)
{
	const struct set_id set = { SET_ALLOW, rule->level, tuple };

	return set_name(&set);
}

/* meta nfproto ipv4 socket cgroupv2 level L . meta l4proto, and the raw address */
static void put_key_head(struct message *m, const struct rule *rule, const struct view *view)
{
	put_family(m, rule->tuple.family);
	expr_cgroup(m, rule->level, 0);
	if (view->protocol.size)
		expr_payload(m, &view->protocol, WORD_PROTOCOL);
	else
		expr_meta(m, NFT_META_L4PROTO, WORD_PROTOCOL);
	expr_payload(m, &view->addr, WORD_ADDR);
}

/*
 * meta nfproto ipv4 socket cgroupv2 level L . meta l4proto .
 *	ip daddr & <mask> [. th dport & <mask>] @allow<L>_... return
 */
static void put_tuple(struct message *m, const struct rule *rule)
{
	const struct view *view = view_of(to_view, rule->tuple.family);
	struct name name = tuple_set_name(rule, rule->tuple);
	unsigned int port = WORD_ADDR + view->addr.size / 4;

	put_key_head(m, rule, view);
	if (rule->tuple.prefix < view->addr.size * 8)
		expr_mask(m, WORD_ADDR, view->addr.size, rule->tuple.prefix);
	if (rule->tuple.port_bits)
		expr_payload(m, &view->port, port);
	if (rule->tuple.port_bits && rule->tuple.port_bits < 16)
		expr_mask(m, port, 2, rule->tuple.port_bits);
	expr_lookup(m, name.text, 0, false);
}

/* What the registers hold while the lookups of a RULE_NOT_* are put. */
struct key_state {
	unsigned int prefix;
	unsigned int port_bits;		/* 0: no port yet */
	unsigned int exprs;		/* since the head */
	unsigned int bytes;		/* of these, at most, in the kernel's form */
};

/*
 * Sizes of the kernel's structs with their ops pointer (6.1 to 6.18). Its short mask
 * is for whole words only; one for a word of which a port takes half would do, too,
 * but makes `nft -j` abort (1.0.6).
 */
#define COST_PAYLOAD	16
#define COST_MASK_WORD	24
#define COST_MASK_LONG	64
#define COST_LOOKUP	56
#define COST_HEAD	128
#define HEAD_EXPRS	6		/* with the verdict */

static void spend(struct key_state *state, unsigned int bytes)
{
	state->exprs++;
	state->bytes += bytes;
}

/* @m: NULL: only to see what it takes */
static void put_not_in(struct message *m, const struct rule *rule, const struct view *view,
		       struct egress_tuple tuple, struct key_state *state)
{
	unsigned int port = WORD_ADDR + view->addr.size / 4;

	if (tuple.prefix < state->prefix) {
		if (m)
			expr_mask(m, WORD_ADDR, view->addr.size, tuple.prefix);
		spend(state, view->addr.size == 4 ? COST_MASK_WORD : COST_MASK_LONG);
		state->prefix = tuple.prefix;
	}
	if (tuple.port_bits > state->port_bits) {
		if (m)
			expr_payload(m, &view->port, port);
		spend(state, COST_PAYLOAD);
		state->port_bits = 16;
	}
	if (tuple.port_bits && tuple.port_bits < state->port_bits) {
		if (m)
			expr_mask(m, port, 2, tuple.port_bits);
		spend(state, COST_MASK_LONG);
		state->port_bits = tuple.port_bits;
	}
	if (m)
		expr_lookup(m, tuple_set_name(rule, tuple).text, 0, true);
	spend(state, COST_LOOKUP);
}

/*
 * ... . ip saddr & <mask> . th sport & <mask> != @allow<L>_... and so on: one
 * rule for all tuples of a family. The registers are masked further and further
 * from lookup to lookup: longest prefix first, then single ports first.
 */
static void put_not_any(struct message *m, const struct rule *rule, const struct view *view,
			struct key_state *state)
{
	unsigned int index = TUPLES;

	state->prefix = view->addr.size * 8;
	while (index--)
		if (tuple_set_has(rule->tuples, index) &&
		    tuple_at(index).family == rule->tuple.family)
			put_not_in(m, rule, view, tuple_at(index), state);
}

bool rule_fits(const struct tuple_set *tuples, unsigned int family)
{
	const struct rule rule = { .tuple = { .family = (uint8_t)family }, .tuples = tuples };
	struct key_state state = { 0 };

	put_not_any(NULL, &rule, view_of(from_view, family), &state);
	return state.exprs + HEAD_EXPRS <= MAX_EXPRS && state.bytes + COST_HEAD <= MAX_BYTES;
}

static void put_not(struct message *m, const struct rule *rule, const struct view *view)
{
	struct key_state state = { 0 };

	put_key_head(m, rule, view);
	put_not_any(m, rule, view, &state);
}

#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_KIND	0x17	/* fin, syn, rst, ack */

/* meta l4proto tcp tcp flags & <mask> == | != <value> */
static void put_flags(struct message *m, uint8_t mask, uint8_t value, uint32_t op)
{
	static const struct packet_part flags = TRANSPORT(13, 1);
	const struct operand which = { &mask, 1 }, is = { &value, 1 };

	put_protocol_is(m, IPPROTO_TCP);
	expr_payload(m, &flags, 0);
	expr_and(m, 0, &which);
	expr_compare(m, 0, op, &is);
}

/*
 * meta l4proto icmp @th,0,16 == 0x0304 @th,136,8 == tcp: without path MTU
 * discovery a flow would stall. TCP takes nothing but the size from it, and
 * only if the sequence number quoted is one that it has sent.
 */
static void put_mtu(struct message *m)
{
	static const struct packet_part kind = TRANSPORT(0, 2);
	static const uint8_t needed[] = { 3, 4 };
	static const uint8_t tcp = IPPROTO_TCP;

	put_protocol_is(m, IPPROTO_ICMP);
	put_bytes_are(m, &kind, needed);
	put_bytes_are(m, &quoted_view[0].protocol, &tcp);
}

static void put_mtu6(struct message *m)
{
	static const struct packet_part kind = TRANSPORT(0, 1);
	static const uint8_t too_big = 2, tcp = IPPROTO_TCP;

	put_protocol_is(m, IPPROTO_ICMPV6);
	put_bytes_are(m, &kind, &too_big);
	put_bytes_are(m, &quoted_view[1].protocol, &tcp);
}

/* meta oiftype | iiftype == | != loopback */
static void put_device_type(struct message *m, uint32_t key, uint32_t op)
{
	static const uint16_t type = ARPHRD_LOOPBACK;
	static const struct operand value = { &type, sizeof(type) };

	expr_meta(m, key, 0);
	expr_compare(m, 0, op, &value);
}

/*
 * meta oiftype loopback. Over it come the resets of our own reject, which hold
 * nothing that anybody could read.
 */
static void put_loopback(struct message *m, uint32_t key)
{
	put_device_type(m, key, NFT_CMP_EQ);
}

/* meta oiftype != loopback ip daddr & 255.0.0.0 == 127.0.0.0 */
static void put_stray_loopback(struct message *m)
{
	static const uint8_t net[4] = { 127 };
	const struct operand value = { net, sizeof(net) };

	put_device_type(m, NFT_META_OIFTYPE, NFT_CMP_NEQ);
	put_family(m, 4);
	expr_payload(m, &to_view[0].addr, 0);
	expr_mask(m, 0, 4, 8);
	expr_compare(m, 0, NFT_CMP_EQ, &value);
}

/* meta oiftype != loopback ip6 daddr ::1 */
static void put_stray_loopback6(struct message *m)
{
	static const uint8_t self[16] = { [15] = 1 };

	put_device_type(m, NFT_META_OIFTYPE, NFT_CMP_NEQ);
	put_family(m, 6);
	put_bytes_are(m, &to_view[1].addr, self);
}

/* exthdr frag frag-off != 0 */
static void put_later_fragment(struct message *m)
{
	static const uint8_t bits[2] = { 0xff, 0xf8 }, none[2] = { 0, 0 };
	static const struct operand mask = { bits, 2 }, value = { none, 2 };

	put_family(m, 6);
	expr_exthdr(m, IPPROTO_FRAGMENT, 2, 2, 0);
	expr_and(m, 0, &mask);
	expr_compare(m, 0, NFT_CMP_NEQ, &value);
}

/* meta iiftype loopback ip6 daddr fe80::/10 */
static void put_scoped(struct message *m)
{
	static const uint8_t net[16] = { 0xfe, 0x80 };
	static const struct operand value = { net, sizeof(net) };

	put_device_type(m, NFT_META_IIFTYPE, NFT_CMP_EQ);
	put_family(m, 6);
	expr_payload(m, &to_view[1].addr, 0);
	expr_mask(m, 0, sizeof(net), 10);
	expr_compare(m, 0, NFT_CMP_EQ, &value);
}

/* fib saddr type local */
static void put_from_host(struct message *m)
{
	static const uint32_t type = RTN_LOCAL;
	static const struct operand value = { &type, sizeof(type) };

	expr_fib_saddr_type(m, 0);
	expr_compare(m, 0, NFT_CMP_EQ, &value);
}

/* meta l4proto ipv6-icmp exthdr frag exists icmpv6 type < 128 */
static void put_cut_error(struct message *m)
{
	static const struct packet_part kind = TRANSPORT(0, 1);
	static const uint8_t first_message = 128;
	const struct operand value = { &first_message, 1 };

	put_protocol_is(m, IPPROTO_ICMPV6);
	expr_exthdr_exists(m, IPPROTO_FRAGMENT, 0);
	expr_is(m, 0, 1);
	expr_payload(m, &kind, 0);
	expr_compare(m, 0, NFT_CMP_LT, &value);
}

/* meta nfproto ipv4 ip hdrlength != 5; the family is known, but nft(8) wants to hear it */
static void put_options(struct message *m)
{
	static const struct packet_part first = NETWORK(0, 1);
	static const uint8_t mask = 0x0f, plain = 5;
	static const struct operand which = { &mask, 1 }, value = { &plain, 1 };

	put_family(m, 4);
	expr_payload(m, &first, 0);
	expr_and(m, 0, &which);
	expr_compare(m, 0, NFT_CMP_NEQ, &value);
}

/* exthdr rt exists; where only IPv6 comes */
static void put_routing(struct message *m)
{
	expr_exthdr_exists(m, IPPROTO_ROUTING, 0);
	expr_is(m, 0, 1);
}

/* socket cgroupv2 level L @<set>; the sets about parents hold what is one level up */
static void put_cgroup(struct message *m, const struct rule *rule)
{
	bool up = rule->set == SET_PARENTS || rule->set == SET_STRAYS;
	const struct set_id set = { .kind = rule->set, .level = rule->level };

	expr_cgroup(m, rule->level - up, 0);
	expr_lookup(m, set_name(&set).text, 0, false);
}

/* socket cgroupv2 level L vmap @<map> */
static void put_log(struct message *m, const struct rule *rule)
{
	const struct set_id set = { .kind = rule->set, .level = rule->level };

	expr_cgroup(m, rule->level, 0);
	expr_vmap(m, set_name(&set).text, 0);
}

static void put_match(struct message *m, const struct rule *rule)
{
	unsigned int family = rule->tuple.family;

	switch (rule->kind) {
	case RULE_LOOPBACK_OUT:
		return put_loopback(m, NFT_META_OIFTYPE);
	case RULE_LOOPBACK_IN:
		return put_loopback(m, NFT_META_IIFTYPE);
	case RULE_STRAY_LOOPBACK:
		return put_stray_loopback(m);
	case RULE_STRAY_LOOPBACK6:
		return put_stray_loopback6(m);
	case RULE_LATER_FRAGMENT:
		return put_later_fragment(m);
	case RULE_SCOPED_UDP:
		put_scoped(m);
		return put_protocol_is(m, IPPROTO_UDP);
	case RULE_SCOPED_SYN:
		put_scoped(m);
		return put_flags(m, TCP_KIND, TCP_SYN, NFT_CMP_EQ);
	case RULE_SOCKET:
		return expr_cgroup(m, 0, 0);
	case RULE_CUT_ERROR:
		return put_cut_error(m);
	case RULE_IPV6:
		return put_family(m, 6);
	case RULE_OPTIONS:
		return put_options(m);
	case RULE_ROUTING:
		return put_routing(m);
	case RULE_LOG:
		return put_log(m, rule);
	case RULE_CGROUP:
		return put_cgroup(m, rule);
	case RULE_GO:
		return;
	case RULE_TUPLE:
		return put_tuple(m, rule);
	case RULE_SYN:
		return put_flags(m, TCP_KIND, TCP_SYN, NFT_CMP_EQ);
	case RULE_NOT_SYN:
		return put_flags(m, TCP_KIND, TCP_SYN, NFT_CMP_NEQ);
	case RULE_RESET:
		put_loopback(m, NFT_META_IIFTYPE);
		return put_flags(m, TCP_RST, TCP_RST, NFT_CMP_EQ);
	case RULE_ICMP:
		return put_protocol_is(m, IPPROTO_ICMP);
	case RULE_ICMPV6:
		return put_protocol_is(m, IPPROTO_ICMPV6);
	case RULE_MTU:
		return put_mtu(m);
	case RULE_MTU6:
		return put_mtu6(m);
	case RULE_NOT_FROM:
		return put_not(m, rule, view_of(from_view, family));
	case RULE_NOT_QUOTED:
		return put_not(m, rule, view_of(quoted_view, family));
	case RULE_LOCAL_RESET:
		put_protocol_is(m, IPPROTO_TCP);
		put_from_host(m);
		return expr_reject_tcp(m);
	case RULE_TCP_RESET:
		put_protocol_is(m, IPPROTO_TCP);
		return expr_reject_tcp(m);
	case RULE_UNREACHABLE:
		return expr_reject_icmpx(m);
	}
}

void rule_put(struct message *m, const struct rule *rule)
{
	const struct chain_id to = {
		.kind = rule->to, .level = rule->to < CHAIN_CELL ? 0 : rule->level,
	};
	struct nlattr *list = message_nest(m, NFTA_RULE_EXPRESSIONS);

	put_match(m, rule);
	if (rule->code == NFT_JUMP || rule->code == NFT_GOTO)
		expr_verdict(m, rule->code, chain_name(&to).text);
	else if (rule->code != NFT_CONTINUE)
		expr_verdict(m, rule->code, NULL);
	message_nest_end(m, list);
}
