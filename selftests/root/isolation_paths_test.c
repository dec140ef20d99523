// SPDX-License-Identifier: MIT
/* What of the host's files a cell can open, write, and leave behind. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "helper/domain.h"
#include "lib/compat.h"
#include "selftests/root/inside.h"

#define ABI_LISTS	3	/* Linux 6.2 */
#define XATTR		"user.cellos-test"

FIXTURE(cell)
{
	struct test_env env;
	char *file;	/* that anybody may write, in a folder that anybody may */
};

FIXTURE_SETUP(cell)
{
	int fd;

	env_setup(&self->env, "paths");
	self->file = text("%s/file", self->env.dir);
	fd = open(self->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(5, write(fd, "bytes", 5));
	ASSERT_EQ(0, fchmod(fd, 0666));
	close(fd);
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

TEST_F(cell, leaves_and_changes_no_file_by_default)
{
	const char *d = self->env.dir;

	EXPECT_INSIDE(&self->env, NULL,
		      text("read:%s list:%s create:%s/a write:%s rename:%s unlink:%s link:%s "
			   "mkdir:%s/b mkfifo:%s/c bind:%s/d symlink:%s/e", self->file, d, d,
			   self->file, self->file, self->file, self->file, d, d, d, d),
		      "done done EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES EACCES");
	EXPECT_INSIDE(&self->env, NULL, "create:/tmp/cellos-selftest-left create:/dev/shm/left",
		      "EACCES EACCES");
	EXPECT_INSIDE(&self->env, NULL, "write:/dev/null write:/dev/zero write:/dev/full "
		      "write:/dev/stderr write:/proc/self/comm", "done done ENOSPC done done");
}

TEST_F(cell, truncates_no_file_by_default)
{
	struct stat st;

	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "Landlock here does not govern truncation (ABI %d, needs %d)",
		     landlock_abi(), ABI_LISTS);
	EXPECT_INSIDE(&self->env, NULL, text("truncate:%s", self->file), "EACCES");
	ASSERT_EQ(0, stat(self->file, &st));
	EXPECT_EQ(5, st.st_size);
}

/* Landlock has no word for them: the profile has. */
TEST_F(cell, leaves_no_extended_attribute_by_default)
{
	const char *tries = text("xattr:%s xattr:%s", self->file, self->env.dir);
	const char *const all[] = { self->file, self->env.dir };

	if (setxattr(self->file, XATTR, "x", 1, 0) < 0 || removexattr(self->file, XATTR) < 0)
		SKIP(return, "no user.* attributes on this file system");
	EXPECT_INSIDE(&self->env, NULL, tries, "EOPNOTSUPP EOPNOTSUPP");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		EXPECT_EQ(-1, getxattr(all[i], XATTR, NULL, 0)) TH_LOG("%s", all[i]);
	}
	/* As the manual says of it; and so they could be left. */
	EXPECT_INSIDE(&self->env, inside_isolated("'seccomp': 'none'"), tries, "done done");
}

/* Lists: what is not on one cannot be opened; what stat(2) tells stays in sight. */
TEST_F(cell, opens_what_is_listed_and_nothing_else)
{
	struct run run = inside(&self->env, "listed", inside_isolated(text(
		"'readOnlyPaths': ['/usr/lib'], 'readWritePaths': ['%s']", self->env.dir)),
		text("list:/usr/lib create:/usr/lib/a list:/ list:/usr read:/etc/passwd "
		     "create:%s/new write:%s unlink:%s/new read:/dev/null", self->env.dir,
		     self->file, self->env.dir));

	if (landlock_abi() < ABI_LISTS) {
		EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/isolation/readOnlyPaths",
			       "cannot keep a cell from truncating", "Linux 6.2");
		return;
	}
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("done EACCES EACCES EACCES EACCES done done done EACCES",
		     inside_answers(&run));
	run = inside(&self->env, "listed", inside_isolated("'readOnlyPaths': []"),
		     "stat:/ list:/proc");
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(0, strncmp(run.out.bytes, "755:0:0\nEACCES\n", 15)) TH_LOG("%s", run.out.bytes);
}

TEST_F(cell, executes_what_is_listed_and_its_own_program)
{
	struct run run = {
		.document = document("exec", "'run': {'argv': ['sh', '-c', 'read l </etc/passwd; "
				     "echo $l'], 'isolation': {'readOnlyPaths': ['/etc']}}"),
	};

	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	/* A program that is not static needs its loader, too; a guest's cat is. */
	EXPECT_EQ(126, run_whole(&self->env, &run)) TH_LOG("%s", run.out.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "systemLibraries")) TH_LOG("%s", run.err.bytes);
	run.document = document("exec", "'run': {'argv': ['sh', '-c', 'read l </etc/passwd; "
				"echo $l'], 'isolation': {'readOnlyPaths': ['/etc/passwd'], "
				"'systemLibraries': true}}");
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.out.bytes, "root:"));
	run.document = document("exec", "'run': {'argv': ['sh', '-c', '/bin/cat /etc/passwd'], "
				"'isolation': {'readOnlyPaths': ['/etc/passwd'], "
				"'systemLibraries': true}}");
	EXPECT_NE(0, run_whole(&self->env, &run));
	EXPECT_STREQ("", run.out.bytes);
}

