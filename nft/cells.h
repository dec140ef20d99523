/* SPDX-License-Identifier: MIT */
/*
 * Cells as netfilter sees them: the table `inet cellos` and the elements of
 * each cell in it. Knows cgroup ids, keys and counters; knows no document, no
 * path, no process. Callers hold CAP_NET_ADMIN effective around each call.
 */
#ifndef NFT_CELLS_H
#define NFT_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "nft/policy.h"

struct nft;

/*
 * What is logged of a cell, with the prefix "cellos-flow <id>", and " allowed"
 * behind it for what is. Each cell has a limit of its own.
 */
#define NFT_LOG_DENIED	1U	/* packets that were denied */
#define NFT_LOG_ALLOWED	2U	/* those that may begin a flow: TCP SYN, other datagrams */

#define NFT_LOG_ID_MAX	106	/* longest id whose prefix the kernel takes (127 bytes) */

/**
 * struct nft_cell - everything that the table holds of one cell
 * @cgroup_id: inode number of the cell's cgroup
 * @parent_id: inode number of its cell parent (scope of the id)
 * @level: depth of the cell's cgroup below the root of the hierarchy, 1 or more
 * @id: the cell's id, for its uniqueness and as comment in listings
 * @uid: the cell's uid, kept unique if @uid_unique
 * @uid_unique: the uid is dynamic: no other live cell may have it
 * @governed: false for --egress off: only registered, and exempt from the guard
 * @policy: the rules; NULL only if not @governed
 * @log: NFT_LOG_*: what is told of its flows, to group @log_group of nfnetlink_log
 *
 * The guard: a socket below a parent that belongs to no cell has no egress; nor
 * have the sockets that a cell leaves behind, to the kernel or to another process.
 * It begins with the first governed cell below that parent and ends with the last
 * of the level, or by nft_parent_release().
 */
struct nft_cell {
	uint64_t cgroup_id;
	uint64_t parent_id;
	unsigned int level;
	const char *id;
	uint32_t uid;
	bool uid_unique;
	bool governed;
	const struct egress_policy *policy;
	uint32_t log;
	uint16_t log_group;
};

struct nft_count {
	uint64_t packets;
	uint64_t bytes;
};

/**
 * struct nft_totals - what no rule allowed
 * @denied: outbound
 * @refused: inbound: from no allowed peer, or to begin a connection
 */
struct nft_totals {
	struct nft_count denied;
	struct nft_count refused;
};

/**
 * nft_open() - connect to nf_tables
 * @ret: released by nft_close()
 * @err: filled on failure
 *
 * Return: 0 or -errno.
 */
int nft_open(struct nft **ret, struct error *err);
void nft_close(struct nft *nft);

/*
 * nft_use_table() - another table than "cellos"
 * @name: fewer than NFT_TABLE_SIZE bytes
 */
void nft_use_table(struct nft *nft, const char *name);

/**
 * nft_use_private() - a table for one cell alone, in another network namespace
 * @name: as above
 * @loopback: the namespace is the cell's own: its loopback device is not policed
 *
 * Nothing is registered in it, and no guard stands there: the helper's own
 * namespace keeps both.
 */
void nft_use_private(struct nft *nft, const char *name, bool loopback);

/* nft_fd() - the netlink socket. */
int nft_fd(const struct nft *nft);

/**
 * nft_id_taken() - does a live cell below this parent have this id?
 *
 * Return: 1, 0 or -errno. A missing table means no.
 */
int nft_id_taken(struct nft *nft, uint64_t parent_id, const char *id, struct error *err);

/* nft_uid_taken() - does a live cell have this dynamic uid? 1, 0 or -errno. */
int nft_uid_taken(struct nft *nft, uint32_t uid, struct error *err);

/**
 * nft_cell_add() - put a cell in force, in one transaction
 * @nft: the connection
 * @cell: the cell; nothing of it is kept
 * @err: filled on failure
 *
 * Makes what is missing of table, chains, sets and static rules in the same
 * transaction. Static rules that are there are compared with what they have to
 * be; a difference is refused (-EUCLEAN), for a cell under them would not be
 * governed. Retried while other programs commit in between (NFNL_BATCH_GENID).
 *
 * Return: 0; -EEXIST: the id lives; -EADDRINUSE: the uid lives; -E2BIG: too
 * many tuples in use at this level; -EUCLEAN; other -errno. On failure nothing
 * is left of the cell.
 */
