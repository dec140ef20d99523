// SPDX-License-Identifier: MIT
/* Step "egress": the rules in force and read back, before anything is born. */
#include <errno.h>
#include <stdlib.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "lib/io.h"

/* Its own leaf is still there when its rules go: then it is the last if it is alone. */
static bool is_last_of_parent(void *arg)
{
	return cgroup_parent_cells(arg) <= 1;
}

static struct nft_cell as_nft(const struct cell *cell)
{
	return (struct nft_cell){
		.cgroup_id = cell->cgroup_id,
		.parent_id = cell->host->parent.id,
		.level = cell->identity.level,
		.id = cell->identity.id,
		.uid = cell->identity.uid,
		.uid_unique = cell->identity.uid_dynamic,
		.governed = cell->identity.governed,
		.policy = &cell->policy,
		.last_of_parent = is_last_of_parent,
		.arg = &cell->host->parent,
	};
}

int egress_up(struct cell *cell, struct error *err)
{
	struct nft_cell nft = as_nft(cell);
	int priv __free(priv) = caps_raise(PRIV_EGRESS, err);
	uint64_t begin = now_ns();
	int ret;

	if (priv < 0)
		return priv;
	/* Set first: an up() that is cut short may have committed. */
	cell->registered = true;
	ret = nft_cell_add(cell->host->nft, &nft, err);
	if (ret == -EEXIST || ret == -EADDRINUSE)
		cell->registered = false;	/* the elements are another cell's */
	if (ret == 0)
		ret = nft_cell_verify(cell->host->nft, &nft, err);
	cell->verified = ret == 0 && nft.governed;
	cell->timings.egress = (now_ns() - begin) / NSEC_PER_USEC;
	return ret;
}

int egress_verify(struct cell *cell, struct error *err)
{
	struct nft_cell nft = as_nft(cell);
	int priv __free(priv) = -1;
	int ret;

	if (!cell->registered || !nft.governed)
		return 0;
	priv = caps_raise(PRIV_EGRESS, err);
	if (priv < 0)
		return priv;
	ret = nft_cell_verify(cell->host->nft, &nft, err);
	cell->verified = ret == 0;
	return ret;
}

int egress_count(struct cell *cell, struct error *err)
{
	struct nft_cell nft = as_nft(cell);
	int priv __free(priv) = -1;
	int ret;

	if (!cell->registered || !nft.governed)
		return 0;
	if (!cell->rules)
		cell->rules = calloc(cell->policy.n_rules + 1, sizeof(*cell->rules));
	if (!cell->rules)
		return err_set(err, "egress", ENOMEM, "no memory for the counters");
	priv = caps_raise(PRIV_EGRESS, err);
	if (priv < 0)
		return priv;
	ret = nft_cell_count(cell->host->nft, &nft, cell->rules, &cell->totals, err);
	cell->counted = ret == 0;
	return ret;
}

static int remove_elements(struct cell *cell, struct error *err)
{
	struct nft_cell nft = as_nft(cell);
	int priv __free(priv) = caps_raise(PRIV_EGRESS, err);

	return priv < 0 ? priv : nft_cell_remove(cell->host->nft, &nft, err);
}

/*
 * The rules go last: not while a process of the cell lives, or may live. Before,
 * they are compared once more, for what they did until now is in the report.
 */
int egress_down(struct cell *cell, struct error *err)
{
	int verified, counted, removed;

	if (!cell->registered)
		return 0;
	if (cell->leaf_fd >= 0 && cgroup_leaf_populated(cell->events_fd) != 0)
		return err_set(err, "egress", EBUSY, "processes of %s may live: its rules stay in "
			       "force", cell->leaf);
	verified = egress_verify(cell, err);
	cell->tampered = verified < 0;
	counted = egress_count(cell, err);
	removed = remove_elements(cell, err);
	return removed < 0 ? removed : verified < 0 ? verified : counted;
}

int egress_left(struct cell *cell, unsigned int *ret_left, struct error *err)
{
	struct nft_cell nft = as_nft(cell);
	int priv __free(priv) = -1;

	*ret_left = 0;
	if (!cell->registered)
		return 0;
	priv = caps_raise(PRIV_EGRESS, err);
	return priv < 0 ? priv : nft_cell_left(cell->host->nft, &nft, ret_left, err);
}
