// SPDX-License-Identifier: MIT
/*
 * show [--allowed|--denied [udp:]ADDRESS:PORT | --opens|--shut PATH |
 *	--writes|--unwritable FOLDER]... - what a cell sees of itself
 *
 * The workload of samples/hello.json and isolated.json: prints the cell's cgroup,
 * surroundings, environment, open files and rights as the kernel tells them, then tries
 * each connection, file and folder. Exit status 0: all is as the command line says.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/vfs.h>
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

static unsigned int count_entries(const char *path, bool numbers)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir)))
		n += numbers ? atoi(entry->d_name) > 0 : entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static void show_directory(void)
{
	char path[1024], text[1200];
	struct statfs fs;

	if (!getcwd(path, sizeof(path)))
		strcpy(path, "?");
	snprintf(text, sizeof(text), "%s", path);
	if (statfs(".", &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		snprintf(text, sizeof(text), "%s: %llu KiB of memory, with %u files", path,
			 (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_bsize / 1024,
			 count_entries(".", false));
	row("directory", text);
}

static void show_network(void)
{
	struct if_nameindex *devices = if_nameindex();
	char text[256] = "";
	size_t used = 0;

	for (struct if_nameindex *p = devices; p && p->if_index && used < sizeof(text); p++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					 used ? ", " : "", p->if_name);
	if (devices)
		if_freenameindex(devices);
	row("network", text);
}

static void show_place(void)
{
	char buf[1024], text[96];

	row("cgroup", find_line("/proc/self/cgroup", "0::", buf, sizeof(buf)));
	show_directory();
	snprintf(text, sizeof(text), "%d, and sees %u", getpid(), count_entries("/proc", true));
	row("process", text);
	row("host name", gethostname(buf, sizeof(buf)) == 0 ? buf : "?");
	show_network();
}

static void show_process(void)
{
	struct rlimit files = { 0 }, core = { 0 };
	mode_t mask = umask(0);
	char text[160];

	umask(mask);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	snprintf(text, sizeof(text), "umask %04o, nice %d, %llu open files, core dumps of %llu byte",
		 mask, getpriority(PRIO_PROCESS, 0), (unsigned long long)files.rlim_cur,
		 (unsigned long long)core.rlim_cur);
	row("limits", text);
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

/* A file is opened to read, a folder to write: a file is made in it, and removed. */
static bool try_path(const char *path, bool write, bool wanted)
{
	char file[1024], text[1200];
	int fd, errnum;

	snprintf(file, sizeof(file), write ? "%s/show.tmp" : "%s", path);
	fd = open(file, write ? O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
	errnum = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && write)
		unlink(file);
	snprintf(text, sizeof(text), "%-30s %s%s", path, errnum ? strerror(errnum) : "yes",
		 !errnum == wanted ? "" : "  NOT as wanted");
	row(write ? "write to" : "open", text);
	return !errnum == wanted;
}

static bool try_one(const char *word, const char *what, bool *ret_known)
{
	static const struct {
		const char *word;
		bool path;
		bool write;
		bool wanted;
	} words[] = {
		{ "--allowed", false, false, true },	{ "--denied", false, false, false },
		{ "--opens", true, false, true },	{ "--shut", true, false, false },
		{ "--writes", true, true, true },	{ "--unwritable", true, true, false },
	};
	struct target target;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word))
			continue;
		*ret_known = what && (words[i].path || parse(what, &target));
		if (!*ret_known)
			return false;
		return words[i].path ? try_path(what, words[i].write, words[i].wanted) :
			try_target(&target, words[i].wanted);
	}
	*ret_known = false;
	return false;
}

int main(int argc, char **argv)
{
	bool good = true;

	show_place();
	show_environment();
	show_fds();
	show_user();
	show_rights();
	show_process();
	for (int i = 1; i < argc; i += 2) {
		bool known;

		good &= try_one(argv[i], argv[i + 1], &known);
		if (known)
			continue;
		fprintf(stderr, "usage: show [--allowed|--denied [udp:]ADDRESS:PORT | --opens|--shut "
			"PATH | --writes|--unwritable FOLDER]...\n");
		return 2;
	}
	return good ? 0 : 1;
}
