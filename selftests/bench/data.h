/* SPDX-License-Identifier: MIT */
/*
 * The figures of a run as a file, for scripts/bench-figures.sh: lines of words
 * with a tab between them, times in nanoseconds.
 *
 *	host TEXT
 *	row TITLE NAME N MEDIAN P10 P90 AGAINST ITS-MEDIAN RATIO BUDGET VERDICT
 *	cost TITLE NAME N MEDIAN P10 P90 AGAINST ITS-MEDIAN RATIO
 *	skip TITLE NAME WHY row|cost
 *	point FIGURE LINE X MEDIAN P10 P90
 *
 * A row is one of the table; a cost is one of a table that says what is added; what is
 * skipped has a reason instead of figures; a point has a place in a picture.
 */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include "selftests/bench/table.h"

/* data_open() - below $CELLOS_OBJTREE; without that variable nothing is written. */
void data_open(void);

/* data_line() - one line; its words have tabs between them already. */
__attribute__((format(printf, 1, 2)))
void data_line(const char *fmt, ...);

/* data_point() - a place in a picture; nothing if there are no samples. */
void data_point(const char *figure, const char *line, unsigned int x,
		const struct series *series);

/* data_close() - the file gets its name, bench.tsv, when the run is complete. */
void data_close(void);

#endif /* BENCH_DATA_H */
