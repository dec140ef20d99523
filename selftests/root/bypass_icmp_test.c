// SPDX-License-Identifier: MIT
/* An outsider cannot hand a byte to a cell by ICMP; and what remains of that. */
#include <fnmatch.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "selftests/root/bypass_guest.h"
#include "selftests/root/bypass_packet.h"

/* ---- ICMP errors, which quote what they are about, and more than was sent ---- */

/* From the other host, about a datagram of the cell's to @quoted. */
static void about4(const struct outside *out, const char *quoted, bool options)
{
	struct bytes datagram = udp(HOST4, 7000, quoted, 53), packet = { .size = 0 }, error;
	struct iphdr ip = ipv4(HOST4, quoted, datagram.size, 0);

	append(&packet, &ip, sizeof(ip));
	append(&packet, datagram.data, datagram.size);
	if (options)
		packet = behind_options4(HOST4, quoted, &datagram);
	error = unreachable4(&packet);
	inject(out, OTHER4, IPPROTO_ICMP, HOST4, &error);
}

static struct bytes about6(const char *quoted, bool options)
{
	struct bytes datagram = udp(HOST6, 7000, quoted, 53);

	if (options)
		datagram = behind_options6(&datagram);
	return unreachable6(OTHER6, quoted, options ? IPPROTO_DSTOPTS : IPPROTO_UDP, &datagram);
}

/* IP_RECVERR and IPV6_RECVERR */
#define LISTEN4	UDP4, "bind " HOST4 " 7000", "set 0 11 01000000"
#define LISTEN6	UDP6, "bind " HOST6 " 7000", "set 41 25 01000000"

/* The cell has not sent it, and could not have. */
TEST_F(cell, errors_of_icmp)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(LISTEN4, "ready", "errqueue", "errqueue", "recv"));

	about4(&self->out, OTHER4, false);
	about4(&self->out, OTHER4, true);
	fence(&self->out);
	EXPECT_REFUSED(2);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" PAYLOAD "\nEAGAIN\n" : "EAGAIN\nEAGAIN\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

TEST_F(cell, errors_of_icmpv6)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(LISTEN6, "ready", "errqueue", "errqueue", "recv"));
	struct bytes plain = about6(OTHER6, false), options = about6(OTHER6, true);

	inject(&self->out, OTHER6, IPPROTO_ICMPV6, HOST6, &plain);
	inject(&self->out, OTHER6, IPPROTO_ICMPV6, HOST6, &options);
	fence(&self->out);
	EXPECT_REFUSED(2);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" PAYLOAD "\nEAGAIN\n" : "EAGAIN\nEAGAIN\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* Behind ICMP's header and the quoted one of IPv6: the quoted ports are in the second. */
#define CUT	(8 + 40)

TEST_F(cell, errors_of_icmpv6_in_fragments)
{
	struct run run = guest(&self->out, variant->off, "",
			       STEPS(LISTEN6, "ready", "errqueue", "recv"));
	struct bytes error = about6(OTHER6, false);

	inject_fragment6(&self->out, OTHER6,
			 &(struct fragment){ &error, IPPROTO_ICMPV6, 0, CUT });
	inject_fragment6(&self->out, OTHER6,
			 &(struct fragment){ &error, IPPROTO_ICMPV6, CUT, error.size });
	fence(&self->out);
	/* They are kept off the whole host while a cell lives, so off the control, too. */
	EXPECT_STREQ("EAGAIN\nEAGAIN\n", guest_end(&self->out, &run, "guest"));
}

/*
 * Not closed for a cell that may send: any router may say that the peer cannot be
 * reached, and quotes what it likes. What the rules do not allow is not quoted.
 */
