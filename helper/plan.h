/* SPDX-License-Identifier: MIT */
/*
 * The plan: everything that one run will do, decided before anything is done.
 * Plain data. Made from the options, the document and the CELLOS_* variables,
 * in that order of precedence; pure, so it is tested and fuzzed without root.
 */
#ifndef HELPER_PLAN_H
#define HELPER_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "nft/policy.h"
#include "uapi/cellos.h"

/**
 * struct run_options - the command line of `run`, as text, not yet judged
 *
 * NULL says that the option was not given. Who is not root has cells of its own ids.
 */
struct run_options {
	const char *cgroup_parent;
	const char *backend;
	const char *unshare;
	const char *stdio;
	const char *egress;
	const char *netns;
	const char *flow_log;
	const char *user;
	const char *report;		/* FILE, fd:N or - */
	const char **env;		/* KEY=VALUE */
	unsigned int n_env;
	bool verbose;
	const char *document;		/* path or - */
	uid_t caller_uid;
	gid_t caller_gid;
};

/* A limit that is not given is not written: no ambient defaults. */
#define LIMIT_UNSET	UINT64_MAX
#define LIMIT_MAX	(UINT64_MAX - 1)	/* the word "max" */

/* One disk of io.max; LIMIT_UNSET where the document is silent. */
struct plan_io_limit {
	char device[CELLOS_DEVICE_MAX + 1];	/* "/dev/NAME" or "MAJ:MIN", not yet looked at */
	uint64_t read_bytes;		/* a second */
	uint64_t write_bytes;
	uint64_t read_operations;
	uint64_t write_operations;
};

struct plan_hugetlb_limit {
	uint64_t page_size;		/* bytes, not yet looked for on the host */
	uint64_t max;			/* bytes */
};

struct plan_limits {
	uint64_t memory_max;		/* bytes */
	uint64_t memory_swap_max;	/* bytes; 0 if only memory_max is given */
	uint64_t memory_high;		/* bytes; below memory_max */
	uint64_t cpu_quota;		/* microseconds a period */
	uint64_t cpu_period;		/* microseconds */
	bool cpu_of_variable;		/* both are those of CELLOS_CGROUP_CPU_MAX */
	uint64_t cpu_weight;
	uint64_t pids_max;		/* tasks */
	int memory_oom_group;		/* -1 unset, 0, 1 */
	unsigned int n_io;
	unsigned int n_hugetlb;
	struct plan_io_limit *io;	/* belongs to the plan, or the document */
	struct plan_hugetlb_limit hugetlb[CELLOS_HUGETLB_MAX];
};

/* Namespaces of a cell's own, as bits. The network is struct plan's @net. */
#define UNSHARE_PID	0x01
#define UNSHARE_IPC	0x02
#define UNSHARE_MNT	0x04
#define UNSHARE_NET	0x08
#define UNSHARE_USER	0x10
#define UNSHARE_UTS	0x20
#define UNSHARE_CGROUP	0x40
#define UNSHARE_TIME	0x80

/**
 * struct plan_isolation - what of the host a cell sees and may do
 * @unshare: UNSHARE_*: namespaces of its own
 * @unshare_given: somebody has named them, if only to say none
 * @map_given: @map_uid and @map_gid are what the cell's ids are in its user
 *	namespace; else they are the same there
 * @workspace: a fresh tmpfs of @workspace_bytes over the working directory
 * @listed: nothing but what the two lists name can be opened
 * @read_only: paths, NULL-terminated, or NULL; @read_write, @hidden: likewise
 * @system_libraries: the usual places of libraries are on the list, too
 * @seccomp: the profile; @seccomp_file: of CELLOS_SECCOMP_FILE
 */
struct plan_isolation {
	uint32_t unshare;
	bool unshare_given;
	bool map_given;
	uint64_t map_uid;
	uint64_t map_gid;
	bool workspace;
	uint64_t workspace_bytes;
	bool listed;
	char **read_only;
	char **read_write;
	char **hidden;
	bool system_libraries;
	enum cellos_seccomp seccomp;
	char *seccomp_file;
};

/* Resource limits of a process, setrlimit(2). */
#define PLAN_RLIMITS	16

struct plan_rlimit {
	bool given;
	uint64_t soft;			/* RLIM_INFINITY: unlimited */
	uint64_t hard;
};

