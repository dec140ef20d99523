// SPDX-License-Identifier: MIT
/* What a workload is given: its environment, its arguments, its program. */
#include <string.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "environ"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

#define PROBE	"%s/workload_probe"

/* Are @size bytes just these strings, each with its NUL, in order? */
static bool is_strings(const char *bytes, size_t size, const char *const *strings)
{
	const char *end = bytes + size;

	for (; *strings; strings++) {
		size_t len = strlen(*strings) + 1;

		if ((size_t)(end - bytes) < len || memcmp(bytes, *strings, len))
			return false;
		bytes += len;
	}
	return bytes == end;
}

static const char *const declared[] = {
	"ZULU=last name first", "ALPHA=", "lower=x=y=z", "PATH=/nowhere",
	"SPACES=  two  ", "UTF8=\xc3\xa4\xe2\x82\xac", "NEWLINE=a\nb", "LD_PRELOAD=/none.so",
	"OPTION=1", "LAST=", NULL
};

#define DECLARED							\
	"'environment': ["						\
	"{'name': 'ZULU', 'value': 'last name first'},"			\
	"{'name': 'ALPHA', 'value': ''},"				\
	"{'name': 'lower', 'value': 'x=y=z'},"				\
	"{'name': 'PATH', 'value': '/nowhere'},"			\
	"{'name': 'SPACES', 'value': '  two  '},"			\
	"{'name': 'UTF8', 'value': '\xc3\xa4\xe2\x82\xac'},"		\
	"{'name': 'NEWLINE', 'value': 'a\\nb'},"			\
	"{'name': 'LD_PRELOAD', 'value': '/none.so'}]"

TEST_F(cell, environ_is_byte_for_byte_the_documents)
{
	struct run run = {
		.document = document("bytes", "'run': {'argv': ['" PROBE "', 'environ'], "
				     DECLARED "}", self->env.workloads),
		.args = { "--env", "OPTION=1", "--env", "LAST=" },
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(is_strings(run.out.bytes, run.out.size, declared));
}

TEST_F(cell, environ_read_from_outside_is_the_same)
{
	struct run run = {
		.document = document("outside", "'run': {'argv': ['" PROBE "', 'wait'], "
				     DECLARED "}", self->env.workloads),
		.args = { "--env", "OPTION=1", "--env", "LAST=" },
	};
	size_t size = 0;
	char *bytes;
	pid_t pid;

	run_start(&self->env, &run);
	pid = cell_wait(&self->env, &run, "outside", "ready\n");
	ASSERT_GT(pid, 0);
	bytes = file_read(text("/proc/%d/environ", pid), &size);
	ASSERT_NE(NULL, bytes);
	EXPECT_TRUE(is_strings(bytes, size, declared));
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(128 + SIGTERM, run.status);
}

TEST_F(cell, environ_is_empty_if_nothing_is_declared)
{
	struct run run = {
		.document = document("empty", "'run': {'argv': ['" PROBE "', 'environ']}",
				     self->env.workloads),
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, run.out.size);
}

TEST_F(cell, nothing_of_the_callers_environment_gets_in)
{
	static char names[1000][24];
	static char *environment[1003];
	struct run run = {
		.document = document("callers", "'run': {'argv': ['" PROBE "', 'environ']}",
				     self->env.workloads),
		.environ = environment,
	};

	for (int i = 0; i < 1000; i++) {
		snprintf(names[i], sizeof(names[i]), "SECRET_%d=%d", i, i);
		environment[i] = names[i];
	}
	environment[1000] = text("CELLOS_STRICT_CONFIG=1");
	environment[1001] = text("LD_DEBUG=");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, run.out.size);
}

TEST_F(cell, argv_is_exactly_the_documents)
{
	const char *path = text(PROBE, self->env.workloads);
	const char *const argv[] = {
		path, "argv", "", "two words", "--report=-", "-", "\xc3\xa4\xe2\x82\xac", "$HOME",
		"a\nb", "'\"", "", NULL
	};
	struct run run = {
		.document = document_argv("argv", argv[0], argv[1], argv[2], argv[3], argv[4],
					  argv[5], argv[6], argv[7], argv[8], argv[9], argv[10],
					  NULL),
	};
	size_t size = 0;
	char *bytes;
	pid_t pid;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(is_strings(run.out.bytes, run.out.size, argv));

	/* And from outside. */
	run = (struct run){ .document = document_argv("argv", path, "wait", "", "x y", NULL) };
	run_start(&self->env, &run);
	pid = cell_wait(&self->env, &run, "argv", "ready\n");
	ASSERT_GT(pid, 0);
	bytes = file_read(text("/proc/%d/cmdline", pid), &size);
	ASSERT_NE(NULL, bytes);
	EXPECT_TRUE(is_strings(bytes, size, (const char *const[]){ path, "wait", "", "x y",
								  NULL }));
	kill(run.pid, SIGTERM);
	run_finish(&run);
}

TEST_F(cell, bare_name_is_found_although_the_environment_is_empty)
{
	struct run run = { .document = document_argv("bare", "true", NULL) };
	char *nowhere[] = { NULL };

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);

	/* The caller's PATH, none at all here, has no say; nor has the cell's. */
	run = (struct run){
		.document = document("bare", "'run': {'argv': ['sh', '-c', 'exit 5'], "
				     "'environment': [{'name': 'PATH', 'value': '/none'}]}"),
		.environ = nowhere,
	};
	EXPECT_EQ(5, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, bare_name_is_never_looked_for_in_the_working_directory)
{
	struct run run = {
		.document = document("cwd", "'run': {'argv': ['workload_probe', 'exit', '0'], "
				     "'workingDirectory': '%s'}", self->env.workloads),
	};

	EXPECT_EQ(127, run_whole(&self->env, &run));
	EXPECT_STREQ("ENOENT", json_text_at(run.report, "/error/errnoName"));
}

TEST_F(cell, large_argv_arrives_whole)
{
	enum { WORDS = 2000, SIZE = 200 };
	char *argv = text("'%s/workload_probe', 'argv'", self->env.workloads);
	size_t expected = strlen(self->env.workloads) + strlen("/workload_probe") + 1 + 5;
	char word[SIZE + 1] = "";
	FILE *f;
	char *list = NULL;
	size_t size = 0;
	struct run run = { 0 };

	memset(word, 'w', SIZE);
	f = open_memstream(&list, &size);
	ASSERT_NE(NULL, f);
	fputs(argv, f);
	for (int i = 0; i < WORDS; i++)
		fprintf(f, ", '%s'", word);
	fclose(f);
	run.document = document("large", "'run': {'argv': [%s]}", list);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(expected + (size_t)WORDS * (SIZE + 1), run.out.size);
}

TEST_HARNESS_MAIN
