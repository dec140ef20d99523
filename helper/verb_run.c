// SPDX-License-Identifier: MIT
/* The verb `run`: command line, document, plan, host, one cell, its report. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/caller_file.h"
#include "helper/caps.h"
#include "helper/text.h"
#include "helper/verbs.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define RUN_PRIVS	(PRIV_MASK(PRIV_CALLER_FILES) | PRIV_MASK(PRIV_PARENT) | \
			 PRIV_MASK(PRIV_EGRESS) | PRIV_MASK(PRIV_STDIO) | PRIV_MASK(PRIV_SIGNAL) | \
			 PRIV_MASK(PRIV_CREDENTIALS) | PRIV_MASK(PRIV_NETWORK) | \
			 PRIV_MASK(PRIV_NAMESPACES) | PRIV_MASK(PRIV_OOM_SCORE))

enum {
	OPT_PARENT = 1, OPT_BACKEND, OPT_UNSHARE, OPT_ENV, OPT_STDIO, OPT_EGRESS, OPT_NETNS,
	OPT_FLOW_LOG, OPT_USER, OPT_REPORT, OPT_VERBOSE,
};

static const struct option long_options[] = {
	{ "cgroup-parent", required_argument, NULL, OPT_PARENT },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "unshare", required_argument, NULL, OPT_UNSHARE },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "stdio", required_argument, NULL, OPT_STDIO },
	{ "egress", required_argument, NULL, OPT_EGRESS },
	{ "netns", required_argument, NULL, OPT_NETNS },
	{ "flow-log", required_argument, NULL, OPT_FLOW_LOG },
	{ "user", required_argument, NULL, OPT_USER },
	{ "report", required_argument, NULL, OPT_REPORT },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ NULL, 0, NULL, 0 },
};

/* The option that a word spells in full: getopt_long(3) takes any beginning of a name. */
static const struct option *find_option(const char *word)
{
	const struct option *option = long_options;
	size_t length = strcspn(word, "=");

	while (option->name && (strncmp(word, "--", 2) || strlen(option->name) != length - 2 ||
				strncmp(word + 2, option->name, length - 2)))
		option++;
	return option->name ? option : NULL;
}

