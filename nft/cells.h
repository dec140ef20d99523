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

/**
 * struct nft_cell - everything that the table holds of one cell
 * @cgroup_id: inode number of the cell's cgroup
 * @parent_id: inode number of its cell parent (scope of the id)
 * @level: depth of the cell's cgroup below the root of the hierarchy, 1 or more
 * @id: the cell's id, for its uniqueness and as comment in listings
 * @uid: the cell's uid, kept unique if @uid_unique
 * @uid_unique: the uid is dynamic: no other live cell may have it
 * @governed: false for --egress off: only @id and @uid are registered
 * @policy: the rules; NULL only if not @governed
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
};

struct nft_count {
	uint64_t packets;
	uint64_t bytes;
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
 * @denied: filled
 *
 * Return: 0 or -errno; elements that are gone count as 0.
 */
int nft_cell_count(struct nft *nft, const struct nft_cell *cell, struct nft_count *rules,
		   struct nft_count *denied, struct error *err);

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