#define CPU_WORDS	(CELLOS_CPUS_MAX / 64)

/**
 * struct plan_process - what the workload is born with
 * @umask: LIMIT_UNSET: 022
 * @nice: LIMIT_UNSET: 0, or the helper's own if that is higher
 * @oom_given: @oom_score_adj is asked for; else 0, or the helper's own if that is higher
 * @rlimits: by number (RLIMIT_NOFILE ...); not given: see process_prepare()
 * @cpus_given: it may run on the CPUs whose bits are set in @cpus, and no other
 */
struct plan_process {
	uint64_t umask;
	uint64_t nice;
	bool oom_given;
	int oom_score_adj;
	struct plan_rlimit rlimits[PLAN_RLIMITS];
	bool cpus_given;
	uint64_t cpus[CPU_WORDS];
};

#define PLAN_LIMITS_UNSET	((struct plan_limits) {				\
	.memory_max = LIMIT_UNSET, .memory_swap_max = LIMIT_UNSET,		\
	.memory_high = LIMIT_UNSET, .memory_oom_group = -1,			\
	.cpu_quota = LIMIT_UNSET, .cpu_period = LIMIT_UNSET,			\
	.cpu_weight = LIMIT_UNSET, .pids_max = LIMIT_UNSET,			\
})

struct plan_user {
	bool dynamic;			/* uid = gid, chosen when the cell is made */
	uid_t uid;
	gid_t gid;
};

/**
 * struct plan - what one run does
 * @argv: NULL-terminated, at least one entry
 * @envp: NULL-terminated KEY=VALUE; exactly the workload's environment
 * @working_directory: absolute
 * @cgroup_parent: absolute path, or NULL to find one
 * @ttl_seconds: 0: no TTL
 * @argv0_prefixes: argv[0] has to resolve to a file below one of these paths;
 *	NULL-terminated, or NULL: any file
 * @net: where its network is; @netns: the path, of CELLOS_NET_PATH
 * @flow_log: NFT_LOG_*: what is logged to @flow_group of nfnetlink_log
 * @egress_enforced: false only if the caller spelled --egress off
 * @policy: the compiled egress rules; empty denies everything
 *
 * All pointers belong to the plan: plan_done() releases them.
 */
struct plan {
	char cell_id[CELLOS_ID_MAX + 1];
	enum cellos_backend backend;
	char **argv;
	char **envp;
	char *working_directory;
	char *cgroup_parent;
	uint32_t ttl_seconds;
	uint32_t grace_seconds;
	enum cellos_stdio stdio;
	struct plan_user user;
	struct plan_limits limits;
	struct plan_isolation isolation;
	struct plan_process process;
	char **argv0_prefixes;
	enum cellos_net net;
	char *netns;
	uint32_t flow_log;
	uint16_t flow_group;
	bool egress_enforced;
	struct egress_policy policy;
};

/**
 * plan_make() - judge document, options and environment
 * @bytes: the document (JSON, RFC 8259); need not end in NUL
 * @size: at most CELLOS_DOCUMENT_MAX, else refused
 * @options: the command line
 * @environment: the caller's own, of which only CELLOS_* is read
 * @ret: filled on success; release with plan_done()
 * @err: step "document", "options" or "environment"; field for the document
 *
 * Return: 0; -EINVAL: malformed; -EOPNOTSUPP: understood, but not built yet;
 * -E2BIG: a limit of uapi/cellos.h is passed; -ENOMEM.
 */
int plan_make(const char *bytes, size_t size, const struct run_options *options,
	      char *const *environment, struct plan *ret, struct error *err);

/* isolation_done() - release its lists; idempotent. */
void isolation_done(struct plan_isolation *isolation);

/* plan_done() - release what plan_make() filled; idempotent. */
void plan_done(struct plan *plan);

/**
 * plan_cgroup_parent() - the cell parent that option and environment name
 * @option: --cgroup-parent, or NULL
 * @environment: the caller's environment
 * @ret: a copy of the path, to be freed; NULL: find one
 * @err: step "options" or "environment"
 *
 * CELLOS_CGROUP_PARENT is trimmed; an empty one is unset.
 *
 * Return: 0; -EINVAL: not absolute; -E2BIG: too long; -ENOMEM.
 */
int plan_cgroup_parent(const char *option, char *const *environment, char **ret, struct error *err);

#endif /* HELPER_PLAN_H */
