// SPDX-License-Identifier: MIT
/*
 * Tries to get out of its cell: workload_attack HOW TARGET... After each try the
 * name of its errno, or "done" for one that has worked, on a line.
 *
 *	move PATH...	writes itself into these files (cgroup.procs, cgroup.threads)
 *	write PATH...	writes "1" to these files
 *	change PATH...	changes attributes of, makes a folder in these directories
 *	process PID...	signals, traces, reads these processes; "parent" is its own
 *	regain all	asks for rights back
 *	take PID...	takes file 1 of these processes
 *	exec PATH	executes it
 *	open PATH...	opens these files for reading and writing
 *	escape PATH	mounts, changes its root, opens a handle; PATH is unmounted
 *	lock PATH...	locks these files, then waits for ever after "ready"
 *	trace CODE	ends with this exit code, traced by a child that lives on and that
 *			takes nothing: after the pids of both
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

static void told(long ret)
{
	printf("%s\n", ret < 0 ? strerrorname_np(errno) : "done");
}

static long write_to(const char *path, const char *bytes)
{
	int fd = open(path, O_WRONLY);
	long ret = fd < 0 ? -1 : write(fd, bytes, strlen(bytes));
	int errnum = errno;

	close(fd);
	errno = errnum;
	return ret;
}

static void try_move(const char *path)
{
	told(write_to(path, "0"));
}

static void try_write(const char *path)
{
	told(write_to(path, "1"));
}

static void try_change(const char *path)
{
	char folder[4096];

	told(setxattr(path, "user.cellos.identity", "x", 1, 0));
	told(removexattr(path, "user.cellos.identity"));
	snprintf(folder, sizeof(folder), "%s/sub", path);
	told(mkdir(folder, 0755));
}

static void try_lock(const char *path)
{
	int fd = open(path, O_RDONLY);

	told(fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB));
}

static void try_process(const char *digits)
{
	pid_t pid = strcmp(digits, "parent") ? (pid_t)strtol(digits, NULL, 10) : getppid();
	char path[64], byte;
	struct iovec here = { &byte, 1 }, there = { (void *)0x400000, 1 };

	told(kill(pid, SIGCONT));
	told(kill(pid, SIGKILL));
	told(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	told(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	told(process_vm_readv(pid, &here, 1, &there, 1, 0));
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	told(open(path, O_RDWR));
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	told(open(path, O_RDONLY));
	snprintf(path, sizeof(path), "/proc/%d/fd/1", pid);
	told(open(path, O_WRONLY));
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	told(open(path, O_PATH | O_DIRECTORY));
}

static void try_regain(const char *unused)
{
	(void)unused;
	told(setresuid(0, 0, 0));
	told(setresgid(0, 0, 0));
	told(setgroups(0, NULL));
	told(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 12, 0, 0));
	told(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	told(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
}

/* Takes a file of another process. */
static void try_take(const char *digits)
{
	int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(digits, NULL, 10), 0);

	told(pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 1, 0));
}

/* Executes what a link of /proc leads to. */
static void try_exec(const char *path)
{
	static char word[] = "version";
	char *const argv[] = { word, word, NULL };

	told(execve(path, argv, NULL));
}

static void try_open(const char *path)
{
	told(open(path, O_RDWR));
}

/* By mounts, by another root, by a handle, by namespaces of others. */
static void try_escape(const char *path)
{
	struct { struct file_handle handle; char bytes[8]; } root = {
		{ .handle_bytes = 8, .handle_type = 1 }, { 2 },
	};
	int here = open(".", O_RDONLY | O_DIRECTORY);

	told(mount("none", ".", "tmpfs", 0, NULL));
	told(mount("/", ".", NULL, MS_BIND, NULL));
	told(umount2(path, MNT_DETACH));
	told(syscall(SYS_pivot_root, ".", "."));
	told(chroot("."));
	told(open_by_handle_at(here, &root.handle, O_RDONLY));
	told(setns(open("/proc/1/ns/mnt", O_RDONLY), 0));
}

/* Whoever is traced is a zombie for as long as its tracer likes. */
static void try_trace(const char *code)
{
	pid_t self = getpid(), tracer;
	int fds[2];
	char byte;

	if (pipe(fds) < 0)
		_exit(101);
	tracer = fork();
	if (tracer == 0) {
		long ret = ptrace(PTRACE_SEIZE, self, NULL, NULL);

		if (ret < 0 || write(fds[1], "x", 1) != 1)
			_exit(102);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (tracer < 0 || read(fds[0], &byte, 1) != 1)
		_exit(103);
	printf("%d %d\n", self, tracer);
	exit((int)strtol(code, NULL, 10));
}

static const struct {
	const char *name;
	void (*attempt)(const char *target);
} ways[] = {
	{ "move", try_move },		{ "write", try_write },
	{ "change", try_change },	{ "process", try_process },
	{ "regain", try_regain },	{ "lock", try_lock },
	{ "take", try_take },		{ "exec", try_exec },
	{ "open", try_open },		{ "escape", try_escape },
	{ "trace", try_trace },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(argv[1], ways[i].name))
			continue;
		for (int k = 2; k < argc; k++)
			ways[i].attempt(argv[k]);
		if (strcmp(argv[1], "lock"))
			return 0;
		printf("ready\n");
		fflush(stdout);
		for (;;)
			pause();
	}
	return 100;
}
