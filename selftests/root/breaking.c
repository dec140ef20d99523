// SPDX-License-Identifier: MIT
#include "selftests/root/breaking.h"

#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct run breaking(const struct test_env *env, const char *id, const char *members,
		    const char *tries)
{
	return inside_by(env, "workload_break", id, members, tries);
}

struct run breaking_process(const struct test_env *env, const char *id, const char *members,
			    const char *tries)
{
	return inside_by(env, "workload_break_process", id, members, tries);
}

int serve_unix(int type, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    chmod(path, 0666) < 0 || (type == SOCK_STREAM && listen(fd, 4) < 0))
		give_up(path);
	return fd;
}

/* Counts the lines, and those that are a whole word of @words, blanks between them. */
static unsigned int count_words(const char *text_, const char *words, unsigned int *ret_lines)
{
	char *copy = text("%s", text_), *save = NULL;
	unsigned int n = 0;

	*ret_lines = 0;
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		n += strstr(text(" %s ", words), text(" %s ", line)) != NULL;
		++*ret_lines;
	}
	return n;
}

unsigned int count_lines(const char *text_, const char *line)
{
	unsigned int lines;

	return count_words(text_, line, &lines);
}

bool all_lines_of(const char *text_, unsigned int n, const char *words)
{
	unsigned int lines, found = count_words(text_, words, &lines);

	return found == n && lines == n;
}

/* ---- a caller that is not root ---- */

const cap_value_t caller_caps[CALLER_CAPS] = {
	CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SETPCAP,
};

void caller_becomes(void *arg)
{
	const struct caller *caller = arg;
	cap_t caps = cap_init();

	if (file_write(text("%s/cgroup.procs", caller->supervisor), "0") < 0 ||
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setgroups(caller->group ? 1 : 0, &caller->group) < 0 ||
	    setresgid(CALLER, CALLER, CALLER) < 0 || setresuid(CALLER, CALLER, CALLER) < 0)
		_exit(97);
	for (size_t i = 0; i < CALLER_CAPS; i++)
		if (caller_caps[i] != caller->without &&
		    (cap_set_flag(caps, CAP_PERMITTED, 1, &caller_caps[i], CAP_SET) < 0 ||
		     cap_set_flag(caps, CAP_INHERITABLE, 1, &caller_caps[i], CAP_SET) < 0))
			_exit(97);
	if (cap_set_proc(caps) < 0)
		_exit(97);
	for (size_t i = 0; i < CALLER_CAPS; i++)
		if (caller_caps[i] != caller->without &&
		    cap_set_ambient(caller_caps[i], CAP_SET) < 0)
			_exit(97);
}

static int give_away(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return chown(path, CALLER, CALLER);
}

void caller_tree(struct test_env *tree, struct test_env *env, struct caller *all,
		  const char *name)
{
	env_setup(tree, name);
	*env = *tree;
	snprintf(env->parent, sizeof(env->parent), "%.200s/cells", tree->parent);
	*all = (struct caller){ text("%s/supervisor", tree->parent), -1, 0 };
	if (mkdir(env->parent, 0755) < 0 || mkdir(all->supervisor, 0755) < 0 ||
	    nftw(tree->parent, give_away, 8, FTW_PHYS) != 0)
		give_up("a tree of cgroups for a caller");
}

struct run caller_run(struct caller *caller, const char *document_text)
{
	return (struct run){
		.document = document_text, .before_exec = caller_becomes, .arg = caller,
	};
}
