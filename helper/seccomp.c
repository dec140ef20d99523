// SPDX-License-Identifier: MIT
/*
 * Two tables, and their translation by libseccomp. All that is not in them:
 *
 *  - System calls of another architecture than the helper's (i386 by int $0x80,
 *    x32) kill the process with SIGSYS: i386 makes sockets by socketcall(2), whose
 *    arguments lie in memory, where no filter can look.
 *  - What is not named passes: the table of closed calls is no baseline yet.
 *
 * The kernel takes these arguments as int, a filter sees 64 bits. Each comparison
 * below either masks the upper half out, or takes any bit in it for a value that
 * is not open: nothing slips by.
 */
#include "helper/seccomp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/sctp.h>
#include <linux/seccomp.h>

#include "lib/cleanup.h"

/*
 * The families that are open; all others are EAFNOSUPPORT. Packets of AF_PACKET
 * and AF_XDP go past the output hook; AF_VSOCK, AF_TIPC, AF_SMC, AF_BLUETOOTH and
 * the like leave the host by other ways than IP; and AF_ALG or AF_KEY are much
 * kernel for little use. In order of their numbers.
 */
static const uint32_t open_families[] = {
	AF_UNIX,	/* no packets: a matter of file permissions */
	AF_INET,	/* see open_inet */
	AF_INET6,
	AF_NETLINK,	/* see open_netlink */
};

/* Protocols of AF_NETLINK; all others are EPROTONOSUPPORT. */
static const uint32_t open_netlink[] = {
	NETLINK_ROUTE,	/* what getifaddrs(3) and getaddrinfo(3) read; changes take a capability */
};

/*
 * Sockets of AF_INET and AF_INET6. SOCK_RAW is EPERM, as for a process without
 * CAP_NET_RAW; all others are EPROTONOSUPPORT: UDP-Lite and DCCP, which no rule
 * can name; SMC, whose data leaves by RDMA; what may still come. In order of the
 * protocols' numbers.
 */
static const struct inet_socket {
	uint32_t type;
	uint32_t protocol;
	unsigned int needs;	/* FILTER_* */
} open_inet[] = {
	{ SOCK_STREAM, 0, 0 },			/* 0: TCP */
	{ SOCK_STREAM, IPPROTO_TCP, 0 },	/* what rules are about */
	{ SOCK_STREAM, IPPROTO_SCTP, FILTER_SCTP },
	{ SOCK_STREAM, IPPROTO_MPTCP, 0 },	/* TCP; its subflows have the socket's cgroup */
	{ SOCK_DGRAM, 0, 0 },			/* 0: UDP */
	/*
	 * Ping sockets. What is inbound finds them by a number that two of them can
	 * share, which nf_tables does not look up: only for who may ping at all.
	 */
	{ SOCK_DGRAM, IPPROTO_ICMP, FILTER_ICMP },
	{ SOCK_DGRAM, IPPROTO_UDP, 0 },		/* what rules are about */
	{ SOCK_DGRAM, IPPROTO_ICMPV6, FILTER_ICMPV6 },
	/* nf_tables does not look up who receives SCTP, so: only for who may send it. */
	{ SOCK_SEQPACKET, 0, FILTER_SCTP },	/* 0: SCTP */
	{ SOCK_SEQPACKET, IPPROTO_SCTP, FILTER_SCTP },
};

/* Families of socketpair(2); all others are EAFNOSUPPORT. */
static const uint32_t open_pairs[] = {
	AF_UNIX,	/* no other that is open has pairs */
};

struct filters {
	struct sock_fprog programs[FILTER_VARIANTS];
};

#define ARGS_MAX	2

/*
 * System calls that are closed, whole or for some values of their arguments.
 * @errnum 0: the call says that it was done, and nothing was.
 */
static const struct closed_call {
	int call;
	int errnum;
	unsigned int unless;	/* FILTER_* */
	unsigned int n_args;
	struct {
		unsigned int number;
		uint32_t value;
	} args[ARGS_MAX];
} closed_calls[] = {
	/* A ring makes sockets of any family and sets their options without system calls. */
	{ SCMP_SYS(io_uring_setup), EPERM, 0, 0, { { 0, 0 } } },
	{ SCMP_SYS(io_uring_enter), EPERM, 0, 0, { { 0, 0 } } },
	{ SCMP_SYS(io_uring_register), EPERM, 0, 0, { { 0, 0 } } },
	/*
	 * Two sockets on one port, one of the host's and one of a cell: nf_tables finds
	 * one of them only, but a broadcast or multicast datagram is given to both, and
	 * a unicast one to the cell alone if it came later. Programs set these options
	 * for good measure, so they are not refused.
	 */
	{ SCMP_SYS(setsockopt), 0, FILTER_OWN_NETNS, 2, { { 1, SOL_SOCKET }, { 2, SO_REUSEADDR } } },
	{ SCMP_SYS(setsockopt), 0, FILTER_OWN_NETNS, 2, { { 1, SOL_SOCKET }, { 2, SO_REUSEPORT } } },
	{ SCMP_SYS(setsockopt), 0, FILTER_OWN_NETNS, 2, { { 1, IPPROTO_SCTP }, { 2, SCTP_REUSE_PORT } } },
	/* "smc" makes an SMC socket of a TCP one. Programs that want "tls" do without. */
	{ SCMP_SYS(setsockopt), ENOPROTOOPT, 0, 2, { { 1, SOL_TCP }, { 2, TCP_ULP } } },
};

