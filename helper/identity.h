/* SPDX-License-Identifier: MIT */
/*
 * A cell's identity, stored where the cell is: in extended attributes of its
 * cgroup directory. They belong to root, so no cell can write them; they live
 * exactly as long as the cgroup; any later process finds everything there. Text
 * and byte strings, to be read with getfattr(1):
 *
 *   user.cellos.rules     the egress rules in nft's words, a line each
 *   user.cellos.keys      the compiled egress keys (struct egress_key[])
 *   user.cellos.identity  "version=2\nid=...\n...": written last, in one write;
 *                         a leaf without it was never finished
 *   user.cellos.pid       the workload: "pid pidfs-inode start-time"
 *   user.cellos.claim     who tears the cell down: "pid inode start verb"
 *   user.cellos.change    the rules were replaced: "done"; are being replaced, or
 *                         that was cut short: "begun"
 *   user.cellos.workspace the folder that was made for its private workspace
 *   user.cellos.breach    the rules were not in force for a time, as `reconcile` found
 *
 * And on the parent: user.cellos.last_uid, the dynamic uid given out last.
 */
#ifndef HELPER_IDENTITY_H
#define HELPER_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/pidref.h"
#include "nft/cells.h"
#include "uapi/cellos.h"

#define IDENTITY_VERSION	2
#define TOKEN_SIZE		37

/**
 * struct identity - what is stored of a cell
 * @started: CLOCK_BOOTTIME, ns
 * @deadline: CLOCK_BOOTTIME, ns; 0: no TTL
 * @owner: the helper that runs it
 * @netns: inode of the network namespace that holds its egress rules
 * @pidns: inode of the pid namespace in which the pids here mean something
 * @cgroup_root: root of the cgroup namespace from which levels are counted, as in
 *	struct cgroup_parent
 * @flow_log: NFT_LOG_*; @flow_group: to whom
 * @net: where the cell's network is
 * @net_inode: of that namespace, unless it is the helper's own
 * @net_path: of CELLOS_NET_PATH
 * @workload: pid 0 until it is known
 */
struct identity {
	char id[CELLOS_ID_MAX + 1];
	char token[TOKEN_SIZE];
	enum cellos_backend backend;
	uid_t uid;
	gid_t gid;
	bool uid_dynamic;
	bool governed;
	unsigned int level;
	uint64_t started;
	uint64_t deadline;
	struct pidref owner;
	struct pidref workload;
	uint64_t netns;
	uint64_t pidns;
	uint64_t cgroup_root;
	uint32_t flow_log;
	uint16_t flow_group;
	enum cellos_net net;
	uint64_t net_inode;
	char net_path[CELLOS_NETNS_MAX + 1];
};

/* identity_namespaces() - those of this process. 0 or -errno. */
int identity_namespaces(uint64_t *ret_netns, uint64_t *ret_pidns);

/* identity_store() - write rules, keys and, last, the identity. 0 or -errno. */
int identity_store(int leaf_fd, const struct identity *id, const struct egress_policy *policy,
		   struct error *err);

/* identity_store_workload() - add the workload, once it lives. */
int identity_store_workload(int leaf_fd, const struct pidref *workload, struct error *err);

/**
 * identity_load() - read a leaf's identity
 *
 * Return: 0; -ENODATA: not finished, or no cell's; -EPROTO: of another format
 * version, or damaged (said in @err); other -errno.
 */
int identity_load(int leaf_fd, struct identity *ret, struct error *err);

/* identity_load_policy() - read rules and keys; release with egress_policy_done(). */
int identity_load_policy(int leaf_fd, struct egress_policy *ret, struct error *err);

/**
 * identity_claim() - become the one process that tears this cell down
 * @leaf_fd: the cell; the caller holds the parent's lock
 * @self: the calling process
 * @verb: one word, for whom loses
 *
 * A claim whose holder is dead is taken over.
 *
 * Return: 0; -EALREADY: a living process has it; other -errno.
 */
int identity_claim(int leaf_fd, const struct pidref *self, const char *verb);

/* identity_claimed_by() - who has the claim; false: nobody. */
bool identity_claimed_by(int leaf_fd, struct pidref *ret);

/* Have a cell's rules been replaced since it was made? */
enum identity_change {
	CHANGE_NONE,
	CHANGE_DONE,
	CHANGE_BEGUN,	/* under the parent's lock; without it: cut short */
};

enum identity_change identity_change(int leaf_fd);

/* identity_change_begin() - say that the rules are going to be others. 0 or -errno. */
int identity_change_begin(int leaf_fd, struct error *err);

/**
 * identity_change_end() - write down which rules are in force
 * @policy: NULL: still the old ones
 */
int identity_change_end(int leaf_fd, const struct egress_policy *policy, struct error *err);

/**
 * identity_breach() - note that a cell's rules were not in force, for its report
 * @what: one line; NULL: read only
 * @ret: what was noted first; "" if nothing was
 */
void identity_breach(int leaf_fd, const char *what, char *ret, size_t size);

/* identity_store_workspace() - note the folder of the workspace, before it is made. */
int identity_store_workspace(int leaf_fd, const char *path, struct error *err);

/* identity_workspace() - what was noted. 1; 0: nothing was; -errno: that cannot be told. */
int identity_workspace(int leaf_fd, char *ret, size_t size);

/**
 * identity_next_uid() - the next dynamic uid of this parent
 * @parent_fd: the caller holds its lock
 *
 * Goes round the whole range before it gives a number again.
 */
int identity_next_uid(int parent_fd, uid_t *ret, struct error *err);

#endif /* HELPER_IDENTITY_H */
