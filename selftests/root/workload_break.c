// SPDX-License-Identifier: MIT
/*
 * Tries to get out of its cell, or to leave something of itself outside: workload_break
 * WORD[:TARGET]... Of each try the name of its errno, or "done" if it has worked, on a line.
 * What workload_break_process.c does to processes, and workload_attack.c, is not here.
 *
 *	owner:PATH	changes mode, owner, times, attributes of a file, to what they are
 *	fd:N, file:PATH	the same by an open file; and by its name in /proc
 *	fifo:PATH	opens a named pipe for writing
 *	unix		makes each kind of Unix socket, and each kind of pair
 *	connect:PATH	to a Unix socket; sendto:PATH: a datagram, by a socket of a pair
 *	move:PATH	writes itself into a cgroup.procs; born:DIR: clone3 into that cgroup
 *	sibling		children of its parent: clone and clone3 with CLONE_PARENT
 *	newuser		a user namespace, with mounts of its own; what follows is tried there
 *	mount:PATH	a tmpfs, and /, over it; pivot:PATH: to a new root
 *	handle:PATH	opens the root of PATH's file system by its number
 *	chroot:PATH	and lists what is there; read:PATH: a file
 *	daemons:N	leaves so many in sessions of their own, deaf to SIGTERM
 *	exit		ends, with the number of tries that have worked as its code
 *	deaf		ignores all signals that can be; stop: stops itself; wait: for ever
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "selftests/root/acts.h"

/* ---- files ---- */

/* Nothing is different if it works: mode, owner and the rest become what they are. */
static void try_owner(const char *path)
{
	struct stat st = { 0 };

	told(stat(path, &st));
	told(chmod(path, st.st_mode & 07777));
	told(chown(path, st.st_uid, st.st_gid));
	told(utimensat(AT_FDCWD, path, NULL, 0));
	told(setxattr(path, "user.cellos", "x", 1, 0));
}

static void try_open_file(int fd)
{
	struct stat st = { 0 };
	char path[32];

	told(fstat(fd, &st));
	told(fchmod(fd, st.st_mode & 07777));
	told(fchown(fd, st.st_uid, st.st_gid));
	told(futimens(fd, NULL));
	told(fsetxattr(fd, "user.cellos", "x", 1, 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	try_owner(path);
}

static void try_fd(const char *number)
{
	try_open_file((int)strtol(number, NULL, 10));
}

static void try_file(const char *path)
{
	try_open_file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

static void try_fifo(const char *path)
{
	told(closed(open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)));
}

static void try_read(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	told(fd < 0 ? -1 : read(fd, &byte, 1));
	closed(fd);
}

/* ---- Unix sockets ---- */

static void try_unix(const char *unused)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW };
	int pair[2];

	(void)unused;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		told(closed(socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0)));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		told(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair));
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	return to;
}

static void try_connect(const char *path)
{
	struct sockaddr_un to = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	told(fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof(to)));
	closed(fd);
}

/* One of a pair is connected, and can be made to forget to whom. */
static void try_sendto(const char *path)
{
	struct sockaddr_un to = address(path);
	int pair[2] = { -1, -1 };

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		told(-1);
	else
		told(sendto(pair[0], "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)));
}

/* ---- cgroups and births ---- */

static void try_move(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	told(fd < 0 ? -1 : write(fd, "0", 1));
	closed(fd);
}

static long by_clone3(uint64_t flags, int cgroup_fd)
{
	struct clone_args args = {
		.flags = flags, .cgroup = (uint64_t)cgroup_fd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid;
}

static void try_born(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	told(fd < 0 ? -1 : by_clone3(CLONE_INTO_CGROUP, fd));
}

static void try_sibling(const char *unused)
{
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

	(void)unused;
	if (pid == 0)
		_exit(0);
	told(pid);
	told(by_clone3(CLONE_PARENT, 0));
}

/* ---- mounts and roots ---- */

static void try_newuser(const char *unused)
{
	(void)unused;
	told(unshare(CLONE_NEWUSER | CLONE_NEWNS));
}

static void try_mount(const char *path)
{
	told(mount("none", path, "tmpfs", 0, NULL));
	told(mount("/", path, NULL, MS_BIND | MS_REC, NULL));
	told(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
	told(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
	told(umount2("/proc", MNT_DETACH));
}

static void try_pivot(const char *path)
{
	told(syscall(SYS_pivot_root, path, path));
}

static void try_chroot(const char *path)
{
	told(chroot(path));
}

static void try_handle(const char *path)
{
	struct { struct file_handle handle; char bytes[MAX_HANDLE_SZ]; } to = {
		{ .handle_bytes = MAX_HANDLE_SZ }, { 0 },
	};
	int at = open(path, O_RDONLY | O_CLOEXEC), mount_id;

	/* One that the kernel itself has given out, for what this process may well see. */
	if (name_to_handle_at(AT_FDCWD, path, &to.handle, &mount_id, 0) < 0)
		told(-1);
	else
		told(closed(open_by_handle_at(at, &to.handle, O_RDONLY)));
	closed(at);
}

/* ---- an end that does not come ---- */

static void ignore_all(void)
{
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		signal(sig, SIG_IGN);
}

static void be_deaf(const char *unused)
{
	(void)unused;
	ignore_all();
	told(0);
}

static void end(const char *unused)
{
	(void)unused;
	_exit((int)worked);
}

static void stop(const char *unused)
{
	(void)unused;
	told(0);
	raise(SIGSTOP);
}

/* Each in a session of its own, orphaned, with its fds closed and another name. */
static void leave_daemons(const char *number)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		return;
	for (long i = strtol(number, NULL, 10); i > 0; i--) {
		if (fork() == 0) {
			if (setsid() < 0 || fork() > 0)
				_exit(0);
			ignore_all();
			prctl(PR_SET_NAME, "kworker/0:1", 0, 0, 0);
			if (write(ready[1], "", 1) != 1 || close_range(0, ~0U, 0) < 0)
				_exit(1);
			for (;;)
				pause();
		}
		wait(NULL);
		if (read(ready[0], &byte, 1) != 1)
			return;
	}
	told(0);
}

static const struct act acts[] = {
	{ "owner", try_owner },		{ "fd", try_fd },		{ "file", try_file },
	{ "fifo", try_fifo },		{ "read", try_read },		{ "unix", try_unix },
	{ "connect", try_connect },	{ "sendto", try_sendto },	{ "move", try_move },
	{ "born", try_born },		{ "sibling", try_sibling },	{ "newuser", try_newuser },
	{ "mount", try_mount },		{ "pivot", try_pivot },		{ "chroot", try_chroot },
	{ "handle", try_handle },	{ "deaf", be_deaf },		{ "stop", stop },
	{ "exit", end },		{ "wait", wait_for_ever },	{ "daemons", leave_daemons },
};

int main(int argc, char **argv)
{
	return argc > 0 ? act_all(acts, sizeof(acts) / sizeof(*acts), argv + 1) : 100;
}
