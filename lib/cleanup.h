/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound cleanup, in the kernel's words (include/linux/cleanup.h): a
 * variable declared with __free(name) is released by free_name() at the end of
 * its scope. A function that uses it does not use goto. Cleanup keeps errno.
 */
#ifndef LIB_CLEANUP_H
#define LIB_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define __free(name)	__attribute__((cleanup(free_##name)))

#define DEFINE_FREE(name, type, release)			\
static inline void free_##name(void *ptr)			\
{								\
	type *p = ptr;						\
	int keep = errno;					\
								\
	release;						\
	errno = keep;						\
}

/* An fd variable that owns nothing holds -EBADF; 0 is a valid fd. */
static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -EBADF;
}

DEFINE_FREE(fd, int, fd_close(p))
DEFINE_FREE(mem, void *, free(*p))
DEFINE_FREE(file, FILE *, if (*p) fclose(*p))
DEFINE_FREE(dir, DIR *, if (*p) closedir(*p))

/* Moves the ownership of an fd out of a __free(fd) variable. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -EBADF;
	return taken;
}

/* Moves the ownership of a pointer out of a __free() variable. */
#define take_ptr(p)			\
({					\
	__typeof__(p) __taken = (p);	\
	(p) = NULL;			\
	__taken;			\
})

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif /* LIB_CLEANUP_H */
