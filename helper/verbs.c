// SPDX-License-Identifier: MIT
/* What the verbs have in common. */
#include "helper/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/text.h"

int verb_fail(const struct error *err)
{
	report_error(err);
	return CELLOS_EXIT_FAILED;
}

int verb_unknown(const char *word)
{
	struct guess guess = GUESS(word ? word : "");
	struct error err = { 0 };

	for (const struct verb *verb = verbs; verb->name; verb++)
		guess_try(&guess, verb->name);
	if (!word)
		err_set(&err, "options", EINVAL, "no verb is given");
	else if (!strcmp(word, "serve"))
		err_set(&err, "options", EOPNOTSUPP, "the verb \"%s\" is not built yet", word);
	else
		err_set(&err, "options", EINVAL, "\"%.64s\" is no verb", word);
	if (guess.best)
		err_hint(&err, "did you mean %s?", guess.best);
	err_hint(&err, "cellos-helper help");
	return verb_fail(&err);
}

/* The value of "NAME VALUE" or "NAME=VALUE" at argv[*i]; NULL: something else. */
static const char *option_value(int argc, char **argv, int *i, const char *name)
{
	const char *word = argv[*i];
	size_t len = strlen(name);

	if (!strncmp(word, name, len) && word[len] == '=')
		return word + len + 1;
	return !strcmp(word, name) && *i + 1 < argc ? argv[++*i] : NULL;
}

static int take_option(int argc, char **argv, int *i, unsigned int takes, const char **parent,
		       struct verb_options *ret)
{
	const char *word = argv[*i], *value;

	if (!strcmp(word, "--json"))
		ret->json = true;
	else if (takes & VERB_TAKES_ALL && !strcmp(word, "--all"))
		ret->all = true;
	else if ((value = option_value(argc, argv, i, "--cgroup-parent")))
		*parent = value;
	else if (takes & VERB_TAKES_SET && (value = option_value(argc, argv, i, "--set")))
		ret->set = value;
	else
		return -EINVAL;
	return 0;
}

int verb_parse(int argc, char **argv, unsigned int takes, struct verb_options *ret,
	       struct error *err)
{
	const char *parent = NULL;

	*ret = (struct verb_options){ 0 };
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-') {
			if (ret->n_args == 2)
				return err_set(err, "options", EINVAL, "too many arguments");
			ret->args[ret->n_args++] = argv[i];
		} else if (take_option(argc, argv, &i, takes, &parent, ret) < 0) {
			err_set(err, "options", EINVAL, "%s: unknown option, or its value is "
				"missing", argv[i]);
			err_hint(err, "cellos-helper help %s", argv[0]);
			return -EINVAL;
		}
	}
	return plan_cgroup_parent(parent, environ, &ret->parent, err);
}

int verb_begin(int argc, char **argv, unsigned int takes, uint32_t privs, unsigned int parts,
	       struct verb_options *options, struct host *host, struct error *err)
{
	int ret = verb_parse(argc, argv, takes, options, err);

	if (ret == 0)
		ret = caps_init(privs, err);
	if (ret == 0)
		ret = wait_block_signals();
	if (ret == 0)
		ret = host_open(options->parent, parts, host, err);
	free(options->parent);
	options->parent = NULL;
	if (ret == -ENOENT && !err->errnum)
		return 1;
	return ret;
}
