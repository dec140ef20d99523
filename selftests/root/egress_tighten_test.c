// SPDX-License-Identifier: MIT
/*
 * Rules that tighten while flows are open, between a cell and a server at the other
 * end of a wire: nothing more leaves, and nothing more arrives, however much of it
 * was waiting.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define SMALL	16384	/* room of a server that does not read */

FIXTURE(flow) { struct test_env env; int here, there; struct talk talk; };
FIXTURE_VARIANT(flow) { const char *peer; };
FIXTURE_VARIANT_ADD(flow, ipv4) { WIRE_PEER4 };
FIXTURE_VARIANT_ADD(flow, ipv6) { WIRE_PEER6 };
FIXTURE_SETUP(flow)
{
	env_setup(&self->env, "egress-tighten");
	self->here = net_here();
	self->there = net_new();
	if (!wire(self->here, self->there)) {
		env_teardown(&self->env);
		SKIP(return, "no veth: CONFIG_VETH is missing");
	}
}
FIXTURE_TEARDOWN_PARENT(flow) { env_teardown(&self->env); }

/* A cell that may talk to the peer, and has a flow to the server that is 0. */
static int open_flow(struct __test_metadata *_metadata, FIXTURE_DATA(flow) *self,
		     const char *peer, int type, int room)
{
	const char *rules = text("[{'host': '%s', 'port': 7001}]", peer);
	int server = serve(self->there, type, peer, 7001, room), flow = server;
	const char *name = type == SOCK_STREAM ? "tcp" : "udp";

	ASSERT_TRUE(talk_start(&self->env, &self->talk, "flow", rules)) { return -1; }
	EXPECT_STREQ("ok", say(&self->talk, "open %s %s 7001", name, peer));
	if (type == SOCK_STREAM)
		flow = serve_connection(server);
	if (!room) {
		EXPECT_STREQ("ok", say(&self->talk, "send 0"));
		EXPECT_TRUE(has_hello(flow));
	}
	return flow;
}

/* The way back: a server of UDP has to know where to. */
static void answer(struct __test_metadata *_metadata, int flow, struct talk *talk)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	char bytes[8];

	if (getpeername(flow, (struct sockaddr *)&from, &size) < 0) {
		size = sizeof(from);
		EXPECT_STREQ("ok", say(talk, "send 0"));
		EXPECT_TRUE(WAIT_FOR(recvfrom(flow, bytes, sizeof(bytes), MSG_DONTWAIT,
					      (struct sockaddr *)&from, &size) == 5));
		ASSERT_EQ(0, connect(flow, (struct sockaddr *)&from, size));
	}
	EXPECT_EQ(5, send(flow, "hello", 5, MSG_NOSIGNAL));
	EXPECT_STREQ("hello", say(talk, "wait 0"));
}

static void tighten(struct __test_metadata *_metadata, const struct test_env *env,
		    const char *rules)
{
	struct run run;

	egress_set(env, &run, "flow", rules);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
}

static json_int_t counted(const struct test_env *env, const char *what)
{
	struct run run;

	return json_int_at(verb(env, &run, "egress", "flow"), text("%s/packets", what));
}

/* ---- what is said after it ---- */

TEST_F(flow, of_tcp_nothing_leaves_any_more)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_STREAM, 0);
	char bytes[8];

	tighten(_metadata, &self->env, "[]");
	/* The kernel takes it, and learns at once that it may not be sent. */
	say(&self->talk, "send 0");
	EXPECT_STREQ("ECONNRESET", say(&self->talk, "error 0"));
	EXPECT_STREQ("EPIPE", say(&self->talk, "send 0"));
	EXPECT_LE(1, counted(&self->env, "denied"));
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
	/* Nor with its end. */
	EXPECT_EQ(-1, recv(flow, bytes, sizeof(bytes), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(flow, of_tcp_nothing_arrives_any_more)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_STREAM, 0);

	answer(_metadata, flow, &self->talk);
	tighten(_metadata, &self->env, "[]");
	EXPECT_EQ(5, send(flow, "hello", 5, MSG_NOSIGNAL));
	EXPECT_TRUE(WAIT_FOR(counted(&self->env, "refused") >= 1));
	EXPECT_STREQ("EAGAIN", say(&self->talk, "take 0"));
	/* Who sent it is told. */
	EXPECT_TRUE(WAIT_FOR(send(flow, "hello", 5, MSG_NOSIGNAL) < 0));
	EXPECT_STREQ("EAGAIN", say(&self->talk, "take 0"));
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
}

TEST_F(flow, of_udp_nothing_leaves_and_nothing_arrives_any_more)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_DGRAM, 0);
	char bytes[8];

	answer(_metadata, flow, &self->talk);
	tighten(_metadata, &self->env, "[]");
	EXPECT_STREQ("EPERM", say(&self->talk, "send 0"));
	EXPECT_EQ(1, counted(&self->env, "denied"));
	EXPECT_EQ(5, send(flow, "hello", 5, 0));
	EXPECT_TRUE(WAIT_FOR(counted(&self->env, "refused") == 1));
	/* The refusal of the cell's own datagram is what its socket has to tell. */
	say(&self->talk, "take 0");
	EXPECT_STREQ("EAGAIN", say(&self->talk, "take 0"));
	EXPECT_EQ(-1, recv(flow, bytes, sizeof(bytes), MSG_DONTWAIT));
	EXPECT_NE(0, errno);
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
}

