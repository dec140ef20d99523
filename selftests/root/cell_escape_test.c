// SPDX-License-Identifier: MIT
/* A hostile workload: it leaves neither its cgroup nor its rights, nor touches others. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/failing_call.h"

#define OTHER_UID	12345

FIXTURE(cell)
{
	struct test_env env;
	struct run sibling;
	pid_t sibling_pid;
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "escape");
	self->sibling = (struct run){
		.document = document_argv("sibling", text("%s/workload_probe",
							  self->env.workloads), "wait", NULL),
	};
	run_start(&self->env, &self->sibling);
	self->sibling_pid = cell_wait(&self->env, &self->sibling, "sibling", "ready\n");
	ASSERT_GT(self->sibling_pid, 0);
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* The sibling is as it was: it ends when it is told to, not before. */
static void expect_sibling_unhurt(struct __test_metadata *_metadata, struct run *sibling,
				  pid_t pid)
{
	EXPECT_TRUE(process_alive(pid));
	kill(sibling->pid, SIGTERM);
	run_finish(sibling);
	EXPECT_EQ(128 + SIGTERM, sibling->status) TH_LOG("%s", sibling->err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(sibling->report, "/teardown/residue")));
}

/* Each line of @results has to name one of the errors of @errors. */
static bool all_fail(const char *results, int n, const char *errors)
{
	char *copy = text("%s", results);
	char *save = NULL;
	int lines = 0;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strstr(errors, line))
			return false;
		lines++;
	}
	return lines == n;
}

#define DENIED	"EACCES EPERM"

TEST_F(cell, workload_cannot_move_itself_to_another_cgroup)
{
	const char *sibling = cell_leaf(&self->env, "sibling");
	const struct test_env *env = &self->env;
	struct run run = {
		.document = document_argv("mover", text("%s/workload_attack", env->workloads),
					  "move", text("%s/cgroup.procs", env->parent),
					  text("%s/cgroup.threads", env->parent),
					  text("%s/cgroup.procs", sibling),
					  text("%s/cgroup.threads", sibling),
					  text("%s/cgroup.procs", env->mount),
					  text("%s/cgroup.threads", env->mount), NULL),
	};

	ASSERT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_fail(run.out.bytes, 6, DENIED)) TH_LOG("%s", run.out.bytes);
	expect_sibling_unhurt(_metadata, &self->sibling, self->sibling_pid);
}

TEST_F(cell, workload_cannot_control_or_change_cgroups)
{
	const char *sibling = cell_leaf(&self->env, "sibling");
	const struct test_env *env = &self->env;
	struct run run = {
		.document = document_argv("writer", text("%s/workload_attack", env->workloads),
					  "write", text("%s/cgroup.kill", sibling),
					  text("%s/cgroup.freeze", sibling),
					  text("%s/cgroup.kill", env->parent),
					  text("%s/cgroup.freeze", env->parent),
					  text("%s/cgroup.subtree_control", env->parent), NULL),
	};

	ASSERT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_fail(run.out.bytes, 5, DENIED)) TH_LOG("%s", run.out.bytes);
	/* The baseline closes xattrs before anybody looks at whose the cgroup is. */
	run = (struct run){
		.document = document("changer", "'run': {'argv': ['%s/workload_attack', 'change', "
				     "'%s', '%s'], 'isolation': {'seccomp': 'none'}}",
				     env->workloads, sibling, env->parent),
	};
	ASSERT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_fail(run.out.bytes, 6, DENIED)) TH_LOG("%s", run.out.bytes);
	expect_sibling_unhurt(_metadata, &self->sibling, self->sibling_pid);
}

#define PROCESS_TRIES	9

TEST_F(cell, workload_cannot_touch_its_sibling_a_helper_or_the_host)
{
	const struct test_env *env = &self->env;
	struct run run = {
		.document = document_argv("tracer", text("%s/workload_attack", env->workloads),
					  "process", text("%d", self->sibling_pid),
					  text("%d", self->sibling.pid), "parent",
					  text("%d", getpid()), "1", NULL),
	};

	ASSERT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_fail(run.out.bytes, 5 * PROCESS_TRIES, DENIED))
		TH_LOG("%s", run.out.bytes);
	expect_sibling_unhurt(_metadata, &self->sibling, self->sibling_pid);
}

TEST_F(cell, workload_cannot_get_rights_back)
{
	struct run run = {
		.document = document_argv("regain", text("%s/workload_attack",
							 self->env.workloads), "regain", "all",
					  NULL),
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_fail(run.out.bytes, 6, DENIED " EINVAL")) TH_LOG("%s", run.out.bytes);
}

TEST_F(cell, setuid_program_gives_a_workload_nothing)
{
	char *path = text("%s/setuid", self->env.dir);
	struct run run = {
		.document = document_argv("setuid", path, "cat", "/proc/self/status", NULL),
	};
	size_t size = 0;
	char *bytes = file_read(text("%s/workload_probe", self->env.workloads), &size);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	ASSERT_EQ((ssize_t)size, write(fd, bytes, size));
	ASSERT_EQ(0, fchmod(fd, 06755));
	close(fd);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapPrm:\t0000000000000000\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nUid:\t200"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nGid:\t200"));
}

