// SPDX-License-Identifier: MIT
#include "helper/spawn_field.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper/text.h"

#define ISOLATION(name)		"/spec/run/isolation/" name
#define WORKING_DIRECTORY	"/spec/run/workingDirectory"

int spawn_hidden(const struct plan *plan, const char *path)
{
	char *const *hidden = plan->isolation.hidden;

	for (int i = 0; hidden && hidden[i]; i++)
		if (path_is_below(path, hidden[i]))
			return i;
	return -1;
}

static int find(char *const *list, const char *what)
{
	for (int i = 0; list && list[i]; i++)
		if (list[i] == what)
			return i;
	return -1;
}

/* The child says by the pointer itself which entry it was. */
static void set_path(const struct plan *plan, const char *what, struct error *err)
{
	const struct plan_isolation *isolation = &plan->isolation;
	const struct { const char *name; int i; } rows[] = {
		{ ISOLATION("hiddenPaths"), find(isolation->hidden, what) },
		/* It cannot be opened, for it is hidden: that is the one to change. */
		{ ISOLATION("hiddenPaths"), spawn_hidden(plan, what) },
		{ ISOLATION("readOnlyPaths"), find(isolation->read_only, what) },
		{ ISOLATION("readWritePaths"), find(isolation->read_write, what) },
	};
	char pointer[sizeof(err->field)];

	if (what == plan->working_directory) {
		err_field_set(err, WORKING_DIRECTORY);
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].i < 0)
			continue;
		snprintf(pointer, sizeof(pointer), "%s/%d", rows[i].name, rows[i].i);
		err_field_set(err, pointer);
		return;
	}
}

/* Of these the child has some that nobody asked for. */
static void set_process(const struct plan_process *process, const char *what, struct error *err)
{
	bool limits = false;

	for (int i = 0; i < PLAN_RLIMITS; i++)
		limits |= process->rlimits[i].given;
	if (!strcmp(what, "cpuAffinity"))
		err_field_set(err, "/spec/run/process/cpuAffinity");
	else if (!strcmp(what, "nice") && process->nice != LIMIT_UNSET)
		err_field_set(err, "/spec/run/process/nice");
	else if (!strcmp(what, "oomScoreAdj") && process->oom_given)
		err_field_set(err, "/spec/run/process/oomScoreAdj");
	else if (!strcmp(what, "rlimits") && limits)
		err_field_set(err, "/spec/run/process/rlimits");
}

void spawn_field(const struct cell *cell, struct error *err)
{
	const struct child_status *status = &cell->spawn.status;
	bool of_file = status->exit_status == CELLOS_EXIT_NOT_FOUND ||
		       status->exit_status == CELLOS_EXIT_NOT_EXECUTABLE;

	if (err->field[0])
		return;
	if ((status->step == CHILD_MOUNTS || status->step == CHILD_DOMAIN) && status->what)
		set_path(cell->plan, status->what, err);
	else if (status->step == CHILD_PROCESS && status->what)
		set_process(&cell->plan->process, status->what, err);
	else if (status->step == CHILD_WORKDIR)
		err_field_set(err, WORKING_DIRECTORY);
	else if (status->step == CHILD_EXEC && of_file && status->errnum != E2BIG)
		err_field_set(err, "/spec/run/argv/0");
}