DEFINE_FREE(ctx, scmp_filter_ctx, if (*p) seccomp_release(*p))

/* A rule to be: @n comparisons of @call's arguments, to which one more may be added. */
struct rule {
	scmp_filter_ctx ctx;
	int call;
	int errnum;
	unsigned int n;
	struct scmp_arg_cmp cmp[3];
};

#define WHOLE	UINT32_MAX	/* all bits of an int */
#define TYPE	UINT32_C(0xf)	/* socket(2): the bits above it are flags */

/* These bits of this argument, and no other, have this value. */
static void rule_and(struct rule *rule, unsigned int arg, uint32_t bits, uint32_t value)
{
	rule->cmp[rule->n++] = SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bits, value);
}

static int rule_close(const struct rule *rule)
{
	return seccomp_rule_add_array(rule->ctx, SCMP_ACT_ERRNO((uint32_t)rule->errnum),
				      rule->call, rule->n, rule->cmp);
}

/*
 * Closes the values of an argument from @value to just before @end. A rule can
 * ask once for each argument, and not for a range: so blocks of 2^n, each aligned.
 */
static int close_values(const struct rule *base, unsigned int arg, uint32_t bits,
			uint32_t value, uint32_t end)
{
	int ret = 0;

	while (value < end && ret == 0) {
		struct rule rule = *base;
		uint32_t size = 1;

		while (!(value & size) && size <= (end - value) / 2)
			size *= 2;
		rule_and(&rule, arg, bits & ~(size - 1), value);
		ret = rule_close(&rule);
		value += size;
	}
	return ret;
}

/* Closes all values of an argument but the @n in @open, which are in order. */
static int close_all_but(const struct rule *base, unsigned int arg, uint32_t bits,
			 const uint32_t *open, unsigned int n)
{
	struct rule rest = *base;
	uint32_t next = 0;
	int ret = 0;

	for (unsigned int i = 0; i < n && ret == 0; i++) {
		ret = close_values(base, arg, bits, next, open[i]);
		next = open[i] + 1;
	}
	if (ret == 0 && bits != WHOLE)
		return close_values(base, arg, bits, next, bits + 1);
	/* Here a bit of the upper half counts: more than the kernel asks, but never less. */
	rest.cmp[rest.n++] = SCMP_CMP64(arg, SCMP_CMP_GE, next, 0);
	return ret < 0 ? ret : rule_close(&rest);
}

/* The protocols that are open for one type of AF_INET and AF_INET6 sockets. */
static unsigned int protocols_of(uint32_t type, unsigned int variant, uint32_t *ret)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(open_inet); i++)
		if (open_inet[i].type == type && !(open_inet[i].needs & ~variant))
			ret[n++] = open_inet[i].protocol;
	return n;
}

static int close_inet(scmp_filter_ctx ctx, unsigned int variant)
{
	static const uint32_t types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
	struct rule inet = { ctx, SCMP_SYS(socket), EPROTONOSUPPORT, 0, { { 0 } } };
	struct rule raw;
	int ret;

	/* Both families at once: their numbers differ in one bit. */
	_Static_assert(((AF_INET ^ AF_INET6) & ((AF_INET ^ AF_INET6) - 1)) == 0, "one bit");
	rule_and(&inet, 0, WHOLE & ~(uint32_t)(AF_INET ^ AF_INET6), AF_INET & AF_INET6);
	raw = inet;
	raw.errnum = EPERM;
	rule_and(&raw, 1, TYPE, SOCK_RAW);
	ret = rule_close(&raw);
	if (ret == 0)
		ret = close_all_but(&inet, 1, TYPE, types, ARRAY_SIZE(types));
	for (size_t i = 0; i < ARRAY_SIZE(types) && ret == 0; i++) {
		uint32_t open[ARRAY_SIZE(open_inet)];
		struct rule one = inet;

		if (types[i] == SOCK_RAW)
			continue;
		rule_and(&one, 1, TYPE, types[i]);
		ret = close_all_but(&one, 2, WHOLE, open,
				    protocols_of(types[i], variant, open));
	}
	return ret;
}

static int close_sockets(scmp_filter_ctx ctx, unsigned int variant)
{
	const struct rule family = { ctx, SCMP_SYS(socket), EAFNOSUPPORT, 0, { { 0 } } };
	const struct rule pair = { ctx, SCMP_SYS(socketpair), EAFNOSUPPORT, 0, { { 0 } } };
	struct rule netlink = { ctx, SCMP_SYS(socket), EPROTONOSUPPORT, 0, { { 0 } } };
	int ret;

	rule_and(&netlink, 0, WHOLE, AF_NETLINK);
	ret = close_all_but(&family, 0, WHOLE, open_families, ARRAY_SIZE(open_families));
	if (ret == 0)
		ret = close_inet(ctx, variant);
	if (ret == 0)
		ret = close_all_but(&netlink, 2, WHOLE, open_netlink, ARRAY_SIZE(open_netlink));
	if (ret == 0)
		ret = close_all_but(&pair, 0, WHOLE, open_pairs, ARRAY_SIZE(open_pairs));
	return ret;
}

