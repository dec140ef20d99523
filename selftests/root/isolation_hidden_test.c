// SPDX-License-Identifier: MIT
/* What is named in hiddenPaths is hidden from the cell, or the cell does not start. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/inside.h"

#define FIELD(name)	"/spec/run/isolation/" name

/* Each way to a mount namespace: the child makes the mounts, or the init does. */
static const char *const namespaces[] = {
	"mnt", "pid,mnt", "user,mnt", "user,pid,mnt",
};

FIXTURE(cell)
{
	struct test_env env;
	char *folder;
	char *below;
};

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "hidden");
	self->folder = text("%s/folder", self->env.dir);
	self->below = text("%s/below", self->folder);
	ASSERT_EQ(0, mkdir(self->folder, 0755));
	ASSERT_EQ(0, mkdir(self->below, 0755));
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static const char *hide(const char *unshare, const char *paths)
{
	return inside_isolated(text("'unshare': '%s', 'hiddenPaths': [%s]", unshare, paths));
}

TEST_F(cell, link_to_the_root_cannot_be_hidden)
{
	char *link = text("%s/link", self->env.dir);

	ASSERT_EQ(0, symlink("/", link));
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		struct run run = inside(&self->env, "root", hide(namespaces[i], text(
					"'%s', '%s'", self->folder, link)), "ids");

		EXPECT_REFUSED(&self->env, &run, 125, FIELD("hiddenPaths/1"), link, "it leads to /");
		EXPECT_STREQ("EOPNOTSUPP", json_text_at(run.report, "/error/errnoName"));
	}
}

/* Whoever comes by such a name comes to another file. */
TEST_F(cell, what_each_process_has_of_its_own_cannot_be_hidden)
{
	static const char *const paths[] = {
		"/proc/self", "/proc/self/maps", "/proc/thread-self/comm", "/proc/net",
		"/proc/mounts", "/proc/1/status",
	};

	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++) {
			struct run run = inside(&self->env, "own", hide(namespaces[i], text(
						"'%s'", paths[k])), "ids");

			EXPECT_REFUSED(&self->env, &run, 125, FIELD("hiddenPaths/0"), paths[k],
				       "of its own in /proc");
		}
	}
	/* Not for a number in the name, nor for being in /proc. */
	EXPECT_INSIDE(&self->env, hide("pid,mnt", "'/proc/sys', '/proc/meminfo'"),
		      "cat:/proc/meminfo list:/proc/sys", "EACCES");
	EXPECT_INSIDE(&self->env, hide("mnt", "'/proc'"), "list:/proc read:/proc/meminfo",
		      "EACCES EACCES");
}

TEST_F(cell, one_hidden_path_may_lie_in_another)
{
	char *link = text("%s/link", self->env.dir);
	char *const orders[] = {
		text("'%s', '%s'", self->folder, self->below),
		text("'%s', '%s'", self->below, self->folder),
		text("'%s', '%s', '%s'", self->folder, self->folder, self->below),
		text("'%s', '%s', '%s'", link, self->folder, self->below),
		text("'%s', '%s'", self->env.dir, link),
	};

	ASSERT_EQ(0, symlink(self->below, link));
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		for (size_t k = 0; k < sizeof(namespaces) / sizeof(namespaces[0]); k++) {
			const char *tries = text("list:%s list:%s list:%s/a", self->folder,
						 self->below, self->below);

			EXPECT_INSIDE(&self->env, hide(namespaces[k], orders[i]), tries,
				      "EACCES EACCES EACCES");
		}
	}
	/* What covers a file may be hidden itself. */
	EXPECT_INSIDE(&self->env, hide("mnt", "'/dev', '/etc/passwd'"),
		      "cat:/etc/passwd list:/dev", "EACCES");
}

TEST_F(cell, fault_in_a_hidden_path_is_named_by_its_pointer)
{
	struct run run = inside(&self->env, "no", hide("mnt", text("'%s', '/nowhere'",
								   self->folder)), "ids");

	EXPECT_REFUSED(&self->env, &run, 125, FIELD("hiddenPaths/1"), "/nowhere",
		       "has to be there");
	/* A cell's own /dev/shm is prepared behind what is hidden. */
	run = inside(&self->env, "no", hide("ipc,mnt", text("'%s', '/dev'", self->folder)), "ids");
	if (landlock_abi() > 0)
		EXPECT_REFUSED(&self->env, &run, 125, FIELD("hiddenPaths/1"), "/dev/shm",
			       "an entry of hiddenPaths");
}

TEST_F(cell, workspace_that_a_link_hides_is_refused)
{
	char *link = text("%s/link", self->env.dir);
	struct run run;

	ASSERT_EQ(0, symlink(self->folder, link));
	run = inside(&self->env, "link", text("'workingDirectory': '%s/work', 'isolation': "
		     "{'unshare': 'mnt', 'hiddenPaths': ['%s']}", self->folder, link), "ids");
	EXPECT_REFUSED(&self->env, &run, 125, "/spec/run/workingDirectory", "/work",
		       "an entry of hiddenPaths");
}

TEST_F(cell, program_that_cannot_be_executed_may_be_hidden)
{
	static const char *const lists[] = { "", "'readOnlyPaths': ['/'], " };

	for (size_t i = 0; i < 2; i++) {
		struct run run = {
			.document = document("sh", "'run': {'argv': ['%s/workload_inside', 'ids'], "
					     "'isolation': {%s'unshare': 'mnt', 'hiddenPaths': "
					     "['%s']}}", self->env.workloads, lists[i],
					     self->env.workloads),
		};

		if (i && landlock_abi() < 3)
			break;
		EXPECT_REFUSED(&self->env, &run, 126, "/spec/run/argv/0", "workload_inside",
			       "hiddenPaths may hide it");
	}
}

TEST_HARNESS_MAIN
