// SPDX-License-Identifier: MIT
/*
 * Step "egress": the rules in force and read back, before anything is born.
 *
 * A cell with a network of its own stands in two tables: in the helper's, where
 * it is registered and may do nothing, and in its own, where its rules are.
 */
#include <errno.h>
#include <stdlib.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "lib/io.h"
#include "nft/sockets.h"

/* One table, and what it holds of the cell. */
struct side {
	struct nft *nft;
	struct nft_cell cell;
};

struct sides {
	struct side side[2];
	unsigned int n;
};

static const struct egress_policy no_rules;

static struct nft_cell as_nft(struct cell *cell)
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
		.log = cell->identity.flow_log,
		.log_group = cell->identity.flow_group,
	};
}

/* The side with the rules is the last one. */
static int find_sides(struct cell *cell, struct sides *ret, struct error *err)
{
	int status = cell->identity.governed ? network_find(cell, err) : 0;

	*ret = (struct sides){ { { cell->host->nft, as_nft(cell) } }, 1 };
	if (status < 0 || cell->identity.net == CELLOS_NET_HOST || !cell->identity.governed)
		return status;
	ret->side[0].cell.policy = &no_rules;
	ret->side[0].cell.log = 0;
	if (cell->network.nft)
		ret->side[ret->n++] = (struct side){ cell->network.nft, as_nft(cell) };
	return 0;
}

/* May the rules of this side be expected to be there? */
static int check_reachable(const struct cell *cell, struct error *err)
{
	if (!cell->network.gone)
		return 0;
	return err_set(err, "egress", ENOENT, "the network namespace of cell %s is gone, or out of "
		       "sight", cell->identity.id);
}

int egress_up(struct cell *cell, struct error *err)
{
	uint64_t begin = now_ns();
	struct sides sides;
	int priv __free(priv) = -1;
	int ret = find_sides(cell, &sides, err);

	if (ret == 0)
		ret = priv = caps_raise(PRIV_EGRESS, err);
	if (ret < 0)
		return ret;
	/* Set first: an up() that is cut short may have committed. */
	cell->registered = true;
	for (unsigned int i = 0; ret == 0 && i < sides.n; i++) {
		const struct side *side = &sides.side[i];

		ret = nft_cell_add(side->nft, &side->cell, err);
		if (i == 0 && (ret == -EEXIST || ret == -EADDRINUSE))
			cell->registered = false;	/* the elements are another cell's */
		if (ret == 0)
			ret = nft_cell_verify(side->nft, &side->cell, err);
	}
	cell->verified = ret == 0 && cell->identity.governed;
	cell->timings.egress = (now_ns() - begin) / NSEC_PER_USEC;
	return ret;
}

int egress_verify(struct cell *cell, struct error *err)
{
	int priv __free(priv) = -1;
	struct sides sides;
	int ret;

	if (!cell->registered || !cell->identity.governed)
		return 0;
	cell->verified = false;
	if (cell->unsure) {
		err_set(err, "egress", EUCLEAN, "a change of the rules of cell %s was cut short",
			cell->identity.id);
		err_hint(err, "cellos-helper egress %s --set FILE, or destroy it",
			 cell->identity.id);
		return -EUCLEAN;
	}
	ret = find_sides(cell, &sides, err);
	if (ret == 0)
		ret = check_reachable(cell, err);
	if (ret == 0)
		ret = priv = caps_raise(PRIV_EGRESS, err);
	for (unsigned int i = 0; ret == 0 && i < sides.n; i++)
		ret = nft_cell_verify(sides.side[i].nft, &sides.side[i].cell, err);
	cell->verified = ret == 0;
	return ret;
}

static void add_count(struct nft_count *to, const struct nft_count *from)
{
	to->packets += from->packets;
	to->bytes += from->bytes;
}

