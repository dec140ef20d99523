// SPDX-License-Identifier: MIT
/* The private workspace: what it is inside, and what of it is on the host, and when. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/inside.h"
#include "uapi/cellos.h"

FIXTURE(cell)
{
	struct test_env env;
	char at[ENV_PATH_MAX + 8];	/* a folder that is not there */
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "workspace");
	snprintf(self->at, sizeof(self->at), "%s/work", self->env.dir);
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

#define EXISTS(path)	(access(path, F_OK) == 0)

/* Members for a workspace at @path, with more fields of isolation. */
static const char *at(const char *path, const char *fields)
{
	return text("'workingDirectory': '%s', 'isolation': {'unshare': 'mnt'%s%s}", path,
		    *fields ? ", " : "", fields);
}

TEST_F(cell, workspace_belongs_to_the_cell_and_to_no_one_else)
{
	struct run run = inside(&self->env, "owner", at(self->at, ""),
				text("stat:. stat:%s ids readlink:/proc/self/cwd", self->at));
	const char *before = host_snapshot(&self->env);
	unsigned int mode = 0, uid = 0, gid = 0, real_uid = 1, real_gid = 1;
	char *again;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	again = strchr(run.out.bytes, '\n') + 1;
	ASSERT_EQ(3, sscanf(run.out.bytes, "%o:%u:%u\n", &mode, &uid, &gid));
	EXPECT_EQ(0700, mode);
	EXPECT_EQ(0, strncmp(run.out.bytes, again, (size_t)(again - run.out.bytes)));
	ASSERT_EQ(2, sscanf(strchr(again, '\n') + 1, "%*d:%*d:%u:%u", &real_uid, &real_gid));
	EXPECT_EQ(real_uid, uid);
	EXPECT_EQ(real_gid, gid);
	EXPECT_NE(NULL, strstr(run.out.bytes, text("\n%s\n", self->at)));
	EXPECT_FALSE(EXISTS(self->at));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, workspace_has_no_devices_and_no_setuid)
{
	struct run run = inside(&self->env, "flags", at(self->at, ""), "cat:/proc/self/mountinfo");
	char *line, *options;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	line = strstr(run.out.bytes, text(" / %s ", self->at));
	ASSERT_NE(NULL, line);
	options = line + strlen(text(" / %s ", self->at));
	options[strcspn(options, "\n")] = '\0';
	EXPECT_EQ(0, strncmp(options, "rw,nosuid,nodev", 15)) TH_LOG("%s", options);
	EXPECT_NE(NULL, strstr(options, " - tmpfs cellos "));
	EXPECT_EQ(NULL, strstr(options, "shared:"));
	EXPECT_EQ(NULL, strstr(options, "noexec"));
}

TEST_F(cell, workspace_is_a_place_to_work)
{
	EXPECT_INSIDE(&self->env, at(self->at, ""),
		      "create:a write:a read:a truncate:a rename:a chmod:a.new link:a.new "
		      "unlink:a.new mkdir:b rmdir:b mkfifo:c bind:d symlink:e list:. list:e",
		      "done done done done done done done done done done done done done done done");
	/* Its size limit is its own root's affair. */
	EXPECT_INSIDE(&self->env, at(self->at, ""), text("chmod:. rename:%s rmdir:%s", self->at,
							 self->at),
		      "done EACCES EACCES");
	EXPECT_FALSE(EXISTS(self->at));
}

TEST_F(cell, workspace_has_the_size_that_was_asked_for)
{
	EXPECT_INSIDE(&self->env, at(self->at, "'workspaceBytes': 1048576"), "fill:a unlink:a",
		      "ENOSPC:1024 done");
	/* One inode for each page, and its root. */
	EXPECT_INSIDE(&self->env, at(self->at, "'workspaceBytes': 1048576"), "crowd:.",
		      "ENOSPC:255");
	EXPECT_INSIDE(&self->env, at(self->at, "'workspaceBytes': 65536"), "fill:a crowd:.",
		      "ENOSPC:64 ENOSPC:62");
	EXPECT_FALSE(EXISTS(self->at));
}

/* What is made here is freed at the cell's end, one by one, while everybody waits. */
TEST_F(cell, workspace_of_any_size_has_a_bounded_number_of_files)
{
	struct run run = inside(&self->env, "crowded",
				at(self->at, "'workspaceBytes': 8589934592"),
				"inodes:. inodes:/dev/shm");

	run.args[0] = "--unshare";
	run.args[1] = "mnt,ipc";
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("262144\n262144\n", run.out.bytes);
}

