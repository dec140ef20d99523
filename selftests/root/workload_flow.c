// SPDX-License-Identifier: MIT
/*
 * Does what it is told while it lives, one command a line from a FIFO, one line of
 * answer each: workload_flow FIFO. Sockets get numbers in the order they are made.
 *
 *	open tcp|udp ADDRESS PORT	connect
 *	listen tcp|udp ADDRESS PORT	bind, and for TCP listen
 *	accept N			waits; the connection is a new socket
 *	send N				"hello"
 *	fill N				until nothing fits any more
 *	take N				what has come by now
 *	wait N				what comes
 *	error N				waits for an end; why
 *	stream N			"hello" again and again until the next command
 *	link PATH			where a symbolic link points
 *	devices				names of network devices
 *	nft				may it talk to nf_tables?
 *
 * An answer is "ok", what was asked for, or the name of an errno.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE	10000	/* ms */
#define SOCKETS		32

static int sockets[SOCKETS], n_sockets;

static const char *result(int failed)
{
	return failed ? strerrorname_np(errno) : "ok";
}

static socklen_t parse(const char *host, const char *port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	in_port_t n = htons((in_port_t)strtoul(port, NULL, 10));

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = n;
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = n;
	return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
}

static const char *make(char **words, int connecting)
{
	int type = strcmp(words[1], "tcp") ? SOCK_DGRAM : SOCK_STREAM, one = 1, r;
	struct sockaddr_storage address;
	socklen_t size = parse(words[2], words[3], &address);
	int fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || n_sockets == SOCKETS)
		return result(1);
	sockets[n_sockets++] = fd;
	if (connecting)
		return result(connect(fd, (struct sockaddr *)&address, size));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	r = bind(fd, (struct sockaddr *)&address, size);
	return result(r || (type == SOCK_STREAM && listen(fd, 8)));
}

static int ready(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	if (poll(&p, 1, PATIENCE) == 1)
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

static const char *take_connection(int fd)
{
	int from = ready(fd, POLLIN) ? -1 : accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (from < 0 || n_sockets == SOCKETS)
		return result(1);
	sockets[n_sockets++] = from;
	return result(0);
}

/* An error that is pending tells of what was sent before: not this time. */
static const char *hello(int fd)
{
	socklen_t size = sizeof(errno);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &size);
	return result(send(fd, "hello", 5, MSG_NOSIGNAL | MSG_DONTWAIT) != 5);
}

static const char *fill(int fd)
{
	static char bytes[4096], answer[32];
	long long total = 0;
	ssize_t n;

	memset(bytes, 'x', sizeof(bytes));
	while ((n = send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
		total += n;
	snprintf(answer, sizeof(answer), "%lld", total);
	return errno == EAGAIN ? answer : result(1);
}

static const char *take(int fd)
{
	static char bytes[512];
	ssize_t n = recv(fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);

	if (n < 0)
		return result(1);
	bytes[n] = '\0';
	return n ? bytes : "end";
}

static const char *error_of(int fd)
{
	socklen_t size = sizeof(errno);

	if (ready(fd, 0) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &size))
		return result(1);
	return result(errno);
}

/* At the pace of poll(2)'s clock: how many were sent, how many were not. */
static const char *stream(int fd, int fifo)
{
	static char answer[64];
	struct pollfd next = { .fd = fifo, .events = POLLIN };
	unsigned int sent = 0, failed = 0;

	while (poll(&next, 1, 1) == 0) {
		if (send(fd, "hello", 5, MSG_NOSIGNAL | MSG_DONTWAIT) == 5)
			sent++;
		else
			failed++;
	}
	snprintf(answer, sizeof(answer), "sent %u failed %u", sent, failed);
	return answer;
}

static const char *link_of(const char *path)
{
	static char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = '\0';
	return n < 0 ? result(1) : target;
}

static const char *devices(void)
{
	static char all[512];
	struct if_nameindex *list = if_nameindex();

	all[0] = '\0';
	for (struct if_nameindex *p = list; p && p->if_name; p++) {
		strncat(all, p->if_name, 32);
		strcat(all, " ");
	}
	return list ? all : result(1);
}

/* Asks for the tables; the kernel answers at once, with an error if it may not. */
static const char *nft(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} ask = {
		{ sizeof(ask), NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
		  NLM_F_REQUEST | NLM_F_DUMP, 1, 0 }, { 0 },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[4096];
	} reply;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0 || send(fd, &ask, sizeof(ask), 0) < 0 || ready(fd, POLLIN) ||
	    recv(fd, &reply, sizeof(reply), 0) < 0)
		return result(1);
	close(fd);
	errno = reply.header.nlmsg_type == NLMSG_ERROR ? -reply.error.error : 0;
	return result(errno);
}

static const char *obey(char **words, int fifo)
{
	int n = words[1] ? atoi(words[1]) : 0, fd = n >= 0 && n < SOCKETS ? sockets[n] : -1;

	if (!strcmp(words[0], "open") || !strcmp(words[0], "listen"))
		return words[3] ? make(words, words[0][0] == 'o') : "what?";
	if (!strcmp(words[0], "accept"))
		return take_connection(fd);
	if (!strcmp(words[0], "send"))
		return hello(fd);
	if (!strcmp(words[0], "fill"))
		return fill(fd);
	if (!strcmp(words[0], "take"))
		return take(fd);
	if (!strcmp(words[0], "wait"))
		return ready(fd, POLLIN) ? result(1) : take(fd);
	if (!strcmp(words[0], "error"))
		return error_of(fd);
	if (!strcmp(words[0], "stream"))
		return stream(fd, fifo);
	if (!strcmp(words[0], "link"))
		return words[1] ? link_of(words[1]) : "what?";
	if (!strcmp(words[0], "devices"))
		return devices();
	return !strcmp(words[0], "nft") ? nft() : "what?";
}

/* Byte by byte: what comes behind a line is for poll(2) to see. */
static int read_line(int fifo, char *line, size_t size)
{
	for (size_t n = 0; n + 1 < size; n++) {
		if (read(fifo, &line[n], 1) != 1)
			return -1;
		if (line[n] == '\n') {
			line[n] = '\0';
			return 0;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	int fifo = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	char line[256];

	if (fifo < 0)
		return 100;
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (read_line(fifo, line, sizeof(line)) == 0) {
		char *words[6] = { NULL }, *save = NULL;
		int n = 0;

		for (char *word = strtok_r(line, " ", &save); word && n < 5;
		     word = strtok_r(NULL, " ", &save))
			words[n++] = word;
		if (n)
			puts(obey(words, fifo));
	}
	return 0;
}
