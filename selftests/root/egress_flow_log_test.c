// SPDX-License-Identifier: MIT
/* --flow-log: what nfnetlink_log tells a listener of a cell's flows. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "nft/attr.h"
#include "selftests/root/common.h"

#define GROUP		5
#define MESSAGES_MAX	512

/* One packet that was logged. */
struct logged {
	char prefix[128];
	uint8_t protocol;
	struct in_addr to;
	uint16_t port;
};

struct listener {
	struct mnl_socket *socket;
	struct logged seen[MESSAGES_MAX];
	int n;
};

FIXTURE(cell) {
	struct test_env env;
	struct listener listener;
};

/* Binds to a group: NFULNL_CFG_CMD_BIND, and whole packets. */
static void configure(struct mnl_socket *socket, uint16_t group)
{
	char buf[256] = "";
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfulnl_msg_config_cmd cmd = { .command = NFULNL_CFG_CMD_BIND };
	struct nfulnl_msg_config_mode mode = {
		.copy_mode = NFULNL_COPY_PACKET, .copy_range = htonl(64),
	};
	struct nfgenmsg *header;

	nlh->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->nfgen_family = AF_UNSPEC;
	header->res_id = htons(group);
	mnl_attr_put(nlh, NFULA_CFG_CMD, sizeof(cmd), &cmd);
	mnl_attr_put(nlh, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(nlh, NFULA_CFG_QTHRESH, htonl(1));
	if (mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(socket, buf, sizeof(buf)) < 0 ||
	    ((struct nlmsgerr *)mnl_nlmsg_get_payload((void *)buf))->error)
		give_up("nfnetlink_log");
}

static void listen_to(struct listener *listener, uint16_t group)
{
	listener->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!listener->socket || mnl_socket_bind(listener->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		give_up("a netlink socket");
	configure(listener->socket, group);
}

static void take_packet(struct logged *logged, const struct nlattr *attr)
{
	const struct iphdr *ip = mnl_attr_get_payload(attr);
	const uint8_t *transport = (const uint8_t *)ip + ip->ihl * 4;

	if (ip->version != 4)
		return;
	logged->protocol = ip->protocol;
	logged->to.s_addr = ip->daddr;
	logged->port = (uint16_t)(transport[2] << 8 | transport[3]);
}

static int take_message(const struct nlmsghdr *nlh, void *arg)
{
	struct listener *listener = arg;
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	const struct nlattr *attr;
	struct logged *logged;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
	    listener->n == MESSAGES_MAX)
		return MNL_CB_OK;
	logged = &listener->seen[listener->n++];
	attrs_for_each(attr, attrs) {
		if (mnl_attr_get_type(attr) == NFULA_PREFIX)
			snprintf(logged->prefix, sizeof(logged->prefix), "%s",
				 mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == NFULA_PAYLOAD)
			take_packet(logged, attr);
	}
	return MNL_CB_OK;
}

/* With a threshold of one, packets are told before the system call that sent them ends. */
static void collect(struct listener *listener)
{
	char buf[16384];
	ssize_t n;

	while ((n = recv(mnl_socket_get_fd(listener->socket), buf, sizeof(buf),
			 MSG_DONTWAIT)) > 0)
		mnl_cb_run(buf, (size_t)n, 0, 0, take_message, listener);
}

/* How many were logged so; @port 0: any. */
static int count(const struct listener *listener, const char *prefix, uint16_t port)
{
	int n = 0;

	for (int i = 0; i < listener->n; i++)
		n += !strcmp(listener->seen[i].prefix, prefix) &&
		     (!port || listener->seen[i].port == port);
	return n;
}

FIXTURE_SETUP(cell)
{
	env_setup(&self->env, "flowlog");
	listen_to(&self->listener, GROUP);
}

FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static int run(const struct test_env *env, const char *id, const char *option,
	       const char *attempts)
{
	struct run run = {
		.document = document(id, "'authority': {'egressRules': [{'host': '127.0.0.1', "
				     "'port': 7001}]}, 'run': {'argv': ['%s/workload_net', %s]}",
				     env->workloads, attempts),
		.args = { option ? "--flow-log" : NULL, option },
	};

	return run_whole(env, &run);
}

static void serve_udp(int port)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const void *)&at, sizeof(at)) < 0)
		give_up("a server");
}

TEST_F(cell, whose_denied_flows_are_logged_tells_each_with_its_id)
{
	struct listener *listener = &self->listener;

	serve_udp(7001);
	ASSERT_EQ(0, run(&self->env, "logged.one", "5",
			 "'tcp','127.0.0.1','7002','1', 'udp','127.0.0.9','7003','1',"
			 "'udp','127.0.0.1','7001','3'"));
	collect(listener);
	EXPECT_EQ(1, count(listener, "cellos-flow logged.one", 7002));
	EXPECT_EQ(1, count(listener, "cellos-flow logged.one", 7003));
	EXPECT_EQ(2, listener->n);
	EXPECT_EQ(IPPROTO_TCP, listener->seen[0].protocol);
	EXPECT_EQ(htonl(INADDR_LOOPBACK), listener->seen[0].to.s_addr);
	EXPECT_EQ(IPPROTO_UDP, listener->seen[1].protocol);
}

