// SPDX-License-Identifier: MIT
/*
 * What a packet costs: of a cell, to a cell, and between processes that are none
 * of a cell's but share the host with them; against a host without the table.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/data.h"
#include "selftests/bench/flow.h"
#include "selftests/bench/lane.h"
#include "selftests/bench/stand.h"

enum { UDP_OUT, UDP_OUT_LAST, UDP_IN, UDP_IN_LAST, UDP_HOST, TCP_CELL, TCP_HOST };

/* Ports of the servers; the first two are in the rules. */
enum { PORT_FIRST = 7001, PORT_LAST, PORT_HOST, PORT_DENIED };

#define LOOPBACK	0x7f000001
#define BOTH		(EGRESS_TCP | EGRESS_UDP)

/*
 * Rules by what they are looked up in: the first one of each list is met first,
 * the last one last, as the longest prefix comes first.
 */
static const struct stand_rule one_tuple[] = {
	{ LOOPBACK, 32, PORT_FIRST, BOTH },
};

static const struct stand_rule four_tuples[] = {
	{ LOOPBACK, 32, PORT_FIRST, BOTH }, { 0x0a000000, 24, 443, BOTH },
	{ 0x0a000000, 16, 443, BOTH }, { 0x70000000, 4, PORT_LAST, BOTH },
};

/* Prefix expansion makes the lengths 20, 24, 28 and 32 of these: four tuples. */
static const struct stand_rule sixteen_lengths[] = {
	{ LOOPBACK, 32, PORT_FIRST, BOTH }, { 0x0a000000, 31, 443, BOTH },
	{ 0x0a010000, 30, 443, BOTH }, { 0x0a020000, 29, 443, BOTH },
	{ 0x0a030000, 28, 443, BOTH }, { 0x0a040000, 27, 443, BOTH },
	{ 0x0a050000, 26, 443, BOTH }, { 0x0a060000, 25, 443, BOTH },
	{ 0x0a070000, 24, 443, BOTH }, { 0x0a080000, 23, 443, BOTH },
	{ 0x0a090000, 22, 443, BOTH }, { 0x0a0a0000, 21, 443, BOTH },
	{ 0x0a0b0000, 20, 443, BOTH }, { 0x0a0c0000, 19, 443, BOTH },
	{ 0x0a0d0000, 18, 443, BOTH }, { 0x7f000000, 17, PORT_LAST, BOTH },
};

/* Eight lengths, each with a port and without. */
static const struct stand_rule sixteen_tuples[] = {
	{ LOOPBACK, 32, PORT_FIRST, BOTH }, { 0x0a000001, 32, 0, BOTH },
	{ 0x0a000000, 28, 443, BOTH }, { 0x0a000000, 28, 0, BOTH },
	{ 0x0a000000, 24, 443, BOTH }, { 0x0a000000, 24, 0, BOTH },
	{ 0x0a000000, 20, 443, BOTH }, { 0x0a000000, 20, 0, BOTH },
	{ 0x0a000000, 16, 443, BOTH }, { 0x0a000000, 16, 0, BOTH },
	{ 0x0a000000, 12, 443, BOTH }, { 0x0a000000, 12, 0, BOTH },
	{ 0x0a000000, 8, 443, BOTH }, { 0x0a000000, 8, 0, BOTH },
	{ 0x70000000, 4, 443, BOTH }, { 0x70000000, 4, 0, BOTH },
};

/* The first one again, beside sixteen of the other family. */
#define IPV6(prefix)	{ 0x20010db8, prefix, 443, BOTH }
static const struct stand_rule beside_ipv6[] = {
	{ LOOPBACK, 32, PORT_FIRST, BOTH },
	IPV6(128), IPV6(124), IPV6(120), IPV6(116), IPV6(112), IPV6(108), IPV6(104), IPV6(100),
	IPV6(96), IPV6(92), IPV6(88), IPV6(84), IPV6(80), IPV6(76), IPV6(72), IPV6(68),
};

/**
 * struct packets_arg - what the table has
 * @cells: that live, ours among them; 0: there is no table
 * @rules: the first one matches what goes to PORT_FIRST
 * @last: the last one matches what goes to PORT_LAST, after all other lookups
 */
struct packets_arg {
	unsigned int cells;
	const struct stand_rule *rules;
	unsigned int n;
	bool last;
};

#define RULES(list)	.rules = (list), .n = ARRAY_SIZE(list)

struct packets {
	struct stand stand;
	struct nft_cell cell;
	char *inside, *outside;		/* cgroups */
	struct flow first, last, host, tcp, tcp_host;
};

/* Where all the others live: as deep as a cell, so that it is looked for there. */
static char *make_outside(void)
{
	char *parent = text("%s/host-%d", place.base, getpid());
	char *path = text("%s/process", parent);

	if (mkdir(parent, 0755) < 0 || mkdir(path, 0755) < 0)
		die("cannot make %s", path);
	free(parent);
	return path;
}

