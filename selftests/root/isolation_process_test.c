// SPDX-License-Identifier: MIT
/* What a workload is born with, and which programs may be one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/inside.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "process"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run with(const struct test_env *env, const char *process, const char *tries)
{
	return inside(env, "born", text("'process': {%s}", process), tries);
}

/* The line of /proc/self/limits that begins with @name. */
static const char *limit_line(const struct run *run, const char *name)
{
	char *line = strstr(run->out.bytes, name);

	return line ? text("%.*s", (int)strcspn(line, "\n"), line) : "(none)";
}

TEST_F(cell, has_what_it_asks_for)
{
	struct run run = with(&self->env, "'rlimits': {'nofile': 99, 'nproc': {'soft': 7, "
			      "'hard': 8}, 'fsize': 'unlimited'}", "cat:/proc/self/limits");
	unsigned int soft = 0, hard = 0;
	int nice = -1;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	sscanf(limit_line(&run, "Max open files"), "Max open files %u %u", &soft, &hard);
	EXPECT_EQ(99, soft);
	EXPECT_EQ(99, hard);
	sscanf(limit_line(&run, "Max processes"), "Max processes %u %u", &soft, &hard);
	EXPECT_EQ(7, soft);
	EXPECT_EQ(8, hard);
	run = with(&self->env, "'oomScoreAdj': 321, 'cpuAffinity': [0]",
		   "cat:/proc/self/oom_score_adj cat:/proc/self/status");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(run.out.bytes, "321\n", 4));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nCpus_allowed_list:\t0\n"));
	run = with(&self->env, "'nice': 7", "cat:/proc/self/stat");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	sscanf(strrchr(run.out.bytes, ')') ?: "", ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	       "%*u %*u %*d %*d %*d %d", &nice);
	EXPECT_EQ(7, nice) TH_LOG("%s", run.out.bytes);
	run = inside(&self->env, "mask", text("'process': {'umask': '0027'}, 'workingDirectory': "
		     "'%s/work', 'isolation': {'unshare': 'mnt'}", self->env.dir), "mkdir:a stat:a");
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(run.out.bytes, "done\n750:", 9)) TH_LOG("%s", run.out.bytes);
}

TEST_F(cell, has_no_core_dumps_and_raises_no_priority_by_default)
{
	struct run run = with(&self->env, "", "cat:/proc/self/limits cat:/proc/self/oom_score_adj");
	unsigned int soft = 9, hard = 9;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	/* 1 byte: nothing fits, and no program is started for it, either. */
	sscanf(limit_line(&run, "Max core file size"), "Max core file size %u %u", &soft, &hard);
	EXPECT_EQ(1, soft);
	EXPECT_EQ(1, hard);
	sscanf(limit_line(&run, "Max realtime priority"), "Max realtime priority %u %u", &soft,
	       &hard);
	EXPECT_EQ(0, soft);
	EXPECT_EQ(0, hard);
	EXPECT_NE(NULL, strstr(run.out.bytes, "\n0\n"));
}

/* Its birth needs more than it has itself; a program with libraries takes 4. */
TEST_F(cell, has_as_few_files_as_it_asks_for)
{
	const char *const others[] = {
		"", ", 'isolation': {'unshare': 'pid,ipc,mnt,uts'}", landlock_abi() < 3 ?
		", 'isolation': {'unshare': 'user,pid,mnt'}" :
		", 'isolation': {'readOnlyPaths': ['/'], 'unshare': 'user,pid,mnt'}",
	};
	char **environment = calloc(2, sizeof(char *));
	struct run run;

	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		for (int n = 0; n < 4; n++) {
			run = (struct run){
				.document = document("few", "'run': {'argv': "
					"['%s/workload_first'], 'process': {'rlimits': "
					"{'nofile': %d}}%s}", self->env.workloads, n, others[i]),
			};
			/* What it ends with when it is told to do nothing. */
			EXPECT_EQ(100, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
			EXPECT_STREQ("exited", json_text_at(run.report, "/exit/kind"));
		}
		run = inside(&self->env, "four", text("'process': {'rlimits': {'nofile': 4}}%s",
						      others[i]),
			     text("rlimit:%d read:/etc/passwd", RLIMIT_NOFILE));
		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("4:4 done", inside_answers(&run));
	}
	environment[0] = text("CELLOS_RUN_ARGV0_ALLOW_PREFIXES=/usr,%s", self->env.workloads);
	run = with(&self->env, "'rlimits': {'nofile': 4}", "ids");
	run.environ = environment;
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	run = with(&self->env, "'rlimits': {'nofile': {'soft': 3, 'hard': 4}}", "ids");
	run.environ = environment;
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/rlimits/nofile",
		       "3 leaves no room", "4 or more");
}

