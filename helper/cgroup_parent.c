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

/* Beyond so many children they are no longer looked at on the way to a cell. */
#define CHILDREN_LOOKED_AT	64
#define DEPTH_MAX		60
/* Inode of the first cgroup namespace, the same since 4.6; later ones get higher ones. */
#define CGROUP_NS_INITIAL	0xeffffffbU

static bool in_initial_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/cgroup", &st) == 0 && st.st_ino == CGROUP_NS_INITIAL;
}

/* Is the root of a cgroup2 hierarchy mounted here? */
static bool is_hierarchy(const char *path)
{
	struct statfs fs;
	struct stat st;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC &&
	       stat(path, &st) == 0 && st.st_ino == CGROUP_ROOT_ID;
}

/*
 * The first cgroup2 mount that shows the hierarchy, as far as this cgroup namespace
 * knows it, from its root; to be freed. Only there do the paths of /proc/self/cgroup
 * fit. The two usual places are tried first: mountinfo grows with the host's mounts.
 */
static char *find_mount(void)
{
	static const char *const usual[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	FILE *f __free(file) = NULL;
	char *line __free(mem) = NULL;
	size_t room = 0;

	for (size_t i = 0; in_initial_namespace() && i < ARRAY_SIZE(usual); i++)
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

/*
 * The path of the own cgroup, from the line "0::/path" of /proc/self/cgroup; NULL
 * also for one outside the root of the cgroup namespace, which begins with "/..".
 */
static char *own_cgroup(void)
{
	FILE *f __free(file) = fopen("/proc/self/cgroup", "re");
	char *line __free(mem) = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		return !strcmp(line + 3, "/..") || !strncmp(line + 3, "/../", 4) ? NULL :
		       strdup(line + 3);
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

	if (!mount && !in_initial_namespace()) {
		err_set(err, "parent", ENOENT, "no cgroup2 mount shows the root of this cgroup "
			"namespace");
		err_hint(err, "from inside of it: mount -t cgroup2 none DIR, or name a "
			 "--cgroup-parent");
		return -ENOENT;
	}
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

/* Not where there is no such file: the controller is not given to this cgroup. */
static bool is_oom_group(int dirfd, const char *up)
{
	char path[3 * DEPTH_MAX + 20], value[4];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/memory.oom.group", up);
	n = io_read_at(dirfd, path, value, sizeof(value));
	return n < 0 ? n != -ENOENT : value[0] == '1';
}

/*
 * How much does the mount show above the parent? Where that ends with the root of
 * the hierarchy, and nf_tables counts from there, too, the level is known; where
 * the two may differ a rule could match nothing. A part of the hierarchy may be
 * mounted in the middle of it, and ".." then leads on, to another place.
 */
static void look_up(struct cgroup_parent *parent)
{
	char up[3 * DEPTH_MAX + 2] = ".";
	uint64_t top = 0;
	struct statx st;

	while (statx(parent->fd, up, 0, STATX_INO, &st) == 0) {
		top = st.stx_ino;
		parent->oom_group = parent->oom_group || is_oom_group(parent->fd, up);
		if (top == CGROUP_ROOT_ID || st.stx_attributes & STATX_ATTR_MOUNT_ROOT ||
		    parent->depth == DEPTH_MAX)
			break;
		strcat(up, "/..");
		parent->depth++;
	}
	parent->whole = top == CGROUP_ROOT_ID;
	parent->level_known = parent->whole && (!parent->depth || in_initial_namespace());
	parent->level = parent->level_known ? parent->depth : CGROUP_LEVEL_UNKNOWN;
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
	look_up(parent);
	return 0;
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

/* It has to be made, if it is a place where it can be. */
static void hint_missing(const char *path, struct error *err)
{
	char *mount __free(mem) = find_mount();
	size_t length = mount ? strlen(mount) : 0;

	if (!mount)
		err_hint(err, "it is a folder of a cgroup2 file system, and none is mounted");
	else if (!strncmp(path, mount, length) && path[length] == '/')
		err_hint(err, "make it first: mkdir %s", path);
	else
		err_hint(err, "it is a folder below the cgroup2 mount, %s: mkdir %s/NAME, and name "
			 "that", mount, mount);
}

int cgroup_parent_open(const char *path, bool create, struct cgroup_parent *ret, struct error *err)
{
	struct cgroup_parent parent = CGROUP_PARENT_NONE;
	int status;

	if (path && !realpath(path, parent.path)) {
		status = err_set(err, "parent", errno, "cannot use the cgroup parent %s", path);
		hint_missing(path, err);
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

/* The file handle of a cgroup is its inode number: see name_to_handle_at(2). */
int cgroup_id_exists(const struct cgroup_parent *parent, uint64_t id)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} own = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int fd __free(fd) = -EBADF;
	int mount;

	if (name_to_handle_at(parent->fd, "", &own.handle, &mount, AT_EMPTY_PATH) < 0)
		return -errno;
	if (own.handle.handle_bytes != sizeof(id) ||
	    memcmp(own.handle.f_handle, &parent->id, sizeof(id)))
		return -EOPNOTSUPP;
	memcpy(own.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(parent->fd, &own.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ESTALE ? 0 : -errno;
	return 1;
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

	if (parent->id == CGROUP_ROOT_ID) {
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

/* Not nlink minus trials: a trial that ends in between would hide a cell. */
static unsigned int count_cells(const struct cgroup_parent *parent, unsigned int otherwise)
{
	DIR *dir __free(dir) = io_opendir_at(parent->fd, ".");
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir)
		return otherwise;
	while ((entry = readdir(dir)))
		n += entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
		     strncmp(entry->d_name, TRIAL_PREFIX, strlen(TRIAL_PREFIX));
	return n;
}

unsigned int cgroup_parent_cells(const struct cgroup_parent *parent)
{
	unsigned int n;
	struct stat st;

	if (fstat(parent->fd, &st) < 0 || st.st_nlink < 2)
		return 0;
	n = (unsigned int)st.st_nlink - 2;
	return parent->by_trial && n <= CHILDREN_LOOKED_AT ? count_cells(parent, n) : n;
}

int cgroup_lock(const struct cgroup_parent *parent, struct error *err)
{
	uint64_t deadline = now_ns() + CELLOS_LOCK_TIMEOUT * NSEC_PER_SEC;
	struct timespec pause = { .tv_nsec = 100000 };

	if (parent->lock_fd < 0) {
		err_set(err, "lock", parent->lock_fd, "cannot open %s/cgroup.kill", parent->path);
		err_hint(err, "the cell parent must be writable for the helper's uid, %u, without "
			 "capabilities: owned by it, on a cgroup2 mounted rw", geteuid());
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
