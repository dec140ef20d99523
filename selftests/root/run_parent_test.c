// SPDX-License-Identifier: MIT
/* The host a cell needs: a fit cgroup parent, controllers, io_uring; or a refusal. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "parent"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* A run below @parent that has to be refused, with @errno_name and words of why. */
static void expect_parent_refused(struct __test_metadata *_metadata, const struct test_env *env,
				  const char *parent, const char *errno_name, const char *words)
{
	const char *before = host_snapshot(env);
	struct run run = {
		.document = document_argv("parent", "true", NULL),
		.args = { "--cgroup-parent", parent },
		.no_parent = true,
	};

	EXPECT_EQ(125, run_whole(env, &run)) TH_LOG("%s", parent);
	EXPECT_STREQ(errno_name, json_text_at(run.report, "/error/errnoName"))
		TH_LOG("%s: %s", parent, run.err.bytes);
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"), words))
		TH_LOG("%s: %s", parent, run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "\nhint: ")) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
	EXPECT_STREQ(before, host_snapshot(env));
}

static char *make_child(const struct test_env *env, const char *name)
{
	char *path = text("%s/%s", env->parent, name);

	if (mkdir(path, 0755) < 0)
		give_up(path);
	return path;
}

TEST_F(cell, parent_has_to_be_a_cgroup2_directory)
{
	const struct test_env *env = &self->env;

	expect_parent_refused(_metadata, env, text("%s/none", env->parent), "ENOENT", "none");
	expect_parent_refused(_metadata, env, env->dir, "EINVAL", "not on a cgroup2");
	expect_parent_refused(_metadata, env, "/proc", "EINVAL", "not on a cgroup2");
}

/* Mount point of the v1 hierarchy with @controller ("": of any); NULL: none. */
static const char *v1_mount(const char *controller)
{
	char *mounts = file_read("/proc/self/mountinfo", NULL);
	char *save = NULL, point[ENV_PATH_MAX];

	for (char *line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *type = strstr(line, " - cgroup ");

		if (!type || sscanf(line, "%*d %*d %*s %*s %255s", point) != 1)
			continue;
		if (strstr(text("%s,", strrchr(type, ' ')), text(",%s,", controller)) ||
		    !*controller)
			return text("%s", point);
	}
	return NULL;
}

TEST_F(cell, parent_on_cgroup_v1_is_refused_by_that_name)
{
	const char *v1 = v1_mount("");

	if (!v1)
		SKIP(return, "no cgroup v1 hierarchy is mounted on this host");
	expect_parent_refused(_metadata, &self->env, v1, "EINVAL", "cgroup v1");
}

TEST_F(cell, root_of_the_hierarchy_is_no_parent)
{
	expect_parent_refused(_metadata, &self->env, self->env.mount, "EINVAL", "root");
}

TEST_F(cell, frozen_parent_is_refused)
{
	const char *freeze = text("%s/cgroup.freeze", self->env.parent);
	const char *child = make_child(&self->env, "below");

	ASSERT_EQ(0, file_write(freeze, "1"));
	ASSERT_TRUE(WAIT_FOR(strstr(file_read(text("%s/cgroup.events", child), NULL),
				    "frozen 1")));
	expect_parent_refused(_metadata, &self->env, self->env.parent, "EBUSY", "frozen");
	expect_parent_refused(_metadata, &self->env, child, "EBUSY", "frozen");
	ASSERT_EQ(0, file_write(freeze, "0"));
}

TEST_F(cell, threaded_parent_is_refused)
{
	const char *child = make_child(&self->env, "threads");

	ASSERT_EQ(0, file_write(text("%s/cgroup.type", child), "threaded"));
	expect_parent_refused(_metadata, &self->env, child, "EINVAL", "threaded");
	expect_parent_refused(_metadata, &self->env, self->env.parent, "EINVAL",
			      "domain threaded");
}

TEST_F(cell, parent_with_processes_of_its_own_is_refused)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	ASSERT_EQ(0, file_write(text("%s/cgroup.procs", self->env.parent), text("%d", pid)));
	expect_parent_refused(_metadata, &self->env, self->env.parent, "EBUSY", "processes");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(cell, parent_with_children_that_are_no_cells_is_refused)
{
	make_child(&self->env, "system.slice");
	expect_parent_refused(_metadata, &self->env, self->env.parent, "EBUSY", "system.slice");
}

