// SPDX-License-Identifier: MIT
#include "helper/domain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/compat.h"

#define FIELD(name)	"/spec/run/isolation/" name

#define RIGHTS_READ	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
			 LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_MAKE	(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
			 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
			 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
			 LANDLOCK_ACCESS_FS_MAKE_SYM | COMPAT_LANDLOCK_ACCESS_FS_REFER)
#define RIGHTS_WRITE	(LANDLOCK_ACCESS_FS_WRITE_FILE | COMPAT_LANDLOCK_ACCESS_FS_TRUNCATE | \
			 COMPAT_LANDLOCK_ACCESS_FS_IOCTL_DEV | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
			 LANDLOCK_ACCESS_FS_REMOVE_FILE | RIGHTS_MAKE)
/* What a rule for something that is no folder can give. */
#define RIGHTS_FILE	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
			 LANDLOCK_ACCESS_FS_WRITE_FILE | COMPAT_LANDLOCK_ACCESS_FS_TRUNCATE | \
			 COMPAT_LANDLOCK_ACCESS_FS_IOCTL_DEV)
/* A right that no process without CAP_MKNOD has anyway: a ruleset has to have one. */
#define RIGHTS_NONE	LANDLOCK_ACCESS_FS_MAKE_BLOCK

/* Read and written without a trace. */
static const char *const null_devices[] = {
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", NULL
};

static const char *const library_places[] = {
	"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
	"/etc/ld.so.cache", NULL
};

/* Asked once: one that could not be asked later would silently have fewer rights. */
int domain_abi(void)
{
	static int abi;

	if (!abi)
		abi = sys_landlock_abi();
	return abi;
}

/* What this kernel's Landlock knows of @rights. */
static uint64_t known(uint64_t rights)
{
	int abi = domain_abi();

	if (abi < 5)
		rights &= ~COMPAT_LANDLOCK_ACCESS_FS_IOCTL_DEV;
	if (abi < 3)
		rights &= ~COMPAT_LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi < 2)
		rights &= ~COMPAT_LANDLOCK_ACCESS_FS_REFER;
	return rights;
}

static int make(uint64_t rights)
{
	struct compat_landlock_ruleset_attr attr = {
		.handled_access_fs = known(rights),
		.scoped = COMPAT_LANDLOCK_SCOPE_SIGNAL | COMPAT_LANDLOCK_SCOPE_ABSTRACT,
	};
	bool scopes = domain_abi() >= 6;
	int fd = sys_landlock_create_ruleset(&attr, scopes ? sizeof(attr) :
					     sizeof(attr.handled_access_fs));

	return fd < 0 ? -errno : fd;
}

/* Allows @rights below a path, if it is of the file type @type; 0: of any. 0 or -errno. */
static int allow_type(int fd, const char *path, uint64_t rights, mode_t type)
{
	int at __free(fd) = sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0,
					RESOLVE_NO_MAGICLINKS);
	struct compat_landlock_path_beneath_attr attr = { known(rights), at };
	struct stat st;

	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	if (type && (st.st_mode & S_IFMT) != type)
		return -EACCES;
	if (!S_ISDIR(st.st_mode))
		attr.allowed_access &= RIGHTS_FILE;
	return sys_landlock_add_rule(fd, &attr) < 0 ? -errno : 0;
}

static int allow(int fd, const char *path, uint64_t rights)
{
	return allow_type(fd, path, rights, 0);
}

/* What a host does not have it need not allow. */
static int allow_present(int fd, const char *const paths[], uint64_t rights)
{
	int ret = 0;

	for (; *paths && (ret == 0 || ret == -ENOENT); paths++)
		ret = allow(fd, *paths, rights);
	return ret == -ENOENT ? 0 : ret;
}

int domain_open(void)
{
	int fd __free(fd) = make(RIGHTS_WRITE);
	int ret;

	if (fd < 0)
		return fd;
	ret = allow_present(fd, null_devices, RIGHTS_WRITE);
	if (ret == 0)
		ret = allow(fd, "/proc", LANDLOCK_ACCESS_FS_WRITE_FILE |
			    COMPAT_LANDLOCK_ACCESS_FS_TRUNCATE);
	return ret < 0 ? ret : take_fd(&fd);
}

