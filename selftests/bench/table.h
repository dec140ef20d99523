/* SPDX-License-Identifier: MIT */
/* Samples, their percentiles, and the rows of the table. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* struct series - samples of one thing, in nanoseconds; @n 0: there are none. */
struct series {
	const char *name;
	uint64_t *ns;
	size_t n;
	size_t room;
};

void series_add(struct series *series, uint64_t ns);

/* series_sort() - before the next; nothing is to be added later. */
void series_sort(struct series *series);

/* series_at() - a percentile, 0 to 100, of a sorted series. */
uint64_t series_at(const struct series *series, unsigned int percent);

/**
 * struct row - a line of the table
 * @name: what is measured
 * @series: sorted
 * @against: what the ratio is to; NULL: nothing
 * @budget: the largest ratio wanted; below 0: the smallest, of @against to it;
 *	0: none
 * @note: why there is no row: says what is missing; NULL: there is one
 */
struct row {
	const char *name;
	const struct series *series;
	const struct series *against;
	double budget;
	const char *note;
};

void table_head(const char *title);

/* table_costs() - the head of a table whose last column is what a row takes more than @against */
void table_costs(const char *title);

void table_row(const struct row *row);

/* table_note() - a line under the rows. */
__attribute__((format(printf, 1, 2)))
void table_note(const char *fmt, ...);

/* table_end() - how many budgets hold. */
void table_end(void);

#endif /* BENCH_TABLE_H */
