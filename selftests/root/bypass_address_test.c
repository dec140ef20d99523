// SPDX-License-Identifier: MIT
/* Ways around the rules by what an address can mean, or by when it is said. */
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "selftests/root/bypass_fixture.h"

#define BROADCAST	"set 1 6 01000000"

TEST_F(cell, udp_443_beside_a_rule_for_tcp_443)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 443, "tcp"),
		       .steps = STEPS(UDP4, "sendto " PEER4 " 443", "connect " PEER4 " 443",
				      "send"),
		       .says = "ok\nEPERM\nok\nEPERM\n", .denied = 2,
		       .control = CONTROL_RULES, .control_rules = RULE(PEER4, 443, "udp"));
}

TEST_F(cell, ipv4_address_written_as_an_ipv6_one)
{
	/* Governed as what it is: the rule of IPv4 allows the one peer, not the other. */
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 443, "udp"),
		       .steps = STEPS(UDP6, "sendto ::ffff:" OTHER4 " 443",
				      "sendto ::ffff:" PEER4 " 443",
				      TCP6, "connect ::ffff:" OTHER4 " 443"),
		       .says = "ok\nEPERM\nok\nok\nECONNREFUSED\n", .denied = 2,
		       .leaves = "udp " PEER4 " 443 hello\n",
		       .control = CONTROL_OFF,
		       .control_leaves = "*udp " OTHER4 " 443 hello*tcp " OTHER4 " 443 syn*");
}

TEST_F(cell, loopback_by_its_other_names)
{
	EXPECT_ATTEMPT(.rules = RULE("127.0.0.1", 7001, "udp") ", " RULE("::1", 7001, "udp"),
		       .steps = STEPS(UDP4, "sendto 127.0.0.2 7001", "sendto 0.0.0.0 7002",
				      "sendto " HOST4 " 7001", "sendto 127.255.255.254 7001",
				      UDP6, "sendto ::ffff:127.0.0.2 7001", "sendto :: 7002",
				      "sendto " HOST6 " 7001", "sendto ::ffff:0.0.0.0 7002",
				      "sendto fe80::1%in0 7001"),
		       .says = "ok\nEPERM\nEPERM\nEPERM\nEPERM\nok\nEPERM\nEPERM\nEPERM\nEPERM\n"
			       "EPERM\n", .denied = 9,
		       .control = CONTROL_OFF,
		       .control_leaves = "*udp 127.0.0.2 7001 hello\nudp 127.0.0.1 7002 hello\n"
					 "udp " HOST4 " 7001 hello\nudp 127.255.255.254 7001 "
					 "hello\nudp 127.0.0.2 7001 hello\nudp ::1 7002 hello\n"
					 "udp " HOST6 " 7001 hello\n*7002 hello\n"
					 "udp fe80::1 7001 hello\n");
}

TEST_F(cell, zero_address_means_loopback_and_is_governed_as_such)
{
	EXPECT_ATTEMPT(.steps = STEPS(TCP4, "connect 0.0.0.0 7001", TCP6, "connect :: 7001"),
		       .says = "ok\nECONNREFUSED\nok\nECONNREFUSED\n", .denied = 2,
		       .control = CONTROL_OFF,
		       .control_leaves = "tcp 127.0.0.1 7001 syn\ntcp ::1 7001 syn\n");
}

TEST_F(cell, link_local_and_metadata_addresses)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp"),
		       .steps = STEPS(UDP4, "sendto " LOCAL4 " 80", "sendto " METADATA4 " 80",
				      UDP6, "sendto " LOCAL6 " 80",
				      "sendto ::ffff:" METADATA4 " 80",
				      TCP4, "connect " METADATA4 " 80",
				      TCP6, "connect " LOCAL6 " 80"),
		       .says = "ok\nEPERM\nEPERM\nok\nEPERM\nEPERM\nok\nECONNREFUSED\nok\n"
			       "ECONNREFUSED\n", .denied = 6,
		       .control = CONTROL_OFF,
		       .control_leaves = "udp " LOCAL4 " 80 hello\nudp " METADATA4 " 80 hello\n"
					 "udp fe80::2 80 hello\nudp " METADATA4 " 80 hello\n"
					 "tcp " METADATA4 " 80 syn\ntcp fe80::2 80 syn\n*");
}