TEST_F(flow, a_flow_that_stays_allowed_goes_on)
{
	const char *peer = variant->peer;
	int flow = open_flow(_metadata, self, peer, SOCK_STREAM, 0);

	tighten(_metadata, &self->env, text("[{'host': '%s', 'port': 7001, 'protocol': 'tcp'}]",
					    peer));
	answer(_metadata, flow, &self->talk);
	EXPECT_STREQ("ok", say(&self->talk, "send 0"));
	EXPECT_TRUE(has_hello(flow));
	/* By another key. */
	tighten(_metadata, &self->env, text("[{'host': '%s', 'port': '7000-7015'}]", peer));
	answer(_metadata, flow, &self->talk);
	EXPECT_STREQ("ok", say(&self->talk, "send 0"));
	EXPECT_TRUE(has_hello(flow));
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
}

/* ---- what was waiting before it ---- */

static int waiting(int flow)
{
	int n = 0;

	if (ioctl(flow, SIOCINQ, &n) < 0)
		give_up("SIOCINQ");
	return n;
}

/* Is nothing on its way, but more to be sent once the peer has room? */
static bool window_is_closed(void)
{
	static const char *const ss[] = { "ss", "-Htnoi", "dport", "=", ":7001", NULL };
	char *sockets = command(ss);

	return sockets && strstr(sockets, "timer:(persist") && !strstr(sockets, "unacked:");
}

/* The peer's window is closed, and the cell's kernel holds the rest. */
static long long queue_up(struct __test_metadata *_metadata, struct talk *talk)
{
	long long queued = atoll(say(talk, "fill 0"));

	EXPECT_LT(SMALL, queued);
	EXPECT_TRUE(WAIT_FOR(window_is_closed()));
	return queued;
}

/* Sends until the other side says that there is no such connection; reads meanwhile. */
static bool is_over(int flow, long long *got)
{
	*got += drain(flow);
	return send(flow, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
}

/*
 * All that the server gets is what it had before, though its window opens and so
 * asks for more, until the connection is over.
 */
static void nothing_more_comes(struct __test_metadata *_metadata, int flow, int had,
			       long long queued)
{
	long long got = 0;

	EXPECT_LT(0, had);
	EXPECT_GT(queued, had);
	EXPECT_TRUE(WAIT_FOR(is_over(flow, &got)));
	got += drain(flow);
	EXPECT_EQ(had, got);
}

TEST_F(flow, what_was_queued_never_arrives)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_STREAM, SMALL), had;
	long long queued = queue_up(_metadata, &self->talk);

	tighten(_metadata, &self->env, "[]");
	had = waiting(flow);
	nothing_more_comes(_metadata, flow, had, queued);
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
}

TEST_F(flow, what_was_queued_never_arrives_after_the_cell_either)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_STREAM, SMALL), had;
	long long queued = queue_up(_metadata, &self->talk);
	struct talk other = { 0 };

	ASSERT_TRUE(talk_start(&self->env, &other, "other", NULL));
	tighten(_metadata, &self->env, "[]");
	had = waiting(flow);
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
	nothing_more_comes(_metadata, flow, had, queued);
	EXPECT_EQ(0, talk_end(&other)) TH_LOG("%s", other.run.err.bytes);
}

/* Then not even the table is left. */
TEST_F(flow, what_was_queued_never_arrives_after_the_last_cell_either)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_STREAM, SMALL), had;
	long long queued = queue_up(_metadata, &self->talk);

	tighten(_metadata, &self->env, "[]");
	had = waiting(flow);
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
	EXPECT_STREQ("", nft("list ruleset"));
	nothing_more_comes(_metadata, flow, had, queued);
}

/* The same where nobody ends the cell in peace. */
TEST_F(flow, what_was_queued_never_arrives_after_a_destroy_either)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_STREAM, SMALL), had;
	long long queued = queue_up(_metadata, &self->talk);
	struct run run;

	tighten(_metadata, &self->env, "[]");
	had = waiting(flow);
	verb(&self->env, &run, "destroy", "flow");
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_STREQ("", nft("list ruleset"));
	nothing_more_comes(_metadata, flow, had, queued);
	talk_end(&self->talk);
}

/* Else the tests above prove nothing: where the rules allow it all of it comes. */
TEST_F(flow, what_was_queued_arrives_while_it_is_allowed)
{
	int flow = open_flow(_metadata, self, variant->peer, SOCK_STREAM, SMALL);
	long long queued = queue_up(_metadata, &self->talk), got = 0;

	EXPECT_TRUE(WAIT_FOR((got += drain(flow)) == queued)) TH_LOG("%lld", got);
	EXPECT_EQ(0, talk_end(&self->talk)) TH_LOG("%s", self->talk.run.err.bytes);
}

TEST_HARNESS_MAIN
