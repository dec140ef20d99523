// SPDX-License-Identifier: MIT
#include "selftests/bench/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "selftests/bench/bench.h"
#include "selftests/bench/data.h"

static unsigned int held, missed;
static const char *title;
static bool costs;

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

static void begin(const char *head, bool of_costs)
{
	title = head;
	costs = of_costs;
	printf("\n%s\n  %-50s %5s %9s %9s %9s  %-8s %s\n", head, "", "n", "median", "p10",
	       "p90", "ratio", costs ? "added" : "budget");
}

void table_head(const char *head)
{
	begin(head, false);
}

void table_costs(const char *head)
{
	begin(head, true);
}

static void print_time(uint64_t ns)
{
	double us = (double)ns / 1000;

	if (ns < 10000)
		printf(" %6llu ns", (unsigned long long)ns);
	else if (us < 1000)
		printf(" %6.1f us", us);
	else if (us < 100000)
		printf(" %6.2f ms", us / 1000);
	else
		printf(" %6.1f ms", us / 1000);
}

/* What the last columns say; empty where there is nothing to say. */
struct verdict {
	char ratio[24];
	char budget[24];
	const char *verdict;
};

static struct verdict judge(const struct row *row)
{
	double mine = (double)series_at(row->series, 50);
	double other = (double)series_at(row->against, 50);
	bool faster = row->budget < 0 || mine * 20 < other;
	double ratio = faster ? other / mine : mine / other;
	bool holds = faster ? ratio >= -row->budget : ratio <= row->budget;
	struct verdict ret = { .verdict = "" };

	snprintf(ret.ratio, sizeof(ret.ratio), ratio < 10 ? "%.2f x%s" : "%.0f x%s", ratio,
		 faster ? " less" : "");
	if (row->budget == 0)
		return ret;
	snprintf(ret.budget, sizeof(ret.budget), "%s %g", faster ? ">=" : "<=",
		 faster ? -row->budget : row->budget);
	ret.verdict = holds ? "holds" : "MISSED";
	held += holds;
	missed += !holds;
	return ret;
}

static void save(const struct row *row, const struct verdict *verdict)
{
	const struct series *series = row->series;
	const struct series *against = row->against && row->against->n ? row->against : NULL;

	data_line("%s\t%s\t%s\t%zu\t%llu\t%llu\t%llu\t%s\t%llu\t%s\t%s\t%s",
		  costs ? "cost" : "row", title, row->name, series->n, (unsigned long long)series_at(series, 50),
		  (unsigned long long)series_at(series, 10),
		  (unsigned long long)series_at(series, 90),
		  against && against->name ? against->name : "",
		  against ? (unsigned long long)series_at(against, 50) : 0, verdict->ratio,
		  verdict->budget, verdict->verdict);
}

static double added_us(const struct row *row)
{
	return ((double)series_at(row->series, 50) - (double)series_at(row->against, 50)) / 1000;
}

void table_row(const struct row *row)
{
	struct verdict verdict = { .verdict = "" };

	printf("  %-50s", row->name);
	if (row->note || !row->series->n) {
		printf(" skipped: %s\n", row->note ? row->note : "no samples");
		data_line("skip\t%s\t%s\t%s\t%s", title, row->name,
			  row->note ? row->note : "no samples", costs ? "cost" : "row");
		return;
	}
	printf(" %5zu", row->series->n);
	print_time(series_at(row->series, 50));
	print_time(series_at(row->series, 10));
	print_time(series_at(row->series, 90));
	if (row->against && row->against->n) {
		verdict = judge(row);
		printf("  %-8s", verdict.ratio);
		if (costs)
			printf(" %+.1f us", added_us(row));
	}
	if (*verdict.budget)
		printf(" %s: %s", verdict.budget, verdict.verdict);
	putchar('\n');
	fflush(stdout);
	save(row, &verdict);
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