TEST_F(cell, broadcast)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 67, "udp"),
		       .steps = STEPS(UDP4, BROADCAST, "sendto 198.51.100.255 67",
				      "sendto 198.51.100.0 67",
				      text("set 0 50 000000%02x",	/* IP_UNICAST_IF in0 */
					   if_nametoindex("in0")),
				      "sendto 255.255.255.255 67"),
		       .says = "ok\nok\nEPERM\nEPERM\nok\nEPERM\n", .denied = 3,
		       .control = CONTROL_OFF,
		       .control_leaves = "udp 198.51.100.255 67 hello\n"
					 "udp 198.51.100.0 67 hello\n"
					 "udp 255.255.255.255 67 hello\n*");
}

/* A copy goes to members on the host itself, too. */
TEST_F(cell, multicast)
{
	int member = serve_host(SOCK_DGRAM, "224.0.0.251", 5353);
	const struct ip_mreqn group = {
		.imr_multiaddr = address_of("224.0.0.251", 0).v4.sin_addr,
		.imr_address = address_of(HOST4, 0).v4.sin_addr,
	};
	char buf[8];

	/* Nothing is to leave but what the cell sends: no report of the membership either. */
	sysctl_set("ipv4/igmp_link_local_mcast_reports", "0");
	ASSERT_EQ(0, setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)));
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 5353, "udp"),
		       .steps = STEPS(UDP4, "sendto 224.0.0.251 5353", "sendto 239.1.2.3 5353",
				      UDP6, "sendto ff02::fb%in0 5353",
				      "sendto ff0e::77%in0 5353"),
		       .says = "ok\nEPERM\nEPERM\nok\nEPERM\nEPERM\n", .denied = 4,
		       .control = CONTROL_OFF,
		       .control_leaves = "*udp 224.0.0.251 5353 hello\nudp 239.1.2.3 5353 hello\n"
					 "udp ff02::fb 5353 hello\nudp ff0e::77 5353 hello\n*");
	/* The one of the control. */
	EXPECT_EQ(5, recv(member, buf, sizeof(buf), 0));
	EXPECT_EQ(-1, recv(member, buf, sizeof(buf), 0));
}

TEST_F(cell, udp_socket_that_is_connected_again)
{
	/* Without a server the peer's errors would come between. */
	serve_world(&self->out, SOCK_DGRAM, 0, PEER4, 53);
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 53, "udp"),
		       .steps = STEPS(UDP4, "connect " PEER4 " 53", "send",
				      "connect " OTHER4 " 53", "send", "error",
				      "disconnect", "sendto " OTHER4 " 53",
				      "connect " PEER4 " 53", "send", "sendto " OTHER4 " 53"),
		       .says = "ok\nok\nok\nok\nEPERM\n@(0|EHOSTUNREACH)\n"
			       "ok\nEPERM\nok\nok\nEPERM\n", .denied = 3,
		       .leaves = "udp " PEER4 " 53 hello\nudp " PEER4 " 53 hello\n",
		       .control = CONTROL_OFF, .control_leaves = "*udp " OTHER4 " 53 hello\n*");
}

TEST_F(cell, sendmmsg_with_a_destination_for_each_message)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 53, "udp"),
		       .steps = STEPS(UDP4, "sendmmsg " PEER4 " 53 " OTHER4 " 53 " PEER4 " 53"),
		       .says = "ok\n1 -1 1 \n", .denied = 2,	/* the second was tried twice */
		       .leaves = "udp " PEER4 " 53 hello\nudp " PEER4 " 53 hello\n",
		       .control = CONTROL_OFF,
		       .control_leaves = "udp " PEER4 " 53 hello\nudp " OTHER4 " 53 hello\n"
					 "udp " PEER4 " 53 hello\n");
}

TEST_HARNESS_MAIN
