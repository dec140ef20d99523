// SPDX-License-Identifier: MIT
/* Where a workload comes to the world: its cgroup, its directory, its document. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

#define UUID_LEN	36

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "birth"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* ---- cgroup ---- */

/* The cgroup2 line of /proc/PID/cgroup as a path below the mount; NULL: none. */
static const char *cgroup2_of(const struct test_env *env, const char *proc_cgroup)
{
	const char *line = proc_cgroup;
	char *path;

	while (line && strncmp(line, "0::", 3)) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (!line)
		return NULL;
	path = text("%s%s", env->mount, line + 3);
	path[strcspn(path, "\n")] = '\0';
	return path;
}

static const char *first(const struct test_env *env, const char *id)
{
	return document_argv(id, text("%s/workload_first", env->workloads), "cgroup", NULL);
}

TEST_F(cell, first_instruction_already_is_in_the_leaf)
{
	struct run run = { .document = first(&self->env, "first") };
	const char *leaf, *seen;

	ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	leaf = json_text_at(run.report, "/handle/cgroupPath");
	seen = cgroup2_of(&self->env, run.out.bytes);
	ASSERT_NE(NULL, seen);
	EXPECT_STREQ(leaf, seen);
	EXPECT_EQ(0, strncmp(leaf, self->env.parent, strlen(self->env.parent)));
	EXPECT_NE(0, access(leaf, F_OK));
	EXPECT_EQ(ENOENT, errno);
}

