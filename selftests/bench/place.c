// SPDX-License-Identifier: MIT
/* Where a run of the benchmark lives, and its sweeping. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"
#include "selftests/bench/bench.h"

#define SWEEP_MS	10000

struct place place;

void die(const char *fmt, ...)
{
	int errnum = errno;
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "bench: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "%s%s\n", errnum ? ": " : "", errnum ? strerror(errnum) : "");
	va_end(args);
	exit(1);
}

char *text(const char *fmt, ...)
{
	va_list args;
	char *ret;

	va_start(args, fmt);
	if (vasprintf(&ret, fmt, args) < 0)
		die("no memory");
	va_end(args);
	return ret;
}

char *place_file(const char *name, const char *content)
{
	char *path = text("%s/%s", place.scratch, name);
	FILE *file = fopen(path, "we");

	if (!file || fputs(content, file) < 0 || fclose(file) < 0)
		die("cannot write %s", path);
	return path;
}

/* mountinfo: ID PARENT DEV ROOT MOUNTPOINT OPTIONS [FIELDS...] - TYPE SOURCE OPTIONS */
static void find_mount(void)
{
	FILE *mountinfo __free(file) = fopen("/proc/self/mountinfo", "re");
	char *line __free(mem) = NULL;
	size_t size = 0;

	while (mountinfo && getline(&line, &size, mountinfo) > 0)
		if (strstr(line, " - cgroup2 ") &&
		    sscanf(line, "%*s %*s %*s / %4095s", place.mount) == 1)
			return;
	errno = 0;
	die("there is no cgroup2 mount");
}

static void set_path(char *ret, const char *dir, const char *name)
{
	if (snprintf(ret, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX || access(ret, X_OK) < 0)
		die("cannot use %s/%s", dir, name);
}

static void leave(void)
{
	static pid_t owner;

	if (!owner)
		owner = getpid();
	else if (owner == getpid())
		place_sweep(true);
}

void place_open(void)
{
	const char *dir = getenv("CELLOS_TESTDIR"), *helper = getenv("CELLOS_HELPER");
	const char *quick = getenv("BENCH_QUICK");
	char name[64];

	errno = 0;
	if (!dir || !helper)
		die("run it by `make bench`, or set CELLOS_TESTDIR and CELLOS_HELPER");
	if (geteuid())
		die("it needs root");
	place.quick = quick && *quick && strcmp(quick, "0") != 0;
	set_path(place.true_path, dir, "bench_true");
	set_path(place.bare_path, dir, "bench_bare");
	set_path(place.many_path, dir, "bench_many");
	if (!realpath(helper, place.helper_path))
		die("cannot find %s", helper);
	find_mount();
	snprintf(name, sizeof(name), "cellos-selftest-bench-%d", getpid());
	snprintf(place.base, sizeof(place.base), "%.3000s/%s", place.mount, name);
	snprintf(place.scratch, sizeof(place.scratch), "%.3000s/%s", dir, name);
	if (mkdir(place.base, 0755) < 0 || mkdir(place.scratch, 0755) < 0)
		die("cannot make %s and %s", place.base, place.scratch);
	leave();
	atexit(leave);
}

/* Ends all below a cgroup and waits for it, bounded. */
static void empty_cgroup(const char *path)
{
	int dir __free(fd) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd __free(fd) = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	uint64_t begin = clock_ns(), populated = 1;
	char buf[256];

	if (fd < 0 || io_write_at(dir, "cgroup.kill", "1") < 0)
		return;
	while (clock_ns() - begin < SWEEP_MS * UINT64_C(1000000)) {
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

		buf[n > 0 ? n : 0] = '\0';
		if (n <= 0 || (keyed_u64(buf, "populated", &populated) && !populated))
			return;
		poll(&p, 1, 100);
	}
}

/* What is below a folder; of cgroups only folders, whose files go with them. */
static void remove_below(int parent, const char *name, bool files)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (entry->d_type == DT_DIR) {
			remove_below(fd, entry->d_name, files);
			if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0)
				fprintf(stderr, "bench: %s is left: %s\n", entry->d_name,
					strerror(errno));
		} else if (files) {
			unlinkat(fd, entry->d_name, 0);
		}
	}
	if (dir)
		closedir(dir);
}

void place_sweep(bool all)
{
	empty_cgroup(place.base);
	remove_below(AT_FDCWD, place.base, false);
	if (!all)
		return;
	remove_below(AT_FDCWD, place.scratch, true);
	if (rmdir(place.base) < 0 || rmdir(place.scratch) < 0)
		fprintf(stderr, "bench: %s or %s is left: %s\n", place.base, place.scratch,
			strerror(errno));
}