/* A domain in the making. */
struct draft {
	const struct plan *plan;
	struct child *child;
	int fd;
	uint64_t handled;	/* no rule may speak of other rights */
	unsigned int n_late;
};

static bool is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return !strncmp(path, top, length) && (path[length] == '/' || !path[length]);
}

/* Will another file system stand there for the cell? Then only its child can open it. */
static bool is_covered(const struct plan *plan, const char *path)
{
	const struct plan_isolation *isolation = &plan->isolation;
	bool shm = isolation->unshare & UNSHARE_IPC && isolation->unshare & UNSHARE_MNT;

	return (isolation->unshare & UNSHARE_PID && is_below(path, "/proc")) ||
	       (shm && (is_below(path, "/dev/shm") || is_below(path, "/dev/mqueue"))) ||
	       (isolation->workspace && is_below(path, plan->working_directory));
}

static void allow_late(struct draft *draft, const char *path, uint64_t rights)
{
	const struct plan *plan = draft->plan;
	bool own = plan->isolation.workspace && is_below(path, plan->working_directory);

	rights = known(rights & draft->handled);
	draft->child->domain_paths[draft->n_late++] = (struct child_path){
		path, rights, rights & RIGHTS_FILE,
		RESOLVE_NO_MAGICLINKS | (own ? RESOLVE_NO_SYMLINKS : 0), own,
	};
}

static int allow_list(struct draft *draft, char *const *list, const char *field, uint64_t rights,
		      struct error *err)
{
	char pointer[sizeof(err->field)];

	for (unsigned int i = 0; list && list[i]; i++) {
		int ret = 0;

		if (is_covered(draft->plan, list[i]))
			allow_late(draft, list[i], rights);
		else
			ret = allow(draft->fd, list[i], rights);
		if (ret == 0)
			continue;
		snprintf(pointer, sizeof(pointer), "%s/%u", field, i);
		err_field_set(err, pointer);
		err_set(err, "spawn", ret, "cannot allow %s", list[i]);
		err_hint(err, "a path of the list has to be there when the cell begins");
		return ret;
	}
	return 0;
}

/* The first file of the name, as the child will look for it. A folder would open all below. */
static int allow_executable(const struct draft *draft)
{
	for (char *const *path = draft->child->paths; *path; path++) {
		char *full __free(mem) = NULL;
		int ret;

		if (asprintf(&full, "%s%s%s", **path == '/' ? "" : draft->plan->working_directory,
			     **path == '/' ? "" : "/", *path) < 0) {
			full = NULL;
			return -ENOMEM;
		}
		ret = allow_type(draft->fd, full, LANDLOCK_ACCESS_FS_EXECUTE |
				 LANDLOCK_ACCESS_FS_READ_FILE, S_IFREG);
		if (ret == 0 || (ret != -ENOENT && ret != -ENOTDIR && ret != -EACCES))
			return ret;
	}
	return 0;	/* execve(2) will say what is wrong */
}

/* Nothing can be opened but what is listed, what is executed, and the workspace. */
static int fill_lists(struct draft *draft, struct error *err)
{
	const struct plan_isolation *isolation = &draft->plan->isolation;
	int ret = allow_list(draft, isolation->read_only, FIELD("readOnlyPaths"), RIGHTS_READ, err);

	if (ret == 0)
		ret = allow_list(draft, isolation->read_write, FIELD("readWritePaths"),
				 RIGHTS_READ | RIGHTS_WRITE, err);
	if (ret == 0)
		ret = allow_executable(draft);
	if (ret == 0 && isolation->system_libraries)
		ret = allow_present(draft->fd, library_places, RIGHTS_READ);
	return ret;
}

/*
 * Everything can be read, nothing written but what leaves no trace. Where the host's mounts
 * are read-only this still closes what is no file there: named pipes of the uid's.
 */
