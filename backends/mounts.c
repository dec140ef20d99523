// SPDX-License-Identifier: MIT
/*
 * The mounts of a cell's own, made by whoever is born in its mount namespace, with
 * the calls that take fds (fsopen(2) and its kin, Linux 5.2): what is mounted on is
 * what was opened and looked at, whatever happens to its path meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/child_parts.h"
#include "lib/cleanup.h"
#include "lib/compat.h"
#include "uapi/cellos.h"

#define SECURE		(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define SECURE_NOEXEC	(SECURE | MOUNT_ATTR_NOEXEC)
#define OPTIONS		7
#define PROC_ROOT_INODE	1

/* One key=value of a file system that is to be; the list ends with a NULL key. */
struct option {
	const char *key;
	const char *value;
};

/* Return: an fd of a mount that is nowhere yet, or -1. */
static int make(const char *type, const struct option *options, unsigned int attributes)
{
	int fs __free(fd) = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	for (; options && options->key; options++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, options->key, options->value, 0) < 0)
			return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, attributes);
}

static int attach(int mount_fd, int target_fd)
{
	return mount_fd < 0 || target_fd < 0 ? -1 :
		move_mount(mount_fd, "", target_fd, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int open_folder(const char *path)
{
	return sys_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
			   RESOLVE_NO_SYMLINKS);
}

/* A file system of the cell's own over one that all hosts have at this path. */
static int cover(const char *path, const char *type, const struct option *options,
		 unsigned int attributes)
{
	int target __free(fd) = open_folder(path);
	int fd __free(fd) = target < 0 ? -EBADF : make(type, options, attributes);

	return attach(fd, target);
}

/* Where the host has no such folder there is nothing to be shared. */
static int cover_if_there(const char *path, const char *type, const struct option *options)
{
	if (cover(path, type, options, SECURE_NOEXEC) == 0 || access(path, F_OK) < 0)
		return 0;
	return -1;
}

static void tmpfs_options(const struct child_namespaces *ns, const char *mode,
			  struct option options[OPTIONS])
{
	options[0] = (struct option){ "size", ns->size };
	options[1] = (struct option){ "nr_inodes", ns->inodes };
	options[2] = (struct option){ "mode", mode };
	options[3] = (struct option){ "uid", ns->owner_uid };
	options[4] = (struct option){ "gid", ns->owner_gid };
	options[5] = (struct option){ "source", "cellos" };
	options[6] = (struct option){ NULL, NULL };
}

/* The folder has to be the one that the helper saw or made. */
static int mount_workspace(const struct child_namespaces *ns, struct child_status *status)
{
	const struct child_workspace *workspace = ns->workspace;
	int target __free(fd) = open_folder(workspace->path);
	int fd __free(fd) = -EBADF;
	struct option options[OPTIONS];
	struct stat st;

	if (target < 0 || fstat(target, &st) < 0)
		return -1;
	if (st.st_dev != workspace->dev || st.st_ino != workspace->ino) {
		errno = ESTALE;
		return -1;
	}
	tmpfs_options(ns, "0700", options);
	fd = make("tmpfs", options, SECURE);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	status->workspace = st.st_dev;
	return attach(fd, target);
}

/*
 * A device of the host's in a mount of its own: a character device can be written to where
 * the mount is read-only, but its owner cannot change its mode, times and attributes, which
 * are the host's. Return: an fd of a mount that is nowhere yet, or -1.
 */
static int copy_device(int dirfd, const char *path)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	};
	int fd __free(fd) = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				     AT_EMPTY_PATH);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return take_fd(&fd);
}

static int open_hidden(const char *path)
{
	return sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
}

/* A folder by an empty one that nobody may enter, anything else by @null. */
static int put_over(int target, int null, struct stat *ret_over)
{
	static const struct option options[] = {
		{ "mode", "0000" }, { "nr_inodes", "1" }, { "size", "4096" },
		{ "source", "cellos" }, { NULL, NULL },
	};
	int fd __free(fd) = -EBADF;
	struct stat st;

	if (target < 0 || fstat(target, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		fd = make("tmpfs", options, SECURE_NOEXEC | MOUNT_ATTR_RDONLY);
	else
		fd = copy_device(null, "");
	return fd < 0 || fstat(fd, ret_over) < 0 ? -1 : attach(fd, target);
}

static int hide(const char *path)
{
	int target __free(fd) = open_hidden(path);
	int null __free(fd) = target < 0 ? -EBADF : open_hidden("/dev/null");
	struct stat over;

	return target < 0 ? -1 : put_over(target, null, &over);
}

/*
 * Does it lie in the folder of one process? By a name as /proc/self/maps, or /proc/net, each
 * process comes to another one: nothing would be hidden from the workload.
 */
static bool is_of_process(int fd)
{
	char link[32], path[PATH_MAX];
	struct stat self, top;
	struct statfs fs;
	ssize_t length;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &self) < 0)
		return true;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return true;
	path[length] = '\0';
	for (char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		size_t digits = strspn(slash + 1, "0123456789");

		if (!digits || (slash[1 + digits] && slash[1 + digits] != '/'))
			continue;
		/* Only below its root the names of procfs that are numbers are processes. */
		*slash = '\0';
		if (stat(*path ? path : "/", &top) < 0 ||
		    (top.st_dev == self.st_dev && top.st_ino == PROC_ROOT_INODE))
			return true;
		*slash = '/';
	}
	return false;
}

