// SPDX-License-Identifier: MIT
/*
 * What reaches a cell: datagrams and answers of the peers that its rules allow,
 * and no connection from anybody. All over loopback; the test is both sides.
 */
#include "selftests/harness.h"

#include "selftests/root/nft_fixture.h"

#include <netinet/tcp.h>
#include <time.h>

#include "selftests/root/nft_net.h"

#define CELL_PORT	4000
#define PEER_PORT	5000

FIXTURE(mirror) {
	struct scene s;
};

FIXTURE_VARIANT(mirror) {
	int family;
	unsigned int headers;	/* of a datagram */
	const char *cell;	/* address of the cell's sockets */
	const char *any;
	const char *peer;	/* that the rules allow, on PEER_PORT */
	const char *stranger;
	uint8_t whole;		/* prefix length of one address */
};

FIXTURE_VARIANT_ADD(mirror, ipv4) {
	.family = AF_INET, .headers = 20 + 8, .cell = "127.0.0.1", .any = "0.0.0.0",
	.peer = "127.0.0.2", .stranger = "127.0.0.3", .whole = 32,
};

FIXTURE_VARIANT_ADD(mirror, ipv6) {
	.family = AF_INET6, .headers = 40 + 8, .cell = "::1", .any = "::",
	.peer = "2001:db8::2", .stranger = "2001:db8::3", .whole = 128,
};

FIXTURE_SETUP(mirror)
{
	const char *reason;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	command_ip("route add local 2001:db8::/32 dev lo\n");
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
}

FIXTURE_TEARDOWN(mirror)
{
	scene_teardown(&self->s);
}

static int allow_peer(FIXTURE_DATA(mirror) *self, const FIXTURE_VARIANT(mirror) *variant)
{
	const struct allow allow[] = {
		{ variant->peer, variant->whole, PEER_PORT, PEER_PORT, EGRESS_TCP | EGRESS_UDP },
		{ variant->cell, variant->whole, CELL_PORT, CELL_PORT, EGRESS_TCP | EGRESS_UDP },
		{ 0 }
	};

	return scene_allow(&self->s, allow) ? : nft_cell_add(self->s.nft, &self->s.cell, NULL);
}

/* Puts what was refused since the start into @ret. */
static int refused(struct scene *s, struct nft_count *ret)
{
	struct nft_count rules[ALLOWS_MAX];
	struct nft_totals totals;
	int r = nft_cell_count(s->nft, &s->cell, rules, &totals, NULL);

	*ret = totals.refused;
	return r;
}

TEST_F(mirror, gives_a_denied_cell_nothing)
{
	const struct address from = address_at(variant->stranger, PEER_PORT);
	int exact, any, connected, stranger, i, *fd;
	struct nft_count count;

	exact = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->cell, CELL_PORT);
	any = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->any, CELL_PORT + 1);
	connected = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->cell, CELL_PORT + 2);
	ASSERT_EQ(0, connect(connected, &from.any, from.size));
	stranger = bound_in(NULL, SOCK_DGRAM, variant->stranger, PEER_PORT);
	for (i = 0; i < 3; i++) {
		/* Without the cell's rules, and when they are gone, all of it arrives. */
		if (i == 1)
			ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
		if (i == 2)
			ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
		for (fd = (int[]){ exact, any, connected, -1 }; *fd >= 0; fd++) {
			uint16_t port = (uint16_t)(CELL_PORT + (*fd == any) +
						   2 * (*fd == connected));

			ASSERT_EQ(0, send_to(stranger, "secret", variant->cell, port));
			settle();
			EXPECT_STREQ(i == 1 ? "EAGAIN" : "secret", heard(*fd));
		}
		if (i != 1)
			continue;
		ASSERT_EQ(0, refused(&self->s, &count));
		EXPECT_EQ(3, count.packets);
		EXPECT_EQ(3 * (variant->headers + strlen("secret")), count.bytes);
	}
}

