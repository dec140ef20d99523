/* SPDX-License-Identifier: MIT */
/*
 * A backend brings one workload up. The helper has made the cgroup and put the
 * egress rules in force; clone3 puts the child there; the backend decides what
 * the child does until exec. One ops struct, one file for each backend.
 */
#ifndef BACKENDS_BACKEND_H
#define BACKENDS_BACKEND_H

#include <linux/filter.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

/* Steps of the child between clone and exec, in their order. */
enum child_step {
	CHILD_NONE,		/* no failure */
	CHILD_FDS,		/* a private, small table of fds */
	CHILD_SESSION,		/* setsid, signals, umask */
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
 * Written by the child into memory that it shares with its parent (CLONE_VM),
 * which sleeps until the child has exec'ed or is gone (CLONE_VFORK).
 */
struct child_status {
	enum child_step step;	/* CHILD_NONE: no failure was reported */
	int errnum;
	int exit_status;	/* CELLOS_EXIT_* that fits the failure */
};

/**
 * struct child - what one child needs, prepared before the clone
 * @argv: as planned; @envp: likewise
 * @paths: files to try for argv[0], in order, NULL-terminated
 * @working_directory: absolute; opened with the cell's credentials
 * @stdio: fds that become 0, 1 and 2
 * @domain_fd: Landlock ruleset, or negative: none
 * @filter: of system calls, for seccomp(2); NULL: none
 * @fd_limit: no fd that is needed is as high as this
 * @uid: of the cell; @gid: likewise
 */
struct child {
	char *const *argv;
	char *const *envp;
	char *const *paths;
	const char *working_directory;
	int stdio[3];
	int domain_fd;
	const struct sock_fprog *filter;
	unsigned int fd_limit;
	uid_t uid;
	gid_t gid;
};

/**
 * struct backend - one way to bring a workload up
 * @name: as in the document and the reports
 * @probe: can it work on this host? Fills @err if not.
 * @prepare: in the parent, before the clone; may allocate: fills child->paths
 * @enter: in the child, on a small stack, in shared memory: async-signal-safe
 *	calls only (signal-safety(7)), no allocation. Ends in exec, or returns
 *	after it has filled @status.
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

/* child_step_name() - for messages. */
const char *child_step_name(enum child_step step);

#endif /* BACKENDS_BACKEND_H */
