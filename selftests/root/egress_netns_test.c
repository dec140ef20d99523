// SPDX-License-Identifier: MIT
/* `run --netns PATH`: a network that the supervisor has prepared, with others in it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define ONE	RULE(WIRE_PEER4, 7001, "udp")
#define OTHER	RULE(WIRE_OTHER4, 7001, "udp")

/*
 * @inside: where cells go; @there: the other end of its wire
 * @path: a file that is @inside, as ip-netns(8) makes one; in a mount namespace of
 *	the test's own
 * @peer, @other: servers there
 */
FIXTURE(cell) {
	struct test_env env;
	int inside, there, peer, other;
	const char *path, *before;
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
	env_setup(&self->env, "egress-netns");
	self->inside = net_new();
	self->there = net_new();
	if (!wire(self->inside, self->there)) {
		env_teardown(&self->env);
		SKIP(return, "no veth: CONFIG_VETH is missing");
	}
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		give_up("a mount namespace");
	self->path = text("%s/net", self->env.dir);
	name_network(self->inside, self->path);
	self->peer = serve(self->there, SOCK_DGRAM, WIRE_PEER4, 7001, 0);
	self->other = serve(self->there, SOCK_DGRAM, WIRE_OTHER4, 7001, 0);
	self->before = host_snapshot(&self->env);
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* A cell with a socket, 0 and 1, to each server. */
static bool start(const FIXTURE_DATA(cell) *self, struct talk *talk, const char *id,
		  const char *rules)
{
	*talk = (struct talk){ .run = { .args = { "--netns", self->path, "--stdio=inherit" } } };
	return talk_start(&self->env, talk, id, rules) &&
	       !strcmp("ok", say(talk, "open udp %s 7001", WIRE_PEER4)) &&
	       !strcmp("ok", say(talk, "open udp %s 7001", WIRE_OTHER4));
}

/* Neither here nor there is anything left. */
static void nothing_is_left(struct __test_metadata *_metadata, const FIXTURE_DATA(cell) *self)
{
	EXPECT_STREQ("", net_rules(self->inside));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

/* ---- what holds in it ---- */

TEST_F(cell, allowed_peers_are_reached_and_no_others)
{
	struct talk talk;

	ASSERT_TRUE(start(self, &talk, "in.side", RULES(ONE)));
	EXPECT_STREQ("cellos_in_side ", net_tables(self->inside));
	EXPECT_STREQ("cellos ", net_tables(net_here()));
	EXPECT_STREQ("lo wire0 ", say(&talk, "devices"));
	EXPECT_STREQ("ok EPERM ", reach(&talk, 2));
	EXPECT_TRUE(has_hello(self->peer));
	EXPECT_TRUE(is_verified(&self->env, "in.side"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	EXPECT_EQ(0, drain(self->other));
	EXPECT_TRUE(json_is_true(json_at(talk.run.report, "/egress/verified")));
	EXPECT_EQ(1, json_int_at(talk.run.report, "/egress/rules/0/packets"));
	EXPECT_EQ(1, json_int_at(talk.run.report, "/egress/denied/packets"));
	nothing_is_left(_metadata, self);
}

/* Loopback there is not the cell's own: it is judged like everything else. */
TEST_F(cell, connecting_as_the_very_first_act_is_denied)
{
	int tcp = serve(self->inside, SOCK_STREAM, "127.0.0.1", 7001, 0);
	const char *first = text("'run': {'argv': ['%s/workload_first', 'connect', '7001']}",
				 self->env.workloads);
	struct run run;

	for (int i = 0; i < 20; i++) {
		run = (struct run){
			.document = document("first", "%s", first),
			.args = { "--netns", self->path },
		};
		ASSERT_EQ(ECONNREFUSED, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
		ASSERT_EQ(1, json_int_at(run.report, "/egress/denied/packets"));
	}
	EXPECT_EQ(-1, accept(tcp, NULL, NULL));
	EXPECT_EQ(EAGAIN, errno);
	run = (struct run){
		.document = document("first", "'authority': {'egressRules': "
				     RULES(RULE("127.0.0.1", 7001, "tcp")) "}, %s", first),
		.args = { "--netns", self->path },
	};
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

/* A process of that network that is no cell. */
TEST_F(cell, others_in_it_are_not_disturbed)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(7001),
		.sin_addr.s_addr = inet_addr(WIRE_OTHER4),
	};
	int mine = serve(self->inside, SOCK_DGRAM, WIRE_HERE4, 7005, 0);
	int listening = serve(self->inside, SOCK_STREAM, "127.0.0.1", 7006, 0);
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	struct talk talk;
	char bytes[8];

	ASSERT_TRUE(start(self, &talk, "guest", NULL));
	EXPECT_EQ(5, sendto(mine, "hello", 5, 0, (const struct sockaddr *)&to, sizeof(to)));
	ASSERT_TRUE(WAIT_FOR(recvfrom(self->other, bytes, sizeof(bytes), 0,
				      (struct sockaddr *)&from, &size) == 5));
	EXPECT_EQ(5, sendto(self->other, "hello", 5, 0, (struct sockaddr *)&from, size));
	EXPECT_TRUE(has_hello(mine));
	EXPECT_STREQ("EPERM EPERM ", reach(&talk, 2));
	EXPECT_STREQ("ECONNREFUSED", say(&talk, "open tcp 127.0.0.1 7006"));
	EXPECT_EQ(-1, accept(listening, NULL, NULL));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
}

TEST_F(cell, two_cells_in_it_have_two_policies)
{
	struct talk one, two;

	ASSERT_TRUE(start(self, &one, "one", RULES(ONE)));
	ASSERT_TRUE(start(self, &two, "two", RULES(OTHER)));
	EXPECT_STREQ("cellos_one cellos_two ", net_tables(self->inside));
	EXPECT_STREQ("ok EPERM ", reach(&one, 2));
	EXPECT_STREQ("EPERM ok ", reach(&two, 2));
	EXPECT_TRUE(is_verified(&self->env, "one"));
	EXPECT_TRUE(is_verified(&self->env, "two"));
	EXPECT_EQ(0, talk_end(&one)) TH_LOG("%s", one.run.err.bytes);
	EXPECT_STREQ("cellos_two ", net_tables(self->inside));
	EXPECT_STREQ("EPERM ok ", reach(&two, 2));
	EXPECT_EQ(0, talk_end(&two)) TH_LOG("%s", two.run.err.bytes);
	EXPECT_EQ(1, json_int_at(one.run.report, "/egress/rules/0/packets"));
	EXPECT_EQ(2, json_int_at(two.run.report, "/egress/rules/0/packets"));
	nothing_is_left(_metadata, self);
}

/* The table of the one would be that of the other. */
TEST_F(cell, of_two_ids_that_look_alike_the_second_is_refused_and_the_first_unharmed)
{
	struct run second = {
		.document = document("a_b", "'run': {'argv': ['true']}"),
		.args = { "--netns", self->path },
	};
	struct talk first;

	ASSERT_TRUE(start(self, &first, "a.b", RULES(ONE)));
	EXPECT_EQ(125, run_whole(&self->env, &second));
	EXPECT_STREQ("failed", json_text_at(second.report, "/exit/kind"));
	EXPECT_NE(NULL, strstr(second.err.bytes, "cellos_a_b")) TH_LOG("%s", second.err.bytes);
	EXPECT_EQ(0, json_array_size(json_at(second.report, "/teardown/residue")));
	EXPECT_STREQ("cellos_a_b ", net_tables(self->inside));
	EXPECT_TRUE(is_verified(&self->env, "a.b"));
	EXPECT_STREQ("ok EPERM ", reach(&first, 2));
	EXPECT_EQ(0, talk_end(&first)) TH_LOG("%s", first.run.err.bytes);
	nothing_is_left(_metadata, self);
}

TEST_F(cell, a_table_of_that_name_that_is_nobodys_is_refused_and_stays)
{
	struct run run = {
		.document = document("taken", "'run': {'argv': ['true']}"),
		.args = { "--netns", self->path },
	};
	const char *rules;
	int home = net_here();

	net_enter(self->inside);
	ASSERT_NE(NULL, nft("add table inet cellos_taken; add chain inet cellos_taken mine"));
	net_enter(home);
	rules = net_rules(self->inside);
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_NE(NULL, strstr(run.err.bytes, "cellos_taken")) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ(rules, net_rules(self->inside));
	EXPECT_STREQ(self->before, host_snapshot(&self->env));
}

/* ---- what is no such network ---- */

TEST_F(cell, what_is_no_network_of_another_is_refused)
{
	char *file = text("%s/file", self->env.dir), *own = text("%s/own", self->env.dir);
	char *first = text("%s/first", self->env.dir), *fifo = text("%s/fifo", self->env.dir);
	int pid_1 = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	const struct { const char *path, *says; } wrong[] = {
		{ own, "own network namespace" },
		{ first, "own network namespace" },
		{ "/proc/self/ns/net", "own network namespace" },
		{ file, "no network namespace" },
		{ fifo, "no network namespace" },
		{ self->env.dir, "no network namespace" },
		{ "/dev/null", "no network namespace" },
		{ "/proc/self/ns/uts", "no network namespace" },
		{ text("%s/nothing", self->env.dir), "cannot open" },
		{ "net", "no absolute path" },
		{ "", "no absolute path" },
	};
	const char *before;

	close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	ASSERT_EQ(0, mkfifo(fifo, 0644));
	name_network(net_here(), own);
	/* Where it is out of reach, the own one stands for it. */
	name_network(pid_1 < 0 ? net_here() : pid_1, first);
	before = host_snapshot(&self->env);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct run run = {
			.document = document("wrong", "'run': {'argv': ['true']}"),
			.args = { "--netns", wrong[i].path },
		};

		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", wrong[i].path);
		EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
		EXPECT_NE(NULL, strstr(run.err.bytes, wrong[i].says))
			TH_LOG("%s: %s", wrong[i].path, run.err.bytes);
		EXPECT_STREQ(before, host_snapshot(&self->env)) TH_LOG("%s", wrong[i].path);
	}
}

/* A name of it that only a caller with rights over that process can open. */
TEST_F(cell, it_may_be_named_by_a_process_in_it)
{
	unsigned long long permitted;
	pid_t pid = fork();
	struct talk talk;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		net_enter(self->inside);
		for (;;)
			pause();
	}
	ASSERT_TRUE(WAIT_FOR(net_inode(net_of(pid)) == net_inode(self->inside)));
	self->path = text("/proc/%d/ns/net", pid);
	ASSERT_TRUE(start(self, &talk, "named", RULES(ONE)));
	EXPECT_STREQ("ok EPERM ", reach(&talk, 2));
	EXPECT_TRUE(is_verified(&self->env, "named"));
	/* The helper has given that right up. */
	permitted = strtoull(proc_status(talk.run.pid, "CapPrm"), NULL, 16);
	EXPECT_NE(0, permitted & 1ULL << CAP_SYS_ADMIN);
	EXPECT_EQ(0, permitted & 1ULL << CAP_SYS_PTRACE);
	kill(pid, SIGKILL);
	/* Its name goes with the process: by then the helpers have other ways. */
	EXPECT_TRUE(is_verified(&self->env, "named"));
	EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%s", talk.run.err.bytes);
	nothing_is_left(_metadata, self);
}

/* The longest names there can be, stored and read again. */
TEST_F(cell, long_names_are_stored_whole)
{
	char id[129], name[256];
	struct talk talk;
	struct run run;
	size_t len;

	memset(id, 'i', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	len = (size_t)snprintf(name, sizeof(name), "%s/", self->env.dir);
	memset(name + len, 'n', sizeof(name) - 1 - len);
	name[sizeof(name) - 1] = '\0';
	name_network(self->inside, name);
	self->path = name;
	ASSERT_TRUE(start(self, &talk, id, RULES(ONE)));
	EXPECT_NE(NULL, strstr(xattr_read(cell_leaf(&self->env, id), "user.cellos.identity"),
			       text("\nnet_path=%s\n", name)));
	EXPECT_TRUE(is_verified(&self->env, id));
	verb(&self->env, &run, "destroy", id);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(137, talk_end(&talk));
	EXPECT_STREQ("", net_rules(self->inside));
}

TEST_HARNESS_MAIN
