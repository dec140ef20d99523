// SPDX-License-Identifier: MIT
/*
 * show [--allowed|--denied [udp:]ADDRESS:PORT]... - what a cell sees of itself
 *
 * The workload of samples/hello.json: prints the cell's cgroup, environment,
 * open files and rights as the kernel tells them, then tries each connection.
 * Exit status 0: each was allowed or denied as the command line says.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT	5	/* seconds; a denial comes at once */

struct target {
	const char *text;
	int type;
	struct sockaddr_storage addr;
	socklen_t size;
};

static void row(const char *name, const char *value)
{
	printf("  %-14s %s\n", name, value);
}

/* The rest of the line that begins so; "?" if there is none. */
static const char *find_line(const char *path, const char *start, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	const char *found = "?";

	while (f && fgets(buf, (int)size, f)) {
		if (strncmp(buf, start, strlen(start)))
			continue;
		buf[strcspn(buf, "\n")] = '\0';
		found = buf + strlen(start);
		found += strspn(found, " \t");
		break;
	}
	if (f)
		fclose(f);
	return found;
}

static void show_environment(void)
{
	const char *name = "environment";

	if (!*environ)
		row(name, "(empty)");
	for (char **pair = environ; *pair; pair++) {
		row(name, *pair);
		name = "";
	}
}

static void show_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const char *name = "open files";
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char text[300], to[128];
		ssize_t n;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
			continue;
		n = readlinkat(dirfd(dir), entry->d_name, to, sizeof(to) - 1);
		to[n > 0 ? n : 0] = '\0';
		snprintf(text, sizeof(text), "%.16s -> %s", entry->d_name, to);
		row(name, text);
		name = "";
	}
	if (dir)
		closedir(dir);
}

static void show_user(void)
{
	char text[96];

	snprintf(text, sizeof(text), "uid %u, gid %u, %d more groups", getuid(), getgid(),
		 getgroups(0, NULL));
	row("user", text);
}

static void show_rights(void)
{
	static const char *const sets[] = { "CapPrm:", "CapEff:", "CapInh:", "CapBnd:", "CapAmb:" };
	char buf[256], text[256] = "none";
	size_t used = 0;

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const char *value = find_line("/proc/self/status", sets[i], buf, sizeof(buf));

		if (strspn(value, "0") != strlen(value))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s ",
						 sets[i], value);
	}
	row("capabilities", text);
	row("no_new_privs", find_line("/proc/self/status", "NoNewPrivs:", buf, sizeof(buf)));
}

static void show_place(void)
{
	char buf[4096];

	row("cgroup", find_line("/proc/self/cgroup", "0::", buf, sizeof(buf)));
	row("directory", getcwd(buf, sizeof(buf)) ? buf : "?");
}

/* [udp:]1.2.3.4:80 or [udp:][::1]:80 */
static bool parse(const char *text, struct target *ret)
{
	struct sockaddr_in *v4 = (void *)&ret->addr;
	struct sockaddr_in6 *v6 = (void *)&ret->addr;
	char host[64];
	unsigned int port;

	*ret = (struct target){ .text = text, .type = SOCK_STREAM };
	if (!strncmp(text, "udp:", 4)) {
		ret->type = SOCK_DGRAM;
		text += 4;
	}
	if (sscanf(text, "[%63[0-9a-f:]]:%5u", host, &port) == 2) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		ret->size = sizeof(*v6);
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
	}
	if (sscanf(text, "%63[0-9.]:%5u", host, &port) != 2)
		return false;
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	ret->size = sizeof(*v4);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* What the server says, or 0 bytes of it for udp. Return: 0 or an errno. */
static int reach(const struct target *target, char *said, size_t size)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT };
	int fd = socket(target->addr.ss_family, target->type | SOCK_CLOEXEC, 0);
	int errnum = 0;
	ssize_t n = 0;

	said[0] = '\0';
	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const void *)&target->addr, target->size) < 0)
		errnum = errno;
	else if (target->type == SOCK_DGRAM)
		errnum = send(fd, "x", 1, 0) < 0 ? errno : 0;
	else if ((n = recv(fd, said, size - 1, MSG_WAITALL)) < 0)
		errnum = errno;
	close(fd);
	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return errnum;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool try_target(const struct target *target, bool allowed)
{
	uint64_t begin = now_usec();
	char said[64], text[256];
	int errnum = reach(target, said, sizeof(said));
	bool as_wanted = allowed ? !errnum : errnum == ECONNREFUSED || errnum == EPERM;

	if (errnum)
		snprintf(text, sizeof(text), "%-22s denied: %s, after %llu us", target->text,
			 strerror(errnum), (unsigned long long)(now_usec() - begin));
	else
		snprintf(text, sizeof(text), "%-22s allowed: \"%s\"", target->text, said);
	if (!as_wanted)
		strcat(text, allowed ? "  NOT as wanted" : "  NOT denied as wanted");
	row("connect to", text);
	return as_wanted;
}

int main(int argc, char **argv)
{
	bool good = true;

	show_place();
	show_environment();
	show_fds();
	show_user();
	show_rights();
	for (int i = 1; i < argc; i += 2) {
		bool allowed = !strcmp(argv[i], "--allowed");
		struct target target;

		if ((!allowed && strcmp(argv[i], "--denied")) || i + 1 == argc ||
		    !parse(argv[i + 1], &target)) {
			fprintf(stderr, "usage: show [--allowed|--denied [udp:]ADDRESS:PORT]...\n");
			return 2;
		}
		good &= try_target(&target, allowed);
	}
	return good ? 0 : 1;
}
