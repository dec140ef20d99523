// SPDX-License-Identifier: MIT
#include "helper/leaves.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper/report.h"
#include "lib/cleanup.h"
#include "lib/io.h"

/* The next leaf whose name begins so. */
static const char *next_leaf(DIR *dir, const char *prefix)
{
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && !strncmp(entry->d_name, prefix, strlen(prefix)))
			return entry->d_name;
	return NULL;
}

/* A leaf that is no cell of ours, or not to be read: named, and left alone. */
static int refuse_leaf(const char *leaf, const struct error *why)
{
	struct error named = *why;

	snprintf(named.message, sizeof(named.message), "%.120s: %.190s", leaf, why->message);
	report_error(&named);
	return -why->errnum;
}

int leaves_each(struct host *host, int (*fn)(struct cell *cell, void *arg), void *arg,
		struct error *err)
{
	DIR *dir __free(dir) = io_opendir_at(host->parent.fd, ".");
	int ret = 0, refused = 0;
	const char *leaf;

	if (!dir)
		return err_set(err, "leaves", errno, "cannot list %s", host->parent.path);
	while (ret == 0 && (leaf = next_leaf(dir, LEAF_PREFIX))) {
		struct error own = { 0 };
		struct cell cell;

		if (cell_attach(&cell, host, leaf, &own) == 0) {
			ret = fn(&cell, arg);
			cell_done(&cell);
		} else if (own.errnum) {	/* else it has just gone */
			refused = refuse_leaf(leaf, &own);
		}
	}
	return ret ? ret : refused;
}

int leaves_not_found(const char *id, struct error *err)
{
	err_set(err, "find", ENOENT, "cell \"%.128s\" unknown or already destroyed (no "
		"double-teardown)", id);
	err_hint(err, "cellos-helper list; cells of another parent: --cgroup-parent");
	return -ENOENT;
}

int leaves_find(struct host *host, const char *id, struct cell *ret, struct error *err)
{
	char segment[CELLOS_LEAF_ID_MAX + 1], prefix[LEAF_NAME_MAX];
	DIR *dir __free(dir) = io_opendir_at(host->parent.fd, ".");
	struct error refused = { 0 };
	const char *leaf;

	if (!dir)
		return err_set(err, "leaves", errno, "cannot list %s", host->parent.path);
	cgroup_leaf_segment(id, segment);
	strcpy(prefix, LEAF_PREFIX);
	strcat(prefix, segment);
	strcat(prefix, "_");
	while ((leaf = next_leaf(dir, prefix))) {
		struct error own = { 0 };

		if (cell_attach(ret, host, leaf, &own) == 0) {
			if (!strcmp(ret->identity.id, id))
				return 0;
			cell_done(ret);
		} else if (own.errnum && !refused.errnum) {
			refused = own;
		}
	}
	/* One that cannot be read may be the one that is meant: that it is gone is not known. */
	if (!refused.errnum)
		return leaves_not_found(id, err);
	*err = refused;
	return -refused.errnum;
}
