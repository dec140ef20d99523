/* SPDX-License-Identifier: MIT */
/*
 * cgroup v2: the parent below which cells live, and the leaf of one cell.
 * Everything by directory fds. See Documentation/admin-guide/cgroup-v2.rst of
 * the kernel for the files named here.
 */
#ifndef HELPER_CGROUP_H
#define HELPER_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "helper/plan.h"
#include "lib/err.h"
#include "lib/pidref.h"

/* cellos_<id, cut to 64>_<uuid of 36> */
#define LEAF_NAME_MAX	(7 + CELLOS_LEAF_ID_MAX + 1 + 36 + 1)
#define LEAF_PREFIX	"cellos_"
/* Of a cgroup of cgroup_level_find(). No cell's name goes on like this: see CELLOS_ID_MAX. */
#define TRIAL_PREFIX	LEAF_PREFIX "_level_"

/* Inode number of the root of a cgroup2 hierarchy; a mount may show less of it. */
#define CGROUP_ROOT_ID	1

/* No level: nf_tables knows none below it, so a cell there is refused. */
#define CGROUP_LEVEL_UNKNOWN	255

/**
 * struct cgroup_parent - a cgroup that holds cells and nothing else
 * @fd: its directory
 * @lock_fd: its cgroup.kill, open for writing: what the helpers lock. A cell
 *	may open, and so lock, any directory and readable file of cgroupfs;
 *	cgroup.kill is for the owner alone (mode 0200).
 * @path: absolute
 * @id: inode number, which is the cgroup's id
 * @depth: how many of the cgroups above it its mount shows
 * @level_known: @level, @root and @whole are right; else see cgroup_level_find()
 * @level: how far it is below @root: what nf_tables counts for this process
 * @root: inode number of the cgroup from which levels are counted; 0: that is the
 *	root of the hierarchy, as for everybody in the initial cgroup namespace.
 *	The kernel tells a level as whoever loaded the rule said it, so processes
 *	with another @root must not share a table
 * @whole: its mount shows every cgroup that is below @root
 * @by_trial: that was found out by trial, so other helpers may be trying just now
 * @accounted: controllers_account() has been here
 * @oom_group: when it was opened, memory.oom.group was 1 in it or above it, as far as the
 *	mount shows: the OOM killer then may choose a whole cgroup that cells are in
 */
struct cgroup_parent {
	int fd;
	int lock_fd;
	char path[PATH_MAX];
	uint64_t id;
	unsigned int depth;
	bool level_known;
	unsigned int level;
	uint64_t root;
	bool whole;
	bool by_trial;
	bool accounted;
	bool oom_group;
};

#define CGROUP_PARENT_NONE	{ .fd = -EBADF, .lock_fd = -EBADF }

/**
 * cgroup_parent_open() - open, and if need be find and make, the cell parent
 * @path: absolute, or NULL: <own cgroup>/cellos if the own cgroup is delegated,
 *	else <cgroup2 mount>/cellos, where the mount shows the root of the cgroup
 *	namespace
 * @create: make a found one that is missing (a given one must exist)
 * @ret: filled on success; release with cgroup_parent_done()
 * @err: step "parent"
 *
 * Return: 0; -ENOENT: a found one is missing and @create is false, then @ret->path
 * alone is filled; -errno.
 */
int cgroup_parent_open(const char *path, bool create, struct cgroup_parent *ret,
		       struct error *err);
void cgroup_parent_done(struct cgroup_parent *parent);

/**
 * cgroup_id_exists() - is there a cgroup with this inode number, wherever it is?
 *
 * Context: in the privileged operation PRIV_SWEEP. Return: 1; 0; -EPERM: not to be
 * found out so, from inside a user namespace; other -errno.
 */
int cgroup_id_exists(const struct cgroup_parent *parent, uint64_t id);

/**
 * cgroup_parent_check() - may cells be put here?
 *
 * Refuses the root of the hierarchy, a parent with processes, a threaded or
 * frozen one, one with children that are no cells. The children are looked at
 * while there are at most 64 of them: beyond, the cost would grow with the
 * cells that live, and `list` and `reconcile` look at all of them anyway.
 */
