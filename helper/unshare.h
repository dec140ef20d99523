/* SPDX-License-Identifier: MIT */
/* The names of namespaces, in options, variables and documents. */
#ifndef HELPER_UNSHARE_H
#define HELPER_UNSHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/text.h"

/* "pid", "ipc", ...: in the order of the UNSHARE_* bits of plan.h. */
extern const struct word_list unshare_words;

/* unshare_bit() - the UNSHARE_* bit of a name; 0: no such namespace */
uint32_t unshare_bit(const char *word);

/* unshare_guess() - the name that was meant by the beginning of @text, up to a comma; or NULL */
const char *unshare_guess(const char *text);

/**
 * unshare_parse() - read a comma list of names, or "none"
 * @ret: UNSHARE_*
 * @ret_unknown: if it fails, where in @text the word begins that is no name
 *
 * Return: false: a word is no name.
 */
bool unshare_parse(const char *text, uint32_t *ret, const char **ret_unknown);

/* unshare_clone_flags() - the CLONE_NEW* bits (clone(2)) of UNSHARE_* bits */
uint64_t unshare_clone_flags(uint32_t unshare);

#endif /* HELPER_UNSHARE_H */
