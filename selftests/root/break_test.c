// SPDX-License-Identifier: MIT
/*
 * Attempts to break out, and where each kind of them is tested:
 *
 *   setuid, file capabilities	cell_escape_test.c, here
 *   ptrace, process_vm, pidfd	cell_escape_test.c, here, break_others_test.c (each kind of uid)
 *   limits and priorities	break_others_test.c
 *   another cgroup.procs	cell_escape_test.c (dynamic), break_owner_test.c (the caller's,
 *				the owner of a parent), break_root_test.c (uid 0)
 *   out of the workspace	here; break_nested_test.c, isolation_namespaces_test.c (/proc/1)
 *   TIOCSTI, clocks, names	cell_syscalls_test.c
 *   new namespaces		break_nested_test.c, cell_syscalls_test.c, cell_sockets_test.c
 *   files and services of root	break_root_test.c (uid 0)
 *   keyrings, shared memory	cell_credentials_test.c, isolation_namespaces_test.c
 *   fork and memory bombs	limits_pids_test.c, limits_memory_test.c
 *   stuck in the kernel	break_stuck_test.c
 *   a zombie that is kept	break_traced_test.c
 *   stopped, frozen, deaf	break_end_test.c, run_stop_test.c, isolation_namespaces_test.c
 *   daemons, CLONE_PARENT	break_end_test.c, run_residue_test.c
 *   the workspace itself	isolation_workspace_test.c
 *   core dumps			core_dump_test.c, run_exit_test.c, isolation_process_test.c
 *   the helper's own program	here
 */
#include <fcntl.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "break"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static struct run attack(const struct test_env *env, const char *members, const char *words)
{
	return (struct run){
		.document = document("attack", "'run': {'argv': ['%s/workload_attack', %s]%s%s}",
				     env->workloads, words, *members ? ", " : "", members),
	};
}

/* Lines that say "done": what has worked. */
static unsigned int successes(const struct run *run)
{
	unsigned int n = 0;

	for (const char *p = run->out.bytes; (p = strstr(p, "done\n")); p++)
		n++;
	return n;
}

/* In each kind of cell: plain, with its own mounts, as root inside, without a profile. */
static const char *const kinds[] = {
	"", "'isolation': {'unshare': 'pid,ipc,mnt,uts,cgroup'}",
	"'isolation': {'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, 'gid': 0}}",
	"'isolation': {'unshare': 'pid,mnt', 'seccomp': 'none'}",
	("'isolation': {'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, 'gid': 0}, "
	 "'seccomp': 'none'}"),
};

TEST_F(cell, mounts_nothing_and_finds_no_other_root)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct run run = attack(&self->env, kinds[i], "'escape', '/proc'");

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(0, successes(&run)) TH_LOG("%s: %s", kinds[i], run.out.bytes);
		EXPECT_NE(NULL, strstr(run.out.bytes, "EPERM\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\n"))
			TH_LOG("%s: %s", kinds[i], run.out.bytes);
	}
}

TEST_F(cell, takes_no_file_and_no_right_of_a_process)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct run run = attack(&self->env, kinds[i], text("'take', '%d', '%d', '1'",
								   getpid(), getppid()));

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(0, successes(&run)) TH_LOG("%s: %s", kinds[i], run.out.bytes);
		run = attack(&self->env, kinds[i], "'regain', 'all'");
		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		/* Root inside stays what it is: setresuid(0, 0, 0) of uid 0 changes nothing. */
		EXPECT_GE(strstr(kinds[i], "userMap") ? 2 : 0, successes(&run))
			TH_LOG("%s: %s", kinds[i], run.out.bytes);
	}
}

/* The helper that bore it, and process 1: neither their programs nor their memory. */
TEST_F(cell, executes_no_program_of_the_helpers)
{
	struct run run = attack(&self->env, "", "'process', 'parent'");

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, successes(&run)) TH_LOG("%s", run.out.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		run = attack(&self->env, kinds[i], "'exec', '/proc/1/exe'");
		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("EACCES\n", run.out.bytes) TH_LOG("%s", kinds[i]);
	}
}

TEST_F(cell, gains_nothing_by_a_program_with_capabilities)
{
	char *path = text("%s/capable", self->env.dir);
	size_t size = 0;
	char *bytes = file_read(text("%s/workload_probe", self->env.workloads), &size);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	ASSERT_EQ((ssize_t)size, write(fd, bytes, size));
	ASSERT_EQ(0, cap_set_fd(fd, cap_from_text("cap_net_admin,cap_sys_admin=ip")));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct run run = {
			.document = document("caps", "'run': {'argv': ['%s', 'cat', "
					     "'/proc/self/status']%s%s}", path,
					     *kinds[i] ? ", " : "", kinds[i]),
		};

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapPrm:\t0000000000000000\n"));
		EXPECT_NE(NULL, strstr(run.out.bytes, "\nCapEff:\t0000000000000000\n"));
	}
}

/* ---- the host's uid 0 ---- */

static struct run as_root(const char *script)
{
	return (struct run){
		.document = document("root", "'run': {'argv': ['sh', '-c', '%s'], 'isolation': "
				     "{'unshare': 'pid,mnt'}}", script),
		.args = { "--user", "0:0" },
	};
}

TEST_F(cell, of_uid_0_writes_nothing_of_the_hosts)
{
	struct run run = as_root(text("for f in %s/cgroup.procs %s/cgroup.procs "
		"/proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/kernel/hostname "
		"/etc/passwd /dev/mem; do (echo 0 > $f) 2>/dev/null && echo wrote $f; done; "
		"(mknod /dev/cellos b 1 1) 2>/dev/null && echo made; "
		"ls /run >/dev/null 2>&1 && echo run; ls /tmp >/dev/null 2>&1 && echo tmp; exit 0",
		self->env.mount, self->env.parent));

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", run.out.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "warning: cell root keeps the host's uid 0"));
	EXPECT_TRUE(json_is_true(json_at(run.report, "/teardown/destroyed")));
}

TEST_F(cell, of_uid_0_keeps_to_the_baseline)
{
	struct run run = as_root("true");
	struct run bare = {
		.document = document("root", "'run': {'argv': ['true'], 'isolation': "
				     "{'unshare': 'pid,mnt', 'seccomp': 'none'}}"),
		.args = { "--user", "0:0" },
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(125, run_whole(&self->env, &bare));
	EXPECT_STREQ("/spec/run/isolation/seccomp", json_text_at(bare.report, "/error/field"))
		TH_LOG("%s", bare.err.bytes);
	/* It never was uid 0: there is nothing to be warned of, either. */
	EXPECT_EQ(NULL, strstr(bare.err.bytes, "warning")) TH_LOG("%s", bare.err.bytes);
}

TEST_HARNESS_MAIN
