// SPDX-License-Identifier: MIT
/*
 * What comes to a cell over a wire: from another network namespace, whose raw
 * sockets can forge what they like. And what the cell sends with a route of its
 * own in it.
 */
#include "selftests/harness.h"

#include "selftests/root/nft_fixture.h"

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include "selftests/root/nft_net.h"

#define CELL_PORT	4000
#define PEER_PORT	5000
#define MTU		1500

FIXTURE(wired) {
	struct scene s;
	struct ends ends;
	struct nft_totals totals;
};

FIXTURE_VARIANT(wired) {
	int family;
	const char *here, *there;
	const char *nobody[4];	/* other addresses on the wire */
	uint8_t whole;		/* prefix length of one address */
	unsigned int small;	/* an MTU that the family allows */
};

FIXTURE_VARIANT_ADD(wired, ipv4) {
	.family = AF_INET, .here = WIRE_HERE4, .there = WIRE_PEER4, .whole = 32, .small = 1000,
	.nobody = { "198.51.100.96", "198.51.100.97", "198.51.100.98", "198.51.100.99" },
};

FIXTURE_VARIANT_ADD(wired, ipv6) {
	.family = AF_INET6, .here = WIRE_HERE6, .there = WIRE_PEER6, .whole = 128, .small = 1280,
	.nobody = { "2001:db8::96", "2001:db8::97", "2001:db8::98", "2001:db8::99" },
};

FIXTURE_SETUP(wired)
{
	const char *reason;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	if (!ends_setup(&self->ends))
		SKIP(return, "needs veth devices");
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
}

FIXTURE_TEARDOWN(wired)
{
	scene_teardown(&self->s);
}

/* PEER_PORT of the other end, and 256 ports of 16 addresses. */
static int allow_peer(FIXTURE_DATA(wired) *self, const FIXTURE_VARIANT(wired) *variant)
{
	const struct allow allow[] = {
		{ variant->there, variant->whole, PEER_PORT, PEER_PORT, EGRESS_TCP | EGRESS_UDP },
		{ variant->nobody[0], (uint8_t)(variant->whole - 1), 0x1800, 0x18ff, EGRESS_UDP },
		{ 0 }
	};

	return scene_allow(&self->s, allow) ? : nft_cell_add(self->s.nft, &self->s.cell, NULL);
}

static struct nft_totals totals_of(struct scene *s)
{
	struct nft_count rules[ALLOWS_MAX];
	struct nft_totals totals = { 0 };

	nft_cell_count(s->nft, &s->cell, rules, &totals, NULL);
	return totals;
}

TEST_F(wired, brings_datagrams_of_allowed_peers_only)
{
	int fd = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->here, CELL_PORT);
	int peer = bound_there(&self->ends, SOCK_DGRAM, variant->there, PEER_PORT);
	int stranger = bound_there(&self->ends, SOCK_DGRAM, variant->there, PEER_PORT + 1);

	ASSERT_EQ(0, send_to(stranger, "before", variant->here, CELL_PORT));
	EXPECT_STREQ("before", hear(fd));
	ASSERT_EQ(0, allow_peer(self, variant));
	ASSERT_EQ(0, send_to(stranger, "secret", variant->here, CELL_PORT));
	ASSERT_EQ(0, send_to(peer, "known", variant->here, CELL_PORT));
	EXPECT_STREQ("known", hear(fd));
	EXPECT_STREQ("EAGAIN", heard(fd));
	EXPECT_EQ(1, totals_of(&self->s).refused.packets);
}

TEST_F(wired, brings_no_connection)
{
	const struct address peer = address_at(variant->there, PEER_PORT);
	const struct address to = address_at(variant->here, CELL_PORT);
	int listener = bound_in(self->s.place.leaf, SOCK_STREAM, variant->here, CELL_PORT);
	int i;

	for (i = 0; i < 2; i++) {
		net_enter(self->ends.there);
		EXPECT_EQ(i ? ECONNREFUSED : 0, connect_from(NULL, &peer, &to));
		net_enter(self->ends.here);
		EXPECT_EQ(i ? -EAGAIN : 0, i ? accepted(listener) : accepted(listener) < 0);
		if (!i)
			ASSERT_EQ(0, allow_peer(self, variant));
	}
	EXPECT_EQ(1, totals_of(&self->s).refused.packets);
}

