// SPDX-License-Identifier: MIT
#include "lib/pidref.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/cleanup.h"
#include "lib/compat.h"
#include "lib/io.h"

/* Fields of /proc/PID/stat, counted from 1 (proc_pid_stat(5)). */
#define STAT_FLAGS		9
#define STAT_STARTTIME		22
#define PF_FORKNOEXEC		0x40

/* One number of /proc/PID/stat. 0; -ESRCH: no such process; other -errno: not known. */
static int stat_field(pid_t pid, int field, uint64_t *ret)
{
	char path[32], buf[1024];
	ssize_t n;
	char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	n = io_read_at(AT_FDCWD, path, buf, sizeof(buf));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	/* The second field is the name in parentheses, which may hold anything. */
	p = strrchr(buf, ')');
	for (int i = 2; p && i < field; i++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EBADMSG;
	*ret = strtoull(p + 1, NULL, 10);
	return 0;
}

int pidref_take(struct pidref *ref, pid_t pid, int pidfd)
{
	struct pidref found = { .pid = pid, .fd = pidfd };
	struct statfs fs;
	struct stat st;

	int ret = 0;

	if (fstatfs(pidfd, &fs) < 0 || fstat(pidfd, &st) < 0)
		return -errno;
	if (fs.f_type == COMPAT_PIDFS_MAGIC)
		found.ino = st.st_ino;
	else
		ret = stat_field(pid, STAT_STARTTIME, &found.start);
	if (ret == 0)
		*ref = found;
	return ret;
}

int pidref_self(struct pidref *ref)
{
	int fd __free(fd) = pidfd_open(getpid(), 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = pidref_take(ref, getpid(), fd);
	if (ret < 0)
		return ret;
	take_fd(&fd);
	return 0;
}

void pidref_done(struct pidref *ref)
{
	fd_close(&ref->fd);
	ref->pid = 0;
}

void pidref_format(const struct pidref *ref, char *buf)
{
	snprintf(buf, PIDREF_TEXT_MAX, "%d %llu %llu", ref->pid, (unsigned long long)ref->ino,
		 (unsigned long long)ref->start);
}

bool pidref_parse(const char *text, struct pidref *ret)
{
	unsigned long long ino, start;
	int pid, end = 0;

	if (sscanf(text, "%d %llu %llu%n", &pid, &ino, &start, &end) != 3 || text[end] || pid <= 0)
		return false;
	*ret = (struct pidref){ .pid = pid, .fd = -EBADF, .ino = ino, .start = start };
	return true;
}

int pidref_reopen(struct pidref *ref)
{
	struct pidref now = PIDREF_NONE;
	int fd __free(fd) = -EBADF;
	int ret;

	if (ref->pid <= 0)
		return -ESRCH;
	fd = pidfd_open(ref->pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	ret = pidref_take(&now, ref->pid, fd);
	if (ret < 0)
		return ret;
	if (now.ino != ref->ino || now.start != ref->start || pidref_exited(&now))
		return -ESRCH;
	ref->fd = take_fd(&fd);
	return 0;
}

bool pidref_exited(const struct pidref *ref)
{
	struct pollfd p = { .fd = ref->fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

bool pidref_alive(const struct pidref *ref)
{
	struct pidref copy = *ref;

	copy.fd = -EBADF;
	/* Not to know is not to be dead: only ESRCH says so. */
	if (pidref_reopen(&copy) == -ESRCH)
		return false;
	fd_close(&copy.fd);
	return true;
}

bool pidref_never_execed(const struct pidref *ref)
{
	uint64_t flags = 0;

	return stat_field(ref->pid, STAT_FLAGS, &flags) == 0 && (flags & PF_FORKNOEXEC);
}
