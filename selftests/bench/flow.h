/* SPDX-License-Identifier: MIT */
/*
 * Flows over the loopback device of this lane's network namespace. What a socket
 * is to nf_tables is the cgroup that it was made in, so one process has both
 * ends, and no scheduler comes in between: a send over loopback runs through
 * output, input and the receiver's queue before it returns.
 */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include <stdint.h>

#define FLOW_BURST	64	/* datagrams that a receive buffer holds for sure */
#define FLOW_PAYLOAD	64

/**
 * struct flow - two sockets that are connected to each other
 * @client: has any port
 * @server: has the port that was asked for, on 127.0.0.1
 */
struct flow {
	int client;
	int server;
};

/* flow_setup() - the loopback device goes up. */
void flow_setup(void);

/* flow_enter() - move this process to a cgroup: sockets are born there from now on. */
void flow_enter(const char *cgroup);

/* flow_udp(), flow_tcp() - @cgroups: of client and server */
struct flow flow_udp(const char *const cgroups[2], uint16_t port);
struct flow flow_tcp(const char *const cgroups[2], uint16_t port);

/**
 * flow_try() - one datagram, both sockets new
 *
 * Return: 0: it arrived; -EAGAIN: it did not; other -errno: it was not sent.
 */
int flow_try(const char *from_cgroup, const char *to_cgroup);

/* flow_send() - nanoseconds for one send(2) of a datagram; all must arrive. */
uint64_t flow_send(int from, int to);

/* flow_ask() - nanoseconds for a byte to the server and one back. */
uint64_t flow_ask(const struct flow *flow);

#endif /* BENCH_FLOW_H */
