// SPDX-License-Identifier: MIT
/* Ways around the rules by sockets that are no TCP or UDP ones, or are not made by socket(2). */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "selftests/root/bypass_fixture.h"

/* What a family or a protocol is refused with, by a filter or for want of a capability. */
#define REFUSED		"@(EAFNOSUPPORT|EPROTONOSUPPORT|EPERM)\n"

/* Can root make such a socket here? */
static bool exists(int domain, int type, int protocol)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

	close(fd);
	return fd >= 0;
}

TEST_F(cell, packet_sockets)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp"),
		       .steps = STEPS("socket 17 3 0", "socket 17 2 0",
				      "socket 2 10 0",	/* AF_INET, SOCK_PACKET: the old way */
				      "socket 17 2 0", "frame in0"),
		       .says = REFUSED REFUSED REFUSED REFUSED "EBADF\n", .denied = 0,
		       .control = CONTROL_ROOT, .control_leaves = "ether 0x800 hello\n");
}

/* ---- protocols beside TCP and UDP ---- */

TEST_F(cell, raw_sockets)
{
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp"),
		       .steps = STEPS("socket 2 3 255", "socket 10 3 255",
				      "socket 2 3 17", "socket 10 3 17", "socket 10 3 58",
				      "socket 2 3 1", "echo 8 " OTHER4 " 0"),
		       .says = REFUSED REFUSED REFUSED REFUSED REFUSED REFUSED "EBADF\n",
		       .denied = 0,
		       .control = CONTROL_ROOT, .control_leaves = "icmp " OTHER4 " 8 hello\n");
}

#define RULE_ICMP(host, protocol)	"{'host': '" host "', 'protocol': '" protocol "'}"

TEST_F(cell, ping_sockets_without_a_rule_for_icmp)
{
	sysctl_set("ipv4/ping_group_range", "0 2147483647");
	EXPECT_ATTEMPT(.rules = RULE(OTHER4, 80, "tcp") ", " RULE(OTHER6, 80, "tcp"),
		       .steps = STEPS("socket 2 2 1", "echo 8 " OTHER4 " 0",
				      "socket 10 2 58", "echo 128 " OTHER6 " 0"),
		       .says = REFUSED "EBADF\n" REFUSED "EBADF\n", .denied = 0,
		       .control = CONTROL_RULES,
		       .control_rules = RULE_ICMP(OTHER4, "icmp") ", " RULE_ICMP(OTHER6, "icmpv6"),
		       .control_leaves = "icmp " OTHER4 " 8 hello\nicmpv6 " OTHER6 " 128 hello\n");
}

TEST_F(cell, pings_of_another_host_than_the_allowed_one)
{
	sysctl_set("ipv4/ping_group_range", "0 2147483647");
	EXPECT_ATTEMPT(.rules = RULE_ICMP(PEER4, "icmp") ", " RULE_ICMP(PEER6, "icmpv6"),
		       .steps = STEPS("socket 2 2 1", "echo 8 " OTHER4 " 0", "echo 8 " PEER4 " 0",
				      "socket 10 2 58", "echo 128 " OTHER6 " 0",
				      "echo 128 " PEER6 " 0"),
		       /* Of IPv6, the socket is not told. */
		       .says = "ok\nEPERM\nok\nok\n@(EPERM|ok)\nok\n", .denied = 2,
		       .leaves = "icmp " PEER4 " 8 hello\nicmpv6 " PEER6 " 128 hello\n",
		       .control = CONTROL_RULES,
		       .control_rules = RULE_ICMP(OTHER4, "icmp") ", " RULE_ICMP(OTHER6, "icmpv6"),
		       .control_leaves = "icmp " OTHER4 " 8 hello\nicmpv6 " OTHER6 " 128 hello\n");
}

TEST_F(cell, udp_lite)
{
	if (!exists(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE))
		SKIP(return, "no UDP-Lite in this kernel");
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 53, "udp") ", " RULE(PEER6, 53, "udp"),
		       .steps = STEPS("socket 2 2 136", "sendto " PEER4 " 53",
				      "socket 10 2 136", "sendto " PEER6 " 53"),
		       .says = REFUSED "EBADF\n" REFUSED "EBADF\n", .denied = 0,
		       .control = CONTROL_ROOT,
		       .control_leaves = "136 " PEER4 " 53 hello\n136 " PEER6 " 53 hello\n");
}

#define SCTP4	"socket 2 2049 132"	/* one that does not wait */

TEST_F(cell, sctp)
{
	if (!exists(AF_INET, SOCK_STREAM, IPPROTO_SCTP))
		SKIP(return, "no SCTP in this kernel");
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp") ", " RULE(PEER6, 80, "tcp"),
		       .steps = STEPS(SCTP4, "connect " PEER4 " 80",
				      "socket 10 2053 132", "sendto " PEER6 " 80"),
		       .says = REFUSED "EBADF\n" REFUSED "EBADF\n", .denied = 0,
		       .control = CONTROL_ROOT,
		       .control_leaves = "132 " PEER4 " 80\n*132 " PEER6 " 80\n*");
}

