// SPDX-License-Identifier: MIT
#include "helper/cell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/seccomp_check.h"
#include "lib/cleanup.h"

static const struct cell_step steps[] = {
	{ "check",	check_up,	NULL },		/* step_check.c */
	{ "network",	network_up,	NULL },		/* network.c: gone with its last fd */
	{ "cgroup",	cgroup_up,	cgroup_down },	/* step_cgroup.c */
	{ "limits",	limits_up,	NULL },
	{ "identity",	identity_up,	NULL },
	{ "workspace",	workspace_up,	workspace_down },	/* step_workspace.c */
	{ "egress",	egress_up,	egress_down },	/* step_egress.c */
	{ "stdio",	stdio_up,	stdio_down },	/* step_stdio.c */
	{ "spawn",	spawn_up,	spawn_down },	/* step_spawn.c */
	{ NULL,		NULL,		NULL },
};

const struct cell_step *const cell_steps = steps;

static void init(struct cell *cell, struct host *host)
{
	*cell = (struct cell){
		.host = host,
		.leaf_fd = -EBADF,
		.kill_fd = -EBADF,
		.events_fd = -EBADF,
		.network = NETWORK_NONE,
		.exit_status = CELLOS_EXIT_FAILED,
		.stats = CELL_STATS_NONE,
		.identity = { .owner = PIDREF_NONE, .workload = PIDREF_NONE },
		.init = PIDREF_NONE,
		.spawn = SPAWN_NONE,
	};
	stdio_init(&cell->stdio);
	wait_init(&cell->wait, cell);
}

void cell_init(struct cell *cell, struct host *host, const struct plan *plan)
{
	char segment[CELLOS_LEAF_ID_MAX + 1];
	struct identity *id = &cell->identity;

	init(cell, host);
	cell->plan = plan;
	cell->backend = &backend_host;
	cell->policy = plan->policy;
	snprintf(id->id, sizeof(id->id), "%s", plan->cell_id);
	cgroup_token(id->token);
	id->backend = plan->backend;
	id->governed = plan->egress_enforced;
	id->level = host->parent.level + 1;
	id->owner = host->self;
	id->netns = host->netns;
	id->pidns = host->pidns;
	id->cgroup_root = host->parent.root;
	id->flow_log = plan->flow_log;
	id->flow_group = plan->flow_group;
	id->net = plan->net;
	if (plan->netns)
		snprintf(id->net_path, sizeof(id->net_path), "%s", plan->netns);
	cgroup_leaf_segment(id->id, segment);
	snprintf(cell->leaf, sizeof(cell->leaf), LEAF_PREFIX "%s_%s", segment, id->token);
}

#define LOADS	3	/* of rules that others write meanwhile */

/*
 * Rules and keys are two attributes. What does not fit together may be half of a
 * change: which rules are in force then is for the kernel to say, egress_refresh().
 */
static int load_policy(struct cell *cell, struct error *err)
{
	for (int i = 1; ; i++) {
		struct error own = { 0 };
		int ret = identity_load_policy(cell->leaf_fd, &cell->policy, &own);
		enum identity_change change = identity_change(cell->leaf_fd);

		if (ret == 0)
			return 0;
		cell->policy = (struct egress_policy){ 0 };
		if (change == CHANGE_BEGUN)
			return 0;
		if (change == CHANGE_NONE || i == LOADS) {
			*err = own;
			return ret;
		}
	}
}

