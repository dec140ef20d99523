/* SPDX-License-Identifier: MIT */
/*
 * What the tests of nft/ share: a network namespace with loopback up, cgroups
 * of their own, cells, and processes that open real sockets in them.
 */
#ifndef SELFTESTS_NFT_FIXTURE_H
#define SELFTESTS_NFT_FIXTURE_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nft/cells.h"

#define CGROUP_PREFIX	"cellos_nft_test_"
#define PARENT_ID	77	/* any number: only a scope of ids here */

/* Where cgroup2 is mounted; false: nowhere. */
static inline bool cgroup2_mount(char *path, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], point[2048];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s / %2047s", point) == 1)
			found = snprintf(path, size, "%s", point) < (int)size;
	}
	if (file)
		fclose(file);
	return found;
}

/* Removes a cgroup and those below it. */
static inline void cgroup_remove(const char *path)
{
	struct dirent *entry;
	char below[4096];
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) <
		    (int)sizeof(below))
			cgroup_remove(below);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* Removes our own folder, and those of test processes that are gone. */
static inline void cgroup_sweep(const char *mount)
{
	struct dirent *entry;
	DIR *dir = opendir(mount);
	char path[4096];
	int pid;

	while (dir && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, CGROUP_PREFIX "%d", &pid) != 1 ||
		    (pid != getpid() && !kill(pid, 0)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", mount, entry->d_name);
		cgroup_remove(path);
	}
	if (dir)
		closedir(dir);
}

/* Makes a cgroup. Return: its inode number, 0: failed. */
static inline uint64_t cgroup_make(const char *path)
{
	struct stat st;

	if (mkdir(path, 0755) || stat(path, &st))
		return 0;
	return st.st_ino;
}

/* Makes one below another. Return: its path, for the rest of the test; NULL: failed. */
static inline char *cgroup_below(const char *parent, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", parent, name) < 0)
		return NULL;
	return cgroup_make(path) ? path : NULL;
}

static inline uint64_t cgroup_inode(const char *path)
{
	struct stat st = { 0 };

	return path && !stat(path, &st) ? st.st_ino : 0;
}

static inline bool loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request);

	if (fd >= 0)
		close(fd);
	return up;
}

struct endpoint {
	int family;
	int type;
	uint16_t port;
};

