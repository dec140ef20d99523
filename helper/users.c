// SPDX-License-Identifier: MIT
#include "helper/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "uapi/cellos.h"

/* One line of the map has to hold the whole range; the host's own does. */
static bool is_mapped(const char *map)
{
	const unsigned long long first = CELLOS_UID_BASE;
	const unsigned long long end = first + CELLOS_UID_COUNT;
	char buf[4096];
	char *save = NULL;

	if (io_read_at(AT_FDCWD, map, buf, sizeof(buf)) < 0)
		return false;
	for (char *line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long inside, outside, count;

		if (sscanf(line, "%llu %llu %llu", &inside, &outside, &count) == 3 &&
		    inside <= first && inside + count >= end)
			return true;
	}
	return false;
}

int users_range_mapped(struct error *err)
{
	static bool mapped;

	/* A namespace's maps are written once: what was there stays. */
	if (!mapped)
		mapped = is_mapped("/proc/self/uid_map") && is_mapped("/proc/self/gid_map");
	if (mapped)
		return 0;
	err_set(err, "check", EINVAL, "the range of dynamic uids and gids, %lu to %lu, is not "
		"mapped in this user namespace", CELLOS_UID_BASE,
		CELLOS_UID_BASE + CELLOS_UID_COUNT - 1);
	err_hint(err, "name a uid and gid that are: --user UID:GID");
	return -EINVAL;
}
