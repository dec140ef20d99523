/* SPDX-License-Identifier: MIT */
/* What the files of the plan share: settings outside the document. */
#ifndef HELPER_PLAN_PARTS_H
#define HELPER_PLAN_PARTS_H

#include "helper/document.h"
#include "helper/plan.h"
#include "helper/text.h"

/**
 * struct setting - one option or variable, as the caller spelled it
 * @step: where an error in it belongs: "options" or "environment"
 * @name: "--stdio", "CELLOS_CELL_BACKEND"
 * @value: its text, or NULL: not given
 */
struct setting {
	const char *step;
	const char *name;
	const char *value;
};

/* OPTION() - the setting of an option whose text is @text */
#define OPTION(option, text)	\
	((struct setting) { .step = "options", .name = (option), .value = (text) })

/**
 * struct variables - what the CELLOS_* variables ask for
 * @backend: CELLOS_CELL_BACKEND, or the default
 * @backend_from: the variable, if it is set
 * @unshare_from: CELLOS_SUBPROCESS_UNSHARE, if it is set
 * @unshare: the namespaces that it names
 * @argv0_from: CELLOS_RUN_ARGV0_ALLOW_PREFIXES, if it is set
 * @n_argv0_prefixes: entries of its list
 * @cpu_quota: CELLOS_CGROUP_CPU_MAX; LIMIT_UNSET: not set
 * @cpu_period: its period; LIMIT_UNSET: not set
 */
struct variables {
	enum cellos_backend backend;
	struct setting backend_from;
	struct setting unshare_from;
	uint32_t unshare;
	struct setting argv0_from;
	unsigned int n_argv0_prefixes;
	uint64_t cpu_quota;
	uint64_t cpu_period;
};

/* setting_refuse() - as err_set(), with the setting's name before the message */
int setting_refuse(const struct setting *setting, struct error *err, int errnum,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* setting_word() - index of a setting's value in a list of words, or -EINVAL */
int setting_word(const struct setting *setting, const struct word_list *words,
		 struct error *err);

/* setting_backend() - read the name of a backend */
int setting_backend(const struct setting *setting, enum cellos_backend *ret, struct error *err);

/* setting_unshare() - read a comma list of namespaces; @ret: UNSHARE_* */
int setting_unshare(const struct setting *setting, uint32_t *ret, struct error *err);

/* variables_judge() - all CELLOS_* variables but CELLOS_CGROUP_PARENT */
int variables_judge(char *const *environment, struct variables *ret, struct error *err);

/**
 * options_judge() - the options, over what the variables ask for
 * @options: the command line; environment and cgroup parent are not judged here
 * @variables: from variables_judge()
 * @plan: takes backend, stdio, user, egress_enforced, netns, and --unshare as it is
 * @err: step "options", or "environment" for what a variable asks for
 *
 * Return: 0; -EINVAL; -EOPNOTSUPP: understood, but not built yet.
 */
int options_judge(const struct run_options *options, const struct variables *variables,
		  struct plan *plan, struct error *err);

/**
 * plan_isolate() - what the cell is kept from, from all who have a say
 * @doc: its isolation and process are moved into the plan
 * @variables: from variables_judge()
 * @plan: its options are judged already
 * @err: step "options", "environment" or "document" (with field)
 *
 * Return: 0; -EINVAL: things that do not go together; -ENOMEM.
 */
int plan_isolate(struct document *doc, const struct variables *variables, struct plan *plan,
		 struct error *err);

#endif /* HELPER_PLAN_PARTS_H */
