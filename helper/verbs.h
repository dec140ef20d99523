/* SPDX-License-Identifier: MIT */
/* The verbs of the command line, each in the file of its name. */
#ifndef HELPER_VERBS_H
#define HELPER_VERBS_H

#include <stdbool.h>

#include "helper/cell.h"
#include "helper/report.h"
#include "lib/err.h"

/**
 * struct verb - one verb
 * @run: does it; argv[0] is the verb. Return: the exit status of the program.
 */
struct verb {
	const char *name;
	const char *arguments;
	const char *summary;
	int (*run)(int argc, char **argv);
	const char *details;
};

extern const struct verb verbs[];	/* ended by a row without a name */

int verb_run(int argc, char **argv);
int verb_probe(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_kill(int argc, char **argv);
int verb_destroy(int argc, char **argv);
int verb_reconcile(int argc, char **argv);
int verb_egress(int argc, char **argv);
int verb_version(int argc, char **argv);
int verb_help(int argc, char **argv);

/* Options that only some verbs take. */
#define VERB_TAKES_ALL	1U	/* --all */
#define VERB_TAKES_SET	2U	/* --set FILE */

/**
 * struct verb_options - what the verbs other than `run` take
 * @all: --all
 * @set: value of --set, or NULL
 * @args: what is left, at most two
 */
struct verb_options {
	bool json;
	bool all;
	const char *set;
	char *parent;		/* to be freed */
	const char *args[2];
	int n_args;
};

/* verb_parse() - parse them. 0; -EINVAL with @err filled. */
int verb_parse(int argc, char **argv, unsigned int takes, struct verb_options *ret,
	       struct error *err);

/**
 * verb_begin() - what the verbs that act on live cells begin with
 * @argv: as the verb got it
 * @takes: VERB_TAKES_*
 * @privs: PRIV_MASK()s that it needs
 * @parts: HOST_* that it needs
 *
 * Options, capabilities, signals, host. Return: 0; 1: there is
 * no parent and so no cell (the host is not open); -errno.
 */
int verb_begin(int argc, char **argv, unsigned int takes, uint32_t privs, unsigned int parts,
	       struct verb_options *options, struct host *host, struct error *err)
	__attribute__((nonnull));

/* verb_unknown() - say that @word is no verb; NULL: that none is given. As verb_fail(). */
int verb_unknown(const char *word);

/* verb_fail() - print the error. Return: CELLOS_EXIT_FAILED. */
int verb_fail(const struct error *err);

/**
 * run_cell() - one cell, from its first step to the proof that it is gone
 * @steps: cell_steps, or a test's variation of it
 * @ret: filled in any case
 * @cell: initialised by the caller with cell_init(); cell_done() is the caller's
 *
 * Return: the exit status for the program.
 */
int run_cell(struct cell *cell, const struct cell_step *steps, struct run_result *ret);

#endif /* HELPER_VERBS_H */