TEST_F(cell, workspace_is_not_on_the_host_and_empty_each_time)
{
	struct run run = inside(&self->env, "hidden", at(self->at, ""), "create:here wait");
	struct stat st;
	pid_t pid;

	run_start(&self->env, &run);
	pid = cell_wait(&self->env, &run, "hidden", "ready\n");
	ASSERT_GT(pid, 0);
	/* The folder that it lies on is there, for root alone. */
	ASSERT_EQ(0, stat(self->at, &st));
	EXPECT_EQ(01700, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_FALSE(EXISTS(text("%s/here", self->at)));
	EXPECT_TRUE(EXISTS(text("/proc/%d/root%s/here", pid, self->at)));
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_FALSE(EXISTS(self->at));
	EXPECT_INSIDE(&self->env, at(self->at, ""), "read:here", "ENOENT");
}

TEST_F(cell, folder_that_is_there_stays_as_it_is)
{
	char *file = text("%s/file", self->at);
	struct stat before, after;

	ASSERT_EQ(0, mkdir(self->at, 0751));
	ASSERT_EQ(0, chown(self->at, 7, 8));
	ASSERT_EQ(0, close(open(file, O_WRONLY | O_CREAT, 0666)));
	ASSERT_EQ(0, stat(self->at, &before));
	EXPECT_INSIDE(&self->env, at(self->at, ""), text("read:file read:%s create:file", file),
		      "ENOENT ENOENT done");
	ASSERT_EQ(0, stat(self->at, &after));
	EXPECT_EQ(before.st_ino, after.st_ino);
	EXPECT_EQ(before.st_mode, after.st_mode);
	EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	ASSERT_EQ(0, stat(file, &after));
	EXPECT_EQ(0, after.st_size);
	/* Also an empty one: it was not made for a cell. */
	ASSERT_EQ(0, unlink(file));
	EXPECT_INSIDE(&self->env, at(self->at, ""), "list:.", "done");
	EXPECT_TRUE(EXISTS(self->at));
}

/* Runs one, waits until it is up. */
static pid_t start(const struct test_env *env, struct run *run, const char *id, const char *members)
{
	*run = inside(env, id, members, "create:mine wait");
	run_start(env, run);
	return cell_wait(env, run, id, "ready\n");
}

static void stop(struct __test_metadata *_metadata, struct run *run)
{
	kill(run->pid, SIGTERM);
	run_finish(run);
	EXPECT_EQ(128 + SIGTERM, run->status) TH_LOG("%s", run->err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(run->report, "/teardown/residue")));
}

FIXTURE(two)
{
	struct test_env env;
	struct test_env other;	/* the same, with another cgroup parent */
	char at[ENV_PATH_MAX + 8];
};

FIXTURE_VARIANT(two) { bool apart; bool first_last; };
FIXTURE_VARIANT_ADD(two, in_one_parent) { false, false };
FIXTURE_VARIANT_ADD(two, in_one_parent_the_later_goes_first) { false, true };
FIXTURE_VARIANT_ADD(two, in_two_parents) { true, false };
FIXTURE_VARIANT_ADD(two, in_two_parents_the_later_goes_first) { true, true };

FIXTURE_SETUP(two)
{
	env_setup(&self->env, "workspace");
	self->other = self->env;
	snprintf(self->at, sizeof(self->at), "%s/work", self->env.dir);
	if (!variant->apart)
		return;
	snprintf(self->other.parent, sizeof(self->other.parent),
		 "%.150s/cellos-selftest-workspace-b-%d", self->env.mount, getpid());
	ASSERT_EQ(0, mkdir(self->other.parent, 0755));
}

FIXTURE_TEARDOWN_PARENT(two)
{
	if (strcmp(self->env.parent, self->other.parent))
		cgroup_sweep(self->other.parent);
	env_teardown(&self->env);
}

