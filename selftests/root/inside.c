// SPDX-License-Identifier: MIT
#include "selftests/root/inside.h"

#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct run inside_by(const struct test_env *env, const char *program, const char *id,
		     const char *members, const char *tries)
{
	char *words = text("%s", tries), *save = NULL;
	char *argv = text("'%s/%s'", env->workloads, program);

	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv = text("%s, '%s'", argv, word);
	return (struct run){
		.document = document(id, "'run': {'argv': [%s]%s%s}", argv, members ? ", " : "",
				     members ?: ""),
	};
}

struct run inside(const struct test_env *env, const char *id, const char *members,
		  const char *tries)
{
	return inside_by(env, "workload_inside", id, members, tries);
}

const char *inside_answers(struct run *run)
{
	char *answers = text("%s", run->out.bytes);
	size_t length = strlen(answers);

	for (char *p = answers; *p; p++)
		if (*p == '\n')
			*p = ' ';
	if (length && answers[length - 1] == ' ')
		answers[length - 1] = '\0';
	return answers;
}

const char *inside_isolated(const char *fields)
{
	return text("'isolation': {%s}", fields);
}

const char *ns_inode(pid_t pid, const char *name)
{
	char buf[64];
	ssize_t n = readlink(text("/proc/%d/ns/%s", pid, name), buf, sizeof(buf));

	return n < 0 ? "(none)" : text("%.*s", (int)n, buf);
}

int landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}
