// SPDX-License-Identifier: MIT
/*
 * Sends from inside a cell and says, a line each, what became of it:
 *
 *	workload_net PROTOCOL ADDRESS PORT COUNT [PROTOCOL ADDRESS PORT COUNT]...
 *
 * tcp: COUNT connections, each writes five bytes. udp: COUNT datagrams of five
 * bytes. icmp: COUNT echo requests; PORT is 0. bind: after "ready" waits for ever
 * at a UDP port.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct target {
	struct sockaddr_storage address;
	socklen_t size;
};

static int parse(const char *host, const char *port, struct target *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->address;
	in_port_t n = htons((in_port_t)strtoul(port, NULL, 10));

	memset(&ret->address, 0, sizeof(ret->address));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = n;
		ret->size = sizeof(*v4);
		return 0;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = n;
	ret->size = sizeof(*v6);
	return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? 0 : -1;
}

/* Each gives the errno of what failed, or 0. */
static int once_tcp(const struct target *to)
{
	int fd = socket(to->address.ss_family, SOCK_STREAM, 0);
	int ret = 0;

	if (connect(fd, (const struct sockaddr *)&to->address, to->size) < 0 ||
	    write(fd, "hello", 5) != 5)
		ret = errno;
	close(fd);
	return ret;
}

static int once_udp(const struct target *to)
{
	int fd = socket(to->address.ss_family, SOCK_DGRAM, 0);
	int ret = 0;

	if (sendto(fd, "hello", 5, 0, (const struct sockaddr *)&to->address, to->size) != 5)
		ret = errno;
	close(fd);
	return ret;
}

static int once_icmp(const struct target *to)
{
	bool v4 = to->address.ss_family == AF_INET;
	int fd = socket(to->address.ss_family, SOCK_DGRAM, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	unsigned char echo[8] = { v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	int ret = 0;

	if (fd < 0 || sendto(fd, echo, sizeof(echo), 0, (const struct sockaddr *)&to->address,
			     to->size) != sizeof(echo))
		ret = errno;
	close(fd);
	return ret;
}

static int stay(const struct target *at)
{
	int fd = socket(at->address.ss_family, SOCK_DGRAM, 0);

	if (bind(fd, (const struct sockaddr *)&at->address, at->size) < 0 ||
	    write(STDOUT_FILENO, "ready\n", 6) != 6)
		return errno;
	for (;;)
		pause();
}

static int once(const char *protocol, const struct target *target)
{
	if (!strcmp(protocol, "tcp"))
		return once_tcp(target);
	if (!strcmp(protocol, "udp"))
		return once_udp(target);
	if (!strcmp(protocol, "icmp"))
		return once_icmp(target);
	return stay(target);
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 3 < argc; i += 4) {
		struct target target;
		int errnum = 0;

		if (parse(argv[i + 1], argv[i + 2], &target) < 0)
			return 2;
		for (unsigned long n = strtoul(argv[i + 3], NULL, 10); n > 0 && !errnum; n--)
			errnum = once(argv[i], &target);
		printf("%s\n", errnum ? strerrorname_np(errnum) : "ok");
	}
	return 0;
}
