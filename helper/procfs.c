// SPDX-License-Identifier: MIT
#include "helper/procfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "uapi/cellos.h"

/* The fields of a line: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE ... */
#define FIELD_ROOT	3
#define FIELD_POINT	4

/* "/" and "/PID" show processes, "/sys" does not. */
static bool shows_processes(const char *root)
{
	return root[0] == '/' && (root[1] == '\0' || (root[1] >= '0' && root[1] <= '9'));
}

static bool is_covered(const char *point)
{
	return !strncmp(point, "/proc", 5) && (point[5] == '\0' || point[5] == '/');
}

/* Its mount point, if it is one of those that are looked for; @line is cut to pieces. */
static const char *other_point(char *line)
{
	char *root = NULL, *point = NULL, *save = NULL;
	char *type = strstr(line, " - ");
	unsigned int n = 0;

	if (!type || strncmp(type + 3, "proc ", 5))
		return NULL;
	*type = '\0';
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (n == FIELD_ROOT)
			root = word;
		if (n++ == FIELD_POINT)
			point = word;
	}
	return root && point && shows_processes(root) && !is_covered(point) ? point : NULL;
}

bool procfs_find_other(FILE *mountinfo, char *ret, size_t size)
{
	char *line __free(mem) = NULL;
	size_t room = 0;

	while (getline(&line, &room, mountinfo) > 0) {
		const char *point = other_point(line);

		if (!point)
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
