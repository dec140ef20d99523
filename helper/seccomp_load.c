// SPDX-License-Identifier: MIT
/* Reading a compiled filter. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "helper/seccomp_check.h"
#include "lib/cleanup.h"

#define BYTES_MAX	(FILTER_OPS_MAX * sizeof(struct sock_filter))

/* To the end of the file, or to one byte more than there may be. */
static ssize_t read_bytes(int fd, char *bytes)
{
	size_t size = 0;

	while (size <= BYTES_MAX) {
		ssize_t n = read(fd, bytes + size, BYTES_MAX + 1 - size);

		if (n == 0)
			break;
		if (n > 0)
			size += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	return (ssize_t)size;
}

static int check_size(size_t size, struct error *err)
{
	if (size > BYTES_MAX)
		return err_set(err, "seccomp", E2BIG, "a filter of more than %d instructions",
			       FILTER_OPS_MAX);
	if (size == 0)
		return err_set(err, "seccomp", EINVAL, "the file of the filter is empty");
	if (size % sizeof(struct sock_filter))
		return err_set(err, "seccomp", EINVAL,
			       "%zu bytes are no whole number of instructions of %zu bytes",
			       size, sizeof(struct sock_filter));
	return 0;
}

int filter_load(int fd, struct sock_fprog *ret, struct error *err)
{
	struct sock_filter *ops __free(mem) = malloc(BYTES_MAX + 1);
	struct sock_fprog program = { 0, ops };
	ssize_t size = ops ? read_bytes(fd, (char *)ops) : -ENOMEM;
	int result;

	if (size < 0)
		return err_set(err, "seccomp", (int)size, "cannot read the file of the filter");
	program.len = (unsigned short)((size_t)size / sizeof(*ops));
	result = check_size((size_t)size, err);
	if (result == 0)
		result = filter_check(ops, program.len, err);
	if (result == 0)
		result = filter_lets_start(&program, err);
	if (result == -EINVAL)
		err_hint(err, "a compiled filter as seccomp_export_bpf(3) writes it: struct "
			 "sock_filter, in this machine's byte order");
	if (result < 0)
		return result;
	take_ptr(ops);
	*ret = program;
	return 0;
}

void filter_unload(struct sock_fprog *program)
{
	free(program->filter);
	*program = (struct sock_fprog){ 0 };
}