TEST_F(cell, whose_flows_are_all_logged_tells_the_first_segment_of_an_allowed_connection)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(7001),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct listener *listener = &self->listener;
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT_EQ(0, bind(server, (const void *)&at, sizeof(at)));
	ASSERT_EQ(0, listen(server, 8));
	ASSERT_EQ(0, run(&self->env, "all", "5:all",
			 "'tcp','127.0.0.1','7001','2', 'tcp','127.0.0.1','7002','1'"));
	collect(listener);
	EXPECT_EQ(2, count(listener, "cellos-flow all allowed", 7001));
	EXPECT_EQ(1, count(listener, "cellos-flow all", 7002));
	EXPECT_EQ(3, listener->n);
}

TEST_F(cell, that_floods_is_logged_within_its_limit)
{
	struct listener *listener = &self->listener;

	/* The workload stops at the first error: so each of these is one attempt. */
	char *attempts = text("'udp','127.0.0.9','9','1'");

	for (int i = 0; i < 400; i++)
		attempts = text("%s,'udp','127.0.0.9','9','1'", attempts);
	ASSERT_EQ(0, run(&self->env, "flood", "5", attempts));
	collect(listener);
	/* A burst of 50 and 10 a second; the flood takes some milliseconds. */
	EXPECT_LE(50, listener->n);
	EXPECT_GE(100, listener->n) TH_LOG("%d", listener->n);
}

TEST_F(cell, without_the_option_is_not_logged_beside_one_with_it)
{
	struct run other = {
		.document = document("other", "'run': {'argv': ['%s/workload_net', 'bind', "
				     "'127.0.0.1', '9001', '1']}", self->env.workloads),
		.args = { "--flow-log", "5" },
	};
	struct listener *listener = &self->listener;

	run_start(&self->env, &other);
	ASSERT_LT(0, cell_wait(&self->env, &other, "other", "ready"));
	ASSERT_EQ(0, run(&self->env, "silent", NULL, "'udp','127.0.0.9','7003','1'"));
	ASSERT_EQ(0, run(&self->env, "third", "5", "'udp','127.0.0.9','7003','1'"));
	kill(other.pid, SIGTERM);
	run_finish(&other);
	collect(listener);
	EXPECT_EQ(1, count(listener, "cellos-flow third", 7003));
	EXPECT_EQ(1, listener->n);
}

TEST_F(cell, that_is_logged_leaves_nothing_behind)
{
	const char *before = host_snapshot(&self->env);
	struct run other = {
		.document = document("other", "'run': {'argv': ['%s/workload_net', 'bind', "
				     "'127.0.0.1', '9001', '1']}", self->env.workloads),
	};
	struct run reconcile = { .verb = "reconcile" };
	const char *between;

	run_start(&self->env, &other);
	ASSERT_LT(0, cell_wait(&self->env, &other, "other", "ready"));
	/* Beside another cell the chains go one by one, not with their table. */
	ASSERT_EQ(0, run(&self->env, "first", "5:all", "'udp','127.0.0.9','7003','1'"));
	ASSERT_EQ(0, run(&self->env, "second", "5:all", "'udp','127.0.0.9','7003','1'"));
	between = command((const char *const[]){ "nft", "-j", "list", "chains", NULL });
	ASSERT_NE(NULL, between);
	EXPECT_EQ(NULL, strstr(between, "\"flow"));
	kill(other.pid, SIGTERM);
	run_finish(&other);
	EXPECT_STREQ(before, host_snapshot(&self->env));
	EXPECT_EQ(0, run_whole(&self->env, &reconcile));
}

/* Killed with its helper, beside a cell that stays: the sweep finds the chain. */
TEST_F(cell, that_is_logged_and_loses_its_helper_is_reconciled)
{
	struct run runs[2];
	struct run reconcile = { .verb = "reconcile" };
	const char *chains;

	for (int i = 0; i < 2; i++) {
		runs[i] = (struct run){
			.document = document(i ? "lost" : "stays", "'run': {'argv': "
					     "['%s/workload_net', 'bind', '127.0.0.1', '%d', '1']}",
					     self->env.workloads, 9001 + i),
			.args = { i ? "--flow-log" : NULL, "5:all" },
		};
		run_start(&self->env, &runs[i]);
		ASSERT_LT(0, cell_wait(&self->env, &runs[i], i ? "lost" : "stays", "ready"));
	}
	kill(runs[1].pid, SIGKILL);
	run_finish(&runs[1]);
	ASSERT_EQ(0, run_whole(&self->env, &reconcile)) TH_LOG("%s", reconcile.err.bytes);
	chains = command((const char *const[]){ "nft", "-j", "list", "chains", NULL });
	EXPECT_EQ(NULL, strstr(chains ?: "\"flow", "\"flow"));
	kill(runs[0].pid, SIGTERM);
	run_finish(&runs[0]);
}

TEST_F(cell, bad_flow_logs_are_refused_by_name)
{
	static const char *const cases[][4] = {
		{ "--flow-log", "x" }, { "--flow-log", "65536" }, { "--flow-log", "5:some" },
		{ "--flow-log", "" }, { "--flow-log", "5", "--egress", "off" },
		{ "--flow-log", "5", "--unshare", "net" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = {
			.document = document("refused", "'run': {'argv': ['true']}"),
			.args = { cases[i][0], cases[i][1], cases[i][2], cases[i][3] },
		};

		EXPECT_EQ(125, run_whole(&self->env, &run));
		EXPECT_NE(NULL, strstr(run.err.bytes, "--flow-log")) TH_LOG("%s", run.err.bytes);
	}
}

TEST_HARNESS_MAIN
