// SPDX-License-Identifier: MIT
/* Step "check": what cannot be enforced is refused before anything is made. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "helper/cell.h"
#include "helper/limits.h"
#include "helper/process.h"
#include "helper/seccomp_check.h"
#include "helper/users.h"
#include "lib/cleanup.h"
#include "lib/io.h"

/*
 * Between setresuid and exec the child has the cell's uid and the helper's
 * memory. Only that it is not dumpable keeps other processes of that uid from
 * tracing it, and fs.suid_dumpable=1 would make it so (proc_sys_fs(5)).
 */
static int check_not_traceable(const struct plan_user *user, struct error *err)
{
	char value[8];

	if (io_read_at(AT_FDCWD, "/proc/sys/fs/suid_dumpable", value, sizeof(value)) > 0 &&
	    value[0] != '1')
		return 0;
	err_set(err, "check", EPERM, "fs.suid_dumpable is 1: other processes of uid %u could "
		"trace the cell's birth", user->uid);
	err_hint(err, "sysctl fs.suid_dumpable=0, or leave out --user");
	return -EPERM;
}

static int check_user(struct cell *cell, struct error *err)
{
	int ret = cell->plan->user.dynamic ? users_range_mapped(err) :
					     check_not_traceable(&cell->plan->user, err);

	return ret ?: namespaces_check(cell, err);
}

/*
 * With the rights of the helper's uid: the path is the document's. To open a device or a
 * named pipe does something already, so it is looked at before.
 */
static int open_filter(const char *path, struct error *err)
{
	int found __free(fd) = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	char self[32];
	int fd;

	if (found < 0 || fstat(found, &st) < 0)
		return err_set(err, "check", errno, "cannot open the filter %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, "check", EINVAL, "the filter %s is no regular file", path);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", found);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? err_set(err, "check", errno, "cannot open the filter %s", path) : fd;
}

static int load_filter(struct cell *cell, struct error *err)
{
	const char *path = cell->plan->isolation.seccomp_file;
	int fd __free(fd) = -EBADF;
	int ret;

	if (cell->plan->isolation.seccomp != CELLOS_SECCOMP_FILE)
		return 0;
	err_field_set(err, "/spec/run/isolation/seccomp");
	fd = open_filter(path, err);
	if (fd < 0) {
		err_hint(err, "a compiled BPF program, as seccomp_export_bpf(3) writes it");
		return fd;
	}
	ret = filter_load(fd, &cell->filter, err);
	if (ret == 0 && err)
		err->field[0] = '\0';
	return ret;
}

/* A file that is looked at before it is executed has to be open: behind 0, 1 and 2. */
static int check_files(const struct plan *plan, struct error *err)
{
	const struct plan_rlimit *files = &plan->process.rlimits[RLIMIT_NOFILE];

	if (!plan->argv0_prefixes || !files->given || files->soft > 3)
		return 0;
	err_field_set(err, "/spec/run/process/rlimits/nofile");
	err_set(err, "check", EINVAL, "%llu leaves no room to look at what argv[0] resolves to",
		(unsigned long long)files->soft);
	err_hint(err, "4 or more, or no CELLOS_RUN_ARGV0_ALLOW_PREFIXES");
	return -EINVAL;
}

int check_up(struct cell *cell, struct error *err)
{
	int ret = cgroup_parent_check(&cell->host->parent, err);

	if (ret == 0)
		ret = cell->backend->probe(err);
	if (ret == 0)
		ret = limits_enable(&cell->host->parent, &cell->plan->limits, err);
	if (ret == 0)
		ret = process_prepare(&cell->plan->process, cell->host->core_target,
				      &cell->process, err);
	if (ret == 0)
		ret = check_files(cell->plan, err);
	if (ret == 0)
		ret = load_filter(cell, err);
	return ret ?: check_user(cell, err);
}