static void open_flows(struct packets *packets, bool last)
{
	const char *const cell[] = { packets->inside, packets->outside };
	const char *const host[] = { packets->outside, packets->outside };

	packets->first = flow_udp(cell, PORT_FIRST);
	packets->host = flow_udp(host, PORT_HOST);
	packets->tcp = flow_tcp(cell, PORT_FIRST);
	packets->tcp_host = flow_tcp(host, PORT_HOST);
	packets->last = packets->first;
	if (last)
		packets->last = flow_udp(cell, PORT_LAST);
}

/* Do the rules judge these flows? Their own counters say so. */
static void check_counters(struct packets *packets, const struct packets_arg *arg)
{
	struct nft_count before[CELLOS_RULES_MAX], after[CELLOS_RULES_MAX];
	unsigned int last = arg->last ? arg->n - 1 : 0;
	struct nft *nft = packets->stand.nft;
	struct nft_totals totals;
	struct error err = { 0 };

	if (nft_cell_count(nft, &packets->cell, before, &totals, &err) < 0)
		die("packets: %s", err.message);
	flow_send(packets->first.client, packets->first.server);
	flow_send(packets->last.client, packets->last.server);
	flow_send(packets->host.client, packets->host.server);
	if (nft_cell_count(nft, &packets->cell, after, &totals, &err) < 0)
		die("packets: %s", err.message);
	errno = 0;
	if (after[0].packets - before[0].packets != FLOW_BURST * (last ? 1 : 2) ||
	    (last && after[last].packets - before[last].packets != FLOW_BURST))
		die("packets: the cell's flows are not counted by its rules");
}

static void check_verdicts(struct packets *packets)
{
	struct nft_count rules[CELLOS_RULES_MAX];
	struct nft_totals totals;
	struct error err = { 0 };
	int out = flow_try(packets->inside, packets->outside);
	int in = flow_try(packets->outside, packets->inside);
	int host = flow_try(packets->outside, packets->outside);

	if (nft_cell_count(packets->stand.nft, &packets->cell, rules, &totals, &err) < 0)
		die("packets: %s", err.message);
	errno = 0;
	if (out != -EPERM || totals.denied.packets != 1)
		die("packets: the cell can send what no rule allows");
	if (in != -EAGAIN || totals.refused.packets != 1)
		die("packets: the cell can be sent what no rule allows");
	if (host)
		die("packets: a process outside cannot talk to another");
}

static void *packets_open(const void *data)
{
	struct packets *packets = calloc(1, sizeof(*packets));
	const struct packets_arg *arg = data;
	struct error err = { 0 };
	uint64_t id;

	if (!packets)
		die("no memory");
	stand_open(&packets->stand, place.true_path);
	egress_policy_done(&packets->stand.plan.policy);
	stand_policy(arg->rules, arg->n, &packets->stand.plan.policy);
	packets->inside = stand_leaf(&packets->stand, BENCH_ID, 0, &id);
	packets->outside = make_outside();
	packets->cell = stand_cell(&packets->stand, BENCH_ID, id, CELLOS_UID_BASE);
	flow_setup();
	if (arg->cells) {
		stand_crowd(&packets->stand, arg->cells - 1, false);
		if (nft_cell_add(packets->stand.nft, &packets->cell, &err) < 0)
			die("packets: %s", err.message);
	}
	open_flows(packets, arg->last);
	if (arg->cells)
		check_counters(packets, arg);
	if (arg->cells && arg->rules[arg->n - 1].port)
		check_verdicts(packets);
	return packets;
}

static void packets_sample(void *state, uint64_t *ret_ns)
{
	const struct packets *packets = state;

	flow_send(packets->host.client, packets->host.server);	/* warms the caches */
	ret_ns[UDP_OUT] = flow_send(packets->first.client, packets->first.server);
	ret_ns[UDP_OUT_LAST] = flow_send(packets->last.client, packets->last.server);
	ret_ns[UDP_IN] = flow_send(packets->first.server, packets->first.client);
	ret_ns[UDP_IN_LAST] = flow_send(packets->last.server, packets->last.client);
	ret_ns[UDP_HOST] = flow_send(packets->host.client, packets->host.server);
	ret_ns[TCP_CELL] = flow_ask(&packets->tcp);
	ret_ns[TCP_HOST] = flow_ask(&packets->tcp_host);
}

static const struct lane_ops packets_ops = { .open = packets_open, .sample = packets_sample };

enum {
	NO_TABLE, CELLS_1, CELLS_100, CELLS_10000, TUPLES_4, LENGTHS_16, TUPLES_16, BESIDE_IPV6,
	LANES
};

static const struct {
	const char *name;
	unsigned int metric;
	const char *line;
} metrics[] = {
	{ "UDP, from a cell", UDP_OUT, "out" },
	{ "UDP, to a cell", UDP_IN, "in" },
	{ "UDP, of no cell", UDP_HOST, "host" },
	{ "TCP request and response of a cell", TCP_CELL, "tcp" },
	{ "TCP request and response of no cell", TCP_HOST, "tcp-host" },
};

