// SPDX-License-Identifier: MIT
/*
 * Rules tightened while a connection is open: nothing more leaves, nothing more
 * arrives, and the cell is told.
 */
#include "selftests/harness.h"

#include "selftests/root/nft_fixture.h"

#include <sys/ioctl.h>

#include "selftests/root/nft_net.h"

#define PORT	5000

FIXTURE(tightened) {
	struct scene s;
	struct ends ends;
	struct egress_policy none;
	int cell, server;	/* two ends of a connection */
};

FIXTURE_VARIANT(tightened) {
	const char *host;	/* of the server */
	uint8_t whole;		/* prefix length of one address */
	bool there;		/* behind a wire */
};

FIXTURE_VARIANT_ADD(tightened, ipv4) {
	.host = "127.0.0.2", .whole = 32,
};

FIXTURE_VARIANT_ADD(tightened, ipv6) {
	.host = "::1", .whole = 128,
};

FIXTURE_VARIANT_ADD(tightened, ipv4_wire) {
	.host = WIRE_PEER4, .whole = 32, .there = true,
};

FIXTURE_VARIANT_ADD(tightened, ipv6_wire) {
	.host = WIRE_PEER6, .whole = 128, .there = true,
};

static bool connected(FIXTURE_DATA(tightened) *self, const FIXTURE_VARIANT(tightened) *variant)
{
	int listener;

	if (variant->there)
		listener = bound_there(&self->ends, SOCK_STREAM, variant->host, PORT);
	else
		listener = bound_in(NULL, SOCK_STREAM, variant->host, PORT);
	self->cell = socket_in(self->s.place.leaf, address_at(variant->host, 0).any.sa_family,
			       SOCK_STREAM, 0);
	if (connect_to(self->cell, variant->host, PORT))
		return false;
	settle();
	self->server = accepted(listener);
	return self->server >= 0;
}

FIXTURE_SETUP(tightened)
{
	const struct allow allow[] = {
		{ variant->host, variant->whole, PORT, PORT, EGRESS_TCP }, { 0 }
	};
	const char *reason;

	if (geteuid())
		SKIP(return, "needs root");
	net_setup();
	if (variant->there && !ends_setup(&self->ends))
		SKIP(return, "needs veth devices");
	reason = scene_setup(&self->s);
	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, scene_allow(&self->s, allow));
	ASSERT_EQ(0, egress_compile(NULL, 0, &self->none, NULL));
	ASSERT_EQ(0, nft_cell_add(self->s.nft, &self->s.cell, &self->s.err));
	ASSERT_TRUE(connected(self, variant));
	ASSERT_EQ(4, send(self->cell, "ask ", 4, 0));
	EXPECT_STREQ("ask ", hear(self->server));
	ASSERT_EQ(6, send(self->server, "answer", 6, 0));
	EXPECT_STREQ("answer", hear(self->cell));
}

FIXTURE_TEARDOWN(tightened)
{
	egress_policy_done(&self->none);
	scene_teardown(&self->s);
}

static int tighten(FIXTURE_DATA(tightened) *self)
{
	int r = nft_cell_replace(self->s.nft, &self->s.cell, &self->none, NULL);

	self->s.cell.policy = &self->none;
	return r;
}

TEST_F(tightened, ends_with_what_the_cell_sends_next)
{
	struct nft_totals totals;

	ASSERT_EQ(0, tighten(self));
	send(self->cell, "late", 4, MSG_NOSIGNAL);
	settle();
	EXPECT_STREQ("ECONNRESET", heard(self->cell));
	EXPECT_EQ(-1, send(self->cell, "later", 5, MSG_NOSIGNAL));
	EXPECT_STREQ("EAGAIN", heard(self->server));
	ASSERT_EQ(0, nft_cell_count(self->s.nft, &self->s.cell, NULL, &totals, NULL));
	EXPECT_LE(1, totals.denied.packets);
	/* Nor does it hear of what the peer says then. */
	send(self->server, "too late", 8, MSG_NOSIGNAL);
	settle();
	EXPECT_STREQ("(end)", heard(self->cell));
}

TEST_F(tightened, ends_with_what_the_peer_sends_next)
{
	struct nft_totals totals;

	ASSERT_EQ(0, tighten(self));
	ASSERT_EQ(4, send(self->server, "late", 4, MSG_NOSIGNAL));
	settle();
	EXPECT_STREQ("EAGAIN", heard(self->cell));
	EXPECT_STREQ("ECONNRESET", heard(self->server));
	ASSERT_EQ(0, nft_cell_count(self->s.nft, &self->s.cell, NULL, &totals, NULL));
	EXPECT_EQ(1, totals.refused.packets);
	send(self->cell, "late", 4, MSG_NOSIGNAL);
	settle();
	EXPECT_STREQ("ECONNRESET", heard(self->cell));
}

/* Reads what is there; how many bytes. */
static size_t read_all(int fd)
{
	static char buffer[65536];
	ssize_t n;
	size_t sum = 0;

	while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		sum += (size_t)n;
	return sum;
}

TEST_F(tightened, keeps_what_waits_in_the_cells_socket)
{
	static const char words[65536];
	size_t waits = 0, loose = 0;
	int arrived = 0;
	ssize_t n;

	/* The peer reads nothing, so in the end data waits on the cell's side. */
	while ((n = send(self->cell, words, sizeof(words), MSG_DONTWAIT)) > 0)
		waits += (size_t)n;
	ASSERT_EQ(0, tighten(self));
	settle();
	ASSERT_EQ(0, ioctl(self->server, FIONREAD, &arrived));
	ASSERT_LT(0, arrived);
	ASSERT_LT((size_t)arrived, waits);
	/* Whoever reads says that there is room again; nobody hears it. */
	for (n = 0; n < 3; n++) {
		loose += read_all(self->server);
		settle();
	}
	EXPECT_EQ((size_t)arrived, loose);
}

TEST_F(tightened, lets_what_waits_go_when_it_is_not)
{
	static char words[65536];
	size_t waits = 0, loose = 0;
	ssize_t n;

	while ((n = send(self->cell, words, sizeof(words), MSG_DONTWAIT)) > 0)
		waits += (size_t)n;
	while (loose < waits && (n = recv(self->server, words, sizeof(words), 0)) > 0)
		loose += (size_t)n;
	EXPECT_EQ(waits, loose);
}

TEST_HARNESS_MAIN
