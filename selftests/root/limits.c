// SPDX-License-Identifier: MIT
#include "selftests/root/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A word of a line of words. */
static bool has_word(const char *line, const char *word)
{
	char *words = text("%s", line), *save = NULL;

	for (char *p = strtok_r(words, " \n", &save); p; p = strtok_r(NULL, " \n", &save))
		if (!strcmp(p, word))
			return true;
	return false;
}

const char *limits_missing(const struct test_env *env, const char *controller)
{
	char *held = file_read(text("%s/cgroup.controllers", env->mount), NULL);
	char *v1 = file_read("/proc/cgroups", NULL);
	char *line = v1;
	int hierarchy = 0;

	if (held && has_word(held, controller))
		return NULL;
	if (!strcmp(controller, "io"))
		controller = "blkio";
	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, controller, strlen(controller)) &&
		    line[strlen(controller)] == '\t')
			hierarchy = (int)strtol(line + strlen(controller), NULL, 10);
	}
	return hierarchy ? text("%s is on v1 hierarchy %d, not on cgroup2", controller, hierarchy) :
			   text("no controller %s in this kernel", controller);
}

bool limits_swap(void)
{
	char *swaps = file_read("/proc/swaps", NULL);
	char *second = swaps ? strchr(swaps, '\n') : NULL;

	return second && second[1];
}

struct run limits_run(const struct test_env *env, const char *limits, const char *argv)
{
	char *words = text("%s", argv), *save = NULL;
	char *list = text("'%s/workload_limits'", env->workloads);

	for (char *p = strtok_r(words, " ", &save); p; p = strtok_r(NULL, " ", &save))
		list = text("%s, '%s'", list, p);
	return (struct run){
		.document = document("limits", "'run': {'argv': [%s], 'limits': {%s}}", list,
				     limits),
	};
}

static char *gate(const struct test_env *env)
{
	return text("%s/gate", env->dir);
}

struct run limits_held(const struct test_env *env, const char *limits)
{
	if (mkfifo(gate(env), 0666) < 0 || chmod(gate(env), 0666) < 0)
		give_up("a gate");
	return (struct run){
		.document = document("limits", "'run': {'argv': ['%s/workload_probe', 'gate', "
				     "'%s'], 'limits': {%s}}", env->workloads, gate(env), limits),
	};
}

void gate_open(const struct test_env *env)
{
	int fd = open(gate(env), O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		give_up("opening a gate");
	close(fd);
	unlink(gate(env));
}

const char *leaf_file(const struct test_env *env, const char *name)
{
	char *leaf = cell_leaf(env, "limits");
	char *value = leaf ? file_read(text("%s/%s", leaf, name), NULL) : NULL;

	if (!value)
		return "(none)";
	if (value[0])
		value[strlen(value) - 1] = '\0';
	return value;
}

const char *limits_disk(void)
{
	const char *path = getenv("CELLOS_TEST_DISK");
	struct stat st;

	if (!path || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return NULL;
	return text("%u:%u", major(st.st_rdev), minor(st.st_rdev));
}
