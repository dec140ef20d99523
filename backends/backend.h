/* SPDX-License-Identifier: MIT */
/*
 * A backend brings one workload up. The helper has made the cgroup and put the
 * egress rules in force; clone3 puts the child there; the backend decides what
 * the child does until exec. One ops struct, one file for each backend.
 *
 * A cell with a pid namespace has two children of the helper, born one after the
 * other: first its init, the namespace's process 1, with all the cell's namespaces;
 * then the workload, as a child of the helper like any other, which joins them. So
 * the workload's exit, signals and pidfd are the same with and without namespaces.
 */
#ifndef BACKENDS_BACKEND_H
#define BACKENDS_BACKEND_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

/* Steps of the child between clone and exec, in their order. */
enum child_step {
	CHILD_NONE,		/* no failure */
	CHILD_FDS,		/* a private, small table of fds */
	CHILD_MAP,		/* waiting for the ids of the user namespace */
	CHILD_JOIN,		/* the namespaces of the init */
	CHILD_NAMESPACES,	/* the cgroup namespace, the host's name */
	CHILD_MOUNTS,
	CHILD_SESSION,		/* setsid, signals, umask */
	CHILD_PROCESS,		/* limits and priorities */
	CHILD_STDIO,
	CHILD_CREDENTIALS,
	CHILD_DOMAIN,		/* Landlock */
	CHILD_WORKDIR,
	CHILD_FILTER,		/* seccomp */
	CHILD_EXEC
};

/**
 * struct child_status - why a child never became its workload
 *
 * Written by the child into memory that it shares with its parent, which sleeps until
 * the child has exec'ed or is gone (CLONE_VFORK). It may be all that they share: so
 * @what points to what the parent has, too, and nothing else that a child writes is read
 * by its parent. Of a birth with an init the workload reads what the init has written.
 */
struct child_status {
	enum child_step step;	/* CHILD_NONE: no failure was reported */
	int errnum;
	int exit_status;	/* CELLOS_EXIT_* that fits the failure */
	const char *what;	/* path or name that it is about, or NULL */
	char file[200];		/* what argv[0] resolved to, if that is not allowed; cut */
	uint64_t root_mount;	/* of the init: the mount that is its root, statx(2) */
	dev_t workspace;	/* the tmpfs that was mounted, stat(2) */
};

/* One resource limit, prlimit(2). */
struct child_rlimit {
	int number;
	uint64_t soft;
	uint64_t hard;
};

#define CHILD_RLIMITS	16
#define CHILD_CPU_WORDS	16

/**
 * struct child_process - what the workload is born with
 * @oom_score_adj: decimal; empty: it stays as it is
 * @oom_bound: write it with CAP_SYS_RESOURCE, so that the workload cannot go below it
 * @cpus: a bit for each CPU that it may run on, if @cpus_given
 */
struct child_process {
	mode_t umask;
	int nice;
	char oom_score_adj[8];
	bool oom_bound;
	struct child_rlimit rlimits[CHILD_RLIMITS];
	unsigned int n_rlimits;
	bool cpus_given;
	uint64_t cpus[CHILD_CPU_WORDS];
};

/**
 * struct child_workspace - a tmpfs over the working directory
 * @path: the directory; @dev and @ino: which one it has to be
 */
struct child_workspace {
	const char *path;
	dev_t dev;
	ino_t ino;
};

/**
 * struct child_namespaces - what whoever is born with the cell's namespaces does there
 * @flags: CLONE_NEW* of clone3
 * @join: of these, what the workload joins; the rest it is born with, or lives without
 * @init: the workload is born beside an init
 * @cgroup: make a cgroup namespace: not by clone3, whose root would be the helper's cgroup
 * @ask: eventfd: written when the user namespace's maps are to be written; @go: read
 *	when they are. Negative: no user namespace
 * @hostname: of the UTS namespace; NULL: none of its own
 * @read_only: all of the host's mounts become read-only
 * @private: the uid owns more of the host than a cell may use: of devices there are the null
 *	ones, whose inodes it cannot change, and of places where sockets of its other processes
 *	lie, none
 * @proc: the pid namespace's own /proc
 * @shm: /dev/shm and /dev/mqueue of its own
 * @workspace: NULL: none
 * @size, @inodes: bounds of workspace and /dev/shm each, decimal: see tmpfs(5)
 * @hidden: files and folders to cover, NULL-terminated, or NULL
 * @owner_uid, @owner_gid: decimal, of what is mounted, as the namespace has them
 */
