// SPDX-License-Identifier: MIT
/*
 * In process: the life of a cell that asks for one thing, against one that asks for none.
 * All are measured in one run and in turns, the plain cell and the floor among them.
 */
#include <stdlib.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/floor.h"
#include "selftests/bench/knobs.h"
#include "selftests/bench/subject.h"

/* The lanes before those of the knobs. */
enum { FLOOR, PLAIN, AGAIN, FIRST };

static void print(const struct lane *lanes)
{
	const struct series *plain = &lanes[PLAIN].series[LIFE_ALL];

	table_costs("What each knob adds to a plain cell: the plain cell itself");
	lane_row(NULL, &lanes[PLAIN], LIFE_ALL, NULL, 0);
	lane_row(NULL, &lanes[AGAIN], LIFE_ALL, plain, 0);
	lane_row(NULL, &lanes[FLOOR], LIFE_ALL, plain, 0);
	for (size_t i = 0; i < n_knobs; i++) {
		if (knobs[i].table)
			table_costs(knobs[i].table);
		lane_row(NULL, &lanes[FIRST + i], LIFE_ALL, plain, 0);
	}
	table_note("To repeat these: sudo make bench BENCH_PARTS=knobs");
}

void part_knobs(void)
{
	static const struct stand_wish nothing = { .stdio = "null" };
	struct stand_wish *wishes __free(mem) = calloc(n_knobs, sizeof(*wishes));
	struct subject_arg *args __free(mem) = calloc(FIRST + n_knobs, sizeof(*args));
	struct lane *lanes __free(mem) = calloc(FIRST + n_knobs, sizeof(*lanes));
	const struct turns turns = {
		.rounds = pick(100, 2), .burst = 4, .warm_up = pick(20, 2),
	};

	if (!wishes || !args || !lanes)
		die("no memory");
	knobs_prepare();
	lanes[FLOOR] = (struct lane){ .name = "floor: the same as a bare C loop",
				      .ops = &floor_ops };
	lanes[PLAIN].name = "a plain cell: 5 rules, --stdio null";
	lanes[AGAIN].name = "the same once more: how far to trust the others";
	for (size_t i = PLAIN; i < FIRST + n_knobs; i++) {
		args[i] = (struct subject_arg){ .wish = &nothing, .stdio = "null", .crowd = 1 };
		lanes[i].ops = &subject_ops;
		lanes[i].arg = &args[i];
	}
	for (size_t i = 0; i < n_knobs; i++) {
		wishes[i] = knob_wish(&knobs[i]);
		args[FIRST + i].wish = &wishes[i];
		lanes[FIRST + i].name = knobs[i].name;
	}
	lanes_run(lanes, FIRST + n_knobs, &turns);
	print(lanes);
}
