// SPDX-License-Identifier: MIT
/* What a workload writes reaches the caller, and never holds up its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

#define MIB	(1024 * 1024)
#define PIECE	2048	/* of workload_probe write */

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "stdio"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *probe(const struct test_env *env, const char *verb, const char *arg)
{
	return document_argv("stdio", text("%s/workload_probe", env->workloads), verb, arg, NULL);
}

/* The pattern of workload_probe write, all byte values in it. */
static bool is_pattern(const struct output *output, size_t size, unsigned char flip)
{
	if (output->size != size)
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned char want = (unsigned char)(i / PIECE * 31 + i % PIECE) ^ flip;

		if ((unsigned char)output->bytes[i] != want)
			return false;
	}
	return true;
}

TEST_F(cell, one_mebibyte_of_both_streams_arrives_in_order)
{
	static const char *const modes[] = { "pipe", "inherit" };

	for (int i = 0; i < 2; i++) {
		struct run run = {
			.document = probe(&self->env, "write", "1048576"),
			.args = { "--stdio", modes[i] },
		};

		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%.200s", run.err.bytes);
		EXPECT_TRUE(is_pattern(&run.out, MIB, 0));
		EXPECT_TRUE(is_pattern(&run.err, MIB, 0xff));
	}
}

TEST_F(cell, null_stdio_swallows_everything)
{
	struct run run = {
		.document = probe(&self->env, "write", "1048576"),
		.args = { "--stdio=null" },
	};

	EXPECT_EQ(0, run_whole(&self->env, &run));
	EXPECT_EQ(0, run.out.size);
	EXPECT_EQ(0, run.err.size);
}

TEST_F(cell, stdin_is_at_its_end)
{
	struct run run = { .document = probe(&self->env, "stdin", NULL) };

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("0", run.out.bytes);
}

TEST_F(cell, workload_may_open_its_stdout_and_stderr_by_name)
{
	struct run run = { .document = probe(&self->env, "open", "/dev/stdout") };

	EXPECT_EQ(0, run_whole(&self->env, &run));
	EXPECT_STREQ("opened", run.out.bytes);
	run = (struct run){ .document = probe(&self->env, "open", "/dev/stderr") };
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.out.bytes);
	EXPECT_STREQ("opened", run.err.bytes);
	/* As a shell does it. */
	run = (struct run){
		.document = document_argv("sh", "sh", "-c", "echo out >/dev/stdout; "
					  "echo err >/dev/stderr", NULL),
	};
	EXPECT_EQ(0, run_whole(&self->env, &run));
	EXPECT_STREQ("out\n", run.out.bytes);
	EXPECT_STREQ("err\n", run.err.bytes);
}

TEST_F(cell, background_child_that_holds_the_pipes_delays_nothing)
{
	struct run run = { .document = probe(&self->env, "background", NULL) };
	uint64_t begin = test_now_ms();

	EXPECT_EQ(3, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_LT(test_now_ms() - begin, 4500);
	EXPECT_STREQ("ready\n", run.out.bytes);
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
}

static void put_stdout(void *arg)
{
	const int *fd = arg;

	if (dup2(*fd, STDOUT_FILENO) < 0)
		_exit(97);
}

TEST_F(cell, workload_gets_sigpipe_when_the_reader_goes_away)
{
	int ends[2];
	struct run run = {
		.document = probe(&self->env, "write", "100000000"),
		.before_exec = put_stdout,
		.arg = &ends[1],
	};
	char byte;

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	run_start(&self->env, &run);
	close(ends[1]);
	ASSERT_EQ(1, read(ends[0], &byte, 1));
	close(ends[0]);
	run_finish(&run);
	EXPECT_EQ(128 + SIGPIPE, run.status);
	EXPECT_STREQ("SIGPIPE", json_text_at(run.report, "/exit/signalName"));
	EXPECT_TRUE(json_is_null(json_at(run.report, "/error")));
}

TEST_F(cell, helper_survives_a_reader_that_was_never_there)
{
	int ends[2];
	struct run run = {
		.document = document_argv("sh", "sh", "-c", "trap '' PIPE; echo one; exit 4", NULL),
		.before_exec = put_stdout,
		.arg = &ends[1],
	};

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	close(ends[0]);
	EXPECT_EQ(4, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
}

/* A full pipe that nobody reads: the cell goes all the same, the loss is said. */
TEST_F(cell, stalled_reader_does_not_keep_the_cell)
{
	const char *before = host_snapshot(&self->env);
	int ends[2];
	struct run run = {
		.document = probe(&self->env, "write", "102400"),
		.before_exec = put_stdout,
		.arg = &ends[1],
	};

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	run_start(&self->env, &run);
	ASSERT_TRUE(WAIT_FOR(cell_leaf(&self->env, "stdio")));
	/* Gone before the helper gives up on the reader. */
	EXPECT_TRUE(WAIT_WITHIN(4, !cell_leaf(&self->env, "stdio")));
	run_finish(&run);
	EXPECT_STREQ("stdio", json_text_at(run.report, "/error/step"));
	EXPECT_STREQ("ETIMEDOUT", json_text_at(run.report, "/error/errnoName"));
	EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
	EXPECT_NE(NULL, memmem(run.err.bytes, run.err.size, "output are lost", 15));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, non_blocking_stdout_of_the_caller_loses_nothing)
{
	int ends[2];
	struct run run = {
		.document = probe(&self->env, "write", "1048576"),
		.before_exec = put_stdout,
		.arg = &ends[1],
	};
	struct output got = { .bytes = malloc(2 * MIB) };
	ssize_t n;

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	ASSERT_EQ(0, fcntl(ends[1], F_SETFL, O_NONBLOCK));
	run_start(&self->env, &run);
	close(ends[1]);
	while ((n = read(ends[0], got.bytes + got.size, 2 * MIB - got.size)) > 0)
		got.size += (size_t)n;
	run_finish(&run);
	EXPECT_EQ(0, run.status);
	EXPECT_TRUE(is_pattern(&got, MIB, 0));
}

TEST_F(cell, report_on_stdout_comes_after_the_workloads_output)
{
	struct run run = {
		.document = document_argv("mixed", "echo", "first", NULL),
		.args = { "--report", "-" },
		.no_report = true,
	};

	EXPECT_EQ(0, run_whole(&self->env, &run));
	ASSERT_EQ(0, strncmp(run.out.bytes, "first\n", 6));
	EXPECT_STREQ("mixed", json_text_at(json_loads(run.out.bytes + 6, 0, NULL), "/cellId"));
}

TEST_F(cell, nothing_but_the_workloads_is_on_stdout_without_a_report)
{
	struct run run = { .document = document_argv("quiet", "true", NULL), .no_report = true };

	EXPECT_EQ(0, run_whole(&self->env, &run));
	EXPECT_EQ(0, run.out.size);
	EXPECT_EQ(0, run.err.size);
	run = (struct run){ .document = "{}", .no_report = true };
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_EQ(0, run.out.size);
}

TEST_HARNESS_MAIN
