/* SPDX-License-Identifier: MIT */
/*
 * Cells that try to break out (workload_break.c, workload_break_process.c tell what became
 * of it), and callers that are not root, whose cells try as well.
 */
#ifndef SELFTESTS_ROOT_BREAKING_H
#define SELFTESTS_ROOT_BREAKING_H

#include <sys/capability.h>

#include "selftests/root/inside.h"

/**
 * breaking() - a run of a cell that makes these tries; see inside()
 *
 * inside_answers() has what it told.
 */
struct run breaking(const struct test_env *env, const char *id, const char *members,
		    const char *tries);

/* breaking_process() - the same, on processes: what each try of workload_break_process says. */
struct run breaking_process(const struct test_env *env, const char *id, const char *members,
			    const char *tries);

/* serve_unix() - a Unix socket at @path that everybody may write to; its fd */
int serve_unix(int type, const char *path);

/* The tries "unix connect:STREAM sendto:DATAGRAM", where all of it is closed, or open. */
#define UNIX_CLOSED	"EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT " \
		"done ESOCKTNOSUPPORT done ESOCKTNOSUPPORT EAFNOSUPPORT ESOCKTNOSUPPORT"
#define UNIX_OPEN	"done done done done done done done done done done"

/* count_lines() - how many lines of @text are this one. */
unsigned int count_lines(const char *text, const char *line);

/* all_lines_of() - is each line of @text one of these words, and are there @n lines? */
bool all_lines_of(const char *text, unsigned int n, const char *words);

/* ---- a caller that is not root ---- */

#define CALLER		12345
#define CALLER_CAPS	5

/* What caps.c asks of it. */
extern const cap_value_t caller_caps[CALLER_CAPS];

/* How it differs from one that brings all. */
struct caller {
	const char *supervisor;	/* cgroup that it lives in */
	cap_value_t without;	/* -1: none is missing */
	gid_t group;		/* a supplementary one; 0: none */
};

/**
 * caller_tree() - env_setup(), with a tree of cgroups that belongs to the caller
 * @tree: the whole of it, for env_teardown()
 * @env: its parent of cells is a part of that
 * @all: a caller that brings all, and lives in another part
 */
void caller_tree(struct test_env *tree, struct test_env *env, struct caller *all,
		  const char *name);

/* caller_becomes() - struct run's before_exec, with a struct caller as its arg. */
void caller_becomes(void *arg);

/* caller_run() - a run by the caller. */
struct run caller_run(struct caller *caller, const char *document_text);

#endif /* SELFTESTS_ROOT_BREAKING_H */