/**
 * struct forged - an ICMP error about a packet that the cell is said to have sent
 * @big: too big to send on, with this MTU; 0: its port is closed
 * @head: 8 bytes of its transport header, ports first
 */
struct forged {
	const char *from, *to;
	uint8_t protocol;
	uint16_t big;
	union {
		uint16_t port[2];
		uint32_t word[2];
	} head;
};

static uint16_t checksum(const void *data, size_t size)
{
	const uint8_t *byte = data;
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sum += (uint32_t)byte[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void forge4(int fd, const struct forged *f)
{
	const struct address from = address_at(f->from, 0), to = address_at(f->to, 0);
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		uint8_t head[8];
	} packet = {
		.icmp = {
			.type = ICMP_DEST_UNREACH,
			.code = f->big ? ICMP_FRAG_NEEDED : ICMP_PORT_UNREACH,
			.un.frag.mtu = htons(f->big),
		},
		.ip = {
			.version = 4, .ihl = 5, .tot_len = htons(1400), .ttl = 64,
			.protocol = f->protocol,
			.saddr = from.v4.sin_addr.s_addr, .daddr = to.v4.sin_addr.s_addr,
		},
	};

	memcpy(packet.head, &f->head, sizeof(packet.head));
	packet.icmp.checksum = checksum(&packet, sizeof(packet));
	sendto(fd, &packet, sizeof(packet), 0, &from.any, from.size);
}

/* The kernel makes the checksum of an ICMPv6 raw socket. */
static void forge6(int fd, const struct forged *f)
{
	const struct address from = address_at(f->from, 0), to = address_at(f->to, 0);
	struct {
		struct icmp6_hdr icmp;
		struct ip6_hdr ip;
		uint8_t head[8];
	} packet = {
		.icmp = {
			.icmp6_type = f->big ? ICMP6_PACKET_TOO_BIG : ICMP6_DST_UNREACH,
			.icmp6_code = f->big ? 0 : ICMP6_DST_UNREACH_NOPORT,
		},
		.ip = {
			.ip6_ctlun.ip6_un1 = {
				.ip6_un1_flow = htonl(6U << 28), .ip6_un1_plen = htons(1400),
				.ip6_un1_nxt = f->protocol, .ip6_un1_hlim = 64,
			},
			.ip6_src = from.v6.sin6_addr, .ip6_dst = to.v6.sin6_addr,
		},
	};

	if (f->big)
		packet.icmp.icmp6_mtu = htonl(f->big);
	memcpy(packet.head, &f->head, sizeof(packet.head));
	sendto(fd, &packet, sizeof(packet), 0, &from.any, from.size);
}

static void forge(const struct ends *ends, const struct forged *f)
{
	bool v6 = strchr(f->from, ':');
	int fd;

	net_enter(ends->there);
	fd = socket_in(NULL, v6 ? AF_INET6 : AF_INET, SOCK_RAW,
		       v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	net_enter(ends->here);
	if (v6)
		forge6(fd, f);
	else
		forge4(fd, f);
	close(fd);
	settle();
}

/* About a datagram of CELL_PORT. */
static void forge_about(FIXTURE_DATA(wired) *self, const FIXTURE_VARIANT(wired) *variant,
			const char *to, uint16_t port, uint16_t big)
{
	forge(&self->ends, &(struct forged){
		.from = variant->here, .to = to, .protocol = IPPROTO_UDP, .big = big,
		.head.port = { htons(CELL_PORT), htons(port) },
	});
}

/* The port that the next error in a socket's queue is about; 0: there is none. */
static unsigned int queued_error(int fd)
{
	struct address about = { .size = sizeof(about.v6) };
	char control[512];
	struct msghdr message = {
		.msg_name = &about.any, .msg_namelen = about.size,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0)
		return 0;
	return ntohs(about.any.sa_family == AF_INET ? about.v4.sin_port : about.v6.sin6_port);
}

TEST_F(wired, brings_errors_only_about_what_the_cell_may_send)
{
	int fd = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->here, CELL_PORT), yes = 1;

	ASSERT_EQ(0, setsockopt(fd, variant->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
				variant->family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &yes,
				sizeof(yes)));
	/* Without the cell's rules, any. */
	forge_about(self, variant, variant->there, PEER_PORT + 1, 0);
	EXPECT_EQ(PEER_PORT + 1, queued_error(fd));
	ASSERT_EQ(0, allow_peer(self, variant));
	forge_about(self, variant, variant->there, PEER_PORT + 1, 0);
	forge_about(self, variant, variant->nobody[0], PEER_PORT, 0);
	forge_about(self, variant, variant->nobody[0], 0x17ff, 0);
	forge_about(self, variant, variant->nobody[1], 0x1900, 0);
	forge_about(self, variant, variant->nobody[2], 0x1800, 0);
	EXPECT_EQ(0, queued_error(fd));
	EXPECT_EQ(5, totals_of(&self->s).refused.packets);
	forge_about(self, variant, variant->there, PEER_PORT, 0);
	EXPECT_EQ(PEER_PORT, queued_error(fd));
	forge_about(self, variant, variant->nobody[0], 0x1800, 0);
	EXPECT_EQ(0x1800, queued_error(fd));
	forge_about(self, variant, variant->nobody[1], 0x18ff, 0);
	EXPECT_EQ(0x18ff, queued_error(fd));
	EXPECT_EQ(5, totals_of(&self->s).refused.packets);
	EXPECT_STREQ("EAGAIN", heard(fd));
}

static unsigned int mtu_of(int fd, int family)
{
	socklen_t size = sizeof(int);
	int mtu = 0;

	if (getsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		       family == AF_INET ? IP_MTU : IPV6_MTU, &mtu, &size))
		return 0;
	return (unsigned int)mtu;
}