static int close_calls(scmp_filter_ctx ctx, unsigned int variant)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(closed_calls) && ret == 0; i++) {
		const struct closed_call *closed = &closed_calls[i];
		struct rule rule = { ctx, closed->call, closed->errnum, 0, { { 0 } } };

		if (closed->unless & variant)
			continue;
		for (unsigned int k = 0; k < closed->n_args; k++)
			rule_and(&rule, closed->args[k].number, WHOLE, closed->args[k].value);
		ret = rule_close(&rule);
	}
	return ret;
}

/* This version of libseccomp gives its program to a file only. */
static int export_program(scmp_filter_ctx ctx, struct sock_fprog *ret)
{
	int fd __free(fd) = memfd_create("filter", MFD_CLOEXEC);
	int status = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
	off_t size = status < 0 ? 0 : lseek(fd, 0, SEEK_END);
	void *bytes __free(mem) = NULL;

	if (status < 0 || size < 0)
		return status < 0 ? status : -errno;
	bytes = malloc((size_t)size);
	if (!bytes)
		return -ENOMEM;
	if (pread(fd, bytes, (size_t)size, 0) != size)
		return -EIO;
	ret->len = (unsigned short)((size_t)size / sizeof(*ret->filter));
	ret->filter = take_ptr(bytes);
	return 0;
}

static int build(unsigned int variant, struct sock_fprog *ret)
{
	scmp_filter_ctx ctx __free(ctx) = seccomp_init(SCMP_ACT_ALLOW);
	int status;

	if (!ctx)
		return -ENOMEM;
	status = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (status == 0)
		status = close_sockets(ctx, variant);
	if (status == 0)
		status = close_calls(ctx, variant);
	return status < 0 ? status : export_program(ctx, ret);
}

#define REMEDY	"a kernel with CONFIG_SECCOMP_FILTER; a filter around the helper may forbid more"

int filter_available(struct error *err)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	int errnum;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return 0;
	errnum = errno;
	err_set(err, "seccomp", errnum, "this kernel cannot filter system calls");
	err_hint(err, REMEDY);
	return -errnum;
}

unsigned int filter_variant(const struct egress_policy *policy, bool enforced)
{
	unsigned int variant = 0;

	if (!enforced)
		return FILTER_SCTP | FILTER_ICMP | FILTER_ICMPV6;
	for (unsigned int i = 0; i < policy->n_keys; i++) {
		uint8_t protocol = policy->keys[i].protocol;

		variant |= protocol == IPPROTO_SCTP ? FILTER_SCTP : 0;
		variant |= protocol == IPPROTO_ICMP ? FILTER_ICMP : 0;
		variant |= protocol == IPPROTO_ICMPV6 ? FILTER_ICMPV6 : 0;
	}
	return variant;
}

int filter_get(struct filters **filters, unsigned int variant, const struct sock_fprog **ret,
	       struct error *err)
{
	struct filters *all = *filters ?: calloc(1, sizeof(*all));
	int status = all ? 0 : -ENOMEM;

	*filters = all;
	if (status == 0 && !all->programs[variant].filter)
		status = build(variant, &all->programs[variant]);
	if (status < 0)
		return err_set(err, "seccomp", status, "cannot build the filter of system calls");
	*ret = &all->programs[variant];
	return 0;
}

void filters_done(struct filters **filters)
{
	for (size_t i = 0; *filters && i < FILTER_VARIANTS; i++)
		free((*filters)->programs[i].filter);
	free(*filters);
	*filters = NULL;
}

/* In a process of its own: 0, or the errno of what is not as it has to be. */
static int try_filter(const struct sock_fprog *program)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0)
		return errno;
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0)
		return errno;
	return socket(AF_PACKET, SOCK_DGRAM, 0) < 0 && errno == EAFNOSUPPORT ? 0 : EPROTO;
}

int filter_probe(struct error *err)
{
	const struct sock_fprog *program = NULL;
	struct filters *filters = NULL;
	int status = 0, ret = filter_available(err);
	pid_t pid;

	if (ret == 0)
		ret = filter_get(&filters, 0, &program, err);
	if (ret < 0)
		return ret;
	pid = fork();
	if (pid == 0)
		_exit(try_filter(program));
	filters_done(&filters);
	if (pid < 0)
		return err_set(err, "seccomp", errno, "cannot try a filter");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	ret = WIFEXITED(status) ? WEXITSTATUS(status) : EPROTO;
	err_set(err, "seccomp", ret, "a filter of sockets does not work");
	err_hint(err, REMEDY);
	return -ret;
}
