/* SPDX-License-Identifier: MIT */
/*
 * Sockets for the tests of nft/: born in a cell's cgroup, or on the other end of
 * a wire, and all held by the test's own process. The kernel judges a packet by
 * the cgroup that its socket was made in, so the test can be both peers, one
 * step after another, with nobody to wait for.
 *
 * Where the environment fails, these functions say so and abort.
 */
#ifndef SELFTESTS_NFT_NET_H
#define SELFTESTS_NFT_NET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "selftests/root/sockets.h"

/* ---- sockets ---- */

/* address_at() - address_parse() that cannot fail. */
struct address address_at(const char *host, uint16_t port);

/**
 * socket_in() - a socket that is born in a cgroup
 * @cgroup: path; NULL: the caller's own
 *
 * A process is cloned into the cgroup, makes it, and hands it over. What blocks on
 * it gives up after some seconds.
 */
int socket_in(const char *cgroup, int family, int type, int protocol);

/* The same, bound; a stream listens. The address need not be the host's. */
int bound_in(const char *cgroup, int type, const char *host, uint16_t port);

/* send_to() - send a text. 0 or errno. */
int send_to(int fd, const char *text, const char *host, uint16_t port);

/* connect_to() - 0 or errno. */
int connect_to(int fd, const char *host, uint16_t port);

/* connect_from() - make a TCP socket, bind it, connect it, close it. 0 or errno. */
int connect_from(const char *cgroup, const struct address *from, const struct address *to);

/*
 * heard() - what has arrived; the name of the errno if nothing has ("EAGAIN"),
 * "(end)" at the end of a stream. Valid until the next call.
 */
const char *heard(int fd);

/* hear() - waits for it */
const char *hear(int fd);

/* accepted() - a connection that waits at a listener; -errno. */
int accepted(int listener);

/*
 * settle() - all packets that were sent before have reached where they go
 *
 * The test stays on one CPU, which keeps the order of packets on software devices.
 */
void settle(void);

/* ---- the network ---- */

/* net_setup() - a network namespace of the test's own; from now on it stays on one CPU. */
void net_setup(void);

/* command_ip() - give ip(8) some commands at once. */
void command_ip(const char *commands);

/* sysctl_write() - below /proc/sys; false: there is none such. */
bool sysctl_write(const char *name, const char *value);

/* The ends of a wire, as in flow.h. */
#define WIRE_HERE4	"198.51.100.1"
#define WIRE_PEER4	"198.51.100.2"
#define WIRE_HERE6	"2001:db8::1"
#define WIRE_PEER6	"2001:db8::2"

/**
 * struct ends - two network namespaces with a wire between them
 * @here: the test's own
 * @there: the other one
 */
struct ends {
	int here;
	int there;
};

/* ends_setup() - make the other one, and the wire. False: this kernel has none. */
bool ends_setup(struct ends *ends);

/* net_enter() - of flow.h: sockets that are made from now on are there */
void net_enter(int net);

/* bound_there() - a socket on the other end; as bound_in(), in no cell */
int bound_there(const struct ends *ends, int type, const char *host, uint16_t port);

/* ---- another program ---- */

/* nft_does() - has nft(8) done all these commands, in one transaction? */
bool nft_does(const char *commands);

/* nft_listing() - what `nft -j list table inet NAME` says; NULL: no table. */
json_t *nft_listing(const char *name);

/* listed() - has it such an object, e.g. "set", "cells2"? */
bool listed(const json_t *listing, const char *kind, const char *name);

/* listed_rules() - how many rules a chain has */
unsigned int listed_rules(const json_t *listing, const char *chain);

/* listed_elements() - how many elements a set has */
unsigned int listed_elements(const json_t *listing, const char *set);

/* listed_packets() - the sum of the counters of a set's elements */
uint64_t listed_packets(const json_t *listing, const char *set);

#endif /* SELFTESTS_NFT_NET_H */
