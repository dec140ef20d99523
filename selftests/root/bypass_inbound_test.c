// SPDX-License-Identifier: MIT
/* An outsider cannot hand a byte to a cell: connections and datagrams. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "selftests/root/bypass_guest.h"

#define OUTSIDER_GETS(errnum)	(variant->off ? 0 : (errnum))

/* ---- TCP ---- */

static int connect_from(const struct outside *out, bool world, const char *to)
{
	int domain = address_of(to, 0).any.sa_family;
	int fd = world ? outside_socket(out, domain, SOCK_STREAM, 0) :
			 socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = knock(fd, to, 7000);

	close(fd);
	return ret;
}

#define LISTENER	"socket 10 2049 0", "bind :: 7000", "listen"

TEST_F(cell, connections_to_a_listener)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(LISTENER, "ready", "accept", "recv"));

	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), connect_from(&self->out, true, HOST4));
	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), connect_from(&self->out, true, HOST6));
	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), connect_from(&self->out, false, "127.0.0.1"));
	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), connect_from(&self->out, false, "::1"));
	EXPECT_REFUSED(4);
	EXPECT_STREQ(variant->off ? "ok\nhello\n" : "EAGAIN\nENOTCONN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* A rule is about where a cell may go, not about who may come. */
TEST_F(cell, connections_from_an_allowed_peer)
{
	struct run run = guest(&self->out, variant->off, "{'host': '0.0.0.0/0'}, {'host': '::/0'}",
			       STEPS(LISTENER, "ready", "accept", "recv"));

	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), connect_from(&self->out, true, HOST4));
	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), connect_from(&self->out, true, HOST6));
	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), connect_from(&self->out, false, "127.0.0.1"));
	EXPECT_REFUSED(3);
	EXPECT_STREQ(variant->off ? "ok\nhello\n" : "EAGAIN\nENOTCONN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* What listens answers with SYN and ACK: not even that leaves. */
TEST_F(cell, answers_of_a_listener)
{
	struct run run = guest(&self->out, variant->off, "", STEPS(LISTENER, "ready"));
	const char *leaves;

	departed(&self->out);
	connect_from(&self->out, true, HOST4);
	leaves = departed(&self->out);
	EXPECT_EQ(variant->off, strstr(leaves, " syn") != NULL) TH_LOG("%s", leaves);
	EXPECT_EQ(!variant->off, strstr(leaves, " rst") != NULL) TH_LOG("%s", leaves);
	EXPECT_REFUSED(1);
	guest_end(&self->out, &run, "guest");
}

TEST_F(cell, data_in_the_first_packet_to_a_listener)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS("socket 2 2049 0", "bind " HOST4 " 7000",
				     "set 6 23 05000000",	/* TCP_FASTOPEN */
				     "listen", "ready", "accept", "recv"));
	int fd = outside_socket(&self->out, AF_INET, SOCK_STREAM, 0);
	struct address to = address_of(HOST4, 7000);
	ssize_t n = sendto(fd, "hello", 5, MSG_FASTOPEN | MSG_NOSIGNAL, &to.any, to.size);

	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), n < 0 ? errno : 0);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? "ok\nhello\n" : "EAGAIN\nENOTCONN\n",
		     guest_end(&self->out, &run, "guest"));
}

static void nft(const char *commands)
{
	if (!command((const char *const[]){ "nft", commands, NULL }))
		give_up(commands);
}

/*
 * The cell's own SYN is lost before its rules are asked, so that it waits for an
 * answer, and both connect to each other.
 */