TEST_F(two, cells_share_a_folder_that_was_made_and_the_last_removes_it)
{
	struct run one, two;
	struct run *first = variant->first_last ? &two : &one;
	struct run *last = variant->first_last ? &one : &two;
	pid_t pids[2], left;

	pids[0] = start(&self->env, &one, "one", at(self->at, ""));
	ASSERT_GT(pids[0], 0);
	/* "done": it was not there, although the other has one of the name. */
	pids[1] = start(&self->other, &two, "two", at(self->at, ""));
	ASSERT_GT(pids[1], 0);
	EXPECT_STREQ("done\nready\n", run_out(&two));
	left = variant->first_last ? pids[0] : pids[1];
	stop(_metadata, first);
	EXPECT_TRUE(EXISTS(self->at));
	EXPECT_TRUE(process_alive(left));
	EXPECT_TRUE(EXISTS(text("/proc/%d/root%s/mine", left, self->at)));
	EXPECT_TRUE(EXISTS(text("/proc/%d/cwd/mine", left)));
	stop(_metadata, last);
	EXPECT_FALSE(EXISTS(self->at));
}

TEST_F(two, reconcile_after_a_crash_leaves_the_workspace_of_the_other)
{
	struct run reconcile = { .verb = "reconcile" };
	struct run one, two;
	pid_t pid;

	ASSERT_GT(start(&self->env, &one, "one", at(self->at, "")), 0);
	pid = start(&self->other, &two, "two", at(self->at, ""));
	ASSERT_GT(pid, 0);
	kill(one.pid, SIGKILL);
	run_finish(&one);
	EXPECT_EQ(0, run_whole(&self->env, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
	EXPECT_EQ(NULL, cell_leaf(&self->env, "one"));
	EXPECT_TRUE(EXISTS(text("/proc/%d/root%s/mine", pid, self->at)));
	stop(_metadata, &two);
	EXPECT_FALSE(EXISTS(self->at));
}

/* Cells that come and go at one folder never take it from each other. */
TEST_F_TIMEOUT(two, cells_come_and_go_at_one_folder, 120)
{
	for (unsigned int i = 0; i < laps(25); i++) {
		struct run runs[4];

		for (size_t k = 0; k < ARRAY_SIZE(runs); k++) {
			runs[k] = inside(&self->env, text("many-%zu", k), at(self->at, ""),
					 "create:a write:a unlink:a");
			run_start(k % 2 ? &self->other : &self->env, &runs[k]);
		}
		for (size_t k = 0; k < ARRAY_SIZE(runs); k++) {
			run_finish(&runs[k]);
			EXPECT_EQ(0, runs[k].status) TH_LOG("%s", runs[k].err.bytes);
			EXPECT_STREQ("done done done", inside_answers(&runs[k]));
		}
		ASSERT_FALSE(EXISTS(self->at)) TH_LOG("round %u", i);
	}
}

TEST_F(cell, folder_of_a_killed_helper_is_removed_by_reconcile_or_destroy)
{
	const char *before = host_snapshot(&self->env);
	struct run verbs[] = {
		{ .verb = "reconcile", .args = { "--json" } },
		{ .verb = "destroy", .args = { "--json", "crash" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		struct run run;

		ASSERT_GT(start(&self->env, &run, "crash", at(self->at, "")), 0);
		kill(run.pid, SIGKILL);
		run_finish(&run);
		EXPECT_TRUE(EXISTS(self->at));
		EXPECT_EQ(0, run_whole(&self->env, &verbs[i])) TH_LOG("%s", verbs[i].err.bytes);
		EXPECT_FALSE(EXISTS(self->at)) TH_LOG("%s", verbs[i].verb);
		EXPECT_NE(NULL, strstr(verbs[i].out.bytes, "\"destroyed\": true"))
			TH_LOG("%s", verbs[i].out.bytes);
		EXPECT_STREQ(before, host_snapshot(&self->env));
	}
}

/* What somebody put into the folder on the host is not ours to remove: it is named. */
TEST_F(cell, folder_that_is_not_empty_stays)
{
	struct run run;

	ASSERT_GT(start(&self->env, &run, "full", at(self->at, "")), 0);
	ASSERT_EQ(0, close(open(text("%s/other", self->at), O_WRONLY | O_CREAT, 0600)));
	stop(_metadata, &run);
	EXPECT_TRUE(EXISTS(text("%s/other", self->at)));
}

#define WD	"/spec/run/workingDirectory"

TEST_F(cell, folder_that_cannot_be_made_or_used_is_refused)
{
	char *link = text("%s/link", self->env.dir), *file = text("%s/file", self->env.dir);
	struct run run;

	ASSERT_EQ(0, symlink("/tmp", link));
	ASSERT_EQ(0, close(open(file, O_WRONLY | O_CREAT, 0666)));
	run = inside(&self->env, "no", at(text("%s/none/work", self->env.dir), ""), "ids");
	EXPECT_REFUSED(&self->env, &run, 125, WD, "cannot use or make the folder",
		       text("make %s/none", self->env.dir));
	EXPECT_STREQ("workspace", json_text_at(run.report, "/error/step"));
	EXPECT_STREQ("ENOENT", json_text_at(run.report, "/error/errnoName"));
	run = inside(&self->env, "no", at(link, ""), "ids");
	EXPECT_REFUSED(&self->env, &run, 125, WD, "cannot use", "a symbolic link in it");
	run = inside(&self->env, "no", at(text("%s/", link), ""), "ids");
	EXPECT_REFUSED(&self->env, &run, 125, WD, "cannot use", "a symbolic link in it");
	run = inside(&self->env, "no", at(text("%s/work", link), ""), "ids");
	EXPECT_REFUSED(&self->env, &run, 125, WD, "cannot use", "a symbolic link in it");
	EXPECT_STREQ("ELOOP", json_text_at(run.report, "/error/errnoName"));
	run = inside(&self->env, "no", at(file, ""), "ids");
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("ENOTDIR", json_text_at(run.report, "/error/errnoName"));
	run = inside(&self->env, "no", at(text("%s/work", file), ""), "ids");
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("ENOTDIR", json_text_at(run.report, "/error/errnoName"));
	EXPECT_FALSE(EXISTS("/tmp/work"));
}

TEST_F(cell, without_a_mount_namespace_the_folder_itself_is_entered)
{
	char *file = text("%s/file", self->at);
	const char *members = text("'workingDirectory': '%s'", self->at);
	struct run run = inside(&self->env, "plain", members, "ids");

	EXPECT_REFUSED(&self->env, &run, 125, WD, "workingDirectory: ", "is not made");
	ASSERT_EQ(0, mkdir(self->at, 0755));
	ASSERT_EQ(0, close(open(file, O_WRONLY | O_CREAT, 0644)));
	EXPECT_INSIDE(&self->env, members, "readlink:/proc/self/cwd read:file",
		      text("%s done", self->at));
	/* The cell has to be able to enter it. */
	ASSERT_EQ(0, chmod(self->at, 0700));
	EXPECT_REFUSED(&self->env, &run, 125, WD, "workingDirectory: ", "must be able to");
	/* A workspace takes no rights of the cell's: it is mounted over it. */
	EXPECT_INSIDE(&self->env, at(self->at, ""), "read:file", "ENOENT");
}

/* Longer than any path: as little to be read as after a fault of the host's. */
TEST_F(cell, folder_that_cannot_be_known_of_is_not_forgotten)
{
	struct run run = inside(&self->env, "lost", at(self->at, ""), "wait");
	struct run destroy = { .verb = "destroy", .args = { "lost", "--json" } };
	char *longer = calloc(1, CELLOS_PATH_MAX + 3), *leaf, *path;
	json_t *report;

	run_start(&self->env, &run);
	ASSERT_GT(cell_wait(&self->env, &run, "lost", "ready\n"), 0);
	leaf = cell_leaf(&self->env, "lost");
	path = xattr_read(leaf, "user.cellos.workspace");
	EXPECT_STREQ(self->at, path);
	memset(longer, 'x', CELLOS_PATH_MAX + 2);
	ASSERT_EQ(0, setxattr(leaf, "user.cellos.workspace", longer, strlen(longer), 0));
	EXPECT_EQ(125, run_whole(&self->env, &destroy));
	EXPECT_NE(NULL, strstr(destroy.err.bytes, "which folder was made"))
		TH_LOG("%s", destroy.err.bytes);
	report = json_loads(destroy.out.bytes, 0, NULL);
	EXPECT_STREQ("cgroup", json_text_at(report, "/residue/0/kind"))
		TH_LOG("%s", destroy.out.bytes);
	run_finish(&run);
	EXPECT_EQ(125, run.status);
	EXPECT_TRUE(EXISTS(self->at));
	/* And when it can be read again, it goes. */
	ASSERT_EQ(0, setxattr(leaf, "user.cellos.workspace", path, strlen(path), 0));
	destroy = (struct run){ .verb = "destroy", .args = { "lost", "--json" } };
	EXPECT_EQ(0, run_whole(&self->env, &destroy)) TH_LOG("%s", destroy.err.bytes);
	EXPECT_FALSE(EXISTS(self->at));
	EXPECT_EQ(NULL, cell_leaf(&self->env, "lost"));
}

TEST_HARNESS_MAIN