/* The sequence number of what a TCP socket will send next. */
static uint32_t next_sequence(int fd)
{
	int on = 1, off = TCP_REPAIR_OFF_NO_WP, queue = TCP_SEND_QUEUE;
	uint32_t sequence = 0;
	socklen_t size = sizeof(sequence);

	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &size) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)))
		return 0;
	return sequence;
}

TEST_F(wired, tells_tcp_the_size_that_fits)
{
	const struct address own = address_at(variant->here, CELL_PORT);
	int fd = socket_in(self->s.place.leaf, variant->family, SOCK_STREAM, 0);
	int listener = bound_there(&self->ends, SOCK_STREAM, variant->there, PEER_PORT);
	struct forged f = {
		.from = variant->here, .to = variant->there, .protocol = IPPROTO_TCP,
		.head.port = { htons(CELL_PORT), htons(PEER_PORT) },
	};
	struct egress_policy none;

	ASSERT_EQ(0, allow_peer(self, variant));
	ASSERT_EQ(0, bind(fd, &own.any, own.size));
	ASSERT_EQ(0, connect_to(fd, variant->there, PEER_PORT));
	ASSERT_LE(0, accepted(listener));
	f.head.word[1] = htonl(next_sequence(fd));
	ASSERT_NE(0, f.head.word[1]);
	ASSERT_EQ(MTU, mtu_of(fd, variant->family));
	f.big = MTU - 100;
	forge(&self->ends, &f);
	EXPECT_EQ(MTU - 100, mtu_of(fd, variant->family));
	/* Whatever the rules are by now. */
	ASSERT_EQ(0, egress_compile(NULL, 0, &none, NULL));
	ASSERT_EQ(0, nft_cell_replace(self->s.nft, &self->s.cell, &none, NULL));
	f.big = (uint16_t)variant->small;
	forge(&self->ends, &f);
	EXPECT_EQ(variant->small, mtu_of(fd, variant->family));
	EXPECT_EQ(0, totals_of(&self->s).refused.packets);
}

