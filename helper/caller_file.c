// SPDX-License-Identifier: MIT
#include "helper/caller_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "uapi/cellos.h"

int caller_file_open(const char *path, const char *step, int *ret_fd, struct error *err)
{
	*ret_fd = !strcmp(path, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
				       open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return *ret_fd < 0 ? err_set(err, step, errno, "cannot open %s", path) : 0;
}

int caller_file_read(int fd, const char *step, char **ret_bytes, size_t *ret_size,
		     struct error *err)
{
	char *bytes __free(mem) = malloc(CELLOS_DOCUMENT_MAX + 1);
	size_t size = 0;
	ssize_t n;

	if (!bytes)
		return err_set(err, step, ENOMEM, "no memory");
	while (size < CELLOS_DOCUMENT_MAX + 1) {
		n = read(fd, bytes + size, CELLOS_DOCUMENT_MAX + 1 - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, step, errno, "cannot read the file");
		if (n == 0)
			break;
		size += (size_t)n;
	}
	*ret_bytes = take_ptr(bytes);
	*ret_size = size;
	return 0;
}
