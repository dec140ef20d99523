// SPDX-License-Identifier: MIT
/* In process: the life of one cell against the floor, and in bad company. */
#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/floor.h"
#include "selftests/bench/subject.h"

#define GIB	((size_t)1 << 30)

static void against_floor(void)
{
	static const struct subject_arg null = { .stdio = "null", .crowd = 1 };
	static const struct subject_arg pipe = { .stdio = "pipe", .crowd = 1 };
	static const struct subject_arg sole = { .stdio = "null" };
	static const struct subject_arg bare = { .stdio = "null", .crowd = 1, .bare = true };
	struct lane lanes[] = {
		{ .name = "floor: the same as a bare C loop", .ops = &floor_ops },
		{ .name = "a cell, --stdio null", .ops = &subject_ops, .arg = &null },
		{ .name = "a cell, --stdio pipe", .ops = &subject_ops, .arg = &pipe },
		{ .name = "the only cell: table made and removed too", .ops = &subject_ops,
		  .arg = &sole },
		{ .name = "floor, a program without C library", .ops = &floor_ops,
		  .arg = place.bare_path },
		{ .name = "a cell, the same program", .ops = &subject_ops, .arg = &bare },
	};
	const struct turns turns = {
		.rounds = pick(150, 5), .burst = 8, .warm_up = pick(50, 4),
	};
	const struct series *floor = lanes[0].series;
	static const struct { const char *name; int of; } steps[] = {
		{ "  step: cgroup (lock, id, uid, mkdir, identity)", LIFE_CGROUP },
		{ "  step: egress (add, read back)", LIFE_EGRESS },
		{ "  step: teardown (counters, remove, look again)", LIFE_TEARDOWN },
	};

	lanes_run(lanes, ARRAY_SIZE(lanes), &turns);
	table_head("Life of a cell in process: create, 5 egress rules, static true, exit, destroy");
	lane_row(NULL, &lanes[0], LIFE_ALL, NULL, 0);
	lane_row(NULL, &lanes[1], LIFE_ALL, &floor[LIFE_ALL], 1.25);
	lane_row(NULL, &lanes[2], LIFE_ALL, &floor[LIFE_ALL], 1.25);
	lane_row(NULL, &lanes[3], LIFE_ALL, &floor[LIFE_ALL], 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		lane_row(steps[i].name, &lanes[1], steps[i].of, &floor[steps[i].of], 0);
	lane_row("  step: spawn, until exec", &lanes[1], LIFE_SPAWN, NULL, 0);
	lane_row("  floor: spawn, until reaped", &lanes[0], LIFE_SPAWN, NULL, 0);
	lane_row(NULL, &lanes[4], LIFE_ALL, NULL, 0);
	lane_row(NULL, &lanes[5], LIFE_ALL, lanes[4].series, 0);
}

static void in_company(void)
{
	const struct subject_arg empty = { .stdio = "null", .crowd = 1 };
	const struct subject_arg crowd = { .stdio = "null", .crowd = pick(10000, 500) };
	const struct subject_arg large = { .stdio = "null", .crowd = 1,
					   .resident = place.quick ? GIB / 16 : GIB };
	const struct subject_arg fds = { .stdio = "null", .crowd = 1, .fds = pick(10000, 500) };
	struct lane lanes[] = {
		{ .name = "a cell, as above", .ops = &subject_ops, .arg = &empty },
		{ .name = "10,000 other live cells", .ops = &subject_ops, .arg = &crowd },
		{ .name = "1 GiB resident in the caller", .ops = &subject_ops, .arg = &large },
		{ .name = "10,000 open fds in the caller", .ops = &subject_ops, .arg = &fds },
	};
	const struct turns turns = {
		.rounds = pick(100, 4), .burst = 8, .warm_up = pick(50, 4),
	};

	lanes_run(lanes, ARRAY_SIZE(lanes), &turns);
	table_head("The same life in company");
	lane_row(NULL, &lanes[0], LIFE_ALL, NULL, 0);
	for (size_t i = 1; i < ARRAY_SIZE(lanes); i++)
		lane_row(NULL, &lanes[i], LIFE_ALL, &lanes[0].series[LIFE_ALL], 1.2);
	lane_row("spawn step alone", &lanes[0], LIFE_SPAWN, NULL, 0);
	lane_row("  with 10,000 open fds", &lanes[3], LIFE_SPAWN, &lanes[0].series[LIFE_SPAWN],
		 1.2);
}

void part_lifecycle(void)
{
	against_floor();
	in_company();
}