/* A route learns its MTU from what a socket hears; each address has its own. */
static unsigned int mtu_after(FIXTURE_DATA(wired) *self, const FIXTURE_VARIANT(wired) *variant,
			      const char *to, uint16_t port)
{
	int fd = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->here, CELL_PORT);
	unsigned int mtu = 0;

	if (!connect_to(fd, to, port) && mtu_of(fd, variant->family) == MTU) {
		forge_about(self, variant, to, port, (uint16_t)variant->small);
		mtu = mtu_of(fd, variant->family);
	}
	close(fd);
	return mtu;
}

TEST_F(wired, tells_udp_the_size_that_fits_only_of_what_the_cell_may_send)
{
	EXPECT_EQ(variant->small, mtu_after(self, variant, variant->nobody[3], 0x1800));
	ASSERT_EQ(0, allow_peer(self, variant));
	EXPECT_EQ(MTU, mtu_after(self, variant, variant->nobody[2], 0x1800));
	EXPECT_EQ(1, totals_of(&self->s).refused.packets);
	EXPECT_EQ(variant->small, mtu_after(self, variant, variant->nobody[0], 0x1800));
	EXPECT_EQ(1, totals_of(&self->s).refused.packets);
}

/* Gives what a socket sends a route: options, or a routing header with one segment. */
static int set_route(int fd, const FIXTURE_VARIANT(wired) *variant)
{
	static const uint8_t no_operation[] = { IPOPT_NOP, IPOPT_NOP, IPOPT_NOP, IPOPT_NOP };
	uint8_t segments[8 + 16] = { 0, 2, 4, 0, 0 };
	const struct address to = address_at(variant->there, 0);

	if (variant->family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_OPTIONS, no_operation, sizeof(no_operation));
	memcpy(segments + 8, &to.v6.sin6_addr, 16);
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RTHDR, segments, sizeof(segments));
}

TEST_F(wired, takes_nothing_with_a_route_of_the_cells_own)
{
	int server = bound_there(&self->ends, SOCK_DGRAM, variant->there, PEER_PORT);
	int fd = socket_in(self->s.place.leaf, variant->family, SOCK_DGRAM, 0);
	int routed = socket_in(self->s.place.leaf, variant->family, SOCK_DGRAM, 0);
	int tcp = socket_in(self->s.place.leaf, variant->family, SOCK_STREAM, 0);
	int outside = socket_in(NULL, variant->family, SOCK_DGRAM, 0);

	ASSERT_LE(0, bound_there(&self->ends, SOCK_STREAM, variant->there, PEER_PORT));
	ASSERT_EQ(0, set_route(outside, variant));
	ASSERT_EQ(0, set_route(routed, variant));
	ASSERT_EQ(0, set_route(tcp, variant));
	ASSERT_EQ(0, allow_peer(self, variant));
	EXPECT_EQ(EPERM, send_to(routed, "routed", variant->there, PEER_PORT));
	EXPECT_EQ(ECONNREFUSED, connect_to(tcp, variant->there, PEER_PORT));
	EXPECT_EQ(2, totals_of(&self->s).denied.packets);
	EXPECT_EQ(0, send_to(fd, "plain", variant->there, PEER_PORT));
	EXPECT_EQ(0, send_to(outside, "not the cell's", variant->there, PEER_PORT));
	EXPECT_STREQ("plain", hear(server));
	/* A host takes no routing header that it does not expect; options it takes. */
	if (variant->family == AF_INET)
		EXPECT_STREQ("not the cell's", hear(server));
	EXPECT_EQ(2, totals_of(&self->s).denied.packets);
}

TEST_HARNESS_MAIN
