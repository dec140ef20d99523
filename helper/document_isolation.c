// SPDX-License-Identifier: MIT
/* spec.run.isolation: namespaces, the workspace, paths, system calls. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/bounds.h"
#include "helper/document_parts.h"
#include "helper/envlist.h"
#include "helper/text.h"
#include "helper/unshare.h"
#include "lib/cleanup.h"

int path_check(const struct place *at, const char *path, struct error *err)
{
	if (path[0] != '/') {
		place_refuse(at, err, EINVAL, "%s is not an absolute path",
			     text_quote(path).text);
		err_hint(err, "write the whole path, from / on: a document has no folder that it "
			 "would begin in");
		return -EINVAL;
	}
	if (strlen(path) > CELLOS_PATH_MAX)
		return place_refuse(at, err, E2BIG, "has %zu bytes, at most %d are allowed",
				    strlen(path), CELLOS_PATH_MAX);
	if (path_climbs(path)) {
		place_refuse(at, err, EINVAL, "%s has a component \"..\"", text_quote(path).text);
		err_hint(err, "write where it leads to");
		return -EINVAL;
	}
	return 0;
}

static int refuse_namespace(const struct place *at, const char *word, struct error *err)
{
	const char *meant = strchr(word, ',') ? NULL : unshare_guess(word);

	place_refuse(at, err, EINVAL, "unknown namespace %s", text_quote(word).text);
	if (word[strcspn(word, " \t")])
		err_hint(err, "there is a blank in it: write \"pid,mnt\", or [\"pid\", \"mnt\"]");
	else if (meant)
		err_hint(err, "did you mean \"%s\"?", meant);
	else
		err_hint(err, "known here: %s", unshare_words.text);
	return -EINVAL;
}

/* One namespace of the list, in the words of --unshare. */
static int add_namespace(const struct place *at, const json_t *value, uint32_t *bits,
			 struct error *err)
{
	const char *word;
	uint32_t bit;
	int ret = value_check_type(at, value, IS_STRING, err);

	if (!ret)
		ret = string_read(at, value, &word, err);
	if (ret)
		return ret;
	bit = unshare_bit(word);
	*bits |= bit;
	return bit ? 0 : refuse_namespace(at, word, err);
}

/* The first word of a text that is none of them. */
static int refuse_word(const struct place *at, const char *word, struct error *err)
{
	char *name __free(mem) = strndup(word, strcspn(word, ","));

	return name ? refuse_namespace(at, name, err) : document_nomem(err);
}

/* An array of names, or the same text that --unshare takes. */
static int read_unshare(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct plan_isolation *isolation = &((struct document *)to)->isolation;
	const char *text, *unknown;
	json_t *entry;
	size_t i;
	int ret;

	isolation->unshare_given = true;
	json_array_foreach(value, i, entry) {
		struct place here = PLACE_INDEX(at, i);

		ret = add_namespace(&here, entry, &isolation->unshare, err);
		if (ret)
			return ret;
	}
	if (json_is_array(value))
		return 0;
	ret = string_read(at, value, &text, err);
	if (ret || unshare_parse(text, &isolation->unshare, &unknown))
		return ret;
	return refuse_word(at, unknown, err);
}

static int read_paths(const struct place *at, json_t *array, char ***ret, struct error *err)
{
	json_t *value;
	char **list;
	size_t i;
	int r;

	if (json_array_size(array) > CELLOS_LIST_MAX)
		return place_refuse(at, err, E2BIG, "has %zu entries, at most %d are allowed",
				    json_array_size(array), CELLOS_LIST_MAX);
	*ret = list = calloc(json_array_size(array) + 1, sizeof(*list));
	if (!list)
		return document_nomem(err);
	json_array_foreach(array, i, value) {
		struct place here = PLACE_INDEX(at, i);
		const char *path;

		r = value_check_type(&here, value, IS_STRING, err);
		if (!r)
			r = string_read(&here, value, &path, err);
		if (!r)
			r = path_check(&here, path, err);
		if (r)
			return r;
		list[i] = strdup(path);
		if (!list[i])
			return document_nomem(err);
		path_tidy(list[i]);
	}
	return 0;
}

static int read_read_only(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct plan_isolation *isolation = &((struct document *)to)->isolation;

	isolation->listed = true;
	return read_paths(at, array, &isolation->read_only, err);
}

