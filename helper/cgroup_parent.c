// SPDX-License-Identifier: MIT
/* The cell parent: where it is, whether cells may live there, its lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cgroup.h"
#include "lib/cleanup.h"
#include "lib/io.h"

/* Inode of the root of a cgroup2 hierarchy; a mount may show less of it. */
#define CGROUP_ROOT_INO		1
/* Beyond so many children they are no longer looked at on the way to a cell. */
#define CHILDREN_LOOKED_AT	64
#define DEPTH_MAX		60
/* Inode of the first cgroup namespace: PROC_CGROUP_INIT_INO, fixed since 4.6. */
#define INITIAL_CGROUP_NS	"cgroup:[4026531835]"

/* Is the root of a cgroup2 hierarchy mounted here? */
static bool is_hierarchy(const char *path)
{
	struct statfs fs;
	struct stat st;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC &&
	       stat(path, &st) == 0 && st.st_ino == CGROUP_ROOT_INO;
}

/*
 * The first cgroup2 mount that shows the hierarchy from its root, to be freed.
 * The two usual places are tried first: mountinfo grows with the host's mounts.
 */
static char *find_mount(void)
{
	static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	FILE *f __free(file) = NULL;
	char *line __free(mem) = NULL;
	size_t room = 0;

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (is_hierarchy(usual[i]))
			return strdup(usual[i]);
	f = fopen("/proc/self/mountinfo", "re");
	while (f && getline(&line, &room, f) > 0) {
		char *root __free(mem) = NULL, *point __free(mem) = NULL;
		char *type = strstr(line, " - ");

		if (!type || strncmp(type + 3, "cgroup2 ", 8))
			continue;
		if (sscanf(line, "%*d %*d %*s %ms %ms", &root, &point) == 2 && !strcmp(root, "/"))
			return take_ptr(point);
	}
	return NULL;
}

/* The path of the own cgroup, from the line "0::/path" of /proc/self/cgroup. */
static char *own_cgroup(void)
{
	FILE *f __free(file) = fopen("/proc/self/cgroup", "re");
	char *line __free(mem) = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		return strdup(line + 3);
	}
	return NULL;
}

/* A manager says so with user.delegate=1 (systemd), or by giving it to a user. */
static bool is_delegated(const char *path)
{
	char value[4];
	struct stat st;

	if (getxattr(path, "user.delegate", value, sizeof(value)) == 1 && value[0] == '1')
		return true;
	return stat(path, &st) == 0 && st.st_uid != 0;
}

static int find_parent(char *path, struct error *err)
{
	char *mount __free(mem) = find_mount();
	char *own __free(mem) = own_cgroup();
	char *full __free(mem) = NULL;
	int len;

	if (!mount) {
		err_set(err, "parent", ENOENT, "no cgroup2 file system is mounted");
		err_hint(err, "mount -t cgroup2 none /sys/fs/cgroup, or boot with "
			 "systemd.unified_cgroup_hierarchy=1");
		return -ENOENT;
	}
	if (own && strcmp(own, "/") && asprintf(&full, "%s%s", mount, own) < 0)
		return err_set(err, "parent", ENOMEM, "no memory");
	len = snprintf(path, PATH_MAX, "%s/cellos", full && is_delegated(full) ? full : mount);
	return len < PATH_MAX ? 0 : err_set(err, "parent", ENAMETOOLONG, "%s", mount);
}

/* Steps up to the root of the hierarchy; -1: this mount does not show it. */
static int steps_to_root(int fd)
{
	char up[3 * DEPTH_MAX + 2] = ".";
	struct stat here, st;

	if (fstat(fd, &here) < 0)
		return -1;
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (fstatat(fd, up, &st, 0) < 0 || st.st_dev != here.st_dev)
			return -1;
		if (st.st_ino == CGROUP_ROOT_INO)
			return depth;
		strcat(up, "/..");
	}
	return -1;
}

/*
 * nftables counts levels from the root of the hierarchy or from that of the
 * cgroup namespace, by kernel. Where the two differ a rule might match nothing.
 */
static int find_level(struct cgroup_parent *parent, struct error *err)
{
	int level = steps_to_root(parent->fd);
	char ns[64] = "";

	if (readlink("/proc/self/ns/cgroup", ns, sizeof(ns) - 1) < 0)
		return err_set(err, "parent", errno, "cannot read /proc/self/ns/cgroup");
	if (level < 0 || strcmp(ns, INITIAL_CGROUP_NS)) {
		err_set(err, "parent", EOPNOTSUPP, "%s is seen from inside a cgroup namespace or "
			"a partial mount, which is not built yet", parent->path);
		err_hint(err, "run the helper in the initial cgroup namespace, with the whole "
			 "hierarchy mounted");
		return -EOPNOTSUPP;
	}
	parent->level = (unsigned int)level;
	return 0;
}

