// SPDX-License-Identifier: MIT
#include "helper/residue.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/io.h"

static struct residue *add(struct teardown *report, enum cellos_residue kind)
{
	struct residue *r;

	r = report->n_residue == RESIDUE_MAX ? NULL :
		reallocarray(report->residue, report->n_residue + 1, sizeof(*r));
	if (!r) {
		report->incomplete = true;
		return NULL;
	}
	report->residue = r;
	r += report->n_residue++;
	*r = (struct residue){ .kind = kind };
	return r;
}

static bool add_process(pid_t pid, void *arg)
{
	struct teardown *report = arg;
	struct residue *r = add(report, CELLOS_RESIDUE_PROCESS);
	char path[48], buf[512];
	char *name_end;

	if (!r)
		return false;
	r->pid = pid;
	r->state = '?';
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (io_read_at(AT_FDCWD, path, buf, sizeof(buf)) > 0) {
		char *name = strchr(buf, '(');

		name_end = strrchr(buf, ')');
		if (name && name_end && name_end[1] == ' ') {
			r->state = name_end[2];
			*name_end = '\0';
			snprintf(r->what, sizeof(r->what), "%s", name + 1);
			scrub(r->what);
		}
	}
	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	if (io_read_at(AT_FDCWD, path, buf, sizeof(buf)) > 0)
		snprintf(r->wchan, sizeof(r->wchan), "%.63s", buf);
	return true;
}

static void look_at_elements(struct cell *cell, struct teardown *report)
{
	unsigned int left = 0;
	struct error err = { 0 };
	struct residue *r;
	int ret = egress_left(cell, &left, &err);

	if (ret == 0 && left == 0)
		return;
	r = add(report, CELLOS_RESIDUE_NFT);
	if (!r)
		return;
	r->count = left;
	snprintf(r->what, sizeof(r->what), "%s",
		 ret < 0 ? "inet cellos (cannot be read)" : "inet cellos");
}

static void look_at_workspace(const struct cell *cell, struct teardown *report)
{
	char path[CELLOS_PATH_MAX + LEAF_NAME_MAX + 2];
	struct residue *r;

	if (!workspace_left(cell, path, sizeof(path)))
		return;
	r = add(report, CELLOS_RESIDUE_FILE);
	if (r)
		snprintf(r->what, sizeof(r->what), "%.511s", path);
}

void residue_look(struct cell *cell, struct teardown *ret)
{
	const struct cgroup_parent *parent = &cell->host->parent;

	if (cell->leaf_fd >= 0 && cgroup_leaf_exists(parent, cell->leaf)) {
		struct residue *r;

		cgroup_leaf_processes(cell->leaf_fd, add_process, ret);
		r = add(ret, CELLOS_RESIDUE_CGROUP);
		if (r)
			snprintf(r->what, sizeof(r->what), "%.380s/%s", parent->path, cell->leaf);
	}
	look_at_elements(cell, ret);
	look_at_workspace(cell, ret);
	ret->peers = cgroup_parent_cells(parent);
}

void teardown_done(struct teardown *teardown)
{
	free(teardown->residue);
	teardown->residue = NULL;
	teardown->n_residue = 0;
}
