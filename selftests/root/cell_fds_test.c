// SPDX-License-Identifier: MIT
/* Which fds a workload has, whatever its caller has open or closed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "fds"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *probe(const struct test_env *env, const char *verb)
{
	return document_argv("fds", text("%s/workload_probe", env->workloads), verb, NULL);
}

/* A file that a document or a report is in, for callers without standard fds. */
static const char *put_file(const struct test_env *env, const char *bytes)
{
	char *path = text("%s/document", env->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, strlen(bytes)) != (ssize_t)strlen(bytes))
		give_up(path);
	close(fd);
	return path;
}

struct many {
	const char *path;
	rlim_t n;
};

static void open_many(void *arg)
{
	const struct many *many = arg;
	const struct rlimit limit = { many->n + 100, many->n + 100 };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		_exit(97);
	for (rlim_t i = 0; i < many->n; i++)
		if (open(many->path, O_RDONLY) < 0)
			_exit(97);
}

TEST_F(cell, fds_are_0_1_2_with_1000_inherited_ones)
{
	struct many many = { "/etc/passwd", 1000 };
	static const char *const modes[] = { "pipe", "null", "inherit" };

	for (int i = 0; i < 3; i++) {
		struct run run = {
			.document = probe(&self->env, "fds"),
			.args = { "--stdio", modes[i] },
			.before_exec = open_many,
			.arg = &many,
		};

		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ(strcmp(modes[i], "null") ? "0 1 2 " : "", run.out.bytes);
	}
}

TEST_F(cell, fds_are_0_1_2_with_10000_open_in_the_caller)
{
	struct many many = { "/etc/passwd", 10000 };
	struct run run = {
		.document = probe(&self->env, "fds"),
		.before_exec = open_many,
		.arg = &many,
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("0 1 2 ", run.out.bytes);
}

/* How many fds of @pid lead to @target; -1: cannot be read. */
static int fds_to(pid_t pid, const char *target, int *ret_all)
{
	char *path = text("/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	*ret_all = 0;
	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		char link[4096] = "";

		if (entry->d_name[0] == '.')
			continue;
		if (readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1) < 0)
			continue;
		n += strncmp(link, target, strlen(target)) == 0;
		++*ret_all;
	}
	closedir(dir);
	return n;
}

TEST_F(cell, helper_keeps_no_inherited_fd_and_few_of_its_own)
{
	struct many many = { "/etc/passwd", 1000 };
	struct run run = {
		.document = probe(&self->env, "wait"),
		.before_exec = open_many,
		.arg = &many,
	};
	int all;

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "fds", "ready\n"), 0);
	EXPECT_EQ(0, fds_to(run.pid, "/etc/passwd", &all));
	EXPECT_LE(all, 28);
	/* Of three pipes: what it reads of two; the cell has the rest alone. */
	EXPECT_EQ(2, fds_to(run.pid, "pipe:", &all));
	kill(run.pid, SIGTERM);
	run_finish(&run);
}

TEST_F(cell, fds_are_fresh_pipes_or_null_or_the_callers)
{
	static const struct {
		const char *mode, *stdin, *stdout;
	} modes[] = {
		{ "pipe", "pipe:", "pipe:" },
		{ "null", "/dev/null", "/dev/null" },
		{ "inherit", "/memfd:document", "/memfd:stdout" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct run run = {
			.document = probe(&self->env, "wait"),
			.args = { "--stdio", modes[i].mode },
		};
		char link[256] = "";
		pid_t pid;

		run_start(&self->env, &run);
		ASSERT_TRUE(WAIT_FOR((pid = cell_pid(&self->env, "fds")) > 0));
		ASSERT_TRUE(WAIT_FOR(strstr(file_read(text("/proc/%d/comm", pid), NULL),
					    "workload_probe")));
		ASSERT_GT(readlink(text("/proc/%d/fd/0", pid), link, sizeof(link) - 1), 0);
		EXPECT_EQ(0, strncmp(link, modes[i].stdin, strlen(modes[i].stdin)))
			TH_LOG("%s", link);
		for (int fd = 1; fd < 3; fd++) {
			const char *want = fd == 1 || i < 2 ? modes[i].stdout : "/memfd:stderr";

			memset(link, 0, sizeof(link));
			ASSERT_GT(readlink(text("/proc/%d/fd/%d", pid, fd), link,
					   sizeof(link) - 1), 0);
			EXPECT_EQ(0, strncmp(link, want, strlen(want))) TH_LOG("%s", link);
		}
		kill(run.pid, SIGTERM);
		run_finish(&run);
		EXPECT_EQ(128 + SIGTERM, run.status);
	}
}

static void close_some(void *arg)
{
	const int *mask = arg;

	for (int fd = 0; fd < 3; fd++)
		if (*mask & 1 << fd)
			close(fd);
}

TEST_F(cell, closed_standard_fds_of_the_caller_change_nothing)
{
	const char *path = put_file(&self->env, probe(&self->env, "fds"));
	char *report_path = text("%s/report", self->env.dir);

	for (int mask = 0; mask < 8; mask++) {
		struct run run = {
			.document_path = path,
			.args = { "--report", report_path },
			.no_report = true,
			.before_exec = close_some,
			.arg = &mask,
		};
		json_t *report;

		unlink(report_path);
		EXPECT_EQ(0, run_whole(&self->env, &run));
		EXPECT_STREQ(mask & 1 << 1 ? "" : "0 1 2 ", run.out.bytes);
		EXPECT_EQ(0, run.err.size);
		report = json_load_file(report_path, 0, NULL);
		EXPECT_STREQ("exited", json_text_at(report, "/exit/kind"));
	}
}

TEST_F(cell, document_on_a_closed_stdin_is_refused)
{
	struct run run = {
		.document = probe(&self->env, "fds"),
		.before_exec = close_some,
		.arg = &(int){ 1 << 0 },
	};

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("document", json_text_at(run.report, "/error/step"));
}

static void limit_fds(void *arg)
{
	const struct rlimit limit = { *(const rlim_t *)arg, *(const rlim_t *)arg };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		_exit(97);
}

/*
 * Few fds: it works or it is refused in words; it never hangs, and leaves nothing.
 * With less than one beside the standard fds the loader cannot bring the program up.
 */
TEST_F(cell, tiny_fd_limit_is_refused_clearly_or_enough)
{
	const char *path = put_file(&self->env, probe(&self->env, "fds"));
	const char *before = host_snapshot(&self->env);
	bool worked = false;

	for (rlim_t n = 4; n <= 32; n++) {
		struct run run = {
			.document_path = path,
			.no_report = true,
			.before_exec = limit_fds,
			.arg = &n,
		};

		run_whole(&self->env, &run);
		ASSERT_TRUE(run.status == 0 || run.status == 125)
			TH_LOG("%d fds: status %d", (int)n, run.status);
		if (run.status == 0) {
			EXPECT_STREQ("0 1 2 ", run.out.bytes);
			EXPECT_EQ(0, run.err.size);
			worked = true;
		} else {
			EXPECT_FALSE(worked);
			EXPECT_EQ(0, strncmp(run.err.bytes, "cellos-helper: ", 15));
			EXPECT_NE(NULL, strstr(run.err.bytes, strerror(EMFILE)))
				TH_LOG("%d fds: %s", (int)n, run.err.bytes);
		}
	}
	EXPECT_TRUE(worked);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
