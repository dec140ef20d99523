// SPDX-License-Identifier: MIT
#include "selftests/root/nft_net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND	78
#endif

struct address address_at(const char *host, uint16_t port)
{
	struct address address;

	if (address_parse(host, port, &address))
		return address;
	errno = EINVAL;
	give_up(host);
}

static int socket_from(const char *cgroup, int family, int type, int protocol)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	int channel[2], fd, dir = open(cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
	pid_t pid;

	args.cgroup = (uint64_t)dir;
	if (dir < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		give_up(cgroup);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		give_up("clone3 into a cgroup");
	if (!pid)
		_exit(fd_send(channel[1], socket(family, type | SOCK_CLOEXEC, protocol)));
	close(channel[1]);
	fd = fd_receive(channel[0]);
	close(channel[0]);
	close(dir);
	waitpid(pid, NULL, 0);
	return fd;
}

int socket_in(const char *cgroup, int family, int type, int protocol)
{
	static const struct timeval limit = { .tv_sec = WAIT_SECONDS };
	static const int yes = 1;
	int fd = cgroup ? socket_from(cgroup, family, type, protocol) :
			  socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		give_up("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes));
	return fd;
}

int bound_in(const char *cgroup, int type, const char *host, uint16_t port)
{
	const struct address at = address_at(host, port);
	int fd = socket_in(cgroup, at.any.sa_family, type, 0);

	if (bind(fd, &at.any, at.size) || (type == SOCK_STREAM && listen(fd, 16)))
		give_up(host);
	return fd;
}

int send_to(int fd, const char *words, const char *host, uint16_t port)
{
	const struct address to = address_at(host, port);
	ssize_t n = sendto(fd, words, strlen(words), MSG_NOSIGNAL, &to.any, to.size);

	return n < 0 ? errno : 0;
}

int connect_to(int fd, const char *host, uint16_t port)
{
	const struct address to = address_at(host, port);

	return connect(fd, &to.any, to.size) ? errno : 0;
}

int connect_from(const char *cgroup, const struct address *from, const struct address *to)
{
	/* Closing resets, so the next one may have the same port at once. */
	static const struct linger reset = { .l_onoff = 1 };
	int r, fd = socket_in(cgroup, from->any.sa_family, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (bind(fd, &from->any, from->size))
		give_up("bind");
	r = connect(fd, &to->any, to->size) ? errno : 0;
	close(fd);
	return r;
}

static const char *hear_with(int fd, int flags)
{
	static char words[4096];
	ssize_t n = recv(fd, words, sizeof(words) - 1, flags);

	if (n < 0)
		return strerrorname_np(errno);
	words[n] = '\0';
	return n ? words : "(end)";
}

const char *heard(int fd)
{
	return hear_with(fd, MSG_DONTWAIT);
}

const char *hear(int fd)
{
	return hear_with(fd, 0);
}

int accepted(int listener)
{
	static const struct timeval limit = { .tv_sec = WAIT_SECONDS };
	struct pollfd waiting = { .fd = listener, .events = POLLIN };
	int fd;

	if (poll(&waiting, 1, 0) != 1)
		return -EAGAIN;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

void settle(void)
{
	int i, fd = socket_in(NULL, AF_INET, SOCK_DGRAM, 0);
	struct address at = address_at("127.0.0.1", 0);
	char byte = 'x';

	if (bind(fd, &at.any, at.size) || getsockname(fd, &at.any, &at.size))
		give_up("a marker");
	/* A packet may be answered, and so may the answer. */
	for (i = 0; i < 3; i++)
		if (sendto(fd, &byte, 1, 0, &at.any, at.size) != 1 || recv(fd, &byte, 1, 0) != 1)
			give_up("a marker's way");
	close(fd);
}

/* ---- the network ---- */

void net_setup(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((unsigned int)sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		give_up("sched_setaffinity");
	net_enter(net_new());
}

void command_ip(const char *commands)
{
	FILE *ip = popen("ip -batch -", "we");

	if (!ip || fputs(commands, ip) < 0 || pclose(ip))
		give_up("ip -batch");
}

bool sysctl_write(const char *name, const char *value)
{
	return !file_write(text("/proc/sys/%s", name), value);
}

static bool crosses(int from, int to, const char *host)
{
	struct pollfd arrived = { .fd = to, .events = POLLIN };

	return !send_to(from, "marker", host, 1) && poll(&arrived, 1, 10) == 1;
}

/* Until both devices are ready, for either family, packets are lost. */
static void wait_for_wire(const struct ends *ends, const char *here, const char *there)
{
	int a = bound_in(NULL, SOCK_DGRAM, here, 1);
	int b = bound_there(ends, SOCK_DGRAM, there, 1);

	if (!WAIT_FOR(crosses(a, b, there)) || !WAIT_FOR(crosses(b, a, here)))
		give_up("a wire");
	close(a);
	close(b);
}

bool ends_setup(struct ends *ends)
{
	ends->here = net_here();
	ends->there = net_new();
	if (!wire(ends->here, ends->there))
		return false;
	wait_for_wire(ends, WIRE_HERE4, WIRE_PEER4);
	wait_for_wire(ends, WIRE_HERE6, WIRE_PEER6);
	return true;
}

int bound_there(const struct ends *ends, int type, const char *host, uint16_t port)
{
	int fd;

	net_enter(ends->there);
	fd = bound_in(NULL, type, host, port);
	net_enter(ends->here);
	return fd;
}

/* ---- another program ---- */

bool nft_does(const char *commands)
{
	return command((const char *const[]){ "nft", commands, NULL });
}

json_t *nft_listing(const char *name)
{
	char *out = command((const char *const[]){
		"sh", "-c", text("exec nft -j list table inet %s 2>/dev/null", name), NULL });
	json_t *root = out ? json_loads(out, 0, NULL) : NULL;

	free(out);
	return root ? json_object_get(root, "nftables") : NULL;
}

static const json_t *find(const json_t *listing, const char *kind, const char *name)
{
	const json_t *entry, *object;
	size_t i;

	json_array_foreach(listing, i, entry) {
		object = json_object_get(entry, kind);
		if (object && !strcmp(json_string_value(json_object_get(object, "name")), name))
			return object;
	}
	return NULL;
}

bool listed(const json_t *listing, const char *kind, const char *name)
{
	return find(listing, kind, name);
}

unsigned int listed_rules(const json_t *listing, const char *chain)
{
	const json_t *entry, *rule;
	unsigned int n = 0;
	size_t i;

	json_array_foreach(listing, i, entry) {
		rule = json_object_get(entry, "rule");
		n += rule && !strcmp(json_string_value(json_object_get(rule, "chain")), chain);
	}
	return n;
}

unsigned int listed_elements(const json_t *listing, const char *set)
{
	return (unsigned int)json_array_size(json_object_get(find(listing, "set", set), "elem"));
}

uint64_t listed_packets(const json_t *listing, const char *set)
{
	const json_t *elements = json_object_get(find(listing, "set", set), "elem"), *entry;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach(elements, i, entry) {
		const json_t *counter = json_object_get(json_object_get(entry, "elem"), "counter");

		sum += (uint64_t)json_integer_value(json_object_get(counter, "packets"));
	}
	return sum;
}
