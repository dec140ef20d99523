// SPDX-License-Identifier: MIT
#include "helper/sweep.h"

#include <errno.h>

int sweep_cell(struct cell *cell, void *arg)
{
	struct sweep *sweep = arg;
	struct teardown teardown;
	struct error err = { 0 };
	int ret = cell_settle(cell, &err);

	if (ret == 0 && sweep->wants && !sweep->wants(cell)) {
		sweep->kept++;
		if (sweep->keep && sweep->keep(cell) < 0)
			sweep->failed = true;
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