static int bad_option(const char *word, struct error *err)
{
	char name[32] = "";
	struct guess guess = GUESS(name);
	const struct option *option = find_option(word);

	if (option) {
		err_set(err, "options", EINVAL, "%s: %s", word, option->has_arg ?
			"its value is missing" : "takes no value");
		err_hint(err, "cellos-helper help run");
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	for (option = long_options; option->name; option++)
		if (!strncmp(name, "--", 2) && strlen(name) > 4 &&
		    !strncmp(option->name, name + 2, strlen(name + 2)))
			guess.best = option->name;
	guess.word = name + strspn(name, "-");
	for (option = long_options; !guess.best && option->name; option++)
		guess_try(&guess, option->name);
	err_set(err, "options", EINVAL, "%s: unknown option", word);
	if (guess.best)
		err_hint(err, "did you mean --%s? Names are written in full", guess.best);
	err_hint(err, "cellos-helper help run");
	return -EINVAL;
}

static int refuse_arguments(int n, char **words, struct error *err)
{
	err_set(err, "options", EINVAL, "%s", n ? "more than one DOCUMENT is named" :
		"no DOCUMENT is named");
	if (n && words[1][0] == '-' && words[1][1])
		err_hint(err, "options stand before DOCUMENT: cellos-helper run %s ... %s", words[1],
			 words[0]);
	err_hint(err, "usage: cellos-helper run [OPTIONS] DOCUMENT|-");
	return -EINVAL;
}

static int parse_options(int argc, char **argv, struct run_options *options, struct error *err)
{
	const char **values[] = {
		[OPT_PARENT] = &options->cgroup_parent, [OPT_BACKEND] = &options->backend,
		[OPT_UNSHARE] = &options->unshare, [OPT_STDIO] = &options->stdio,
		[OPT_EGRESS] = &options->egress, [OPT_NETNS] = &options->netns,
		[OPT_FLOW_LOG] = &options->flow_log, [OPT_USER] = &options->user, [OPT_REPORT] = &options->report,
		[OPT_VERBOSE] = NULL,
	};
	const char *word;
	int opt;

	options->env = calloc((size_t)argc, sizeof(*options->env));
	if (!options->env)
		return err_set(err, "options", ENOMEM, "no memory");
	opterr = 0;
	optind = 0;	/* "+": the document ends the options */
	while (word = argv[optind ?: 1],
	       (opt = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (opt == '?' || opt >= (int)ARRAY_SIZE(values) || !find_option(word))
			return bad_option(word, err);
		if (opt == OPT_ENV)
			options->env[options->n_env++] = optarg;
		else if (opt == OPT_VERBOSE)
			options->verbose = true;
		else
			*values[opt] = optarg;
	}
	if (optind != argc - 1)
		return refuse_arguments(argc - optind, argv + optind, err);
	options->document = argv[optind];
	options->caller_uid = geteuid();
	options->caller_gid = getegid();
	return 0;
}

/* Opened before anything starts: a report that cannot be written is no report. */
static int open_report(const char *where, int *ret_fd, struct error *err)
{
	uint64_t n;

	*ret_fd = -EBADF;
	if (!where)
		return 0;
	if (!strcmp(where, "-"))
		*ret_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (!strncmp(where, "fd:", 3) && !text_to_u64(where + 3, INT32_MAX, &n))
		*ret_fd = fcntl((int)n, F_DUPFD_CLOEXEC, 3);
	else if (!strncmp(where, "fd:", 3))
		errno = EINVAL;
	else
		*ret_fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	if (*ret_fd < 0) {
		int errnum = errno;

		if (!strncmp(where, "fd:", 3))
			err_hint(err, "fd:N is the number of a file descriptor that the caller opened; "
				 "for a file of that name write ./%s", where);
		return err_set(err, "report", errnum, "cannot open the report %s", where);
	}
	if ((fcntl(*ret_fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return err_set(err, "report", EBADF, "%s cannot be written", where);
	return 0;
}

struct input {
	struct run_options options;
	char *bytes;
	size_t size;
	int report_fd;
};

static void free_input(void *ptr)
{
	struct input *input = ptr;

	free(input->options.env);
	free(input->bytes);
	fd_close(&input->report_fd);
}

/*
 * All that the caller named is opened here, with its rights; then every other fd
 * that was inherited is closed: none of it is ours, and none may reach a cell.
 */
static int take_input(int argc, char **argv, struct input *input, struct error *err)
{
	int fd __free(fd) = -EBADF;
	int ret = parse_options(argc, argv, &input->options, err);

	if (ret == 0)
		ret = caps_init(RUN_PRIVS | (input->options.netns ? PRIV_MASK(PRIV_NETWORK_FIND) : 0),
				err);
	if (ret == 0) {
		int priv __free(priv) = caps_raise(PRIV_CALLER_FILES, err);

		ret = priv;
		if (ret == 0)
			ret = open_report(input->options.report, &input->report_fd, err);
		if (ret == 0)
			ret = caller_file_open(input->options.document, "document", &fd, err);
	}
	if (ret == 0)
		ret = caps_forget(PRIV_MASK(PRIV_CALLER_FILES), err);
	if (ret == 0)
		ret = caller_file_read(fd, "document", &input->bytes, &input->size, err);
	return ret;
}

static void close_inherited(int keep)
{
	if (keep < 0) {
		close_range(3, ~0U, 0);
		return;
	}
	if (keep > 3)
		close_range(3, (unsigned int)keep - 1, 0);
	close_range((unsigned int)keep + 1, ~0U, 0);
}

/* Error line, report, timings. Return: the exit status, 125 if the report is lost. */
static int say_result(const struct input *input, const struct run_result *result, int status)
{
	report_error(&result->error);
	if (input->report_fd >= 0) {
		int ret = report_run(input->report_fd, result);

		if (ret < 0) {
			dprintf(STDERR_FILENO, "cellos-helper: report: cannot write it: %s\n",
				strerror(-ret));
			status = CELLOS_EXIT_FAILED;
		}
	}
	if (input->options.verbose && result->cell) {
		const struct cell_timings *t = &result->cell->timings;

		dprintf(STDERR_FILENO, "cellos-helper: %s: status %d; cgroup %llu us, egress %llu "
			"us, spawn %llu us, teardown %llu us\n", result->cell->leaf, status,
			(unsigned long long)t->cgroup, (unsigned long long)t->egress,
			(unsigned long long)t->spawn, (unsigned long long)t->teardown);
	}
	return status;
}

/*
 * The network that the caller named may be that of a process, which takes the caller's
 * rights to open. What cannot be opened here the step "network" tries once more, and
 * names. To know the host's own takes them, too.
 */
static void take_network(const struct plan *plan, struct network *ret)
{
	int priv __free(priv) = -1;

	if (plan->net != CELLOS_NET_PATH)
		return;
	priv = caps_raise(PRIV_NETWORK_FIND, NULL);	/* who has it not may do without */
	ret->fd = network_open_path(plan->netns, NULL);
	ret->first = network_of_first();
}

/* What was asked for before anybody knew the plan, and is not in it. */
static uint32_t unneeded_privs(const struct plan *plan)
{
	uint32_t privs = 0;

	if (plan->net == CELLOS_NET_PATH)
		privs |= PRIV_MASK(PRIV_NETWORK_FIND);
	else if (plan->net == CELLOS_NET_HOST)
		privs |= PRIV_MASK(PRIV_NETWORK);
	if (!(plan->isolation.unshare & ~(uint32_t)UNSHARE_NET))
		privs |= PRIV_MASK(PRIV_NAMESPACES);
	return privs;
}

static int run_plan(const struct plan *plan, const struct input *input, struct run_result *result)
{
	/* One in the life of this process, and large for a stack. */
	static struct host host;
	static struct cell cell;
	struct network network = NETWORK_NONE;
	int status;

	take_network(plan, &network);
	/* Before there is a second thread, which would keep what only this one gives up. */
	if (caps_forget(unneeded_privs(plan), &result->error) < 0 ||
	    host_open(plan->cgroup_parent, HOST_NFT | HOST_LOOP | HOST_SPAWN | HOST_CREATE, &host,
		      &result->error) < 0)
		return say_result(input, result, CELLOS_EXIT_FAILED);
	cell_init(&cell, &host, plan);
	cell.network = network;
	status = run_cell(&cell, cell_steps, result);
	/*
	 * What is left are fds, memory and a sleeping thread of this process, which
	 * the kernel takes back faster than host_done() would (measured: 150 us).
	 */
	return say_result(input, result, status);
}

int verb_run(int argc, char **argv)
{
	struct input input __free(input) = { .report_fd = -EBADF };
	struct run_result result = { .ending = { .kind = CELLOS_FAILED } };
	struct plan plan;
	int status;

	if (take_input(argc, argv, &input, &result.error) < 0) {
		/* Whoever waits for a report gets one, if the caller's own rights allow it. */
		if (input.report_fd < 0)
			open_report(input.options.report, &input.report_fd, &result.error);
		return say_result(&input, &result, CELLOS_EXIT_FAILED);
	}
	close_inherited(input.report_fd);
	wait_block_signals();
	/* The caller's was for its report; cgroups have modes of their own. */
	umask(022);
	if (plan_make(input.bytes, input.size, &input.options, environ, &plan,
		      &result.error) < 0)
		return say_result(&input, &result, CELLOS_EXIT_FAILED);
	status = run_plan(&plan, &input, &result);
	teardown_done(&result.teardown);
	plan_done(&plan);
	return status;
}
