// SPDX-License-Identifier: MIT
/* Step "check": what cannot be enforced is refused before anything is made. */
#include <errno.h>
#include <fcntl.h>

#include "helper/cell.h"
#include "helper/limits.h"
#include "helper/users.h"
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

/*
 * A uid that processes outside the cell may have, too, could ptrace them and
 * take over their fds and their egress; a Landlock domain ends that.
 */
static int check_user(const struct cell *cell, struct error *err)
{
	const struct plan_user *user = &cell->plan->user;
	char where[PATH_MAX];

	if (user->dynamic)
		return users_range_mapped(err);
	if (cgroup_writable_by(cell->host->parent.fd, user->uid, user->gid, where)) {
		err_set(err, "check", EPERM, "uid %u, gid %u may write %s of the cell parent %s: "
			"the cell could move itself out of its cgroup and its egress rules",
			user->uid, user->gid, where, cell->host->parent.path);
		err_hint(err, "leave out --user: the cell gets a uid of its own");
		return -EPERM;
	}
	if (cell->host->domain_fd < 0) {
		err_set(err, "check", EPERM, "uid %u may be had by processes outside the cell, "
			"and this kernel has no Landlock to keep the cell off them", user->uid);
		err_hint(err, "leave out --user, or boot with lsm=landlock,...");
		return -EPERM;
	}
	return check_not_traceable(user, err);
}

int check_up(struct cell *cell, struct error *err)
{
	int ret = cgroup_parent_check(&cell->host->parent, err);

	if (ret == 0)
		ret = cell->backend->probe(err);
	if (ret == 0)
		ret = limits_enable(&cell->host->parent, &cell->plan->limits, err);
	if (ret == 0)
		ret = check_user(cell, err);
	return ret;
}
