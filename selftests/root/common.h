/* SPDX-License-Identifier: MIT */
/*
 * What the tests that need root share: a place for cells of the test's own, the
 * program run with a document and looked at from all sides, and a picture of
 * the host to compare.
 *
 * A test is a process of the harness and ends with it: what these functions
 * allocate lives as long. Where the environment itself fails (no memory, no
 * fork) they say so on stderr and abort, which the harness takes for a failure.
 */
#ifndef SELFTESTS_ROOT_COMMON_H
#define SELFTESTS_ROOT_COMMON_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ENV_PATH_MAX	256
#define RUN_ARGS_MAX	24
/* Longer than any deadline of the program, CELLOS_SPAWN_TIMEOUT first. */
#define WAIT_SECONDS	20

/**
 * struct test_env - where one test lives
 * @mount: where the cgroup2 hierarchy is mounted
 * @parent: cgroup parent of this test's cells, empty at the start
 * @dir: folder of the test's files, open to all users
 * @workloads: folder of the programs that run in cells
 *
 * Plain data: a parent process may share it and tear it down.
 */
struct test_env {
	char mount[ENV_PATH_MAX];
	char parent[ENV_PATH_MAX];
	char dir[ENV_PATH_MAX];
	char workloads[ENV_PATH_MAX];
};

/**
 * env_setup() - a network namespace with loopback up, a cgroup parent, a folder
 * @env: filled
 * @name: of the test, a part of the cgroup's name
 *
 * Sweeps what earlier processes of the same test left. The calling process also
 * becomes a subreaper: no process of a cell can get out of its sight.
 */
void env_setup(struct test_env *env, const char *name);

/* env_teardown() - end and remove everything below the parent, and the folder. */
void env_teardown(const struct test_env *env);

/* cgroup_sweep() - kill all in a cgroup, remove what is below it, and it. */
void cgroup_sweep(const char *path);

/* ---- running the program ---- */

/* What it wrote to one of its files; a NUL stands behind @bytes. */
struct output {
	int fd;
	char *bytes;
	size_t size;
};

/**
 * struct run - one run of the program
 *
 * Set by the caller, each may be left zero:
 * @verb: NULL means "run"
 * @args: options, and for verbs other than run arguments
 * @document: of run, text; given on stdin unless @document_path is set
 * @document_path: the last argument of run
 * @no_parent: leave --cgroup-parent out
 * @no_report: leave --report out
 * @environ: the program's own environment; NULL: PATH only. LD_LIBRARY_PATH, if
 *	there is one, is always passed on
 * @helper: another binary than $CELLOS_HELPER
 * @before_exec: called in the child, with stdio in place, right before execve
 * @arg: for @before_exec
 *
 * Filled by run_start():
 * @pid: the program
 *
 * Filled by run_finish():
 * @status: its exit status; -N: it was ended by signal N; RUN_HUNG
 * @out: its stdout
 * @err: its stderr
 * @report: of run; NULL if there is none, or it is no JSON
 */
struct run {
	const char *verb;
	const char *args[RUN_ARGS_MAX];
	const char *document;
	const char *document_path;
	bool no_parent;
	bool no_report;
	char *const *environ;
	const char *helper;
	void (*before_exec)(void *arg);
	void *arg;

	pid_t pid;
	int pidfd;
	int status;
	struct output out, err, report_text;
	json_t *report;
};

#define RUN_HUNG	-1000

/* run_start() - start it; stdout, stderr and report go to memory. */
void run_start(const struct test_env *env, struct run *run);
/* run_finish() - wait for its end, at most WAIT_SECONDS, then SIGKILL. */
void run_finish(struct run *run);
/* run_finish_within() - the same with a deadline of the caller's. */
void run_finish_within(struct run *run, unsigned int seconds);
/* run_whole() - start and finish. Return: the status. */
int run_whole(const struct test_env *env, struct run *run);

/* run_out() - stdout so far, of a run that may still live. */
const char *run_out(struct run *run);
const char *run_err(struct run *run);

/**
 * document() - an ExecutionCell document
 * @id: spec.id
 * @spec: format of the other members of spec, with ' for "
 */
__attribute__((format(printf, 2, 3)))
const char *document(const char *id, const char *spec, ...);

/* document_argv() - a document whose spec.run has only this argv, NULL-ended. */
const char *document_argv(const char *id, ...) __attribute__((sentinel));

/* give_up() - say @what and errno, and abort. */
__attribute__((noreturn)) void give_up(const char *what);
/* text() - asprintf() that cannot fail. */
__attribute__((format(printf, 1, 2)))
char *text(const char *fmt, ...);

/* ---- reading reports ---- */

/* A value behind a path as "/exit/kind" or "/egress/rules/0/packets"; NULL: none. */
json_t *json_at(json_t *root, const char *path);
/* json_text_at() - of a string; "(none)" if there is none. */
const char *json_text_at(json_t *root, const char *path);
/* json_int_at() - of an integer; INT64_MIN if there is none. */
json_int_t json_int_at(json_t *root, const char *path);

/* ---- cells from outside ---- */

/* cell_leaf() - path of the leaf of the cell with this id; NULL: none. */
char *cell_leaf(const struct test_env *env, const char *id);
/* cell_pid() - the first process of the leaf; 0: none. */
pid_t cell_pid(const struct test_env *env, const char *id);
/* cell_wait() - wait until the cell's stdout has this line; its first pid, or 0. */
pid_t cell_wait(const struct test_env *env, struct run *run, const char *id, const char *line);
/* file_read() - a whole file, to be read until its end; NULL and errno if it fails. */
char *file_read(const char *path, size_t *ret_size);
/* xattr_read() - an extended attribute as a string; NULL: none. */
char *xattr_read(const char *path, const char *name);
/* file_write() - 0 or -errno. */
int file_write(const char *path, const char *bytes);
/* proc_status() - the value of one line of /proc/PID/status; "(none)" if there is none. */
const char *proc_status(pid_t pid, const char *key);
/* process_alive() - is there such a process, and no zombie? */
bool process_alive(pid_t pid);

/* ---- the host ---- */

/**
 * host_snapshot() - what the host holds that a cell could have left
 *
 * Cgroups below the parent, the ruleset of this network namespace as nft(8)
 * tells it, mounts, live children of this process, with whom orphans end up. As
 * text, for EXPECT_STREQ. Reaps: not while a run is under way.
 */
const char *host_snapshot(const struct test_env *env);

/* ---- waiting ---- */

uint64_t test_now_ms(void);
void test_pause(void);

/* True as soon as @condition is; false when it is not within @seconds. */
#define WAIT_WITHIN(seconds, condition) __extension__ ({		\
	uint64_t wait_end_ = test_now_ms() + 1000ULL * (seconds);	\
	bool wait_ok_;							\
									\
	while (!(wait_ok_ = (condition)) && test_now_ms() < wait_end_)	\
		test_pause();						\
	wait_ok_;							\
})
#define WAIT_FOR(condition)	WAIT_WITHIN(WAIT_SECONDS, condition)

/* A command of the host's, for an independent look. Its stdout; NULL: it failed. */
char *command(const char *const argv[]);

#endif /* SELFTESTS_ROOT_COMMON_H */