int cell_attach(struct cell *cell, struct host *host, const char *leaf, struct error *err)
{
	int ret;

	init(cell, host);
	if (strlen(leaf) >= sizeof(cell->leaf))
		return err_set(err, "attach", ENAMETOOLONG, "%s is no cell's cgroup", leaf);
	strcpy(cell->leaf, leaf);
	ret = cgroup_leaf_open(&host->parent, leaf, &cell->leaf_fd, &cell->cgroup_id);
	if (ret == -ENOENT)
		return ret;
	if (ret == -EPERM)
		return err_set(err, "attach", ret, "%s does not belong to uid %u: no cell of ours",
			       leaf, geteuid());
	if (ret < 0)
		return err_set(err, "attach", ret, "cannot open %s", leaf);
	/* Who only looks may not be allowed to, and needs it not. */
	cgroup_leaf_hold(cell->leaf_fd, &cell->kill_fd, &cell->events_fd);
	ret = identity_load(cell->leaf_fd, &cell->identity, err);
	if (ret == 0)
		ret = load_policy(cell, err);
	if (ret == 0)
		cell->policy_loaded = cell->registered = true;
	if (ret == -ENODATA)	/* never finished: then nothing but the leaf was made */
		ret = 0;
	if (ret < 0) {
		err_set(err, "attach", ret, "cannot read the identity of %s", leaf);
		cell_done(cell);
	}
	return ret;
}

int cell_settle(struct cell *cell, struct error *err)
{
	struct host *host = cell->host;
	char leaf[LEAF_NAME_MAX];
	int ret;

	if (cell->identity.id[0] && identity_change(cell->leaf_fd) != CHANGE_BEGUN)
		return 0;
	memcpy(leaf, cell->leaf, sizeof(leaf));
	ret = cgroup_lock(&host->parent, err);
	if (ret < 0)
		return ret;
	cgroup_unlock(&host->parent);
	cell_done(cell);
	ret = cell_attach(cell, host, leaf, err);
	if (ret == 0 && identity_change(cell->leaf_fd) == CHANGE_BEGUN)
		ret = egress_refresh(cell, err);
	return ret;
}

bool cell_is_foreign(const struct cell *cell)
{
	const struct identity *id = &cell->identity;

	return id->id[0] && (id->netns != cell->host->netns || id->pidns != cell->host->pidns ||
			     (cell->host->nft && id->cgroup_root != cell->host->parent.root));
}

int cell_refuse_foreign(const struct cell *cell, struct error *err)
{
	const struct identity *id = &cell->identity;

	if (!cell_is_foreign(cell))
		return 0;
	err_set(err, "attach", EXDEV, "cell %s was made in another network, pid or cgroup "
		"namespace", id->id);
	err_hint(err, "do this from there: nsenter -t %d -n -p -C cellos-helper ...",
		 pidref_alive(&id->owner) ? id->owner.pid : id->workload.pid);
	return -EXDEV;
}

int cell_up(struct cell *cell, const struct cell_step *table, struct error *err)
{
	for (const struct cell_step *step = table; step->name; step++) {
		int ret;

		wait_look(cell);
		if (cell->wait.stopping)
			return err_set(err, step->name, ECANCELED,
				       "stopped before the workload began");
		ret = step->up(cell, err);
		if (ret == 0)
			continue;
		/* Whatever layer found it, the step is what a reader knows. */
		err_set(err, step->name, ret, "failed");
		if (err)
			snprintf(err->step, sizeof(err->step), "%s", step->name);
		return ret;
	}
	return 0;
}

int cell_down(struct cell *cell, const struct cell_step *table, struct error *err)
{
	const struct cell_step *step = table;
	int first = 0;

	while (step->name)
		step++;
	while (step-- > table) {
		int ret = step->down ? step->down(cell, err) : 0;

		if (first == 0)
			first = ret;
	}
	return first;
}

void cell_done(struct cell *cell)
{
	wait_done(&cell->wait);
	stdio_done(&cell->stdio);
	spawn_release(cell);
	if (cell->policy_loaded)
		egress_policy_done(&cell->policy);
	free(cell->rules);
	cell->rules = NULL;
	network_done(&cell->network);
	pidref_done(&cell->init);
	filter_unload(&cell->filter);
	free(cell->workspace_made);
	cell->workspace_made = NULL;
	fd_close(&cell->leaf_fd);
	fd_close(&cell->kill_fd);
	fd_close(&cell->events_fd);
}
