// SPDX-License-Identifier: MIT
/*
 * What the kernel itself answers, or hands on, is no way into a cell, and tells
 * nobody of one; and the rules against that are no harm to the host.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "selftests/root/bypass_guest.h"
#include "selftests/root/bypass_wire.h"

/* ---- errors of ICMP over the loopback ---- */

/* IP_RECVERR and IPV6_RECVERR; it listens where the error is sent to. */
#define LISTEN4	UDP4, "bind 127.0.0.1 7000", "set 0 11 01000000"
#define LISTEN6	UDP6, "bind " HOST6 " 7000", "set 41 25 01000000"

/* A datagram to nobody, which the kernel quotes to @as, another address than it came from. */
static void lure(int family, const char *from, const char *as, const char *to)
{
	struct address at = address_of(from, 7000), source = address_of(as, 0);
	struct address target = address_of(to, 7009);
	const struct in_pktinfo four = { .ipi_spec_dst = source.v4.sin_addr };
	const struct in6_pktinfo six = { .ipi6_addr = source.v6.sin6_addr };
	size_t size = family == AF_INET ? sizeof(four) : sizeof(six);
	char hello[] = "hello";
	struct iovec bytes = { hello, 5 };
	union {
		struct cmsghdr header;
		unsigned char room[CMSG_SPACE(sizeof(six))];
	} control = { .header = {
		.cmsg_level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		.cmsg_type = family == AF_INET ? IP_PKTINFO : IPV6_PKTINFO,
		.cmsg_len = CMSG_LEN(size),
	} };
	struct msghdr message = {
		.msg_name = &target, .msg_namelen = target.size, .msg_iov = &bytes,
		.msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(size),
	};
	int fd;

	memcpy(CMSG_DATA(&control.header), family == AF_INET ? (const void *)&four : &six, size);
	/* Anybody's work. */
	if (seteuid(65534) < 0)
		give_up("seteuid");
	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &at.any, at.size) < 0 || sendmsg(fd, &message, 0) != 5)
		give_up("a datagram of an outsider");
	close(fd);
	if (seteuid(0) < 0)
		give_up("seteuid");
}

