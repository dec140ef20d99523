// SPDX-License-Identifier: MIT
/* What the helper itself may do while a cell lives, and who may start it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "privileges"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* All that a run may need once its inputs are open: Documentation, caps.c. */
static const cap_value_t kept[] = {
	CAP_NET_ADMIN, CAP_CHOWN, CAP_KILL, CAP_SETUID, CAP_SETGID, CAP_SETPCAP,
};

static const char *kept_mask(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		mask |= UINT64_C(1) << kept[i];
	/* May be missing, and is here and there. */
	if (cap_get_bound(CAP_SYS_RESOURCE) > 0)
		mask |= UINT64_C(1) << CAP_SYS_RESOURCE;
	return text("%016lx", (unsigned long)mask);
}

static pid_t start_waiting(const struct test_env *env, struct run *run)
{
	*run = (struct run){
		.document = document_argv("waits", text("%s/workload_probe", env->workloads),
					  "wait", NULL),
	};
	run_start(env, run);
	return cell_wait(env, run, "waits", "ready\n");
}

static void stop(struct run *run)
{
	kill(run->pid, SIGTERM);
	run_finish(run);
}

/* Every thread has sets of its own; io_uring's helpers are the kernel's threads. */
TEST_F(cell, helper_holds_few_capabilities_and_none_in_effect_in_any_thread)
{
	const char *none = "0000000000000000";
	struct dirent *entry;
	struct run run;
	int threads = 0;
	DIR *dir;

	ASSERT_GT(start_waiting(&self->env, &run), 0);
	dir = opendir(text("/proc/%d/task", run.pid));
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (!tid)
			continue;
		threads++;
		EXPECT_STREQ(none, proc_status(tid, "CapEff"));
		EXPECT_STREQ(none, proc_status(tid, "CapInh"));
		EXPECT_STREQ(none, proc_status(tid, "CapAmb"));
		EXPECT_STREQ(kept_mask(), proc_status(tid, "CapPrm"));
		EXPECT_STREQ(kept_mask(), proc_status(tid, "CapBnd"));
	}
	closedir(dir);
	EXPECT_GE(threads, 2);
	stop(&run);
}

/* As a process with every right but CAP_SYS_PTRACE, which would open any door. */
static bool give_up_ptrace(void)
{
	const cap_value_t ptrace = CAP_SYS_PTRACE;
	cap_t caps = cap_get_proc();

	return cap_set_flag(caps, CAP_EFFECTIVE, 1, &ptrace, CAP_CLEAR) == 0 &&
	       cap_set_flag(caps, CAP_PERMITTED, 1, &ptrace, CAP_CLEAR) == 0 &&
	       cap_set_proc(caps) == 0;
}

/* Can @pid's memory be opened by this process, which has given CAP_SYS_PTRACE up? */
static bool is_readable(pid_t pid)
{
	int fd = open(text("/proc/%d/mem", pid), O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno != EACCES)
		give_up("/proc/PID/mem");
	close(fd);
	return fd >= 0;
}

TEST_F(cell, helper_is_not_dumpable_while_a_cell_lives)
{
	struct run run;
	pid_t other;

	ASSERT_GT(start_waiting(&self->env, &run), 0);
	ASSERT_TRUE(give_up_ptrace());
	other = fork();
	if (other == 0) {
		pause();
		_exit(0);
	}
	/* Another child of ours is: so it is not for our rights. */
	EXPECT_TRUE(is_readable(other));
	EXPECT_FALSE(is_readable(run.pid));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	stop(&run);
}

TEST_F(cell, helper_is_not_dumpable_from_the_start)
{
	char *fifo = text("%s/document", self->env.dir);
	struct run run = { .document_path = fifo };
	int fd;

	ASSERT_EQ(0, mkfifo(fifo, 0600));
	run_start(&self->env, &run);
	fd = open(fifo, O_WRONLY | O_CLOEXEC);	/* waits for who reads the document */
	ASSERT_GE(fd, 0);
	/* Not before: an exec that gains a capability makes undumpable by itself. */
	ASSERT_TRUE(give_up_ptrace());
	EXPECT_FALSE(is_readable(run.pid));
	close(fd);
	run_finish(&run);
	EXPECT_EQ(125, run.status);
}

