/* SPDX-License-Identifier: MIT */
/*
 * The JSON parser's memory. The parser does not survive a malloc that fails
 * while it grows a string: it goes on with a character less, and may then read
 * beyond the rest (seen with jansson 2.14). So all it can need for the largest
 * document is reserved before it starts, and given back in one call.
 */
#ifndef HELPER_DOCUMENT_ARENA_H
#define HELPER_DOCUMENT_ARENA_H

#include <stddef.h>

#include "lib/err.h"

/**
 * struct arena - memory that only grows
 * @memory: a mapping, or NULL
 * @used: bytes handed out
 */
struct arena {
	char *memory;
	size_t used;
};

/* arena_open() - reserve the memory; pages are taken as they are touched */
int arena_open(struct arena *ret, struct error *err);

/**
 * arena_enter() - let the parser allocate from an arena
 *
 * Holds for the calling thread until arena_leave(). The parser's memory must
 * not be released after that: arena_close() does.
 */
void arena_enter(struct arena *arena);
void arena_leave(void);

/* arena_close() - release everything that was allocated from it; idempotent */
void arena_close(struct arena *arena);

#endif /* HELPER_DOCUMENT_ARENA_H */