int egress_count(struct cell *cell, struct error *err)
{
	int priv __free(priv) = -1;
	struct nft_totals totals;
	struct sides sides;
	int ret;

	if (!cell->registered || !cell->identity.governed)
		return 0;
	free(cell->rules);
	cell->rules = calloc(cell->policy.n_rules + 1, sizeof(*cell->rules));
	if (!cell->rules)
		return err_set(err, "egress", ENOMEM, "no memory for the counters");
	ret = find_sides(cell, &sides, err);
	if (ret == 0)
		ret = check_reachable(cell, err);
	if (ret == 0)
		ret = priv = caps_raise(PRIV_EGRESS, err);
	cell->totals = (struct nft_totals){ 0 };
	for (unsigned int i = 0; ret == 0 && i < sides.n; i++) {
		ret = nft_cell_count(sides.side[i].nft, &sides.side[i].cell, cell->rules, &totals,
				     err);
		add_count(&cell->totals.denied, &totals.denied);
		add_count(&cell->totals.refused, &totals.refused);
	}
	cell->counted = ret == 0;
	return ret;
}

static int remove_elements(struct cell *cell, struct error *err)
{
	struct sides sides;
	int ret = find_sides(cell, &sides, err);
	int priv __free(priv) = -1;

	if (ret == 0)
		ret = priv = caps_raise(PRIV_EGRESS, err);
	/* The registration goes last: until then others can find the cell. */
	while (ret == 0 && sides.n--)
		ret = nft_cell_remove(sides.side[sides.n].nft, &sides.side[sides.n].cell, err);
	return ret;
}

/* Which rules are in force, if a change of them was cut short. */
static int find_rules(struct cell *cell, struct egress_policy *ret, struct error *err)
{
	struct sides sides;
	int status = find_sides(cell, &sides, err);
	int priv __free(priv) = -1;

	if (status == 0)
		status = check_reachable(cell, err);
	if (status == 0)
		status = priv = caps_raise(PRIV_EGRESS, err);
	if (status < 0)
		return status;
	return nft_cell_found(sides.side[sides.n - 1].nft, &sides.side[sides.n - 1].cell, ret, err);
}

int egress_refresh(struct cell *cell, struct error *err)
{
	enum identity_change change;
	struct egress_policy policy;
	int ret;

	if (!cell->registered || cell->leaf_fd < 0)
		return 0;
	change = identity_change(cell->leaf_fd);
	if (change == CHANGE_NONE)
		return 0;
	cell->unsure = change == CHANGE_BEGUN;
	ret = cell->unsure ? find_rules(cell, &policy, err) :
			     identity_load_policy(cell->leaf_fd, &policy, err);
	if (ret < 0)
		return ret;
	if (cell->policy_loaded)
		egress_policy_done(&cell->policy);
	cell->policy = policy;
	cell->policy_loaded = true;
	cell->counted = false;
	return 0;
}

/* Rules that were put right in the meantime were not in force before. */
static int look_for_breach(struct cell *cell, struct error *err)
{
	char what[480] = "";

	if (cell->leaf_fd >= 0)
		identity_breach(cell->leaf_fd, NULL, what, sizeof(what));
	if (!*what)
		return 0;
	cell->verified = false;
	return err_set(err, "egress", EUCLEAN, "the cell was not under its rules for a time, until "
		       "reconcile put them right: %.160s", what);
}

/* The fd of the right namespace; @own holds it if it is to be closed. */
static int sockets_of(const struct cell *cell, int *own, struct error *err)
{
	if (cell->identity.net != CELLOS_NET_HOST)
		return cell->network.sockets;
	return *own = sockets_open(err);
}

/* Before rules are replaced: what they forbid then has to be ended with the cell. */
static int check_connections(const struct cell *cell, struct error *err)
{
	int own __free(fd) = -EBADF;
	int priv __free(priv) = caps_raise(PRIV_EGRESS, err);
	int fd = priv < 0 ? priv : sockets_of(cell, &own, err);

	return fd < 0 ? fd : sockets_check(fd, err);
}

/*
 * A connection that the cell was allowed once, and is not any more, may still have
 * something queued, which would leave when the rules are gone. So where rules were
 * replaced the connections go first.
 */