/* ---- refusals ---- */

static char *copy_helper(const struct test_env *env)
{
	char *path = text("%s/helper", env->dir);
	size_t size = 0;
	char *bytes = file_read(getenv("CELLOS_HELPER"), &size);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (!bytes || fd < 0 || write(fd, bytes, size) != (ssize_t)size || fchmod(fd, 0755) < 0)
		give_up(path);
	close(fd);
	return path;
}

static void become_somebody(void *arg)
{
	(void)arg;
	if (setgroups(0, NULL) < 0 || setresgid(12345, 12345, 12345) < 0 ||
	    setresuid(12345, 12345, 12345) < 0)
		_exit(97);
}

static bool is_refused(struct run *run, const char *words)
{
	return run->status == 125 && strstr(run->err.bytes, words) &&
	       strstr(run->err.bytes, "\nhint: ");
}

TEST_F(cell, setuid_setgid_and_file_capabilities_are_refused_for_root_and_others)
{
	static const struct {
		mode_t mode;
		const char *caps;
	} kinds[] = { { 04755, NULL }, { 02755, NULL }, { 06755, NULL }, { 0755, "cap_net_admin=ep" } };
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *path = copy_helper(&self->env);

		ASSERT_EQ(0, chmod(path, kinds[i].mode));
		if (kinds[i].caps) {
			ASSERT_EQ(0, cap_set_file(path, cap_from_text(kinds[i].caps)));
		}
		for (int other = 0; other < 2; other++) {
			struct run run = {
				.document = document_argv("setuid", "true", NULL),
				.helper = path,
				.before_exec = other ? become_somebody : NULL,
			};

			run_whole(&self->env, &run);
			EXPECT_TRUE(is_refused(&run, "does not run setuid, setgid or with file "
					       "capabilities")) TH_LOG("%s", run.err.bytes);
		}
		unlink(path);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, copy_without_such_bits_runs)
{
	struct run run = {
		.document = document_argv("copy", "true", NULL),
		.helper = copy_helper(&self->env),
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

static void drop_capability(void *arg)
{
	if (prctl(PR_CAPBSET_DROP, *(const cap_value_t *)arg, 0, 0, 0) < 0)
		_exit(97);
}

TEST_F(cell, missing_capability_is_refused_by_name)
{
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i <= ARRAY_SIZE(kept); i++) {
		cap_value_t cap = i < ARRAY_SIZE(kept) ? kept[i] : CAP_DAC_OVERRIDE;
		struct run run = {
			.document = document_argv("capless", "true", NULL),
			.before_exec = drop_capability,
			.arg = &cap,
		};

		run_whole(&self->env, &run);
		EXPECT_TRUE(is_refused(&run, cap_to_name(cap))) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("capabilities", json_text_at(run.report, "/error/step"));
		EXPECT_STREQ("EPERM", json_text_at(run.report, "/error/errnoName"));
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* In no table, or optional there: this cell does not miss them. */
TEST_F(cell, other_capabilities_are_not_needed)
{
	static const cap_value_t others[] = {
		CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_SYS_RESOURCE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct run run = {
			.document = document_argv("capless", "true", NULL),
			.before_exec = drop_capability,
			.arg = (void *)(uintptr_t)&others[i],
		};

		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	}
}

/* See caller_test.c for one that brings some. */
TEST_F(cell, caller_without_any_capability_is_refused)
{
	const char *before = host_snapshot(&self->env);
	struct run run = {
		.document = document_argv("user", "true", NULL),
		.before_exec = become_somebody,
	};

	run_whole(&self->env, &run);
	EXPECT_TRUE(is_refused(&run, "CAP_NET_ADMIN") || is_refused(&run, "cap_net_admin"))
		TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EPERM", json_text_at(run.report, "/error/errnoName"));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
