// SPDX-License-Identifier: MIT
/*
 * Tries things inside a cell, and tells what became of each on a line: "done", the name of
 * an errno, or what was asked for: workload_inside WORD[:PATH]...
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "selftests/root/acts.h"

static void try_create(const char *path)
{
	told(closed(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)));
}

static void try_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	told(fd < 0 ? -1 : write(fd, "x", 1));
}

static void try_read(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	told(fd < 0 ? -1 : read(fd, &byte, 1));
}

static void try_xattr(const char *path)
{
	told(setxattr(path, "user.cellos-test", "x", 1, 0));
}

static void try_truncate(const char *path)
{
	told(truncate(path, 0));
}

static void try_rename(const char *path)
{
	char other[4096];

	snprintf(other, sizeof(other), "%s.new", path);
	told(rename(path, other));
}

static void try_link(const char *path)
{
	char other[4096];

	snprintf(other, sizeof(other), "%s.link", path);
	told(link(path, other));
}

static void try_chmod(const char *path)
{
	told(chmod(path, 0777));
}

static void try_unlink(const char *path)
{
	told(unlink(path));
}

static void try_mkdir(const char *path)
{
	told(mkdir(path, 0777));
}

static void try_rmdir(const char *path)
{
	told(rmdir(path));
}

static void try_mkfifo(const char *path)
{
	told(mkfifo(path, 0666));
}

static void try_symlink(const char *path)
{
	told(symlink(".", path));
}

static void try_bind(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
	told(fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&at, sizeof(at)));
}

static void try_list(const char *path)
{
	DIR *dir = opendir(path);

	told(dir ? closedir(dir) : -1);
}

/* How many KiB can be written to it? */
static void try_fill(const char *path)
{
	static const char piece[1024];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	unsigned int kib = 0;

	while (fd >= 0 && kib < 1U << 20 && write(fd, piece, sizeof(piece)) == sizeof(piece))
		kib++;
	printf("%s:%u\n", strerrorname_np(errno), kib);
}

/* How many files can be made in it? */
static void try_crowd(const char *path)
{
	unsigned int n = 0;
	char file[4096];

	do
		snprintf(file, sizeof(file), "%s/%u", path, n);
	while (closed(open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) == 0 &&
	       ++n < 1U << 20);
	printf("%s:%u\n", strerrorname_np(errno), n);
}

/* How many there may be. */
static void tell_inodes(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) < 0)
		told(-1);
	else
		printf("%lu\n", (unsigned long)fs.f_files);
}

static void tell_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		told(-1);
	else
		printf("%o:%u:%u\n", st.st_mode & 07777, st.st_uid, st.st_gid);
}

static void tell_link(const char *path)
{
	char buf[4096];
	ssize_t n = readlink(path, buf, sizeof(buf));

	if (n < 0)
		told(-1);
	else
		printf("%.*s\n", (int)n, buf);
}

static void tell_file(const char *path)
{
	FILE *f = fopen(path, "re");
	int c;

	if (!f)
		told(-1);
	while (f && (c = getc(f)) != EOF)
		putchar(c);
}

static void tell_ids(const char *unused)
{
	(void)unused;
	printf("%d:%d:%u:%u\n", getpid(), getppid(), getuid(), getgid());
}

static void try_umount(const char *path)
{
	told(umount2(path, MNT_DETACH));
}

static void try_memfd(const char *unused)
{
	int fd = memfd_create("inside", MFD_CLOEXEC);
	char byte;

	(void)unused;
	told(fd < 0 || write(fd, "x", 1) < 0 || ftruncate(fd, 9) < 0 ||
	     pread(fd, &byte, 1, 0) < 0 ? -1 : 0);
}

/* A queue of POSIX, of this name: made here, or somewhere else. */
static void try_queue(const char *name)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };

	told(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0666, &attr));
}

static void find_queue(const char *name)
{
	told(mq_open(name, O_RDWR));
}

/* A segment of System V, of this key. */
static void try_segment(const char *key)
{
	told(shmget((key_t)strtol(key, NULL, 0), 4096, IPC_CREAT | IPC_EXCL | 0666));
}