TEST_F(cell, leaf_is_named_after_the_sanitised_id_and_the_token)
{
	static const struct {
		const char *id, *segment;
	} vectors[] = {
		{ "demo-cell-001", "demo-cell-001" },
		{ "a.b_c-D", "a_b_c-D" },
		{ "7", "7" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.z",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct run run = { .document = first(&self->env, vectors[i].id) };
		const char *token;

		ASSERT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		token = json_text_at(run.report, "/runToken");
		EXPECT_EQ(UUID_LEN, strlen(token));
		EXPECT_EQ('4', token[14]);
		EXPECT_STREQ(vectors[i].id, json_text_at(run.report, "/cellId"));
		EXPECT_STREQ(text("%s/cellos_%s_%s", self->env.parent, vectors[i].segment, token),
			     cgroup2_of(&self->env, run.out.bytes));
	}
}

TEST_F(cell, leaf_carries_the_identity_while_it_lives)
{
	struct run run = {
		.document = document("identity", "'lifetime': {'ttlSeconds': 100}, 'run': "
				     "{'argv': ['%s/workload_probe', 'wait']}",
				     self->env.workloads),
	};
	const char *identity, *leaf;
	pid_t pid;

	run_start(&self->env, &run);
	pid = cell_wait(&self->env, &run, "identity", "ready\n");
	ASSERT_GT(pid, 0);
	leaf = cell_leaf(&self->env, "identity");
	identity = xattr_read(leaf, "user.cellos.identity");
	ASSERT_NE(NULL, identity);
	EXPECT_EQ(0, strncmp(identity, "version=2\nid=identity\n", 22)) TH_LOG("%s", identity);
	EXPECT_NE(NULL, strstr(identity, text("\ntoken=%s\n", leaf + strlen(leaf) - UUID_LEN)));
	EXPECT_NE(NULL, strstr(identity, text("\nowner=%d ", run.pid)));
	EXPECT_NE(NULL, strstr(identity, text("\nuid=%ld\n",
					      strtol(proc_status(pid, "Uid"), NULL, 10))));
	EXPECT_EQ(NULL, strstr(identity, "\ndeadline=0\n"));
	EXPECT_EQ(pid, strtol(xattr_read(leaf, "user.cellos.pid") ?: "", NULL, 10));
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(NULL, cell_leaf(&self->env, "identity"));
}

TEST_F(cell, id_that_lives_is_refused_and_free_again_afterwards)
{
	struct run one = {
		.document = document_argv("twin", text("%s/workload_probe", self->env.workloads),
					  "wait", NULL),
	};
	struct run two = { .document = document_argv("twin", "true", NULL) };

	run_start(&self->env, &one);
	ASSERT_GT(cell_wait(&self->env, &one, "twin", "ready\n"), 0);
	EXPECT_EQ(125, run_whole(&self->env, &two));
	EXPECT_STREQ("EEXIST", json_text_at(two.report, "/error/errnoName"));
	EXPECT_NE(NULL, strstr(json_text_at(two.report, "/error/message"), "already active"));
	EXPECT_STREQ("failed", json_text_at(two.report, "/exit/kind"));
	/* The loser has taken nothing from the winner. */
	EXPECT_GT(cell_pid(&self->env, "twin"), 0);
	kill(one.pid, SIGTERM);
	run_finish(&one);
	EXPECT_EQ(0, json_array_size(json_at(one.report, "/teardown/residue")));
	EXPECT_EQ(0, run_whole(&self->env, &two));
}

/* ---- working directory ---- */

static void run_in(const struct test_env *env, struct run *run, const char *directory)
{
	*run = (struct run){
		.document = document("cwd", "'run': {'argv': ['%s/workload_probe', 'cwd'], "
				     "'workingDirectory': '%s'}", env->workloads, directory),
	};
	run_whole(env, run);
}

TEST_F(cell, working_directory_is_honoured)
{
	char *link = text("%s/link", self->env.dir);
	struct run run;

	run_in(&self->env, &run, self->env.dir);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(self->env.dir, run.out.bytes);
	run_in(&self->env, &run, "/");
	EXPECT_STREQ("/", run.out.bytes);
	ASSERT_EQ(0, symlink(self->env.dir, link));
	run_in(&self->env, &run, link);
	EXPECT_STREQ(self->env.dir, run.out.bytes);

	/* Without one it is the root, wherever the caller is. */
	run = (struct run){
		.document = document_argv("cwd", text("%s/workload_probe", self->env.workloads),
					  "cwd", NULL),
	};
	EXPECT_EQ(0, run_whole(&self->env, &run));
	EXPECT_STREQ("/", run.out.bytes);
}

TEST_F(cell, unusable_working_directory_is_an_error_of_the_spawn)
{
	char *secret = text("%s/secret", self->env.dir);
	char *file = text("%s/file", self->env.dir);
	const struct {
		const char *directory, *errno_name;
	} cases[] = {
		{ text("%s/none", self->env.dir), "ENOENT" },
		{ file, "ENOTDIR" },
		{ secret, "EACCES" },		/* root may enter, the cell may not */
		{ "/proc/self/cwd", "ELOOP" },	/* no way into directories of the helper */
	};
	const char *before;

	ASSERT_EQ(0, mkdir(secret, 0700));
	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	before = host_snapshot(&self->env);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run run;

		run_in(&self->env, &run, cases[i].directory);
		EXPECT_EQ(125, run.status);
		EXPECT_STREQ("spawn", json_text_at(run.report, "/error/step"));
		EXPECT_STREQ(cases[i].errno_name, json_text_at(run.report, "/error/errnoName"));
		EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"),
				       cases[i].directory));
		EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
		EXPECT_EQ(0, run.out.size);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, relative_working_directory_is_refused)
{
	static const char *const relative[] = { ".", "tmp", "../tmp", "" };

	for (size_t i = 0; i < ARRAY_SIZE(relative); i++) {
		struct run run;

		run_in(&self->env, &run, relative[i]);
		EXPECT_EQ(125, run.status);
		EXPECT_STREQ("document", json_text_at(run.report, "/error/step"));
		EXPECT_STREQ("/spec/run/workingDirectory",
			     json_text_at(run.report, "/error/field"));
	}
}

/* ---- document ---- */

TEST_F(cell, document_comes_from_stdin_or_from_a_file_only_its_owner_may_read)
{
	const char *bytes = first(&self->env, "file");
	char *path = text("%s/document", self->env.dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct run run = { .document = bytes };

	ASSERT_EQ((ssize_t)strlen(bytes), write(fd, bytes, strlen(bytes)));
	EXPECT_EQ(0, run_whole(&self->env, &run));
	run = (struct run){ .document_path = path };
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	/* Of somebody else: what root may read, the helper may. */
	ASSERT_EQ(0, fchown(fd, 12345, 12345));
	run = (struct run){ .document_path = path };
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("file", json_text_at(run.report, "/cellId"));
	close(fd);
}

TEST_F(cell, document_that_cannot_be_read_is_named)
{
	struct run run = { .document_path = text("%s/none", self->env.dir) };

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("document", json_text_at(run.report, "/error/step"));
	EXPECT_STREQ("ENOENT", json_text_at(run.report, "/error/errnoName"));
	run = (struct run){ .document_path = self->env.dir };
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("EISDIR", json_text_at(run.report, "/error/errnoName"));
}

TEST_HARNESS_MAIN