static int read_read_write(const struct place *at, json_t *array, void *to, struct error *err)
{
	struct plan_isolation *isolation = &((struct document *)to)->isolation;

	isolation->listed = true;
	return read_paths(at, array, &isolation->read_write, err);
}

static int read_hidden(const struct place *at, json_t *array, void *to, struct error *err)
{
	return read_paths(at, array, &((struct document *)to)->isolation.hidden, err);
}

static int read_system_libraries(const struct place *at, json_t *value, void *to,
				 struct error *err)
{
	(void)at;
	(void)err;
	((struct document *)to)->isolation.system_libraries = json_is_true(value);
	return 0;
}

/* A profile by its name, or the path of a compiled program. */
static int read_seccomp(const struct place *at, json_t *value, void *to, struct error *err)
{
	static const char *const words[] = {
		[CELLOS_SECCOMP_BASELINE] = "baseline", [CELLOS_SECCOMP_NONE] = "none", NULL
	};
	static const struct word_list profiles = { words, "baseline, none" };
	struct plan_isolation *isolation = &((struct document *)to)->isolation;
	const char *text;
	int i, ret = string_read(at, value, &text, err);

	if (ret)
		return ret;
	i = word_index(&profiles, text);
	if (i >= 0) {
		isolation->seccomp = (enum cellos_seccomp)i;
		return 0;
	}
	if (text[0] != '/') {
		ret = place_refuse(at, err, EINVAL, "unknown profile %s", text_quote(text).text);
		err_hint(err, "known here: %s, or the absolute path of a compiled BPF program",
			 profiles.text);
		return ret;
	}
	ret = path_check(at, text, err);
	if (ret)
		return ret;
	isolation->seccomp = CELLOS_SECCOMP_FILE;
	isolation->seccomp_file = strdup(text);
	return isolation->seccomp_file ? 0 : document_nomem(err);
}

static int refuse_time_offsets(const struct place *at, json_t *value, void *to, struct error *err)
{
	(void)value;
	(void)to;
	place_refuse(at, err, EOPNOTSUPP, "a time namespace has the host's clocks here: offsets "
		     "cannot be set by the clone3 that makes it");
	err_hint(err, "leave it out");
	return -EOPNOTSUPP;
}

static int refuse_nested(const struct place *at, json_t *value, void *to, struct error *err)
{
	(void)to;
	if (json_is_false(value))
		return 0;
	place_refuse(at, err, EOPNOTSUPP, "cells within cells are not built yet");
	err_hint(err, "leave nested out");
	return -EOPNOTSUPP;
}

#define ISOLATION(member)	offsetof(struct document, isolation.member)

static const struct field map_fields[] = {
	{ .name = "uid", .types = IS_INTEGER, .required = true, .offset = ISOLATION(map_uid),
	  .min = 0, .max = ID_MAX },
	{ .name = "gid", .types = IS_INTEGER, .required = true, .offset = ISOLATION(map_gid),
	  .min = 0, .max = ID_MAX },
	{ }
};

static const struct shape map_shape = { .fields = map_fields };

static int read_map(const struct place *at, json_t *object, void *to, struct error *err)
{
	((struct document *)to)->isolation.map_given = true;
	return object_read(at, object, &map_shape, to, err);
}

static const struct field isolation_fields[] = {
	{ .name = "unshare", .types = IS_ARRAY | IS_STRING, .read = read_unshare },
	{ .name = "userMap", .types = IS_OBJECT, .read = read_map },
	{ .name = "workspaceBytes", .types = IS_INTEGER, .offset = ISOLATION(workspace_bytes),
	  .min = CELLOS_WORKSPACE_MIN, .max = INT64_MAX,
	  .hint = "leave workspaceBytes out for as much as memoryMaxBytes, or 64 MiB" },
	{ .name = "readOnlyPaths", .types = IS_ARRAY, .read = read_read_only },
	{ .name = "readWritePaths", .types = IS_ARRAY, .read = read_read_write },
	{ .name = "systemLibraries", .types = IS_BOOLEAN, .read = read_system_libraries },
	{ .name = "hiddenPaths", .types = IS_ARRAY, .read = read_hidden },
	{ .name = "seccomp", .types = IS_STRING, .read = read_seccomp },
	{ .name = "timeOffsets", .types = IS_ANYTHING, .read = refuse_time_offsets },
	{ .name = "nested", .types = IS_BOOLEAN, .read = refuse_nested },
	{ }
};

const struct shape isolation_shape = { .fields = isolation_fields };