TEST_F(cell, lists_reach_into_what_is_mounted_for_it_alone)
{
	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	EXPECT_INSIDE(&self->env, text("'workingDirectory': '%s/work', 'isolation': {'unshare': "
		      "'pid,mnt', 'readOnlyPaths': ['/proc/self/status', '/proc/cpuinfo']}",
		      self->env.dir), "create:a write:a read:/proc/cpuinfo read:/proc/meminfo",
		      "done done done EACCES");
}

TEST_F(cell, path_of_a_list_that_is_not_there_is_refused)
{
	struct run run = inside(&self->env, "no", inside_isolated(
				"'readOnlyPaths': ['/usr', '/nowhere']"), "ids");

	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/isolation/readOnlyPaths/1",
		       "cannot allow /nowhere", "has to be there");
}

/* A right of the file's owner is one that a list takes away: the tries above can succeed. */
TEST_F(cell, with_a_chosen_uid_leaves_what_its_rights_allow)
{
	const char *d = self->env.dir;
	struct run run = inside(&self->env, "chosen", NULL,
				text("create:%s/a write:%s mkdir:%s/b mkfifo:%s/c bind:%s/d "
				     "symlink:%s/e rename:%s/a truncate:%s unlink:%s/a.new", d,
				     self->file, d, d, d, d, d, self->file, d));

	run.args[0] = "--user";
	run.args[1] = "12345:12345";
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("done done done done done done done done done", inside_answers(&run));
	/* And with a list it is as one of the cells' own. */
	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	run = inside(&self->env, "chosen", inside_isolated("'readOnlyPaths': ['/']"),
		     text("create:%s/a write:%s truncate:%s list:/ read:%s", d, self->file,
			  self->file, self->file));
	run.args[0] = "--user";
	run.args[1] = "12345:12345";
	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EACCES EACCES EACCES done done", inside_answers(&run));
}

TEST_F(cell, lists_name_the_path_that_is_missing)
{
	static const struct {
		const char *lists, *field, *path;
	} rows[] = {
		{ "'readWritePaths': ['/nowhere']", "readWritePaths/0", "/nowhere" },
		{ "'readOnlyPaths': [], 'readWritePaths': ['/usr', '/usr', '/usr/none/x']",
		  "readWritePaths/2", "/usr/none/x" },
		{ "'readOnlyPaths': ['/etc/passwd/x']", "readOnlyPaths/0", "/etc/passwd/x" },
	};

	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run run = inside(&self->env, "no", inside_isolated(rows[i].lists), "ids");

		EXPECT_REFUSED(&self->env, &run, 125, text("/spec/run/isolation/%s", rows[i].field),
			       rows[i].path, "has to be there");
	}
}

