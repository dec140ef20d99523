/* SPDX-License-Identifier: MIT */
/* Small files of kernel file systems, and strict numbers. */
#ifndef LIB_IO_H
#define LIB_IO_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * io_read_at() - read a small file whole
 * @dirfd: directory, or AT_FDCWD
 * @name: file below it; a symlink is not followed
 * @buf: filled and NUL-terminated
 * @size: of @buf; a longer file is cut
 *
 * Return: bytes read, or -errno.
 */
ssize_t io_read_at(int dirfd, const char *name, char *buf, size_t size);

/* io_opendir_at() - open a folder for reading; a symlink is not followed. NULL: errno. */
DIR *io_opendir_at(int dirfd, const char *name);

/* io_write_at() - write @text to a file in one write(2). Return: 0 or -errno. */
int io_write_at(int dirfd, const char *name, const char *text);

/* io_write_all() - write all of @buf, through signals and short writes. */
int io_write_all(int fd, const void *buf, size_t size);

/**
 * text_to_u64() - read a whole string as a decimal number
 * @text: digits only: no sign, no space, no leading zero, nothing behind
 * @max: the largest value wanted
 * @ret: set on success
 *
 * Return: 0; -EINVAL: no such number; -ERANGE: one, but beyond @max.
 */
int text_to_u64(const char *text, uint64_t max, uint64_t *ret);

/**
 * keyed_u64() - the number behind a key in a flat keyed file (cgroup-v2.rst)
 * @text: lines of "key value"
 * @key: whole first word of a line
 *
 * Return: false if no line has the key.
 */
bool keyed_u64(const char *text, const char *key, uint64_t *ret);

/* scrub() - make a text that a cell chose fit for a terminal: printable ASCII only. */
void scrub(char *text);

/* Nanoseconds of CLOCK_BOOTTIME: it counts through suspend and cannot be set. */
uint64_t now_ns(void);

#define NSEC_PER_SEC	UINT64_C(1000000000)
#define NSEC_PER_USEC	UINT64_C(1000)

#endif /* LIB_IO_H */
