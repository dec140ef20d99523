/* SPDX-License-Identifier: MIT */
/* What a caller can ask for besides a program, one thing at a time. */
#ifndef BENCH_KNOBS_H
#define BENCH_KNOBS_H

#include <stddef.h>

#include "selftests/bench/stand.h"

/**
 * struct knob - one row of a table
 * @table: its title, in the first row of each; NULL: that of the row before
 * @name: as the caller writes it
 * @wish: its texts may have "{scratch}" in them, place.scratch, and "{disk}", "MAJ:MIN"
 */
struct knob {
	const char *table;
	const char *name;
	struct stand_wish wish;
};

extern const struct knob knobs[];
extern const size_t n_knobs;

/* knobs_prepare() - make the folders and filters that they name. */
void knobs_prepare(void);

/* knob_wish() - of a knob, with the names of this run in it. */
struct stand_wish knob_wish(const struct knob *knob);

#endif /* BENCH_KNOBS_H */
