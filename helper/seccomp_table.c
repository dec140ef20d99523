// SPDX-License-Identifier: MIT
/*
 * The floor: what egress rules and an end without residue rest on. It is closed in
 * every cell, whatever its profile. All that is not in these tables:
 *
 *  - System calls of another architecture than the helper's (i386 by int $0x80,
 *    x32) kill the process with SIGSYS: i386 makes sockets by socketcall(2), whose
 *    arguments lie in memory, where no filter can look.
 *  - What is not named passes. seccomp_baseline.c names more.
 */
#include "helper/seccomp_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
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

#define RING	"makes sockets of any family, and sets their options, without system calls"
/*
 * Two sockets on one port, one of the host's and one of a cell: nf_tables finds
 * one of them only, but a broadcast or multicast datagram is given to both, and
 * a unicast one to the cell alone if it came later. Programs set these options
 * for good measure, so they are not refused.
 */
#define SHARES	"a datagram to a port that is shared goes to both, and one of them is judged"
/*
 * For a membership the kernel itself sends IGMP and MLD reports, which are nobody's
 * packets, with an address that the cell chooses.
 */
#define REPORTS	"the kernel sends reports of a membership, which are nobody's packets"
#define DEVICE	"nf_tables does not find a socket of one device for a packet over another"
#define FOREIGN	"an address that is not the host's is where answers of the kernel would go"
/* "dns_resolver" has the kernel start a program of the host that asks for any name. */
#define KEYS	"the kernel starts a program of the host to look a key up; a user's keys stay"
/*
 * It stays when the cell is gone, and its uid may come back. ENOSYS is what a kernel
 * without such objects says, for which programs (X clients) have another way, or a
 * message (PostgreSQL, fakeroot). A namespace of the cell's own takes them with it.
 */
#define STAYS	"makes an object that outlives all processes of the cell"
/* Ids are small numbers, and a uid that others have, too, may use what is theirs. */
#define OTHERS	"reaches the host's objects by a guessed id"

/*
 * Its child would be the helper's: one that the helper does not know, whose end it is told,
 * and that stays a zombie, for which the end of a pid namespace waits, until the helper goes.
 */
#define SIBLING	"makes a child of the helper's, which nobody reaps"
/* A terminal reaches a cell by --stdio inherit, and its other users do not know. */
#define TYPES	"types for whoever reads the terminal next"
/*
 * The limit that a cell is born with says whether the host's handler of core dumps, root
 * outside of the cell, is started on its memory: by 1 it is not, by 0 it is (core(5)). Who
 * lowers it means well or ill, and is told that it was done; reading it stays open.
 */
#define CORE	"a limit of 0 has the kernel start the host's handler of core dumps"

#define SHARED_OPTION(level, option)	OPTION(0, FILTER_OWN_NETNS, level, option, SHARES)
#define CLOSED_OPTION(level, option, why)	\
	OPTION(EPERM, FILTER_OWN_NETNS, level, option, why)

const struct closed_call closed_calls[] = {
	CALL("io_uring_setup", EPERM, RING),
	CALL("io_uring_enter", EPERM, RING),
	CALL("io_uring_register", EPERM, RING),
	SHARED_OPTION(SOL_SOCKET, SO_REUSEADDR),
	SHARED_OPTION(SOL_SOCKET, SO_REUSEPORT),
	SHARED_OPTION(IPPROTO_SCTP, SCTP_REUSE_PORT),
	CLOSED_OPTION(IPPROTO_IP, IP_ADD_MEMBERSHIP, REPORTS),
	CLOSED_OPTION(IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, REPORTS),
	CLOSED_OPTION(IPPROTO_IP, MCAST_JOIN_GROUP, REPORTS),
	CLOSED_OPTION(IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, REPORTS),
	CLOSED_OPTION(IPPROTO_IP, IP_MSFILTER, REPORTS),
	CLOSED_OPTION(IPPROTO_IP, MCAST_MSFILTER, REPORTS),
	CLOSED_OPTION(IPPROTO_IPV6, IPV6_JOIN_GROUP, REPORTS),
	CLOSED_OPTION(IPPROTO_IPV6, IPV6_JOIN_ANYCAST, REPORTS),
	CLOSED_OPTION(IPPROTO_IPV6, MCAST_JOIN_GROUP, REPORTS),
	CLOSED_OPTION(IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, REPORTS),
	CLOSED_OPTION(IPPROTO_IPV6, MCAST_MSFILTER, REPORTS),
	CLOSED_OPTION(SOL_SOCKET, SO_BINDTODEVICE, DEVICE),
	CLOSED_OPTION(SOL_SOCKET, SO_BINDTOIFINDEX, DEVICE),
	CLOSED_OPTION(IPPROTO_IP, IP_FREEBIND, FOREIGN),
	CLOSED_OPTION(IPPROTO_IPV6, IPV6_FREEBIND, FOREIGN),
	OPTION(ENOPROTOOPT, 0, SOL_TCP, TCP_ULP,
	       "\"smc\" makes an SMC socket of a TCP one; who wants \"tls\" does without"),
	CALL_BIT("clone", EPERM, 0, CLONE_PARENT, SIBLING),
	CALL("clone3", ENOSYS, "its flags, CLONE_PARENT among them, lie in memory; C libraries "
	     "go on with clone"),
	CALL_VALUE("ioctl", EPERM, 1, TIOCSTI, TYPES),
	CALL_VALUE("ioctl", EPERM, 1, TIOCLINUX, "pastes a selection: types, on a console"),
	CALL("request_key", EPERM, KEYS),
	CALL("add_key", EPERM, KEYS),
	CALL("keyctl", EPERM, KEYS),
	CALL_VALUE("setrlimit", 0, 0, RLIMIT_CORE, CORE),
	CALL_POINTER("prlimit64", 0, 1, RLIMIT_CORE, 2, CORE),
	CALL_UNLESS("shmget", ENOSYS, FILTER_OWN_IPC, STAYS),
	CALL_UNLESS("semget", ENOSYS, FILTER_OWN_IPC, STAYS),
	CALL_UNLESS("msgget", ENOSYS, FILTER_OWN_IPC, STAYS),
	CALL_UNLESS("mq_open", ENOSYS, FILTER_OWN_IPC, STAYS),
	CALL_UNLESS("shmat", ENOSYS, FILTER_OWN_IPC, OTHERS),
	CALL_UNLESS("shmctl", ENOSYS, FILTER_OWN_IPC, OTHERS),
	CALL_UNLESS("semop", ENOSYS, FILTER_OWN_IPC, OTHERS),
	CALL_UNLESS("semtimedop", ENOSYS, FILTER_OWN_IPC, OTHERS),
	CALL_UNLESS("semctl", ENOSYS, FILTER_OWN_IPC, OTHERS),
	CALL_UNLESS("msgsnd", ENOSYS, FILTER_OWN_IPC, OTHERS),
	CALL_UNLESS("msgrcv", ENOSYS, FILTER_OWN_IPC, OTHERS),
	CALL_UNLESS("msgctl", ENOSYS, FILTER_OWN_IPC, OTHERS),
	LAST_CALL_ROW,
};
