// SPDX-License-Identifier: MIT
/* The verb `destroy`: end one cell, or all, and prove it. */
#include <errno.h>

#include "helper/caps.h"
#include "helper/leaves.h"
#include "helper/sweep.h"
#include "helper/verbs.h"

static int destroy_one(struct host *host, const char *id, struct report *report,
		       struct error *err)
{
	struct teardown teardown;
	struct cell cell;
	int ret = leaves_find(host, id, &cell, err);

	if (ret < 0)
		return ret;
	ret = teardown_claim(&cell, "destroy", err);
	if (ret == -EALREADY || ret == -ENOENT) {
		ret = leaves_not_found(id, err);
	} else if (ret == 0) {
		ret = teardown_cell(&cell, cell_steps, &teardown, err);
		report_teardown(report, &teardown);
		teardown_done(&teardown);
	}
	cell_done(&cell);
	return ret;
}

int verb_destroy(int argc, char **argv)
{
	struct verb_options options = { 0 };
	struct error err = { 0 };
	struct report report;
	static struct host host;	/* large for a stack */
	struct sweep sweep = { .verb = "destroy", .report = &report };
	int ret = verb_begin(argc, argv, VERB_TAKES_ALL, PRIV_MASK(PRIV_EGRESS) |
			     PRIV_MASK(PRIV_SIGNAL) | PRIV_MASK(PRIV_NETWORK) |
			     PRIV_MASK(PRIV_NETWORK_FIND), HOST_NFT | HOST_LOOP, &options, &host,
			     &err);
	bool no_parent = ret == 1;

	if (ret >= 0 && options.n_args != !options.all)
		ret = err_set(&err, "options", EINVAL, "destroy takes one cell id, or --all");
	if (ret >= 0 && report_open(&report, options.json) < 0)
		ret = err_set(&err, "report", ENOMEM, "no memory");
	if (ret < 0)
		return verb_fail(&err);
	if (options.all && !no_parent)
		ret = leaves_each(&host, sweep_cell, &sweep, &err);
	else if (!options.all)
		ret = no_parent ? leaves_not_found(options.args[0], &err) :
				  destroy_one(&host, options.args[0], &report, &err);
	if (report_close(&report, !options.all) < 0)
		sweep.failed = true;
	if (!no_parent)
		host_done(&host);
	return ret < 0 || sweep.failed ? verb_fail(&err) : 0;
}
