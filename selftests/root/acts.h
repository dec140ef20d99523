/* SPDX-License-Identifier: MIT */
/* What workloads that try things have in common: WORD[:TARGET]..., and a line for each try. */
#ifndef SELFTESTS_ROOT_ACTS_H
#define SELFTESTS_ROOT_ACTS_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct act {
	const char *word;
	void (*act)(const char *target);	/* NULL: none was given */
};

/* Of all tries that were told. */
static unsigned int worked;

/* told() - what a call has returned: "done", or the name of its errno */
static inline void told(long ret)
{
	worked += ret >= 0;
	printf("%s\n", ret < 0 ? strerrorname_np(errno) : "done");
	fflush(stdout);
}

/* closed() - told(closed(open(...))) is of open(2) */
static inline long closed(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static inline void wait_for_ever(const char *unused)
{
	(void)unused;
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}

/* act_all() - do what the words of a command line say. Return: 0; 100: one is unknown. */
static inline int act_all(const struct act *acts, size_t n, char **words)
{
	for (; *words; words++) {
		char *target = strchr(*words, ':');
		size_t i = 0;

		if (target)
			*target++ = '\0';
		while (i < n && strcmp(acts[i].word, *words))
			i++;
		if (i == n)
			return 100;
		acts[i].act(target);
		fflush(stdout);
	}
	return 0;
}

#endif /* SELFTESTS_ROOT_ACTS_H */