TEST_F(cell, sctp_to_another_host_than_the_allowed_one)
{
	if (!exists(AF_INET, SOCK_STREAM, IPPROTO_SCTP))
		SKIP(return, "no SCTP in this kernel");
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "sctp"),
		       .steps = STEPS(SCTP4, "connect " OTHER4 " 80"),
		       .says = "ok\nE*\n", .denied = 1, .denied_most = 10,
		       .control = CONTROL_RULES, .control_rules = RULE(OTHER4, 80, "sctp"),
		       .control_leaves = "132 " OTHER4 " 80\n*");
}

TEST_F(cell, dccp)
{
	if (!exists(AF_INET, SOCK_DCCP, IPPROTO_DCCP))
		SKIP(return, "no DCCP in this kernel");
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp"),
		       .steps = STEPS("socket 2 2054 33", "connect " PEER4 " 80"),
		       .says = REFUSED "EBADF\n", .denied = 0,
		       .control = CONTROL_ROOT, .control_leaves = "33 " PEER4 " 80*");
}

/* ---- Multipath TCP ---- */

#define MPTCP4	"socket 2 1 262"

TEST_F(cell, multipath_tcp)
{
	if (!exists(AF_INET, SOCK_STREAM, IPPROTO_MPTCP))
		SKIP(return, "no MPTCP in this kernel");
	EXPECT_ATTEMPT(.rules = RULE(PEER4, 80, "tcp"),
		       .steps = STEPS(MPTCP4, "connect " OTHER4 " 80",
				      "socket 10 1 262", "connect " OTHER6 " 80"),
		       .says = "ok\nECONNREFUSED\nok\nECONNREFUSED\n", .denied = 2,
		       .control = CONTROL_OFF,
		       .control_leaves = "tcp " OTHER4 " 80 syn\ntcp " OTHER6 " 80 syn\n");
}

/* How often the host has tried to reach the other address, before any rule of a cell. */
static bool has_tried(void)
{
	const char *const argv[] = { "nft", "list counter inet early tried", NULL };
	char *counter = command(argv);

	return counter && !strstr(counter, "packets 0 ");
}

static void watch_tries(void)
{
	const char *const argv[] = {
		"nft", "add table inet early; add chain inet early out "
		"{ type filter hook output priority -10; }; add counter inet early tried; "
		"add rule inet early out ip daddr " OTHER4 " counter name tried", NULL
	};

	if (!command(argv))
		give_up("nft");
}

/* Connects to the peer, whose kernel says that it has a second address. */
static const char *with_second_path(const struct outside *out, const char *rules)
{
	static const char *const steps[] = {
		MPTCP4, "connect " PEER4 " 80", "send", "ready", NULL
	};
	struct run run = attempt_run(out, "paths", rules, steps);

	departed(out);
	guest_start(out, &run, "paths");
	if (!WAIT_FOR(has_tried()))
		return "no second path was tried";
	guest_end(out, &run, "paths");
	return text("denied %" JSON_INTEGER_FORMAT "\n%s",
		    json_int_at(run.report, "/egress/denied/packets"), departed(out));
}

/* The kernel itself opens a second path later: on behalf of the cell, as the cell. */
TEST_F(cell, second_path_of_multipath_tcp)
{
	const char *seen;
	int server;

	if (!ip(&self->out, true, "mptcp limits set add_addr_accepted 2 subflows 2\n"
				  "mptcp endpoint add " OTHER4 " dev out0 signal\n") ||
	    !ip(&self->out, false, "mptcp limits set add_addr_accepted 2 subflows 2\n"))
		SKIP(return, "no MPTCP in this kernel, or in ip(8)");
	server = serve_world(&self->out, SOCK_STREAM, IPPROTO_MPTCP, PEER4, 80);
	watch_tries();
	seen = with_second_path(&self->out, RULE(PEER4, 80, "tcp"));
	EXPECT_EQ(NULL, strstr(seen, OTHER4)) TH_LOG("%s", seen);
	EXPECT_EQ(NULL, strstr(seen, "denied 0\n")) TH_LOG("%s", seen);
	EXPECT_NE(NULL, strstr(seen, "tcp " PEER4 " 80 syn\n")) TH_LOG("%s", seen);
	command((const char *const[]){ "nft", "flush ruleset", NULL });
	watch_tries();
	seen = with_second_path(&self->out, RULE(PEER4, 80, "tcp") ", " RULE(OTHER4, 80, "tcp"));
	EXPECT_NE(NULL, strstr(seen, "tcp " OTHER4 " 80 syn\n")) TH_LOG("%s", seen);
	close(server);
}

