/* SPDX-License-Identifier: MIT */
/*
 * Addresses as text, and sockets that are passed on: for tests, and for the
 * programs in cells, which are one source each and link nothing.
 */
#ifndef SELFTESTS_ROOT_SOCKETS_H
#define SELFTESTS_ROOT_SOCKETS_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* An address as connect() takes it. */
struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
	};
	socklen_t size;
};

/* Of IPv4 or IPv6; "%DEVICE" may follow the latter. Return: is it one? */
static inline bool address_parse(const char *host, int port, struct address *ret)
{
	char name[64];
	char *device;

	*ret = (struct address){ .size = sizeof(ret->v4) };
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons((in_port_t)port);
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1)
		return true;
	snprintf(name, sizeof(name), "%s", host);
	device = strchr(name, '%');
	if (device)
		*device++ = '\0';
	*ret = (struct address){ .size = sizeof(ret->v6) };
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons((in_port_t)port);
	ret->v6.sin6_scope_id = device ? if_nametoindex(device) : 0;
	return inet_pton(AF_INET6, name, &ret->v6.sin6_addr) == 1;
}

/* Of a Unix socket: a path, or "@NAME" for an abstract one. */
static inline struct address address_unix(const char *path)
{
	struct address a = { .un = { .sun_family = AF_UNIX } };

	size_t n = strnlen(path, sizeof(a.un.sun_path) - 1);

	memcpy(a.un.sun_path, path, n);
	a.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (path[0] == '@')
		a.un.sun_path[0] = '\0';
	return a;
}

/* Return: a stream that is connected to @path, or -1. */
static inline int unix_connect(const char *path)
{
	struct address to = address_unix(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, &to.any, to.size) < 0 ? -1 : fd;
}

/* Return: a server at @path that everybody may connect to, or -1. */
static inline int unix_listen(const char *path)
{
	struct address at = address_unix(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, &at.any, at.size) < 0 || listen(fd, 8) < 0 ||
	    (path[0] == '/' && chmod(path, 0777) < 0))
		return -1;
	return fd;
}

/* Passes @fd on by SCM_RIGHTS. Return: 0, or -1 and errno. */
static inline int fd_send(int to, int fd)
{
	char byte = 'x';
	union {
		struct cmsghdr header;
		unsigned char room[CMSG_SPACE(sizeof(int))];
	} rights = { .header = {
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	} };
	struct iovec bytes = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &bytes, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};

	memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
	return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Return: what was passed on, or -1. */
static inline int fd_receive(int from)
{
	char byte;
	int fd = -1;
	union {
		struct cmsghdr header;
		unsigned char room[CMSG_SPACE(sizeof(int))];
	} rights = { .header = { .cmsg_len = 0 } };
	struct iovec room = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &room, .msg_iovlen = 1,
		.msg_control = &rights, .msg_controllen = sizeof(rights),
	};

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

#endif /* SELFTESTS_ROOT_SOCKETS_H */
