// SPDX-License-Identifier: MIT
#include "selftests/bench/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "selftests/bench/bench.h"

void flow_setup(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd __free(fd) = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("cannot use the loopback device");
}

void flow_enter(const char *cgroup)
{
	int dir __free(fd) = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || io_write_at(dir, "cgroup.procs", "0") < 0)
		die("cannot enter %s", cgroup);
}

/* A socket on 127.0.0.1; port 0: any. */
static int make_socket(const char *cgroup, int type, uint16_t port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd;

	flow_enter(cgroup);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("cannot make a socket");
	return fd;
}

static struct sockaddr_in address_of(int fd)
{
	struct sockaddr_in addr = { 0 };
	socklen_t size = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &size) < 0)
		die("getsockname");
	return addr;
}

static void connect_to(int fd, int peer)
{
	struct sockaddr_in addr = address_of(peer);

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("cannot connect");
}

struct flow flow_udp(const char *const cgroups[2], uint16_t port)
{
	struct flow flow = {
		make_socket(cgroups[0], SOCK_DGRAM, 0), make_socket(cgroups[1], SOCK_DGRAM, port),
	};

	connect_to(flow.client, flow.server);
	connect_to(flow.server, flow.client);
	return flow;
}

struct flow flow_tcp(const char *const cgroups[2], uint16_t port)
{
	struct flow flow = { .client = make_socket(cgroups[0], SOCK_STREAM, 0) };
	int listener __free(fd) = make_socket(cgroups[1], SOCK_STREAM, port);
	int one = 1;

	if (listen(listener, 1) < 0)
		die("listen");
	connect_to(flow.client, listener);
	flow.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (flow.server < 0 ||
	    setsockopt(flow.client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    setsockopt(flow.server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		die("accept");
	return flow;
}

int flow_try(const char *from_cgroup, const char *to_cgroup)
{
	int from __free(fd) = make_socket(from_cgroup, SOCK_DGRAM, 0);
	int to __free(fd) = make_socket(to_cgroup, SOCK_DGRAM, 0);
	struct sockaddr_in addr = address_of(to);
	char byte = 0;

	if (sendto(from, &byte, 1, 0, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    recv(to, &byte, 1, MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

uint64_t flow_send(int from, int to)
{
	static const char payload[FLOW_PAYLOAD];
	char buf[FLOW_PAYLOAD];
	uint64_t begin = clock_ns(), took;

	for (int i = 0; i < FLOW_BURST; i++)
		if (send(from, payload, sizeof(payload), 0) != sizeof(payload))
			die("send");
	took = clock_ns() - begin;
	for (int i = 0; i < FLOW_BURST; i++)
		if (recv(to, buf, sizeof(buf), MSG_DONTWAIT) != sizeof(buf))
			die("a datagram was lost");
	return took / FLOW_BURST;
}

static void pass_byte(int from, int to)
{
	char byte = 0;

	if (send(from, &byte, 1, 0) != 1 || recv(to, &byte, 1, 0) != 1)
		die("a byte was lost");
}

uint64_t flow_ask(const struct flow *flow)
{
	uint64_t begin = clock_ns();

	for (int i = 0; i < FLOW_BURST; i++) {
		pass_byte(flow->client, flow->server);
		pass_byte(flow->server, flow->client);
	}
	return (clock_ns() - begin) / FLOW_BURST;
}
