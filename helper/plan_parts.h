/* SPDX-License-Identifier: MIT */
/* What the files of the plan share: settings outside the document. */
#ifndef HELPER_PLAN_PARTS_H
#define HELPER_PLAN_PARTS_H

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
 * @cpu_quota: CELLOS_CGROUP_CPU_MAX; LIMIT_UNSET: not set
 * @cpu_period: its period; LIMIT_UNSET: not set
 */
struct variables {
	enum cellos_backend backend;
	struct setting backend_from;
	struct setting unshare_from;
	uint32_t unshare;
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

/* Namespaces, as bits. */
#define UNSHARE_PID	0x01
#define UNSHARE_IPC	0x02
#define UNSHARE_MNT	0x04
#define UNSHARE_NET	0x08
#define UNSHARE_USER	0x10
#define UNSHARE_UTS	0x20
#define UNSHARE_CGROUP	0x40
#define UNSHARE_TIME	0x80

/* setting_unshare() - read a comma list of namespaces; @ret: UNSHARE_* */
int setting_unshare(const struct setting *setting, uint32_t *ret, struct error *err);

/* variables_judge() - all CELLOS_* variables but CELLOS_CGROUP_PARENT */
int variables_judge(char *const *environment, struct variables *ret, struct error *err);

/**
 * options_judge() - the options, over what the variables ask for
 * @options: the command line; environment and cgroup parent are not judged here
 * @variables: from variables_judge()
 * @plan: takes backend, stdio, user, egress_enforced
 * @err: step "options", or "environment" for what a variable asks for
 *
 * Return: 0; -EINVAL; -EOPNOTSUPP: understood, but not built yet.
 */
int options_judge(const struct run_options *options, const struct variables *variables,
		  struct plan *plan, struct error *err);

#endif /* HELPER_PLAN_PARTS_H */
