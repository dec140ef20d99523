// SPDX-License-Identifier: MIT
/*
 * Looking at a live cell that other helpers may be changing meanwhile: what seems
 * wrong without the parent's lock is looked at once more with it.
 */
#include <errno.h>
#include <string.h>

#include "helper/cell.h"
#include "helper/leaves.h"

/* Has it gone, or is somebody about to end it? */
static bool is_ending(const struct cell *cell)
{
	struct pidref holder;

	return (identity_claimed_by(cell->leaf_fd, &holder) && pidref_alive(&holder)) ||
	       !cgroup_leaf_exists(&cell->host->parent, cell->leaf);
}

int cell_hold(struct cell *cell, struct error *err)
{
	struct host *host = cell->host;
	char id[CELLOS_ID_MAX + 1], leaf[LEAF_NAME_MAX];
	int ret = cgroup_lock(&host->parent, err);

	if (ret < 0)
		return ret;
	strcpy(id, cell->identity.id);
	strcpy(leaf, cell->leaf);
	cell_done(cell);
	ret = cell_attach(cell, host, leaf, err);
	if (ret == -ENOENT || (ret == 0 && is_ending(cell)))
		ret = leaves_not_found(id, err);
	if (ret == 0)
		ret = egress_refresh(cell, err);
	if (ret < 0)
		cgroup_unlock(&host->parent);
	return ret;
}

static int compare(struct cell *cell, struct error *err)
{
	int counted = egress_count(cell, err);
	int verified = egress_verify(cell, err);

	return counted < 0 ? counted : verified;
}

int egress_look(struct cell *cell, struct error *err)
{
	struct error found = { 0 };
	int ret = cell->identity.governed ? cell_refuse_foreign(cell, err) : 0;

	if (ret < 0)
		return ret;
	ret = compare(cell, &found);
	if (ret != -EUCLEAN || cell->unsure) {
		if (ret < 0)
			*err = found;
		return ret;
	}
	found = (struct error){ 0 };
	ret = cell_hold(cell, err);
	if (ret < 0)
		return ret;
	ret = compare(cell, &found);
	cgroup_unlock(&cell->host->parent);
	if (ret == -EUCLEAN && !cell->identity.workload.pid)
		return err_set(err, "egress", EAGAIN, "the run of cell %s has not put its rules "
			       "in force yet", cell->identity.id);
	if (ret < 0)
		*err = found;
	return ret;
}
