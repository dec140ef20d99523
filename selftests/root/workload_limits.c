// SPDX-License-Identifier: MIT
/*
 * What meets a limit: workload_limits VERB [ARGUMENT]. Figures go to stdout, one a
 * line; the exit code is 0 unless a verb says otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	(64 * 1024)

static unsigned long number(const char *text)
{
	return strtoul(text, NULL, 10);
}

static uint64_t clock_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int eat(unsigned long bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	if (memory == MAP_FAILED)
		return 1;
	/* No two pages alike, and none of zeros. */
	for (unsigned long i = 0; i < bytes; i += 4096)
		*(unsigned long *)(void *)(memory + i) = i + 1;
	return 0;
}

static int do_eat(char **argv)
{
	return eat(number(argv[2]));
}

/* Parent, sibling, and a child that eats: 3 if the child alone was killed. */
static int do_family(char **argv)
{
	pid_t eater, sibling = fork();
	int status;

	if (sibling == 0)
		for (;;)
			pause();
	eater = fork();
	if (eater == 0)
		_exit(eat(number(argv[2])));
	if (sibling < 0 || eater < 0 || waitpid(eater, &status, 0) < 0)
		return 1;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return 2;
	return waitpid(sibling, &status, WNOHANG) == 0 ? 3 : 4;
}

/* How many children there may be, and why not one more. */
static int do_children(char **argv)
{
	int n = 0;
	pid_t pid;

	(void)argv;
	for (;; n++) {
		pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		if (pid < 0)
			break;
	}
	printf("%d\n%d\n", n, errno);
	return 0;
}

/* Everybody forks, for ever. */
static int do_bomb(char **argv)
{
	(void)argv;
	for (;;)
		if (fork() < 0 && errno != EAGAIN)
			return 1;
}

/* Uses so many milliseconds of cpu. */
static int do_burn(char **argv)
{
	uint64_t end = number(argv[2]) * 1000;

	while (clock_us(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
	return 0;
}

/* PATH BYTES: past the page cache, block after block. The time it took, in microseconds. */
static int transfer(char **argv, int flags, ssize_t (*move)(int fd, void *buf, size_t size))
{
	uint64_t begin = clock_us(CLOCK_MONOTONIC);
	int fd = open(argv[2], flags | O_CLOEXEC);
	void *buf;

	if (fd < 0 || posix_memalign(&buf, 4096, BLOCK))
		return 1;
	memset(buf, 'x', BLOCK);
	for (unsigned long left = number(argv[3]); left >= BLOCK; left -= BLOCK)
		if (move(fd, buf, BLOCK) != BLOCK)
			return 2;
	if (!(flags & O_DIRECT) && fsync(fd) < 0)
		return 3;
	printf("%llu\n", (unsigned long long)(clock_us(CLOCK_MONOTONIC) - begin));
	return 0;
}

static ssize_t put(int fd, void *buf, size_t size)
{
	return write(fd, buf, size);
}

static int do_read(char **argv)
{
	return transfer(argv, O_RDONLY | O_DIRECT, read);
}

static int do_write(char **argv)
{
	return transfer(argv, O_WRONLY | O_DIRECT, put);
}

/* The same through the page cache, written by the kernel's own threads. */
static int do_write_back(char **argv)
{
	return transfer(argv, O_WRONLY, put);
}

/* PAGES SIZE: how many huge pages can be had, one by one, and why not one more. */
static int do_huge(char **argv)
{
	unsigned long n = number(argv[2]), size = number(argv[3]), i;

	errno = 0;
	for (i = 0; i < n; i++) {
		char *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

		if (page == MAP_FAILED)
			break;
		*page = 1;
	}
	printf("%lu\n%d\n", i, errno);
	return 0;
}

static const struct {
	const char *name;
	int n_args;
	int (*run)(char **argv);
} verbs[] = {
	{ "eat", 1, do_eat }, { "family", 1, do_family },
	{ "children", 0, do_children }, { "bomb", 0, do_bomb },
	{ "burn", 1, do_burn },
	{ "read", 2, do_read }, { "write", 2, do_write }, { "write-back", 2, do_write_back },
	{ "huge", 2, do_huge },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, argv[1]) && argc == verbs[i].n_args + 2)
			return verbs[i].run(argv);
	return 99;
}