int nft_cell_add(struct nft *nft, const struct nft_cell *cell, struct error *err);

/**
 * nft_cell_verify() - read back all of a cell's elements and the static rules
 *
 * Return: 0 if the kernel has exactly what nft_cell_add() wrote; -EUCLEAN (what
 * is missing or differs is in @err); other -errno.
 */
int nft_cell_verify(struct nft *nft, const struct nft_cell *cell, struct error *err);

/**
 * nft_cell_count() - read a cell's counters
 * @rules: array of cell->policy->n_rules, filled
 * @ret: filled
 *
 * Return: 0 or -errno; elements that are gone count as 0.
 */
int nft_cell_count(struct nft *nft, const struct nft_cell *cell, struct nft_count *rules,
		   struct nft_totals *ret, struct error *err);

/**
 * nft_cell_replace() - other rules for a cell in force, in one transaction
 * @cell: with the rules that it has
 * @policy: those that it is to have
 *
 * A packet meets the old rules or the new ones. Keys that both have are not
 * touched and so keep their counters.
 *
 * Return: 0; -E2BIG: as nft_cell_add(); -EUCLEAN: the table is not as it has to
 * be; -EBADMSG: nobody knows which rules are in force; other -errno. On other
 * failures the old rules are in force.
 */
int nft_cell_replace(struct nft *nft, const struct nft_cell *cell,
		     const struct egress_policy *policy, struct error *err);

/**
 * nft_cell_restore() - put back what another program took from a cell
 *
 * Return: how many elements were put back, or -errno.
 */
int nft_cell_restore(struct nft *nft, const struct nft_cell *cell, struct error *err);

/**
 * nft_cell_found() - the keys of a cell as the kernel has them
 * @ret: its keys alone; release with egress_policy_done()
 *
 * Dumps whole sets: for a cell whose stored keys cannot be trusted.
 */
int nft_cell_found(struct nft *nft, const struct nft_cell *cell, struct egress_policy *ret,
		   struct error *err);

/**
 * nft_repair() - put right what another program did to chains, rules and flags
 *
 * Return: 1: something was put right; 0: nothing was wrong; -EUCLEAN: it cannot
 * be put right, @err says why; other -errno.
 */
int nft_repair(struct nft *nft, struct error *err);

/* nft_parent_release() - end the guard over a parent that has no cells. 0 or -errno. */
int nft_parent_release(struct nft *nft, uint64_t parent_id, unsigned int level,
		       struct error *err);

/**
 * nft_cell_remove() - take a cell out of force; idempotent
 *
 * Elements that are already gone are no error. With the last cell the table
 * itself goes, in a transaction that fails and is given up if anybody adds a
 * cell meanwhile.
 *
 * Return: 0 or -errno.
 */
int nft_cell_remove(struct nft *nft, const struct nft_cell *cell, struct error *err);

/**
 * nft_cell_left() - count the elements of a cell that still exist
 * @ret_left: 0 says that the kernel holds nothing of the cell
 */
int nft_cell_left(struct nft *nft, const struct nft_cell *cell, unsigned int *ret_left,
		  struct error *err);

/**
 * nft_sweep() - remove the elements of cgroups and uids that no longer exist
 * @exists: called once for each id found; has the last word on cgroup ids
 * @arg: passed to @exists
 * @ret_removed: number of elements removed
 *
 * Dumps whole sets: for `reconcile` only. The dump comes first, so that a cell
 * that is made meanwhile is never taken for an orphan.
 */
int nft_sweep(struct nft *nft, bool (*exists)(uint64_t cgroup_id, void *arg), void *arg,
	      unsigned int *ret_removed, struct error *err);

/**
 * nft_probe() - can this kernel do all that the engine needs?
 *
 * Builds a throw-away table with every set type, expression and element that a
 * cell uses, reads it back, removes it.
 */
int nft_probe(struct nft *nft, struct error *err);

#endif /* NFT_CELLS_H */
