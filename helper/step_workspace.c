// SPDX-License-Identifier: MIT
/*
 * Step "workspace": the folder that the cell's private workspace is mounted on. One that
 * is missing is made, and removed again at the end; several cells may name the same.
 *
 * A folder that goes takes mounts on it away in every namespace (rmdir(2) of a mount
 * point elsewhere succeeds), so the last of its cells removes it: while a cell uses a
 * folder that was made, it has one of its own in it, named as its leaf. A made one is
 * known by its mode, which it has from its first moment and which nobody gives to
 * another: sticky, and for its owner alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/cell.h"
#include "lib/cleanup.h"
#include "lib/compat.h"

#define MADE_MODE	01700
#define TRIES		100	/* against cells that end at the same moment */

/* The folder by its parent, and its last name, which points into @path. */
static int open_above(const char *path, const char **ret_name)
{
	char *above __free(mem) = strdup(path);
	size_t length = strlen(path);
	int fd;

	if (!above)
		return -ENOMEM;
	while (length > 1 && path[length - 1] == '/')
		above[--length] = '\0';
	while (length > 0 && path[length - 1] != '/')
		length--;
	*ret_name = path + length;
	above[length] = '\0';
	fd = sys_openat2(AT_FDCWD, above, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
			 RESOLVE_NO_SYMLINKS);
	return fd < 0 ? -errno : fd;
}

/* A folder whose mode says that a cell made it; setgid comes from the folder above. */
static bool has_made_mode(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && (st->st_mode & 07777 & ~S_ISGID) == MADE_MODE;
}

static bool is_made(const struct stat *st)
{
	return has_made_mode(st) && st->st_uid == geteuid();
}

/* Not for reading: somebody else's, which may be there instead, need not let root in. */
static int open_made(int above, const char *name)
{
	int fd = openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/*
 * No lock: a mark cannot be made in a folder that was removed, nor a folder be removed that
 * has one in it, and which of the two comes first the kernel decides. Who may rename in the
 * folder above may have put another in its place, which gets none.
 * Return: 0; -EAGAIN: it is another one by now; -errno.
 */
static int mark(struct cell *cell, int above, const char *name)
{
	int fd __free(fd) = open_made(above, name);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!is_made(&st))
		return -EAGAIN;
	if (mkdirat(fd, cell->leaf, 0700) < 0 && errno != EEXIST)
		return -errno;
	cell->workspace.dev = st.st_dev;
	cell->workspace.ino = st.st_ino;
	return 0;
}

/* Return: -EAGAIN: it is there now; -EPERM: not as it has to be, and gone again; -errno. */
static int make(struct cell *cell, int above, const char *name, struct error *err)
{
	int ret = identity_store_workspace(cell->leaf_fd, cell->plan->working_directory, err);
	struct stat st;

	if (ret < 0)
		return ret;
	if (mkdirat(above, name, MADE_MODE) < 0)
		return errno == EEXIST ? -EAGAIN : -errno;
	if (fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || is_made(&st))
		return -EAGAIN;
	/* Of another owner or mode than was asked for: NFS, perhaps. */
	unlinkat(above, name, AT_REMOVEDIR);
	return -EPERM;
}

/* Once. Return: 0; -EAGAIN: another cell was faster; -errno. */
static int take(struct cell *cell, int above, const char *name, struct error *err)
{
	const char *path = cell->plan->working_directory;
	struct stat st;
	int ret;

	if (fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? make(cell, above, name, err) : -errno;
	if (!S_ISDIR(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -ENOTDIR;
	/* Its makers will remove it, and would not know of a mark of ours. */
	if (has_made_mode(&st) && !is_made(&st))
		return -EPERM;
	cell->workspace = (struct child_workspace){ path, st.st_dev, st.st_ino };
	if (!is_made(&st))
		return 0;
	ret = identity_store_workspace(cell->leaf_fd, path, err);
	if (ret == 0)
		ret = mark(cell, above, name);
	return ret == -ENOENT ? -EAGAIN : ret;
}

/* One in another cell's would keep that from being removed with its last cell. */
static int check_above(int above)
{
	struct stat st;

	if (fstat(above, &st) < 0)
		return -errno;
	return has_made_mode(&st) ? -EBUSY : 0;
}

int workspace_up(struct cell *cell, struct error *err)
{
	const char *path = cell->plan->working_directory, *name = path;
	int above __free(fd) = -EBADF;
	int ret = -EAGAIN;

	if (!cell->plan->isolation.workspace)
		return 0;
	above = open_above(path, &name);
	if (above < 0 || check_above(above) < 0)
		ret = above < 0 ? above : check_above(above);
	for (int i = 0; ret == -EAGAIN && i < TRIES; i++)
		ret = take(cell, above, name, err);
	if (ret == 0)
		return 0;
	err_field_set(err, "/spec/run/workingDirectory");
	err_set(err, "workspace", ret, "cannot use or make the folder %s", path);
	if (ret == -ELOOP)
		err_hint(err, "there is a symbolic link in it: name the folder that it leads to");
	else if (ret == -ENOENT)
		err_hint(err, "only its last part is made: make %.*s", (int)(name - path), path);
	else if (ret == -EBUSY)
		err_hint(err, "it is in a folder that was made for another cell's workspace");
	else if (ret == -EACCES || ret == -EPERM || ret == -EROFS)
		err_hint(err, "the helper has no rights to it but those of its uid: make it "
			 "beforehand");
	return ret;
}

static int unmark(int above, const char *name, const char *leaf)
{
	int fd __free(fd) = open_made(above, name);
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!is_made(&st))
		return 0;
	if (unlinkat(fd, leaf, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	/* Others may live in it. */
	if (unlinkat(above, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY &&
	    errno != EEXIST)
		return -errno;
	return 0;
}

int workspace_down(struct cell *cell, struct error *err)
{
	char path[CELLOS_PATH_MAX + 1];
	const char *name;
	int above __free(fd) = -EBADF;
	int ret = cell->leaf_fd < 0 ? 0 : identity_workspace(cell->leaf_fd, path, sizeof(path));

	/* Whether there is a folder is not known: the leaf stays, for who can read it again. */
	cell->keep_leaf = ret < 0;
	if (ret < 0)
		err_set(err, "workspace", ret, "cannot read which folder was made for %s",
			cell->leaf);
	if (ret <= 0)
		return ret;
	free(cell->workspace_made);
	cell->workspace_made = strdup(path);
	above = open_above(path, &name);
	if (above == -ENOENT)
		return 0;
	ret = above < 0 ? above : unmark(above, name, cell->leaf);
	cell->keep_leaf = ret < 0;
	return ret < 0 ? err_set(err, "workspace", ret, "cannot remove %s", path) : 0;
}

bool workspace_left(const struct cell *cell, char *path, size_t size)
{
	const char *name;
	int above __free(fd) = -EBADF;
	struct stat st;

	if (!cell->workspace_made)
		return false;
	above = open_above(cell->workspace_made, &name);
	if (above < 0 || fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_made(&st))
		return false;
	snprintf(path, size, "%s/%s", cell->workspace_made, cell->leaf);
	return access(path, F_OK) == 0;
}