TEST_F(mirror, gives_a_socket_for_both_families_nothing)
{
	int fd = bound_in(self->s.place.leaf, SOCK_DGRAM, "::", CELL_PORT);
	int peer = bound_in(NULL, SOCK_DGRAM, variant->peer, PEER_PORT);
	int stranger = bound_in(NULL, SOCK_DGRAM, variant->stranger, PEER_PORT);

	ASSERT_EQ(0, allow_peer(self, variant));
	ASSERT_EQ(0, send_to(stranger, "secret", variant->cell, CELL_PORT));
	ASSERT_EQ(0, send_to(peer, "known", variant->cell, CELL_PORT));
	EXPECT_STREQ("known", hear(fd));
	EXPECT_STREQ("EAGAIN", heard(fd));
}

struct source {
	const char *host;
	uint16_t port;
	bool allowed;
};

/* Each at both edges of what its rule allows. */
static const struct allow masked4[] = {
	{ "127.16.0.0", 12, 0x1800, 0x18ff, EGRESS_UDP },	/* one key of 256 ports */
	{ "127.64.4.0", 22, 7000, 7002, EGRESS_UDP },		/* expanded, both ways */
	{ "127.96.0.1", 32, 0, 0, EGRESS_UDP },
	{ "127.112.0.1", 32, 0, 0, EGRESS_TCP },
	{ 0 }
};

static const struct source sources4[] = {
	{ "127.16.0.0", 0x1800, true }, { "127.31.255.255", 0x18ff, true },
	{ "127.15.255.255", 0x1800, false }, { "127.32.0.0", 0x1800, false },
	{ "127.16.0.0", 0x17ff, false }, { "127.16.0.0", 0x1900, false },
	{ "127.64.4.0", 7000, true }, { "127.64.7.255", 7002, true },
	{ "127.64.3.255", 7001, false }, { "127.64.8.0", 7001, false },
	{ "127.64.4.0", 6999, false }, { "127.64.7.255", 7003, false },
	{ "127.96.0.1", 1, true }, { "127.96.0.1", 65535, true },
	{ "127.96.0.0", 1, false }, { "127.96.0.2", 1, false },
	{ "127.112.0.1", 1, false },
	{ 0 }
};

static const struct allow masked6[] = {
	{ "2001:db8:10::", 44, 0x1800, 0x18ff, EGRESS_UDP },
	{ "2001:db8:40::4000", 114, 7000, 7002, EGRESS_UDP },
	{ "2001:db8:60::1", 128, 0, 0, EGRESS_UDP },
	{ "2001:db8:70::1", 128, 0, 0, EGRESS_TCP },
	{ 0 }
};

static const struct source sources6[] = {
	{ "2001:db8:10::", 0x1800, true }, { "2001:db8:1f:ffff::1", 0x18ff, true },
	{ "2001:db8:f:ffff::1", 0x1800, false }, { "2001:db8:20::", 0x1800, false },
	{ "2001:db8:10::", 0x17ff, false }, { "2001:db8:10::", 0x1900, false },
	{ "2001:db8:40::4000", 7000, true }, { "2001:db8:40::7fff", 7002, true },
	{ "2001:db8:40::3fff", 7001, false }, { "2001:db8:40::8000", 7001, false },
	{ "2001:db8:40::4000", 6999, false }, { "2001:db8:40::7fff", 7003, false },
	{ "2001:db8:60::1", 1, true }, { "2001:db8:60::1", 65535, true },
	{ "2001:db8:60::", 1, false }, { "2001:db8:60::2", 1, false },
	{ "2001:db8:70::1", 1, false },
	{ 0 }
};

