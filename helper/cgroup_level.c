// SPDX-License-Identifier: MIT
/*
 * The kernel alone knows what `socket cgroupv2 level N` counts from, so it is
 * asked, with a packet: see nft/level.h. The packet's socket is born in a cgroup
 * made for it below the parent, where leaves will be, by a process that does
 * nothing else; the helper itself never is in a cell's place. What that process
 * reads in /proc/self/cgroup says, in the words of this cgroup namespace, where
 * it was.
 */
#include "helper/cgroup_level.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/caps.h"
#include "lib/cleanup.h"
#include "lib/compat.h"
#include "lib/io.h"
#include "nft/level.h"

#define OUTSIDE_HINT	"name a cgroup below the root of the namespace, which is \"/\" in "	\
			"/proc/self/cgroup, or start the helper outside the namespace"

/**
 * struct trial - the cgroup, and what came of it
 * @name: of the cgroup, below the parent
 * @fd: its directory
 * @id: its inode number
 * @said: a memory file: what its process read in /proc/self/cgroup
 * @watch: what sees its packets
 * @level: as nf_tables counts
 * @base: inode number of the cgroup at level 0
 */
struct trial {
	char name[LEAF_NAME_MAX];
	int fd;
	uint64_t id;
	int said;
	struct nft_level *watch;
	unsigned int level;
	uint64_t base;
};

/* ---- in the child: async-signal-safe; the exit status is errno ---- */

static int copy_file(const char *path, int to)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	char buf[512];
	ssize_t n;

	if (from < 0)
		return -errno;
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return -EIO;
	return n < 0 ? -errno : 0;
}

/*
 * To the own port: nobody else can get it. To 0.0.0.0, which means this host: the
 * kernel then asks for no route, and so for no device that is up, before the
 * packet passes the output hook. What becomes of it there does not matter, and
 * EPERM only says that some table's rule took it away.
 */
static int send_to_self(void)
{
	struct sockaddr_in self = { .sin_family = AF_INET };
	socklen_t len = sizeof(self);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&self, &len) < 0)
		return -errno;
	self.sin_addr.s_addr = htonl(INADDR_ANY);
	if (sendto(fd, "", 1, 0, (struct sockaddr *)&self, len) < 0 && errno != EPERM)
		return -errno;
	return 0;
}

static void __attribute__((noreturn)) child_main(int said)
{
	int ret = copy_file("/proc/self/cgroup", said);

	if (ret == 0)
		ret = send_to_self();
	_exit(-ret);
}

/* ---- its parent ---- */

static int explain_clone(const struct cgroup_parent *parent, int errnum, struct error *err)
{
	if (errnum == ENOENT) {		/* cgroup2 mounted with nsdelegate */
		err_set(err, "parent", EINVAL, "%s, or the helper itself, is outside the root of "
			"this cgroup namespace", parent->path);
		err_hint(err, OUTSIDE_HINT);
		return -EINVAL;
	}
	err_set(err, "parent", errnum, "cannot start a process in a cgroup below %s",
		parent->path);
	if (errnum == EBUSY || errnum == EOPNOTSUPP)
		err_hint(err, "the parent is no plain domain cgroup (cgroup.type)");
	else if (errnum == EAGAIN)
		err_hint(err, "pids.max of a cgroup above, or RLIMIT_NPROC, is reached");
	return -errnum;
}

static bool ends_within(int pidfd, int seconds)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, seconds * 1000);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* A child that cannot run to its end, because somebody froze it just now, is killed. */
static int await_child(const struct cgroup_parent *parent, const struct trial *trial, int pidfd,
		       struct error *err)
{
	siginfo_t info = { .si_pid = 0 };

	if (!ends_within(pidfd, CELLOS_SPAWN_TIMEOUT)) {
		io_write_at(trial->fd, "cgroup.kill", "1");
		if (!ends_within(pidfd, CELLOS_KILL_TIMEOUT))
			return err_set(err, "parent", ETIMEDOUT, "a process below %s outlives "
				       "SIGKILL", parent->path);
	}
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0)
		return err_set(err, "parent", errno, "cannot wait for a process");
	if (info.si_code != CLD_EXITED)
		return err_set(err, "parent", ETIMEDOUT, "a process below %s had to be "
			       "killed", parent->path);
	if (info.si_status)
		return err_set(err, "parent", info.si_status, "a process below %s cannot %s",
			       parent->path, lseek(trial->said, 0, SEEK_END) > 0 ?
			       "send a datagram over IPv4" : "read /proc/self/cgroup");
	return 0;
}

static int send_from(const struct cgroup_parent *parent, const struct trial *trial,
		     struct error *err)
{
	int pidfd __free(fd) = -EBADF;
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&pidfd,
		.cgroup = (uint64_t)trial->fd,
	};
	/* No exit signal: a SIGCHLD that the caller ignores would lose the status. */
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		child_main(trial->said);
	if (pid < 0)
		return explain_clone(parent, errno, err);
	return await_child(parent, trial, pidfd, err);
}

/* ---- the experiment ---- */

static int begin_watch(struct trial *trial, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_EGRESS, err);

	return priv < 0 ? priv : nft_level_open(trial->id, &trial->watch, err);
}

