// SPDX-License-Identifier: MIT
#include "helper/procfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "uapi/cellos.h"

/* "/" and "/PID" show processes, "/sys" does not. */
static bool shows_processes(const char *root)
{
	return root[0] == '/' && (root[1] == '\0' || (root[1] >= '0' && root[1] <= '9'));
}

static bool is_covered(const char *point)
{
	return !strncmp(point, "/proc", 5) && (point[5] == '\0' || point[5] == '/');
}

bool procfs_find_other(FILE *mountinfo, char *ret, size_t size)
{
	char *line __free(mem) = NULL;
	size_t room = 0;

	while (getline(&line, &room, mountinfo) > 0) {
		char *root __free(mem) = NULL, *point __free(mem) = NULL;
		char *type = strstr(line, " - ");

		if (!type || strncmp(type + 3, "proc ", 5))
			continue;
		*type = '\0';
		if (sscanf(line, "%*d %*d %*s %ms %ms", &root, &point) != 2 ||
		    !shows_processes(root) || is_covered(point))
			continue;
		snprintf(ret, size, "%s", point);
		return true;
	}
	return false;
}

int procfs_check(unsigned int uid, struct error *err)
{
	FILE *f __free(file) = fopen("/proc/self/mountinfo", "re");
	char point[200];

	if (!f)
		return err_set(err, "check", errno, "cannot read /proc/self/mountinfo");
	if (!procfs_find_other(f, point, sizeof(point)))
		return ferror(f) ? err_set(err, "check", EIO, "cannot read /proc/self/mountinfo") : 0;
	err_set(err, "check", EPERM, "procfs is also mounted at %s, where the cell would find "
		"others' processes of uid %u, and this kernel has no Landlock to keep it off them",
		point, uid);
	err_hint(err, "umount it, or leave out --user, or boot with lsm=landlock,...");
	return -EPERM;
}
