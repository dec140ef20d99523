// SPDX-License-Identifier: MIT
#include "helper/document_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uapi/cellos.h"

/* What the parser takes for granted, checked first: cheap, and clearer. */
static int check_bytes(const char *bytes, size_t size, struct error *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	const char *nul;
	int ret;

	if (size > CELLOS_DOCUMENT_MAX)
		return err_set(err, "document", E2BIG,
			       "%zu bytes are too many: a document has at most %d", size,
			       CELLOS_DOCUMENT_MAX);
	if (!size)
		return err_set(err, "document", EINVAL, "the document is empty");
	nul = memchr(bytes, '\0', size);
	if (nul)
		return err_set(err, "document", EINVAL, "not JSON: byte %zu is NUL",
			       (size_t)(nul - bytes));
	if (size >= strlen(bom) && !memcmp(bytes, bom, strlen(bom))) {
		ret = err_set(err, "document", EINVAL, "not JSON: starts with a byte order mark");
		err_hint(err, "save it as UTF-8 without one");
		return ret;
	}
	return 0;
}

/* Says in our words why the parser gave up on @bytes. */
static int refuse_json(const char *bytes, size_t size, const json_error_t *why, struct error *err)
{
	char pointer[sizeof(err->field)];
	int ret;

	scan_locate(bytes, size, why->position, pointer, sizeof(pointer));
	switch (json_error_code(why)) {
	case json_error_duplicate_key:
		ret = pointer_refuse(pointer, err, EINVAL,
				     "the key stands twice (again in line %d, column %d)",
				     why->line, why->column);
		err_hint(err, "remove one of the two");
		return ret;
	case json_error_numeric_overflow:
		return pointer_refuse(pointer, err, EINVAL,
				      "the number is too large for 64 bits");
	case json_error_null_byte_in_key:
		return pointer_refuse(pointer, err, EINVAL,
				      "the key contains a NUL character (\\u0000)");
	case json_error_invalid_utf8:
		return err_set(err, "document", EINVAL,
			       "not JSON: invalid UTF-8 behind line %d, column %d",
			       why->line, why->column);
	default:
		return err_set(err, "document", EINVAL, "not JSON: line %d, column %d: %s",
			       why->line, why->column, why->text);
	}
}

/* Parses @copy, which it may change, with memory from @tree. */
static int load(char *copy, size_t size, const struct shape *shape, struct json_tree *tree,
		struct error *err)
{
	json_error_t why;
	int r;

	r = scan_prepare(copy, size, shape, err);
	if (r)
		return r;
	tree->root = json_loadb(copy, size,
				JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	return tree->root ? 0 : refuse_json(copy, size, &why, err);
}

int document_load(const char *bytes, size_t size, const struct shape *shape,
		  struct json_tree *ret, struct error *err)
{
	struct json_tree tree __free(json_tree) = { };
	char *copy __free(mem) = NULL;
	int r;

	r = check_bytes(bytes, size, err);
	if (!r)
		r = arena_open(&tree.arena, err);
	if (r)
		return r;
	copy = malloc(size);
	if (!copy)
		return document_nomem(err);
	memcpy(copy, bytes, size);
	arena_enter(&tree.arena);
	r = load(copy, size, shape, &tree, err);
	arena_leave();
	if (r)
		return r;
	*ret = tree;
	tree = (struct json_tree) { };
	return 0;
}