static int fill_default(struct draft *draft, bool owner)
{
	const struct plan *plan = draft->plan;
	const uint64_t proc = LANDLOCK_ACCESS_FS_WRITE_FILE | COMPAT_LANDLOCK_ACCESS_FS_TRUNCATE;
	bool shm = plan->isolation.unshare & UNSHARE_IPC && plan->isolation.unshare & UNSHARE_MNT;
	int ret = allow_present(draft->fd, null_devices, RIGHTS_WRITE);

	/* The host's uid 0 owns /proc/sys; and the /proc of an owner's cell is read-only. */
	if (ret == 0 && !owner && is_covered(plan, "/proc"))
		allow_late(draft, "/proc", proc);
	else if (ret == 0 && !owner)
		ret = allow(draft->fd, "/proc", proc);
	if (ret == 0 && shm && access("/dev/shm", F_OK) == 0)
		allow_late(draft, "/dev/shm", RIGHTS_WRITE);
	/* Where mq_open(3) makes them, too: its own mount of this file system has the same root. */
	if (ret == 0 && shm && access("/dev/mqueue", F_OK) == 0)
		allow_late(draft, "/dev/mqueue", RIGHTS_WRITE);
	return ret;
}

static unsigned int count(char *const *list)
{
	unsigned int n = 0;

	while (list && list[n])
		n++;
	return n;
}

static int fill(struct draft *draft, bool owner, struct error *err)
{
	const struct plan *plan = draft->plan;
	const struct plan_isolation *isolation = &plan->isolation;
	int ret = 0;

	/* Besides the lists: three by default, the workspace, and the end. */
	draft->child->domain_paths = calloc(count(isolation->read_only) +
					    count(isolation->read_write) + 5,
					    sizeof(*draft->child->domain_paths));
	if (!draft->child->domain_paths)
		return -ENOMEM;
	if (isolation->listed)
		ret = fill_lists(draft, err);
	else if (plan->user.dynamic || owner)
		ret = fill_default(draft, owner);
	if (ret == 0 && isolation->workspace)
		allow_late(draft, plan->working_directory, RIGHTS_READ | RIGHTS_WRITE);
	return ret;
}

static int refuse_lists(int abi, struct error *err)
{
	err_field_set(err, FIELD("readOnlyPaths"));
	if (abi < 0)
		err_set(err, "check", EOPNOTSUPP, "this kernel has no Landlock, which lists of "
			"paths take");
	else
		err_set(err, "check", EOPNOTSUPP, "this kernel's Landlock (ABI %d) cannot keep a "
			"cell from truncating files that it may only read", abi);
	err_hint(err, "Linux 6.2 or later with landlock among lsm= at boot, or leave out "
		 "readOnlyPaths and readWritePaths");
	return -EOPNOTSUPP;
}

int domain_check(const struct plan_isolation *isolation, struct error *err)
{
	int abi = isolation->listed ? domain_abi() : DOMAIN_ABI_LISTS;

	return abi < DOMAIN_ABI_LISTS ? refuse_lists(abi, err) : 0;
}

/* The rights that the domain is about. */
static uint64_t rights_of(const struct plan *plan, bool owner)
{
	if (plan->isolation.listed)
		return RIGHTS_READ | RIGHTS_WRITE;
	return plan->user.dynamic || owner ? RIGHTS_WRITE : RIGHTS_NONE;
}

int domain_prepare(const struct plan *plan, bool owner, int shared, struct child *child,
		   struct error *err)
{
	const uint32_t covering = UNSHARE_PID | UNSHARE_IPC;
	const struct plan_isolation *isolation = &plan->isolation;
	struct draft draft = { .plan = plan, .child = child, .fd = -EBADF };
	int ret;

	child->domain_fd = shared;
	/* Where there is no Landlock, namespaces_check() has seen to it that none is needed. */
	if (shared < 0 && isolation->listed)
		return err_set(err, "spawn", shared, "no Landlock domain for the lists");
	if (shared < 0 || (plan->user.dynamic && !isolation->listed && !isolation->workspace &&
			   !(isolation->unshare & covering)))
		return 0;
	draft.handled = rights_of(plan, owner);
	draft.fd = make(draft.handled);
	if (draft.fd < 0)
		return err_set(err, "spawn", draft.fd, "cannot make a Landlock domain");
	child->domain_fd = draft.fd;
	ret = fill(&draft, owner, err);
	return ret < 0 ? err_set(err, "spawn", ret, "cannot make a Landlock domain") : 0;
}

void domain_release(int shared, struct child *child)
{
	if (child->domain_fd != shared)
		fd_close(&child->domain_fd);
	child->domain_fd = -EBADF;
	free(child->domain_paths);
	child->domain_paths = NULL;
}
