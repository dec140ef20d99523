/* SPDX-License-Identifier: MIT */
/* Lists of KEY=VALUE, as execve takes them. */
#ifndef HELPER_ENVLIST_H
#define HELPER_ENVLIST_H

#include <stddef.h>

/**
 * envlist_repeated() - find a key that stands twice
 * @env: entries, each with a '='
 * @n: their number
 * @ret: index of an entry whose key an earlier entry has
 *
 * Sorts a list of its own: thousands of entries cost milliseconds.
 *
 * Return: 1: found; 0: all keys differ; -ENOMEM.
 */
int envlist_repeated(const char *const *env, size_t n, size_t *ret);

/* envlist_free() - release a NULL-terminated list and its strings */
void envlist_free(char **list);

#endif /* HELPER_ENVLIST_H */
