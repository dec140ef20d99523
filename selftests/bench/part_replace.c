// SPDX-License-Identifier: MIT
/* A thousand rules of a live cell replaced, and one of a thousand; against nft(8). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/command.h"
#include "selftests/bench/lane.h"
#include "selftests/bench/stand.h"

enum { REPLACE_ALL, REPLACE_ONE, REPLACE_VERIFY };

#define RULES		1000
#define CGROUP_ID	UINT64_C(1)	/* of nobody */
#define OLD_NETWORK	0x0a000000
#define NEW_NETWORK	0x0a010000

/* Addresses from @network on; the last one is @last instead, if not 0. */
static void make_rules(struct stand_rule *ret, uint32_t network, uint32_t last)
{
	for (unsigned int i = 0; i < RULES; i++)
		ret[i] = (struct stand_rule){ network + i, 32, 443, EGRESS_TCP };
	if (last)
		ret[RULES - 1].addr = last;
}

/**
 * struct replace - a cell in force
 * @old: its rules; @other: all others; @next: as @old but for one
 */
struct replace {
	struct stand stand;
	struct nft_cell cell;
	struct egress_policy old, other, next;
};

static void *replace_open(const void *arg)
{
	struct replace *replace = calloc(1, sizeof(*replace));
	struct stand_rule rules[RULES];
	struct error err = { 0 };

	if (!replace)
		die("no memory");
	stand_open(&replace->stand, place.true_path);
	stand_crowd(&replace->stand, *(const unsigned int *)arg, false);
	make_rules(rules, OLD_NETWORK, 0);
	stand_policy(rules, RULES, &replace->old);
	make_rules(rules, NEW_NETWORK, 0);
	stand_policy(rules, RULES, &replace->other);
	make_rules(rules, OLD_NETWORK, NEW_NETWORK);
	stand_policy(rules, RULES, &replace->next);
	replace->cell = stand_cell(&replace->stand, BENCH_ID, CGROUP_ID, CELLOS_UID_BASE);
	replace->cell.policy = &replace->old;
	if (nft_cell_add(replace->stand.nft, &replace->cell, &err) < 0)
		die("replace: %s", err.message);
	return replace;
}

/* Nanoseconds for another policy. */
static uint64_t change(struct replace *replace, const struct egress_policy *policy)
{
	uint64_t begin = clock_ns();
	struct error err = { 0 };

	if (nft_cell_replace(replace->stand.nft, &replace->cell, policy, &err) < 0)
		die("replace: %s", err.message);
	replace->cell.policy = policy;
	return clock_ns() - begin;
}

static void replace_sample(void *state, uint64_t *ret_ns)
{
	struct replace *replace = state;
	struct error err = { 0 };
	uint64_t begin;

	ret_ns[REPLACE_ALL] = change(replace, &replace->other);
	begin = clock_ns();
	if (nft_cell_verify(replace->stand.nft, &replace->cell, &err) < 0)
		die("replace: %s", err.message);
	ret_ns[REPLACE_VERIFY] = clock_ns() - begin;
	change(replace, &replace->old);
	ret_ns[REPLACE_ONE] = change(replace, &replace->next);
	change(replace, &replace->old);
}

static const struct lane_ops replace_ops = { .open = replace_open, .sample = replace_sample };

/* The same by nft(8): a set of such keys, flushed and filled in one file. */
struct nft_files {
	char *all[2];	/* forth and back */
	char *one[2];
};

static char *list_of(uint32_t network)
{
	char *list = NULL;
	size_t size;
	FILE *out = open_memstream(&list, &size);

	for (uint32_t i = 0; out && i < RULES; i++)
		fprintf(out, "%stcp . 10.%u.%u.%u . 443", i ? ", " : "", network >> 16 & 0xff,
			i >> 8, i & 0xff);
	if (!out || fclose(out))
		die("no memory");
	return list;
}

static void nft_run(const char *file, uint64_t *ret_ns)
{
	const char *const words[] = { "nft", "-f", file, NULL };
	int status = command_run(words, ret_ns);

	errno = 0;
	if (status)
		die("nft -f %s ends with status %d", file, status);
}

static void *nft_cli_open(const void *arg)
{
	static const char fill[] = "flush set inet bench allow\n"
				   "add element inet bench allow { %s }\n";
	static const char swap[] = "delete element inet bench allow { tcp . %s . 443 }\n"
				   "add element inet bench allow { tcp . %s . 443 }\n";
	char *old = list_of(OLD_NETWORK), *other = list_of(NEW_NETWORK);
	struct nft_files *files = calloc(1, sizeof(*files));
	uint64_t ns;

	(void)arg;
	if (!files)
		die("no memory");
	if (!command_exists("nft"))
		lane_skip("nft is not installed");
	nft_run(place_file("table.nft", text("table inet bench {\n\tset allow {\n"
		"\t\ttype inet_proto . ipv4_addr . inet_service\n\t\tcounter\n"
		"\t\telements = { %s }\n\t}\n}\n", old)), &ns);
	files->all[0] = place_file("all.nft", text(fill, other));
	files->all[1] = place_file("back.nft", text(fill, old));
	files->one[0] = place_file("one.nft", text(swap, "10.0.3.231", "10.1.0.0"));
	files->one[1] = place_file("one-back.nft", text(swap, "10.1.0.0", "10.0.3.231"));
	return files;
}

static void nft_cli_sample(void *state, uint64_t *ret_ns)
{
	const struct nft_files *files = state;
	uint64_t ns;

	nft_run(files->all[0], &ret_ns[REPLACE_ALL]);
	nft_run(files->all[1], &ns);
	nft_run(files->one[0], &ret_ns[REPLACE_ONE]);
	nft_run(files->one[1], &ns);
}

static const struct lane_ops nft_ops = { .open = nft_cli_open, .sample = nft_cli_sample };

void part_replace(void)
{
	const unsigned int one = 1, many = pick(10000, 100);
	struct lane lanes[] = {
		{ .name = "nft -f: flush set, add 1,000", .ops = &nft_ops, .every = 3 },
		{ .name = "all; 1 other cell", .ops = &replace_ops, .arg = &one },
		{ .name = "all; 10,000 others", .ops = &replace_ops, .arg = &many },
	};
	const struct turns turns = { .rounds = pick(60, 3), .burst = 2, .warm_up = 2 };
	struct series *nft = lanes[0].series, *cell = lanes[1].series;

	lanes_run(lanes, ARRAY_SIZE(lanes), &turns);
	nft[REPLACE_ONE].name = "nft -f: delete 1, add 1";
	cell[REPLACE_ONE].name = "1 of 1,000; 1 other cell";
	table_head("Replacing rules of a cell that has 1,000, in one transaction");
	lane_row(NULL, &lanes[0], REPLACE_ALL, NULL, 0);
	lane_row(NULL, &lanes[1], REPLACE_ALL, &nft[REPLACE_ALL], 0);
	lane_row(NULL, &lanes[2], REPLACE_ALL, &cell[REPLACE_ALL], 0);
	lane_row("  verify all", &lanes[1], REPLACE_VERIFY, NULL, 0);
	lane_row(nft[REPLACE_ONE].name, &lanes[0], REPLACE_ONE, NULL, 0);
	lane_row(cell[REPLACE_ONE].name, &lanes[1], REPLACE_ONE, &nft[REPLACE_ONE], 0);
	lane_row("1 of 1,000; 10,000 others", &lanes[2], REPLACE_ONE, &cell[REPLACE_ONE], 0);
}
