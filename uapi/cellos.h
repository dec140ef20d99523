/* SPDX-License-Identifier: MIT */
/*
 * The public interface of the CellOS privileged helper: what a supervisor may
 * rely on, whatever language it is written in. Exit statuses, enumerations and
 * limits; the messages of `cellos-helper serve` will follow here.
 *
 * Compiles as C90 and as C++; includes <linux/types.h> only.
 */
#ifndef _UAPI_CELLOS_H
#define _UAPI_CELLOS_H

#include <linux/types.h>

/*
 * Exit status of `cellos-helper run`. Below 124 it is the workload's own; 128+N
 * says that signal N ended it. A workload may itself exit with one of these
 * values: the report tells them apart.
 */
#define CELLOS_EXIT_TTL			124	/* the cell's TTL ended it */
#define CELLOS_EXIT_FAILED		125	/* refused or failed, or residue is left */
#define CELLOS_EXIT_NOT_EXECUTABLE	126	/* argv[0] found, but not executable */
#define CELLOS_EXIT_NOT_FOUND		127	/* argv[0] or its interpreter's path not found */
#define CELLOS_EXIT_SIGNAL_BASE		128	/* + the signal's number */

/* Who brings the workload up. */
enum cellos_backend {
	CELLOS_BACKEND_HOST	= 0,	/* a process of this kernel */
	CELLOS_BACKEND_GVISOR	= 1	/* runsc, a kernel in user space */
};

/* What the workload's fds 0, 1, 2 are. */
enum cellos_stdio {
	CELLOS_STDIO_PIPE	= 0,	/* fresh pipes; stdin at EOF, the rest pumped */
	CELLOS_STDIO_NULL	= 1,	/* /dev/null, all three */
	CELLOS_STDIO_INHERIT	= 2	/* the caller's own */
};

/* How a run ended; exactly one is true. */
enum cellos_exit_kind {
	CELLOS_EXITED		= 0,	/* on its own, with a code of 0..255 */
	CELLOS_SIGNALED		= 1,	/* by a signal that is not ours */
	CELLOS_FORCED		= 2,	/* by us: see enum cellos_forced; no code is claimed */
	CELLOS_FAILED		= 3,	/* the workload never ran */
	CELLOS_UNKNOWN		= 4	/* ended while nobody could see how */
};

/* Why a run was ended by the helper. */
enum cellos_forced {
	CELLOS_FORCED_TTL	= 0,	/* spec.lifetime.ttlSeconds is over */
	CELLOS_FORCED_DESTROY	= 1,	/* `destroy` or `reconcile`, from elsewhere */
	CELLOS_FORCED_CALLER	= 2	/* SIGINT, SIGTERM or SIGHUP to the helper */
};

/* Where a cell's network is. */
enum cellos_net {
	CELLOS_NET_HOST		= 0,	/* the helper's own namespace */
	CELLOS_NET_OWN		= 1,	/* one made for the cell */
	CELLOS_NET_PATH		= 2	/* one that the caller prepared and named */
};

/* Which system calls a cell is kept from, besides those that no cell may make. */
enum cellos_seccomp {
	CELLOS_SECCOMP_BASELINE	= 0,	/* a list for ordinary programs */
	CELLOS_SECCOMP_NONE	= 1,	/* no others */
	CELLOS_SECCOMP_FILE	= 2	/* what a compiled BPF program says */
};

/* What a teardown may leave, each with its own fields in the report. */
enum cellos_residue {
	CELLOS_RESIDUE_PROCESS	= 0,
	CELLOS_RESIDUE_CGROUP	= 1,
	CELLOS_RESIDUE_NFT	= 2,
	CELLOS_RESIDUE_MOUNT	= 3,
	CELLOS_RESIDUE_NETNS	= 4,
	CELLOS_RESIDUE_BUNDLE	= 5,
	CELLOS_RESIDUE_SECRET	= 6,
	CELLOS_RESIDUE_IPC	= 7,
	CELLOS_RESIDUE_FILE	= 8
};

/* Limits of a document. Sizes are in bytes and leave out a closing NUL. */
#define CELLOS_DOCUMENT_MAX	(1024 * 1024)
#define CELLOS_DOCUMENT_DEPTH	64	/* nested arrays and objects */
#define CELLOS_ID_MAX		128	/* [A-Za-z0-9][A-Za-z0-9._-]*, no ".." */
#define CELLOS_LEAF_ID_MAX	64	/* of the id, in the name of the cgroup */
#define CELLOS_ARGC_MAX		4096
#define CELLOS_ENV_MAX		4096
#define CELLOS_PATH_MAX		4095
#define CELLOS_NETNS_MAX	255	/* path of a network namespace */
#define CELLOS_RULES_MAX	1024	/* egress rules of one cell */
#define CELLOS_RULE_ADDRS_MAX	64	/* addresses of one rule ("resolved") */
#define CELLOS_KEYS_MAX		2560	/* set elements that the rules compile to: 60 KiB of keys */
#define CELLOS_TUPLES_MAX	32	/* (prefix length, port mask), a family and level */
#define CELLOS_LIST_MAX		64	/* paths of one list of run.isolation, prefixes of argv[0] */
#define CELLOS_CPUS_MAX		1024	/* CPU numbers that an affinity can name */
#define CELLOS_WORKSPACE_MIN	65536UL	/* bytes of a private workspace */
#define CELLOS_WORKSPACE_DEFAULT (64UL * 1024 * 1024)	/* if there is no memory limit, either */
#define CELLOS_IO_DEVICES_MAX	16	/* rows of limits.ioMax */
#define CELLOS_DEVICE_MAX	255	/* path of a block device */
#define CELLOS_HUGETLB_MAX	8	/* rows of limits.hugetlb: sizes of huge pages */
#define CELLOS_TTL_MAX		4294967295UL	/* seconds */
#define CELLOS_GRACE_MAX	3600	/* seconds */
#define CELLOS_GRACE_DEFAULT	5	/* seconds from SIGTERM to the kill */

/* Deadlines of the helper itself, in seconds. */
#define CELLOS_SPAWN_TIMEOUT	10	/* clone3 to the end of execve */
#define CELLOS_KILL_TIMEOUT	10	/* cgroup.kill to an empty cgroup */
#define CELLOS_LOCK_TIMEOUT	10	/* waiting for another helper's short section */
#define CELLOS_DRAIN_TIMEOUT	5	/* the workload's last output to a reader that stalls */

/* The default range of dynamic uids and gids: one cell, one number. */
#define CELLOS_UID_BASE		2000000000UL
#define CELLOS_UID_COUNT	1048576UL

#endif /* _UAPI_CELLOS_H */
