// SPDX-License-Identifier: MIT
/*
 * What a cell sees and does, told from inside: workload_probe VERB [ARGUMENT].
 * "ready" on stdout says that the state the verb is about has been reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDS_LOOKED_AT	65536
#define PIECE		2048

static int say(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0)
			return -1;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static void ready(void)
{
	say(STDOUT_FILENO, "ready\n", 6);
}

static void pause_for_ever(void)
{
	for (;;)
		pause();
}

/* Strings as they lie there, each with its NUL. */
static int dump(char **strings)
{
	for (; *strings; strings++)
		if (say(STDOUT_FILENO, *strings, strlen(*strings) + 1) < 0)
			return 1;
	return 0;
}

static int do_argv(char **argv)
{
	return dump(argv);
}

static int do_environ(char **argv)
{
	(void)argv;
	return dump(environ);
}

static int do_fds(char **argv)
{
	(void)argv;
	for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d ", fd);
	return 0;
}

static int do_stdin(char **argv)
{
	char byte;

	(void)argv;
	printf("%zd", read(STDIN_FILENO, &byte, 1));
	return 0;
}

/* Lives until somebody opens the FIFO for writing and closes it again. */
static int do_gate(char **argv)
{
	char byte;
	int fd;

	ready();
	fd = open(argv[2], O_RDONLY);
	if (fd < 0)
		return 1;
	while (read(fd, &byte, 1) > 0)
		;
	return 0;
}

/* So many bytes on stdout, their complement on stderr, in turns. */
static int do_write(char **argv)
{
	unsigned long left = strtoul(argv[2], NULL, 10);
	char out[PIECE], err[PIECE];

	for (unsigned long i = 0; left > 0; i++) {
		size_t n = left < PIECE ? left : PIECE;

		for (size_t k = 0; k < n; k++) {
			out[k] = (char)(i * 31 + k);
			err[k] = (char)~out[k];
		}
		if (say(STDOUT_FILENO, out, n) < 0 || say(STDERR_FILENO, err, n) < 0)
			return 1;
		left -= n;
	}
	return 0;
}

static int do_open(char **argv)
{
	int fd = open(argv[2], O_WRONLY);

	if (fd < 0) {
		printf("%s", strerror(errno));
		return 1;
	}
	return say(fd, "opened", 6) < 0;
}

static int do_cat(char **argv)
{
	int fd = open(argv[2], O_RDONLY);
	char buf[PIECE];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		say(STDOUT_FILENO, buf, (size_t)n);
	return n < 0;
}

static int do_cwd(char **argv)
{
	char buf[PIECE];

	(void)argv;
	if (!getcwd(buf, sizeof(buf)))
		return 1;
	printf("%s", buf);
	return 0;
}

static int do_session(char **argv)
{
	(void)argv;
	printf("pid %d sid %d pgid %d tty %d umask %03o", getpid(), getsid(0), getpgid(0),
	       open("/dev/tty", O_RDWR), umask(0));
	return 0;
}

/* A child that keeps stdout and stderr open, while its parent ends. */
static int do_background(char **argv)
{
	(void)argv;
	if (fork() == 0)
		pause_for_ever();
	ready();
	return 3;
}

static int do_exit(char **argv)
{
	return (int)strtol(argv[2], NULL, 10);
}

static int do_raise(char **argv)
{
	const struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &core);
	raise((int)strtol(argv[2], NULL, 10));
	return 1;
}

static void leave_with_seven(int sig)
{
	(void)sig;
	_exit(7);
}

static int do_wait(char **argv)
{
	(void)argv;
	ready();
	pause_for_ever();
	return 0;
}

static int do_obey(char **argv)
{
	signal(SIGTERM, leave_with_seven);
	return do_wait(argv);
}

static int do_ignore(char **argv)
{
	signal(SIGTERM, SIG_IGN);
	return do_wait(argv);
}

static int do_stop(char **argv)
{
	ready();
	raise(SIGSTOP);
	return do_wait(argv);
}

static int do_bomb(char **argv)
{
	unsigned long n = strtoul(argv[2], NULL, 10);

	for (unsigned long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			pause_for_ever();
		if (pid < 0)
			return 1;
	}
	ready();
	return 0;
}

/* The daemon's way out: two forks, a session of its own, no standard fds. */
static int do_daemon(char **argv)
{
	int done[2];
	char byte;

	(void)argv;
	if (pipe(done) < 0)
		return 1;
	if (fork() == 0) {
		setsid();
		if (fork() > 0)
			_exit(0);
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		say(done[1], "d", 1);
		pause_for_ever();
	}
	if (read(done[0], &byte, 1) != 1)
		return 1;
	ready();
	return 0;
}

/* Maps, touches and keeps so many bytes. */
static int do_memory(char **argv)
{
	size_t size = strtoul(argv[2], NULL, 10);
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	memset(p, 1, size);
	ready();
	return 0;
}

/* Reads the key with this number. */
static int do_key(char **argv)
{
	char buf[256] = "";
	long n = syscall(SYS_keyctl, KEYCTL_READ, strtol(argv[2], NULL, 10), buf, sizeof(buf) - 1);

	if (n < 0)
		return errno;
	printf("%s", buf);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **argv);
} verbs[] = {
	{ "argv", do_argv },		{ "environ", do_environ },
	{ "fds", do_fds },		{ "stdin", do_stdin },
	{ "gate", do_gate },		{ "write", do_write },
	{ "open", do_open },		{ "cat", do_cat },
	{ "cwd", do_cwd },		{ "session", do_session },
	{ "background", do_background },
	{ "exit", do_exit },		{ "raise", do_raise },
	{ "wait", do_wait },		{ "obey", do_obey },
	{ "ignore", do_ignore },	{ "stop", do_stop },
	{ "bomb", do_bomb },		{ "daemon", do_daemon },
	{ "memory", do_memory },	{ "key", do_key },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argv);
	return 100;
}
