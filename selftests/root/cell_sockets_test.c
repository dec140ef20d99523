// SPDX-License-Identifier: MIT
/*
 * The filter of system calls, from inside a cell. What it closes is also asked for
 * outside, by the same program as an ordinary user: that is what a cell could do
 * without it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

#define OTHER_UID	12345
#define ARGS_MAX	256
#define UPPER		(1UL << 32)		/* a bit that the kernel does not look at */
#define NO_FAMILY	"EAFNOSUPPORT"
#define NO_PROTOCOL	"EPROTONOSUPPORT"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "sockets"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* ---- the program, inside and outside ---- */

/* A cell that runs the program with these words; @more: members of spec.run. */
static const char *in_cell_with(const struct test_env *env, const char *more, const char *rules,
				const char *words)
{
	char *list = text("%s", words);
	char *argv = text("'%s/workload_sockets'", env->workloads);
	char *save = NULL;

	for (char *word = strtok_r(list, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv = text("%s, '%s'", argv, word);
	return document("sockets", "'authority': {'egressRules': [%s]}, 'run': {'argv': [%s]%s}",
			rules, argv, more);
}

static const char *in_cell(const struct test_env *env, const char *rules, const char *words)
{
	return in_cell_with(env, "", rules, words);
}

static void become_user(void *arg)
{
	char *words = arg, *save = NULL;
	char *argv[ARGS_MAX] = { text("%s/workload_sockets", getenv("CELLOS_TESTDIR")) };
	int n = 1;

	if (setgroups(0, NULL) < 0 || setresgid(OTHER_UID, OTHER_UID, OTHER_UID) < 0 ||
	    setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
		_exit(97);
	for (char *word = strtok_r(words, " ", &save); word && n < ARGS_MAX - 1;
	     word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	execv(argv[0], argv);
}

/* The same without a cell. */
static struct run outside(const char *words)
{
	return (struct run){
		.verb = "list", .no_parent = true,
		.before_exec = become_user, .arg = text("%s", words),
	};
}

static bool is_line(const char *lines, unsigned int i, const char *line)
{
	for (; lines && i > 0; i--) {
		lines = strchr(lines, '\n');
		lines = lines ? lines + 1 : NULL;
	}
	return lines && !strncmp(lines, line, strlen(line)) && lines[strlen(line)] == '\n';
}

/* ---- sockets ---- */

static const struct wish {
	unsigned long family, type, protocol;
	const char *answer;
	const char *without;	/* what the filter changes; NULL: perhaps nothing */
} wishes[] = {
	{ AF_UNIX, SOCK_STREAM, 0, "open", NULL },
	{ AF_UNIX, SOCK_DGRAM, 0, "open", NULL },
	{ AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, "open", NULL },
	{ AF_INET, SOCK_STREAM, 0, "open", NULL },
	{ AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP, "open", NULL },
	{ AF_INET, SOCK_DGRAM, 0, "open", NULL },
	{ AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP, "open", NULL },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP, "open", NULL },
	{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, "open", NULL },
	{ AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE, "open", NULL },
	{ AF_INET, SOCK_STREAM, 256 /* SMC */, NO_PROTOCOL, NULL },
	{ AF_INET, SOCK_STREAM, IPPROTO_SCTP, NO_PROTOCOL, NULL },
	{ AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, NO_PROTOCOL, NULL },
	{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP, NO_PROTOCOL, "open" },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, NO_PROTOCOL, "open" },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, NO_PROTOCOL, NULL },
	{ AF_INET, SOCK_DCCP, IPPROTO_DCCP, NO_PROTOCOL, NULL },
	{ AF_INET, SOCK_RAW, IPPROTO_ICMP, "EPERM", NULL },
	{ AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW, "EPERM", NULL },
	{ AF_INET, SOCK_PACKET, 3, NO_PROTOCOL, "EPERM" },
	{ AF_PACKET, SOCK_RAW, 3, NO_FAMILY, "EPERM" },
	{ AF_PACKET | UPPER, SOCK_DGRAM | UPPER, 3 | UPPER, NO_FAMILY, "EPERM" },
	{ AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, NO_PROTOCOL, "open" },
	{ AF_NETLINK | UPPER, SOCK_RAW, NETLINK_NETFILTER, NO_PROTOCOL, "open" },
	{ AF_VSOCK, SOCK_STREAM, 0, NO_FAMILY, NULL },
	{ AF_XDP, SOCK_RAW, 0, NO_FAMILY, NULL },
	{ AF_SMC, SOCK_STREAM, 0, NO_FAMILY, NULL },
	{ UINT32_MAX, SOCK_STREAM, 0, NO_FAMILY, NULL },
};

static const char *all_wishes(void)
{
	const char *words = "socket";

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++)
		words = text("%s %lu %lu %lu", words, wishes[i].family, wishes[i].type,
			     wishes[i].protocol);
	return words;
}

