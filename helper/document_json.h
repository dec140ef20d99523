/* SPDX-License-Identifier: MIT */
/*
 * From bytes to a JSON tree. The scanner reads ahead of the parser: it bounds
 * the depth before anything recurses, and finds the field that a parser's
 * error is about, which parsers do not say.
 */
#ifndef HELPER_DOCUMENT_JSON_H
#define HELPER_DOCUMENT_JSON_H

#include <stddef.h>

#include "helper/document_arena.h"
#include "helper/document_field.h"
#include "lib/cleanup.h"

/**
 * struct json_tree - a parsed document
 * @root: its value; must not be released by json_decref()
 * @arena: where the tree lives: arena_close() releases it
 */
struct json_tree {
	json_t *root;
	struct arena arena;
};

DEFINE_FREE(json_tree, struct json_tree, arena_close(&p->arena))

/**
 * document_load() - parse JSON strictly
 * @bytes: RFC 8259: one value, UTF-8, no byte order mark
 * @size: at most CELLOS_DOCUMENT_MAX, else refused
 * @shape: of the whole document: tells which parts are the helper's; NULL: all
 * @ret: the tree
 * @err: step "document"; field where one can be named
 *
 * Keys that stand twice are refused everywhere: readers of one document must
 * not see different values. Numbers that no C type can hold are refused only
 * in the helper's parts; elsewhere they pass (and the tree has 0 for them).
 *
 * Return: 0; -EINVAL; -E2BIG: too large or too deep; -ENOMEM.
 */
int document_load(const char *bytes, size_t size, const struct shape *shape,
		  struct json_tree *ret, struct error *err);

/**
 * scan_prepare() - make a document safe for a recursive parser
 * @bytes: the document; numbers of foreign parts that are too large become 0
 * @size: its size
 * @shape: as for document_load()
 * @err: filled on failure
 *
 * Return: 0; -E2BIG: nested deeper than CELLOS_DOCUMENT_DEPTH.
 */
int scan_prepare(char *bytes, size_t size, const struct shape *shape, struct error *err);

/**
 * scan_locate() - the field that a byte of the document belongs to
 * @bytes: the document; need not be well-formed behind @offset
 * @size: its size
 * @offset: 1 past the last byte of a token
 * @ret: JSON pointer to the value or key that this token is
 * @ret_size: room in @ret
 */
void scan_locate(const char *bytes, size_t size, size_t offset, char *ret, size_t ret_size);

#endif /* HELPER_DOCUMENT_JSON_H */
