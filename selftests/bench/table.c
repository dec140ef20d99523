// SPDX-License-Identifier: MIT
#include "selftests/bench/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "selftests/bench/bench.h"

static unsigned int held, missed;

void series_add(struct series *series, uint64_t ns)
{
	if (series->n == series->room) {
		series->room = series->room ? 2 * series->room : 256;
		series->ns = reallocarray(series->ns, series->room, sizeof(*series->ns));
		if (!series->ns)
			die("no memory");
	}
	series->ns[series->n++] = ns;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void series_sort(struct series *series)
{
	if (series->n)
		qsort(series->ns, series->n, sizeof(*series->ns), compare);
}

uint64_t series_at(const struct series *series, unsigned int percent)
{
	return series->n ? series->ns[(series->n - 1) * percent / 100] : 0;
}

void table_head(const char *title)
{
	printf("\n%s\n  %-50s %5s %9s %9s %9s  %-8s %s\n", title, "", "n", "median", "p10",
	       "p90", "ratio", "budget");
}

static void print_time(uint64_t ns)
{
	double us = (double)ns / 1000;

	if (us < 10)
		printf(" %6.2f us", us);
	else if (us < 1000)
		printf(" %6.1f us", us);
	else if (us < 100000)
		printf(" %6.2f ms", us / 1000);
	else
		printf(" %6.1f ms", us / 1000);
}

static void print_ratio(const struct row *row)
{
	double mine = (double)series_at(row->series, 50);
	double other = (double)series_at(row->against, 50);
	bool faster = row->budget < 0 || mine * 20 < other;
	double ratio = faster ? other / mine : mine / other;
	bool holds = faster ? ratio >= -row->budget : ratio <= row->budget;
	char number[24];

	snprintf(number, sizeof(number), ratio < 10 ? "%.2f x%s" : "%.0f x%s", ratio,
		 faster ? " less" : "");
	printf("  %-8s", number);
	if (row->budget == 0)
		return;
	printf(" %s %g: %s", faster ? ">=" : "<=", faster ? -row->budget : row->budget,
	       holds ? "holds" : "MISSED");
	held += holds;
	missed += !holds;
}

void table_row(const struct row *row)
{
	printf("  %-50s", row->name);
	if (row->note || !row->series->n) {
		printf(" skipped: %s\n", row->note ? row->note : "no samples");
		return;
	}
	printf(" %5zu", row->series->n);
	print_time(series_at(row->series, 50));
	print_time(series_at(row->series, 10));
	print_time(series_at(row->series, 90));
	if (row->against && row->against->n)
		print_ratio(row);
	putchar('\n');
	fflush(stdout);
}

void table_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("    ");
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
}

void table_end(void)
{
	printf("\n%u budgets hold, %u are missed\n", held, missed);
}