static void print_cells(const struct lane *lanes)
{
	static const unsigned int cells[] = { 0, 1, 100, 10000 };

	table_head("Packets over loopback: one send(2) of 64 bytes, by number of live cells");
	for (size_t m = 0; m < ARRAY_SIZE(metrics); m++)
		for (int i = NO_TABLE; i <= CELLS_10000; i++) {
			const struct series *none = &lanes[NO_TABLE].series[metrics[m].metric];
			char *name = text("%s; %s", metrics[m].name, lanes[i].name);

			lane_row(name, &lanes[i], metrics[m].metric, i ? none : NULL, 0);
			data_point("packets", metrics[m].line, cells[i],
				   &lanes[i].series[metrics[m].metric]);
			free(name);
		}
}

static void print_tuples(const struct lane *lanes)
{
	static const struct { const char *name; int lane; unsigned int metric; } rows[] = {
		{ "UDP, from a cell; 1 tuple", CELLS_1, UDP_OUT },
		{ "UDP, from a cell; 1 tuple beside 16 of IPv6", BESIDE_IPV6, UDP_OUT },
		{ "UDP, from a cell; 4 tuples, matched first", TUPLES_4, UDP_OUT },
		{ "UDP, from a cell; 4 tuples, matched last", TUPLES_4, UDP_OUT_LAST },
		{ "UDP, from a cell; 16 lengths, matched last", LENGTHS_16, UDP_OUT_LAST },
		{ "UDP, from a cell; 16 tuples, matched first", TUPLES_16, UDP_OUT },
		{ "UDP, from a cell; 16 tuples, matched last", TUPLES_16, UDP_OUT_LAST },
		{ "UDP, to a cell; 1 tuple", CELLS_1, UDP_IN },
		{ "UDP, to a cell; 1 tuple beside 16 of IPv6", BESIDE_IPV6, UDP_IN },
		{ "UDP, to a cell; 4 tuples, matched last", TUPLES_4, UDP_IN_LAST },
		{ "UDP, to a cell; 16 tuples, matched last", TUPLES_16, UDP_IN_LAST },
		{ "UDP, of no cell; 1 tuple", CELLS_1, UDP_HOST },
		{ "UDP, of no cell; 16 tuples", TUPLES_16, UDP_HOST },
	};

	table_head("Packets over loopback: one send(2) of 64 bytes, by number of tuples");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		lane_row(rows[i].name, &lanes[rows[i].lane], rows[i].metric,
			 &lanes[NO_TABLE].series[rows[i].metric], 0);
	table_note("A tuple is a prefix length and a port mask; 16 lengths, /17 to /32, are "
		   "expanded to 4.");
}

static void plot_tuples(const struct lane *lanes)
{
	static const struct { int lane; unsigned int tuples; } of[] = {
		{ NO_TABLE, 0 }, { CELLS_1, 1 }, { TUPLES_4, 4 }, { TUPLES_16, 16 },
	};
	static const struct { const char *name; unsigned int metric; } lines[] = {
		{ "out-first", UDP_OUT }, { "out-last", UDP_OUT_LAST },
		{ "in-last", UDP_IN_LAST }, { "host", UDP_HOST },
	};

	for (size_t k = 0; k < ARRAY_SIZE(lines); k++)
		for (size_t i = 0; i < ARRAY_SIZE(of); i++)
			data_point("tuples", lines[k].name, of[i].tuples,
				   &lanes[of[i].lane].series[lines[k].metric]);
}

void part_packets(void)
{
	const struct packets_arg args[LANES] = {
		[NO_TABLE] = { .cells = 0, RULES(one_tuple) },
		[CELLS_1] = { .cells = 1, RULES(one_tuple) },
		[CELLS_100] = { .cells = 100, RULES(one_tuple) },
		[CELLS_10000] = { .cells = pick(10000, 200), RULES(one_tuple) },
		[TUPLES_4] = { .cells = 1, RULES(four_tuples), .last = true },
		[LENGTHS_16] = { .cells = 1, RULES(sixteen_lengths), .last = true },
		[TUPLES_16] = { .cells = 1, RULES(sixteen_tuples), .last = true },
		[BESIDE_IPV6] = { .cells = 1, RULES(beside_ipv6) },
	};
	struct lane lanes[LANES] = {
		[NO_TABLE] = { .name = "no table" }, [CELLS_1] = { .name = "1 cell" },
		[CELLS_100] = { .name = "100 cells" }, [CELLS_10000] = { .name = "10,000 cells" },
		[TUPLES_4] = { .name = "4 tuples" },
		[LENGTHS_16] = { .name = "16 prefix lengths" },
		[TUPLES_16] = { .name = "16 tuples" },
		[BESIDE_IPV6] = { .name = "beside IPv6" },
	};
	const struct turns turns = { .rounds = pick(100, 3), .burst = 5, .warm_up = 10 };

	for (int i = 0; i < LANES; i++) {
		lanes[i].ops = &packets_ops;
		lanes[i].arg = &args[i];
	}
	lanes_run(lanes, LANES, &turns);
	print_cells(lanes);
	print_tuples(lanes);
	plot_tuples(lanes);
}
