// SPDX-License-Identifier: MIT
/*
 * The child between clone3 and exec: from a copy of the privileged helper to a
 * process that holds nothing. It runs on a small stack in the helper's own
 * memory, or in a copy of it from beside other threads, so: raw system calls where
 * glibc would touch shared state (its setuid() signals all threads), no allocation,
 * no stdio.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/child_parts.h"
#include "lib/cleanup.h"
#include "lib/compat.h"
#include "lib/io.h"
#include "uapi/cellos.h"

/* The kernel's struct sigaction and NSIG, not glibc's. */
#define KERNEL_NSIG	64

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

int child_fail(struct child_status *status, enum child_step step, const char *what)
{
	status->errnum = errno;
	status->exit_status = CELLOS_EXIT_FAILED;
	status->what = what;
	status->step = step;
	return -1;
}

uint64_t child_ignored_signals(void)
{
	uint64_t ignored = 0;

	for (int sig = 1; sig <= KERNEL_NSIG; sig++) {
		struct kernel_sigaction now = { .handler = NULL };

		syscall(SYS_rt_sigaction, sig, NULL, &now, sizeof(now.mask));
		if (now.handler == SIG_IGN)
			ignored |= UINT64_C(1) << (sig - 1);
	}
	return ignored;
}

int child_session(const struct child *child)
{
	struct kernel_sigaction dfl = { .handler = NULL };
	const struct sched_param other = { .sched_priority = 0 };
	uint64_t none = 0;
	int policy;

	if (setsid() < 0)
		return -1;
	/* CLONE_CLEAR_SIGHAND leaves ignored signals ignored. */
	for (int sig = 1; sig <= KERNEL_NSIG; sig++)
		if (child->ignored >> (sig - 1) & 1 &&
		    syscall(SYS_rt_sigaction, sig, &dfl, NULL, sizeof(dfl.mask)) < 0)
			return -1;
	/* What a caller may have and a cell must not: real-time priority, fixed addresses. */
	policy = (int)syscall(SYS_sched_getscheduler, 0) & ~SCHED_RESET_ON_FORK;
	if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE &&
	    syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &other) < 0)
		return -1;
	if (syscall(SYS_personality, PER_LINUX) < 0)
		return -1;
	/* To the class that follows nice: IOPRIO_WHO_PROCESS, IOPRIO_CLASS_NONE. */
	if (syscall(SYS_ioprio_set, 1, 0, 0) < 0 && errno != ENOSYS)
		return -1;
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/*
 * That of a private mount namespace, where it is read-only: by an fd from outside the owner
 * of the inode could change its mode, for the whole host. Return: an fd or -1.
 */
static int open_null(void)
{
	int fd __free(fd) = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -1;
	if (fs.f_flags & ST_RDONLY)
		return take_fd(&fd);
	errno = EXDEV;		/* not where the cell's mounts should have led */
	return -1;
}

/* Whatever @stdio holds becomes 0, 1, 2; all else closes at exec. */
static int take_stdio(const struct child *child)
{
	int null __free(fd) = child->null_stdio ? open_null() : -EBADF;

	if (child->null_stdio && null < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (dup2(child->null_stdio ? null : child->stdio[i], i) < 0)
			return -1;
	return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

static int set_caps(uint32_t effective, uint32_t permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = effective, .permitted = permitted },
	};

	return (int)syscall(SYS_capset, &header, data);
}

/* EINVAL, and nothing else, says that there is no capability of that number. */
static int drop_bounding(uint64_t bounding)
{
	for (int cap = 0; cap < 64; cap++)
		if (bounding >> cap & 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
		    errno != EINVAL)
			return -1;
	return 0;
}

/*
 * To the cell's uid and gid, without groups and with all five capability sets
 * empty. The securebits are locked so that no later exec as uid 0 could give
 * any back; no_new_privs makes setuid and file capabilities void.
 */
