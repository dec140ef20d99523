// SPDX-License-Identifier: MIT
/* The leaf of one cell: its name, its making, its end. */
#include "helper/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/cleanup.h"
#include "lib/compat.h"
#include "lib/io.h"

void cgroup_leaf_segment(const char *id, char *buf)
{
	size_t n = 0;

	for (; *id && n < CELLOS_LEAF_ID_MAX; id++) {
		unsigned char c = (unsigned char)*id;
		bool keep = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			    (c >= 'A' && c <= 'Z') || c == '_' || c == '-';

		/* Of a character of several bytes, the first stands for all. */
		if ((c & 0xc0) == 0x80)
			continue;
		buf[n++] = keep ? (char)c : '_';
	}
	if (n == 0)
		n = (size_t)sprintf(buf, "cell");
	buf[n] = '\0';
}

void cgroup_token(char *buf)
{
	uuid_t uuid;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, buf);
}

int cgroup_leaf_open(const struct cgroup_parent *parent, const char *name, int *ret_fd,
		     uint64_t *ret_id)
{
	int fd __free(fd) = sys_openat2(parent->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
					RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* Who owns the leaf writes its attributes: ours are believed, no others. */
	if (st.st_uid != geteuid())
		return -EPERM;
	*ret_id = st.st_ino;
	*ret_fd = take_fd(&fd);
	return 0;
}

int cgroup_leaf_make(const struct cgroup_parent *parent, const char *name, int *ret_fd,
		     uint64_t *ret_id, struct error *err)
{
	int ret;

	if (mkdirat(parent->fd, name, 0755) < 0) {
		ret = err_set(err, "cgroup", errno, "cannot make %s/%s", parent->path, name);
		if (ret == -EAGAIN)
			err_hint(err, "cgroup.max.descendants or cgroup.max.depth of a cgroup "
				 "above is reached");
		else if (ret == -EACCES || ret == -EPERM || ret == -EROFS)
			err_hint(err, "the cell parent must be writable for the helper's uid, %u, "
				 "without capabilities: owned by it, on a cgroup2 mounted rw",
				 geteuid());
		return ret;
	}
	ret = cgroup_leaf_open(parent, name, ret_fd, ret_id);
	if (ret < 0) {
		unlinkat(parent->fd, name, AT_REMOVEDIR);
		return err_set(err, "cgroup", ret, "cannot open %s/%s", parent->path, name);
	}
	return 0;
}

int cgroup_leaf_remove(const struct cgroup_parent *parent, const char *name)
{
	if (unlinkat(parent->fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

bool cgroup_leaf_exists(const struct cgroup_parent *parent, const char *name)
{
	/* Not to know is not to be gone. */
	return faccessat(parent->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int cgroup_leaf_hold(int leaf_fd, int *ret_kill_fd, int *ret_events_fd)
{
	int kill_fd __free(fd) = openat(leaf_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	int events_fd __free(fd) = -EBADF;

	if (kill_fd < 0)
		return -errno;
	events_fd = openat(leaf_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (events_fd < 0)
		return -errno;
	*ret_kill_fd = take_fd(&kill_fd);
	*ret_events_fd = take_fd(&events_fd);
	return 0;
}

int cgroup_leaf_kill(int kill_fd)
{
	if (pwrite(kill_fd, "1", 1, 0) == 1 || errno == ENODEV)
		return 0;	/* the file goes with the leaf */
	return -errno;
}

int cgroup_leaf_populated(int events_fd)
{
	char buf[256];
	uint64_t populated;
	ssize_t n = pread(events_fd, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return errno == ENODEV ? 0 : -errno;
	buf[n] = '\0';
	return keyed_u64(buf, "populated", &populated) ? populated != 0 : -EBADMSG;
}

int cgroup_leaf_processes(int leaf_fd, bool (*fn)(pid_t pid, void *arg), void *arg)
{
	int fd __free(fd) = openat(leaf_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f __free(file) = fd < 0 ? NULL : fdopen(fd, "r");
	int pid;

	if (!f)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	take_fd(&fd);
	while (fscanf(f, "%d", &pid) == 1 && fn(pid, arg))
		;
	return 0;
}

bool cgroup_leaf_has(uint64_t leaf_id, const char *name, const struct pidref *process)
{
	struct compat_pidfd_info info = { .mask = COMPAT_PIDFD_INFO_CGROUPID };
	char path[32], want[LEAF_NAME_MAX + 2], buf[4096];

	if (ioctl(process->fd, COMPAT_PIDFD_GET_INFO, &info) == 0 &&
	    info.mask & COMPAT_PIDFD_INFO_CGROUPID)
		return info.cgroupid == leaf_id;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", process->pid);
	snprintf(want, sizeof(want), "/%s\n", name);
	return io_read_at(AT_FDCWD, path, buf, sizeof(buf)) >= 0 && strstr(buf, want);
}

/* What inode_permission() would say to a process without capabilities. */
static bool may_write(const struct stat *st, uid_t uid, gid_t gid)
{
	if (st->st_uid == uid)
		return st->st_mode & S_IWUSR;
	if (st->st_gid == gid)
		return st->st_mode & S_IWGRP;
	return st->st_mode & S_IWOTH;
}

/* Return: 1: @where says which; 0: none of them; -errno. */
static int writable_file(int leaf_fd, const char *up, uid_t uid, gid_t gid, char *where)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.threads", "." };
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(where, PATH_MAX, "%s/%s", up, files[i]);
		if (fstatat(leaf_fd, where, &st, 0) < 0) {
			if (errno == ENOENT)
				continue;	/* the root has no cgroup.threads in old kernels */
			return -errno;
		}
		if (may_write(&st, uid, gid))
			return 1;
	}
	return 0;
}

bool cgroup_writable_by(int leaf_fd, uid_t uid, gid_t gid, char *where)
{
	char up[3 * 64] = ".";
	size_t len = 1;

	/* A part of the hierarchy may be mounted in the middle of it: there ".." leads away. */
	for (;;) {
		struct statx st;

		if (statx(leaf_fd, up, 0, STATX_INO, &st) < 0 ||
		    writable_file(leaf_fd, up, uid, gid, where) != 0)
			return true;
		if (st.stx_ino == CGROUP_ROOT_ID || st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			return false;
		if (len + 4 > sizeof(up))
			return true;	/* deeper than anybody nests: not known to be safe */
		memcpy(up + len, "/..", 4);
		len += 3;
	}
}