TEST_F(cell, read_only_hierarchy_is_refused)
{
	const char *name = strrchr(self->env.parent, '/');
	const char *point = text("%s/ro", self->env.dir);

	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mkdir(point, 0755));
	ASSERT_EQ(0, mount(self->env.mount, point, NULL, MS_BIND, NULL));
	ASSERT_EQ(0, mount(NULL, point, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	expect_parent_refused(_metadata, &self->env, text("%s%s", point, name), "EROFS",
			      "cgroup.kill");
	ASSERT_EQ(0, umount(point));
}

TEST_F(cell, parent_comes_from_the_option_else_from_the_variable)
{
	char *other = make_child(&self->env, "other");
	char *link = text("%s/link", self->env.dir);
	char *environment[] = { text("CELLOS_CGROUP_PARENT=  %s ", other), NULL };
	struct run run = {
		.document = document_argv("where", "true", NULL),
		.environ = environment,
		.no_parent = true,
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(json_text_at(run.report, "/handle/cgroupPath"), other,
			     strlen(other)));
	/* The option wins; and it may be a link. */
	environment[0] = text("CELLOS_CGROUP_PARENT=/none");
	ASSERT_EQ(0, symlink(other, link));
	run.args[0] = "--cgroup-parent";
	run.args[1] = link;
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(json_text_at(run.report, "/handle/cgroupPath"), other,
			     strlen(other)));
	run.args[0] = NULL;
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("ENOENT", json_text_at(run.report, "/error/errnoName"));
}

/* ---- limits ---- */

static const struct limit {
	const char *controller, *limits, *field, *file, *value;
} limits[] = {
	{ "memory", "'memoryMaxBytes': 67108864", "memoryMaxBytes", "memory.max", "67108864\n" },
	{ "memory", "'memoryMaxBytes': 67108864", "memoryMaxBytes", "memory.swap.max", "0\n" },
	{ "memory", "'memoryMaxBytes': 67108864, 'memoryOomGroup': true", "memoryMaxBytes",
	  "memory.oom.group", "1\n" },
	{ "pids", "'pidsMax': 7", "pidsMax", "pids.max", "7\n" },
	{ "cpu", "'cpuMax': {'quotaMicros': 50000}", "cpuMax", "cpu.max", "50000 100000\n" },
	{ "cpu", "'cpuMax': {'quotaMicros': 20000, 'periodMicros': 50000}", "cpuMax", "cpu.max",
	  "20000 50000\n" },
};

static bool has_controller(const struct test_env *env, const char *controller)
{
	char *list = file_read(text("%s/cgroup.controllers", env->mount), NULL);

	list[strcspn(list, "\n")] = '\0';
	return strstr(text(" %s ", list), text(" %s ", controller));
}

/* On a host with the controller on v2 the limit is in force while the cell lives. */
static void expect_in_force(struct __test_metadata *_metadata, const struct test_env *env,
			    const struct limit *limit, struct run *run)
{
	run_start(env, run);
	ASSERT_GT(cell_wait(env, run, "limits", "ready\n"), 0);
	EXPECT_STREQ(limit->value,
		     file_read(text("%s/%s", cell_leaf(env, "limits"), limit->file), NULL));
	kill(run->pid, SIGTERM);
	run_finish(run);
}

static void expect_limit_refused(struct __test_metadata *_metadata, const struct test_env *env,
				 const struct limit *limit, struct run *run)
{
	const char *before = host_snapshot(env);
	const char *v1 = v1_mount(limit->controller);

	EXPECT_EQ(125, run_whole(env, run));
	EXPECT_STREQ("EOPNOTSUPP", json_text_at(run->report, "/error/errnoName"));
	EXPECT_STREQ(text("/spec/run/limits/%s", limit->field),
		     json_text_at(run->report, "/error/field"));
	EXPECT_NE(NULL, strstr(run->err.bytes, text("\"%s\"", limit->controller)));
	EXPECT_NE(NULL, strstr(run->err.bytes, v1 ?: "")) TH_LOG("%s", run->err.bytes);
	EXPECT_NE(NULL, strstr(run->err.bytes, "\nhint: "));
	EXPECT_STREQ("failed", json_text_at(run->report, "/exit/kind"));
	EXPECT_STREQ(before, host_snapshot(env));
}

