/* SPDX-License-Identifier: MIT */
/* JSON files that the command line names. */
#ifndef HELPER_CALLER_FILE_H
#define HELPER_CALLER_FILE_H

#include <stddef.h>

#include "lib/err.h"

/**
 * caller_file_open() - open one for reading
 * @path: "-" for stdin
 * @step: for @err
 * @ret_fd: the caller's
 *
 * Context: within PRIV_CALLER_FILES. Return: 0 or -errno.
 */
int caller_file_open(const char *path, const char *step, int *ret_fd, struct error *err);

/**
 * caller_file_read() - read it to its end
 * @ret_bytes: to be freed; no NUL behind
 * @ret_size: at most CELLOS_DOCUMENT_MAX + 1: more than the limit is for the parser
 *	to refuse
 */
int caller_file_read(int fd, const char *step, char **ret_bytes, size_t *ret_size,
		     struct error *err);

#endif /* HELPER_CALLER_FILE_H */
