// SPDX-License-Identifier: MIT
/* The verb `egress`: show a live cell's rules, or replace them in one transaction. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/caller_file.h"
#include "helper/caps.h"
#include "helper/document.h"
#include "helper/leaves.h"
#include "helper/verbs.h"
#include "lib/cleanup.h"

#define RULES_POINTER	"/spec/authority/egressRules"

DEFINE_FREE(policy, struct egress_policy, egress_policy_done(p))

/* The file is the array itself: pointers into it begin there. */
static void relate_field(struct error *err)
{
	size_t len = strlen(RULES_POINTER);

	if (!strncmp(err->field, RULES_POINTER, len))
		memmove(err->field, err->field + len, strlen(err->field + len) + 1);
}

static int compile(const char *bytes, size_t size, struct egress_policy *ret, struct error *err)
{
	struct egress_rule *rules = NULL;
	unsigned int n = 0;
	int status = egress_rules_parse(bytes, size, &rules, &n, err);

	if (status == 0) {
		status = egress_compile(rules, n, ret, err);
		egress_rules_done(rules, n);
	}
	if (status < 0)
		relate_field(err);
	return status;
}

/* Read with the caller's rights, and judged whole, before anything is touched. */
static int take_rules(const char *path, struct egress_policy *ret, struct error *err)
{
	char *bytes __free(mem) = NULL;
	int fd __free(fd) = -EBADF;
	size_t size = 0;
	int status;

	{
		int priv __free(priv) = caps_raise(PRIV_CALLER_FILES, err);

		status = priv < 0 ? priv : caller_file_open(path, "rules", &fd, err);
	}
	if (status == 0)
		status = caps_forget(PRIV_MASK(PRIV_CALLER_FILES), err);
	if (status == 0)
		status = caller_file_read(fd, "rules", &bytes, &size, err);
	return status < 0 ? status : compile(bytes, size, ret, err);
}

static int check_governed(const struct cell *cell, struct error *err)
{
	if (cell->identity.governed)
		return 0;
	err_set(err, "egress", EINVAL, "cell %s was started with --egress off: it has no rules",
		cell->identity.id);
	err_hint(err, "start it anew with --egress enforce");
	return -EINVAL;
}

/* With the lock: nobody else changes the rules, and who would end the cell waits. */
static int replace(struct cell *cell, const struct egress_policy *policy, struct error *err)
{
	int ret = check_governed(cell, err);

	if (ret == 0)
		ret = cell_hold(cell, err);
	if (ret < 0)
		return ret;
	ret = egress_replace(cell, policy, err);
	if (ret == 0)
		ret = egress_count(cell, err);
	if (ret == 0)
		ret = egress_verify(cell, err);
	cgroup_unlock(&cell->host->parent);
	relate_field(err);
	return ret;
}

static int act(struct host *host, const struct verb_options *options,
	       const struct egress_policy *policy, struct report *report, struct error *err)
{
	struct cell cell;
	int ret = leaves_find(host, options->args[0], &cell, err);

	if (ret < 0)
		return ret;
	ret = cell_refuse_foreign(&cell, err);
	if (ret == 0)
		ret = cell_settle(&cell, err);
	if (ret < 0) {
		cell_done(&cell);
		return ret;
	}
	ret = options->set ? replace(&cell, policy, err) : egress_look(&cell, err);
	/* What is not as it should be is shown, and then said. */
	if (ret == 0 || (!options->set && cell.identity.id[0]))
		report_egress(report, &cell);
	cell_done(&cell);
	return ret;
}

int verb_egress(int argc, char **argv)
{
	struct egress_policy policy __free(policy) = { 0 };
	struct verb_options options = { 0 };
	struct error err = { 0 };
	struct report report = { 0 };
	static struct host host;	/* large for a stack */
	uint32_t privs = PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_CALLER_FILES) |
			 PRIV_MASK(PRIV_NETWORK) | PRIV_MASK(PRIV_NETWORK_FIND);
	int ret = verb_begin(argc, argv, VERB_TAKES_SET, privs, HOST_NFT, &options, &host, &err);
	bool no_parent = ret == 1;

	if (ret >= 0 && options.n_args != 1)
		ret = err_set(&err, "options", EINVAL, "egress takes one cell id");
	if (ret >= 0 && options.set)
		ret = take_rules(options.set, &policy, &err);
	if (ret >= 0 && no_parent)
		ret = leaves_not_found(options.args[0], &err);
	if (ret >= 0)
		ret = report_open(&report, options.json);
	if (ret < 0)
		return verb_fail(&err);
	ret = act(&host, &options, &policy, &report, &err);
	if (report_close(&report, true) < 0 && ret == 0)
		ret = -EIO;
	host_done(&host);
	return ret < 0 ? verb_fail(&err) : 0;
}
