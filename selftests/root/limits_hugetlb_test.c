// SPDX-License-Identifier: MIT
/* Limits of huge pages. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/limits.h"

#define SIZE	"2097152"
#define POOL	"/sys/kernel/mm/hugepages/hugepages-2048kB"

FIXTURE(cell)
{
	struct test_env env;
	const char *missing;
	bool given;
};

static char *control(const struct test_env *env)
{
	return text("%s/cgroup.subtree_control", env->mount);
}

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "hugetlb");
	self->given = strstr(file_read(control(&self->env), NULL) ?: "", "hugetlb");
	self->missing = limits_missing(&self->env, "hugetlb");
	if (self->missing) {
		env_teardown(&self->env);
		SKIP(return, "%s", self->missing);
	}
	if (access(POOL, F_OK) < 0) {
		env_teardown(&self->env);
		SKIP(return, "no huge pages of " SIZE " bytes here");
	}
}

/* A controller that the program asked the root for would stay. */
FIXTURE_TEARDOWN_PARENT(cell)
{
	env_teardown(&self->env);
	if (!self->given)
		file_write(control(&self->env), "-hugetlb");
}

TEST_F(cell, limits_of_huge_pages_are_in_force)
{
	static const struct {
		const char *max, *kept;
	} cases[] = {
		{ "0", "0" }, { "2097151", "0" }, { SIZE, SIZE }, { "6291455", "4194304" },
		{ "1099511627776", "1099511627776" }, { "9223372036854775807", "max" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = limits_held(&self->env,
			text("'hugetlb': [{'pageSizeBytes': " SIZE ", 'maxBytes': %s}]",
			     cases[i].max));

		run_start(&self->env, &run);
		ASSERT_LT(0, cell_wait(&self->env, &run, "limits", "ready"));
		EXPECT_STREQ(cases[i].kept, leaf_file(&self->env, "hugetlb.2MB.max"));
		EXPECT_STREQ(cases[i].kept, leaf_file(&self->env, "hugetlb.2MB.rsvd.max"));
		gate_open(&self->env);
		run_finish(&run);
		EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	}
}

TEST_F(cell, each_size_has_a_limit_of_its_own)
{
	struct run run = limits_held(&self->env,
		"'hugetlb': [{'pageSizeBytes': 1073741824, 'maxBytes': 2147483648}, "
		"{'pageSizeBytes': " SIZE ", 'maxBytes': 0}]");

	if (access("/sys/kernel/mm/hugepages/hugepages-1048576kB", F_OK) < 0)
		SKIP(return, "no huge pages of 1 GiB here");
	run_start(&self->env, &run);
	ASSERT_LT(0, cell_wait(&self->env, &run, "limits", "ready"));
	EXPECT_STREQ("0", leaf_file(&self->env, "hugetlb.2MB.max"));
	EXPECT_STREQ("2147483648", leaf_file(&self->env, "hugetlb.1GB.max"));
	EXPECT_STREQ("2147483648", leaf_file(&self->env, "hugetlb.1GB.rsvd.max"));
	gate_open(&self->env);
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, size_that_the_host_lacks_is_refused_with_those_it_has)
{
	static const char *const sizes[] = { "1", "4096", "2097153", "4194304", "2199023255552" };
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct run run = limits_run(&self->env,
			text("'hugetlb': [{'pageSizeBytes': %s, 'maxBytes': 0}]", sizes[i]),
			"burn 1");

		EXPECT_EQ(125, run_whole(&self->env, &run));
		EXPECT_STREQ("check", json_text_at(run.report, "/error/step"));
		EXPECT_STREQ("EOPNOTSUPP", json_text_at(run.report, "/error/errnoName"));
		EXPECT_STREQ("/spec/run/limits/hugetlb/0/pageSizeBytes",
			     json_text_at(run.report, "/error/field"));
		EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/hint"), SIZE))
			TH_LOG("%s", run.err.bytes);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* A cgroup with a process of its own, and a cell parent in it. */
static const char *busy_parent(const struct test_env *env, pid_t *ret_pid)
{
	char *busy = text("%s/busy", env->parent), *cells = text("%s/cells", busy);

	*ret_pid = fork();
	if (*ret_pid == 0)
		for (;;)
			pause();
	if (file_write(control(env), "+hugetlb") < 0 ||
	    file_write(text("%s/cgroup.subtree_control", env->parent), "+hugetlb") < 0 ||
	    mkdir(busy, 0755) < 0 || mkdir(cells, 0755) < 0 ||
	    file_write(text("%s/cgroup.procs", busy), text("%d", *ret_pid)) < 0)
		give_up("a busy cgroup");
	return cells;
}

TEST_F(cell, rule_of_no_internal_processes_is_explained)
{
	pid_t pid;
	const char *cells = busy_parent(&self->env, &pid);
	struct run run = limits_run(&self->env,
		"'hugetlb': [{'pageSizeBytes': " SIZE ", 'maxBytes': 0}]", "burn 1");

	run.no_parent = true;
	run.args[0] = text("--cgroup-parent=%s", cells);
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("check", json_text_at(run.report, "/error/step"));
	EXPECT_STREQ("EBUSY", json_text_at(run.report, "/error/errnoName"));
	EXPECT_STREQ("/spec/run/limits/hugetlb/0/maxBytes",
		     json_text_at(run.report, "/error/field"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/hint"), "no internal processes"));
	/* What was refused has changed nothing. */
	EXPECT_STREQ("", file_read(text("%s/busy/cgroup.subtree_control", self->env.parent), NULL));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, page_beyond_the_limit_is_refused_by_mmap)
{
	struct run run = limits_run(&self->env,
		"'hugetlb': [{'pageSizeBytes': " SIZE ", 'maxBytes': 4194304}]",
		"huge 4 " SIZE);
	char *pages = file_read(POOL "/free_hugepages", NULL);

	if (!pages || strtol(pages, NULL, 10) < 4)
		SKIP(return, "no 4 free huge pages on this host");
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(text("2\n%d\n", ENOMEM), run.out.bytes);
}

TEST_HARNESS_MAIN
