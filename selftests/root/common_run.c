// SPDX-License-Identifier: MIT
/* The program, run and looked at from all sides. */
#include "selftests/root/common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- documents ---- */

const char *document(const char *id, const char *spec, ...)
{
	char *members;
	va_list ap;

	va_start(ap, spec);
	if (vasprintf(&members, spec, ap) < 0)
		give_up("vasprintf");
	va_end(ap);
	for (char *p = members; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text("{\"apiVersion\": \"cellos.io/v1\", \"kind\": \"ExecutionCell\", "
		    "\"spec\": {\"id\": \"%s\"%s%s}}", id, *members ? ", " : "", members);
}

const char *document_argv(const char *id, ...)
{
	json_t *argv = json_array();
	const char *word;
	char *list;
	va_list ap;

	va_start(ap, id);
	while ((word = va_arg(ap, const char *)))
		json_array_append_new(argv, json_string(word));
	va_end(ap);
	list = json_dumps(argv, 0);
	if (!list)
		give_up("an argv that is no UTF-8");
	return text("{\"apiVersion\": \"cellos.io/v1\", \"kind\": \"ExecutionCell\", "
		    "\"spec\": {\"id\": \"%s\", \"run\": {\"argv\": %s}}}", id, list);
}

/* ---- starting ---- */

static int memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		give_up("memfd_create");
	return fd;
}

static int document_file(const struct run *run)
{
	int fd = memory_file("document");
	const char *p = run->document ?: "";

	for (size_t left = strlen(p); left > 0;) {
		ssize_t n = write(fd, p, left);

		if (n < 0)
			give_up("writing a document");
		left -= (size_t)n;
		p += n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static char **make_argv(const struct test_env *env, const struct run *run)
{
	bool is_run = !run->verb || !strcmp(run->verb, "run");
	char **argv = calloc(RUN_ARGS_MAX + 8, sizeof(*argv));
	int n = 0;

	if (!argv)
		give_up("calloc");
	argv[n++] = text("cellos-helper");
	argv[n++] = text("%s", run->verb ?: "run");
	if (!run->no_parent)
		argv[n++] = text("--cgroup-parent=%s", env->parent);
	if (is_run && !run->no_report)
		argv[n++] = text("--report=fd:%d", run->report_text.fd);
	for (int i = 0; i < RUN_ARGS_MAX && run->args[i]; i++)
		argv[n++] = text("%s", run->args[i]);
	if (is_run && run->document_path)
		argv[n++] = text("%s", run->document_path);
	else if (is_run)
		argv[n++] = text("-");
	return argv;
}

/* What the run wants, and where the program finds libraries that came with the tests. */
static char **make_environ(const struct run *run)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char *const plain[] = { path, NULL };
	char *const *wanted = run->environ ?: plain;
	const char *libraries = getenv("LD_LIBRARY_PATH");
	size_t n = 0;
	char **all;

	while (wanted[n])
		n++;
	all = calloc(n + 2, sizeof(*all));
	if (!all)
		give_up("calloc");
	memcpy(all, wanted, n * sizeof(*all));
	if (libraries)
		all[n] = text("LD_LIBRARY_PATH=%s", libraries);
	return all;
}

static void become_helper(const struct run *run, char **argv, int in)
{
	if (dup2(in, STDIN_FILENO) < 0 || dup2(run->out.fd, STDOUT_FILENO) < 0 ||
	    dup2(run->err.fd, STDERR_FILENO) < 0 || fcntl(run->report_text.fd, F_SETFD, 0) < 0)
		_exit(99);
	if (run->before_exec)
		run->before_exec(run->arg);
	execve(run->helper ?: getenv("CELLOS_HELPER"), argv, make_environ(run));
	_exit(98);
}

void run_start(const struct test_env *env, struct run *run)
{
	char **argv;
	pid_t pid;
	int in;

	run->out = (struct output){ .fd = memory_file("stdout") };
	run->err = (struct output){ .fd = memory_file("stderr") };
	run->report_text = (struct output){ .fd = memory_file("report") };
	run->report = NULL;
	in = document_file(run);
	argv = make_argv(env, run);
	/* Not straight into @run: it may lie in memory that the child shares. */
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		become_helper(run, argv, in);
	run->pid = pid;
	close(in);
	run->pidfd = pidfd_open(run->pid, 0);
	if (run->pidfd < 0)
		give_up("pidfd_open");
}

/* ---- its output ---- */

static const char *collect(struct output *output)
{
	struct stat st;
	ssize_t n = 1;

	/* Not by lseek(): the writer's file position is the same. */
	if (fstat(output->fd, &st) < 0)
		give_up("fstat");
	free(output->bytes);
	output->bytes = calloc(1, (size_t)st.st_size + 1);
	if (!output->bytes)
		give_up("calloc");
	for (output->size = 0; n > 0 && output->size < (size_t)st.st_size;) {
		n = pread(output->fd, output->bytes + output->size,
			  (size_t)st.st_size - output->size, (off_t)output->size);
		if (n < 0)
			give_up("reading an output back");
		output->size += (size_t)n;
	}
	return output->bytes;
}

const char *run_out(struct run *run)
{
	return collect(&run->out);
}

const char *run_err(struct run *run)
{
	return collect(&run->err);
}

/* ---- its end ---- */

void run_finish_within(struct run *run, unsigned int seconds)
{
	struct pollfd p = { .fd = run->pidfd, .events = POLLIN };
	bool ended = poll(&p, 1, (int)seconds * 1000) == 1;
	siginfo_t info = { .si_pid = 0 };

	if (!ended) {
		fprintf(stderr, "# the program has not ended within %u s\n", seconds);
		pidfd_send_signal(run->pidfd, SIGKILL, NULL, 0);
	}
	if (waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED) < 0)
		give_up("waitid");
	close(run->pidfd);
	run->pidfd = -1;
	run->status = !ended ? RUN_HUNG :
		info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
	collect(&run->out);
	collect(&run->err);
	collect(&run->report_text);
	run->report = json_loads(run->report_text.bytes, 0, NULL);
	close(run->out.fd);
	close(run->err.fd);
	close(run->report_text.fd);
}

void run_finish(struct run *run)
{
	run_finish_within(run, WAIT_SECONDS);
}

int run_whole(const struct test_env *env, struct run *run)
{
	run_start(env, run);
	run_finish(run);
	return run->status;
}

/* ---- its report ---- */

json_t *json_at(json_t *root, const char *path)
{
	char *words = text("%s", path);
	char *save = NULL;

	for (char *word = strtok_r(words, "/", &save); root && word;
	     word = strtok_r(NULL, "/", &save))
		root = json_is_array(root) ? json_array_get(root, strtoul(word, NULL, 10)) :
					     json_object_get(root, word);
	return root;
}

const char *json_text_at(json_t *root, const char *path)
{
	return json_string_value(json_at(root, path)) ?: "(none)";
}

json_int_t json_int_at(json_t *root, const char *path)
{
	json_t *value = json_at(root, path);

	return json_is_integer(value) ? json_integer_value(value) : INT64_MIN;
}