int child_drop(const struct child *child)
{
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
		SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
		SECBIT_KEEP_CAPS_LOCKED |
		SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	if (set_caps(child->drop_caps, child->drop_caps) < 0 ||
	    (child->has_groups && syscall(SYS_setgroups, 0, NULL) < 0) ||
	    syscall(SYS_setresgid, child->gid, child->gid, child->gid) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return -1;
	if (drop_bounding(child->bounding) < 0 ||
	    syscall(SYS_setresuid, child->uid, child->uid, child->uid) < 0 ||
	    set_caps(0, 0) < 0)
		return -1;
	/* The caller's session keyring, and all that its possessor may read, stays behind. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* The path may lead elsewhere by now; the workspace is where it was mounted. */
static int check_workspace(const struct child *child, const struct child_status *status, int fd)
{
	struct stat st;

	if (!child->namespaces || !child->namespaces->workspace)
		return 0;
	if (fstat(fd, &st) < 0)
		return -1;
	if (st.st_dev == status->workspace)
		return 0;
	errno = ESTALE;
	return -1;
}

/*
 * The directory is opened with the cell's rights, and it must have a path below
 * the root that the cell sees: a directory reached through a leaked fd of
 * another mount has none (CVE-2024-21626).
 */
static int enter_workdir(const struct child *child, const struct child_status *status)
{
	int fd = sys_openat2(AT_FDCWD, child->working_directory,
			     O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
	char path[4096];

	if (fd < 0 || check_workspace(child, status, fd) < 0 || fchdir(fd) < 0)
		return -1;
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return -1;
	if (path[0] == '/')
		return 0;
	errno = EXDEV;		/* "(unreachable)/..." */
	return -1;
}

/*
 * The kernel copies the program, which lies in this memory. It is there
 * from now on for good, also across exec, and for all that the workload starts:
 * so it has to let execve(2), access(2) and exit_group(2) pass, which follow. That
 * it takes no capability is for no_new_privs, which is set.
 */
static int install_filter(const struct sock_fprog *filter)
{
	return filter ? (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) : 0;
}

/* The maps of a user namespace can only be written from outside of it. */
static int wait_for_map(const struct child_namespaces *ns)
{
	uint64_t n = 1;

	if (ns->ask < 0)
		return 0;
	return write(ns->ask, &n, sizeof(n)) == sizeof(n) &&
	       read(ns->go, &n, sizeof(n)) == sizeof(n) ? 0 : -1;
}

int child_make_namespaces(const struct child_namespaces *ns, struct child_status *status)
{
	if (wait_for_map(ns) < 0)
		return child_fail(status, CHILD_MAP, NULL);
	if (ns->cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return child_fail(status, CHILD_NAMESPACES, "cgroup");
	if (ns->hostname && sethostname(ns->hostname, strlen(ns->hostname)) < 0)
		return child_fail(status, CHILD_NAMESPACES, ns->hostname);
	return child_mount(ns, status);
}

/*
 * Who joins a mount namespace gets its root. The init has made ready what is below its own,
 * which is another one if the helper runs in a chroot: then nothing of it would hold.
 */
static int check_root(const struct child_namespaces *ns, const struct child_status *status)
{
	if (!(ns->join & CLONE_NEWNS) ||
	    (status->root_mount && sys_mount_id("/") == status->root_mount))
		return 0;
	errno = EXDEV;
	return -1;
}

static int enter_namespaces(const struct child *child, struct child_status *status)
{
	const struct child_namespaces *ns = child->namespaces;

	if (!ns)
		return 0;
	if (!ns->init)
		return child_make_namespaces(ns, status);
	if (ns->join && setns(child->init_fd, (int)ns->join) < 0)
		return child_fail(status, CHILD_JOIN, NULL);
	if (check_root(ns, status) < 0)
		return child_fail(status, CHILD_JOIN, "the root is another one");
	return 0;
}

static int set_affinity(const struct child_process *process)
{
	uint64_t got[CHILD_CPU_WORDS] = { 0 };

	if (!process->cpus_given)
		return 0;
	/* The kernel passes over CPUs that are not there, unless none is. */
	if (syscall(SYS_sched_setaffinity, 0, sizeof(process->cpus), process->cpus) < 0) {
		errno = errno == EINVAL ? ENODEV : errno;
		return -1;
	}
	if (syscall(SYS_sched_getaffinity, 0, sizeof(got), got) < 0)
		return -1;
	if (!memcmp(got, process->cpus, sizeof(got)))
		return 0;
	errno = ENODEV;
	return -1;
}

/*
 * Who writes it with CAP_SYS_RESOURCE also says how low the process can go by itself; else
 * that stays what the helper's own was last set to by somebody who had it.
 */
static int set_oom_score(const struct child_process *process, struct child_status *status)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct old[2], data[2];
	int ret;

	if (!process->oom_score_adj[0])
		return 0;
	if (process->oom_bound) {
		if (syscall(SYS_capget, &header, old) < 0)
			return child_fail(status, CHILD_CREDENTIALS, "oomScoreAdj");
		memcpy(data, old, sizeof(data));
		data[0].effective |= 1U << CAP_SYS_RESOURCE;
		if (syscall(SYS_capset, &header, data) < 0)
			return child_fail(status, CHILD_CREDENTIALS, "oomScoreAdj");
	}
	ret = io_write_at(AT_FDCWD, "/proc/self/oom_score_adj", process->oom_score_adj);
	if (ret < 0)
		return child_fail(status, CHILD_PROCESS, "oomScoreAdj");
	if (process->oom_bound && syscall(SYS_capset, &header, old) < 0)
		return child_fail(status, CHILD_CREDENTIALS, "oomScoreAdj");
	return 0;
}

/* Not by setrlimit(), which glibc may wrap; nor by nice() below. */
static int set_rlimit(const struct child_rlimit *limit)
{
	const uint64_t pair[2] = { limit->soft, limit->hard };

	return (int)syscall(SYS_prlimit64, 0, limit->number, pair, NULL);
}

static int set_process(const struct child_process *process, struct child_status *status)
{
	umask(process->umask);
	if (set_affinity(process) < 0)
		return child_fail(status, CHILD_PROCESS, "cpuAffinity");
	if (syscall(SYS_setpriority, PRIO_PROCESS, 0, process->nice) < 0)
		return child_fail(status, CHILD_PROCESS, "nice");
	for (unsigned int i = 0; i < process->n_rlimits; i++)
		if (process->rlimits[i].number != RLIMIT_NOFILE &&
		    set_rlimit(&process->rlimits[i]) < 0)
			return child_fail(status, CHILD_PROCESS, "rlimits");
	return 0;
}

/* The birth itself opens more files than a workload may need; a filter can come behind it. */
static int limit_files(const struct child_process *process)
{
	for (unsigned int i = 0; i < process->n_rlimits; i++)
		if (process->rlimits[i].number == RLIMIT_NOFILE &&
		    (close_range(3, ~0U, 0) < 0 || set_rlimit(&process->rlimits[i]) < 0))
			return -1;
	return 0;
}

static int add_rule(const struct child *child, const struct child_status *status,
		    const struct child_path *rule)
{
	int fd __free(fd) = sys_openat2(AT_FDCWD, rule->path, O_PATH | O_CLOEXEC, 0, rule->resolve);
	struct compat_landlock_path_beneath_attr attr = { rule->access, fd };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (rule->in_workspace && check_workspace(child, status, fd) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		attr.allowed_access = rule->file_access;
	return sys_landlock_add_rule(child->domain_fd, &attr);
}

/*
 * What is mounted for the cell alone can only be opened here: the last rules of the
 * domain are about that.
 */
static int enter_domain(const struct child *child, struct child_status *status)
{
	if (child->domain_fd < 0)
		return 0;
	for (const struct child_path *rule = child->domain_paths; rule && rule->path; rule++)
		if (add_rule(child, status, rule) < 0)
			return child_fail(status, CHILD_DOMAIN, rule->path);
	if (sys_landlock_restrict_self(child->domain_fd, 0) < 0)
		return child_fail(status, CHILD_DOMAIN, NULL);
	return 0;
}

int child_isolate(const struct child *child, struct child_status *status)
{
	/* First: a private table of the few fds that are needed, at a price that */
	/* does not depend on how many the helper has open. */
	if (close_range(child->fd_limit, ~0U, CLOSE_RANGE_UNSHARE) < 0)
		return child_fail(status, CHILD_FDS, NULL);
	/* While /proc is the host's: the cell's own may be read-only. */
	if (set_oom_score(child->process, status) < 0)
		return -1;
	if (enter_namespaces(child, status) < 0)
		return -1;
	if (child_session(child) < 0)
		return child_fail(status, CHILD_SESSION, NULL);
	if (set_process(child->process, status) < 0)
		return -1;
	if (take_stdio(child) < 0)
		return child_fail(status, CHILD_STDIO, child->null_stdio ? "/dev/null" : NULL);
	if (child_drop(child) < 0)
		return child_fail(status, CHILD_CREDENTIALS, NULL);
	if (enter_domain(child, status) < 0)
		return -1;
	if (enter_workdir(child, status) < 0)
		return child_fail(status, CHILD_WORKDIR, child->working_directory);
	if (limit_files(child->process) < 0)
		return child_fail(status, CHILD_PROCESS, "rlimits");
	if (install_filter(child->filter) < 0 || install_filter(child->filter_unix) < 0 ||
	    install_filter(child->filter_extra) < 0)
		return child_fail(status, CHILD_FILTER, NULL);
	return 0;
}

const char *child_step_name(enum child_step step)
{
	static const char *const names[] = {
		[CHILD_NONE] = "clone",
		[CHILD_FDS] = "close_range",
		[CHILD_MAP] = "user namespace",
		[CHILD_JOIN] = "namespaces",
		[CHILD_NAMESPACES] = "namespaces",
		[CHILD_MOUNTS] = "mounts",
		[CHILD_SESSION] = "session",
		[CHILD_PROCESS] = "process",
		[CHILD_STDIO] = "stdio",
		[CHILD_CREDENTIALS] = "credentials",
		[CHILD_DOMAIN] = "landlock",
		[CHILD_WORKDIR] = "workingDirectory",
		[CHILD_FILTER] = "seccomp",
		[CHILD_EXEC] = "exec",
	};

	return names[step];
}
