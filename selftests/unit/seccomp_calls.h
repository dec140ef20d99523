/* SPDX-License-Identifier: MIT */
/*
 * What a cell with the profile "baseline" is told, call by call: stated once more, for the
 * tests, which look whether the filters (unit) and cells (root) say so.
 */
#ifndef SELFTESTS_UNIT_SECCOMP_CALLS_H
#define SELFTESTS_UNIT_SECCOMP_CALLS_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define NEWEST_CALL	469	/* of Linux 6.18: what comes later was not looked at */
#define GAP_END		424	/* the first number that all architectures share */
#if defined(__x86_64__)
#define GAP_BEGIN	337	/* numbers that no call has, yet */
#else
#define GAP_BEGIN	295
#endif

/**
 * struct closed_row - a call that fails
 * @arg: the argument that decides; -1: none, it always fails
 * @value: in that argument
 * @floor: in a cell without the profile, too
 * @host_ipc: but not in an IPC namespace of its own
 */
struct closed_row {
	const char *name;
	long call;
	int errnum;
	int arg;
	unsigned long value;
	bool floor;
	bool host_ipc;
};

#define ROW(name, errnum)		{ #name, SYS_##name, errnum, -1, 0, false, false }
#define ROW_ARG(name, errnum, n, value)	\
	{ #name " " #value, SYS_##name, errnum, n, value, false, false }
#define ROW_FLOOR(name, errnum)		{ #name, SYS_##name, errnum, -1, 0, true, false }
#define ROW_FLOOR_ARG(name, errnum, n, value)	\
	{ #name " " #value, SYS_##name, errnum, n, value, true, false }
#define ROW_IPC(name)			{ #name, SYS_##name, ENOSYS, -1, 0, true, true }
#define ROW_NUMBER(name, number, errnum)	{ name, number, errnum, -1, 0, false, false }

static const struct closed_row closed_rows[] = {
	ROW_FLOOR(io_uring_setup, EPERM), ROW_FLOOR(io_uring_enter, EPERM),
	ROW_FLOOR(io_uring_register, EPERM),
	ROW_FLOOR(add_key, EPERM), ROW_FLOOR(request_key, EPERM), ROW_FLOOR(keyctl, EPERM),
	ROW_IPC(shmget), ROW_IPC(semget), ROW_IPC(msgget), ROW_IPC(mq_open),
	ROW_IPC(shmat), ROW_IPC(shmctl),
	ROW_IPC(semop), ROW_IPC(semtimedop), ROW_IPC(semctl),
	ROW_IPC(msgsnd), ROW_IPC(msgrcv), ROW_IPC(msgctl),
	ROW_FLOOR_ARG(clone, EPERM, 0, CLONE_PARENT),
	ROW_FLOOR_ARG(clone, EPERM, 0, CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED | CLONE_IO),
	ROW_FLOOR(clone3, ENOSYS),
	ROW_FLOOR_ARG(ioctl, EPERM, 1, TIOCSTI), ROW_FLOOR_ARG(ioctl, EPERM, 1, TIOCLINUX),

	ROW_ARG(clone, EPERM, 0, CLONE_NEWUSER), ROW_ARG(unshare, EPERM, 0, CLONE_NEWUSER),
	ROW_ARG(clone, EPERM, 0, CLONE_NEWNS), ROW_ARG(unshare, EPERM, 0, CLONE_NEWNS),
	ROW_ARG(clone, EPERM, 0, CLONE_NEWNET), ROW_ARG(unshare, EPERM, 0, CLONE_NEWNET),
	ROW_ARG(clone, EPERM, 0, CLONE_NEWPID), ROW_ARG(unshare, EPERM, 0, CLONE_NEWPID),
	ROW_ARG(clone, EPERM, 0, CLONE_NEWIPC), ROW_ARG(unshare, EPERM, 0, CLONE_NEWIPC),
	ROW_ARG(clone, EPERM, 0, CLONE_NEWUTS), ROW_ARG(unshare, EPERM, 0, CLONE_NEWUTS),
	ROW_ARG(clone, EPERM, 0, CLONE_NEWCGROUP), ROW_ARG(unshare, EPERM, 0, CLONE_NEWCGROUP),
	ROW_ARG(unshare, EPERM, 0, CLONE_NEWTIME),
	ROW_ARG(unshare, EPERM, 0, CLONE_FS | CLONE_NEWUSER | CLONE_NEWNS),
	ROW(setns, EPERM),

	ROW(mount, EPERM), ROW(umount2, EPERM), ROW(pivot_root, EPERM), ROW(chroot, EPERM),
	ROW(open_tree, EPERM), ROW(move_mount, EPERM), ROW(fsopen, EPERM), ROW(fsconfig, EPERM),
	ROW(fsmount, EPERM), ROW(fspick, EPERM), ROW(mount_setattr, EPERM),
	ROW_NUMBER("open_tree_attr", 467, EPERM),
	ROW(quotactl, EPERM), ROW(quotactl_fd, EPERM), ROW(open_by_handle_at, EPERM),
	ROW(fanotify_init, EPERM), ROW(lookup_dcookie, EPERM), ROW(swapon, EPERM),
	ROW(swapoff, EPERM), ROW(acct, EPERM),

	ROW(setxattr, EOPNOTSUPP), ROW(lsetxattr, EOPNOTSUPP), ROW(fsetxattr, EOPNOTSUPP),
	ROW(removexattr, EOPNOTSUPP), ROW(lremovexattr, EOPNOTSUPP), ROW(fremovexattr, EOPNOTSUPP),
	ROW_NUMBER("setxattrat", 463, EOPNOTSUPP), ROW_NUMBER("removexattrat", 466, EOPNOTSUPP),

	ROW(bpf, EPERM), ROW(perf_event_open, EPERM), ROW(userfaultfd, EPERM),
	ROW(init_module, EPERM), ROW(finit_module, EPERM), ROW(delete_module, EPERM),
	ROW(kexec_load, EPERM), ROW(kexec_file_load, EPERM), ROW(reboot, EPERM),

	ROW(settimeofday, EPERM), ROW(clock_settime, EPERM), ROW(sethostname, EPERM),
	ROW(setdomainname, EPERM), ROW(syslog, EPERM), ROW(vhangup, EPERM),
	ROW(memfd_secret, ENOSYS),
#if defined(__x86_64__)
	ROW(iopl, EPERM), ROW(ioperm, EPERM), ROW(modify_ldt, ENOSYS), ROW(uselib, ENOSYS),
#endif

	ROW_ARG(ioctl, EPERM, 1, TIOCSETD),

	ROW_NUMBER("the call that comes next", NEWEST_CALL + 1, ENOSYS),
	ROW_NUMBER("a call that comes much later", 1000, ENOSYS),
	ROW_NUMBER("a call in the gap", GAP_BEGIN, ENOSYS),
	ROW_NUMBER("a call at the end of the gap", GAP_END - 1, ENOSYS),
};

#endif /* SELFTESTS_UNIT_SECCOMP_CALLS_H */
