// SPDX-License-Identifier: MIT
/* The egress rules of one cell: by number of live cells, and against nft(8). */
#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/command.h"
#include "selftests/bench/data.h"
#include "selftests/bench/lane.h"
#include "selftests/bench/stand.h"

enum { EGRESS_ALL, EGRESS_ADD, EGRESS_VERIFY, EGRESS_REMOVE, EGRESS_METRICS };

#define CGROUP_ID	UINT64_C(1)	/* of nobody: elements do not need a cgroup */

/* Adds, verifies and removes the cell; the times are those between the four. */
static void life_of_rules(const struct stand *stand, struct nft *nft, uint64_t t[4])
{
	struct nft_cell cell = stand_cell(stand, BENCH_ID, CGROUP_ID, CELLOS_UID_BASE);
	struct error err = { 0 };
	int ret;

	t[0] = clock_ns();
	ret = nft_cell_add(nft, &cell, &err);
	t[1] = clock_ns();
	ret = ret < 0 ? ret : nft_cell_verify(nft, &cell, &err);
	t[2] = clock_ns();
	ret = ret < 0 ? ret : nft_cell_remove(nft, &cell, &err);
	t[3] = clock_ns();
	errno = 0;
	if (ret < 0)
		die("egress: %s", err.message);
}

static void *egress_open(const void *arg)
{
	struct stand *stand = calloc(1, sizeof(*stand));

	if (!stand)
		die("no memory");
	stand_open(stand, place.true_path);
	stand_crowd(stand, *(const unsigned int *)arg, false);
	return stand;
}

static void egress_sample(void *state, uint64_t *ret_ns)
{
	const struct stand *stand = state;
	uint64_t t[4];

	life_of_rules(stand, stand->nft, t);
	ret_ns[EGRESS_ALL] = t[3] - t[0];
	for (int i = EGRESS_ADD; i <= EGRESS_REMOVE; i++)
		ret_ns[i] = t[i] - t[i - 1];
}

/* As `run` does it: who is new reads the static rules first. The close is not counted. */
static void newcomer_sample(void *state, uint64_t *ret_ns)
{
	const struct stand *stand = state;
	struct error err = { 0 };
	uint64_t begin, t[4];
	struct nft *nft;

	begin = clock_ns();
	if (nft_open(&nft, &err) < 0)
		die("egress: %s", err.message);
	life_of_rules(stand, nft, t);
	ret_ns[EGRESS_ALL] = t[3] - begin;
	nft_close(nft);
}

static const struct lane_ops egress_ops = { .open = egress_open, .sample = egress_sample };
static const struct lane_ops newcomer_ops = { .open = egress_open, .sample = newcomer_sample };

/* The same by nft(8), as somebody without this engine would do it. */
static void *nft_cli_open(const void *arg)
{
	(void)arg;
	if (!command_exists("nft"))
		lane_skip("nft is not installed");
	return place_file("rules.nft", rules_nft("bench"));
}

