// SPDX-License-Identifier: MIT
/*
 * Step "cgroup": the leaf, under the parent's lock, which lasts until the leaf
 * carries its identity. Its down is the last: it reads what the cell used, then
 * removes the leaf.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "helper/limits.h"
#include "lib/io.h"

static void unlock(struct cell *cell)
{
	if (cell->locked)
		cgroup_unlock(&cell->host->parent);
	cell->locked = false;
}

static int check_id_free(struct cell *cell, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_EGRESS, err);
	int taken;

	if (priv < 0)
		return priv;
	taken = nft_id_taken(cell->host->nft, cell->host->parent.id, cell->identity.id, err);
	if (taken <= 0)
		return taken;
	err_set(err, "cgroup", EEXIST, "cell id \"%s\" already active on host (no duplicate live "
		"cells)", cell->identity.id);
	err_hint(err, "cellos-helper show %s; after a crash: cellos-helper reconcile",
		 cell->identity.id);
	return -EEXIST;
}

/* A uid of its own, or the one that the caller chose. */
static int choose_user(struct cell *cell, struct error *err)
{
	const struct plan_user *user = &cell->plan->user;
	struct identity *id = &cell->identity;
	int priv __free(priv) = -1;
	int ret = 1;

	id->uid_dynamic = user->dynamic;
	id->uid = user->uid;
	id->gid = user->gid;
	if (!user->dynamic)
		return 0;
	priv = caps_raise(PRIV_EGRESS, err);
	if (priv < 0)
		return priv;
	while (ret == 1) {
		ret = identity_next_uid(cell->host->parent.fd, &id->uid, err);
		if (ret == 0)
			ret = nft_uid_taken(cell->host->nft, id->uid, err);
	}
	id->gid = id->uid;
	return ret;
}

int cgroup_up(struct cell *cell, struct error *err)
{
	uint64_t begin = now_ns();
	int ret = cgroup_lock(&cell->host->parent, err);

	if (ret < 0)
		return ret;
	cell->locked = true;
	ret = check_id_free(cell, err);
	if (ret == 0)
		ret = choose_user(cell, err);
	if (ret == 0)
		ret = cgroup_leaf_make(&cell->host->parent, cell->leaf, &cell->leaf_fd,
				       &cell->cgroup_id, err);
	if (ret == 0) {
		ret = cgroup_leaf_hold(cell->leaf_fd, &cell->kill_fd, &cell->events_fd);
		if (ret < 0)
			err_set(err, "cgroup", ret, "cannot open cgroup.kill and cgroup.events "
				"of %s", cell->leaf);
	}
	cell->timings.cgroup = (now_ns() - begin) / NSEC_PER_USEC;
	return ret;
}

int cgroup_down(struct cell *cell, struct error *err)
{
	int ret = 0;

	unlock(cell);
	if (cell->leaf_fd < 0)
		return 0;
	stats_read(cell->leaf_fd, &cell->stats);
	if (cell->keep_leaf)
		return -EBUSY;	/* what reconcile has to know stands in its attributes */
	ret = cgroup_leaf_remove(&cell->host->parent, cell->leaf);
	if (ret < 0)
		err_set(err, "cgroup", ret, "cannot remove %s/%s", cell->host->parent.path,
			cell->leaf);
	return ret;
}

/* Step "limits": written and read back before anything lives in the leaf. */
int limits_up(struct cell *cell, struct error *err)
{
	return limits_apply(cell->leaf_fd, &cell->plan->limits, err);
}

/*
 * Step "identity": from here on any process can find the cell and end it. It
 * also is the last look at whether the cell could leave its cgroup.
 */
int identity_up(struct cell *cell, struct error *err)
{
	struct identity *id = &cell->identity;
	uint64_t begin = now_ns();
	char where[PATH_MAX];
	int ret;

	if ((id->uid_dynamic || !cell->read_only) &&
	    cgroup_writable_by(cell->leaf_fd, id->uid, id->gid, where))
		return err_set(err, "identity", EPERM, "uid %u, gid %u may write %s of %s/%s: the "
			       "cell could leave its cgroup", id->uid, id->gid, where,
			       cell->host->parent.path, cell->leaf);
	id->started = now_ns();
	if (cell->plan->ttl_seconds)
		id->deadline = id->started + cell->plan->ttl_seconds * NSEC_PER_SEC;
	ret = identity_store(cell->leaf_fd, id, &cell->policy, err);
	unlock(cell);
	cell->timings.cgroup += (now_ns() - begin) / NSEC_PER_USEC;
	return ret;
}
