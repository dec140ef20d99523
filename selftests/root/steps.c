// SPDX-License-Identifier: MIT
#include "selftests/root/steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/verbs.h"

#define STEPS_MAX	16

/* The step whose part one of the functions below takes. */
static const struct cell_step *real;

static int up_refuses(struct cell *cell, struct error *err)
{
	(void)cell;
	return err_set(err, real->name, EIO, "refused");
}

static int up_too_late(struct cell *cell, struct error *err)
{
	int ret = real->up(cell, err);

	return ret < 0 ? ret : err_set(err, real->name, EIO, "too late");
}

static int down_really(struct cell *cell, struct error *err)
{
	return real->down ? real->down(cell, err) : 0;
}

static int down_complains(struct cell *cell, struct error *err)
{
	int ret = down_really(cell, err);

	return ret < 0 ? ret : err_set(err, "sweep", EIO, "complaint of %s", real->name);
}

static int down_sleeps(struct cell *cell, struct error *err)
{
	(void)cell;
	(void)err;
	return 0;
}

static int die(void)
{
	kill(getpid(), SIGKILL);
	return -EINTR;
}

static int kill_before_up(struct cell *cell, struct error *err)
{
	(void)cell;
	(void)err;
	return die();
}

static int kill_after_up(struct cell *cell, struct error *err)
{
	int ret = real->up(cell, err);

	return ret < 0 ? ret : die();
}

static int kill_before_down(struct cell *cell, struct error *err)
{
	(void)cell;
	(void)err;
	return die();
}

static int kill_after_down(struct cell *cell, struct error *err)
{
	int ret = down_really(cell, err);

	return ret < 0 ? ret : die();
}

static void make_faulty(struct cell_step *step, enum fault fault)
{
	static int (*const ups[FAULT_COUNT])(struct cell *cell, struct error *err) = {
		[FAULT_UP_REFUSES] = up_refuses,
		[FAULT_UP_TOO_LATE] = up_too_late,
		[FAULT_KILL_BEFORE_UP] = kill_before_up,
		[FAULT_KILL_AFTER_UP] = kill_after_up,
	};
	static int (*const downs[FAULT_COUNT])(struct cell *cell, struct error *err) = {
		[FAULT_DOWN_COMPLAINS] = down_complains,
		[FAULT_DOWN_SLEEPS] = down_sleeps,
		[FAULT_KILL_BEFORE_DOWN] = kill_before_down,
		[FAULT_KILL_AFTER_DOWN] = kill_after_down,
	};

	if (ups[fault])
		step->up = ups[fault];
	if (downs[fault])
		step->down = downs[fault];
}

unsigned int steps_count(void)
{
	unsigned int n = 0;

	while (cell_steps[n].name)
		n++;
	if (n >= STEPS_MAX) {
		errno = E2BIG;
		give_up("STEPS_MAX");
	}
	return n;
}

unsigned int steps_find(const char *name)
{
	for (unsigned int i = 0; i < steps_count(); i++)
		if (!strcmp(cell_steps[i].name, name))
			return i;
	errno = ENOENT;
	give_up(name);
}

void steps_begin(void)
{
	struct error err = { 0 };

	if (caps_init(PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_STDIO) | PRIV_MASK(PRIV_SIGNAL) |
		      PRIV_MASK(PRIV_CREDENTIALS) | PRIV_MASK(PRIV_NETWORK) |
		      PRIV_MASK(PRIV_NAMESPACES), &err) < 0 || wait_block_signals() < 0)
		give_up(err.message);
}

void steps_plan(const struct test_env *env, const char *document, struct plan *ret)
{
	struct run_options options = { .cgroup_parent = env->parent };
	static char *const no_environment[] = { NULL };
	struct error err = { 0 };

	if (plan_make(document, strlen(document), &options, no_environment, ret, &err) < 0)
		give_up(err.message);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void steps_fds(char *buf, size_t size)
{
	DIR *dir = opendir("/proc/self/fd");
	char *lines[64];
	struct dirent *entry;
	size_t n = 0, len = 0;

	while (dir && (entry = readdir(dir)) && n < ARRAY_SIZE(lines)) {
		char target[128] = "";

		if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == dirfd(dir))
			continue;
		if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) < 0)
			give_up("readlink of an fd");
		lines[n++] = text("%s %s\n", entry->d_name, target);
	}
	if (!dir || n == ARRAY_SIZE(lines))
		give_up("/proc/self/fd");
	closedir(dir);
	qsort(lines, n, sizeof(*lines), compare);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s", lines[i]);
}

/* Threads of this process, but for io_uring's workers: a kernel keeps one, idle. */
static unsigned int own_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir))) {
		char *name = file_read(text("/proc/self/task/%s/comm", entry->d_name), NULL);

		n += entry->d_name[0] != '.' && name && strncmp(name, "iou-", 4);
		free(name);
	}
	if (!dir)
		give_up("/proc/self/task");
	closedir(dir);
	return n;
}

/* A thread that was joined may still be on its way out of the kernel. */
static bool is_one_thread(void)
{
	return WAIT_WITHIN(2, own_threads() == 1);
}

/* All of a cell's life, but for the fault as verb_run.c has it. */
static void live(const struct test_env *env, const char *document,
		 const struct cell_step *table, const struct backend *backend,
		 struct outcome *ret)
{
	struct run_result result;
	struct error err = { 0 };
	struct plan plan;
	struct host host;
	struct cell cell;

	steps_plan(env, document, &plan);
	if (host_open(plan.cgroup_parent, HOST_NFT | HOST_LOOP | HOST_SPAWN, &host, &err) < 0)
		give_up(err.message);
	cell_init(&cell, &host, &plan);
	if (backend)
		cell.backend = backend;
	ret->status = run_cell(&cell, table, &result);
	ret->error = result.error;
	ret->ending = result.ending;
	ret->teardown = result.teardown;
	ret->made = cell.cgroup_id != 0;
	for (unsigned int i = 0; i < result.teardown.n_residue && i < STEPS_RESIDUE_MAX; i++)
		ret->residue[i] = result.teardown.residue[i];
	teardown_done(&result.teardown);
	cell_done(&cell);
	host_done(&host);
	plan_done(&plan);
}

static void cell_process(const struct test_env *env, const char *document,
			 const struct cell_step *table, const struct backend *backend,
			 struct outcome *ret)
{
	int out = memfd_create("stdout", MFD_CLOEXEC);

	if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
		give_up("stdout");
	steps_begin();
	steps_fds(ret->fds_before, sizeof(ret->fds_before));
	live(env, document, table, backend, ret);
	steps_fds(ret->fds_after, sizeof(ret->fds_after));
	ret->one_thread = is_one_thread();
	ret->childless = waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD;
	if (pread(out, ret->out, sizeof(ret->out) - 1, 0) < 0)
		give_up("stdout");
	ret->complete = true;
	_exit(0);
}

const struct outcome *steps_cell(const struct test_env *env, const char *document,
				 enum fault fault, unsigned int step,
				 const struct backend *backend)
{
	struct outcome *outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct cell_step table[STEPS_MAX] = { 0 };
	int status;
	pid_t pid;

	if (outcome == MAP_FAILED)
		give_up("mmap");
	memcpy(table, cell_steps, steps_count() * sizeof(*table));
	real = &cell_steps[step];
	make_faulty(&table[step], fault);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		cell_process(env, document, table, backend, outcome);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	if (!outcome->complete && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
		errno = EPROTO;
		give_up("the process of the cell ended by itself");
	}
	return outcome;
}
