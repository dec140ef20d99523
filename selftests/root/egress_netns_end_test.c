// SPDX-License-Identifier: MIT
/*
 * Cells of `run --netns PATH` seen, changed and ended by other helpers, which have to
 * find the network first: by its path, or by a process of the cell.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define ONE	RULE(WIRE_PEER4, 7001, "udp")
#define OTHER	RULE(WIRE_OTHER4, 7001, "udp")

FIXTURE(cell) {
	struct test_env env;
	int inside, there, peer, other;
	const char *path, *before;
	struct talk talk;
};

static void name_network(int net, const char *path)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0 || mount(net_path(net), path, NULL, MS_BIND, NULL) < 0)
		give_up(path);
	close(fd);
}

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "egress-netns-end");
	self->inside = net_new();
	self->there = net_new();
	if (!wire(self->inside, self->there)) {
		env_teardown(&self->env);
		SKIP(return, "no veth: CONFIG_VETH is missing");
	}
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		give_up("a mount namespace");
	self->path = text("%s/net", self->env.dir);
	self->before = host_snapshot(&self->env);
	name_network(self->inside, self->path);
	self->peer = serve(self->there, SOCK_DGRAM, WIRE_PEER4, 7001, 0);
	self->other = serve(self->there, SOCK_DGRAM, WIRE_OTHER4, 7001, 0);
	self->talk.run = (struct run){ .args = { "--netns", self->path, "--stdio=inherit" } };
	ASSERT_TRUE(talk_start(&self->env, &self->talk, "guest", RULES(ONE)));
	EXPECT_STREQ("ok", say(&self->talk, "open udp %s 7001", WIRE_PEER4));
	EXPECT_STREQ("ok", say(&self->talk, "open udp %s 7001", WIRE_OTHER4));
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* The supervisor takes the name away; the namespace stays, for others are in it. */
static void remove_name(const FIXTURE_DATA(cell) *self)
{
	if (umount2(self->path, MNT_DETACH) < 0 || unlink(self->path) < 0)
		give_up(self->path);
}

static void nothing_is_left(struct __test_metadata *_metadata, const FIXTURE_DATA(cell) *self)
{
	EXPECT_STREQ("", net_rules(self->inside));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

static void destroy(struct __test_metadata *_metadata, FIXTURE_DATA(cell) *self)
{
	struct run run;
	json_t *json = verb(&self->env, &run, "destroy", "guest");

	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(json, "residue")));
	EXPECT_EQ(137, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(self->talk.run.report, "/teardown/residue")));
}

static void reconcile(struct __test_metadata *_metadata, FIXTURE_DATA(cell) *self)
{
	struct run run;
	json_t *json = verb(&self->env, &run, "reconcile", NULL);

	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(1, json_array_size(json_at(json, "removed")));
	EXPECT_TRUE(json_is_true(json_at(json, "removed/0/destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(json, "removed/0/residue")));
}

static void kill_cell(struct __test_metadata *_metadata, FIXTURE_DATA(cell) *self)
{
	ASSERT_EQ(0, file_write(text("%s/cgroup.kill", cell_leaf(&self->env, "guest")), "1"));
	EXPECT_TRUE(WAIT_FOR(cell_pid(&self->env, "guest") == 0));
}

/* ---- while it lives ---- */

TEST_F(cell, its_path_stands_in_its_identity)
{
	char *identity = xattr_read(cell_leaf(&self->env, "guest"), "user.cellos.identity");

	ASSERT_NE(NULL, identity);
	EXPECT_NE(NULL, strstr(identity, text("\nnet_path=%s\n", self->path)));
	EXPECT_NE(NULL, strstr(identity, text("\nnet_inode=%lu\n",
					      (unsigned long)net_inode(self->inside))));
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
}

TEST_F(cell, rules_are_shown_and_replaced_there)
{
	struct run run;
	json_t *json;

	EXPECT_STREQ("ok EPERM ", reach(&self->talk, 2));
	json = verb(&self->env, &run, "egress", "guest");
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(1, json_int_at(json, "rules/0/packets"));
	EXPECT_EQ(1, json_int_at(json, "denied/packets"));
	json = egress_set(&self->env, &run, "guest", RULES(OTHER ", " ONE));
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "verified")));
	EXPECT_STREQ("ok ok ", reach(&self->talk, 2));
	egress_set(&self->env, &run, "guest", RULES(OTHER));
	EXPECT_STREQ("EPERM ok ", reach(&self->talk, 2));
	EXPECT_TRUE(is_verified(&self->env, "guest"));
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
	EXPECT_EQ(2, json_int_at(self->talk.run.report, "/egress/rules/0/packets"));
	EXPECT_EQ(2, json_int_at(self->talk.run.report, "/egress/denied/packets"));
	EXPECT_EQ(10, drain(self->other));
	remove_name(self);
	nothing_is_left(_metadata, self);
}

