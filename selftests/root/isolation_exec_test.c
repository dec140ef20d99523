// SPDX-License-Identifier: MIT
/* Which files argv[0] may be, where CELLOS_RUN_ARGV0_ALLOW_PREFIXES says so: by all names. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/inside.h"

FIXTURE(cell)
{
	struct test_env env;
	const char *dir;
	const char *in;		/* the folder that is allowed */
};

/* A copy of the workload, or what @bytes say. */
static void put(const char *path, const char *bytes, mode_t mode)
{
	size_t size = bytes ? strlen(bytes) : 0;
	const char *from = bytes ?: file_read(text("%s/workload_inside", getenv("CELLOS_TESTDIR")),
					      &size);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || !from || write(fd, from, size) != (ssize_t)size || fchmod(fd, mode) < 0)
		give_up(path);
	close(fd);
}

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "exec");
	self->dir = self->env.dir;
	self->in = text("%s/in", self->dir);
	ASSERT_EQ(0, mkdir(self->in, 0755));
	ASSERT_EQ(0, mkdir(text("%s/in2", self->dir), 0755));
	ASSERT_EQ(0, mkdir(text("%s/in/sub", self->dir), 0755));
	put(text("%s/in/x", self->dir), NULL, 0755);
	put(text("%s/in/sub/x", self->dir), NULL, 0755);
	put(text("%s/in2/x", self->dir), NULL, 0755);
	put(text("%s/in/plain", self->dir), "text", 0644);
	put(text("%s/in/script", self->dir), "#!/bin/sh\n", 0755);
	put(text("%s/in/secret", self->dir), "#!/bin/sh\n", 0711);
	ASSERT_EQ(0, symlink("../in2/x", text("%s/in/out", self->dir)));
	ASSERT_EQ(0, symlink("in/x", text("%s/into", self->dir)));
	ASSERT_EQ(0, symlink("in", text("%s/alias", self->dir)));
	ASSERT_EQ(0, symlink("loop", text("%s/in/loop", self->dir)));
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run allowed(const struct test_env *env, const char *prefixes, const char *argv0,
			  const char *members)
{
	char **environment = calloc(3, sizeof(char *));

	if (!environment)
		give_up("calloc");
	environment[0] = text("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	environment[1] = text("CELLOS_RUN_ARGV0_ALLOW_PREFIXES=%s", prefixes);
	return (struct run){
		.document = document("exec", "'run': {'argv': ['%s', 'ids'], 'workingDirectory': "
				     "'%s'%s}", argv0, env->dir, members),
		.environ = environment,
	};
}

/* @errno_name: NULL: it runs. '%' in a prefix or name stands for the test's folder. */
struct row {
	const char *prefixes, *argv0;
	const char *errno_name, *hint;
	int status;
};

static const char *filled(const struct test_env *env, const char *pattern)
{
	const char *percent = strchr(pattern, '%');

	return percent ? text("%.*s%s%s", (int)(percent - pattern), pattern, env->dir,
			      percent + 1) : pattern;
}

static void check_rows(struct __test_metadata *_metadata, const struct test_env *env,
		       const struct row *row, const char *members)
{
	const char *before = host_snapshot(env);

	for (; row->prefixes; row++) {
		struct run run = allowed(env, filled(env, row->prefixes), filled(env, row->argv0),
					 members);

		EXPECT_EQ(row->status, run_whole(env, &run))
			TH_LOG("%s %s: %s", row->prefixes, row->argv0, run.err.bytes);
		if (!row->errno_name) {
			EXPECT_NE(NULL, strchr(run.out.bytes, ':')) TH_LOG("%s", row->argv0);
			continue;
		}
		EXPECT_STREQ("", run.out.bytes) TH_LOG("%s", row->argv0);
		EXPECT_STREQ("spawn", json_text_at(run.report, "/error/step"));
		EXPECT_STREQ(row->errno_name, json_text_at(run.report, "/error/errnoName"))
			TH_LOG("%s %s: %s", row->prefixes, row->argv0, run.err.bytes);
		EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/hint"), row->hint))
			TH_LOG("%s %s: %s", row->prefixes, row->argv0, run.err.bytes);
		EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
	}
	EXPECT_STREQ(before, host_snapshot(env));
}

#define LISTS	"CELLOS_RUN_ARGV0_ALLOW_PREFIXES lists"
#define NONE	"(none)"

static const struct row rows[] = {
	/* Below it, by whatever name. */
	{ "%/in", "%/in/x", NULL, NULL, 0 },
	{ "%/in/", "%/in/x", NULL, NULL, 0 },
	{ "%/in", "%/in/sub/x", NULL, NULL, 0 },
	{ "%/in", "%/in/./sub/../x", NULL, NULL, 0 },
	{ "%/in", "%/in2/../in/x", NULL, NULL, 0 },
	{ "%/in", "%/into", NULL, NULL, 0 },
	{ "%/in", "%/alias/x", NULL, NULL, 0 },
	{ "%/alias", "%/in/x", NULL, NULL, 0 },
	{ "%/in", "./in/x", NULL, NULL, 0 },
	{ "%/in", "./alias/sub/../x", NULL, NULL, 0 },
	{ "%/in/x", "%/in/x", NULL, NULL, 0 },
	{ "/none,%/in", "%/in/x", NULL, NULL, 0 },
	{ "/", "%/in2/x", NULL, NULL, 0 },
	/* Not below it, by whatever name. */
	{ "%/in", "%/in2/x", "EACCES", LISTS, 126 },
	{ "%/in", "./in2/x", "EACCES", LISTS, 126 },
	{ "%/in", "%/in/out", "EACCES", LISTS, 126 },
	{ "%/in", "%/in/../in2/x", "EACCES", LISTS, 126 },
	{ "%/in/sub", "%/in/x", "EACCES", LISTS, 126 },
	{ "%/in/su", "%/in/sub/x", "EACCES", LISTS, 126 },
	{ "%/in/x", "%/in2/x", "EACCES", LISTS, 126 },
	{ "%/in/x/", "%/in2/x", "EACCES", LISTS, 126 },
	{ "/none", "%/in/x", "EACCES", LISTS, 126 },
	{ "/usr/bi", "/usr/bin/true", "EACCES", LISTS, 126 },
	{ "/usr/bin/tru", "/usr/bin/true", "EACCES", LISTS, 126 },
	{ "/usr/bin/true/", "/usr/bin/false", "EACCES", LISTS, 126 },
	{ "/opt", "true", "EACCES", LISTS, 126 },
	/* What nobody can execute. */
	{ "%/in", "%/in/plain", "EACCES", "", 126 },
	{ "%/in", "%/in", "EACCES", "", 126 },
	{ "%/in", "%/in/script", "ENOEXEC", "name its interpreter", 126 },
	/* A script that the cell cannot read: what it is cannot be told. */
	{ "%/in", "%/in/secret", "ENOENT", "its interpreter is not", 126 },
	{ "%/in", "%/in/loop", "ELOOP", NONE, 126 },
	{ "/", "/proc/self/exe", "ELOOP", NONE, 126 },
	{ "%/in", "%/in/none", "ENOENT", NONE, 127 },
	{ "%/in", "%/in/x/none", "ENOENT", NONE, 127 },
	{ "%/in", "no-such-program-anywhere", "ENOENT", "a bare name", 127 },
	{ }
};

TEST_F_TIMEOUT(cell, program_is_judged_by_the_file_that_its_name_leads_to, 120)
{
	check_rows(_metadata, &self->env, rows, "");
}

TEST_F_TIMEOUT(cell, program_is_judged_the_same_with_namespaces_and_lists, 120)
{
	static const struct row some[] = {
		{ "%/in", "%/in/x", NULL, NULL, 0 },
		{ "%/in", "%/alias/x", NULL, NULL, 0 },
		{ "%/in", "%/in/out", "EACCES", LISTS, 126 },
		{ "%/in", "%/in/script", "ENOEXEC", "name its interpreter", 126 },
		{ "%/in", "%/in/none", "ENOENT", NONE, 127 },
		{ }
	};

	check_rows(_metadata, &self->env, some, ", 'isolation': {'unshare': 'ipc,uts,user'}");
	if (landlock_abi() < 3)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs 3)", landlock_abi());
	check_rows(_metadata, &self->env, some, ", 'isolation': {'readOnlyPaths': []}");
}

TEST_HARNESS_MAIN