static int open_parent(struct cgroup_parent *parent, struct error *err)
{
	struct statfs fs;
	struct stat st;

	parent->fd = open(parent->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent->fd < 0)
		return -errno;
	if (fstatfs(parent->fd, &fs) < 0 || fstat(parent->fd, &st) < 0)
		return err_set(err, "parent", errno, "cannot look at %s", parent->path);
	if (fs.f_type != CGROUP2_SUPER_MAGIC) {
		err_set(err, "parent", EINVAL, "%s is not on a cgroup2 file system%s",
			parent->path, fs.f_type == CGROUP_SUPER_MAGIC ? " but on cgroup v1" : "");
		err_hint(err, "name a folder of the unified hierarchy: findmnt -t cgroup2");
		return -EINVAL;
	}
	parent->id = st.st_ino;
	parent->lock_fd = openat(parent->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (parent->lock_fd < 0)
		parent->lock_fd = -errno;	/* only who locks needs it */
	return find_level(parent, err);
}

static int make_parent(const char *path, struct error *err)
{
	int priv __free(priv) = -1;

	if (access(path, F_OK) == 0)
		return 0;
	priv = caps_raise(PRIV_PARENT, err);
	if (priv < 0)
		return priv;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_set(err, "parent", errno, "cannot make %s", path);
	return 0;
}

int cgroup_parent_open(const char *path, bool create, struct cgroup_parent *ret, struct error *err)
{
	struct cgroup_parent parent = CGROUP_PARENT_NONE;
	int status;

	if (path && !realpath(path, parent.path)) {
		status = err_set(err, "parent", errno, "cannot use the cgroup parent %s", path);
		err_hint(err, "make it first: mkdir %s", path);
		return status;
	}
	if (!path) {
		status = find_parent(parent.path, err);
		if (status < 0)
			return status;
		status = create ? make_parent(parent.path, err) : 0;
		if (status < 0)
			return status;
	}
	status = open_parent(&parent, err);
	if (status == 0) {
		*ret = parent;
		return 0;
	}
	cgroup_parent_done(&parent);
	if (status == -ENOENT && !path && !create) {
		memcpy(ret->path, parent.path, sizeof(ret->path));
		return status;
	}
	return err_set(err, "parent", status, "cannot open %s", parent.path);
}

void cgroup_parent_done(struct cgroup_parent *parent)
{
	fd_close(&parent->fd);
	fd_close(&parent->lock_fd);
}

static int check_children(const struct cgroup_parent *parent, struct error *err)
{
	DIR *dir __free(dir) = io_opendir_at(parent->fd, ".");
	struct dirent *entry;

	if (!dir)
		return err_set(err, "parent", errno, "cannot list %s", parent->path);
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    !strncmp(entry->d_name, LEAF_PREFIX, strlen(LEAF_PREFIX)))
			continue;
		err_set(err, "parent", EBUSY, "%s holds %s, which is no cell", parent->path,
			entry->d_name);
		err_hint(err, "a cell parent holds cells only: name an empty cgroup of its own");
		return -EBUSY;
	}
	return 0;
}

static ssize_t read_control(const struct cgroup_parent *parent, const char *name, char *buf,
			    size_t size, struct error *err)
{
	ssize_t n = io_read_at(parent->fd, name, buf, size);

	return n < 0 ? err_set(err, "parent", (int)n, "cannot read %s/%s", parent->path, name) : n;
}

int cgroup_parent_check(const struct cgroup_parent *parent, struct error *err)
{
	char buf[256];
	uint64_t frozen = 0;
	ssize_t n;

	if (parent->level == 0) {
		err_set(err, "parent", EINVAL, "%s is the root of the hierarchy", parent->path);
		err_hint(err, "name a cgroup below it, for example %s/cellos", parent->path);
		return -EINVAL;
	}
	n = read_control(parent, "cgroup.type", buf, sizeof(buf), err);
	if (n < 0)
		return (int)n;
	if (strcmp(buf, "domain\n")) {
		buf[strcspn(buf, "\n")] = '\0';
		err_set(err, "parent", EINVAL, "%s has cgroup.type \"%s\"", parent->path, buf);
		err_hint(err, "a cell parent must be a \"domain\": threaded ones have no "
			 "limits of their own");
		return -EINVAL;
	}
	n = read_control(parent, "cgroup.events", buf, sizeof(buf), err);
	if (n < 0)
		return (int)n;
	if (!keyed_u64(buf, "frozen", &frozen) || frozen) {
		err_set(err, "parent", EBUSY, "%s is frozen: a cell would never start",
			parent->path);
		err_hint(err, "echo 0 > %s/cgroup.freeze (or that of a cgroup above)",
			 parent->path);
		return -EBUSY;
	}
	n = read_control(parent, "cgroup.procs", buf, sizeof(buf), err);
	if (n < 0)
		return (int)n;
	if (n > 0) {
		err_set(err, "parent", EBUSY, "%s has processes of its own", parent->path);
		err_hint(err, "a cell parent holds cells only: name an empty cgroup");
		return -EBUSY;
	}
	if (cgroup_parent_cells(parent) <= CHILDREN_LOOKED_AT)
		return check_children(parent, err);
	return 0;
}

unsigned int cgroup_parent_cells(const struct cgroup_parent *parent)
{
	struct stat st;

	if (fstat(parent->fd, &st) < 0 || st.st_nlink < 2)
		return 0;
	return (unsigned int)st.st_nlink - 2;
}

int cgroup_lock(const struct cgroup_parent *parent, struct error *err)
{
	uint64_t deadline = now_ns() + CELLOS_LOCK_TIMEOUT * NSEC_PER_SEC;
	struct timespec pause = { .tv_nsec = 100000 };

	if (parent->lock_fd < 0) {
		err_set(err, "lock", parent->lock_fd, "cannot open %s/cgroup.kill", parent->path);
		err_hint(err, "the cell parent must be writable for root without capabilities: "
			 "owned by root, on a cgroup2 mounted rw");
		return parent->lock_fd;
	}
	while (flock(parent->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(err, "lock", errno, "cannot lock %s/cgroup.kill",
				       parent->path);
		if (now_ns() > deadline) {
			err_set(err, "lock", ETIMEDOUT, "another helper holds the lock of %s "
				"for %d seconds", parent->path, CELLOS_LOCK_TIMEOUT);
			err_hint(err, "it may be stopped: see lslocks(8) for its pid");
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 2000000)
			pause.tv_nsec *= 2;
	}
	return 0;
}

void cgroup_unlock(const struct cgroup_parent *parent)
{
	flock(parent->lock_fd, LOCK_UN);
}