static int end_connections(struct cell *cell, struct error *err)
{
	int own __free(fd) = -EBADF;
	int priv __free(priv) = -1;
	int ret;

	if (cell->leaf_fd < 0 || !cell->identity.governed || cell->network.gone ||
	    identity_change(cell->leaf_fd) == CHANGE_NONE)
		return 0;
	ret = priv = caps_raise(PRIV_EGRESS, err);
	if (ret == 0)
		ret = sockets_of(cell, &own, err);
	if (ret >= 0)
		ret = sockets_end(ret, cell->cgroup_id, err);
	return ret < 0 ? ret : 0;
}

/*
 * The rules go last: not while a process of the cell lives, or may live. Before,
 * they are compared once more, for what they did until now is in the report.
 */
int egress_down(struct cell *cell, struct error *err)
{
	int verified, counted, ended, removed;

	if (!cell->registered)
		return 0;
	if (cell->leaf_fd >= 0 && cgroup_leaf_populated(cell->events_fd) != 0)
		return err_set(err, "egress", EBUSY, "processes of %s may live: its rules stay in "
			       "force", cell->leaf);
	egress_refresh(cell, err);
	verified = egress_verify(cell, err);
	if (verified == 0)
		verified = look_for_breach(cell, err);
	cell->tampered = verified < 0;
	ended = end_connections(cell, err);
	counted = egress_count(cell, err);
	removed = remove_elements(cell, err);
	return removed < 0 ? removed : verified < 0 ? verified : ended < 0 ? ended : counted;
}

int egress_left(struct cell *cell, unsigned int *ret_left, struct error *err)
{
	int priv __free(priv) = -1;
	unsigned int left = 0;
	struct sides sides;
	int ret;

	*ret_left = 0;
	if (!cell->registered)
		return 0;
	ret = find_sides(cell, &sides, err);
	if (ret == 0)
		ret = priv = caps_raise(PRIV_EGRESS, err);
	for (unsigned int i = 0; ret == 0 && i < sides.n; i++) {
		ret = nft_cell_left(sides.side[i].nft, &sides.side[i].cell, &left, err);
		*ret_left += left;
	}
	return ret;
}

int egress_replace(struct cell *cell, const struct egress_policy *policy, struct error *err)
{
	struct sides sides;
	int ret = find_sides(cell, &sides, err);
	int priv __free(priv) = -1;

	if (ret == 0)
		ret = check_reachable(cell, err);
	if (ret == 0)
		ret = check_connections(cell, err);
	if (ret == 0)
		ret = identity_change_begin(cell->leaf_fd, err);
	if (ret == 0)
		ret = priv = caps_raise(PRIV_EGRESS, err);
	if (ret < 0)
		return ret;
	ret = nft_cell_replace(sides.side[sides.n - 1].nft, &sides.side[sides.n - 1].cell, policy,
			       err);
	/* Refused: the old rules are in force, if they are known. */
	if (ret < 0 && ret != -EBADMSG && !cell->unsure)
		identity_change_end(cell->leaf_fd, NULL, NULL);
	if (ret == 0)
		ret = identity_change_end(cell->leaf_fd, policy, err);
	if (ret == 0)
		cell->unsure = false;
	return ret < 0 ? ret : egress_refresh(cell, err);
}

int egress_restore(struct cell *cell, struct error *err)
{
	struct sides sides;
	int ret = find_sides(cell, &sides, err), repaired = 0;
	int priv __free(priv) = -1;

	if (!cell->registered || cell->unsure || ret < 0)
		return ret;
	ret = priv = caps_raise(PRIV_EGRESS, err);
	for (unsigned int i = 0; ret >= 0 && i < sides.n; i++) {
		ret = nft_repair(sides.side[i].nft, err);
		repaired += ret > 0;
		if (ret >= 0)
			ret = nft_cell_restore(sides.side[i].nft, &sides.side[i].cell, err);
		repaired += ret > 0;
	}
	return ret < 0 ? ret : repaired;
}