TEST_F(cell, without_its_name_it_is_found_by_its_processes)
{
	struct run run;

	remove_name(self);
	EXPECT_TRUE(is_verified(&self->env, "guest"));
	egress_set(&self->env, &run, "guest", RULES(OTHER));
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EPERM ok ", reach(&self->talk, 2));
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
	nothing_is_left(_metadata, self);
}

/* ---- its end ---- */

TEST_F(cell, destroy_removes_its_table)
{
	destroy(_metadata, self);
	remove_name(self);
	nothing_is_left(_metadata, self);
}

TEST_F(cell, destroy_removes_its_table_without_its_name)
{
	remove_name(self);
	destroy(_metadata, self);
	nothing_is_left(_metadata, self);
}

TEST_F(cell, reconcile_removes_its_table)
{
	talk_crash(&self->talk);
	EXPECT_STREQ("cellos_guest ", net_tables(self->inside));
	EXPECT_STREQ("ok EPERM ", reach(&self->talk, 2));
	reconcile(_metadata, self);
	remove_name(self);
	nothing_is_left(_metadata, self);
}

TEST_F(cell, reconcile_removes_its_table_without_its_processes)
{
	talk_crash(&self->talk);
	kill_cell(_metadata, self);
	reconcile(_metadata, self);
	remove_name(self);
	nothing_is_left(_metadata, self);
}

TEST_F(cell, reconcile_removes_its_table_without_its_name)
{
	talk_crash(&self->talk);
	remove_name(self);
	reconcile(_metadata, self);
	nothing_is_left(_metadata, self);
}

/* Another network, and in it a table of the same name: none of this cell's. */
TEST_F(cell, a_name_that_is_another_networks_by_now_is_left_alone)
{
	int another = net_new(), home = net_here();
	struct run run;

	net_enter(another);
	ASSERT_NE(NULL, nft("add table inet cellos_guest"));
	net_enter(home);
	talk_crash(&self->talk);
	kill_cell(_metadata, self);
	remove_name(self);
	name_network(another, self->path);
	verb(&self->env, &run, "reconcile", NULL);
	EXPECT_STREQ("cellos_guest ", net_tables(another));
	EXPECT_EQ(NULL, cell_leaf(&self->env, "guest"));
	EXPECT_STREQ("", net_rules(home));
}

TEST_F(cell, a_killed_replacement_is_healed_there_too)
{
	char *leaf = cell_leaf(&self->env, "guest");
	struct run run;

	/* As a helper leaves it that dies between the two transactions. */
	ASSERT_EQ(0, setxattr(leaf, "user.cellos.change", "begun", 5, 0));
	verb(&self->env, &run, "show", "guest");
	EXPECT_EQ(125, run.status);
	EXPECT_NE(NULL, strstr(run.err.bytes, "cut short")) TH_LOG("%s", run.err.bytes);
	egress_set(&self->env, &run, "guest", RULES(OTHER));
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("EPERM ok ", reach(&self->talk, 2));
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
	remove_name(self);
	nothing_is_left(_metadata, self);
}

TEST_HARNESS_MAIN
