// SPDX-License-Identifier: MIT
#include "helper/sweep.h"

#include <errno.h>
#include <string.h>

/*
 * A leaf without identity may be in the making: its maker then holds the lock.
 * To have had the lock once is to see it finished, or its maker dead.
 */
static int settle(struct cell *cell, struct error *err)
{
	struct host *host = cell->host;
	char leaf[LEAF_NAME_MAX];
	int ret;

	if (cell->identity.id[0])
		return 0;
	memcpy(leaf, cell->leaf, sizeof(leaf));
	ret = cgroup_lock(&host->parent, err);
	if (ret < 0)
		return ret;
	cgroup_unlock(&host->parent);
	cell_done(cell);
	return cell_attach(cell, host, leaf, err);
}

int sweep_cell(struct cell *cell, void *arg)
{
	struct sweep *sweep = arg;
	struct teardown teardown;
	struct error err = { 0 };
	int ret = settle(cell, &err);

	if (ret == 0 && sweep->wants && !sweep->wants(cell)) {
		sweep->kept++;
		return 0;
	}
	if (ret == 0)
		ret = teardown_claim(cell, sweep->verb, &err);
	if (ret == -EALREADY || ret == -ENOENT)
		return 0;
	if (ret == 0) {
		ret = teardown_cell(cell, cell_steps, &teardown, &err);
		report_teardown(sweep->report, &teardown);
		teardown_done(&teardown);
	}
	if (ret < 0) {
		sweep->failed = true;
		report_error(&err);
	}
	return 0;
}
