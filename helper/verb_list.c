// SPDX-License-Identifier: MIT
/* The verbs that only look: list and show. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/caps.h"
#include "helper/leaves.h"
#include "helper/verbs.h"

#define LOOK_PRIVS	(PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_NETWORK) | \
			 PRIV_MASK(PRIV_NETWORK_FIND))

static int print_cell(struct cell *cell, void *arg)
{
	if (cell->identity.id[0])
		report_cell(arg, cell);
	return 0;
}

int verb_list(int argc, char **argv)
{
	struct verb_options options;
	struct error err = { 0 };
	struct report report;
	static struct host host;	/* large for a stack */
	int ret = verb_parse(argc, argv, 0, &options, &err);

	if (ret == 0 && options.n_args)
		ret = err_set(&err, "options", EINVAL, "list takes no argument");
	if (ret == 0)
		ret = caps_init(0, &err);
	if (ret == 0)
		ret = report_open(&report, options.json);
	if (ret < 0)
		return verb_fail(&err);
	ret = host_open(options.parent, 0, &host, &err);
	if (ret == 0) {
		ret = leaves_each(&host, print_cell, &report, &err);
		host_done(&host);
	} else if (ret == -ENOENT && !err.errnum) {
		ret = 0;	/* no parent, no cells */
	}
	free(options.parent);
	if (report_close(&report, false) < 0 || ret < 0)
		return verb_fail(&err);
	return 0;
}

int verb_show(int argc, char **argv)
{
	struct verb_options options = { 0 };
	struct error err = { 0 };
	struct report report = { 0 };
	static struct host host;	/* large for a stack */
	struct cell cell;
	int ret = verb_begin(argc, argv, 0, LOOK_PRIVS, HOST_NFT, &options, &host, &err);
	bool no_parent = ret == 1;

	if (ret >= 0 && options.n_args != 1)
		ret = err_set(&err, "options", EINVAL, "show takes one cell id");
	else if (no_parent)
		ret = leaves_not_found(options.args[0], &err);
	if (ret == 0)
		ret = report_open(&report, options.json);
	if (ret < 0)
		return verb_fail(&err);
	ret = leaves_find(&host, options.args[0], &cell, &err);
	if (ret == 0)
		ret = cell_settle(&cell, &err);
	if (ret == 0) {
		/* A table that is not as it should be is shown, and then said. */
		ret = egress_look(&cell, &err);
		stats_read(cell.leaf_fd, &cell.stats);
		if (cell.identity.id[0])
			report_cell_whole(&report, &cell);
		if (report_close(&report, true) < 0 && ret == 0)
			ret = -EIO;
		cell_done(&cell);
	}
	host_done(&host);
	return ret < 0 ? verb_fail(&err) : 0;
}
