// SPDX-License-Identifier: MIT
/* The host backend: the workload is a process of this kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/backend.h"
#include "lib/cleanup.h"
#include "uapi/cellos.h"

/* Where a bare argv[0] is looked for: the cell's PATH, if any, is its own affair. */
static const char *const search_path[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
};

static int host_probe(struct error *err)
{
	(void)err;
	return 0;
}

static void host_release(struct child *child)
{
	for (char *const *p = child->paths; p && *p; p++)
		free(*p);
	free((void *)(uintptr_t)child->paths);
	child->paths = NULL;
}

static int host_prepare(struct child *child, struct error *err)
{
	bool bare = !strchr(child->argv[0], '/');
	size_t n = bare ? ARRAY_SIZE(search_path) : 1;
	char **paths = calloc(n + 1, sizeof(*paths));

	child->paths = paths;
	for (size_t i = 0; paths && i < n; i++) {
		if (asprintf(&paths[i], "%s%s%s", bare ? search_path[i] : "", bare ? "/" : "",
			     child->argv[0]) < 0) {
			paths[i] = NULL;
			host_release(child);
			return err_set(err, "spawn", ENOMEM, "cannot prepare the search path");
		}
	}
	return paths ? 0 : err_set(err, "spawn", ENOMEM, "cannot prepare the search path");
}

/* Errors of execve(2) that speak of the host's or the cell's means, not of the file. */
static bool is_shortage(int errnum)
{
	return errnum == ENOMEM || errnum == EAGAIN || errnum == EMFILE || errnum == ENFILE;
}

/*
 * 127 if nothing of the name was found, 126 if something was and could not be
 * executed: a directory, a missing x bit, a missing interpreter.
 */
static void host_enter(const struct child *child, struct child_status *status)
{
	int errnum = ENOENT;
	bool found = false;

	if (child_isolate(child, status) < 0)
		return;
	for (char *const *path = child->paths; *path; path++) {
		execve(*path, child->argv, child->envp);
		/* ENOENT of a file that is there means its interpreter. */
		if ((errno == ENOENT || errno == ENOTDIR) && access(*path, F_OK) < 0)
			continue;
		found = true;
		errnum = errno;
		if (errnum != EACCES)
			break;
	}
	status->errnum = errnum;
	status->exit_status = !found ? CELLOS_EXIT_NOT_FOUND :
		is_shortage(errnum) ? CELLOS_EXIT_FAILED : CELLOS_EXIT_NOT_EXECUTABLE;
	status->step = CHILD_EXEC;
}

const struct backend backend_host = {
	.name = "host",
	.probe = host_probe,
	.prepare = host_prepare,
	.enter = host_enter,
	.release = host_release,
};
