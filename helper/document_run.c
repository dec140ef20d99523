// SPDX-License-Identifier: MIT
/* spec.run: what is executed, where, with which environment. Limits: document_limits.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/bounds.h"
#include "helper/document_parts.h"
#include "helper/envlist.h"
#include "helper/text.h"

/* A string of argv or of the environment, as execve takes it. */
static int check_arg_size(const struct place *at, size_t length, struct error *err)
{
	if (length < ARG_STRING_MAX)
		return 0;
	return place_refuse(at, err, E2BIG, "has %zu bytes, the kernel takes at most %d", length,
			    ARG_STRING_MAX - 1);
}

static int read_argument(const struct place *at, const json_t *value, char **ret,
			 struct error *err)
{
	const char *text;
	int r;

	r = value_check_type(at, value, IS_STRING, err);
	if (!r)
		r = string_read(at, value, &text, err);
	if (!r)
		r = check_arg_size(at, strlen(text), err);
	if (r)
		return r;
	if (!at->index && !*text)
		return place_refuse(at, err, EINVAL, "is empty: it names the program to run");
	*ret = strdup(text);
	return *ret ? 0 : document_nomem(err);
}

static int read_argv(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct document *doc = to;
	json_t *value;
	size_t i;

	if (!json_array_size(array))
		return place_refuse(at, err, EINVAL,
				    "is empty: its first entry is the program to run");
	if (json_array_size(array) > CELLOS_ARGC_MAX)
		return place_refuse(at, err, E2BIG, "has %zu entries, at most %d are allowed",
				    json_array_size(array), CELLOS_ARGC_MAX);
	doc->argv = calloc(json_array_size(array) + 1, sizeof(*doc->argv));
	if (!doc->argv)
		return document_nomem(err);
	json_array_foreach(array, i, value) {
		struct place here = PLACE_INDEX(at, i);
		int ret = read_argument(&here, value, &doc->argv[i], err);

		if (ret)
			return ret;
		doc->argc++;
	}
	return 0;
}

static int read_working_directory(const struct place *at, json_t *value, void *to,
				  struct error *err)
{
	struct document *doc = to;
	const char *path;
	int ret;

	ret = string_read(at, value, &path, err);
	if (ret)
		return ret;
	ret = path_check(at, path, err);
	if (ret)
		return ret;
	doc->working_directory = strdup(path);
	if (!doc->working_directory)
		return document_nomem(err);
	path_tidy(doc->working_directory);
	return 0;
}

/* One entry of run.environment, still in the tree's memory. */
struct pair {
	const char *name;
	const char *value;
};

static int read_pair_name(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct pair *pair = to;
	int ret;

	ret = string_read(at, value, &pair->name, err);
	if (ret)
		return ret;
	if (!*pair->name)
		return place_refuse(at, err, EINVAL, "is empty");
	if (strchr(pair->name, '='))
		return place_refuse(at, err, EINVAL, "%s contains '='",
				    text_quote(pair->name).text);
	return 0;
}

static int read_pair_value(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct pair *pair = to;

	return string_read(at, value, &pair->value, err);
}

static const struct field pair_fields[] = {
	{ .name = "name", .types = IS_STRING, .required = true, .read = read_pair_name },
	{ .name = "value", .types = IS_STRING, .required = true, .read = read_pair_value },
	{ }
};

static const struct shape pair_shape = { .fields = pair_fields };

static int read_pair(const struct place *at, json_t *value, char **ret, struct error *err)
{
	struct pair pair = { };
	int r;

	r = value_check_type(at, value, IS_OBJECT, err);
	if (!r)
		r = object_read(at, value, &pair_shape, &pair, err);
	if (!r)
		r = check_arg_size(at, strlen(pair.name) + 1 + strlen(pair.value), err);
	if (r)
		return r;
	if (asprintf(ret, "%s=%s", pair.name, pair.value) < 0) {
		*ret = NULL;
		return document_nomem(err);
	}
	return 0;
}

static int check_repeated_names(const struct place *at, const struct document *doc,
				struct error *err)
{
	size_t i = 0;
	int found = envlist_repeated((const char *const *)doc->env, doc->n_env, &i);
	struct place entry = PLACE_INDEX(at, i);
	struct place name = PLACE_KEY(&entry, "name");

	if (found <= 0)
		return found ? document_nomem(err) : 0;
	doc->env[i][strcspn(doc->env[i], "=")] = '\0';
	return place_refuse(&name, err, EINVAL, "%s is set twice", text_quote(doc->env[i]).text);
}

static int read_environment(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct document *doc = to;
	json_t *value;
	size_t i;

	if (json_array_size(array) > CELLOS_ENV_MAX)
		return place_refuse(at, err, E2BIG, "has %zu entries, at most %d are allowed",
				    json_array_size(array), CELLOS_ENV_MAX);
	doc->env = calloc(json_array_size(array) + 1, sizeof(*doc->env));
	if (!doc->env)
		return document_nomem(err);
	json_array_foreach(array, i, value) {
		struct place here = PLACE_INDEX(at, i);
		int ret = read_pair(&here, value, &doc->env[i], err);

		if (ret)
			return ret;
		doc->n_env++;
	}
	return check_repeated_names(at, doc, err);
}

/* Says how secrets reach the workload: without secrets, nothing to do. */
static int read_secret_delivery(const struct place *at, json_t *value, void *to,
				struct error *err)
{
	static const char *const words[] = {
		"env", "runtimeBroker", "runtimeLeasedBroker", NULL
	};
	static const struct word_list ways = {
		words, "env, runtimeBroker, runtimeLeasedBroker"
	};
	const char *way;
	int ret;

	(void)to;
	ret = string_read(at, value, &way, err);
	if (ret || word_index(&ways, way) >= 0)
		return ret;
	ret = place_refuse(at, err, EINVAL, "unknown way %s", text_quote(way).text);
	err_hint(err, "known here: %s", ways.text);
	return ret;
}

static int read_rootfs(const struct place *at, json_t *value, void *to, struct error *err)
{
	(void)value;
	(void)to;
	return place_refuse(at, err, EOPNOTSUPP,
			    "belongs to the gvisor backend, which is not built yet");
}

static const struct field run_fields[] = {
	{ .name = "argv", .types = IS_ARRAY, .required = true, .read = read_argv },
	{ .name = "workingDirectory", .types = IS_STRING, .read = read_working_directory },
	{ .name = "environment", .types = IS_ARRAY, .read = read_environment },
	{ .name = "secretDelivery", .types = IS_STRING, .read = read_secret_delivery },
	{ .name = "isolation", .types = IS_OBJECT, .shape = &isolation_shape },
	{ .name = "process", .types = IS_OBJECT, .shape = &process_shape },
	{ .name = "limits", .types = IS_OBJECT, .read = document_read_limits },
	{ .name = "rootfs", .types = IS_ANYTHING, .read = read_rootfs },
	{ }
};

const struct shape run_shape = { .fields = run_fields };