static void find_segment(const char *key)
{
	told(shmget((key_t)strtol(key, NULL, 0), 0, 0));
}

/* Soft and hard, by number. */
static void tell_limit(const char *number)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)strtol(number, NULL, 10), &limit) < 0)
		told(-1);
	else
		printf("%lld:%lld\n", (long long)limit.rlim_cur, (long long)limit.rlim_max);
}

/* Both ends of a terminal, of this uid. */
static void try_terminal(const char *unused)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), other = -1;
	struct stat st = { .st_uid = ~0U };

	(void)unused;
	if (fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0)
		other = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	told(other < 0 || fstat(other, &st) < 0 || write(other, "x", 1) != 1 ? -1 : 0);
	if (other >= 0 && st.st_uid != getuid())
		printf("of %u\n", st.st_uid);
}

/* An OOM score that it gives itself. */
static void try_score(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	told(fd < 0 ? -1 : write(fd, score, strlen(score)));
}

/* Core dumps' limit to 0, in all ways that there are; it tells what came of each. */
static void try_no_cores(const char *unused)
{
	const struct rlimit none = { 0, 0 };
	char *argv[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c",
			 (char *)(uintptr_t)"ulimit -c 0", NULL };
	pid_t pid;

	(void)unused;
	told(syscall(SYS_setrlimit, RLIMIT_CORE, &none));
	told(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &none, NULL));
	told(syscall(SYS_prlimit64, getpid(), RLIMIT_CORE | 1UL << 32, &none, NULL));
	pid = fork();
	if (pid == 0) {
		syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, &none, NULL);
		execv("/bin/sh", argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void end_by(const char *signal)
{
	raise((int)strtol(signal, NULL, 10));
}

static void end_by_abort(const char *unused)
{
	(void)unused;
	abort();
}

static void end_with(const char *code)
{
	_exit((int)strtol(code, NULL, 10));
}

/* All signals that can be sent to a process. */
static void try_signals(const char *pid)
{
	for (int sig = 1; sig <= 64; sig++)
		kill((pid_t)strtol(pid, NULL, 10), sig);
	told(kill((pid_t)strtol(pid, NULL, 10), 0));
}

/* So many grandchildren whose parent is gone; "done" when none is left, zombies neither. */
static void try_orphans(const char *number)
{
	long n = strtol(number, NULL, 10);

	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(fork() < 0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			told(-1);
	}
	for (;;) {
		DIR *dir = opendir("/proc");
		struct dirent *entry;
		int processes = 0;

		while (dir && (entry = readdir(dir)))
			processes += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
		if (dir)
			closedir(dir);
		if (processes == 2)
			break;
	}
	told(0);
}

static const struct act acts[] = {
	{ "create", try_create },	{ "write", try_write },		{ "read", try_read },
	{ "truncate", try_truncate },	{ "rename", try_rename },	{ "link", try_link },
	{ "chmod", try_chmod },		{ "unlink", try_unlink },	{ "mkdir", try_mkdir },
	{ "rmdir", try_rmdir },		{ "mkfifo", try_mkfifo },	{ "symlink", try_symlink },
	{ "bind", try_bind },		{ "list", try_list },		{ "fill", try_fill },
	{ "crowd", try_crowd },		{ "stat", tell_stat },		{ "readlink", tell_link },
	{ "inodes", tell_inodes },
	{ "cat", tell_file },		{ "ids", tell_ids },
	{ "signal", try_signals },	{ "orphans", try_orphans },	{ "wait", wait_for_ever },
	{ "umount", try_umount },	{ "memfd", try_memfd },		{ "queue", try_queue },
	{ "findqueue", find_queue },	{ "segment", try_segment },	{ "abort", end_by_abort },
	{ "findsegment", find_segment }, { "rlimit", tell_limit },	{ "raise", end_by },
	{ "exit", end_with },		{ "score", try_score },
	{ "nocores", try_no_cores },	{ "xattr", try_xattr },
	{ "terminal", try_terminal },
};

int main(int argc, char **argv)
{
	return argc > 0 ? act_all(acts, sizeof(acts) / sizeof(*acts), argv + 1) : 100;
}
