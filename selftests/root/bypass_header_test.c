// SPDX-License-Identifier: MIT
/* Ways around the rules by what stands in a header, or by what a socket is told. */
#include <net/if.h>
#include <netinet/in.h>

#include "selftests/root/bypass_fixture.h"

/* ---- source routes: the packet is addressed to the peer, and goes on from there ---- */

#define LSRR(hop)	"830704" hop "00"
#define RECORD_ROUTE	"070704" "00000000" "00"

/* Some kernels want a capability for that: then the option is not set. */
TEST_F(cell, source_route_of_ipv4_through_the_allowed_peer)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp") ", " RULE(PEER4, 80, "udp"),
		       .steps = STEPS(UDP4, "set 0 4 " LSRR(PEER4_HEX),	/* IP_OPTIONS */
				      "sendto " OTHER4 " 80",
				      "socket 2 2049 0",	/* one that does not wait */
				      "set 0 4 " LSRR(PEER4_HEX),
				      "connect " OTHER4 " 80", "error"),
		       .says = "ok\n@(ok|EPERM)\nEPERM\n"
			       "ok\n@(ok|EPERM)\nEINPROGRESS\n@(0|ECONNREFUSED)\n",
		       .denied = 2, .denied_most = 4,	/* a SYN may be sent again */
		       .control = CONTROL_ROOT,
		       .control_leaves = "udp " PEER4 " 80 options hello\n"
					 "tcp " PEER4 " 80 syn options\n*");
}

TEST_F(cell, source_route_of_ipv4_with_one_message)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "udp"),
		       .steps = STEPS(UDP4,		/* IP_RETOPTS */
				      "control 0 7 " LSRR(PEER4_HEX) " " OTHER4 " 80",
				      "sendto " PEER4 " 80"),
		       .says = "ok\nEPERM\nok\n", .denied = 0, .denied_most = 1,
		       .leaves = "udp " PEER4 " 80 hello\n",
		       .control = CONTROL_ROOT,
		       .control_leaves = "udp " PEER4 " 80 options hello\n*");
}

TEST_F(cell, other_options_of_ipv4)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "udp"),
		       .steps = STEPS(UDP4, "set 0 4 " RECORD_ROUTE, "sendto " PEER4 " 80"),
		       .says = "ok\nok\nEPERM\n", .denied = 1,
		       .control = CONTROL_OFF,
		       .control_leaves = "udp " PEER4 " 80 options hello\n");
}

/* Next header, length, type 4, one segment left, last entry, flags, tag, two segments. */
#define RTHDR4(hop)	"00040401" "01000000" "00000000000000000000000000000000" hop

TEST_F(cell, routing_header_through_the_allowed_peer)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER6, 80, "udp") ", " RULE(PEER6, 80, "tcp"),
		       .steps = STEPS(UDP6, "set 41 57 " RTHDR4(PEER6_HEX),	/* IPV6_RTHDR */
				      "sendto " OTHER6 " 80",
				      "socket 10 2049 0",	/* the reset would not find it */
				      "set 41 57 " RTHDR4(PEER6_HEX),
				      "connect " OTHER6 " 80"),
		       .says = "ok\nok\nEPERM\nok\nok\nEINPROGRESS\n",
		       .denied = 2, .denied_most = 4,
		       .control = CONTROL_OFF,
		       .control_leaves = "udp " PEER6 " 80 options hello\n"
					 "tcp " PEER6 " 80 syn options\n*");
}

/* Types 0 and 2 are taken by some kernels only; without them the address is the other's. */
TEST_F(cell, older_routing_headers)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER6, 80, "udp"),
		       .steps = STEPS(UDP6, "set 41 57 00020001" "00000000" PEER6_HEX,
				      "sendto " OTHER6 " 80",
				      "set 41 57 00020201" "00000000" PEER6_HEX,
				      "sendto " OTHER6 " 80",
				      "control 41 57 0002020100000000" PEER6_HEX " " OTHER6 " 80"),
		       .says = "ok\nE@(INVAL|PERM)\nEPERM\n@(ok|EINVAL)\nEPERM\nE@(PERM|INVAL)\n",
		       .denied = 2, .denied_most = 3, .control = CONTROL_OFF);
}

/* ---- extension headers ---- */

#define PADDING		"0000010400000000"	/* an empty header of options */

TEST_F(cell, extension_headers_need_a_capability)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER6, 80, "udp"),
		       .steps = STEPS(UDP6,
				      "set 41 54 " PADDING,	/* IPV6_HOPOPTS */
				      "set 41 59 " PADDING,	/* IPV6_DSTOPTS */
				      "set 41 55 " PADDING,	/* IPV6_RTHDRDSTOPTS */
				      "control 41 54 " PADDING " " PEER6 " 80",
				      "control 41 59 " PADDING " " PEER6 " 80",
				      "control 41 3 " PADDING " " PEER6 " 80",	/* of RFC 2292 */
				      "control 41 4 " PADDING " " PEER6 " 80"),
		       .says = "ok\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\n",
		       .denied = 0, .control = CONTROL_ROOT,
		       .control_leaves = "udp " PEER6 " 80 options hello\n*");
}

/* ---- fragments ---- */

