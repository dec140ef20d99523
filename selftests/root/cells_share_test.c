// SPDX-License-Identifier: MIT
/*
 * What is built once for all plain cells of a helper: the Landlock ruleset, and the
 * programs that filter system calls. So the helper is kept from building another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/seccomp.h"
#include "helper/verbs.h"
#include "selftests/root/inside.h"
#include "selftests/root/steps.h"

#include "selftests/harness.h"

#define CELLS	10

FIXTURE(helper) { struct test_env env; };
FIXTURE_SETUP(helper) { env_setup(&self->env, "cells-share"); }
FIXTURE_TEARDOWN_PARENT(helper) { env_teardown(&self->env); }

/* What the process that makes the cells tells of itself. */
struct tally {
	bool complete;
	unsigned int good;
	struct error error;
	const void *filters[CELLS];
	bool filter_writable;
	char out[1024];
};

/* Every thread of this process, and its children: no ruleset, and no rule for one. */
static void forbid_rulesets(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_add_rule, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTUNIQ),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_SIZE(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		give_up("seccomp");
}

/* May this process write where an address is? /proc/PID/maps says so. */
static bool is_writable(const void *address)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long begin, end;
	char line[512], perms[5];
	bool ret = true;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &begin, &end, perms) == 3 &&
		    (unsigned long)address >= begin && (unsigned long)address < end)
			ret = perms[1] == 'w';
	if (!maps)
		give_up("/proc/self/maps");
	fclose(maps);
	return ret;
}

static void make_cells(const struct test_env *env, const char *document, struct tally *tally)
{
	int out = memfd_create("stdout", MFD_CLOEXEC);
	struct run_result result;
	struct error err = { 0 };
	struct plan plan;
	struct host host;
	struct cell cell;

	if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
		give_up("stdout");
	steps_begin();
	steps_plan(env, document, &plan);
	if (host_open(plan.cgroup_parent, HOST_NFT | HOST_LOOP | HOST_SPAWN, &host, &err) < 0)
		give_up(err.message);
	forbid_rulesets();
	for (int i = 0; i < CELLS; i++) {
		cell_init(&cell, &host, &plan);
		tally->good += run_cell(&cell, cell_steps, &result) == 0;
		tally->filters[i] = cell.spawn.child.filter;
		tally->error = result.error;
		teardown_done(&result.teardown);
		cell_done(&cell);
	}
	for (int i = 0; i < FILTER_VARIANTS; i++)
		tally->filter_writable |= is_writable(filter_programs[i].filter);
	host_done(&host);
	plan_done(&plan);
	if (pread(out, tally->out, sizeof(tally->out) - 1, 0) < 0)
		give_up("stdout");
	tally->complete = true;
	_exit(0);
}

static const struct tally *helper_of(const struct test_env *env, const char *document)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (tally == MAP_FAILED)
		give_up("mmap");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		make_cells(env, document, tally);
	if (waitpid(pid, NULL, 0) != pid || !tally->complete) {
		errno = EPROTO;
		give_up("the process of the cells ended by itself");
	}
	return tally;
}

/* It does restrict each of them, too. */
TEST_F(helper, makes_the_ruleset_of_plain_cells_once)
{
	const char *before = host_snapshot(&self->env);
	const char *path = text("%s/anybodys", self->env.dir);
	struct run plain = inside(&self->env, "plain", NULL,
				  text("write:%s write:/dev/null", path));
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	const struct tally *tally;
	char *expected = text("%s", "");

	if (landlock_abi() < 0)
		SKIP(return, "no Landlock here");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fchmod(fd, 0666));
	for (int i = 0; i < CELLS; i++)
		expected = text("%sEACCES\ndone\n", expected);
	tally = helper_of(&self->env, plain.document);
	EXPECT_EQ(CELLS, tally->good) TH_LOG("%s", tally->error.message);
	EXPECT_STREQ(expected, tally->out);
	close(fd);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* So what keeps the helper from making another one does its work. */
TEST_F(helper, makes_a_ruleset_for_each_cell_with_lists)
{
	const char *before = host_snapshot(&self->env);
	struct run listed = inside(&self->env, "listed",
				   inside_isolated("'readOnlyPaths': ['/etc']"), "exit:0");
	const struct tally *tally;

	if (landlock_abi() < 3)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs 3)", landlock_abi());
	tally = helper_of(&self->env, listed.document);
	EXPECT_EQ(0, tally->good);
	EXPECT_EQ(ENOTUNIQ, tally->error.errnum) TH_LOG("%s", tally->error.message);
	EXPECT_STREQ("spawn", tally->error.step);
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(helper, takes_the_filter_of_each_cell_from_one_table_that_nobody_can_write)
{
	struct run plain = inside(&self->env, "plain", NULL, "exit:0");
	const struct tally *tally = helper_of(&self->env, plain.document);

	EXPECT_EQ(CELLS, tally->good) TH_LOG("%s", tally->error.message);
	for (int i = 0; i < CELLS; i++)
		EXPECT_EQ(&filter_programs[FILTER_BASELINE], tally->filters[i]);
	EXPECT_FALSE(tally->filter_writable);
}

TEST_HARNESS_MAIN