static int read_watch(struct trial *trial, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_EGRESS, err);

	return priv < 0 ? priv : nft_level_read(trial->watch, &trial->level, &trial->base, err);
}

static int refuse_frozen(const struct cgroup_parent *parent, const struct trial *trial,
			 struct error *err)
{
	uint64_t frozen = 0;
	char buf[256];

	if (io_read_at(trial->fd, "cgroup.events", buf, sizeof(buf)) < 0 ||
	    !keyed_u64(buf, "frozen", &frozen) || !frozen)
		return 0;
	err_set(err, "parent", EBUSY, "%s is frozen", parent->path);
	err_hint(err, "thaw it: echo 0 > %s/cgroup.freeze (or that of a cgroup above)",
		 parent->path);
	return -EBUSY;
}

static int run_trial(const struct cgroup_parent *parent, struct trial *trial, struct error *err)
{
	int ret = refuse_frozen(parent, trial, err);

	if (ret == 0)
		ret = begin_watch(trial, err);
	if (ret == 0)
		ret = send_from(parent, trial, err);
	if (ret == 0)
		ret = read_watch(trial, err);
	if (ret != -ENODATA || err->errnum)
		return ret;
	err_set(err, "parent", EOPNOTSUPP, "nf_tables saw no packet from a cgroup below %s at "
		"levels 0 to %d", parent->path, NFT_LEVELS_TRIED - 1);
	err_hint(err, "name a parent that is less deep; a BPF program of a cgroup above may also "
		 "have stopped the packet");
	return -EOPNOTSUPP;
}

/* The path behind "0::" in what the trial's process said. To be freed. */
static char *path_said(struct trial *trial)
{
	FILE *f __free(file) = fdopen(trial->said, "r");
	char *line __free(mem) = NULL;
	size_t room = 0;

	if (!f)
		return NULL;
	take_fd(&trial->said);
	rewind(f);
	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::/", 4))
			return strdup(line + 3);
	}
	return NULL;
}

static int conclude(struct cgroup_parent *parent, struct trial *trial, struct error *err)
{
	char *path __free(mem) = path_said(trial);
	const char *name = path ? strrchr(path, '/') + 1 : "";
	unsigned int depth = 0;

	if (!path)
		return err_set(err, "parent", EPROTO, "/proc/self/cgroup has no line for cgroup2");
	if (strcmp(name, trial->name)) {
		err_set(err, "parent", EXDEV, "a process was moved out of its cgroup below %s",
			parent->path);
		err_hint(err, "another program of this host moves processes between cgroups: "
			 "exempt %s from it", parent->path);
		return -EXDEV;
	}
	if (!strncmp(path, "/../", 4)) {
		err_set(err, "parent", EINVAL, "%s is outside the root of this cgroup namespace",
			parent->path);
		err_hint(err, OUTSIDE_HINT);
		return -EINVAL;
	}
	for (const char *p = path; p + 1 < name; p++)
		depth += *p == '/';
	/* Counted from the namespace's root, it is what the path says. */
	if (trial->base != CGROUP_ROOT_ID && trial->level != depth + 1)
		return err_set(err, "parent", EPROTO, "%s is %u below the root of its cgroup "
			       "namespace, but a leaf %u below cgroup %llu for nf_tables",
			       parent->path, depth, trial->level,
			       (unsigned long long)trial->base);
	parent->level = trial->level - 1;
	parent->root = trial->base == CGROUP_ROOT_ID ? 0 : trial->base;
	parent->whole = parent->whole || (parent->root && depth <= parent->depth);
	parent->level_known = parent->by_trial = true;
	return 0;
}

static int trial_begin(const struct cgroup_parent *parent, struct trial *ret, struct error *err)
{
	strcpy(ret->name, TRIAL_PREFIX);
	cgroup_token(ret->name + strlen(TRIAL_PREFIX));
	ret->said = memfd_create("cgroup", MFD_CLOEXEC);
	if (ret->said < 0)
		return err_set(err, "parent", errno, "cannot make a memory file");
	return cgroup_leaf_make(parent, ret->name, &ret->fd, &ret->id, err);
}

static int trial_end(const struct cgroup_parent *parent, struct trial *trial, struct error *err)
{
	int ret = trial->fd >= 0 ? cgroup_leaf_remove(parent, trial->name) : 0;

	fd_close(&trial->fd);
	fd_close(&trial->said);
	return ret < 0 ? err_set(err, "parent", ret, "cannot remove %s/%s", parent->path,
				 trial->name) : 0;
}

int cgroup_level_find(struct cgroup_parent *parent, struct error *err)
{
	struct trial trial = { .fd = -EBADF, .said = -EBADF };
	struct error own = { 0 };
	int ret, end;

	if (parent->level_known)
		return 0;
	err = err ?: &own;
	ret = cgroup_lock(parent, err);
	if (ret < 0)
		return ret;
	ret = trial_begin(parent, &trial, err);
	if (ret == 0)
		ret = run_trial(parent, &trial, err);
	if (ret == 0)
		ret = conclude(parent, &trial, err);
	end = trial_end(parent, &trial, err);
	cgroup_unlock(parent);
	nft_level_close(trial.watch);	/* after the lock: it waits */
	return ret < 0 ? ret : end;
}
