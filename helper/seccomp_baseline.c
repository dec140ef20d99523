// SPDX-License-Identifier: MIT
/*
 * The profile "baseline": what ordinary programs do without, and what has let others
 * out of where they were. It stands above the floor (seccomp_table.c), which has the
 * sockets, io_uring, keys, IPC objects, clone3, and typing into terminals.
 *
 * Most of it takes a capability that no cell has. It is here all the same: the kernel
 * looks for the capability deep inside, and in a user namespace everybody has it.
 *
 * EPERM is what somebody without the capability is told, so programs know it. ENOSYS is
 * for what they take for missing, and then do in another way, and EOPNOTSUPP for what they
 * take for missing on this file system.
 *
 * Looked at, and left open:
 *
 *  - ptrace, process_vm_readv and process_vm_writev, pidfd_getfd, kcmp, process_madvise:
 *    debuggers, strace, crash reporters and leak checkers live on them. They reach what
 *    has the same uid and Landlock domain, which is the cell itself.
 *  - personality: sanitizers and debuggers ask for addresses that stay the same. It
 *    weakens or dates the process that asks, and no_new_privs keeps it from others.
 *  - adjtimex, clock_adjtime: who only reads the clock's state calls them, too; what is to
 *    be written lies in memory, where no filter can look. That takes a capability.
 *  - seccomp, landlock_*: a cell may give up more.
 *  - mbind, set_mempolicy, move_pages, io_setup, vmsplice, mlock: databases and the JVM
 *    use them, on memory and files of their own, within the cell's limits.
 *  - memory protection keys, mseal, userspace shadow stacks, rseq: for the program's own good.
 *  - inotify, name_to_handle_at, statmount, listmount: tell what /proc tells, too.
 *  - nfsservctl, _sysctl, create_module and their like: no kernel has them any more.
 */
#include <errno.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "helper/seccomp.h"
#include "helper/seccomp_table.h"

/* clone(2) and unshare(2) have their flags in the first argument, as a word of 32 bits. */
#define NAMESPACE(flag, why)				\
	CALL_BIT("clone", EPERM, 0, flag, why),		\
	CALL_BIT("unshare", EPERM, 0, flag, why)

/* cp -a, tar and rsync take it for a file system that has none, and go on. */
#define XATTRS	"leaves data on the host's files that no residue tells of"

const struct closed_call baseline_calls[] = {
	/* namespaces */
	NAMESPACE(CLONE_NEWUSER, "all capabilities inside: most of the kernel's code opens up"),
	NAMESPACE(CLONE_NEWNS, "mounts of its own: file systems parse what a cell wrote"),
	NAMESPACE(CLONE_NEWNET, "netfilter and network devices, as their root"),
	NAMESPACE(CLONE_NEWPID, "processes that the cell's own cannot see"),
	NAMESPACE(CLONE_NEWIPC, "IPC objects in spite of the floor"),
	NAMESPACE(CLONE_NEWUTS, "a host name for what trusts it"),
	NAMESPACE(CLONE_NEWCGROUP, "paths of cgroups that mean something else"),
	/* In clone(2) this bit is one of the exit signal's. */
	CALL_BIT("unshare", EPERM, 0, CLONE_NEWTIME, "clocks that differ from the host's"),
	CALL("setns", EPERM, "enters a namespace that somebody else prepared"),

	/* file systems */
	CALL("mount", EPERM, "other files in place of the host's"),
	CALL("umount2", EPERM, "uncovers what a mount hides"),
	CALL("pivot_root", EPERM, "another root directory"),
	CALL("chroot", EPERM, "another root directory: an old way out of one"),
	CALL("open_tree", EPERM, "mounts without a path; as mount"),
	CALL("move_mount", EPERM, "as mount"),
	CALL("fsopen", EPERM, "as mount"),
	CALL("fsconfig", EPERM, "as mount (CVE-2022-0185)"),
	CALL("fsmount", EPERM, "as mount"),
	CALL("fspick", EPERM, "as mount"),
	CALL("mount_setattr", EPERM, "takes read-only and nosuid away from mounts"),
	CALL("quotactl", EPERM, "disk quotas are the host's"),
	CALL("quotactl_fd", EPERM, "as quotactl"),
	CALL("open_by_handle_at", EPERM, "opens files by number, past the directories above"),
	CALL("fanotify_init", EPERM, "watches, or holds up, what others do with files"),
	CALL("lookup_dcookie", EPERM, "paths of others' files, for a profiler that is gone"),
	CALL("swapon", EPERM, "memory of the whole host on a disk"),
	CALL("swapoff", EPERM, "as swapon"),
	CALL("acct", EPERM, "writes a record of each process of the host to a file"),

	/* what Landlock does not govern, and stays on files that all may write */
	CALL("setxattr", EOPNOTSUPP, XATTRS),
	CALL("lsetxattr", EOPNOTSUPP, XATTRS),
	CALL("fsetxattr", EOPNOTSUPP, XATTRS),
	CALL("removexattr", EOPNOTSUPP, XATTRS),
	CALL("lremovexattr", EOPNOTSUPP, XATTRS),
	CALL("fremovexattr", EOPNOTSUPP, XATTRS),

	/* programs for the kernel */
	CALL("bpf", EPERM, "programs in the kernel, whose checker has been fooled again and again"),
	CALL("perf_event_open", EPERM, "counts and samples others; a rich source of kernel bugs"),
	CALL("userfaultfd", EPERM, "stops the kernel amid a copy: what makes races easy to win"),
	CALL("init_module", EPERM, "code in the kernel"),
	CALL("finit_module", EPERM, "code in the kernel"),
	CALL("delete_module", EPERM, "takes code from the kernel"),
	CALL("kexec_load", EPERM, "another kernel in place of this one"),
	CALL("kexec_file_load", EPERM, "another kernel in place of this one"),
	CALL("reboot", EPERM, "ends the host"),

	/* the machine's state */
	CALL("settimeofday", EPERM, "the host's clock"),
	CALL("clock_settime", EPERM, "the host's clock"),
	CALL("sethostname", EPERM, "the host's name"),
	CALL("setdomainname", EPERM, "the host's name"),
	CALL("syslog", EPERM, "the kernel's messages: addresses, and what others did"),
	CALL("iopl", EPERM, "devices by their ports, and interrupts off"),
	CALL("ioperm", EPERM, "devices by their ports"),
	CALL("vhangup", EPERM, "takes a terminal away from its users"),

	/* much kernel for few programs, which do without */
	CALL("modify_ldt", ENOSYS, "segments of 16-bit programs, deep in the entry code"),
	CALL("uselib", ENOSYS, "libraries of the days before ELF, through a loader of its own"),
	CALL("memfd_secret", ENOSYS, "cuts up the kernel's map of memory, which slows the host"),

	/* terminals */
	CALL_VALUE("ioctl", EPERM, 1, TIOCSETD,
		   "loads line disciplines: drivers of modems, on any pty"),

	LAST_CALL_ROW,
};
