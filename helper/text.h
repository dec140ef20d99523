/* SPDX-License-Identifier: MIT */
/*
 * Text that came from outside: quoting it in messages, reading numbers from
 * it strictly, guessing what a misspelt word was meant to be.
 */
#ifndef HELPER_TEXT_H
#define HELPER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/io.h"

/**
 * struct quoted - a piece of foreign text, fit for one line of a message
 *
 * In double quotes, shortened, always valid UTF-8 without control characters.
 */
struct quoted {
	char text[72];
};

/* text_quote() - as in printf("%s", text_quote(input).text) */
struct quoted text_quote(const char *text);

/* In bytes. Longer words are no misspelling of ours; bounds the work and the stack. */
#define GUESS_MAX	32

/**
 * struct guess - the candidate that is closest to a misspelt word
 * @word: what was written
 * @best: the closest one so far; NULL: none is near enough to be suggested
 */
struct guess {
	const char *word;
	const char *best;
	unsigned int distance;
};

#define GUESS(w)	((struct guess) { .word = (w) })

void guess_try(struct guess *guess, const char *candidate);

/**
 * struct word_list - the words that a setting may have
 * @words: array, ended by NULL
 * @text: the same for people: "pipe, null, inherit"
 */
struct word_list {
	const char *const *words;
	const char *text;
};

/* word_index() - position of @word among @list, or -1 */
int word_index(const struct word_list *list, const char *word);

/* word_guess() - the word of @list that was probably meant, or NULL */
const char *word_guess(const struct word_list *list, const char *word);

/* path_climbs() - does a path have a component ".."? */
bool path_climbs(const char *path);

/* path_is_below() - is @path the same as @top, or below it? Both as path_tidy() writes them. */
bool path_is_below(const char *path, const char *top);

/**
 * path_tidy() - write an absolute path in the one way that it is compared in
 * @path: without "//", components "." and a "/" at its end afterwards
 */
void path_tidy(char *path);

#endif /* HELPER_TEXT_H */
