// SPDX-License-Identifier: MIT
/*
 * The tables. All that is not in them:
 *
 *  - System calls of another architecture than the helper's (i386 by int $0x80,
 *    x32) kill the process with SIGSYS: i386 makes sockets by socketcall(2), whose
 *    arguments lie in memory, where no filter can look.
 *  - What is not named passes: the table of closed calls is no baseline yet.
 */
#include "helper/seccomp_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/sctp.h>

#include "helper/seccomp.h"
#include "lib/cleanup.h"

/*
 * Packets of AF_PACKET and AF_XDP go past the output hook; AF_VSOCK, AF_TIPC,
 * AF_SMC, AF_BLUETOOTH and the like leave the host by other ways than IP; and
 * AF_ALG or AF_KEY are much kernel for little use.
 */
static const uint32_t families[] = {
	AF_UNIX,	/* no packets: a matter of file permissions */
	AF_INET,	/* see open_inet */
	AF_INET6,
	AF_NETLINK,	/* see open_netlink */
};

static const uint32_t pairs[] = {
	AF_UNIX,	/* no other that is open has pairs */
};

static const uint32_t netlink[] = {
	NETLINK_ROUTE,	/* what getifaddrs(3) and getaddrinfo(3) read; changes take a capability */
};

const struct open_numbers open_families = { families, ARRAY_SIZE(families) };
const struct open_numbers open_pairs = { pairs, ARRAY_SIZE(pairs) };
const struct open_numbers open_netlink = { netlink, ARRAY_SIZE(netlink) };

/*
 * SOCK_RAW is EPERM, as for a process without CAP_NET_RAW; all others are
 * EPROTONOSUPPORT: UDP-Lite and DCCP, which no rule can name; SMC, whose data
 * leaves by RDMA; what may still come.
 */
const struct inet_socket open_inet[] = {
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
	{ 0, 0, 0 },
};

/* But in a network namespace of the cell's own. */
#define CLOSED_OPTION(level, option)	\
	{ "setsockopt", EPERM, FILTER_OWN_NETNS, 2, { { 1, (level) }, { 2, (option) } } }

const struct closed_call closed_calls[] = {
	/* A ring makes sockets of any family and sets their options without system calls. */
	{ "io_uring_setup", EPERM, 0, 0, { { 0, 0 } } },
	{ "io_uring_enter", EPERM, 0, 0, { { 0, 0 } } },
	{ "io_uring_register", EPERM, 0, 0, { { 0, 0 } } },
	/*
	 * Two sockets on one port, one of the host's and one of a cell: nf_tables finds
	 * one of them only, but a broadcast or multicast datagram is given to both, and
	 * a unicast one to the cell alone if it came later. Programs set these options
	 * for good measure, so they are not refused.
	 */
	{ "setsockopt", 0, FILTER_OWN_NETNS, 2, { { 1, SOL_SOCKET }, { 2, SO_REUSEADDR } } },
	{ "setsockopt", 0, FILTER_OWN_NETNS, 2, { { 1, SOL_SOCKET }, { 2, SO_REUSEPORT } } },
	{ "setsockopt", 0, FILTER_OWN_NETNS, 2, { { 1, IPPROTO_SCTP }, { 2, SCTP_REUSE_PORT } } },
	/*
	 * For a membership the kernel itself sends IGMP and MLD reports, which are nobody's
	 * packets, with an address that the cell chooses.
	 */
	CLOSED_OPTION(IPPROTO_IP, IP_ADD_MEMBERSHIP),
	CLOSED_OPTION(IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP),
	CLOSED_OPTION(IPPROTO_IP, MCAST_JOIN_GROUP),
	CLOSED_OPTION(IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP),
	CLOSED_OPTION(IPPROTO_IP, IP_MSFILTER),
	CLOSED_OPTION(IPPROTO_IP, MCAST_MSFILTER),
	CLOSED_OPTION(IPPROTO_IPV6, IPV6_JOIN_GROUP),
	CLOSED_OPTION(IPPROTO_IPV6, IPV6_JOIN_ANYCAST),
	CLOSED_OPTION(IPPROTO_IPV6, MCAST_JOIN_GROUP),
	CLOSED_OPTION(IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP),
	CLOSED_OPTION(IPPROTO_IPV6, MCAST_MSFILTER),
	/* nf_tables does not find a socket of one device for a packet over another. */
	CLOSED_OPTION(SOL_SOCKET, SO_BINDTODEVICE),
	CLOSED_OPTION(SOL_SOCKET, SO_BINDTOIFINDEX),
	/* An address that is not the host's is where answers of the kernel would go. */
	CLOSED_OPTION(IPPROTO_IP, IP_FREEBIND),
	CLOSED_OPTION(IPPROTO_IPV6, IPV6_FREEBIND),
	/* "dns_resolver" has the kernel start a program of the host that asks for any name. */
	{ "request_key", EPERM, 0, 0, { { 0, 0 } } },
	{ "add_key", EPERM, 0, 0, { { 0, 0 } } },
	{ "keyctl", EPERM, 0, 0, { { 0, 0 } } },
	/* "smc" makes an SMC socket of a TCP one. Programs that want "tls" do without. */
	{ "setsockopt", ENOPROTOOPT, 0, 2, { { 1, SOL_TCP }, { 2, TCP_ULP } } },
	{ NULL, 0, 0, 0, { { 0, 0 } } },
};
