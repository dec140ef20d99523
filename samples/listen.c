// SPDX-License-Identifier: MIT
/*
 * listen LOG ADDRESS:PORT... -- COMMAND [ARGUMENT]... - servers for as long as a command runs
 *
 * Listens, and only then executes COMMAND in its own place; a child serves: it
 * notes each connection in LOG, a line with the server's address, greets, and
 * closes. The kernel ends that child with COMMAND, however that ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVERS_MAX	16

static struct pollfd servers[SERVERS_MAX];
static const char *names[SERVERS_MAX];
static unsigned int n_servers;

static void die(const char *what)
{
	fprintf(stderr, "listen: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* 1.2.3.4:80 or [::1]:80; returns the size of the address, 0: it is none. */
static socklen_t parse(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;
	char host[64];
	unsigned int port;

	memset(ret, 0, sizeof(*ret));
	if (sscanf(text, "[%63[0-9a-f:]]:%5u", host, &port) == 2) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
	}
	if (sscanf(text, "%63[0-9.]:%5u", host, &port) != 2)
		return 0;
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
}

/* A host without IPv6 has no such server: what needs it will say so. */
static void add_server(const char *text)
{
	struct sockaddr_storage addr;
	socklen_t size = parse(text, &addr);
	const int on = 1;
	int fd;

	if (!size || n_servers == SERVERS_MAX) {
		errno = EINVAL;
		die(text);
	}
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (const void *)&addr, size) < 0 || listen(fd, 16) < 0) {
		if (addr.ss_family == AF_INET6 &&
		    (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
			fprintf(stderr, "listen: no IPv6 here, so no server at %s\n", text);
			return;
		}
		die(text);
	}
	names[n_servers] = text;
	servers[n_servers++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void greet(unsigned int i, int log)
{
	int fd = accept4(servers[i].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(log, "%s\n", names[i]);
	dprintf(fd, "hello from %s\n", names[i]);
	close(fd);
}

static void __attribute__((noreturn)) serve(pid_t parent, int log)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(0);
	/* A terminal means the command, which may still have something to do. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		if (poll(servers, n_servers, -1) < 0)
			continue;
		for (unsigned int i = 0; i < n_servers; i++)
			if (servers[i].revents)
				greet(i, log);
	}
}

int main(int argc, char **argv)
{
	pid_t parent = getpid(), child;
	int log, i;

	for (i = 2; i < argc && strcmp(argv[i], "--"); i++)
		add_server(argv[i]);
	if (i + 1 >= argc) {
		fprintf(stderr, "usage: listen LOG ADDRESS:PORT... -- COMMAND [ARGUMENT]...\n");
		return 2;
	}
	log = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		die(argv[1]);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0)
		serve(parent, log);
	execvp(argv[i + 1], argv + i + 1);
	die(argv[i + 1]);
}
