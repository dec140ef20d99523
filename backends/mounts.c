// SPDX-License-Identifier: MIT
/*
 * The mounts of a cell's own, made by whoever is born in its mount namespace, with
 * the calls that take fds (fsopen(2) and its kin, Linux 5.2): what is mounted on is
 * what was opened and looked at, whatever happens to its path meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/child_parts.h"
#include "lib/cleanup.h"
#include "lib/compat.h"

#define SECURE		(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define SECURE_NOEXEC	(SECURE | MOUNT_ATTR_NOEXEC)
#define OPTIONS		7

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
static int copy_device(const char *path)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	};
	int fd __free(fd) = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return take_fd(&fd);
}

/* A folder by an empty one that nobody may enter, anything else by /dev/null. */
static int hide(const char *path)
{
	static const struct option options[] = {
		{ "mode", "0000" }, { "nr_inodes", "1" }, { "size", "4096" },
		{ "source", "cellos" }, { NULL, NULL },
	};
	int target __free(fd) = sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0,
					    RESOLVE_NO_MAGICLINKS);
	int fd __free(fd) = -EBADF;
	struct stat st;

	if (target < 0 || fstat(target, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		fd = make("tmpfs", options, SECURE_NOEXEC | MOUNT_ATTR_RDONLY);
	else
		fd = copy_device("/dev/null");
	return attach(fd, target);
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
		copies[i] = without_devices ? copy_device(null_devices[i]) : -EBADF;
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
	for (char *const *path = ns->hidden; path && *path; path++)
		if (hide(*path) < 0)
			return child_fail(status, CHILD_MOUNTS, *path);
	return 0;
}
