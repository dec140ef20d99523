// SPDX-License-Identifier: MIT
/*
 * bench [PART...] - what the helper costs, against what it has to be measured by
 *
 * Each part is a table; see Documentation/performance.md. Without arguments the
 * parts are those in BENCH_PARTS, or all. BENCH_QUICK=1 takes few samples and
 * small crowds: it shows that everything works, no more.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/data.h"
#include "selftests/bench/table.h"

static const struct part {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "lifecycle", part_lifecycle },
	{ "knobs", part_knobs },
	{ "egress", part_egress },
	{ "packets", part_packets },
	{ "replace", part_replace },
	{ "whole", part_whole },
	{ "end", part_end },
};

static bool has_word(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (; *list; list += strcspn(list, " "), list += strspn(list, " "))
		if (strcspn(list, " ") == size && !strncmp(list, word, size))
			return true;
	return false;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	const char *list = getenv("BENCH_PARTS");

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2 && (!list || !*list || has_word(list, name));
}

/* What is under way then fails with EINTR, and die() leads to the sweep. */
static void interrupt(int sig)
{
	(void)sig;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction action = { .sa_handler = interrupt };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

static void describe_host(void)
{
	struct utsname uts;
	char *line __free(mem) = NULL;
	double load = 0;

	uname(&uts);
	getloadavg(&load, 1);
	line = text("Linux %s, %ld CPUs, load %.1f%s", uts.release, sysconf(_SC_NPROCESSORS_ONLN),
		    load, place.quick ? "; QUICK: the figures mean nothing" : "");
	puts(line);
	data_line("host\t%s", line);
}

int main(int argc, char **argv)
{
	catch_signals();
	place_open();
	data_open();
	describe_host();
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (is_wanted(parts[i].name, argc, argv))
			parts[i].run();
	table_end();
	data_close();
	return 0;
}
