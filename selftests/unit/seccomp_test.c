// SPDX-License-Identifier: MIT
/*
 * The filters that helper/seccomp_gen.c made, each run by an interpreter of classic
 * BPF, against a plain statement of what is open. So it is also asked for what the
 * kernel of the test does not have, and for numbers that mean nothing yet.
 */
#include "helper/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>

#include "selftests/harness.h"
#include "selftests/unit/bpf_run.h"
#include "selftests/unit/seccomp_calls.h"

#define UPPER		(UINT64_C(1) << 32)	/* a bit that the kernel does not look at */
#define X32		0x40000000
#if defined(__x86_64__)
#define NATIVE		AUDIT_ARCH_X86_64
#else
#define NATIVE		AUDIT_ARCH_AARCH64
#endif
#define SCTP_REUSE	36			/* SCTP_REUSE_PORT */

/* What becomes of a call: OPEN, an errno (0: not done, and nothing said), or one of these. */
#define OPEN		-1
#define KILLED		-2
#define BROKEN		-3			/* a program that cannot be followed */

static int meaning(uint32_t value)
{
	switch (value & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return OPEN;
	case SECCOMP_RET_ERRNO:
		return (int)(value & SECCOMP_RET_DATA);
	case SECCOMP_RET_KILL_PROCESS:
		return KILLED;
	default:
		return BROKEN;
	}
}

static int run_filter(const struct sock_fprog *program, const struct seccomp_data *data)
{
	uint32_t value;

	return bpf_run(program, data, &value) ? meaning(value) : BROKEN;
}

/* ---- all variants ---- */

/* On an emulated machine each seventh: every bit of the numbers is among them. */
#define EACH_VARIANT(v)	\
	for (unsigned int v = 0; v < FILTER_VARIANTS; v += is_slow() ? 7 : 1)

static int ask(const struct sock_fprog *program, long call, uint64_t a, uint64_t b, uint64_t c)
{
	const struct seccomp_data data = {
		.nr = (int)call, .arch = NATIVE, .args = { a, b, c },
	};

	return run_filter(program, &data);
}

/* The statement, for arguments as the kernel takes them. */
static int stream_protocol(unsigned int variant, uint32_t protocol)
{
	bool open = protocol == 0 || protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ||
		    (protocol == IPPROTO_SCTP && variant & FILTER_SCTP);

	return open ? OPEN : EPROTONOSUPPORT;
}

static int datagram_protocol(unsigned int variant, uint32_t protocol)
{
	bool open = protocol == 0 || protocol == IPPROTO_UDP ||
		    (protocol == IPPROTO_ICMP && variant & FILTER_ICMP) ||
		    (protocol == IPPROTO_ICMPV6 && variant & FILTER_ICMPV6);

	return open ? OPEN : EPROTONOSUPPORT;
}

static int statement(unsigned int variant, uint32_t family, uint32_t type, uint32_t protocol)
{
	if (family == AF_UNIX)
		return OPEN;
	if (family == AF_NETLINK)
		return protocol == NETLINK_ROUTE ? OPEN : EPROTONOSUPPORT;
	if (family != AF_INET && family != AF_INET6)
		return EAFNOSUPPORT;
	switch (type & 0xf) {
	case SOCK_STREAM:
		return stream_protocol(variant, protocol);
	case SOCK_DGRAM:
		return datagram_protocol(variant, protocol);
	case SOCK_RAW:
		return EPERM;
	case SOCK_SEQPACKET:
		return variant & FILTER_SCTP && (protocol == 0 || protocol == IPPROTO_SCTP) ?
			OPEN : EPROTONOSUPPORT;
	default:
		return EPROTONOSUPPORT;
	}
}

/* Small numbers one by one, then the edges of all powers of two. */
static uint32_t number(unsigned int i, unsigned int small)
{
	if (i < small)
		return i;
	i -= small;
	return (UINT32_C(1) << i / 3) + i % 3 - 1;
}

#define NUMBERS(small)	((small) + 3 * 32)