int cgroup_parent_check(const struct cgroup_parent *parent, struct error *err);

/*
 * cgroup_parent_cells() - number of child cgroups, but for those of cgroup_level_find();
 * with more than 64 children these are counted, too.
 */
unsigned int cgroup_parent_cells(const struct cgroup_parent *parent);

/**
 * cgroup_lock() - one helper at a time below this parent
 *
 * For short sections only; nothing is waited for under it. Return: 0; -ETIMEDOUT
 * after CELLOS_LOCK_TIMEOUT; other -errno.
 */
int cgroup_lock(const struct cgroup_parent *parent, struct error *err);
void cgroup_unlock(const struct cgroup_parent *parent);

/**
 * cgroup_leaf_segment() - the part of a leaf's name that an id gives
 * @id: UTF-8
 * @buf: CELLOS_LEAF_ID_MAX + 1 bytes
 *
 * Each character keeps its place: ASCII letters, digits, '_' and '-' stay, any
 * other character becomes one '_'; the first 64 stay; nothing becomes "cell".
 */
void cgroup_leaf_segment(const char *id, char *buf);

/* cgroup_token() - a fresh run token: uuid v4, 36 characters and a NUL. */
void cgroup_token(char *buf);

/**
 * cgroup_leaf_make() - make the leaf of a cell
 * @ret_fd: its directory
 * @ret_id: its inode number
 */
int cgroup_leaf_make(const struct cgroup_parent *parent, const char *name, int *ret_fd,
		     uint64_t *ret_id, struct error *err);

/* cgroup_leaf_open() - open an existing leaf. -ENOENT: gone. */
int cgroup_leaf_open(const struct cgroup_parent *parent, const char *name, int *ret_fd,
		     uint64_t *ret_id);

/* cgroup_leaf_remove() - rmdir. -ENOENT is success; -EBUSY: not empty. */
int cgroup_leaf_remove(const struct cgroup_parent *parent, const char *name);

/* cgroup_leaf_exists() - is this very leaf still there? */
bool cgroup_leaf_exists(const struct cgroup_parent *parent, const char *name);

/**
 * cgroup_leaf_hold() - open what the end of a leaf needs, while that can be done
 * @ret_kill_fd: its cgroup.kill; @ret_events_fd: its cgroup.events
 *
 * A cell can use up the host's open files (fs.file-max), and an end that has to
 * open a file first could then not come. Return: 0 or -errno.
 */
int cgroup_leaf_hold(int leaf_fd, int *ret_kill_fd, int *ret_events_fd);

/* cgroup_leaf_kill() - SIGKILL to everything in it, forks included. 0 or -errno. */
int cgroup_leaf_kill(int kill_fd);

/* cgroup_leaf_populated() - does a process live in it? 1; 0, also if it is gone; -errno. */
int cgroup_leaf_populated(int events_fd);

/**
 * cgroup_leaf_processes() - call @fn for each process, until it returns false
 *
 * Return: 0 or -errno; a leaf that is gone has none.
 */
int cgroup_leaf_processes(int leaf_fd, bool (*fn)(pid_t pid, void *arg), void *arg);

/**
 * cgroup_leaf_has() - is this process in this leaf?
 *
 * Asked through its pidfd (PIDFD_GET_INFO, since Linux 6.13), else in
 * /proc/PID/cgroup. What cannot be found out is no.
 */
bool cgroup_leaf_has(uint64_t leaf_id, const char *name, const struct pidref *process);

/**
 * cgroup_writable_by() - could this uid and gid, without any capability, put a
 * process into another cgroup?
 * @leaf_fd: the cell's cgroup
 * @where: on true, the file at fault (PATH_MAX bytes)
 *
 * Looks at cgroup.procs and cgroup.threads of the leaf and of every cgroup on
 * the way up to the root of the mount. What cannot be found out is yes.
 */
bool cgroup_writable_by(int leaf_fd, uid_t uid, gid_t gid, char *where);

#endif /* HELPER_CGROUP_H */
