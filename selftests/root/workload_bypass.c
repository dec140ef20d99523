// SPDX-License-Identifier: MIT
/*
 * Tries what it is told, step by step, and prints a line for each: "ok", the
 * name of an errno, or what has come. Numbers are the kernel's; what is sent
 * ends with "hello"; the socket is the one that the last step has made.
 *
 *	socket DOMAIN TYPE PROTOCOL
 *	use FD				goes on with this one
 *	set LEVEL OPTION HEX		setsockopt()
 *	bind HOST PORT, connect HOST PORT, disconnect, listen
 *	send [SIZE], sendto HOST PORT [SIZE [FLAGS]]
 *	sendmmsg HOST PORT HOST PORT HOST PORT
 *	control LEVEL TYPE HEX HOST PORT	sendto with a control message
 *	echo TYPE HOST 0		sends an ICMP message
 *	frame DEVICE			sends a packet socket's frame
 *	recv, errqueue			what has come, or EAGAIN
 *	error				the error that is pending, taken away
 *	accept
 *	ready				waits for SIGUSR1
 *	detach				goes on in a grandchild with a session of its own
 *	key NAME			asks the kernel for the address of a host
 *	unix PATH			connects; @NAME is an abstract one
 *	give PATH, take PATH		connects, gives or takes a socket
 *	await PATH			is connected to, takes a socket
 */
#include <ctype.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/root/sockets.h"

#define WORDS	8

/* The words of a step; those that are missing are "". */
static const char *w[WORDS];
static int fd = -1;

static void told(ssize_t ret)
{
	printf("%s\n", ret < 0 ? strerrorname_np(errno) : "ok");
}

static int number(const char *word)
{
	return (int)strtol(word, NULL, 0);
}

/* Of two words. */
static struct address address(const char *const *words)
{
	struct address a;

	if (!address_parse(words[0], number(words[1]), &a))
		exit(2);
	return a;
}

static size_t unhex(const char *hex, unsigned char *to, size_t room)
{
	size_t n = 0;

	for (; hex[0] && hex[1] && n < room; hex += 2)
		to[n++] = (unsigned char)strtoul((char[]){ hex[0], hex[1], '\0' }, NULL, 16);
	return n;
}

/* So many bytes, "hello" at their end. */
static const char *letter(const char *size, size_t *ret)
{
	static char bytes[65536];

	*ret = *size ? (size_t)number(size) : 5;
	memset(bytes, '.', sizeof(bytes));
	memcpy(bytes + *ret - 5, "hello", 5);
	return bytes;
}

/* ---- sending ---- */

static void try_socket(void)
{
	const struct timeval patience = { .tv_sec = 3 };

	fd = socket(number(w[1]), number(w[2]), number(w[3]));
	told(fd);
	/* What is not answered must not take minutes. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static void try_use(void)
{
	fd = number(w[1]);
	told(0);
}

static void try_set(void)
{
	unsigned char value[512];
	size_t n = unhex(w[3], value, sizeof(value));

	told(setsockopt(fd, number(w[1]), number(w[2]), value, (socklen_t)n));
}

static void try_bind(void)
{
	struct address at = address(&w[1]);

	told(bind(fd, &at.any, at.size));
}

static void try_connect(void)
{
	struct address to = address(&w[1]);

	told(connect(fd, &to.any, to.size));
}

static void try_disconnect(void)
{
	told(connect(fd, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)));
}

static void try_listen(void)
{
	told(listen(fd, 8));
}

static void try_send(void)
{
	size_t n;
	const char *bytes = letter(w[1], &n);

	told(send(fd, bytes, n, MSG_NOSIGNAL));
}

static void try_sendto(void)
{
	struct address to = address(&w[1]);
	size_t n;
	const char *bytes = letter(w[3], &n);

	told(sendto(fd, bytes, n, number(w[4]) | MSG_NOSIGNAL, &to.any, to.size));
}

static void try_sendmmsg(void)
{
	char hello[] = "hello";
	struct iovec bytes = { hello, 5 };
	struct address to[3];
	struct mmsghdr messages[3];
	int sent;

	for (int i = 0; i < 3; i++) {
		to[i] = address(&w[1 + 2 * i]);
		messages[i] = (struct mmsghdr){ .msg_hdr = {
			.msg_name = &to[i], .msg_namelen = to[i].size,
			.msg_iov = &bytes, .msg_iovlen = 1,
		} };
	}
	/* It stops at the first that fails, and tells its errno only if that is the first. */
	for (int i = 0; i < 3; i += sent) {
		sent = sendmmsg(fd, messages + i, 3U - (unsigned int)i, 0);
		printf("%d ", sent);
		sent = sent < 0 ? 1 : sent;
	}
	printf("\n");
}

