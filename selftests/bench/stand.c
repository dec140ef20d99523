// SPDX-License-Identifier: MIT
#include "selftests/bench/stand.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"

/* Outside of the dynamic range: the cell that is measured never meets them. */
#define CROWD_UID	1900000000U
#define CROWD_CGROUP	(UINT64_C(1) << 40)	/* of no cgroup */

static const struct {
	const char *family;
	const char *host;
	unsigned int port;
	const char *protocol;
} rules[BENCH_RULES] = {
	{ "ip", "192.0.2.10", 443, "tcp" },
	{ "ip", "192.0.2.11", 5432, "tcp" },
	{ "ip", "198.51.100.53", 53, "udp" },
	{ "ip", "203.0.113.0/24", 8080, "tcp" },
	{ "ip6", "2001:db8::10", 443, "tcp" },
};

char *rules_document(const struct stand_wish *wish)
{
	char list[1024] = "", *argv;
	size_t n = 0;

	for (size_t i = 0; i < BENCH_RULES && !wish->no_egress; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n,
				      "%s{\"host\": \"%s\", \"port\": %u, \"protocol\": \"%s\"}",
				      i ? ", " : "", rules[i].host, rules[i].port,
				      rules[i].protocol);
	argv = wish->many ? text("\"%s\", \"%u\"", wish->program, wish->many) :
			    text("\"%s\"", wish->program);
	return text("{\"apiVersion\": \"cellos.io/v1\", \"kind\": \"ExecutionCell\", "
		    "\"spec\": {\"id\": \"" BENCH_ID "\", \"authority\": {\"egressRules\": [%s]}, "
		    "\"run\": {\"argv\": [%s]%s%s}}}\n", list, argv,
		    wish->run ? ", " : "", wish->run ? wish->run : "");
}

/* By uid, not by cgroup: the nft command finds cgroups below /sys/fs/cgroup only. */
char *rules_nft(const char *table)
{
	char list[2048] = "";
	size_t n = 0;

	for (size_t i = 0; i < BENCH_RULES; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n,
				      "\t\tmeta skuid 2000000001 %s daddr %s %s dport %u "
				      "counter accept\n", rules[i].family, rules[i].host,
				      rules[i].protocol, rules[i].port);
	return text("table inet %s {\n\tchain output {\n"
		    "\t\ttype filter hook output priority filter; policy accept;\n%s"
		    "\t\tmeta skuid 2000000001 counter reject\n\t}\n}\n", table, list);
}

struct nft_cell stand_cell(const struct stand *stand, const char *id, uint64_t cgroup_id,
			   uint32_t uid)
{
	return (struct nft_cell){
		.cgroup_id = cgroup_id, .parent_id = stand->parent.id,
		.level = stand->parent.level + 1, .id = id, .uid = uid, .uid_unique = true,
		.governed = true, .policy = &stand->plan.policy,
	};
}

static struct egress_net net_of(const struct stand_rule *rule)
{
	struct egress_net net = { .family = rule->prefix > 32 ? 6 : 4, .prefix = rule->prefix };
	uint32_t addr = htonl(rule->addr);

	memcpy(net.addr, &addr, sizeof(addr));
	return net;
}

void stand_policy(const struct stand_rule *list, unsigned int n,
		  struct egress_policy *ret)
{
	struct egress_rule *rule __free(mem) = calloc(n, sizeof(*rule));
	struct egress_net *nets __free(mem) = calloc(n, sizeof(*nets));
	struct error err = { 0 };

	if (!rule || !nets)
		die("no memory");
	for (unsigned int i = 0; i < n; i++) {
		nets[i] = net_of(&list[i]);
		rule[i] = (struct egress_rule){
			.nets = &nets[i], .n_nets = 1, .port_first = list[i].port,
			.port_last = list[i].port, .protocols = list[i].protocols,
		};
	}
	if (egress_compile(rule, n, ret, &err) < 0)
		die("rules: %s", err.message);
}

char *stand_leaf(const struct stand *stand, const char *id, unsigned int i, uint64_t *ret_id)
{
	char *path = text("%s/" LEAF_PREFIX "%s_00000000-0000-4000-8000-%012u", stand->path, id,
			  i);
	struct stat st;

	if (mkdir(path, 0755) < 0 || stat(path, &st) < 0)
		die("cannot make %s", path);
	*ret_id = st.st_ino;
	return path;
}

void stand_crowd(const struct stand *stand, unsigned int n, bool leaves)
{
	struct error err = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		uint64_t cgroup_id = CROWD_CGROUP + i;
		struct nft_cell cell;
		char id[32];

		snprintf(id, sizeof(id), "crowd-%u", i);
		if (leaves)
			free(stand_leaf(stand, id, i, &cgroup_id));
		cell = stand_cell(stand, id, cgroup_id, CROWD_UID + i);
		if (nft_cell_add(stand->nft, &cell, &err) < 0)
			die("crowd: %s", err.message);
	}
}

void stand_make(struct stand *ret, const struct stand_wish *wish)
{
	struct run_options options = {
		.stdio = wish->stdio, .unshare = wish->unshare, .user = wish->user,
		.egress = wish->no_egress ? "off" : NULL, .document = "-",
	};
	char *const environment[] = { (char *)(uintptr_t)wish->variable, NULL };
	char *document __free(mem) = rules_document(wish);
	struct error err = { 0 };

	snprintf(ret->path, sizeof(ret->path), "%.4000s/lane-%d", place.base, getpid());
	if (mkdir(ret->path, 0755) < 0)
		die("cannot make %s", ret->path);
	ret->parent = (struct cgroup_parent)CGROUP_PARENT_NONE;
	if (cgroup_parent_open(ret->path, false, &ret->parent, &err) < 0 ||
	    nft_open(&ret->nft, &err) < 0 ||
	    plan_make(document, strlen(document), &options, environment, &ret->plan, &err) < 0)
		die("%s: %s", err.step, err.message);
}

void stand_open(struct stand *ret, const char *program)
{
	stand_make(ret, &(struct stand_wish){ .program = program, .stdio = "null" });
}
