// SPDX-License-Identifier: MIT
/*
 * Asks for sockets, and says, a line each, "open" or the errno that it got:
 *
 *	workload_sockets [own] HOW ARGUMENT...
 *
 *	own				first makes user and network namespaces of its own
 *	socket FAMILY TYPE PROTOCOL...	as many threes as there are
 *	pair FAMILY TYPE...		likewise in twos: socketpair(2)
 *	ring all			the three calls of io_uring
 *	option LEVEL NAME...		sets one of a TCP socket, "= N" is what it reads back
 *	hear ADDRESS PORT		shares a UDP port as far as it can, joins ADDRESS;
 *					"ready", then what comes
 *	call i386|x32			getpid(2) as these have it: "ran"
 *	fork all			"ready" by a child's child, which waits for ever
 *
 * Numbers have 64 bits, and go to the kernel as they are.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void told(long ret)
{
	printf("%s\n", ret < 0 ? strerrorname_np(errno) : "open");
}

static long number(const char *text)
{
	return (long)strtoul(text, NULL, 0);
}

static void try_socket(char **args)
{
	long fd = syscall(SYS_socket, number(args[0]), number(args[1]), number(args[2]));

	told(fd);
	close((int)fd);
}

static void try_pair(char **args)
{
	int fds[2] = { -1, -1 };

	told(syscall(SYS_socketpair, number(args[0]), number(args[1]), 0, fds));
	close(fds[0]);
	close(fds[1]);
}

static void try_ring(char **args)
{
	(void)args;
	told(syscall(SYS_io_uring_setup, 1, NULL));
	told(syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
	told(syscall(SYS_io_uring_register, -1, 0, NULL, 0));
}

static void try_option(char **args)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
	socklen_t size = sizeof(value);

	told(syscall(SYS_setsockopt, fd, number(args[0]), number(args[1]), &value, size));
	value = -1;
	getsockopt(fd, (int)number(args[0]), (int)number(args[1]), &value, &size);
	printf("= %d\n", value);
	close(fd);
}

static void try_hear(char **args)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((in_port_t)number(args[1])),
	};
	struct ip_mreq group = {
		.imr_multiaddr.s_addr = inet_addr(args[0]),
		.imr_interface.s_addr = htonl(INADDR_LOOPBACK),
	};
	char heard[32];
	ssize_t n;

	told(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	told(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
	told(bind(fd, (const struct sockaddr *)&at, sizeof(at)));
	if (IN_MULTICAST(ntohl(group.imr_multiaddr.s_addr)))
		setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group));
	getsockname(fd, (struct sockaddr *)&at, &(socklen_t){ sizeof(at) });
	if (!at.sin_port)
		return;
	printf("ready\n");
	fflush(stdout);
	n = recv(fd, heard, sizeof(heard) - 1, 0);
	printf("heard %.*s\n", (int)(n > 0 ? n : 0), heard);
}

static long call_i386(void)
{
#if defined(__x86_64__)
	int ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "0"(20) : "memory", "r8", "r9", "r10", "r11");
	return ret;
#else
	return 0;
#endif
}

static long call_x32(void)
{
#if defined(__x86_64__)
	return syscall(0x40000000 | SYS_getpid);
#else
	return 0;
#endif
}

static void try_call(char **args)
{
	long ret = !strcmp(args[0], "i386") ? call_i386() : call_x32();

	printf("%s\n", ret == 0 ? "never heard of it" : ret == getpid() ? "ran" : "did not run");
}

static void try_fork(char **args)
{
	(void)args;
	if (fork() == 0 && fork() == 0) {
		printf("ready\n");
		fflush(stdout);
	}
	for (;;)
		pause();
}

static const struct {
	const char *name;
	int n_args;
	void (*attempt)(char **args);
} ways[] = {
	{ "socket", 3, try_socket },	{ "pair", 2, try_pair },	{ "ring", 1, try_ring },
	{ "option", 2, try_option },	{ "hear", 2, try_hear },	{ "call", 1, try_call },
	{ "fork", 1, try_fork },
};

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "own")) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			return errno;
		argc--;
		argv++;
	}
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(argv[1], ways[i].name))
			continue;
		for (int k = 2; k + ways[i].n_args <= argc; k += ways[i].n_args)
			ways[i].attempt(&argv[k]);
		return 0;
	}
	return 200;
}