static void expect_socket(struct __test_metadata *_metadata, unsigned int variant,
			  uint32_t family, uint32_t type, uint32_t protocol)
{
	const struct sock_fprog *program = &filter_programs[variant];
	int expected = statement(variant, family, type, protocol);

	if (ask(program, SYS_socket, family, type, protocol) != expected) {
		EXPECT_EQ(expected, ask(program, SYS_socket, family, type, protocol))
			TH_LOG("filter %u: socket(%u, %#x, %u)", variant, family, type, protocol);
	}
	if (expected == OPEN)
		return;
	/* What is closed is closed with rubbish above it, too. */
	for (unsigned int i = 1; i < 8; i++) {
		int got = ask(program, SYS_socket, family | (i & 1 ? UPPER : 0),
			      type | (i & 2 ? UPPER : 0), protocol | (i & 4 ? UPPER : 0));

		if (got <= 0) {
			EXPECT_GT(got, 0) TH_LOG("filter %u: socket(%u, %#x, %u), bits above: %u",
						 variant, family, type, protocol, i);
		}
	}
}

TEST(sockets_are_open_as_stated_and_no_other)
{
	static const uint32_t families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	static const uint32_t flags[] = { 0, SOCK_CLOEXEC, SOCK_NONBLOCK, 0x40000000 };

	EACH_VARIANT(v) {
		for (unsigned int i = 0; i < ARRAY_SIZE(families) * 16 * NUMBERS(300); i++) {
			uint32_t type = i / ARRAY_SIZE(families) % 16;

			expect_socket(_metadata, v, families[i % ARRAY_SIZE(families)],
				      type | flags[i % 5 % ARRAY_SIZE(flags)],
				      number(i / (ARRAY_SIZE(families) * 16), 300));
		}
	}
}

TEST(families_are_open_as_stated_and_no_other)
{
	EACH_VARIANT(v)
		for (unsigned int i = 0; i < NUMBERS(300); i++)
			for (uint32_t type = 0; type < 16; type++)
				expect_socket(_metadata, v, number(i, 300), type, 0);
}

TEST(pairs_are_of_unix_sockets_only)
{
	EACH_VARIANT(v) {
		for (unsigned int i = 0; i < NUMBERS(300); i++) {
			uint32_t family = number(i, 300);

			EXPECT_EQ(family == AF_UNIX ? OPEN : EAFNOSUPPORT,
				  ask(&filter_programs[v], SYS_socketpair, family, SOCK_STREAM, 0))
				TH_LOG("filter %u: family %u", v, family);
		}
	}
}

/* ---- other calls ---- */

static int option(const struct sock_fprog *program, uint64_t level, uint64_t name)
{
	return ask(program, SYS_setsockopt, 0, level, name);
}

TEST(options_that_share_a_port_do_nothing_but_in_a_network_of_its_own)
{
	static const uint32_t options[][2] = {
		{ SOL_SOCKET, SO_REUSEADDR }, { SOL_SOCKET, SO_REUSEPORT },
		{ IPPROTO_SCTP, SCTP_REUSE },
	};

	EACH_VARIANT(v) {
		const struct sock_fprog *program = &filter_programs[v];
		int expected = v & FILTER_OWN_NETNS ? OPEN : 0;

		for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
			uint64_t level = options[i][0], name = options[i][1];

			EXPECT_EQ(expected, option(program, level, name));
			EXPECT_EQ(expected, option(program, level | UPPER, name));
			EXPECT_EQ(expected, option(program, level, name | UPPER));
		}
	}
}

static bool is_closed(uint32_t level, uint32_t name)
{
	static const uint32_t options[][2] = {
		{ IPPROTO_IP, IP_ADD_MEMBERSHIP }, { IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP },
		{ IPPROTO_IP, MCAST_JOIN_GROUP }, { IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP },
		{ IPPROTO_IPV6, IPV6_JOIN_GROUP }, { IPPROTO_IPV6, IPV6_JOIN_ANYCAST },
		{ IPPROTO_IPV6, MCAST_JOIN_GROUP }, { IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP },
		{ IPPROTO_IP, IP_MSFILTER }, { IPPROTO_IP, MCAST_MSFILTER },
		{ IPPROTO_IPV6, MCAST_MSFILTER }, { SOL_SOCKET, SO_BINDTODEVICE },
		{ SOL_SOCKET, SO_BINDTOIFINDEX }, { IPPROTO_IP, IP_FREEBIND },
		{ IPPROTO_IPV6, IPV6_FREEBIND },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i][0] == level && options[i][1] == name)
			return true;
	return false;
}