static void allow_ping(void)
{
	if (file_write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647") < 0)
		give_up("ping_group_range");
}

static void expect_answer(struct __test_metadata *_metadata, const char *where, const char *out,
			  unsigned int i, const char *answer)
{
	EXPECT_TRUE(is_line(out, i, answer))
		TH_LOG("%s: socket(%#lx, %#lx, %#lx) is not %s", where, wishes[i].family,
		       wishes[i].type, wishes[i].protocol, answer);
}

TEST_F(cell, a_socket_that_the_rules_do_not_see_cannot_be_made)
{
	struct run inside = { .document = in_cell(&self->env, "", all_wishes()) };
	struct run plain = outside(all_wishes());

	allow_ping();
	ASSERT_EQ(0, run_whole(&self->env, &inside)) TH_LOG("%s", inside.err.bytes);
	ASSERT_EQ(0, run_whole(&self->env, &plain)) TH_LOG("%s", plain.err.bytes);
	for (unsigned int i = 0; i < ARRAY_SIZE(wishes); i++) {
		expect_answer(_metadata, "inside", inside.out.bytes, i, wishes[i].answer);
		if (wishes[i].without)
			expect_answer(_metadata, "outside", plain.out.bytes, i, wishes[i].without);
	}
}

TEST_F(cell, capabilities_of_its_own_namespaces_open_no_more)
{
	static const char mine[] = "own socket 17 3 3 2 3 1 16 3 12";	/* packet, raw, netfilter */
	static const char bare[] = ", 'isolation': {'seccomp': 'none'}";
	struct run inside = { .document = in_cell_with(&self->env, bare, "", mine) };
	struct run plain = outside(mine);

	if (run_whole(&self->env, &plain) != 0)
		SKIP(return, "this host lets no user make user namespaces (%s)",
		     strerrorname_np(plain.status));
	EXPECT_STREQ("open\nopen\nopen\n", plain.out.bytes);
	ASSERT_EQ(0, run_whole(&self->env, &inside)) TH_LOG("%s", inside.err.bytes);
	EXPECT_STREQ(NO_FAMILY "\nEPERM\n" NO_PROTOCOL "\n", inside.out.bytes);
}

TEST_F(cell, namespaces_of_its_own_take_a_profile_that_lets_it)
{
	struct run run = { .document = in_cell(&self->env, "", "own socket 1 1 0") };

	EXPECT_EQ(EPERM, run_whole(&self->env, &run)) TH_LOG("%s", run.out.bytes);
}

TEST_F(cell, pair_is_of_unix_sockets_only)
{
	struct run run = { .document = in_cell(&self->env, "", "pair 1 1 1 5 2 1 30 1 40 1") };

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("open\nopen\n" NO_FAMILY "\n" NO_FAMILY "\n" NO_FAMILY "\n", run.out.bytes);
}

/* Ping sockets of both families, then one for SCTP. */
#define BY_RULE	"socket 2 2 1 10 2 58 2 5 132"

static const struct {
	const char *args[2];
	const char *rules;
	bool icmp, icmpv6, sctp;
} openings[] = {
	{ { NULL }, "{'host': '127.0.0.1'}", false, false, false },
	{ { NULL }, "{'host': '192.0.2.1', 'protocol': 'icmp'}", true, false, false },
	{ { NULL }, "{'host': '2001:db8::/32', 'protocol': 'icmpv6'}", false, true, false },
	{ { NULL }, "{'host': '192.0.2.1', 'port': 7, 'protocol': 'sctp'}", false, false, true },
	{ { "--egress", "off" }, "", true, true, true },
};

TEST_F(cell, ping_and_sctp_sockets_take_a_rule_for_them)
{
	allow_ping();
	for (size_t i = 0; i < ARRAY_SIZE(openings); i++) {
		struct run run = {
			.document = in_cell(&self->env, openings[i].rules, BY_RULE),
			.args = { openings[i].args[0], openings[i].args[1] },
		};

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_TRUE(is_line(run.out.bytes, 0, openings[i].icmp ? "open" : NO_PROTOCOL))
			TH_LOG("%s: %s", openings[i].rules, run.out.bytes);
		EXPECT_TRUE(is_line(run.out.bytes, 1, openings[i].icmpv6 ? "open" : NO_PROTOCOL))
			TH_LOG("%s: %s", openings[i].rules, run.out.bytes);
		/* A kernel without SCTP says ESOCKTNOSUPPORT. */
		EXPECT_EQ(openings[i].sctp, !is_line(run.out.bytes, 2, NO_PROTOCOL))
			TH_LOG("%s: %s", openings[i].rules, run.out.bytes);
	}
}

TEST_F(cell, filter_stays_when_egress_is_off)
{
	struct run run = {
		.document = in_cell(&self->env, "", "socket 17 3 3 40 1 0 2 3 1"),
		.args = { "--egress", "off" },
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(NO_FAMILY "\n" NO_FAMILY "\nEPERM\n", run.out.bytes);
}

/* ---- other ways to a socket ---- */

TEST_F(cell, io_uring_is_closed)
{
	struct run inside = { .document = in_cell(&self->env, "", "ring all") };
	struct run plain = outside("ring all");

	ASSERT_EQ(0, run_whole(&self->env, &inside)) TH_LOG("%s", inside.err.bytes);
	EXPECT_STREQ("EPERM\nEPERM\nEPERM\n", inside.out.bytes);
	ASSERT_EQ(0, run_whole(&self->env, &plain)) TH_LOG("%s", plain.err.bytes);
	EXPECT_EQ(NULL, strstr(plain.out.bytes, "EPERM")) TH_LOG("%s", plain.out.bytes);
}

TEST_F(cell, tcp_socket_cannot_become_another)
{
	char *words = text("option %d %d", SOL_TCP, TCP_ULP);
	struct run inside = { .document = in_cell(&self->env, "", words) };
	struct run plain = outside(words);

	ASSERT_EQ(0, run_whole(&self->env, &inside)) TH_LOG("%s", inside.err.bytes);
	EXPECT_TRUE(is_line(inside.out.bytes, 0, "ENOPROTOOPT")) TH_LOG("%s", inside.out.bytes);
	ASSERT_EQ(0, run_whole(&self->env, &plain)) TH_LOG("%s", plain.err.bytes);
	EXPECT_FALSE(is_line(plain.out.bytes, 0, "ENOPROTOOPT")) TH_LOG("%s", plain.out.bytes);
}

static void expect_killed(struct __test_metadata *_metadata, const struct test_env *env,
			  const char *words)
{
	struct run run = { .document = in_cell(env, "", words) };

	EXPECT_EQ(128 + SIGSYS, run_whole(env, &run)) TH_LOG("%s: %s", words, run.out.bytes);
	EXPECT_STREQ("signaled", json_text_at(run.report, "/exit/kind"));
	EXPECT_STREQ("SIGSYS", json_text_at(run.report, "/exit/signalName"));
	EXPECT_STREQ("", run.out.bytes);
}

TEST_F(cell, call_of_another_architecture_ends_the_cell)
{
	struct run plain = outside("call i386");

	run_whole(&self->env, &plain);
	if (!strcmp(plain.out.bytes, "never heard of it\n"))
		SKIP(return, "this machine is no x86_64");
	expect_killed(_metadata, &self->env, "call x32");
	if (strcmp(plain.out.bytes, "ran\n"))
		SKIP(return, "this kernel has no i386 calls (CONFIG_IA32_EMULATION)");
	expect_killed(_metadata, &self->env, "call i386");
}

TEST_F(cell, filter_holds_for_all_that_a_workload_starts)
{
	struct run run = { .document = in_cell(&self->env, "", "fork all") };
	char *procs, *save = NULL;
	int n = 0;

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "sockets", "ready\n"), 0);
	procs = file_read(text("%s/cgroup.procs", cell_leaf(&self->env, "sockets")), NULL);
	for (char *pid = strtok_r(procs, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save), n++) {
		EXPECT_STREQ("2", proc_status((pid_t)strtol(pid, NULL, 10), "Seccomp"));
		EXPECT_STREQ("1", proc_status((pid_t)strtol(pid, NULL, 10), "Seccomp_filters"));
	}
	EXPECT_EQ(3, n);
	kill(run.pid, SIGTERM);
	run_finish(&run);
}

