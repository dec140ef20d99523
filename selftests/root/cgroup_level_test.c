// SPDX-License-Identifier: MIT
/*
 * Cell parents seen from inside a cgroup namespace, and through mounts that show
 * a part of the hierarchy: what is found out about them is right, and cells there
 * are governed like any others.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "helper/caps.h"
#include "helper/cgroup_level.h"
#include "selftests/root/cgroup_view.h"

/* How the test sees the hierarchy. */
enum view {
	HOST,	/* the mount that was there before */
	FRESH,	/* one made in the namespace: its root is the namespace's */
	PART,	/* a bind mount of the parent */
};

FIXTURE(level) { struct test_env env; };
FIXTURE_SETUP(level) { env_setup(&self->env, "level"); }
FIXTURE_TEARDOWN_PARENT(level) { env_teardown(&self->env); }

static uint64_t inode(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		give_up(path);
	return st.st_ino;
}

/* The cgroup @below (with its "/") a namespace's root @root, in the view wanted. */
static char *parent_in(const struct test_env *env, enum view view, const char *root,
		       const char *below)
{
	char *point = text("%s/view", env->dir);

	if (view == FRESH)
		return text("%s%s", mount_at(point, NULL), below);
	if (view == PART)
		return mount_at(point, text("%s%s", root, below));
	return text("%s%s", root, below);
}

/* The level that a live cell has stored; 0: none. Its rules are in a table of @root's. */
static unsigned int stored_level(struct __test_metadata *_metadata, const struct test_env *env,
				 uint64_t root)
{
	static const char *const list[] = { "nft", "list", "tables", NULL };
	const char *table = text("table inet cellos_cgroup%llu\n", (unsigned long long)root);
	struct run run = {
		.document = sender(env, "stays", ", 'bind', '127.0.0.1', '7003', '1'"),
	};
	const char *identity, *level;
	unsigned int n = 0;

	run_start(env, &run);
	EXPECT_GT(cell_wait(env, &run, "stays", "ready\n"), 0);
	EXPECT_STREQ(root ? table : "table inet cellos\n", command(list));
	identity = xattr_read(cell_leaf(env, "stays") ?: "", "user.cellos.identity");
	level = identity ? strstr(identity, "\nlevel=") : NULL;
	if (level)
		sscanf(level, "\nlevel=%u", &n);
	kill(run.pid, SIGTERM);
	run_finish(&run);
	return n;
}

/*
 * What the program finds out, asked in a process that gives up its rights for it,
 * as the program does.
 */
