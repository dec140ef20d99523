// SPDX-License-Identifier: MIT
#include "selftests/bench/command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/bench/bench.h"

bool command_exists(const char *name)
{
	char *path = strdup(getenv("PATH") ?: "/usr/sbin:/usr/bin:/sbin:/bin");
	char *save = NULL;
	bool found = false;

	if (!path)
		die("no memory");
	for (char *dir = strtok_r(path, ":", &save); dir && !found;
	     dir = strtok_r(NULL, ":", &save)) {
		char *file = text("%s/%s", dir, name);

		found = access(file, X_OK) == 0;
		free(file);
	}
	free(path);
	return found;
}

/* Made once: what is measured is the program, not our preparations. */
static const posix_spawn_file_actions_t *to_null(void)
{
	static posix_spawn_file_actions_t actions;
	static bool made;

	if (!made) {
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
		made = true;
	}
	return &actions;
}

int command_run(const char *const *argv, uint64_t *ret_ns)
{
	const posix_spawn_file_actions_t *actions = to_null();
	uint64_t begin = clock_ns();
	siginfo_t info;
	pid_t pid;
	int ret = posix_spawnp(&pid, argv[0], actions, NULL, (char *const *)(uintptr_t)argv,
			       environ);

	errno = ret;
	if (ret || waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
		die("cannot run %s", argv[0]);
	*ret_ns = clock_ns() - begin;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