/* ---- ports of the host ---- */

#define PORT	7077

static const char *const shared_addresses[] = { "239.255.77.77", "127.255.255.255" };

/* A program of the host that lets others have its port, too; -1: it cannot have it. */
static int host_listener(const char *address)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const struct ip_mreq group = {
		.imr_multiaddr.s_addr = inet_addr(address),
		.imr_interface.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group));
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One datagram to all who listen at this address; did the host's socket get it? */
static bool host_hears(int listener, const char *address)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(PORT),
		.sin_addr.s_addr = inet_addr(address),
	};
	const struct in_addr loopback = { htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = listener, .events = POLLIN };
	char heard[16];

	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof(loopback));
	if (sendto(fd, "secret", 6, 0, (const struct sockaddr *)&to, sizeof(to)) != 6)
		give_up("a datagram to all");
	close(fd);
	return poll(&p, 1, 1000) == 1 && recv(listener, heard, sizeof(heard), 0) == 6;
}

/* What a program outside of a cell hears, whoever it is: so the tests below mean something. */
TEST_F(cell, another_user_can_listen_in_on_a_shared_port)
{
	for (size_t i = 0; i < ARRAY_SIZE(shared_addresses); i++) {
		struct run plain = outside(text("hear %s %d", shared_addresses[i], PORT));
		int listener = host_listener(shared_addresses[i]);

		ASSERT_GE(listener, 0);
		run_start(&self->env, &plain);
		ASSERT_TRUE(WAIT_FOR(strstr(run_out(&plain), "ready\n")));
		EXPECT_TRUE(host_hears(listener, shared_addresses[i]));
		run_finish(&plain);
		EXPECT_STREQ("open\nopen\nopen\nready\nheard secret\n", plain.out.bytes);
		close(listener);
	}
}