TEST_F(cell, errors_about_an_allowed_peer)
{
	struct run run = guest(&self->out, variant->off, RULE(PEER4, 53, "udp"),
			       STEPS(LISTEN4, "ready", "errqueue", "errqueue"));

	about4(&self->out, PEER4, false);
	about4(&self->out, OTHER4, false);
	fence(&self->out);
	EXPECT_REFUSED(1);
	EXPECT_STREQ(variant->off ? PAYLOAD "\n" PAYLOAD "\n" : PAYLOAD "\nEAGAIN\n",
		     guest_end(&self->out, &run, "guest"));
}

/* ---- answers to a ping socket ---- */

static void echo_reply(const struct outside *out, const char *from, const char *what)
{
	struct icmphdr header = { .type = ICMP_ECHOREPLY, .un.echo.id = htons(777) };
	struct bytes reply = { .size = 0 };

	append(&reply, &header, sizeof(header));
	append(&reply, what, strlen(what));
	header.checksum = checksum(&reply);
	memcpy(reply.data, &header, sizeof(header));
	inject(out, from, IPPROTO_ICMP, HOST4, &reply);
}

static void echo_reply6(const struct outside *out, const char *from, const char *what)
{
	const struct icmp6_hdr header = { .icmp6_type = ICMP6_ECHO_REPLY, .icmp6_id = htons(777) };
	struct bytes reply = { .size = 0 };

	append(&reply, &header, sizeof(header));
	append(&reply, what, strlen(what));
	inject(out, from, IPPROTO_ICMPV6, HOST6, &reply);
}

/*
 * Not closed for a cell with a rule for ICMP: its ping socket hears the answers of
 * every host, for no rule can tell whose socket such a packet is for. Without the
 * rule there is no ping socket.
 */
#define HEARS	"*other*\n*peer*\nEAGAIN\n"

static bool hears(const struct outside *out, struct run *run)
{
	fence(out);
	return fnmatch(HEARS, guest_end(out, run, "guest"), 0) == 0;
}

TEST_F(cell, echo_replies)
{
	struct run with, without;

	sysctl_set("ipv4/ping_group_range", "0 2147483647");
	with = guest(&self->out, variant->off, "{'host': '" PEER4 "', 'protocol': 'icmp'}",
		     STEPS("socket 2 2 1", "bind " HOST4 " 777", "ready", "recv", "recv", "recv"));
	echo_reply(&self->out, OTHER4, "other");
	echo_reply(&self->out, PEER4, "peer");
	EXPECT_TRUE(hears(&self->out, &with)) TH_LOG("%s", with.out.bytes);
	without = guest(&self->out, variant->off, RULE(PEER4, 53, "udp"),
			STEPS("socket 2 2 1", "bind " HOST4 " 777", "ready", "recv", "recv",
			      "recv"));
	echo_reply(&self->out, OTHER4, "other");
	echo_reply(&self->out, PEER4, "peer");
	EXPECT_EQ(variant->off, hears(&self->out, &without)) TH_LOG("%s", without.out.bytes);
}

TEST_F(cell, echo_replies_of_ipv6)
{
	struct run with, without;

	sysctl_set("ipv4/ping_group_range", "0 2147483647");
	with = guest(&self->out, variant->off, "{'host': '" PEER6 "', 'protocol': 'icmpv6'}",
		     STEPS("socket 10 2 58", "bind " HOST6 " 777", "ready", "recv", "recv",
			   "recv"));
	echo_reply6(&self->out, OTHER6, "other");
	echo_reply6(&self->out, PEER6, "peer");
	EXPECT_TRUE(hears(&self->out, &with)) TH_LOG("%s", with.out.bytes);
	without = guest(&self->out, variant->off, RULE(PEER6, 53, "udp"),
			STEPS("socket 10 2 58", "bind " HOST6 " 777", "ready", "recv", "recv",
			      "recv"));
	echo_reply6(&self->out, OTHER6, "other");
	echo_reply6(&self->out, PEER6, "peer");
	EXPECT_EQ(variant->off, hears(&self->out, &without)) TH_LOG("%s", without.out.bytes);
}

TEST_HARNESS_MAIN
