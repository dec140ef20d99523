// SPDX-License-Identifier: MIT
#include "helper/teardown.h"

#include <errno.h>
#include <stdio.h>

#include "lib/io.h"

int teardown_claim(struct cell *cell, const char *verb, struct error *err)
{
	int ret;

	if (cell->leaf_fd < 0)
		return 0;	/* nothing that another could want */
	ret = cell_refuse_foreign(cell, err);
	if (ret < 0)
		return ret;
	if (!cell->locked) {
		ret = cgroup_lock(&cell->host->parent, err);
		if (ret < 0)
			return ret;
	}
	ret = identity_claim(cell->leaf_fd, &cell->host->self, verb);
	/* Looked at last: a holder that is dead by now may have removed the leaf before. */
	if (ret != -EALREADY && !cgroup_leaf_exists(&cell->host->parent, cell->leaf))
		ret = -ENOENT;
	cgroup_unlock(&cell->host->parent);
	cell->locked = false;
	return ret;
}

int teardown_cell(struct cell *cell, const struct cell_step *steps, struct teardown *ret,
		  struct error *err)
{
	bool was_made = cell->leaf_fd >= 0;
	uint64_t begin = now_ns();
	int status;

	*ret = (struct teardown){ .n_residue = 0 };
	snprintf(ret->cell_id, sizeof(ret->cell_id), "%s", cell->identity.id);
	/* While its processes live they lead to its network; nothing else may. */
	if (cell->leaf_fd >= 0)
		network_find(cell, NULL);
	status = cell_down(cell, steps, err);
	residue_look(cell, ret);
	cell->timings.teardown = (now_ns() - begin) / NSEC_PER_USEC;
	ret->destroyed = was_made && ret->n_residue == 0 && !ret->incomplete;
	/* A step that complained and left nothing has done its work. */
	if (ret->n_residue == 0 && !ret->incomplete)
		return 0;
	err_set(err, "teardown", status < 0 ? status : EBUSY, "%u things of cell %s are left: see "
		"the residue", ret->n_residue, ret->cell_id);
	err_hint(err, "cellos-helper reconcile tries again");
	return -EBUSY;
}

/*
 * Nothing wakes a poller when a cgroup is removed, so the leaf is looked at, ever
 * more rarely, for as long as a teardown may take.
 */
bool teardown_watch(struct cell *cell)
{
	uint64_t pause = NSEC_PER_SEC / 1000;
	uint64_t deadline = now_ns() + 2 * CELLOS_KILL_TIMEOUT * NSEC_PER_SEC;

	while (cgroup_leaf_exists(&cell->host->parent, cell->leaf) && now_ns() < deadline) {
		struct loop_op timer = { .done = NULL };
		struct pidref holder;

		if (!identity_claimed_by(cell->leaf_fd, &holder) || !pidref_alive(&holder))
			return cgroup_leaf_exists(&cell->host->parent, cell->leaf);
		loop_timer(cell->host->loop, &timer, now_ns() + pause);
		while (timer.armed)
			if (loop_turn(cell->host->loop, NULL) < 0)
				return false;
		if (pause < NSEC_PER_SEC / 10)
			pause *= 2;
	}
	return false;
}
