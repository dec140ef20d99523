/* SPDX-License-Identifier: MIT */
/*
 * The bypass suite: a program in a cell tries to reach what its rules do not
 * allow, or an outsider tries to reach the cell. A witness that is no part of the
 * cell, a tap on each device of the host, says what has left; for what comes in,
 * the cell itself says what it has got. Each attempt has a control that shows the
 * same to succeed where nothing forbids it; a comment says why if there is none.
 *
 * An attempt			is made by (bypass_NAME_test.c; the test)
 * UDP/443 beside TCP/443	address: udp_443_beside_a_rule_for_tcp_443
 * ::ffff:a.b.c.d		address: ipv4_address_written_as_an_ipv6_one
 * 0.0.0.0, 127.0.0.2, ...	address: loopback_by_its_other_names, zero_address_...
 * link-local, 169.254.169.254	address: link_local_and_metadata_addresses
 * broadcast, multicast		address: broadcast, multicast; socket: groups_are_not_joined
 * UDP that connects again	address: udp_socket_that_is_connected_again
 * sendmmsg			address: sendmmsg_with_a_destination_for_each_message
 * source routes, IP options	header: source_route_..., other_options_of_ipv4
 * routing headers of IPv6	header: routing_header_..., older_routing_headers
 * other extension headers	header: extension_headers_need_a_capability
 * fragments that leave		header: fragments_of_ipv4, fragments_of_ipv6
 * TCP fast open		header: fast_open
 * SO_MARK, IP_TRANSPARENT	header: options_that_mark_or_move_packets_...
 * SO_BINDTODEVICE, IP_PKTINFO	header: bound_to_a_device, loopback_address_by_way_of_...
 * AF_PACKET			socket: packet_sockets
 * AF_VSOCK, SMC, other families, netlink beside routes, 32-bit system calls,
 *   ports shared with the host	cell_sockets_test.c
 * raw sockets			socket: raw_sockets
 * ping sockets			socket: ping_sockets_..., pings_of_another_host_...
 * UDP-Lite, SCTP, DCCP		socket: udp_lite, sctp, dccp
 * MPTCP			socket: multipath_tcp, second_path_of_multipath_tcp
 * io_uring			socket: sockets_of_an_io_uring
 * netlink changes rules	socket: netlink_changes_neither_rules_nor_addresses
 * upcalls of the kernel	socket: kernel_looks_up_no_names
 * double fork, setsid		process: grandchild_with_a_session_of_its_own
 * cgroups of the cell's own	process: workload_cannot_make_a_cgroup_of_its_own;
 *				others' cgroups: cell_escape_test.c
 * a move to a cgroup below	process: sockets_made_before_and_after_a_move_...
 * inherited sockets		process: socket_that_the_helper_was_started_with,
 *				socket_as_the_callers_stdin_is_refused
 * sockets by SCM_RIGHTS	process: socket_that_an_outsider_passes_..., socket_from_...
 * daemons that relay		process: daemon_with_...
 * ptrace of another cell	cell_escape_test.c: workload_cannot_touch_its_sibling_...
 * the very first packet	egress_run_test.c: connecting_as_the_very_first_act_is_denied
 * connections to a listener	inbound: connections_..., answers_of_a_listener
 * SYN with data		inbound: data_in_the_first_packet_to_a_listener
 * TCP simultaneous open	inbound: simultaneous_open
 * datagrams			inbound: datagrams..., broadcast_..., multicast_datagrams
 * ICMP errors, their quotes	icmp: errors_...
 * echo replies			icmp: echo_replies...
 * fragments, options		fragment: all
 * a source that is not the host's	source: source_that_is_not_..., options_for_...
 * errors aimed over loopback	answer: errors_...
 * addresses of one device	answer: ..._to_an_address_of_one_device
 * what a refusal tells		answer: ..._are_refused_as_by_a_closed_port
 * a flow while rules tighten	where the rules of live cells are tested
 *
 * Not closed, and shown to be so: a daemon whose Unix socket everybody may write
 * to; a socket that an outsider passes; ICMP errors about an allowed peer; echo
 * replies to a cell that may ping.
 */
#ifndef SELFTESTS_ROOT_BYPASS_H
#define SELFTESTS_ROOT_BYPASS_H

#include <stdbool.h>

#include "selftests/root/common.h"
#include "selftests/root/sockets.h"

/* The host that cells live on; a peer that rules name; another that they do not. */
#define HOST4		"198.51.100.1"
#define PEER4		"198.51.100.2"
#define OTHER4		"198.51.100.3"
#define HOST6		"2001:db8::1"
#define PEER6		"2001:db8::2"
#define OTHER6		"2001:db8::3"
/* The same in digits, for bytes of headers. */
#define PEER4_HEX	"c6336402"
#define PEER6_HEX	"20010db8000000000000000000000002"
/* More of the other one's addresses, on the same wire. */
#define LOCAL4		"169.254.1.2"
#define METADATA4	"169.254.169.254"
#define LOCAL6		"fe80::2%in0"