/* One of the hidden paths, and what was put over it. */
struct hidden {
	int target;
	dev_t dev;
	ino_t ino;
};

/*
 * Does the path lead to what was put over it, or over another one? Not one that leads to the
 * root: who is there sees what is below the mount. One below another cannot be come by.
 */
static bool is_hidden(const char *path, const struct hidden *hidden, unsigned int n)
{
	int fd __free(fd) = open_hidden(path);
	struct stat st;

	if (fd < 0)
		return n > 1 && (errno == EACCES || errno == ENOENT);
	if (fstat(fd, &st) < 0)
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (st.st_dev == hidden[i].dev && st.st_ino == hidden[i].ino)
			return true;
	return false;
}

/* First all are found, then all covered: the one may lie in the other. At last looked up anew. */
static int hide_all(char *const *paths, struct child_status *status)
{
	struct hidden hidden[CELLOS_LIST_MAX];
	int null __free(fd) = open_hidden("/dev/null");
	unsigned int n = 0;
	struct stat over;

	for (; n < CELLOS_LIST_MAX && paths[n]; n++) {
		hidden[n].target = open_hidden(paths[n]);
		if (hidden[n].target < 0)
			return child_fail(status, CHILD_MOUNTS, paths[n]);
		if (is_of_process(hidden[n].target)) {
			errno = EOPNOTSUPP;
			return child_fail(status, CHILD_MOUNTS, paths[n]);
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		if (put_over(hidden[i].target, null, &over) < 0)
			return child_fail(status, CHILD_MOUNTS, paths[i]);
		hidden[i].dev = over.st_dev;
		hidden[i].ino = over.st_ino;
		fd_close(&hidden[i].target);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!is_hidden(paths[i], hidden, n)) {
			errno = EOPNOTSUPP;
			return child_fail(status, CHILD_MOUNTS, paths[i]);
		}
	}
	return 0;
}

/* What a cell can need of /dev: mem(4). */
static const char *const null_devices[] = {
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
};

/*
 * All of the host's mounts read-only; and, for a uid that may own devices, without them but
 * for copies of the null devices that were taken before.
 */
static int make_read_only(bool without_devices)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int copies[ARRAY_SIZE(null_devices)], ret;

	for (size_t i = 0; i < ARRAY_SIZE(null_devices); i++)
		copies[i] = without_devices ? copy_device(AT_FDCWD, null_devices[i]) : -EBADF;
	if (without_devices)
		attr.attr_set |= MOUNT_ATTR_NODEV;
	ret = mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));
	for (size_t i = 0; i < ARRAY_SIZE(null_devices); i++) {
		int target __free(fd) = copies[i] < 0 || ret < 0 ? -EBADF :
			sys_openat2(AT_FDCWD, null_devices[i], O_PATH | O_CLOEXEC, 0,
				    RESOLVE_NO_SYMLINKS);

		if (copies[i] >= 0 && ret == 0)
			ret = attach(copies[i], target);
		fd_close(&copies[i]);
	}
	return ret;
}

static bool is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return !strncmp(path, top, length) && (path[length] == '/' || !path[length]);
}

/*
 * Where sockets of other processes of the uid lie: daemons that do what it says. Neither
 * Landlock nor a read-only mount is between a cell and these. Not what the workspace needs.
 */
static int hide_sockets(const struct child_namespaces *ns, struct child_status *status)
{
	static const char *const places[] = { "/run", "/tmp", "/var/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!(ns->workspace && is_below(ns->workspace->path, places[i])) &&
		    hide(places[i]) < 0 && errno != ENOENT)
			return child_fail(status, CHILD_MOUNTS, places[i]);
	return 0;
}

static int mount_shm(const struct child_namespaces *ns, struct child_status *status)
{
	struct option options[OPTIONS];

	tmpfs_options(ns, "01777", options);
	if (cover_if_there("/dev/shm", "tmpfs", options) < 0)
		return child_fail(status, CHILD_MOUNTS, "/dev/shm");
	if (cover_if_there("/dev/mqueue", "mqueue", NULL) < 0)
		return child_fail(status, CHILD_MOUNTS, "/dev/mqueue");
	return 0;
}

int child_mount(const struct child_namespaces *ns, struct child_status *status)
{
	unsigned int proc = SECURE_NOEXEC | (ns->read_only ? MOUNT_ATTR_RDONLY : 0);

	if (!(ns->flags & CLONE_NEWNS))
		return 0;
	/* Nothing that is mounted from now on shows elsewhere, nor the other way round. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return child_fail(status, CHILD_MOUNTS, "/");
	if (ns->read_only && make_read_only(ns->private) < 0)
		return child_fail(status, CHILD_MOUNTS, "/ (read-only)");
	if (ns->proc && cover("/proc", "proc", NULL, proc) < 0)
		return child_fail(status, CHILD_MOUNTS, "/proc");
	if (ns->private && hide_sockets(ns, status) < 0)
		return -1;
	if (ns->shm && mount_shm(ns, status) < 0)
		return -1;
	if (ns->workspace && mount_workspace(ns, status) < 0)
		return child_fail(status, CHILD_MOUNTS, ns->workspace->path);
	/* Last: what is to be hidden may lie in any of these. */
	return ns->hidden ? hide_all(ns->hidden, status) : 0;
}
