// SPDX-License-Identifier: MIT
#include "selftests/bench/data.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "selftests/bench/bench.h"

static FILE *file;
static char *path, *unfinished;

void data_open(void)
{
	const char *dir = getenv("CELLOS_OBJTREE");

	if (!dir)
		return;
	path = text("%s/bench.tsv", dir);
	unfinished = text("%s.part", path);
	file = fopen(unfinished, "we");
	if (!file)
		die("cannot write %s", unfinished);
}

void data_line(const char *fmt, ...)
{
	va_list args;

	if (!file)
		return;
	va_start(args, fmt);
	vfprintf(file, fmt, args);
	fputc('\n', file);
	va_end(args);
	fflush(file);		/* lanes are forked, and must not write it again */
}

void data_point(const char *figure, const char *line, unsigned int x,
		const struct series *series)
{
	if (series->n)
		data_line("point\t%s\t%s\t%u\t%llu\t%llu\t%llu", figure, line, x,
			  (unsigned long long)series_at(series, 50),
			  (unsigned long long)series_at(series, 10),
			  (unsigned long long)series_at(series, 90));
}

void data_close(void)
{
	if (!file)
		return;
	if (ferror(file) || fclose(file) || rename(unfinished, path) < 0)
		die("cannot write %s", path);
	printf("The same as data: %s\n", path);
}
