// SPDX-License-Identifier: MIT
/*
 * A cell that sends from an address which is not the host's. An answer of the
 * kernel's to what is refused would quote the packet to that address: it must not
 * be made.
 */
#include "selftests/root/bypass_fixture.h"

/* IP_FREEBIND is closed to a cell; a host that says so lets everybody bind to anything. */
static void open_all_addresses(void)
{
	sysctl_set("ipv4/ip_nonlocal_bind", "1");
	sysctl_set("ipv6/ip_nonlocal_bind", "1");
}

/* From the other one to the peer; the connect does not wait. */
#define FROM4	UDP4, "bind " OTHER4 " 4242", "sendto " PEER4 " 9",	\
		"socket 2 2049 0", "bind " OTHER4 " 4242", "connect " PEER4 " 9"
#define FROM6	UDP6, "bind " OTHER6 " 4242", "sendto " PEER6 " 9",	\
		"socket 10 2049 0", "bind " OTHER6 " 4242", "connect " PEER6 " 9"

/* IPv4 finds no route from there by itself: so the control sends nothing, either. */
TEST_F(cell, source_that_is_not_the_hosts)
{
	open_all_addresses();
	EXPECT_ATTEMPT(.steps = STEPS(FROM4),
		       .says = "ok\nok\nE@(NETUNREACH|INVAL)\nok\nok\nE@(NETUNREACH|INVAL)\n",
		       .control = CONTROL_OFF, .control_leaves = "");
}

TEST_F(cell, source_of_ipv6_that_is_not_the_hosts)
{
	open_all_addresses();
	EXPECT_ATTEMPT(.steps = STEPS(FROM6),
		       .says = "ok\nok\nEPERM\nok\nok\nEINPROGRESS\n", .denied = 2,
		       .control = CONTROL_OFF,
		       .control_leaves = "udp " PEER6 " 9 hello\ntcp " PEER6 " 9 syn\n");
}

/* To a port beside those of the rule. */
TEST_F(cell, source_of_ipv6_that_is_not_the_hosts_beside_a_rule)
{
	open_all_addresses();
	EXPECT_ATTEMPT(.rules = RULE(PEER6, 10, "udp") ", " RULE(PEER6, 10, "tcp"),
		       .steps = STEPS(FROM6),
		       .says = "ok\nok\nEPERM\nok\nok\nEINPROGRESS\n", .denied = 2,
		       .control = CONTROL_OFF,
		       .control_leaves = "udp " PEER6 " 9 hello\ntcp " PEER6 " 9 syn\n");
}

/* The same is asked for by an option of the socket: IP_FREEBIND, IPV6_FREEBIND. */
TEST_F(cell, options_for_a_source_that_is_not_the_hosts)
{
	EXPECT_ATTEMPT(.steps = STEPS(UDP4, "set 0 15 01000000", "bind " OTHER4 " 4242",
				      UDP6, "set 0 15 01000000", "set 41 78 01000000",
				      "bind " OTHER6 " 4242", "sendto " PEER6 " 9"),
		       .says = "ok\nEPERM\nEADDRNOTAVAIL\nok\nEPERM\nEPERM\nEADDRNOTAVAIL\nEPERM\n",
		       .denied = 1,
		       .control = CONTROL_OFF, .control_leaves = "udp " PEER6 " 9 hello\n");
}

/* SO_BINDTOIFINDEX; by its name: bypass_header_test.c, bound_to_a_device. */
TEST_F(cell, bound_to_the_index_of_a_device)
{
	EXPECT_ATTEMPT(.steps = STEPS(UDP4, text("set 1 62 %02x000000", if_nametoindex("in0")),
				      "sendto 127.0.0.1 80"),
		       .says = "ok\nEPERM\nEPERM\n", .denied = 1, .control = CONTROL_ROOT,
		       .control_leaves = "udp 127.0.0.1 80 hello\n");
}

TEST_HARNESS_MAIN