/* ---- not by socket(2) ---- */

TEST_F(cell, sockets_of_an_io_uring)
{
	EXPECT_ATTEMPT(.program = "workload_bypass_ring",
		       .steps = STEPS(OTHER4, "80"),
		       .says = "@(EPERM|ENOSYS)\n", .denied = 0,
		       .control = CONTROL_ROOT,
		       .control_leaves = "udp " OTHER4 " 80 hello\ntcp " OTHER4 " 80 syn\n");
}

/* ---- what the kernel itself sends ---- */

static bool has_left(const struct outside *out, const char *report)
{
	return strstr(departed(out), report) != NULL;
}

/* Memberships of the host, each with the beginning that all of this test have. */
static int memberships(void)
{
	char *four = file_read("/proc/net/igmp", NULL), *six = file_read("/proc/net/igmp6", NULL);
	int n = 0;

	if (!four || !six)
		give_up("/proc/net/igmp and igmp6");
	for (char *p = four; (p = strstr(p, "CDABEF")); p++)
		n++;
	for (char *p = six; (p = strstr(p, "ff0e00000000000000000000abcd")); p++)
		n++;
	return n;
}

#define GROUP4(last)	"efabcd" last
#define GROUP6(last)	"ff0e00000000000000000000abcd" "00" last

/* As sockaddr_storage of a group_req: family, port, address, and nothing. */
#define STORAGE4(address)	"02000000" address "%0240d"

/*
 * Who joins a group has the kernel tell all routers the group's address, up to 112
 * bits at the cell's choice, in a packet that belongs to no socket of the cell's.
 */
TEST_F(cell, groups_are_not_joined)
{
	unsigned int on = if_nametoindex("in0");
	const char *const *steps = STEPS(
		UDP4, "set 0 35 " GROUP4("01") "c6336401",	/* IP_ADD_MEMBERSHIP */
		"set 0 39 " GROUP4("02") "c6336401c6336403",	/* IP_ADD_SOURCE_MEMBERSHIP */
		text("set 0 42 %02x00000000000000" STORAGE4(GROUP4("03")), on, 0),
		text("set 0 46 %02x00000000000000" STORAGE4(GROUP4("04")) STORAGE4("c6336403"),
		     on, 0, 0),
		UDP6, text("set 41 20 " GROUP6("01") "%02x000000", on),	/* IPV6_JOIN_GROUP */
		text("set 41 42 %02x00000000000000" "0a00000000000000" GROUP6("02") "%0208d",
		     on, 0), "ready");
	struct run run = attempt_run(&self->out, "member", "", steps);
	char *program = text("%s/workload_bypass", self->env.workloads);
	pid_t pid;

	departed(&self->out);
	guest_start(&self->out, &run, "member");
	EXPECT_EQ(0, memberships());
	guest_end(&self->out, &run, "member");
	EXPECT_STREQ("", departed(&self->out));

	/* The same program, root's and in no cell. */
	pid = fork();
	if (pid == 0) {
		silence();
		execl(program, program, steps[0], steps[1], steps[2], steps[3], steps[4], steps[5],
		      steps[6], steps[7], steps[8], NULL);
		_exit(127);
	}
	EXPECT_TRUE(WAIT_FOR(memberships() == 6)) TH_LOG("%d", memberships());
	EXPECT_TRUE(WAIT_FOR(has_left(&self->out, "2 224.0.0.22 options\n")));
	kill(pid, SIGKILL);
}

TEST_F(cell, kernel_looks_up_no_names)
{
	struct run run = attempt_run(&self->out, "asker", "", STEPS("key secret.example"));

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(!strcmp("EPERM\n", run.out.bytes) || !strcmp("ENOSYS\n", run.out.bytes))
		TH_LOG("%s", run.out.bytes);
}

/* ---- changing the rules ---- */

static const char commands[] =
	"try() { $@ 2>/dev/null && echo ok || echo no; }; "
	"try nft add table inet bypass; try nft flush ruleset; "
	"try ip addr add 192.0.2.9/32 dev lo; try ip route add 192.0.2.0/24 dev in0; "
	"try ip link set in0 mtu 1400; exec %s/workload_net udp " OTHER4 " 80 1";

TEST_F(cell, netlink_changes_neither_rules_nor_addresses)
{
	char *script = text(commands, self->env.workloads);
	const char *const argv[] = { "sh", "-c", script, NULL };
	const char *before = host_snapshot(&self->env);
	struct run run = { .document = document_argv("netlink", "sh", "-c", script, NULL) };

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("no\nno\nno\nno\nno\nEPERM\n", run.out.bytes);
	EXPECT_EQ(1, json_int_at(run.report, "/egress/denied/packets"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
	EXPECT_STREQ("ok\nok\nok\nok\nok\nok\n", command(argv));
}

TEST_HARNESS_MAIN