TEST(options_that_reach_past_the_rules_are_open_only_in_a_network_of_its_own)
{
	EACH_VARIANT(v) {
		const struct sock_fprog *program = &filter_programs[v];
		int expected = v & FILTER_OWN_NETNS ? OPEN : EPERM;

		for (uint32_t level = 0; level < 300; level++) {
			for (uint32_t name = 0; name < 100; name++) {
				if (!is_closed(level, name))
					continue;
				EXPECT_EQ(expected, option(program, level, name));
				EXPECT_EQ(expected, option(program, level | UPPER, name | UPPER));
			}
		}
	}
}

TEST(no_other_option_is_touched_but_tcp_ulp)
{
	EACH_VARIANT(v) {
		const struct sock_fprog *program = &filter_programs[v];

		EXPECT_EQ(ENOPROTOOPT, option(program, SOL_TCP, TCP_ULP));
		EXPECT_EQ(ENOPROTOOPT, option(program, SOL_TCP | UPPER, TCP_ULP | UPPER));
		for (uint32_t level = 0; level < 300; level++) {
			for (uint32_t name = 0; name < 100; name++) {
				bool ours = (level == SOL_SOCKET && (name == SO_REUSEADDR ||
								     name == SO_REUSEPORT)) ||
					    (level == IPPROTO_SCTP && name == SCTP_REUSE) ||
					    (level == SOL_TCP && name == TCP_ULP);

				if (ours || is_closed(level, name))
					continue;
				EXPECT_EQ(OPEN, option(program, level, name))
					TH_LOG("filter %u: level %u, option %u", v, level, name);
			}
		}
	}
}

static bool is_in_force(const struct closed_row *row, unsigned int variant)
{
	if (row->host_ipc && variant & FILTER_OWN_IPC)
		return false;
	return row->floor || variant & FILTER_BASELINE;
}

/* The call that a row is about, with rubbish in all other arguments, and in the upper halves. */
static int ask_row(const struct sock_fprog *program, const struct closed_row *row, uint64_t rubbish)
{
	uint64_t args[3] = { rubbish, rubbish, rubbish };

	if (row->arg >= 0)
		args[row->arg] = row->value | (rubbish & ~(UPPER - 1));
	return ask(program, row->call, args[0], args[1], args[2]);
}

TEST(calls_fail_as_stated)
{
	static const uint64_t rubbish[] = { 0, UINT64_MAX, UPPER, 0x5555555555555555 };

	EACH_VARIANT(v) {
		for (size_t i = 0; i < ARRAY_SIZE(closed_rows) * ARRAY_SIZE(rubbish); i++) {
			const struct closed_row *row = &closed_rows[i / ARRAY_SIZE(rubbish)];
			int expected = is_in_force(row, v) ? row->errnum : OPEN;

			EXPECT_EQ(expected, ask_row(&filter_programs[v], row,
						    rubbish[i % ARRAY_SIZE(rubbish)]))
				TH_LOG("filter %u: %s", v, row->name);
		}
	}
}

/* What a number alone decides. */
static int by_number(unsigned int variant, long call)
{
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++)
		if (closed_rows[i].call == call && closed_rows[i].arg < 0)
			return is_in_force(&closed_rows[i], variant) ? closed_rows[i].errnum : OPEN;
	if (variant & FILTER_BASELINE &&
	    (call > NEWEST_CALL || (call >= GAP_BEGIN && call < GAP_END)))
		return ENOSYS;
	return OPEN;
}

static bool is_by_argument(long call)
{
	for (size_t i = 0; i < ARRAY_SIZE(closed_rows); i++)
		if (closed_rows[i].call == call && closed_rows[i].arg >= 0)
			return true;
	if (call == SYS_setrlimit || call == SYS_prlimit64)
		return true;
	return call == SYS_socket || call == SYS_socketpair || call == SYS_setsockopt;
}

TEST(no_other_call_is_touched)
{
	EACH_VARIANT(v) {
		for (long call = 0; call < 4096; call++) {
			if (is_by_argument(call))
				continue;
			EXPECT_EQ(by_number(v, call),
				  ask(&filter_programs[v], call, UINT64_MAX, 0, 1))
				TH_LOG("filter %u: call %ld", v, call);
		}
	}
}

