// SPDX-License-Identifier: MIT
/* The egress rules of one cell: by number of live cells, and against nft(8). */
#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/command.h"
#include "selftests/bench/lane.h"
#include "selftests/bench/stand.h"

enum { EGRESS_ALL, EGRESS_ADD, EGRESS_VERIFY, EGRESS_REMOVE };

#define CGROUP_ID	UINT64_C(1)	/* of nobody: elements do not need a cgroup */

static void *egress_open(const void *arg)
{
	struct stand *stand = calloc(1, sizeof(*stand));

	if (!stand)
		die("no memory");
	stand_open(stand, "null", place.true_path, 0);
	stand_crowd(stand, *(const unsigned int *)arg, false);
	return stand;
}

static void egress_sample(void *state, uint64_t *ret_ns)
{
	struct stand *stand = state;
	struct nft_cell cell = stand_cell(stand, BENCH_ID, CGROUP_ID, CELLOS_UID_BASE);
	struct error err = { 0 };
	uint64_t t[4];
	int ret;

	t[0] = clock_ns();
	ret = nft_cell_add(stand->nft, &cell, &err);
	t[1] = clock_ns();
	ret = ret < 0 ? ret : nft_cell_verify(stand->nft, &cell, &err);
	t[2] = clock_ns();
	ret = ret < 0 ? ret : nft_cell_remove(stand->nft, &cell, &err);
	t[3] = clock_ns();
	errno = 0;
	if (ret < 0)
		die("egress: %s", err.message);
	ret_ns[EGRESS_ALL] = t[3] - t[0];
	for (int i = EGRESS_ADD; i <= EGRESS_REMOVE; i++)
		ret_ns[i] = t[i] - t[i - 1];
}

static const struct lane_ops egress_ops = { .open = egress_open, .sample = egress_sample };

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

enum { NFT, SOLE, ONE, THOUSAND, TEN_THOUSAND, FIFTY_THOUSAND, LANES };

static void print(const struct lane *lanes)
{
	static const char *const names[] = { NULL, "  add", "  verify", "  remove" };

	table_head("Egress rules of one cell (5): add, verify, remove");
	lane_row(NULL, &lanes[NFT], EGRESS_ALL, NULL, 0);
	lane_row("  nft -f alone", &lanes[NFT], EGRESS_ADD, NULL, 0);
	lane_row(NULL, &lanes[SOLE], EGRESS_ALL, &lanes[NFT].series[EGRESS_ALL], 0);
	lane_row(NULL, &lanes[ONE], EGRESS_ALL, &lanes[NFT].series[EGRESS_ALL], -100);
	lane_row("  against nft -f alone", &lanes[ONE], EGRESS_ALL,
		 &lanes[NFT].series[EGRESS_ADD], -100);
	for (int metric = EGRESS_ADD; metric <= EGRESS_REMOVE; metric++)
		lane_row(names[metric], &lanes[ONE], (unsigned int)metric, NULL, 0);
	for (int i = THOUSAND; i < LANES; i++) {
		bool last = i == FIFTY_THOUSAND;

		lane_row(NULL, &lanes[i], EGRESS_ALL, lanes[ONE].series, last ? 2 : 0);
		for (int metric = EGRESS_ADD; last && metric <= EGRESS_REMOVE; metric++)
			lane_row(names[metric], &lanes[i], (unsigned int)metric,
				 &lanes[ONE].series[metric], metric == EGRESS_ADD ? 0 : 1.2);
	}
}

void part_egress(void)
{
	const unsigned int crowds[LANES] = {
		[ONE] = 1, [THOUSAND] = pick(1000, 50), [TEN_THOUSAND] = pick(10000, 100),
		[FIFTY_THOUSAND] = pick(50000, 200),
	};
	struct lane lanes[LANES] = {
		[NFT] = { .name = "the same by nft -f, nft list, nft delete", .ops = &nft_ops },
		[SOLE] = { .name = "no other cell: the table comes and goes" },
		[ONE] = { .name = "1 other live cell" },
		[THOUSAND] = { .name = "1,000 other live cells" },
		[TEN_THOUSAND] = { .name = "10,000 other live cells" },
		[FIFTY_THOUSAND] = { .name = "50,000 other live cells" },
	};
	const struct turns turns = { .rounds = pick(60, 3), .burst = 5, .warm_up = 20 };

	for (int i = SOLE; i < LANES; i++) {
		lanes[i].ops = &egress_ops;
		lanes[i].arg = &crowds[i];
	}
	lanes_run(lanes, LANES, &turns);
	print(lanes);
}