TEST_F(mirror, lets_datagrams_in_by_address_and_port_of_their_source)
{
	const bool v4 = variant->family == AF_INET;
	int fd = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->cell, CELL_PORT), peer;
	struct nft_count rules[ALLOWS_MAX];
	struct nft_totals totals;
	const struct source *from;
	unsigned int i, n = 0;

	ASSERT_EQ(0, scene_allow(&self->s, v4 ? masked4 : masked6));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
	for (from = v4 ? sources4 : sources6; from->host; from++) {
		peer = bound_in(NULL, SOCK_DGRAM, from->host, from->port);
		ASSERT_EQ(0, send_to(peer, from->host, variant->cell, CELL_PORT));
		settle();
		EXPECT_STREQ(from->allowed ? from->host : "EAGAIN", heard(fd)) {
			TH_LOG("from %s, port %u", from->host, from->port);
		}
		close(peer);
		n += !from->allowed;
	}
	ASSERT_EQ(0, nft_cell_count(self->s.nft, &self->s.cell, rules, &totals, NULL));
	EXPECT_EQ(n, totals.refused.packets);
	EXPECT_EQ(0, totals.denied.packets);
	/* The counters of rules are of what the cell sends. */
	for (i = 0; i < self->s.policy.n_rules; i++)
		EXPECT_EQ(0, rules[i].packets);
}

/* Tries three ways to connect to the cell's listener. Return: how many failed so. */
static int connect_all(struct scene *s, const FIXTURE_VARIANT(mirror) *variant, int expected)
{
	const struct address to = address_at(variant->cell, CELL_PORT);
	const struct address peer = address_at(variant->peer, PEER_PORT);
	const struct address stranger = address_at(variant->stranger, PEER_PORT);
	const struct address own = address_at(variant->cell, 0);

	return (connect_from(NULL, &stranger, &to) == expected) +
	       (connect_from(NULL, &peer, &to) == expected) +
	       (connect_from(s->place.leaf, &own, &to) == expected);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

TEST_F(mirror, lets_nobody_connect_to_a_cell)
{
	int i, listener = bound_in(self->s.place.leaf, SOCK_STREAM, variant->cell, CELL_PORT);
	struct nft_count count;
	double start;

	ASSERT_EQ(3, connect_all(&self->s, variant, 0));
	for (i = 0; i < 3; i++)
		ASSERT_LE(0, accepted(listener));
	ASSERT_EQ(0, allow_peer(self, variant));
	start = now();
	EXPECT_EQ(3, connect_all(&self->s, variant, ECONNREFUSED));
	/* By reset: without one, each would have waited for a second at least. */
	EXPECT_GT(0.9, now() - start);
	EXPECT_EQ(-EAGAIN, accepted(listener));
	ASSERT_EQ(0, refused(&self->s, &count));
	EXPECT_EQ(3, count.packets);
	/* What asks for congestion marks is a first segment, too. */
	ASSERT_TRUE(sysctl_write("net/ipv4/tcp_ecn", "1"));
	EXPECT_EQ(3, connect_all(&self->s, variant, ECONNREFUSED));
	EXPECT_EQ(-EAGAIN, accepted(listener));
	/* Nor to one that was there before its rules, or with none at all. */
	ASSERT_EQ(0, nft_cell_remove(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(3, connect_all(&self->s, variant, 0));
	for (i = 0; i < 3; i++)
		ASSERT_LE(0, accepted(listener));
	ASSERT_EQ(0, scene_allow(&self->s, (struct allow[]){ { 0 } }));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, NULL));
	EXPECT_EQ(3, connect_all(&self->s, variant, ECONNREFUSED));
	EXPECT_EQ(-EAGAIN, accepted(listener));
}

/* Return: 0 or errno of a connect that carries data; the client's fd in @ret. */
static int open_fast(const struct address *to, const char *host, int *ret)
{
	const struct address from = address_at(host, PEER_PORT);
	static const struct linger reset = { .l_onoff = 1 };

	*ret = socket_in(NULL, to->any.sa_family, SOCK_STREAM, 0);
	setsockopt(*ret, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (bind(*ret, &from.any, from.size))
		return -1;
	if (sendto(*ret, "fast", 4, MSG_FASTOPEN | MSG_NOSIGNAL, &to->any, to->size) != 4)
		return errno;
	return 0;
}

TEST_F(mirror, takes_no_data_with_the_first_segment)
{
	const struct address to = address_at(variant->cell, CELL_PORT);
	int listener, client, server, queue = 5;
	struct tcp_info info;
	socklen_t size = sizeof(info);

	/* Client and server, without a cookie. */
	if (!sysctl_write("net/ipv4/tcp_fastopen", "519"))
		SKIP(return, "needs TCP fast open");
	listener = bound_in(self->s.place.leaf, SOCK_STREAM, variant->cell, CELL_PORT);
	ASSERT_EQ(0, setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)));
	ASSERT_EQ(0, open_fast(&to, variant->peer, &client));
	server = accepted(listener);
	ASSERT_LE(0, server);
	EXPECT_STREQ("fast", hear(server));
	ASSERT_EQ(0, getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &size));
	EXPECT_NE(0, info.tcpi_options & TCPI_OPT_SYN_DATA);
	close(client);
	ASSERT_EQ(0, allow_peer(self, variant));
	EXPECT_EQ(ECONNREFUSED, open_fast(&to, variant->peer, &client));
	EXPECT_EQ(-EAGAIN, accepted(listener));
	close(client);
	EXPECT_EQ(ECONNREFUSED, open_fast(&to, variant->stranger, &client));
	EXPECT_EQ(-EAGAIN, accepted(listener));
}

