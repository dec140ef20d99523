// SPDX-License-Identifier: MIT
/*
 * The workload of the sweeps, the crashes, the lifecycles: small, static, one
 * behaviour for each word of the command line. A line on stdout says that it is
 * as far as its test wants it.
 *
 *	true		exits with 0
 *	pause		"up", then waits for ever
 *	silent		waits for ever, also when there is nobody to hear it
 *	stubborn	the same, deaf to SIGTERM
 *	daemon		"up" and exits with 0; leaves a process in a session of its own
 *	many N		N processes beside itself, "up", then all wait for ever
 *	locks DIR	locks all that it can open below DIR, "locked N", waits for ever
 *	probe		"sound", or what is wrong with how it was born
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define UID_BASE	2000000000UL

static void say(const char *line)
{
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		_exit(3);
}

static void __attribute__((noreturn)) wait_for_ever(void)
{
	for (;;)
		pause();
}

static int leave_daemon(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return 2;
	if (pid == 0) {
		setsid();
		wait_for_ever();
	}
	say("up\n");
	return 0;
}

static int be_many(const char *count)
{
	for (long n = strtol(count, NULL, 10); n > 0; n--) {
		pid_t pid = fork();

		if (pid < 0)
			return 2;
		if (pid == 0)
			wait_for_ever();
	}
	say("up\n");
	wait_for_ever();
}

/* ---- locks ---- */

static unsigned int locked;

static int lock_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	(void)st;
	(void)type;
	(void)ftw;
	if (fd < 0)
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		locked++;
	return 0;
}

static int lock_all(const char *dir)
{
	char line[32];

	if (nftw(dir, lock_one, 16, FTW_PHYS | FTW_MOUNT) < 0)
		return 2;
	snprintf(line, sizeof(line), "locked %u\n", locked);
	say(line);
	wait_for_ever();
}

/* ---- probe ---- */

static char status[8192];

/* The value of one line of /proc/self/status, up to the end of it. */
static const char *value_of(const char *key)
{
	static char value[256];
	size_t len = strlen(key);

	for (char *line = status; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\n"), line);
		return value;
	}
	return "(none)";
}

static int is_unsound(const char *what)
{
	say("unsound: ");
	say(what);
	say("\n");
	return 4;
}

/* Four ids, all the same, all of the dynamic range. */
static int is_own_id(const char *key)
{
	unsigned long id[4];

	if (sscanf(value_of(key), "%lu %lu %lu %lu", &id[0], &id[1], &id[2], &id[3]) != 4)
		return 0;
	for (int i = 0; i < 4; i++)
		if (id[i] != id[0] || id[i] < UID_BASE)
			return 0;
	return 1;
}

static ssize_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

static int probe(void)
{
	static const char *const caps[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	static char buf[4096];

	/* Before anything here opens a file. */
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return is_unsound("an fd above 2 is open");
	if (read_file("/proc/self/status", status, sizeof(status)) < 0 ||
	    read_file("/proc/self/cgroup", buf, sizeof(buf)) < 0) {
		say("blind\n");
		return 5;
	}
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (strspn(value_of(caps[i]), "0") != 16)
			return is_unsound(caps[i]);
	if (!is_own_id("Uid") || !is_own_id("Gid") || value_of("Groups")[0])
		return is_unsound("credentials");
	if (strcmp(value_of("NoNewPrivs"), "1"))
		return is_unsound("NoNewPrivs");
	if (strcmp(value_of("Seccomp"), "2"))
		return is_unsound("Seccomp");
	if (strspn(value_of("SigIgn"), "0") != 16 || strspn(value_of("SigBlk"), "0") != 16)
		return is_unsound("signals");
	if (getsid(0) != getpid())
		return is_unsound("session");
	if (!strstr(buf, "/cellos_"))
		return is_unsound("cgroup");
	say("sound\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "true";

	if (!strcmp(word, "true"))
		return 0;
	if (!strcmp(word, "probe"))
		return probe();
	if (!strcmp(word, "daemon"))
		return leave_daemon();
	if (!strcmp(word, "many") && argc > 2)
		return be_many(argv[2]);
	if (!strcmp(word, "locks") && argc > 2)
		return lock_all(argv[2]);
	if (!strcmp(word, "stubborn"))
		signal(SIGTERM, SIG_IGN);
	else if (strcmp(word, "pause") && strcmp(word, "silent"))
		return 64;
	if (strcmp(word, "silent"))
		say("up\n");
	wait_for_ever();
}
