// SPDX-License-Identifier: MIT
/* The host backend: the workload is a process of this kernel. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/backend.h"
#include "lib/cleanup.h"
#include "lib/compat.h"
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

static bool is_listed(const char *path, char *const *prefixes)
{
	for (; *prefixes; prefixes++) {
		size_t length = strlen(*prefixes);

		if (!strncmp(path, *prefixes, length) && (path[length] == '/' || !path[length] ||
							  (*prefixes)[length - 1] == '/'))
			return true;
	}
	return false;
}

/* The interpreter of a script would open it anew, by its path: not what was looked at. */
static bool is_script(const char *fd_path)
{
	int fd __free(fd) = open(fd_path, O_RDONLY | O_CLOEXEC);
	char begin[2];

	return fd >= 0 && read(fd, begin, 2) == 2 && begin[0] == '#' && begin[1] == '!';
}

/*
 * Where only some files may be executed: the file is opened, its path, without any link,
 * is compared, and this very file is executed.
 */
static int execute_listed(const struct child *child, const char *path,
			  struct child_status *status)
{
	int fd __free(fd) = sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0,
					RESOLVE_NO_MAGICLINKS);
	char fd_path[32], file[PATH_MAX] = "";
	ssize_t length;
	int errnum;

	if (fd < 0)
		return -1;
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	length = readlink(fd_path, file, sizeof(file) - 1);
	if (length < 0)
		return -1;
	file[length] = '\0';
	if (!is_listed(file, child->prefixes)) {
		status->what = "argv[0] resolves to a file that is not allowed";
		memcpy(status->file, file, sizeof(status->file) - 1);
		errno = EACCES;
		return -1;
	}
	syscall(SYS_execveat, fd, "", child->argv, child->envp, AT_EMPTY_PATH);
	errnum = errno;
	if (errnum == ENOENT && is_script(fd_path)) {
		status->what = "argv[0] is a script";
		errnum = ENOEXEC;
	}
	errno = errnum;
	return -1;
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
		if (child->prefixes)
			execute_listed(child, *path, status);
		else
			execve(*path, child->argv, child->envp);
		/* ENOENT of a file that is there means its interpreter. */
		if ((errno == ENOENT || errno == ENOTDIR) && access(*path, F_OK) < 0)
			continue;
		found = true;
		errnum = errno;
		if (errnum != EACCES || status->what)
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