/**
 * struct outside - the world beyond the host
 * @env: of the test; its network namespace is the host's
 * @host: that namespace
 * @world: a second one, the other end of a veth pair: in0 here, out0 there
 * @taps: packet sockets on in0 and on lo
 *
 * Neither end resolves addresses or announces itself, so that what is on the
 * wire is what somebody has sent.
 */
struct outside {
	const struct test_env *env;
	int host, world;
	int taps[2];
};

/* outside_setup() - Return: NULL, or the name of what is missing here. */
const char *outside_setup(struct outside *out, const struct test_env *env);

/**
 * departed() - all that has left the host, or went over its loopback, since the last call
 *
 * A line each: PROTOCOL DESTINATION PORT, or the type for ICMP, and then any of
 * "syn", "rst", "options" (of IPv4, or an extension header of IPv6), "fragment",
 * "hello" (the packet carries this word). Resets and ICMP errors over the loopback
 * are left out: with these the host refuses a cell's packets.
 */
const char *departed(const struct outside *out);

/* outside_socket() - a socket in the world. */
int outside_socket(const struct outside *out, int domain, int type, int protocol);

/* address_of() - address_parse() that cannot fail. */
struct address address_of(const char *host, int port);

/* serve_world() - a socket out there that is bound; TCP listens. It does not block. */
int serve_world(const struct outside *out, int type, int protocol, const char *host, int port);
/* serve_host() - the same on the host, and in no cell. */
int serve_host(int type, const char *host, int port);

/* ip() - a batch of ip(8), in the world or on the host. Return: did it work? */
bool ip(const struct outside *out, bool in_world, const char *batch);

/* sysctl_set() - below /proc/sys/net, of the host's namespace. */
void sysctl_set(const char *name, const char *value);

/* ---- attempts at getting out ---- */

enum control {
	CONTROL_OFF,		/* the same cell with --egress off */
	CONTROL_ROOT,		/* the same program, root and in no cell */
	CONTROL_RULES		/* the same cell with @control_rules */
};

/**
 * struct attempt - a program in a cell that tries something
 * @rules: of the document, with ' for "; NULL: none
 * @program: NULL: workload_bypass
 * @steps: its arguments
 * @says: pattern of fnmatch(3), extended, of what it prints
 * @leaves: the same of departed(); NULL: nothing may leave
 * @denied: egress.denied.packets of the report
 * @denied_most: if not 0, it may be more, up to this
 * @control: how the attempt shows that it works where it may
 * @control_leaves: pattern of departed() then; NULL: one with "hello" in it
 */
struct attempt {
	const char *rules;
	const char *program;
	const char *const *steps;
	const char *says;
	const char *leaves;
	json_int_t denied, denied_most;
	enum control control;
	const char *control_rules;
	const char *control_leaves;
};

#define STEPS(...)	(const char *const[]){ __VA_ARGS__, NULL }
/* Steps that make a socket. */
#define TCP4		"socket 2 1 0"
#define UDP4		"socket 2 2 0"
#define TCP6		"socket 10 1 0"
#define UDP6		"socket 10 2 0"
#define RULE(host, port, protocol)	\
	"{'host': '" host "', 'port': " #port ", 'protocol': '" protocol "'}"

/* attempt() - make it, and its control. Return: "", or all that was not as it should be. */
const char *attempt(const struct outside *out, const struct attempt *try);

/* attempt_run() - a cell with these rules and steps, not yet started. */
struct run attempt_run(const struct outside *out, const char *id, const char *rules,
		       const char *const *steps);

/* ---- attempts at getting in ---- */

/* guest_start() - start the cell, and wait until it has come to its "ready". */
void guest_start(const struct outside *out, struct run *run, const char *id);
/* guest() - the same for a cell "guest": with these rules, or without any enforcement. */
struct run guest(const struct outside *out, bool off, const char *rules, const char *const *steps);
/* guest_end() - tell it to go on, and wait for its end. Return: what it then said. */
const char *guest_end(const struct outside *out, struct run *run, const char *id);

/* guest_refused() - how many packets to the cell "guest" have been refused so far. */
json_int_t guest_refused(const struct outside *out);

/* fence() - return when all that was sent to the host so far has been received. */
void fence(const struct outside *out);

/* tell() - send a datagram from the world. */
void tell(const struct outside *out, const char *from, int from_port, const char *to, int to_port,
	  const char *what);

/* knock() - connect @fd, within seconds, and send "hello". Return: 0 or errno. */
int knock(int fd, const char *host, int port);

/* silence() - in a child: what it prints is no test's result. */
void silence(void);

#endif /* SELFTESTS_ROOT_BYPASS_H */
