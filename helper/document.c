// SPDX-License-Identifier: MIT
/*
 * The document as a whole: which keys there are at the top, in spec, in
 * spec.authority and in spec.lifetime. A table per object; see struct shape.
 */
#include "helper/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/document_json.h"
#include "helper/document_parts.h"
#include "helper/envlist.h"
#include "helper/text.h"
#include "lib/cleanup.h"

DEFINE_FREE(document, struct document, document_done(p))

/* Portable identifiers are ASCII whatever the locale says. */
static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int check_word(const struct place *at, const json_t *value, const char *wanted,
		      struct error *err)
{
	const char *text;
	int ret;

	ret = string_read(at, value, &text, err);
	if (!ret && strcmp(text, wanted))
		ret = place_refuse(at, err, EINVAL, "is %s, must be \"%s\"",
				   text_quote(text).text, wanted);
	return ret;
}

static int read_api_version(const struct place *at, json_t *value, void *to, struct error *err)
{
	(void)to;
	return check_word(at, value, "cellos.io/v1", err);
}

static int read_kind(const struct place *at, json_t *value, void *to, struct error *err)
{
	(void)to;
	return check_word(at, value, "ExecutionCell", err);
}

static int check_id(const struct place *at, const char *id, struct error *err)
{
	const char *p;
	int ret;

	if (!*id)
		return place_refuse(at, err, EINVAL, "is empty");
	if (strlen(id) > CELLOS_ID_MAX)
		return place_refuse(at, err, E2BIG, "has %zu bytes, at most %d are allowed",
				    strlen(id), CELLOS_ID_MAX);
	for (p = id; *p; p++) {
		if (is_alnum(*p) || *p == '.' || *p == '_' || *p == '-')
			continue;
		ret = place_refuse(at, err, EINVAL, "%s has a character that is not allowed, "
				   "at byte %zu", text_quote(id).text, (size_t)(p - id));
		err_hint(err, "use ASCII letters, digits, '.', '_' and '-'");
		return ret;
	}
	if (!is_alnum(*id))
		return place_refuse(at, err, EINVAL, "%s must start with a letter or digit",
				    text_quote(id).text);
	if (strstr(id, ".."))
		return place_refuse(at, err, EINVAL, "%s contains \"..\"", text_quote(id).text);
	return 0;
}

static int read_id(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct document *doc = to;
	const char *id;
	int ret;

	ret = string_read(at, value, &id, err);
	if (!ret)
		ret = check_id(at, id, err);
	if (ret)
		return ret;
	doc->id = strdup(id);
	return doc->id ? 0 : document_nomem(err);
}

static int read_secret_refs(const struct place *at, json_t *array, void *to, struct error *err)
{
	json_t *value;
	size_t i;
	int ret;

	(void)to;
	json_array_foreach(array, i, value) {
		struct place here = PLACE_INDEX(at, i);
		const char *name;

		ret = value_check_type(&here, value, IS_STRING, err);
		if (!ret)
			ret = string_read(&here, value, &name, err);
		if (!ret && !*name)
			ret = place_refuse(&here, err, EINVAL, "is empty");
		if (ret)
			return ret;
	}
	if (!json_array_size(array))
		return 0;
	ret = place_refuse(at, err, EOPNOTSUPP, "secrets are not built yet");
	err_hint(err, "leave secretRefs out or empty");
	return ret;
}

static int read_ttl(const struct place *at, json_t *value, void *to, struct error *err)
{
	static const struct field range = {
		.min = 1,
		.max = CELLOS_TTL_MAX,
		.hint = "seconds; leave ttlSeconds out for a run without a time limit",
	};
	struct document *doc = to;
	uint64_t seconds;
	int ret;

	if (json_is_null(value))
		return 0;
	ret = integer_read(at, value, &range, &seconds, err);
	if (!ret)
		doc->ttl_seconds = seconds;
	return ret;
}

static const struct field authority_fields[] = {
	{ .name = "egressRules", .types = IS_ARRAY, .read = document_read_rules },
	{ .name = "secretRefs", .types = IS_ARRAY, .read = read_secret_refs },
	{ }
};

static const struct shape authority_shape = { .fields = authority_fields, .open = true };

static const struct field lifetime_fields[] = {
	{ .name = "ttlSeconds", .types = IS_INTEGER | IS_NULL, .read = read_ttl },
	{ }
};

static const struct shape lifetime_shape = { .fields = lifetime_fields };

static const struct field spec_fields[] = {
	{ .name = "id", .types = IS_STRING, .required = true, .read = read_id },
	{ .name = "authority", .types = IS_OBJECT, .shape = &authority_shape },
	{ .name = "lifetime", .types = IS_OBJECT, .shape = &lifetime_shape },
	{ .name = "run", .types = IS_OBJECT, .required = true, .shape = &run_shape },
	{ }
};

static const struct shape spec_shape = { .fields = spec_fields, .open = true };

static const struct field document_fields[] = {
	{ .name = "apiVersion", .types = IS_STRING, .required = true, .read = read_api_version },
	{ .name = "kind", .types = IS_STRING, .required = true, .read = read_kind },
	{ .name = "spec", .types = IS_OBJECT, .required = true, .shape = &spec_shape },
	{ }
};

static const struct shape document_shape = { .fields = document_fields, .open = true };

int document_parse(const char *bytes, size_t size, struct document *ret, struct error *err)
{
	struct document doc __free(document) = {
		.grace_seconds = LIMIT_UNSET,
		.process = { .umask = LIMIT_UNSET, .nice = LIMIT_UNSET },
		.limits = PLAN_LIMITS_UNSET,
	};
	struct json_tree tree __free(json_tree) = { };
	const struct place whole = { };
	int r;

	r = document_load(bytes, size, &document_shape, &tree, err);
	if (!r)
		r = value_check_type(&whole, tree.root, IS_OBJECT, err);
	if (!r)
		r = object_read(&whole, tree.root, &document_shape, &doc, err);
	if (r)
		return r;
	*ret = doc;
	doc = (struct document) { };
	return 0;
}

void document_done(struct document *doc)
{
	free(doc->id);
	envlist_free(doc->argv);
	envlist_free(doc->env);
	free(doc->working_directory);
	isolation_done(&doc->isolation);
	free(doc->limits.io);
	egress_rules_done(doc->rules, doc->n_rules);
	*doc = (struct document) { };
}