/* The kernel takes the resource as an int, and the pointer whole. */
TEST(limit_of_core_dumps_stays_and_can_be_read)
{
	static const uint64_t pointers[] = { 1, UPPER, 0x7fffdead0000, UINT64_MAX, UPPER << 31 };

	for (unsigned int v = 0; v < FILTER_VARIANTS; v++) {
		const struct sock_fprog *program = &filter_programs[v];

		for (uint32_t resource = 0; resource < 64; resource++) {
			int expected = resource == RLIMIT_CORE ? 0 : OPEN;

			for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
				uint64_t limit = pointers[i];

				EXPECT_EQ(expected, ask(program, SYS_setrlimit, resource, limit, 0));
				EXPECT_EQ(expected, ask(program, SYS_setrlimit, resource | UPPER,
							limit, 0));
				EXPECT_EQ(expected, ask(program, SYS_prlimit64, limit, resource,
							limit));
				EXPECT_EQ(expected, ask(program, SYS_prlimit64, 0, resource | UPPER,
							limit));
			}
			EXPECT_EQ(OPEN, ask(program, SYS_prlimit64, 0, resource, 0));
			EXPECT_EQ(OPEN, ask(program, SYS_getrlimit, resource, UINT64_MAX, 0));
		}
	}
}

/* All combinations of flags that C libraries, Go and shells make threads and processes with. */
TEST(processes_and_threads_can_be_made)
{
	static const uint64_t flags[] = {
		SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD,
		CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD,
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
			CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_THREAD,
		CLONE_VFORK | CLONE_VM | CLONE_PIDFD | SIGCHLD,
		CLONE_PTRACE | CLONE_UNTRACED | CLONE_IO, CLONE_NEWTIME,
	};

	EACH_VARIANT(v) {
		const struct sock_fprog *program = &filter_programs[v];

		for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
			EXPECT_EQ(OPEN, ask(program, SYS_clone, flags[i], UINT64_MAX, UINT64_MAX));
			EXPECT_EQ(OPEN, ask(program, SYS_clone, flags[i] | UPPER, 0, 0));
		}
		EXPECT_EQ(OPEN, ask(program, SYS_unshare, CLONE_FS | CLONE_FILES, 0, 0));
		EXPECT_EQ(OPEN, ask(program, SYS_unshare, CLONE_SYSVSEM, UINT64_MAX, 0));
	}
}

TEST(other_requests_to_devices_are_not_touched)
{
	EACH_VARIANT(v) {
		for (uint64_t request = 0; request < 0x10000; request++) {
			if (request == TIOCSTI || request == TIOCLINUX || request == TIOCSETD)
				continue;
			EXPECT_EQ(OPEN, ask(&filter_programs[v], SYS_ioctl, TIOCSTI, request,
					    TIOCSTI));
		}
		EXPECT_EQ(OPEN, ask(&filter_programs[v], SYS_ioctl, 0, TIOCSTI | 0x10000, 0));
	}
}

/* A debugger in the cell makes it one by -1, to skip it. */
TEST(no_call_at_all_is_not_touched)
{
	EACH_VARIANT(v) {
		EXPECT_EQ(OPEN, ask(&filter_programs[v], -1, 0, 0, 0));
	}
}

TEST(calls_of_another_architecture_kill)
{
	static const uint32_t others[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_RISCV64, 0 };
	struct seccomp_data data = { 0 };

	EACH_VARIANT(v) {
		for (data.nr = 0; data.nr < 600; data.nr++) {
			for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
				data.arch = others[i];
				EXPECT_EQ(KILLED, run_filter(&filter_programs[v], &data));
			}
			if (NATIVE == AUDIT_ARCH_X86_64)
				EXPECT_EQ(KILLED, ask(&filter_programs[v], data.nr | X32, 0, 0, 0));
		}
	}
}

/* ---- of the host's uid 0 ---- */

TEST(uid_0_makes_no_unix_socket_that_reaches_others)
{
	for (uint32_t family = 0; family < 300; family++) {
		for (uint32_t type = 0; type < 16; type++) {
			uint64_t flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
			int socket = family == AF_UNIX ? EAFNOSUPPORT : OPEN;
			int pair = type == SOCK_STREAM || type == SOCK_SEQPACKET ? OPEN :
										   ESOCKTNOSUPPORT;

			EXPECT_EQ(socket, ask(&filter_no_unix, SYS_socket, family, type, 0));
			EXPECT_EQ(socket, ask(&filter_no_unix, SYS_socket, family | UPPER,
					      type | flags | UPPER, UINT64_MAX));
			EXPECT_EQ(pair, ask(&filter_no_unix, SYS_socketpair, family, type, 0));
			EXPECT_EQ(pair, ask(&filter_no_unix, SYS_socketpair, family | UPPER,
					    type | flags | UPPER, UINT64_MAX));
		}
	}
}