TEST_F(cell, errors_that_an_outsider_aims_over_the_loopback)
{
	struct run run = guest(&self->out, variant->off, "", STEPS(LISTEN4, "ready", "errqueue"));

	lure(AF_INET, "127.0.0.2", "127.0.0.1", "127.0.0.3");
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? "hello\n" : "EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, errors_of_icmpv6_that_an_outsider_aims_over_the_loopback)
{
	struct run run = guest(&self->out, variant->off, "", STEPS(LISTEN6, "ready", "errqueue"));

	lure(AF_INET6, "::1", HOST6, "::1");
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? "hello\n" : "EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

/* What is refused to another cell is no error at all: there is nothing to refuse here. */
static void lure_by_cell(struct __test_metadata *_metadata, const struct outside *out, bool off,
			 const char *const *steps)
{
	struct run run = attempt_run(out, "other", "", steps);

	if (off)
		run.args[0] = "--egress=off";
	EXPECT_EQ(0, run_whole(out->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(off ? "ok\nok\nok\n" : "ok\nok\nEPERM\n", run.out.bytes);
	EXPECT_TRUE(off || json_int_at(run.report, "/egress/denied/packets") == 1);
	fence(out);
	EXPECT_TRUE(off || guest_refused(out) == 0);
}

TEST_F(cell, errors_that_another_cell_aims)
{
	struct run run = guest(&self->out, variant->off, "", STEPS(LISTEN4, "ready", "errqueue"));

	/* IP_PKTINFO: from 127.0.0.1 */
	lure_by_cell(_metadata, &self->out, variant->off,
		     STEPS(UDP4, "bind 127.0.0.2 7000",
			   "control 0 8 00000000" "7f000001" "00000000 127.0.0.3 7009"));
	EXPECT_STREQ(variant->off ? "hello\n" : "EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, errors_of_icmpv6_that_another_cell_aims)
{
	struct run run = guest(&self->out, variant->off, "", STEPS(LISTEN6, "ready", "errqueue"));

	/* IPV6_PKTINFO: from HOST6 */
	lure_by_cell(_metadata, &self->out, variant->off,
		     STEPS(UDP6, "bind ::1 7000",
			   "control 41 50 20010db8000000000000000000000001" "00000000 ::1 7009"));
	EXPECT_STREQ(variant->off ? "hello\n" : "EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

/* ---- addresses with a scope, over the loopback ---- */

#define SCOPED	"fe80::1%in0"

static void tell_from_host(const char *to, int port)
{
	struct address at = address_of(to, port);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || sendto(fd, "hello", 5, 0, &at.any, at.size) != 5)
		give_up("a datagram of the host's");
	close(fd);
}

static int knock_from_host(const char *to, int port)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = knock(fd, to, port);

	close(fd);
	return ret;
}

/*
 * They are kept off the whole host while a cell lives, so off the control, too: that
 * they would come otherwise is shown before there is one.
 */
TEST_F(cell, datagrams_to_an_address_of_one_device)
{
	int server = serve_host(SOCK_DGRAM, SCOPED, 7000);
	char buf[8];
	struct run run;

	tell_from_host(SCOPED, 7000);
	fence(&self->out);
	EXPECT_EQ(5, recv(server, buf, sizeof(buf), 0));
	close(server);
	run = guest(&self->out, variant->off, "",
		    STEPS(UDP6, "bind " SCOPED " 7000", "ready", "recv"));
	tell_from_host(SCOPED, 7000);
	fence(&self->out);
	EXPECT_STREQ("EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, connections_to_an_address_of_one_device)
{
	int server = serve_host(SOCK_STREAM, SCOPED, 7001);
	struct run run;

	EXPECT_EQ(0, knock_from_host(SCOPED, 7001));
	close(server);
	run = guest(&self->out, variant->off, "",
		    STEPS("socket 10 2049 0", "bind " SCOPED " 7000", "listen", "ready",
			  "accept", "recv"));
	EXPECT_EQ(ECONNREFUSED, knock_from_host(SCOPED, 7000));
	EXPECT_STREQ("EAGAIN\nENOTCONN\n", guest_end(&self->out, &run, "guest"));
}

/*
 * A server of the host's is reached as before if it is bound to all addresses. One
 * that is bound to the address of the one device is refused, too, over the loopback,
 * as long as a cell lives: nobody can tell it from a cell's (and no test says so,
 * for that could only become better).
 */
TEST_F(cell, link_local_addresses_of_the_host_itself)
{
	int datagrams = serve_host(SOCK_DGRAM, "::", 7001);
	int streams = serve_host(SOCK_STREAM, "::", 7001);
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind " SCOPED " 7000", "ready", "recv"));
	char buf[8];

	tell_from_host(SCOPED, 7001);
	fence(&self->out);
	EXPECT_EQ(5, recv(datagrams, buf, sizeof(buf), 0));
	EXPECT_EQ(0, knock_from_host(SCOPED, 7001));
	EXPECT_LE(0, accept(streams, NULL, NULL));
	EXPECT_REFUSED(0);
	EXPECT_STREQ("EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

/* ---- fragments that are the host's ---- */

#define PORT	7000
enum { FLOWINFO_SEND = 33 };	/* IPV6_FLOWINFO_SEND; the C library has no name for it */

static bool send_labelled(const struct outside *out, uint32_t label)
{
	static const char bytes[3000];
	struct address to = address_of(HOST6, 7001);
	int fd = serve_world(out, SOCK_DGRAM, 0, OTHER6, 53), one = 1;
	bool sent;

	to.v6.sin6_flowinfo = htonl(label);
	sent = setsockopt(fd, IPPROTO_IPV6, FLOWINFO_SEND, &one, sizeof(one)) == 0 &&
	       sendto(fd, bytes, sizeof(bytes), 0, &to.any, to.size) == sizeof(bytes);
	close(fd);
	return sent;
}

/*
 * Where the later fragments of IPv6 have no ports the socket lookup takes the lower
 * bits of the flow label for one: what has a cell's port there is none of its.
 */
TEST_F(cell, fragments_to_the_host_with_a_flow_label_like_a_port)
{
	int server = serve_host(SOCK_DGRAM, HOST6, 7001);
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, text("bind :: %d", PORT), "ready", "recv"));
	char buf[4096];

	for (uint32_t high = 0; high < 16; high += 5) {
		EXPECT_TRUE(send_labelled(&self->out, high << 16 | PORT)) TH_LOG("%u", high);
		fence(&self->out);
		EXPECT_EQ(3000, recv(server, buf, sizeof(buf), 0)) TH_LOG("%u", high);
	}
	EXPECT_REFUSED(0);
	EXPECT_STREQ("EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

/* ---- refusals are those of a closed port ---- */

/* Has somebody @port? An errno of connect() or recv(), and the answer on the wire. */
static const char *probe(const struct outside *out, bool world, int type, const char *to, int port)
{
	int domain = address_of(to, 0).any.sa_family, errnum;
	int fd = world ? outside_socket(out, domain, type, 0) :
			 socket(domain, type | SOCK_CLOEXEC, 0);
	char byte;

	departed(out);
	errnum = knock(fd, to, port);
	fence(out);
	if (!errnum && type == SOCK_DGRAM && recv(fd, &byte, 1, MSG_DONTWAIT) < 0)
		errnum = errno;
	close(fd);
	return text("errno %d\n%s", errnum, refusals(out, world));
}

static void compare(struct __test_metadata *_metadata, const struct outside *out, bool off,
		    int type)
{
	static const struct { bool world; const char *to; } ways[] = {
		{ true, HOST4 }, { true, HOST6 }, { false, "127.0.0.1" }, { false, "::1" },
		{ false, HOST4 }, { false, HOST6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		const char *closed = probe(out, ways[i].world, type, ways[i].to, 7009);
		const char *cells = probe(out, ways[i].world, type, ways[i].to, 7000);

		EXPECT_NE(NULL, strchr(closed, ':')) TH_LOG("no answer: %s", closed);
		EXPECT_EQ(!off, !strcmp(closed, cells))
			TH_LOG("to %s:\nclosed: %s\na cell's: %s", ways[i].to, closed, cells);
	}
}

TEST_F(cell, datagrams_are_refused_as_by_a_closed_port)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind :: 7000", "ready"));

	compare(_metadata, &self->out, variant->off, SOCK_DGRAM);
	guest_end(&self->out, &run, "guest");
}

TEST_F(cell, connections_are_refused_as_by_a_closed_port)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS("socket 10 2049 0", "bind :: 7000", "listen", "ready"));

	compare(_metadata, &self->out, variant->off, SOCK_STREAM);
	guest_end(&self->out, &run, "guest");
}

TEST_HARNESS_MAIN
