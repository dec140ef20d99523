// SPDX-License-Identifier: MIT
/* `run --unshare net`: a network of the cell's own, with nothing in it but itself. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define ONE	RULE("198.51.100.2", 7001, "tcp")

FIXTURE(cell) { struct test_env env; const char *before; };
FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "egress-unshare");
	self->before = host_snapshot(&self->env);
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static bool start(const struct test_env *env, struct talk *talk, const char *id,
		  const char *rules)
{
	*talk = (struct talk){ .run = { .args = { "--unshare=net" } } };
	return talk_start(env, talk, id, rules);
}

static int net_of_cell(const struct test_env *env, const char *id)
{
	return net_of(cell_pid(env, id));
}

/* ---- what the cell has ---- */

TEST_F(cell, network_is_another_one_with_loopback_alone)
{
	char here[64] = "";
	struct talk talk;

	ASSERT_LT(0, readlink("/proc/self/ns/net", here, sizeof(here) - 1));
	ASSERT_TRUE(start(&self->env, &talk, "own", NULL));
	EXPECT_EQ(0, strncmp("net:[", say(&talk, "link /proc/self/ns/net"), 5));
	EXPECT_STRNE(here, say(&talk, "link /proc/self/ns/net"));
	EXPECT_STREQ("lo ", say(&talk, "devices"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

FIXTURE(loopback) { struct test_env env; };
FIXTURE_VARIANT(loopback) { const char *host; };
FIXTURE_VARIANT_ADD(loopback, ipv4) { "127.0.0.1" };
FIXTURE_VARIANT_ADD(loopback, ipv6) { "::1" };
FIXTURE_SETUP(loopback) { env_setup(&self->env, "egress-unshare"); }
FIXTURE_TEARDOWN_PARENT(loopback) { env_teardown(&self->env); }

/* Even a cell without any rule may talk to itself. */
TEST_F(loopback, processes_of_the_cell_can_use_it)
{
	struct talk talk;

	ASSERT_TRUE(start(&self->env, &talk, "loopback", NULL));
	EXPECT_STREQ("ok", say(&talk, "listen tcp %s 7001", variant->host));
	EXPECT_STREQ("ok", say(&talk, "open tcp %s 7001", variant->host));
	EXPECT_STREQ("ok", say(&talk, "accept 0"));
	EXPECT_STREQ("ok", say(&talk, "send 1"));
	EXPECT_STREQ("hello", say(&talk, "wait 2"));
	EXPECT_STREQ("ok", say(&talk, "send 2"));
	EXPECT_STREQ("hello", say(&talk, "wait 1"));
	EXPECT_STREQ("ok", say(&talk, "listen udp %s 7001", variant->host));
	EXPECT_STREQ("ok", say(&talk, "open udp %s 7001", variant->host));
	EXPECT_STREQ("ok", say(&talk, "send 4"));
	EXPECT_STREQ("hello", say(&talk, "wait 3"));
	EXPECT_TRUE(is_verified(&self->env, "loopback"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(0, json_int_at(talk.run.report, "/egress/denied/packets"));
}

TEST_F(loopback, it_is_not_the_hosts)
{
	int tcp = serve(net_here(), SOCK_STREAM, variant->host, 7001, 0);
	int udp = serve(net_here(), SOCK_DGRAM, variant->host, 7001, 0);
	const char *rules = text("[{'host': '%s'}]", variant->host);
	struct talk talk;
	char bytes[8];

	ASSERT_TRUE(start(&self->env, &talk, "elsewhere", rules));
	EXPECT_STREQ("ECONNREFUSED", say(&talk, "open tcp %s 7001", variant->host));
	EXPECT_STREQ("ok", say(&talk, "open udp %s 7001", variant->host));
	EXPECT_STREQ("ok", say(&talk, "send 1"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(-1, accept(tcp, NULL, NULL));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, recv(udp, bytes, sizeof(bytes), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(cell, rules_stand_in_a_table_there_that_the_cell_cannot_see)
{
	struct talk talk;
	int net;

	ASSERT_TRUE(start(&self->env, &talk, "own.net-1", RULES(ONE)));
	net = net_of_cell(&self->env, "own.net-1");
	EXPECT_STREQ("cellos_own_net-1 ", net_tables(net));
	EXPECT_NE(NULL, strstr(net_rules(net), "198.51.100.2"));
	EXPECT_STREQ("cellos ", net_tables(net_here()));
	EXPECT_EQ(NULL, strstr(net_rules(net_here()), "198.51.100.2"));
	EXPECT_STRNE("ok", say(&talk, "nft"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(talk.run.report, "/egress/verified")));
	EXPECT_EQ(1, json_array_size(json_at(talk.run.report, "/egress/rules")));
	EXPECT_EQ(0, json_array_size(json_at(talk.run.report, "/teardown/residue")));
	EXPECT_STREQ("", net_rules(net));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

/* ---- in force before it begins ---- */

/* A copy of the workload whose execve(2) waits until the lease is given back. */
static int lease(const char *from, const char *to)
{
	size_t size;
	char *bytes = file_read(from, &size);
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (!bytes || fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		give_up(to);
	close(fd);
	fd = open(to, O_RDONLY | O_CLOEXEC);
	signal(SIGIO, SIG_IGN);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		give_up("a lease");
	return fd;
}

TEST_F(cell, rules_are_there_before_exec)
{
	char *copy = text("%s/leased", self->env.dir);
	int net, leased = lease(text("%s/sweep_work", self->env.workloads), copy);
	struct run run = {
		.document = document("unborn", "'run': {'argv': ['%s', 'true']}", copy),
		.args = { "--unshare", "net" },
	};
	pid_t pid = 0;

	run_start(&self->env, &run);
	ASSERT_TRUE(WAIT_FOR((pid = cell_leaf(&self->env, "unborn") ?
			      cell_pid(&self->env, "unborn") : 0)));
	net = net_of(pid);
	EXPECT_NE(net_inode(net_here()), net_inode(net));
	EXPECT_STREQ("cellos_unborn ", net_tables(net));
	EXPECT_NE(NULL, strstr(net_rules(net), "\"unborn\""));
	/* It has not begun: it still is a copy of the helper. */
	EXPECT_EQ(NULL, strstr(text("%s", proc_status(pid, "Name")), "leased"));
	fcntl(leased, F_SETLEASE, F_UNLCK);
	close(leased);
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
}

/* ---- from elsewhere ---- */

TEST_F(cell, other_helpers_show_and_replace_its_rules)
{
	struct talk talk;
	struct run run;
	json_t *json;

	ASSERT_TRUE(start(&self->env, &talk, "own", RULES(ONE)));
	EXPECT_TRUE(is_verified(&self->env, "own"));
	json = egress_set(&self->env, &run, "own", RULES("{'host': '192.0.2.0/24'}"));
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "verified")));
	EXPECT_NE(NULL, strstr(net_rules(net_of_cell(&self->env, "own")), "192.0.2.0"));
	EXPECT_EQ(NULL, strstr(net_rules(net_of_cell(&self->env, "own")), "198.51.100.2"));
	EXPECT_TRUE(is_verified(&self->env, "own"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(talk.run.report, "/egress/verified")));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

TEST_F(cell, destroy_from_elsewhere_leaves_nothing)
{
	struct talk talk;
	struct run run;
	json_t *json;

	ASSERT_TRUE(start(&self->env, &talk, "own", RULES(ONE)));
	json = verb(&self->env, &run, "destroy", "own");
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(json, "residue")));
	EXPECT_EQ(137, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_STREQ("destroy", json_text_at(talk.run.report, "/exit/reason"));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

TEST_F(cell, reconcile_removes_it_when_its_run_was_killed)
{
	struct talk talk;
	struct run run;
	json_t *json;
	int net;

	ASSERT_TRUE(start(&self->env, &talk, "own", RULES(ONE)));
	/* This keeps the namespace, so that what is left in it could be seen. */
	net = net_of_cell(&self->env, "own");
	talk_crash(&talk);
	EXPECT_STREQ("cellos_own ", net_tables(net));
	json = verb(&self->env, &run, "reconcile", NULL);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", run.err.bytes);
	ASSERT_EQ(1, json_array_size(json_at(json, "removed")));
	EXPECT_TRUE(json_is_true(json_at(json, "removed/0/destroyed")));
	EXPECT_EQ(0, json_array_size(json_at(json, "removed/0/residue")));
	EXPECT_STREQ("", net_rules(net));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

/* Then its processes are gone, too, and with them the namespace. */
TEST_F(cell, reconcile_removes_what_is_left_when_all_were_killed)
{
	struct talk talk;
	struct run run;
	json_t *json;

	ASSERT_TRUE(start(&self->env, &talk, "own", RULES(ONE)));
	talk_crash(&talk);
	ASSERT_EQ(0, file_write(text("%s/cgroup.kill", cell_leaf(&self->env, "own")), "1"));
	EXPECT_TRUE(WAIT_FOR(cell_pid(&self->env, "own") == 0));
	json = verb(&self->env, &run, "reconcile", NULL);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(1, json_array_size(json_at(json, "removed")));
	EXPECT_EQ(0, json_array_size(json_at(json, "removed/0/residue")));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

TEST_F(cell, two_ids_that_look_alike_have_a_network_each)
{
	struct talk one, two;

	ASSERT_TRUE(start(&self->env, &one, "a.b", RULES(ONE)));
	ASSERT_TRUE(start(&self->env, &two, "a_b", NULL));
	EXPECT_NE(net_inode(net_of_cell(&self->env, "a.b")),
		  net_inode(net_of_cell(&self->env, "a_b")));
	EXPECT_TRUE(is_verified(&self->env, "a.b"));
	EXPECT_TRUE(is_verified(&self->env, "a_b"));
	EXPECT_EQ(0, talk_end(&one)) TH_LOG("%s", one.run.err.bytes);
	EXPECT_TRUE(is_verified(&self->env, "a_b"));
	EXPECT_EQ(0, talk_end(&two)) TH_LOG("%s", two.run.err.bytes);
}

TEST_F(cell, without_enforcement_there_are_no_rules_there_either)
{
	struct talk talk = { .run = { .args = { "--unshare=net", "--egress=off" } } };

	ASSERT_TRUE(talk_start(&self->env, &talk, "off", NULL));
	EXPECT_STREQ("", net_rules(net_of_cell(&self->env, "off")));
	EXPECT_STREQ("lo ", say(&talk, "devices"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_TRUE(json_is_false(json_at(talk.run.report, "/egress/enforced")));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

/* ---- where it cannot be ---- */

/* What exec gives root is bounded by what is dropped here. */
static void drop_network(void *arg)
{
	(void)arg;
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) < 0 ||
	    prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) < 0)
		_exit(97);
}

TEST_F(cell, without_the_capability_it_is_refused_by_its_name)
{
	const char *plain = document("plain", "'run': {'argv': ['true']}");
	struct run run = { .document = plain, .before_exec = drop_network };
	struct run own = {
		.document = plain, .before_exec = drop_network, .args = { "--unshare", "net" },
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(run.report, "/egress/verified")));
	EXPECT_EQ(125, run_whole(&self->env, &own));
	EXPECT_STREQ("failed", json_text_at(own.report, "/exit/kind"));
	EXPECT_NE(NULL, strcasestr(own.err.bytes, "cap_sys_admin")) TH_LOG("%s", own.err.bytes);
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

TEST_F(cell, without_the_capability_other_cells_are_served_as_before)
{
	static const char *const verbs[] = { "show", "egress", "destroy" };
	struct talk talk = { .run = { .before_exec = drop_network } };
	struct run run;

	ASSERT_TRUE(talk_start(&self->env, &talk, "plain", RULES(ONE)));
	run = (struct run){ .verb = "reconcile", .before_exec = drop_network };
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		run = (struct run){
			.verb = verbs[i], .args = { "plain" }, .before_exec = drop_network,
		};
		EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		EXPECT_STREQ("", run.err.bytes);
	}
	EXPECT_EQ(137, talk_end(&talk));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

/* They cannot see what it is under, and say so; a helper that can ends it. */
TEST_F(cell, without_the_capability_one_with_its_own_network_is_not_judged)
{
	static const char *const verbs[] = { "show", "egress", "destroy" };
	struct talk talk;
	struct run run;

	ASSERT_TRUE(start(&self->env, &talk, "own", RULES(ONE)));
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		run = (struct run){
			.verb = verbs[i], .args = { "own" }, .before_exec = drop_network,
		};
		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", verbs[i]);
		EXPECT_NE(NULL, strcasestr(run.err.bytes, "CAP_SYS")) TH_LOG("%s", run.err.bytes);
	}
	/* What was left is said, by both. */
	EXPECT_NE(NULL, strstr(run.out.bytes, "NOT destroyed")) TH_LOG("%s", run.out.bytes);
	EXPECT_EQ(125, talk_end(&talk));
	EXPECT_STREQ("nft", json_text_at(talk.run.report, "/teardown/residue/0/kind"));
	verb(&self->env, &run, "reconcile", NULL);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

TEST_F(cell, both_ways_at_once_are_refused)
{
	struct run run = {
		.document = document("both", "'run': {'argv': ['true']}"),
		.args = { "--unshare", "net", "--netns", "/proc/self/ns/net" },
	};

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("options", json_text_at(run.report, "/error/step"));
	EXPECT_NE(NULL, strstr(run.err.bytes, "--netns")) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

TEST_HARNESS_MAIN
