/* SPDX-License-Identifier: MIT */
/*
 * Objects of the document as tables: each key that the helper owns is one row,
 * with the JSON types it may have and where its value goes. What the rows do
 * not say is refused in one place: unknown keys, wrong types, missing keys,
 * integers out of range.
 */
#ifndef HELPER_DOCUMENT_FIELD_H
#define HELPER_DOCUMENT_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "helper/document_place.h"
#include "lib/err.h"

/* Sets of JSON types. */
#define IS_OBJECT	(1u << JSON_OBJECT)
#define IS_ARRAY	(1u << JSON_ARRAY)
#define IS_STRING	(1u << JSON_STRING)
#define IS_INTEGER	(1u << JSON_INTEGER)
#define IS_BOOLEAN	(1u << JSON_TRUE | 1u << JSON_FALSE)
#define IS_NULL		(1u << JSON_NULL)
#define IS_ANYTHING	(~0u)

struct shape;

/**
 * struct field - one key of an object
 * @name: the key
 * @types: IS_*: the JSON types that its value may have
 * @required: the object is refused without it
 * @shape: its value is an object of this shape, read into the same struct
 * @read: its value is judged and stored by this function
 * @offset: with neither, its value is an integer and goes to the uint64_t here,
 * @min: if it is at least this
 * @max: and at most this
 * @hint: what to do about one that is out of range, or NULL; of a string: how it is written
 */
struct field {
	const char *name;
	unsigned int types;
	bool required;
	const struct shape *shape;
	int (*read)(const struct place *at, json_t *value, void *to, struct error *err);
	size_t offset;
	int64_t min;
	int64_t max;
	const char *hint;
};

/**
 * struct shape - an object of the document
 * @fields: its keys, in the order in which they are read, up to a nameless one
 * @open: other keys belong to somebody else and pass unread
 */
struct shape {
	const struct field *fields;
	bool open;
};

/* shape_field() - the row for a key of @length bytes, or NULL */
const struct field *shape_field(const struct shape *shape, const char *key, size_t length);

/**
 * object_read() - read an object as its shape says
 * @at: where it stands
 * @object: a JSON object
 * @shape: what it may contain
 * @to: the struct that takes the values
 * @err: filled on failure
 *
 * Return: 0 or -errno; @to may then be half filled.
 */
int object_read(const struct place *at, json_t *object, const struct shape *shape, void *to,
		struct error *err);

/* value_check_type() - refuse a value whose type is not among @types */
int value_check_type(const struct place *at, const json_t *value, unsigned int types,
		     struct error *err);

/* integer_read() - an integer between @field's bounds */
int integer_read(const struct place *at, const json_t *value, const struct field *field,
		 uint64_t *ret, struct error *err);

/* string_read() - a string without NUL; @ret belongs to @value */
int string_read(const struct place *at, const json_t *value, const char **ret, struct error *err);

#endif /* HELPER_DOCUMENT_FIELD_H */