TEST_F(cell, simultaneous_open)
{
	struct address at = address_of(OTHER4, 7001);
	struct run run;
	int fd;

	nft("add table inet early; add chain inet early out { type filter hook output priority "
	    "-10; }; add rule inet early out tcp sport 7000 tcp flags & (syn | ack) == syn drop");
	run = guest(&self->out, variant->off, "",
		    STEPS("socket 2 2049 0", "bind " HOST4 " 7000", "connect " OTHER4 " 7001",
			  "ready", "recv", "send"));
	departed(&self->out);
	fd = outside_socket(&self->out, AF_INET, SOCK_STREAM, 0);
	ASSERT_EQ(0, bind(fd, &at.any, at.size));
	EXPECT_EQ(OUTSIDER_GETS(ECONNREFUSED), knock(fd, HOST4, 7000));
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? "hello\nok\n" : "EAGAIN\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
	EXPECT_EQ(variant->off, strstr(departed(&self->out), "hello") != NULL);
}

/* ---- UDP ---- */

TEST_F(cell, datagrams)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP6, "bind :: 7000", "ready", "recv", "recv", "recv", "recv",
				     "recv"));
	struct address to = address_of("127.0.0.1", 7000);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	tell(&self->out, PEER4, 53, HOST4, 7000, "one");
	tell(&self->out, PEER6, 53, HOST6, 7000, "two");
	tell(&self->out, "fe80::2%out0", 53, "fe80::1%out0", 7000, "three");
	sendto(fd, "four", 4, 0, &to.any, to.size);
	fence(&self->out);
	EXPECT_REFUSED(4);
	EXPECT_STREQ(variant->off ? "one\ntwo\nthree\nfour\nEAGAIN\n" :
		     "EAGAIN\nEAGAIN\nEAGAIN\nEAGAIN\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* Another cell is an outsider, too, whatever it may send itself. */
TEST_F(cell, datagrams_of_another_cell)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP4, "bind 127.0.0.1 7000", "ready", "recv"));
	struct run other = attempt_run(&self->out, "other", "{'host': '127.0.0.1'}",
				       STEPS(UDP4, "sendto 127.0.0.1 7000"));

	EXPECT_EQ(0, run_whole(&self->env, &other)) TH_LOG("%s", other.err.bytes);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? "hello\n" : "EAGAIN\n", guest_end(&self->out, &run, "guest"));
}

/* The peer's answers come in, nobody else's, nor what the peer sends from elsewhere. */
TEST_F(cell, datagrams_beside_an_allowed_peers)
{
	struct run run = guest(&self->out, variant->off, RULE(PEER4, 53, "udp") ", "
			       RULE(PEER4, 54, "tcp") ", " RULE(PEER6, 53, "udp"),
			       STEPS(UDP6, "bind :: 7000", "ready", "recv", "recv", "recv"));

	tell(&self->out, OTHER4, 53, HOST4, 7000, "other");
	tell(&self->out, PEER4, 54, HOST4, 7000, "port");
	tell(&self->out, PEER4, 53, HOST4, 7000, "peer");
	tell(&self->out, OTHER6, 53, HOST6, 7000, "other6");
	tell(&self->out, PEER6, 54, HOST6, 7000, "port6");
	tell(&self->out, PEER6, 53, HOST6, 7000, "peer6");
	fence(&self->out);
	EXPECT_REFUSED(4);
	EXPECT_STREQ(variant->off ? "other\nport\npeer\n" : "peer\npeer6\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, broadcast_datagrams)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP4, "bind 0.0.0.0 7000", "ready", "recv", "recv"));

	tell(&self->out, OTHER4, 53, "198.51.100.255", 7000, "hello");
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? "hello\nEAGAIN\n" : "EAGAIN\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* The groups that everybody is a member of. */
TEST_F(cell, multicast_datagrams)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(UDP4, "bind 0.0.0.0 7000", UDP6, "bind :: 7001", "ready",
				     "recv", "recv"));

	tell(&self->out, OTHER4, 53, "224.0.0.1", 7000, "hello");
	tell(&self->out, "fe80::2%out0", 53, "ff02::1%out0", 7001, "hello6");
	fence(&self->out);
	EXPECT_REFUSED(2);
	EXPECT_STREQ(variant->off ? "hello6\nEAGAIN\n" : "EAGAIN\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_HARNESS_MAIN
