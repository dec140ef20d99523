// SPDX-License-Identifier: MIT
/* The environment of a test, and the host as it is. */
#include "selftests/root/common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

void give_up(const char *what)
{
	fprintf(stderr, "# %s: %s\n", what, strerror(errno));
	abort();
}

char *text(const char *fmt, ...)
{
	char *result;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&result, fmt, ap) < 0)
		give_up("asprintf");
	va_end(ap);
	return result;
}

uint64_t test_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void test_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

char *file_read(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0, room = 4096;
	char *bytes = malloc(room + 1);
	ssize_t n;

	if (!bytes)
		give_up("malloc");
	while (fd >= 0 && (n = read(fd, bytes + size, room - size)) > 0) {
		size += (size_t)n;
		if (size < room)
			continue;
		room *= 2;
		bytes = realloc(bytes, room + 1);
		if (!bytes)
			give_up("realloc");
	}
	if (fd < 0 || n < 0) {
		int errnum = errno;

		close(fd);
		free(bytes);
		errno = errnum;
		return NULL;
	}
	close(fd);
	bytes[size] = '\0';
	if (ret_size)
		*ret_size = size;
	return bytes;
}

int file_write(const char *path, const char *bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, bytes, strlen(bytes));
	int ret = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

/* ---- cgroups ---- */

static void find_mount(char *mount)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;

	mount[0] = '\0';
	while (f && !mount[0] && getline(&line, &room, f) > 0)
		if (strstr(line, " - cgroup2 "))
			sscanf(line, "%*d %*d %*s / %255s", mount);
	if (!mount[0]) {
		errno = ENOENT;
		give_up("a cgroup2 mount");
	}
	free(line);
	fclose(f);
}

static bool is_empty(const char *path)
{
	char *events = file_read(text("%s/cgroup.events", path), NULL);
	bool empty = !events || strstr(events, "populated 0");

	free(events);
	return empty;
}

static int remove_dir(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DP)
		rmdir(path);
	return 0;
}