TEST_F(cell, fragments_of_ipv4)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 53, "udp"),
		       .steps = STEPS(UDP4, "sendto " OTHER4 " 53 4000", "sendto " PEER4 " 53 4000",
				      "sendto " PEER4 " 54 4000"),
		       .says = "ok\nEPERM\nok\nEPERM\n", .denied = 2,
		       .leaves = "udp " PEER4 " 53 fragment\nudp " PEER4 " fragment\n"
				 "udp " PEER4 " fragment hello\n",
		       .control = CONTROL_OFF,
		       .control_leaves = "*udp " OTHER4 " fragment hello\n*");
}

TEST_F(cell, fragments_of_ipv6)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER6, 53, "udp"),
		       .steps = STEPS(UDP6, "sendto " OTHER6 " 53 4000", "sendto " PEER6 " 53 4000",
				      "sendto " PEER6 " 54 4000"),
		       .says = "ok\nEPERM\nok\nEPERM\n", .denied = 2,
		       .leaves = "udp " PEER6 " 53 fragment\nudp " PEER6 " fragment\n"
				 "udp " PEER6 " fragment hello\n",
		       .control = CONTROL_OFF,
		       .control_leaves = "*udp " OTHER6 " fragment hello\n*");
}

/* ---- data in the first packet ---- */

#define FASTOPEN(host)	"sendto " host " 80 5 0x20000000"

TEST_F(cell, fast_open)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp"),
		       .steps = STEPS(TCP4, FASTOPEN(OTHER4),
				      TCP4, "set 6 30 01000000",	/* TCP_FASTOPEN_CONNECT */
				      "connect " OTHER4 " 80", "send",
				      TCP6, FASTOPEN(OTHER6)),
		       .says = "ok\nECONNREFUSED\nok\nok\nok\nECONNREFUSED\nok\nECONNREFUSED\n",
		       /* Where the SYN with data fails, one without may follow. */
		       .denied = 3, .denied_most = 6, .control = CONTROL_OFF,
		       .control_leaves = "tcp " OTHER4 " 80 syn hello\n*tcp " OTHER4 " 80 syn "
					 "hello\n*tcp " OTHER6 " 80 syn hello\n*");
}

/* ---- socket options ---- */

TEST_F(cell, options_that_mark_or_move_packets_need_a_capability)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "udp"),
		       .steps = STEPS(UDP4,
				      "set 1 36 01000000",	/* SO_MARK */
				      "set 1 33 01000000",	/* SO_RCVBUFFORCE */
				      "set 0 19 01000000",	/* IP_TRANSPARENT */
				      "control 1 36 01000000 " OTHER4 " 80",
				      UDP6, "set 41 75 01000000",	/* IPV6_TRANSPARENT */
				      TCP4, "set 6 19 01000000"),	/* TCP_REPAIR */
		       .says = "ok\nEPERM\nEPERM\nEPERM\nEPERM\nok\nEPERM\nok\nEPERM\n",
		       .denied = 0, .control = CONTROL_ROOT,
		       .control_leaves = "udp " OTHER4 " 80 hello\n");
}

TEST_F(cell, bound_to_a_device)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "udp"),
		       .steps = STEPS(UDP4, "set 1 25 696e3000",	/* SO_BINDTODEVICE in0 */
				      "sendto " OTHER4 " 80", "sendto 127.0.0.1 80",
				      UDP4, "set 1 25 6c6f00",	/* lo */
				      "sendto 127.0.0.1 80",
				      TCP4, "set 1 25 696e3000", "connect " OTHER4 " 80",
				      UDP4, "set 0 50 00000001",	/* IP_UNICAST_IF: lo */
				      "sendto " OTHER4 " 80"),
		       .says = "ok\nEPERM\nEPERM\nEPERM\nok\nEPERM\nEPERM\nok\nEPERM\n"
			       "ECONNREFUSED\nok\nok\nEPERM\n", .denied = 5,
		       .control = CONTROL_ROOT,	/* first on in0, then on lo */
		       .control_leaves = "udp " OTHER4 " 80 hello\nudp 127.0.0.1 80 hello\n"
					 "tcp " OTHER4 " 80 syn\nudp 127.0.0.1 80 hello\n"
					 "udp " OTHER4 " 80 hello\n");
}

/* What a rule for the loopback allows stays on it, whatever device the packet is sent to. */
TEST_F(cell, loopback_address_by_way_of_a_device)
{
	char *pktinfo = text("%02x00000000000000" "00000000", if_nametoindex("in0"));
	char *pktinfo6 = text("00000000000000000000000000000000%02x000000",
			      if_nametoindex("in0"));

	EXPECT_ATTEMPT(.rules = RULE("127.0.0.1", 80, "udp") ", " RULE("::1", 80, "udp"),
		       .steps = STEPS(UDP4,		/* IP_PKTINFO */
				      text("control 0 8 %s 127.0.0.1 80", pktinfo),
				      UDP6,		/* IPV6_PKTINFO */
				      text("control 41 50 %s ::1 80", pktinfo6),
				      UDP4, "sendto 127.0.0.1 80"),
		       .says = "ok\nEPERM\nok\nE*\nok\nok\n", .denied = 1, .denied_most = 2,
		       .leaves = "udp 127.0.0.1 80 hello\n",
		       .control = CONTROL_OFF,
		       .control_leaves = "udp 127.0.0.1 80 hello\n*udp 127.0.0.1 80 hello\n*");
}

TEST_HARNESS_MAIN