TEST_F(mirror, lets_in_what_an_allowed_server_answers)
{
	int server = bound_in(NULL, SOCK_DGRAM, variant->peer, PEER_PORT);
	int listener = bound_in(NULL, SOCK_STREAM, variant->peer, PEER_PORT);
	int udp = bound_in(self->s.place.leaf, SOCK_DGRAM, variant->cell, CELL_PORT);
	int i, fd, tcp = socket_in(self->s.place.leaf, variant->family, SOCK_STREAM, 0);
	struct nft_count rules[2];
	struct nft_totals totals;

	ASSERT_EQ(0, allow_peer(self, variant));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, send_to(udp, "ask", variant->peer, PEER_PORT));
	EXPECT_STREQ("ask", hear(server));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, send_to(server, "answer", variant->cell, CELL_PORT));
	for (i = 0; i < 5; i++)
		EXPECT_STREQ("answer", hear(udp));
	/* Three asked; the five answers are not the cell's. */
	ASSERT_EQ(0, nft_cell_count(self->s.nft, &self->s.cell, rules, &totals, NULL));
	EXPECT_EQ(3, rules[0].packets);
	EXPECT_EQ(3 * (variant->headers + strlen("ask")), rules[0].bytes);
	ASSERT_EQ(0, connect_to(tcp, variant->peer, PEER_PORT));
	fd = accepted(listener);
	ASSERT_LE(0, fd);
	ASSERT_EQ(3, send(tcp, "ask", 3, 0));
	EXPECT_STREQ("ask", hear(fd));
	ASSERT_EQ(6, send(fd, "answer", 6, 0));
	EXPECT_STREQ("answer", hear(tcp));
	close(fd);
	EXPECT_STREQ("(end)", hear(tcp));
	ASSERT_EQ(0, nft_cell_count(self->s.nft, &self->s.cell, rules, &totals, NULL));
	EXPECT_EQ(0, rules[1].packets + totals.denied.packets + totals.refused.packets);
}

TEST_F(mirror, lets_in_that_a_port_of_an_allowed_peer_is_closed)
{
	int open = socket_in(self->s.place.leaf, variant->family, SOCK_DGRAM, 0);
	int shut = socket_in(self->s.place.leaf, variant->family, SOCK_DGRAM, 0);
	struct nft_count count;

	ASSERT_EQ(0, allow_peer(self, variant));
	/* Nobody is there. */
	ASSERT_EQ(0, connect_to(open, variant->peer, PEER_PORT));
	ASSERT_EQ(0, connect_to(shut, variant->stranger, PEER_PORT));
	EXPECT_EQ(3, send(open, "ask", 3, 0));
	settle();
	EXPECT_STREQ("ECONNREFUSED", heard(open));
	EXPECT_EQ(-1, send(shut, "ask", 3, 0));
	EXPECT_EQ(EPERM, errno);
	settle();
	/* Nor is the answer to what was denied held against anybody. */
	ASSERT_EQ(0, refused(&self->s, &count));
	EXPECT_EQ(0, count.packets);
}

TEST_HARNESS_MAIN