static void nft_cli_sample(void *state, uint64_t *ret_ns)
{
	const char *const words[][4] = {
		{ "nft", "-f", state }, { "nft", "list table inet bench" },
		{ "nft", "delete table inet bench" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		int status = command_run(words[i], &ret_ns[EGRESS_ADD + i]);

		errno = 0;
		if (status)
			die("%s %s ends with status %d", words[i][0], words[i][1], status);
		ret_ns[EGRESS_ALL] += ret_ns[EGRESS_ADD + i];
	}
}

static const struct lane_ops nft_ops = { .open = nft_cli_open, .sample = nft_cli_sample };

enum {
	NFT, SOLE, ONE, THOUSAND, TEN_THOUSAND, FIFTY_THOUSAND, NEW_ONE, NEW_FIFTY_THOUSAND, LANES
};

static const unsigned int others[LANES] = {
	[ONE] = 1, [THOUSAND] = 1000, [TEN_THOUSAND] = 10000, [FIFTY_THOUSAND] = 50000,
	[NEW_ONE] = 1, [NEW_FIFTY_THOUSAND] = 50000,
};

static const struct { const char *name; double budget; } metrics[EGRESS_METRICS] = {
	[EGRESS_ALL] = { "add, verify, remove", 2 },
	[EGRESS_ADD] = { "add", 3 },
	[EGRESS_VERIFY] = { "verify", 1.2 },
	[EGRESS_REMOVE] = { "remove", 1.2 },
};

static void print_nft(struct lane *lanes)
{
	struct series *all = &lanes[NFT].series[EGRESS_ALL], *load = &lanes[NFT].series[EGRESS_ADD];

	load->name = "nft -f alone";
	table_head("Egress rules of one cell (5), 1 other cell, against nft(8)");
	lane_row(NULL, &lanes[NFT], EGRESS_ALL, NULL, 0);
	lane_row("  nft -f alone", &lanes[NFT], EGRESS_ADD, NULL, 0);
	lane_row("add", &lanes[ONE], EGRESS_ADD, load, -100);
	lane_row("add, verify, remove", &lanes[ONE], EGRESS_ALL, all, -100);
	lane_row("  against nft -f alone", &lanes[ONE], EGRESS_ALL, load, -100);
	data_point("cells", "nft", 0, all);
	data_point("cells", "nft -f", 0, load);
}

static void print_metric(const struct lane *lanes, unsigned int i, unsigned int metric,
			 const struct series *against, double budget)
{
	char *name = text("%s; %s", metrics[metric].name, lanes[i].name);

	lane_row(name, &lanes[i], metric, against, budget);
	data_point("cells", metrics[metric].name, others[i], &lanes[i].series[metric]);
	free(name);
}

static void print_growth(const struct lane *lanes)
{
	table_head("Egress rules of one cell (5), by number of other cells");
	for (unsigned int m = 0; m < EGRESS_METRICS; m++) {
		print_metric(lanes, ONE, m, NULL, 0);
		for (unsigned int i = THOUSAND; i <= FIFTY_THOUSAND; i++)
			print_metric(lanes, i, m, &lanes[ONE].series[m], metrics[m].budget);
	}
	for (unsigned int m = 0; m < EGRESS_METRICS; m++)
		print_metric(lanes, SOLE, m, &lanes[ONE].series[m], 0);
	for (unsigned int i = NEW_ONE; i <= NEW_FIFTY_THOUSAND; i++)
		data_point("cells", "new", others[i], lanes[i].series);
	lane_row(NULL, &lanes[NEW_ONE], EGRESS_ALL, lanes[ONE].series, 0);
	lane_row(NULL, &lanes[NEW_FIFTY_THOUSAND], EGRESS_ALL, lanes[NEW_ONE].series, 2);
	table_note("Budgets are of 1 other cell: with none, the first cell makes the table and "
		   "the last removes it.");
}

void part_egress(void)
{
	static unsigned int crowds[LANES];
	struct lane lanes[LANES] = {
		[NFT] = { .name = "nft -f, nft list, nft delete" },
		[SOLE] = { .name = "no other cell" },
		[ONE] = { .name = "1 other cell" },
		[THOUSAND] = { .name = "1,000 others" },
		[TEN_THOUSAND] = { .name = "10,000 others" },
		[FIFTY_THOUSAND] = { .name = "50,000 others" },
		[NEW_ONE] = { .name = "the three on a new connection; 1 other cell" },
		[NEW_FIFTY_THOUSAND] = { .name = "the three on a new connection; 50,000 others" },
	};
	const struct turns turns = { .rounds = pick(100, 3), .burst = 5, .warm_up = 5 };

	for (int i = NFT; i < LANES; i++) {
		bool slow = i == NFT || i >= NEW_ONE;

		crowds[i] = place.quick ? others[i] / 200 + !!others[i] : others[i];
		lanes[i].ops = i == NFT ? &nft_ops : slow ? &newcomer_ops : &egress_ops;
		lanes[i].arg = &crowds[i];
		lanes[i].every = slow ? 6 : 1;
	}
	lanes_run(lanes, LANES, &turns);
	print_nft(lanes);
	print_growth(lanes);
}