TEST_F(cell, workload_cannot_block_others_by_a_lock)
{
	const char *sibling = cell_leaf(&self->env, "sibling");
	const struct test_env *env = &self->env;
	struct run locker = {
		.document = document_argv("locker", text("%s/workload_attack", env->workloads),
					  "lock", env->parent, sibling, env->mount,
					  text("%s/cgroup.events", env->parent),
					  text("%s/cgroup.procs", env->parent),
					  text("%s/cgroup.events", sibling),
					  text("%s/cgroup.kill", env->parent), NULL),
	};
	struct run run = { .document = document_argv("blocked", "true", NULL) };
	uint64_t begin;

	run_start(env, &locker);
	ASSERT_GT(cell_wait(env, &locker, "locker", "ready\n"), 0);
	/* It holds what it could open; what the helpers lock it could not. */
	EXPECT_STREQ("done\ndone\ndone\ndone\ndone\ndone\nEACCES\nready\n", run_out(&locker));
	begin = test_now_ms();
	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_LT(test_now_ms() - begin, 8000);
	kill(locker.pid, SIGTERM);
	run_finish(&locker);
	EXPECT_EQ(128 + SIGTERM, locker.status);
	expect_sibling_unhurt(_metadata, &self->sibling, self->sibling_pid);
}

/* ---- whose uid ---- */

FIXTURE(user) { struct test_env env; };
FIXTURE_SETUP(user) { env_setup(&self->env, "escape"); }
FIXTURE_TEARDOWN_PARENT(user) { env_teardown(&self->env); }

static void expect_user_refused(struct __test_metadata *_metadata, const struct test_env *env,
				const char *user, const char *why)
{
	const char *before = host_snapshot(env);
	struct run run = {
		.document = document_argv("user", "true", NULL),
		.args = { "--user", user },
	};

	EXPECT_EQ(125, run_whole(env, &run)) TH_LOG("--user %s", user);
	EXPECT_STREQ("EPERM", json_text_at(run.report, "/error/errnoName"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"), why))
		TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
	EXPECT_STREQ(before, host_snapshot(env));
}

TEST_F(user, uid_0_is_refused)
{
	expect_user_refused(_metadata, &self->env, "0:0", "uid 0 owns the host's cgroups");
	expect_user_refused(_metadata, &self->env, "0:12345", "uid 0 owns");
}

TEST_F(user, uid_or_gid_that_may_write_the_parent_is_refused)
{
	char *procs = text("%s/cgroup.procs", self->env.parent);

	ASSERT_EQ(0, chown(procs, OTHER_UID, 0));
	expect_user_refused(_metadata, &self->env, "12345:777", "cgroup.procs");
	ASSERT_EQ(0, chown(procs, 0, OTHER_UID));
	ASSERT_EQ(0, chmod(procs, 0664));
	expect_user_refused(_metadata, &self->env, "777:12345", "cgroup.procs");
}

TEST_F(user, parent_that_everybody_may_write_is_refused_for_all)
{
	ASSERT_EQ(0, chmod(text("%s/cgroup.procs", self->env.parent), 0666));
	expect_user_refused(_metadata, &self->env, "12345:12345", "cgroup.procs");
	expect_user_refused(_metadata, &self->env, "dynamic", "cgroup.procs");
}

static pid_t start_other(void)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		give_up("pipe2");
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(OTHER_UID, OTHER_UID, OTHER_UID) < 0 ||
		    setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0 ||
		    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || write(ready[1], "r", 1) != 1)
			_exit(97);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		give_up("a process of another uid");
	return pid;
}

/* Without the cell's domain these tries would succeed: the uid is the same. */
TEST_F(user, chosen_uid_cannot_touch_processes_of_the_same_uid)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	pid_t other;
	struct run run = { .args = { "--user", "12345:12345" } };

	if (abi < 6)
		SKIP(return, "Landlock here does not scope signals (ABI %ld, needs 6)", abi);
	other = start_other();
	run.document = document_argv("same", text("%s/workload_attack", self->env.workloads),
				     "process", text("%d", other), NULL);
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(all_fail(run.out.bytes, PROCESS_TRIES, DENIED)) TH_LOG("%s", run.out.bytes);
	EXPECT_TRUE(process_alive(other));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

/* A helper on a kernel without Landlock; and with a procfs at @point, if there is one. */
static void become_helper(void *point)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    (point && mount("proc", point, "proc", 0, NULL) < 0))
		_exit(97);
	failing_call(SYS_landlock_create_ruleset, ANY, EOPNOTSUPP);
	if (failing_call_install(0) < 0)
		_exit(98);
}

/* By it /proc/PID/mem of an outsider could be written: the uid is the same. */
TEST_F(user, chosen_uid_is_refused_without_landlock_where_there_is_another_procfs)
{
	char *point = text("%s/p", self->env.dir);
	struct run run = {
		.document = document_argv("procfs", "true", NULL),
		.args = { "--user", "12345:12345", "--unshare", "pid,mnt" },
		.before_exec = become_helper,
	};

	ASSERT_EQ(0, mkdir(point, 0755));
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	run.arg = point;
	EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("check", json_text_at(run.report, "/error/step"));
	EXPECT_NE(NULL, strstr(run.err.bytes, text("also mounted at %s,", point)))
		TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "umount it")) TH_LOG("%s", run.err.bytes);
	/* A uid of its own has no outsiders. */
	run.args[0] = "--user=dynamic";
	run.args[1] = "--unshare=pid,mnt";
	run.args[2] = NULL;
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

TEST_F(user, chosen_uid_and_gid_are_taken)
{
	struct run run = {
		.document = document_argv("ids", text("%s/workload_probe", self->env.workloads),
					  "cat", "/proc/self/status", NULL),
		.args = { "--user", "12345:54321" },
	};

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nUid:\t12345\t12345\t12345\t12345\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nGid:\t54321\t54321\t54321\t54321\n"));
	EXPECT_NE(NULL, strstr(run.out.bytes, "\nGroups:\t \n"));
}

TEST_HARNESS_MAIN
