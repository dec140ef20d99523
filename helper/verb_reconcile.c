// SPDX-License-Identifier: MIT
/* The verb `reconcile`: remove what helpers left that died. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/leaves.h"
#include "helper/sweep.h"
#include "helper/verbs.h"
#include "lib/cleanup.h"
#include "lib/io.h"

/*
 * Kept is what somebody owns: a living helper ends its own cells, and their
 * TTLs, too. One that is stuck so long past a deadline that no grace period
 * explains it does not.
 */
static bool is_abandoned(const struct cell *cell)
{
	const struct identity *id = &cell->identity;
	const uint64_t patience = (CELLOS_GRACE_MAX + CELLOS_KILL_TIMEOUT) * NSEC_PER_SEC;

	if (cell_is_foreign(cell))
		return false;	/* whose owner is alive cannot be seen from here */
	if (!id->id[0] || !pidref_alive(&id->owner))
		return true;
	return id->deadline && now_ns() > id->deadline + patience;
}

/* Before there is a workload its own run makes sure of the rules; after it, nobody needs them. */
static int repair_held(struct cell *cell)
{
	struct error found = { 0 }, err = { 0 };
	char what[480], noted[480];
	int ret;

	if (!cell->identity.workload.pid || egress_verify(cell, &found) == 0)
		return 0;
	snprintf(what, sizeof(what), "%.300s", found.message);
	ret = found.errnum == EUCLEAN ? egress_restore(cell, &err) : -found.errnum;
	if (ret >= 0)
		ret = egress_verify(cell, &err);
	/* A change that was cut short left one of two sets of rules, and no gap. */
	if (!cell->unsure)
		identity_breach(cell->leaf_fd, what, noted, sizeof(noted));
	if (ret < 0) {
		report_error(&found);
		if (strcmp(found.message, err.message))
			report_error(&err);
		return ret;
	}
	dprintf(STDERR_FILENO, "cellos-helper: egress: cell %s was not under its rules: %s: put "
		"right\n", cell->identity.id, what);
	return 0;
}

/*
 * A cell that stays has to be under its rules. Where it is not, another program has
 * changed the table: it is put right, said, and noted for the cell's own report.
 */
static int repair(struct cell *cell)
{
	struct error found = { 0 }, err = { 0 };
	int ret;

	if (!cell->identity.governed || cell_is_foreign(cell) ||
	    egress_verify(cell, &found) == 0)
		return 0;
	/* Only with the lock is it sure that no other helper is just changing it. */
	ret = cell_hold(cell, &err);
	if (ret == -ENOENT)
		return 0;	/* it has just ended */
	if (ret < 0) {
		report_error(&err);
		return ret;
	}
	ret = repair_held(cell);
	cgroup_unlock(&cell->host->parent);
	return ret;
}

/* The inode numbers of all cgroups of the hierarchy, collected when first asked. */
struct cgroup_ids {
	const struct host *host;
	uint64_t *ids;
	size_t n;
	bool collected;
	bool failed;
};

static void collect(struct cgroup_ids *set, int at, const char *name)
{
	DIR *dir __free(dir) = io_opendir_at(at, name);
	struct dirent *entry;

	/* A cgroup that went meanwhile is gone; anything else is not known. */
	if (!dir) {
		set->failed |= errno != ENOENT;
		return;
	}
	while ((entry = readdir(dir))) {
		uint64_t *ids;

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, "..") ||
		    !strcmp(entry->d_name, "."))
			continue;
		ids = reallocarray(set->ids, set->n + 1, sizeof(*ids));
		if (!ids) {
			set->failed = true;
			return;
		}
		set->ids = ids;
		ids[set->n++] = entry->d_ino;
		collect(set, dirfd(dir), entry->d_name);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool cgroup_exists(uint64_t id, void *arg)
{
	struct cgroup_ids *set = arg;
	const struct cgroup_parent *parent = &set->host->parent;
	int exists = cgroup_id_exists(parent, id);

	if (exists >= 0)
		return exists;
	/* In a user namespace all that the mount shows is listed, if that is enough. */
	if (!set->collected) {
		char root[3 * 64] = ".";

		for (unsigned int i = 0; i < parent->depth && i < 60; i++)
			strcat(root, "/..");
		set->failed = !parent->whole;
		collect(set, parent->fd, root);
		qsort(set->ids, set->n, sizeof(*set->ids), compare);
		set->collected = true;
	}
	return set->failed || bsearch(&id, set->ids, set->n, sizeof(id), compare);
}

static int sweep_elements(struct host *host, struct error *err)
{
	struct cgroup_ids set = { .host = host };
	int priv __free(priv) = caps_raise(PRIV_SWEEP, err);
	unsigned int removed = 0;
	int ret = priv < 0 ? priv : nft_sweep(host->nft, cgroup_exists, &set, &removed, err);

	if (ret == 0 && cgroup_parent_cells(&host->parent) == 0)
		ret = nft_parent_release(host->nft, host->parent.id, host->parent.level + 1, err);
	free(set.ids);
	if (ret == 0 && set.failed)
		return err_set(err, "sweep", EIO, "cannot see all cgroups of the host: elements "
			       "without a cgroup may be left");
	return ret;
}

int verb_reconcile(int argc, char **argv)
{
	struct verb_options options = { 0 };
	struct error err = { 0 };
	struct report report;
	static struct host host;	/* large for a stack */
	struct sweep sweep = { .verb = "reconcile", .report = &report, .wants = is_abandoned,
			       .keep = repair };
	int swept;
	int ret = verb_begin(argc, argv, 0, PRIV_MASK(PRIV_PARENT) | PRIV_MASK(PRIV_EGRESS) |
			     PRIV_MASK(PRIV_SIGNAL) | PRIV_MASK(PRIV_SWEEP) |
			     PRIV_MASK(PRIV_NETWORK) | PRIV_MASK(PRIV_NETWORK_FIND),
			     HOST_NFT | HOST_LOOP | HOST_CREATE, &options, &host, &err);

	if (ret == 0 && options.n_args)
		ret = err_set(&err, "options", EINVAL, "reconcile takes no argument");
	if (ret == 0 && report_open(&report, options.json) < 0)
		ret = err_set(&err, "report", ENOMEM, "no memory");
	if (ret < 0)
		return verb_fail(&err);
	ret = leaves_each(&host, sweep_cell, &sweep, &err);
	swept = sweep_elements(&host, &err);
	sweep.failed |= report_close_reconcile(&report, sweep.kept) < 0;
	host_done(&host);
	return ret < 0 || swept < 0 || sweep.failed ? verb_fail(&err) : 0;
}
