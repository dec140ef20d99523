// SPDX-License-Identifier: MIT
/*
 * The init of a cell with a pid namespace: the namespace's process 1, which holds it
 * and inherits its orphans. The workload is not its child but the helper's, so
 * nothing of the workload's life goes through it. It is born with all of the
 * cell's namespaces, makes them ready, and becomes pid1.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/child_parts.h"
#include "lib/cleanup.h"
#include "lib/compat.h"
#include "lib/io.h"

/* pid1.c, compiled and linked, as bytes. */
extern const unsigned char pid1_image[];
extern const uint64_t pid1_image_size;

/* The cell's pipes are not for the init: who reads them waits for their end. */
static int take_null(const struct child *child)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(child->null_fd, fd) < 0)
			return -1;
	return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

void child_become_init(const struct child *child, struct child_status *status)
{
	static char name[] = "cellos-init";
	char *const argv[] = { name, NULL }, *const envp[] = { NULL };

	if (close_range(child->fd_limit, ~0U, CLOSE_RANGE_UNSHARE) < 0) {
		child_fail(status, CHILD_FDS, NULL);
		return;
	}
	if (child_make_namespaces(child->namespaces, status) < 0)
		return;
	status->root_mount = sys_mount_id("/");
	if (child_session(child) < 0)
		child_fail(status, CHILD_SESSION, name);
	else if (take_null(child) < 0)
		child_fail(status, CHILD_STDIO, name);
	else if (child_drop(child) < 0)
		child_fail(status, CHILD_CREDENTIALS, name);
	else if (syscall(SYS_execveat, child->init_fd, "", argv, envp, AT_EMPTY_PATH) < 0)
		child_fail(status, CHILD_EXEC, name);
}

/* Since 6.3 a host may ask for the flag (vm.memfd_noexec); before, there was none. */
static int make_file(void)
{
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("cellos-init", flags | COMPAT_MFD_EXEC);

	return fd < 0 && errno == EINVAL ? memfd_create("cellos-init", flags) : fd;
}

int child_init_image(void)
{
	int fd __free(fd) = make_file();
	char path[32];
	int ret;

	if (fd < 0 || fchmod(fd, 0111) < 0)
		return -errno;
	ret = io_write_all(fd, pid1_image, pid1_image_size);
	if (ret < 0)
		return ret;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	/* What is open for writing cannot be executed. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, O_PATH | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}