static void lower_limit(void *arg)
{
	const struct rlimit few = { 64, 64 };

	(void)arg;
	if (setrlimit(RLIMIT_NOFILE, &few) < 0 || setpriority(PRIO_PROCESS, 0, 5) < 0)
		_exit(97);
}

TEST_F(cell, gets_no_more_than_its_helper_has)
{
	struct run run = with(&self->env, "'rlimits': {'nofile': 65}", "ids");

	run.before_exec = lower_limit;
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/rlimits/nofile",
		       "own hard limit is 64", "with a higher one");
	run = with(&self->env, "'nice': 4", "ids");
	run.before_exec = lower_limit;
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/nice", "nice 5", "ask for 5");
	run = with(&self->env, "'cpuAffinity': [0, 1023]", "ids");
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/cpuAffinity",
		       "CPU 1023 is not there", "this host has 0");
	EXPECT_STREQ("ENODEV", json_text_at(run.report, "/error/errnoName"));
	run = with(&self->env, "'cpuAffinity': [1022, 1023]", "ids");
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/cpuAffinity",
		       "CPU 1022 is not there", "this host has 0");
	run = with(&self->env, "'oomScoreAdj': -1000", "ids");
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/oomScoreAdj", "own is", "ask for");
}

/* Each of the 16 by its name: as high as it goes here, and soft below it. */
TEST_F(cell, has_each_limit_that_it_asks_for)
{
	static const struct {
		const char *name;
		int number;
	} limits[] = {
		{ "as", RLIMIT_AS }, { "core", RLIMIT_CORE }, { "cpu", RLIMIT_CPU },
		{ "data", RLIMIT_DATA }, { "fsize", RLIMIT_FSIZE }, { "locks", RLIMIT_LOCKS },
		{ "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE },
		{ "nice", RLIMIT_NICE }, { "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC },
		{ "rss", RLIMIT_RSS }, { "rtprio", RLIMIT_RTPRIO }, { "rttime", RLIMIT_RTTIME },
		{ "sigpending", RLIMIT_SIGPENDING }, { "stack", RLIMIT_STACK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		unsigned long long hard = 1ULL << 40, soft;
		struct rlimit own;
		struct run run;

		ASSERT_EQ(0, getrlimit((__rlimit_resource_t)limits[i].number, &own));
		if (own.rlim_max < hard)
			hard = own.rlim_max;
		soft = hard ? hard - 1 : 0;
		run = with(&self->env, text("'rlimits': {'%s': {'soft': %llu, 'hard': %llu}}",
					    limits[i].name, soft, hard),
			   text("rlimit:%d", limits[i].number));
		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ(text("%llu:%llu", soft, hard), inside_answers(&run))
			TH_LOG("%s", limits[i].name);
		if (own.rlim_max != RLIM_INFINITY)
			continue;
		run = with(&self->env, text("'rlimits': {'%s': 'unlimited'}", limits[i].name),
			   text("rlimit:%d", limits[i].number));
		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("-1:-1", inside_answers(&run)) TH_LOG("%s", limits[i].name);
	}
}

static void raise_score(void *arg)
{
	if (file_write("/proc/self/oom_score_adj", arg) < 0 || setpriority(PRIO_PROCESS, 0, 3) < 0)
		_exit(97);
}

TEST_F(cell, has_the_priorities_of_its_helper_or_lower_ones)
{
	static const struct {
		const char *process, *score;
	} rows[] = {
		{ "", "300" }, { "'oomScoreAdj': 300", "300" }, { "'oomScoreAdj': 301", "301" },
		{ "'oomScoreAdj': 1000", "1000" },
	};
	char own[] = "300";
	struct run run;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		run = with(&self->env, rows[i].process, "cat:/proc/self/oom_score_adj");
		run.before_exec = raise_score;
		run.arg = own;
		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ(rows[i].score, inside_answers(&run)) TH_LOG("%s", rows[i].process);
	}
	run = with(&self->env, "'oomScoreAdj': 299", "ids");
	run.before_exec = raise_score;
	run.arg = own;
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/oomScoreAdj",
		       "the helper's own is 300", "ask for 300");
	run = with(&self->env, "'nice': 2", "ids");
	run.before_exec = raise_score;
	run.arg = own;
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/process/nice", "nice 3", "ask for 3");
}

static bool has_sys_resource(void)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	return cap_get_flag(caps, CAP_SYS_RESOURCE, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

/* A helper that the kernel is to spare does not hand that on. */
TEST_F(cell, is_not_spared_because_its_helper_is)
{
	char own[] = "-500";
	struct run run = with(&self->env, "", "cat:/proc/self/oom_score_adj");

	if (!has_sys_resource())
		SKIP(return, "no CAP_SYS_RESOURCE here, which a score below 0 takes");
	run.before_exec = raise_score;
	run.arg = own;
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("0", inside_answers(&run));
	run = with(&self->env, "'oomScoreAdj': -500", "cat:/proc/self/oom_score_adj");
	run.before_exec = raise_score;
	run.arg = own;
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("-500", inside_answers(&run));
}

/* Its helper may have been -500, and the kernel then lets it down to there; not this one. */
TEST_F(cell, goes_below_its_score_in_no_way)
{
	static const char *const members[] = {
		NULL, "'isolation': {'unshare': 'pid,mnt'}", "'isolation': {'unshare': 'user'}",
		"'isolation': {'unshare': 'user,pid,mnt'}",
		"'isolation': {'unshare': 'user,mnt', 'userMap': {'uid': 0, 'gid': 0}}",
	};
	char own[] = "-500";

	if (!has_sys_resource())
		SKIP(return, "no CAP_SYS_RESOURCE here, which binds a process to its score");
	for (size_t i = 0; i < ARRAY_SIZE(members) * 2; i++) {
		const char *more = members[i / 2];
		struct run run = inside(&self->env, "bound", i % 2 ?
			text("'process': {'oomScoreAdj': -300}%s%s", more ? ", " : "", more ?: "") :
			more, i % 2 ? "score:-301 score:-299 score:-300 score:-500" :
			"score:-1 score:1 score:0 score:-500");

		run.before_exec = raise_score;
		run.arg = own;
		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("EACCES done done EACCES", inside_answers(&run)) TH_LOG("%s", more);
	}
}

/* What was written with the capability stays the least; execve(2) gives it back. */
static void raise_score_without(void *arg)
{
	const cap_value_t resource = CAP_SYS_RESOURCE;
	static char least[] = "-500";
	cap_t caps = cap_get_proc();

	raise_score(least);
	if (cap_set_flag(caps, CAP_EFFECTIVE, 1, &resource, CAP_CLEAR) < 0 ||
	    cap_set_proc(caps) < 0)
		_exit(97);
	raise_score(arg);
}

TEST_F(cell, goes_below_its_score_no_more_if_it_is_that_of_its_helper)
{
	char own[] = "40";
	struct run run = inside(&self->env, "same", NULL, "score:39 score:41 score:40");

	if (!has_sys_resource())
		SKIP(return, "no CAP_SYS_RESOURCE here, which binds a process to its score");
	run.before_exec = raise_score_without;
	run.arg = own;
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EACCES done done", inside_answers(&run));
}

static void raise_score_for_good(void *arg)
{
	raise_score_without(arg);
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) < 0)
		_exit(97);
}