TEST_F(cell, no_cell_listens_in_on_a_port_of_the_host)
{
	for (size_t i = 0; i < ARRAY_SIZE(shared_addresses); i++) {
		const char *words = text("hear %s %d", shared_addresses[i], PORT);
		struct run run = { .document = in_cell(&self->env, "{'host': '127.0.0.0/8'}", words) };
		int listener = host_listener(shared_addresses[i]);

		ASSERT_GE(listener, 0);
		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("open\nopen\nEADDRINUSE\n", run.out.bytes);
		EXPECT_TRUE(host_hears(listener, shared_addresses[i]));
		close(listener);
	}
}

/* The other way round: whoever comes later is told, and shares nothing unawares. */
TEST_F(cell, no_program_of_the_host_shares_a_port_with_a_cell)
{
	const char *words = text("hear %s %d", shared_addresses[0], PORT);
	struct run run = { .document = in_cell(&self->env, "{'host': '127.0.0.0/8'}", words) };

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "sockets", "ready\n"), 0);
	EXPECT_EQ(-1, host_listener(shared_addresses[0]));
	EXPECT_EQ(EADDRINUSE, errno);
	kill(run.pid, SIGTERM);
	run_finish(&run);
}

TEST_F(cell, options_that_share_ports_do_nothing_and_others_work)
{
	char *words = text("option %d %d %d %d %d %d %d %lu", SOL_SOCKET, SO_REUSEADDR,
			   SOL_SOCKET, SO_REUSEPORT, SOL_SOCKET, SO_KEEPALIVE,
			   SOL_SOCKET, SO_REUSEADDR | UPPER);
	struct run inside = { .document = in_cell(&self->env, "", words) };
	struct run plain = outside(words);

	ASSERT_EQ(0, run_whole(&self->env, &inside)) TH_LOG("%s", inside.err.bytes);
	EXPECT_STREQ("open\n= 0\nopen\n= 0\nopen\n= 1\nopen\n= 0\n", inside.out.bytes);
	ASSERT_EQ(0, run_whole(&self->env, &plain)) TH_LOG("%s", plain.err.bytes);
	EXPECT_STREQ("open\n= 1\nopen\n= 1\nopen\n= 1\nopen\n= 1\n", plain.out.bytes);
	/* In a network of its own there is nobody to share with. */
	inside.args[0] = "--unshare=net";
	ASSERT_EQ(0, run_whole(&self->env, &inside)) TH_LOG("%s", inside.err.bytes);
	EXPECT_STREQ(plain.out.bytes, inside.out.bytes);
}

TEST_HARNESS_MAIN