static void try_control(void)
{
	char hello[] = "hello";
	struct address to = address(&w[4]);
	struct iovec bytes = { hello, 5 };
	union {
		struct cmsghdr header;
		unsigned char room[CMSG_SPACE(256)];
	} control = { 0 };
	size_t n = unhex(w[3], CMSG_DATA(&control.header), 256);
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = to.size, .msg_iov = &bytes, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = CMSG_SPACE(n),
	};

	control.header.cmsg_level = number(w[1]);
	control.header.cmsg_type = number(w[2]);
	control.header.cmsg_len = CMSG_LEN(n);
	told(sendmsg(fd, &message, 0));
}

static void try_echo(void)
{
	struct address to = address(&w[2]);
	unsigned char message[8 + 5] = { (unsigned char)number(w[1]) };

	memcpy(message + 8, "hello", 5);
	told(sendto(fd, message, sizeof(message), 0, &to.any, to.size));
}

static void try_frame(void)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(0x0800),
		.sll_ifindex = (int)if_nametoindex(w[1]),
		.sll_halen = 6,
	};

	told(sendto(fd, "hello", 5, 0, (const struct sockaddr *)&to, sizeof(to)));
}

/* ---- receiving ---- */

static void hear(int flags)
{
	static char bytes[65536];
	char control[512];
	struct iovec room = { bytes, sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &room, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &message, flags | MSG_DONTWAIT);

	if (n < 0) {
		told(-1);
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		if (isprint((unsigned char)bytes[i]))
			putchar(bytes[i]);
	putchar('\n');
}

static void try_recv(void)
{
	hear(0);
}

static void try_errqueue(void)
{
	hear(MSG_ERRQUEUE);
}

static void try_error(void)
{
	int errnum = 0;
	socklen_t size = sizeof(errnum);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &size);
	printf("%s\n", strerrorname_np(errnum));
}

static void try_accept(void)
{
	int got = accept(fd, NULL, NULL);

	told(got);
	if (got >= 0)
		fd = got;
}

/* ---- who tries ---- */

static void try_ready(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	printf("ready\n");
	fflush(stdout);
	sigwaitinfo(&set, NULL);
}

/* Twice, so that the parent is gone; the first process stays until the pipe is closed. */
static void try_detach(void)
{
	int end[2];
	char byte;
	pid_t pid;

	if (pipe(end) < 0)
		exit(3);
	pid = fork();
	if (pid > 0) {
		close(end[1]);
		waitpid(pid, NULL, 0);
		exit(read(end[0], &byte, 1) != 0);
	}
	if (fork() != 0)
		_exit(0);
	told(setsid());
}

/* The kernel would have a program of the host's look the name up. */
static void try_key(void)
{
	told(syscall(SYS_request_key, "dns_resolver", w[1], "", 0));
}

/* ---- Unix sockets ---- */

static void try_unix(void)
{
	fd = unix_connect(w[1]);
	told(fd);
}

static void try_give(void)
{
	told(fd_send(unix_connect(w[1]), fd));
}

static void try_take(void)
{
	fd = fd_receive(unix_connect(w[1]));
	told(fd);
}

static void try_await(void)
{
	int server = unix_listen(w[1]);

	printf("ready\n");
	fflush(stdout);
	fd = fd_receive(accept(server, NULL, NULL));
	told(fd);
}

/* ---- steps ---- */

static const struct {
	const char *name;
	void (*attempt)(void);
} ways[] = {
	{ "socket", try_socket },	{ "use", try_use },
	{ "set", try_set },		{ "bind", try_bind },
	{ "connect", try_connect },	{ "disconnect", try_disconnect },
	{ "listen", try_listen },	{ "accept", try_accept },
	{ "send", try_send },		{ "sendto", try_sendto },
	{ "sendmmsg", try_sendmmsg },	{ "control", try_control },
	{ "echo", try_echo },		{ "frame", try_frame },
	{ "recv", try_recv },		{ "errqueue", try_errqueue },
	{ "error", try_error },		{ "ready", try_ready },
	{ "detach", try_detach },	{ "key", try_key },
	{ "unix", try_unix },		{ "give", try_give },
	{ "take", try_take },		{ "await", try_await },
};

static bool step(char *words)
{
	char *save = NULL;
	int n = 0;

	for (int i = 0; i < WORDS; i++)
		w[i] = "";
	for (char *p = strtok_r(words, " ", &save); p && n < WORDS; p = strtok_r(NULL, " ", &save))
		w[n++] = p;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(w[0], ways[i].name))
			continue;
		ways[i].attempt();
		fflush(stdout);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 1; i < argc; i++)
		if (!step(argv[i]))
			return 2;
	return 0;
}