TEST_F(cell, script_takes_its_interpreter_on_the_list)
{
	char *script = text("%s/script", self->env.dir);
	struct run run = {
		.document = document("script", "'run': {'argv': ['%s'], 'isolation': "
				     "{'readOnlyPaths': [], 'systemLibraries': true}}", script),
	};
	int fd = open(script, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	ASSERT_EQ(17, write(fd, "#!/bin/sh\nexit 7\n", 17));
	ASSERT_EQ(0, fchmod(fd, 0755));
	close(fd);
	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	EXPECT_EQ(126, run_whole(&self->env, &run));
	EXPECT_NE(NULL, strstr(run.err.bytes, "a script its interpreter's path"))
		TH_LOG("%s", run.err.bytes);
	run.document = document("script", "'run': {'argv': ['%s'], 'isolation': {'readOnlyPaths': "
				"['/bin/sh'], 'systemLibraries': true}}", script);
	EXPECT_EQ(7, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

/* In the domain of a cell with an empty list whose argv[0] may be any of @paths. */
static int open_inside(char *const paths[], const char *path)
{
	struct plan plan = { .working_directory = (char *)(uintptr_t)"/", .isolation.listed = true };
	struct child child = { .paths = paths };
	int shared = domain_open();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (domain_prepare(&plan, false, shared, &child, NULL) < 0 ||
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    sys_landlock_restrict_self(child.domain_fd, 0) < 0)
			_exit(99);
		_exit(open(path, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	}
	close(shared);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

/* It cannot be executed; what its path leads to a moment later perhaps can. */
TEST_F(cell, program_that_is_a_folder_opens_nothing_below_it)
{
	char *below = text("%s/below", self->env.dir);
	char *only[] = { self->env.dir, NULL }, *first[] = { self->env.dir, self->file, NULL };

	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	ASSERT_EQ(0, close(open(below, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)));
	EXPECT_EQ(EACCES, open_inside(only, below));
	/* The file behind it in the search is the one that will be executed. */
	EXPECT_EQ(EACCES, open_inside(first, below));
	EXPECT_EQ(0, open_inside(first, self->file));
}

/* Not by a right inside, by another way round, or by taking the mount away. */
TEST_F(cell, comes_by_no_way_to_what_is_hidden)
{
	static const char *const more[] = {
		"'unshare': 'pid,mnt'",
		"'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, 'gid': 0}",
		"'unshare': 'user,pid,mnt', 'userMap': {'uid': 0, 'gid': 0}, 'seccomp': 'none'",
	};
	char *folder = text("%s/folder", self->env.dir), *link = text("%s/link", self->env.dir);

	ASSERT_EQ(0, mkdir(folder, 0777));
	ASSERT_EQ(0, chmod(folder, 0777));
	ASSERT_EQ(0, mkdir(text("%s/below", folder), 0777));
	/* What a link leads to is what is hidden. */
	ASSERT_EQ(0, symlink(folder, link));
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		const char *fields = text("%s, 'hiddenPaths': ['%s', '%s']", more[i], link,
					  self->file);
		const char *tries = text("umount:%s umount:%s list:%s list:/proc/1/root%s "
					 "list:/proc/self/cwd%s list:/proc/self/root%s/below",
					 folder, self->file, link, folder, folder, folder);
		struct run run = inside(&self->env, "way", inside_isolated(fields), tries);

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("EPERM EPERM EACCES EACCES EACCES EACCES", inside_answers(&run))
			TH_LOG("%s", more[i]);
	}
	/* On the host nothing has changed. */
	EXPECT_EQ(0, access(text("%s/below", folder), F_OK));
}

TEST_F(cell, sees_nothing_of_what_is_hidden)
{
	char *folder = text("%s/folder", self->env.dir);
	char *below = text("%s/below", folder);

	ASSERT_EQ(0, mkdir(folder, 0777));
	ASSERT_EQ(0, mkdir(below, 0777));
	EXPECT_INSIDE(&self->env, inside_isolated(text("'unshare': 'pid,mnt', 'hiddenPaths': "
						       "['%s', '%s']", folder, self->file)),
		      text("list:%s list:%s cat:%s list:/proc/self/root%s", folder, below,
			   self->file, folder), "EACCES EACCES EACCES");
	EXPECT_INSIDE(&self->env, inside_isolated(text("'unshare': 'user,mnt', 'userMap': "
						       "{'uid': 0, 'gid': 0}, 'hiddenPaths': "
						       "['%s']", folder)),
		      text("chmod:%s list:%s mkdir:%s/a", folder, folder, folder),
		      "EROFS EACCES EACCES");
}

TEST_F(cell, hidden_path_that_is_not_there_is_refused)
{
	struct run run = inside(&self->env, "no", inside_isolated(
				"'unshare': 'mnt', 'hiddenPaths': ['/nowhere']"), "ids");

	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/isolation/hiddenPaths/0", "/nowhere",
		       "has to be there");
}

/* As the manual says: none by default, and with a list that has what it takes. */
TEST_F(cell, opens_a_pseudo_terminal_only_if_it_is_listed)
{
	static const char listed[] = "'unshare': 'pid,mnt', 'readWritePaths': ['/dev/ptmx', "
				     "'/dev/pts'], 'systemLibraries': true";
	struct run run = {
		.document = document("pty", "'run': {'argv': ['sh', '-c', '(: <>/dev/ptmx) && "
			"echo opened; exit 0'], 'isolation': {%s}}", listed),
	};

	if (access("/dev/pts/ptmx", F_OK) < 0)
		SKIP(return, "this host has no /dev/pts");
	EXPECT_INSIDE(&self->env, NULL, "terminal", "EACCES");
	if (landlock_abi() < ABI_LISTS)
		SKIP(return, "no lists of paths here (Landlock ABI %d, needs %d)", landlock_abi(),
		     ABI_LISTS);
	EXPECT_INSIDE(&self->env, inside_isolated(listed), "terminal", "done");
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("opened\n", run.out.bytes);
	/* One that owns cgroups has no devices. */
	run.args[0] = "--user";
	run.args[1] = "0:0";
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", run.out.bytes);
}

/* As the manual warns: what is hidden is the file, not its name. */
TEST_F(cell, sees_what_the_host_renames_over_a_hidden_path)
{
	char *next = text("%s/next", self->env.dir);
	struct run run = {
		.document = document("renamed", "'lifetime': {'ttlSeconds': 15}, 'run': {'argv': "
			"['sh', '-c', 'cat %s; echo ready; until read l <%s; do :; done; "
			"echo $l'], 'isolation': {'unshare': 'mnt', 'hiddenPaths': ['%s']}}",
			self->file, self->file, self->file),
	};
	int fd = open(next, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	ASSERT_EQ(4, write(fd, "new\n", 4));
	close(fd);
	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "renamed", "ready\n"), 0);
	ASSERT_EQ(0, rename(next, self->file));
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("ready\nnew\n", run.out.bytes);
}

TEST_HARNESS_MAIN