static inline socklen_t endpoint_addr(const struct endpoint *to, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (void *)ret;
	struct sockaddr_in *v4 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)to->family;
	if (to->family == AF_INET) {
		v4->sin_port = htons(to->port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(to->port);
	v6->sin6_addr = in6addr_loopback;
	return sizeof(*v6);
}

/* A server that never answers; -1: failed. */
static inline int serve(const struct endpoint *at)
{
	int fd = socket(at->family, at->type | SOCK_CLOEXEC, 0);
	struct sockaddr_storage addr;
	socklen_t len = endpoint_addr(at, &addr);

	if (fd >= 0 && (bind(fd, (void *)&addr, len) ||
			(at->type == SOCK_STREAM && listen(fd, 64)))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Connects, or sends @n datagrams of 10 bytes. Return: 0 or errno. */
static inline int reach(const struct endpoint *to, int n)
{
	int fd = socket(to->family, to->type | SOCK_CLOEXEC, 0), r = 0;
	struct sockaddr_storage addr;
	socklen_t len = endpoint_addr(to, &addr);

	if (fd < 0)
		return errno;
	if (to->type == SOCK_STREAM)
		r = connect(fd, (void *)&addr, len) ? errno : 0;
	for (; to->type == SOCK_DGRAM && n && !r; n--)
		r = sendto(fd, "0123456789", 10, 0, (void *)&addr, len) == 10 ? 0 : errno;
	close(fd);
	return r;
}

/* Does the same in a process that was put into a cgroup first. */
static inline int reach_from(const char *cgroup, const struct endpoint *to, int n)
{
	char path[4200];
	int fd, status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(255);
		_exit(reach(to, n));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static inline struct egress_net loopback_net(int family)
{
	struct egress_net net = { .family = 4, .prefix = 32, .addr = { 127, 0, 0, 1 } };

	if (family == AF_INET6)
		net = (struct egress_net) { .family = 6, .prefix = 128, .addr = { [15] = 1 } };
	return net;
}

/* A rule of the document in short. */
struct allow {
	const char *host;
	uint8_t prefix;
	uint16_t first, last;	/* 0: any port */
	uint8_t protocols;
};

#define ALLOWS_MAX	64

/* Compiles the rules up to the one without a host. */
static inline int allow_policy(const struct allow *allow, struct egress_policy *ret)
{
	struct egress_rule rules[ALLOWS_MAX];
	struct egress_net nets[ALLOWS_MAX];
	unsigned int n;

	for (n = 0; n < ALLOWS_MAX && allow->host; n++, allow++) {
		bool v6 = strchr(allow->host, ':');

		nets[n] = (struct egress_net) { .family = v6 ? 6 : 4, .prefix = allow->prefix };
		if (inet_pton(v6 ? AF_INET6 : AF_INET, allow->host, nets[n].addr) != 1)
			return -EINVAL;
		rules[n] = (struct egress_rule) {
			&nets[n], 1, NULL, allow->first, allow->last, allow->protocols
		};
	}
	return egress_compile(rules, n, ret, NULL);
}

/**
 * struct place - where cells of a test live
 * @folder: a cell parent, one level below the root
 * @leaf: a cell's cgroup in it
 */
struct place {
	char mount[2048];
	char folder[2112];
	char leaf[2176];
	uint64_t folder_id, leaf_id;
};

/* place_setup() - make both. NULL, or why not. */
static inline const char *place_setup(struct place *place)
{
	if (!cgroup2_mount(place->mount, sizeof(place->mount)))
		return "a cgroup2 mount is needed";
	cgroup_sweep(place->mount);
	snprintf(place->folder, sizeof(place->folder), "%s/" CGROUP_PREFIX "%d", place->mount,
		 getpid());
	snprintf(place->leaf, sizeof(place->leaf), "%s/cell", place->folder);
	place->folder_id = cgroup_make(place->folder);
	place->leaf_id = cgroup_make(place->leaf);
	return place->folder_id && place->leaf_id ? NULL : "cannot make cgroups";
}

/* A governed cell with a dynamic uid; @n tells cells apart. */
static inline struct nft_cell test_cell(uint64_t cgroup_id, unsigned int n, char id[32],
					const struct egress_policy *policy)
{
	snprintf(id, 32, "cell-%u", n);
	return (struct nft_cell) {
		.cgroup_id = cgroup_id, .parent_id = PARENT_ID, .level = 2, .id = id,
		.uid = 2000000000U + n, .uid_unique = true, .governed = true, .policy = policy,
	};
}

/**
 * struct scene - one cell, with a real cgroup below its real parent
 * @nft: a connection
 * @cell: of place.leaf, not added yet, without rules
 */
struct scene {
	struct place place;
	struct nft *nft;
	struct error err;
	struct egress_policy policy;
	struct nft_cell cell;
	char id[32];
};

/* scene_setup() - in the network namespace as it is. NULL, or why not. */
static inline const char *scene_setup(struct scene *s)
{
	const char *reason = place_setup(&s->place);

	if (!reason && (nft_open(&s->nft, &s->err) || egress_compile(NULL, 0, &s->policy, &s->err)))
		reason = s->err.message;
	if (reason) {
		/* A fixture that skips has no teardown. */
		if (s->place.folder_id)
			cgroup_sweep(s->place.mount);
		return reason;
	}
	s->cell = test_cell(s->place.leaf_id, 1, s->id, &s->policy);
	s->cell.parent_id = s->place.folder_id;
	return NULL;
}

/* scene_allow() - the rules that the cell is to have. 0 or -errno. */
static inline int scene_allow(struct scene *s, const struct allow *allow)
{
	egress_policy_done(&s->policy);
	return allow_policy(allow, &s->policy);
}

static inline void scene_teardown(struct scene *s)
{
	nft_close(s->nft);
	egress_policy_done(&s->policy);
	cgroup_sweep(s->place.mount);
}

#endif /* SELFTESTS_NFT_FIXTURE_H */