TEST_F(cell, limit_is_in_force_or_refused_by_controller_and_hierarchy)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct limit *limit = &limits[i];
		struct run run = {
			.document = document("limits", "'run': {'argv': ['%s/workload_probe', "
					     "'wait'], 'limits': {%s}}", self->env.workloads,
					     limit->limits),
		};

		if (has_controller(&self->env, limit->controller))
			expect_in_force(_metadata, &self->env, limit, &run);
		else
			expect_limit_refused(_metadata, &self->env, limit, &run);
	}
}

TEST_F(cell, nothing_is_written_where_no_limit_is_given)
{
	struct run run = {
		.document = document_argv("limits", text("%s/workload_probe",
							 self->env.workloads), "wait", NULL),
	};
	const char *control;

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "limits", "ready\n"), 0);
	/* What only counts may be there: memory, and pids. */
	control = file_read(text("%s/cgroup.subtree_control", self->env.parent), NULL);
	EXPECT_EQ(NULL, strstr(control, "cpu")) TH_LOG("%s", control);
	EXPECT_EQ(NULL, strstr(control, "io")) TH_LOG("%s", control);
	kill(run.pid, SIGTERM);
	run_finish(&run);
}

TEST_F(cell, cpu_variable_is_judged_like_the_limit)
{
	char *environment[] = { text("CELLOS_CGROUP_CPU_MAX= 50000   100000 "), NULL };
	struct run run = {
		.document = document_argv("limits", text("%s/workload_probe",
							 self->env.workloads), "wait", NULL),
		.environ = environment,
	};
	static const struct limit limit = { .file = "cpu.max", .value = "50000 100000\n" };

	if (has_controller(&self->env, "cpu")) {
		expect_in_force(_metadata, &self->env, &limit, &run);
		return;
	}
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("EOPNOTSUPP", json_text_at(run.report, "/error/errnoName"));
	EXPECT_NE(NULL, strstr(run.err.bytes, "\"cpu\""));
	/* It is the variable's fault, not that of a field that is not there. */
	EXPECT_STREQ("(none)", json_text_at(run.report, "/error/field"));
	EXPECT_EQ(0, strncmp(json_text_at(run.report, "/error/message"), "CELLOS_CGROUP_CPU_MAX: ",
			     23)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(NULL, strstr(run.err.bytes, "the limit out")) TH_LOG("%s", run.err.bytes);
	environment[0] = text("CELLOS_CGROUP_CPU_MAX=max 50000");
	run.document = document_argv("limits", "true", NULL);
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

/* ---- io_uring ---- */

#define IO_URING_DISABLED	"/proc/sys/kernel/io_uring_disabled"

/*
 * The setting is the whole host's, so a process of its own gives it back: when
 * @ret_hold is closed, or this process ends in whatever way.
 */
static pid_t disable_io_uring(const char *old, int *ret_hold)
{
	int hold[2];
	char byte;
	pid_t pid;

	if (pipe2(hold, O_CLOEXEC) < 0)
		give_up("pipe2");
	pid = fork();
	if (pid == 0) {
		setsid();
		close(hold[1]);
		while (read(hold[0], &byte, 1) > 0)
			;
		_exit(file_write(IO_URING_DISABLED, old) < 0);
	}
	close(hold[0]);
	if (pid < 0 || file_write(IO_URING_DISABLED, "2") < 0)
		give_up(IO_URING_DISABLED);
	*ret_hold = hold[1];
	return pid;
}

TEST_F(cell, disabled_io_uring_is_refused_with_its_name)
{
	struct run run = { .document = document_argv("ring", "true", NULL) };
	char *old = file_read(IO_URING_DISABLED, NULL);
	const char *before = host_snapshot(&self->env);
	int hold, status;
	pid_t keeper;

	if (!old)
		SKIP(return, "this kernel has no kernel.io_uring_disabled");
	keeper = disable_io_uring(old, &hold);
	run_whole(&self->env, &run);
	close(hold);
	ASSERT_EQ(keeper, waitpid(keeper, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_STREQ(old, file_read(IO_URING_DISABLED, NULL));
	EXPECT_EQ(125, run.status);
	EXPECT_STREQ("EPERM", json_text_at(run.report, "/error/errnoName"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/hint"), "io_uring_disabled"))
		TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(before, host_snapshot(&self->env));
	EXPECT_EQ(0, run_whole(&self->env, &run));
}

TEST_HARNESS_MAIN