TEST(no_other_call_of_uid_0_is_touched)
{
	for (long call = -1; call < 4096; call++) {
		if (call == SYS_socket || call == SYS_socketpair)
			continue;
		EXPECT_EQ(OPEN, ask(&filter_no_unix, call, AF_UNIX, SOCK_DGRAM, 0));
	}
}

/* ---- which filter ---- */

TEST(rules_of_a_cell_choose_its_filter)
{
	struct egress_key keys[] = {
		{ .protocol = IPPROTO_TCP }, { .protocol = IPPROTO_UDP },
		{ .protocol = IPPROTO_SCTP }, { .protocol = IPPROTO_ICMP },
		{ .protocol = IPPROTO_ICMPV6 },
	};
	struct egress_policy policy = { .keys = keys };
	struct filter_needs needs = { .policy = &policy, .enforced = true };

	EXPECT_EQ(0, filter_variant(&needs));
	policy.n_keys = 2;
	EXPECT_EQ(0, filter_variant(&needs));
	policy.n_keys = 3;
	EXPECT_EQ(FILTER_SCTP, filter_variant(&needs));
	policy.n_keys = 5;
	EXPECT_EQ(FILTER_SCTP | FILTER_ICMP | FILTER_ICMPV6, filter_variant(&needs));
	policy.keys = &keys[3];
	policy.n_keys = 1;
	EXPECT_EQ(FILTER_ICMP, filter_variant(&needs));
	policy.keys = &keys[4];
	EXPECT_EQ(FILTER_ICMPV6, filter_variant(&needs));
	policy.n_keys = 0;
	needs.enforced = false;
	EXPECT_EQ(FILTER_SCTP | FILTER_ICMP | FILTER_ICMPV6, filter_variant(&needs));
}

TEST(namespaces_and_profile_choose_it_too)
{
	struct egress_policy policy = { .n_keys = 0 };

	EXPECT_EQ(FILTER_OWN_NETNS, filter_variant(&(struct filter_needs){
		.policy = &policy, .enforced = true, .own_netns = true }));
	EXPECT_EQ(FILTER_OWN_IPC, filter_variant(&(struct filter_needs){
		.policy = &policy, .enforced = true, .own_ipc = true }));
	EXPECT_EQ(FILTER_BASELINE, filter_variant(&(struct filter_needs){
		.policy = &policy, .enforced = true, .baseline = true }));
	EXPECT_EQ(FILTER_VARIANTS - 1, filter_variant(&(struct filter_needs){
		.own_netns = true, .own_ipc = true, .baseline = true }));
}

/* ---- the programs themselves ---- */

static bool can_be_written(const void *bytes, size_t size)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	/* The kernel writes, or says EFAULT. */
	bool written = read(fd, (void *)(uintptr_t)bytes, size) >= 0 || errno != EFAULT;

	close(fd);
	return written;
}

TEST(programs_cannot_be_written)
{
	char here = 0;

	ASSERT_TRUE(can_be_written(&here, sizeof(here)));
	EXPECT_FALSE(can_be_written(filter_programs, sizeof(filter_programs)));
	EXPECT_FALSE(can_be_written(filter_no_unix.filter,
				    filter_no_unix.len * sizeof(*filter_no_unix.filter)));
	for (unsigned int v = 0; v < FILTER_VARIANTS; v++) {
		const struct sock_fprog *program = &filter_programs[v];

		EXPECT_FALSE(can_be_written(program->filter,
					    program->len * sizeof(*program->filter)))
			TH_LOG("filter %u", v);
	}
}

/* In a process of its own: 0, or an errno. */
static int take_program(const struct sock_fprog *program)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0)
		return errno;
	return socket(AF_PACKET, SOCK_DGRAM, 0) < 0 && errno == EAFNOSUPPORT ? 0 : EPROTO;
}

TEST(kernel_takes_each_program)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		SKIP(return, "this kernel has no filters: CONFIG_SECCOMP_FILTER");
	for (unsigned int v = 0; v < FILTER_VARIANTS; v++) {
		pid_t pid = fork();
		int status = -1;

		if (pid == 0)
			_exit(take_program(&filter_programs[v]));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status) TH_LOG("filter %u", v);
	}
}

TEST_HARNESS_MAIN