/* As the manual says: then it is bound to what its helper is. */
TEST_F(cell, goes_below_its_score_where_the_helper_cannot_bind_it)
{
	char own[] = "40";
	struct run run = inside(&self->env, "unbound", NULL, "score:-500 score:-501");

	if (!has_sys_resource())
		SKIP(return, "no CAP_SYS_RESOURCE here, which binds a process to its score");
	run.before_exec = raise_score_for_good;
	run.arg = own;
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("done EACCES", inside_answers(&run));
}

/* ---- which programs ---- */

static struct run listed(const char *prefixes, const char *argv0)
{
	char **environment = calloc(3, sizeof(char *));

	if (!environment)
		give_up("calloc");
	environment[0] = text("PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	environment[1] = text("CELLOS_RUN_ARGV0_ALLOW_PREFIXES=%s", prefixes);
	return (struct run){
		.document = document_argv("listed", argv0, "ids", NULL), .environ = environment,
	};
}

TEST_F(cell, program_has_to_resolve_to_below_a_prefix)
{
	char *in = text("%s/in", self->env.dir), *inner = text("%s/in/x", self->env.dir);
	char *outside = text("%s/inside", self->env.dir), *script = text("%s/in/s", self->env.dir);
	const struct {
		const char *prefixes, *argv0;
		int status;
	} rows[] = {
		{ "/usr,/bin", "true", 0 },
		{ "/bin", "/bin/true", 0 },	/* a link itself, on most hosts */
		{ "/opt/none", "true", 126 },
		{ in, inner, 126 },		/* a link out of it */
		{ self->env.workloads, inner, 0 },
		{ in, outside, 126 },		/* a name that begins alike */
		{ self->env.workloads, text("%s/../in/x", in), 0 },
		{ in, script, 126 },
		{ in, text("%s/none", in), 127 },
	};
	int fd;

	ASSERT_EQ(0, mkdir(in, 0755));
	ASSERT_EQ(0, symlink(text("%s/workload_inside", self->env.workloads), inner));
	ASSERT_EQ(0, symlink(text("%s/workload_inside", self->env.workloads), outside));
	fd = open(script, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ASSERT_EQ(10, write(fd, "#!/bin/sh\n", 10));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run run = listed(rows[i].prefixes, rows[i].argv0);

		EXPECT_EQ(rows[i].status, run_whole(&self->env, &run))
			TH_LOG("%s %s: %s", rows[i].prefixes, rows[i].argv0, run.err.bytes);
	}
	{
		struct run run = listed(in, script);

		run_whole(&self->env, &run);
		EXPECT_NE(NULL, strstr(run.err.bytes, "is a script")) TH_LOG("%s", run.err.bytes);
		/* Both names: the one that was given may be a link. */
		run = listed(in, outside);
		run_whole(&self->env, &run);
		EXPECT_NE(NULL, strstr(run.err.bytes, text("argv[0] \"%s\" resolves to "
				"%s/workload_inside, which", outside, self->env.workloads)))
			TH_LOG("%s", run.err.bytes);
	}
}

/* What is executed is what was looked at, whatever the path leads to a moment later. */
TEST_F(cell, program_that_is_swapped_meanwhile_is_never_executed)
{
	char *allowed = text("%s/allowed", self->env.dir), *path = text("%s/link", self->env.dir);
	char *other = text("%s/other", self->env.dir), *good = text("%s/good", allowed);
	size_t size;
	char *bytes = file_read(text("%s/workload_inside", self->env.workloads), &size);
	pid_t pid;
	int fd;

	ASSERT_EQ(0, mkdir(allowed, 0755));
	fd = open(good, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ASSERT_EQ((ssize_t)size, write(fd, bytes, size));
	close(fd);
	ASSERT_EQ(0, symlink(good, path));
	ASSERT_EQ(0, symlink("/bin/echo", other));
	pid = fork();
	if (pid == 0)
		for (;;)
			if (renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
				_exit(1);
	for (unsigned int i = 0; i < laps(60); i++) {
		struct run run = listed(allowed, path);

		run_whole(&self->env, &run);
		EXPECT_TRUE(run.status == 0 || run.status == 126) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(NULL, strstr(run.out.bytes, "ids")) TH_LOG("%s", run.out.bytes);
	}
	kill(pid, SIGKILL);
}

TEST_HARNESS_MAIN