void cgroup_sweep(const char *path)
{
	file_write(text("%s/cgroup.freeze", path), "0");
	file_write(text("%s/cgroup.kill", path), "1");
	if (!WAIT_FOR(is_empty(path)))
		fprintf(stderr, "# processes of %s will not die\n", path);
	nftw(path, remove_dir, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Cgroups of this test whose process is gone: it was killed before its teardown. */
static void sweep_stale(const char *mount, const char *prefix)
{
	DIR *dir = opendir(mount);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(prefix);

		if (strncmp(entry->d_name, prefix, len))
			continue;
		if (kill((pid_t)strtol(entry->d_name + len, NULL, 10), 0) < 0 && errno == ESRCH)
			cgroup_sweep(text("%s/%s", mount, entry->d_name));
	}
	if (dir)
		closedir(dir);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		give_up("loopback up");
	close(fd);
}

void env_setup(struct test_env *env, const char *name)
{
	const char *workloads = getenv("CELLOS_TESTDIR");
	char *prefix = text("cellos-selftest-%s-", name);

	if (!workloads || !getenv("CELLOS_HELPER")) {
		errno = EINVAL;
		give_up("CELLOS_TESTDIR and CELLOS_HELPER are not set");
	}
	snprintf(env->workloads, sizeof(env->workloads), "%s", workloads);
	umask(022);
	find_mount(env->mount);
	sweep_stale(env->mount, prefix);
	snprintf(env->parent, sizeof(env->parent), "%.150s/%s%d", env->mount, prefix, getpid());
	if (mkdir(env->parent, 0755) < 0)
		give_up(env->parent);
	snprintf(env->dir, sizeof(env->dir), "/tmp/cellos-selftest-XXXXXX");
	if (!mkdtemp(env->dir) || chmod(env->dir, 0777) < 0)
		give_up(env->dir);
	if (unshare(CLONE_NEWNET) < 0)
		give_up("a network namespace");
	loopback_up();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		give_up("subreaper");
}

static int remove_any(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void env_teardown(const struct test_env *env)
{
	if (env->parent[0])
		cgroup_sweep(env->parent);
	if (env->dir[0])
		nftw(env->dir, remove_any, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- cells ---- */

char *xattr_read(const char *path, const char *name)
{
	char *value = calloc(1, 65536 + 1);

	if (!value)
		give_up("calloc");
	return getxattr(path, name, value, 65536) < 0 ? NULL : value;
}

char *cell_leaf(const struct test_env *env, const char *id)
{
	DIR *dir = opendir(env->parent);
	struct dirent *entry;
	char *found = NULL;

	while (dir && !found && (entry = readdir(dir))) {
		char *identity = NULL;
		char *path;

		if (strncmp(entry->d_name, "cellos_", 7))
			continue;
		path = text("%s/%s", env->parent, entry->d_name);
		identity = xattr_read(path, "user.cellos.identity");
		if (identity && strstr(identity, text("\nid=%s\n", id)))
			found = path;
	}
	if (dir)
		closedir(dir);
	return found;
}

pid_t cell_pid(const struct test_env *env, const char *id)
{
	char *leaf = cell_leaf(env, id);
	char *procs = leaf ? file_read(text("%s/cgroup.procs", leaf), NULL) : NULL;

	return procs ? (pid_t)strtol(procs, NULL, 10) : 0;
}

pid_t cell_wait(const struct test_env *env, struct run *run, const char *id, const char *line)
{
	struct pollfd p = { .fd = run->pidfd, .events = POLLIN };
	bool ended = false;

	WAIT_FOR((ended = poll(&p, 1, 0) > 0) || strstr(run_out(run), line));
	if (ended)
		fprintf(stderr, "# the run ended early: %s\n", run_err(run));
	return ended || !strstr(run_out(run), line) ? 0 : cell_pid(env, id);
}

/* ---- processes ---- */

const char *proc_status(pid_t pid, const char *key)
{
	char *status = file_read(text("/proc/%d/status", pid), NULL);
	char *line = status ? strstr(status, text("\n%s:", key)) : NULL;

	if (!line)
		return "(none)";
	line += strlen(key) + 2;
	line[strcspn(line, "\n")] = '\0';
	return line + strspn(line, " \t");
}

bool process_alive(pid_t pid)
{
	const char *state = proc_status(pid, "State");

	return state[0] != '(' && state[0] != 'Z' && state[0] != 'X';
}

char *command(const char *const argv[])
{
	char *path = text("/tmp/cellos-selftest-command-%d", getpid());
	int status, fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid = fork();
	char *out;

	if (fd < 0 || pid < 0)
		give_up("a command");
	if (pid == 0) {
		dup2(fd, STDOUT_FILENO);
		execvp(argv[0], (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	out = file_read(path, NULL);
	unlink(path);
	return status == 0 ? out : NULL;
}

/* ---- the host ---- */

static char *listing;

static int list_dir(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (type == FTW_D && ftw->level > 0)
		listing = text("%scgroup %s\n", listing, path);
	return 0;
}

/* Zombies that came to us are no more than a pid: reap them, list the others. */
static void list_children(void)
{
	char *save = NULL, *children;

	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	children = file_read(text("/proc/self/task/%d/children", getpid()), NULL);
	if (!children)
		give_up("children (CONFIG_PROC_CHILDREN)");
	for (char *p = strtok_r(children, " ", &save); p; p = strtok_r(NULL, " ", &save))
		listing = text("%sprocess %s\n", listing, p);
}

const char *host_snapshot(const struct test_env *env)
{
	static const char *const nft[] = { "nft", "-s", "list", "ruleset", NULL };
	char *rules = command(nft);
	char *mounts = file_read("/proc/self/mountinfo", NULL);

	if (!rules || !mounts)
		give_up("nft list ruleset, mountinfo");
	listing = text("ruleset {\n%s}\nmounts {\n%s}\n", rules, mounts);
	nftw(env->parent, list_dir, 8, FTW_PHYS);
	list_children();
	return listing;
}
