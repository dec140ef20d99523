/* SPDX-License-Identifier: MIT */
/*
 * Where in a document a value stands, and the refusal of what stands there.
 * A place is a chain of frames on the reader's stack: each reader adds its key
 * or index to the place that it was given. Nothing is printed or allocated
 * unless there is something to refuse.
 */
#ifndef HELPER_DOCUMENT_PLACE_H
#define HELPER_DOCUMENT_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/**
 * struct place - a value of the document
 * @up: what contains it; NULL: this is the whole document
 * @key: its name there, if that is an object; NULL: an element of an array
 * @index: its number there, if that is an array
 */
struct place {
	const struct place *up;
	const char *key;
	size_t index;
};

#define PLACE_KEY(container, name)	((struct place) { .up = (container), .key = (name) })
#define PLACE_INDEX(container, i)	((struct place) { .up = (container), .index = (i) })

/**
 * pointer_append() - add one token to a JSON pointer (RFC 6901)
 * @pointer: a string, "" for the whole document
 * @size: room for it, its NUL included
 * @token: key or index, unescaped; need not end in NUL
 * @length: of @token, in bytes
 *
 * Return: false if there is no room: @pointer then still names what contains
 * the value.
 */
bool pointer_append(char *pointer, size_t size, const char *token, size_t length);

/* pointer_append_index() - the same for an element of an array */
bool pointer_append_index(char *pointer, size_t size, size_t index);

/* place_pointer() - a place as JSON pointer, or its nearest container that fits */
void place_pointer(const struct place *at, char *ret, size_t size);

/**
 * pointer_refuse() - refuse what a JSON pointer names
 * @pointer: the field of the error; also put before the message
 * @err: filled unless it is set; NULL is allowed
 * @errnum: positive errno
 * @fmt: printf format: what was found, and why it is wrong
 *
 * Return: -errnum.
 */
int pointer_refuse(const char *pointer, struct error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * place_refuse() - refuse what stands at a place: pointer_refuse() for a place
 * @at: the place
 * @err: filled unless it is set; NULL is allowed
 * @errnum: positive errno
 * @fmt: printf format: what was found, and why it is wrong
 *
 * Return: -errnum.
 */
int place_refuse(const struct place *at, struct error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* document_nomem() - allocation failed while a document was read; -ENOMEM */
int document_nomem(struct error *err);

#endif /* HELPER_DOCUMENT_PLACE_H */