static struct cgroup_parent found(const char *path)
{
	struct cgroup_parent *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	if (shared == MAP_FAILED)
		give_up("shared memory");
	pid = fork();
	if (pid == 0) {
		struct error err = { 0 };

		if (caps_init(PRIV_MASK(PRIV_EGRESS), &err) < 0 ||
		    cgroup_parent_open(path, false, shared, &err) < 0 ||
		    cgroup_level_find(shared, &err) < 0)
			fprintf(stderr, "# %s: %s\n", path, err.message);
		_exit(err_is_set(&err));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		give_up("finding a level");
	return *shared;
}

/* ---- inside a cgroup namespace ---- */

FIXTURE(inside) { struct test_env env; char *root; char *below; };
FIXTURE_VARIANT(inside) { enum view view; unsigned int depth; };
FIXTURE_VARIANT_ADD(inside, host_mount_1) { HOST, 1 };
FIXTURE_VARIANT_ADD(inside, host_mount_2) { HOST, 2 };
FIXTURE_VARIANT_ADD(inside, host_mount_3) { HOST, 3 };
FIXTURE_VARIANT_ADD(inside, fresh_mount_1) { FRESH, 1 };
FIXTURE_VARIANT_ADD(inside, fresh_mount_2) { FRESH, 2 };
FIXTURE_VARIANT_ADD(inside, fresh_mount_3) { FRESH, 3 };
FIXTURE_VARIANT_ADD(inside, mount_of_a_part_1) { PART, 1 };
FIXTURE_VARIANT_ADD(inside, mount_of_a_part_2) { PART, 2 };
FIXTURE_VARIANT_ADD(inside, mount_of_a_part_3) { PART, 3 };

/* The root of the namespace is two below the hierarchy's: the two never look alike. */
FIXTURE_SETUP(inside)
{
	env_setup(&self->env, "level");
	self->root = text("%s/ns", self->env.parent);
	self->below = text("%s", "");
	enter_namespace(self->root);
	for (unsigned int i = 0; i < variant->depth; i++) {
		self->below = text("%s/d%u", self->below, i);
		make(text("%s%s", self->root, self->below));
	}
}

FIXTURE_TEARDOWN_PARENT(inside) { env_teardown(&self->env); }

TEST_F(inside, cell_is_governed_and_its_level_is_counted_from_one_of_the_roots)
{
	char *path = parent_in(&self->env, variant->view, self->root, self->below);
	struct test_env env = env_at(&self->env, path);
	struct cgroup_parent parent = found(path);
	unsigned int above = parent.root ? 0 : 2;

	EXPECT_TRUE(parent.root == 0 || parent.root == inode(self->root))
		TH_LOG("root %llu", (unsigned long long)parent.root);
	EXPECT_EQ(above + variant->depth, parent.level);
	EXPECT_EQ(above + variant->depth + 1, stored_level(_metadata, &env, parent.root));
	expect_governed(_metadata, &env);
}

TEST_F(inside, how_much_the_mount_shows_is_known)
{
	char *path = parent_in(&self->env, variant->view, self->root, self->below);
	struct cgroup_parent parent = found(path);
	unsigned int shown[] = { [HOST] = variant->depth + 2, [FRESH] = variant->depth };

	EXPECT_EQ(variant->view == PART ? 0 : shown[variant->view], parent.depth);
	EXPECT_EQ(variant->view == HOST || (variant->view == FRESH && parent.root), parent.whole);
}

/* A program that knows only what it sees would take the cell's elements for left over. */
TEST_F(inside, reconcile_leaves_cells_alone_that_the_mount_does_not_show)
{
	char *path = parent_in(&self->env, variant->view, self->root, self->below);
	struct test_env env = env_at(&self->env, path);
	struct test_env other = env_at(&self->env, mount_at(text("%s/other", self->env.dir),
							    make(text("%s/o", self->root))));
	struct run run = {
		.document = sender(&env, "lives", ", 'bind', '127.0.0.1', '7003', '1'"),
	};
	struct run reconcile = { .verb = "reconcile" }, show = {
		.verb = "show", .args = { "lives" },
	};

	run_start(&env, &run);
	ASSERT_GT(cell_wait(&env, &run, "lives", "ready\n"), 0);
	EXPECT_EQ(0, run_whole(&other, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
	EXPECT_EQ(0, run_whole(&env, &show)) TH_LOG("%s", show.err.bytes);
	kill(run.pid, SIGTERM);
	run_finish(&run);
	EXPECT_EQ(1, json_int_at(run.report, "/egress/denied/packets"));
	EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
}

/* ---- parts of the hierarchy, in the initial namespace ---- */

TEST_F(level, part_of_the_hierarchy_will_do_in_the_initial_namespace)
{
	const struct test_env *env = &self->env;
	char *cells = text("%s/cells", make(text("%s/a", env->parent)));
	struct cgroup_parent parent;
	struct test_env part;

	own_mounts();
	part = env_at(env, mount_at(text("%s/view", env->dir), make(cells)));
	parent = found(part.parent);
	EXPECT_EQ(3, parent.level);
	EXPECT_EQ(0, parent.root);
	EXPECT_EQ(0, parent.depth);
	EXPECT_FALSE(parent.whole);
	EXPECT_EQ(4, stored_level(_metadata, &part, 0));
	expect_governed(_metadata, &part);
}

/* From there ".." leads to where it is mounted, which is not where it is. */
TEST_F(level, part_that_is_mounted_inside_the_hierarchy_is_not_mistaken)
{
	const struct test_env *env = &self->env;
	char *deep = text("%s/b", make(text("%s/a", env->parent)));
	struct cgroup_parent parent;
	struct test_env part;

	own_mounts();
	make(text("%s/cells", make(deep)));
	mount_at(text("%s/x", env->parent), deep);
	part = env_at(env, text("%s/x/cells", env->parent));
	parent = found(part.parent);
	EXPECT_EQ(4, parent.level);
	EXPECT_EQ(1, parent.depth);
	EXPECT_EQ(5, stored_level(_metadata, &part, 0));
	expect_governed(_metadata, &part);
}

TEST_F(level, whole_hierarchy_needs_no_experiment)
{
	struct cgroup_parent parent = CGROUP_PARENT_NONE;
	struct error err = { 0 };

	ASSERT_EQ(0, cgroup_parent_open(self->env.parent, false, &parent, &err));
	EXPECT_TRUE(parent.level_known);
	EXPECT_EQ(1, parent.level);
	EXPECT_EQ(1, parent.depth);
	EXPECT_EQ(0, parent.root);
	EXPECT_TRUE(parent.whole);
	cgroup_parent_done(&parent);
}

TEST_HARNESS_MAIN