struct child_namespaces {
	uint64_t flags;
	uint64_t join;
	bool init;
	bool cgroup;
	int ask;
	int go;
	const char *hostname;
	bool read_only;
	bool private;
	bool proc;
	bool shm;
	const struct child_workspace *workspace;
	char size[24];
	char inodes[24];
	char *const *hidden;
	char owner_uid[12];
	char owner_gid[12];
};

/**
 * struct child_path - a path that only the child can open, for its mounts
 * @access: what Landlock allows below it; @file_access: likewise, if it is no folder
 * @resolve: RESOLVE_*, openat2(2)
 * @in_workspace: it has to lie in the workspace that was mounted
 */
struct child_path {
	const char *path;
	uint64_t access;
	uint64_t file_access;
	uint64_t resolve;
	bool in_workspace;
};

/**
 * struct child - what one child needs, prepared before the clone
 * @argv: as planned; @envp: likewise
 * @paths: files to try for argv[0], in order, NULL-terminated
 * @prefixes: what argv[0] resolves to has to be below one of these; NULL: any file
 * @working_directory: absolute; opened with the cell's credentials
 * @stdio: fds that become 0, 1 and 2
 * @null_stdio: not these, but /dev/null as the cell's own mounts have it
 * @domain_fd: Landlock ruleset, or negative: none
 * @domain_paths: rules that the child adds to it, up to one without a path; NULL: none
 * @filter: of system calls, for seccomp(2); NULL: none
 * @filter_unix: one more, installed after it; NULL: none
 * @filter_extra: and one of the caller's, likewise
 * @namespaces: NULL: none of its own
 * @init_fd: for the init: the program it becomes; for the workload beside one: its pidfd
 * @process: limits and priorities
 * @fd_limit: no fd that is needed is as high as this
 * @null_fd: /dev/null
 * @uid: of the cell, as its user namespace has it; @gid: likewise
 * @has_groups: there may be supplementary groups to drop
 * @drop_caps: capabilities that it takes to become that, bits of capability.h
 * @bounding: what its bounding set may have in it; @ignored: from child_ignored_signals()
 */
struct child {
	char *const *argv;
	char *const *envp;
	char *const *paths;
	char *const *prefixes;
	const char *working_directory;
	int stdio[3];
	bool null_stdio;
	int domain_fd;
	struct child_path *domain_paths;
	const struct sock_fprog *filter;
	const struct sock_fprog *filter_unix;
	const struct sock_fprog *filter_extra;
	const struct child_namespaces *namespaces;
	int init_fd;
	const struct child_process *process;
	unsigned int fd_limit;
	int null_fd;
	uid_t uid;
	gid_t gid;
	bool has_groups;
	uint32_t drop_caps;
	uint64_t bounding;
	uint64_t ignored;
};

/**
 * struct backend - one way to bring a workload up
 * @name: as in the document and the reports
 * @probe: can it work on this host? Fills @err if not.
 * @prepare: in the parent, before the clone; may allocate: fills child->paths
 * @enter: in the child, on a small stack, in the helper's memory or a copy of it:
 *	async-signal-safe calls only (signal-safety(7)), no allocation. Ends in
 *	exec, or returns after it has filled @status.
 * @release: undoes @prepare; idempotent
 */
struct backend {
	const char *name;
	int (*probe)(struct error *err);
	int (*prepare)(struct child *child, struct error *err);
	void (*enter)(const struct child *child, struct child_status *status);
	void (*release)(struct child *child);
};

extern const struct backend backend_host;

/* What all children do before their backend's own part; see child.c. */
int child_isolate(const struct child *child, struct child_status *status);

/* What an init does: the same without what is the workload's own, then exec. See init.c. */
void child_become_init(const struct child *child, struct child_status *status);

/*
 * child_mount() - the mounts of a cell's own, in its mount namespace. 0; -1 with @status
 * filled.
 */
int child_mount(const struct child_namespaces *ns, struct child_status *status);

/**
 * child_init_image() - the program that an init becomes
 *
 * A memory file that nobody can write any more, and no cell's user can read: so the
 * kernel makes a process that executes it undumpable, and its /proc/1/exe, /proc/1/mem
 * and the like are closed to the cell. Return: an fd, or -errno.
 */
int child_init_image(void);

/**
 * child_ignored_signals() - signals that the helper ignores, bit N - 1 for signal N
 *
 * A child inherits that, and ends it. Asked once: nobody in a helper begins to ignore one.
 */
uint64_t child_ignored_signals(void);

/* child_step_name() - for messages. */
const char *child_step_name(enum child_step step);

#endif /* BACKENDS_BACKEND_H */
