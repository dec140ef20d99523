// SPDX-License-Identifier: MIT
#include "helper/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "helper/domain.h"
#include "helper/unshare.h"
#include "lib/cleanup.h"

/* One inode of a tmpfs for so many bytes: what a file of one page takes. */
#define BYTES_AN_INODE	4096
#define INODES_MIN	64
#define INODES_MAX	1048576

static bool has(const struct cell *cell, uint32_t unshare)
{
	return (cell->plan->isolation.unshare & unshare) == unshare;
}

/*
 * A uid that processes outside the cell may have, too, could ptrace them and take over
 * their fds and their egress; a pid namespace or a Landlock domain ends that. The host's 0
 * also owns nearly every file and device there is.
 */
static int check_chosen(const struct cell *cell, struct error *err)
{
	const struct plan_user *user = &cell->plan->user;
	bool landlock = cell->host->domain_fd >= 0;

	if (user->uid == 0 && !(landlock && has(cell, UNSHARE_PID | UNSHARE_MNT))) {
		err_set(err, "check", EPERM, "uid 0 owns the host's cgroups, files and devices: a "
			"cell takes it only with pid and mount namespaces of its own and Landlock");
		err_hint(err, "--unshare pid,mnt; or leave out --user, and for root inside: "
			 "--unshare user,pid,mnt with run.isolation.userMap {\"uid\": 0, \"gid\": 0}");
		return -EPERM;
	}
	if (!landlock && !has(cell, UNSHARE_PID)) {
		err_set(err, "check", EPERM, "uid %u may be had by processes outside the cell, "
			"and this kernel has no Landlock to keep the cell off them", user->uid);
		err_hint(err, "--unshare pid,mnt, or leave out --user, or boot with "
			 "lsm=landlock,...");
		return -EPERM;
	}
	return 0;
}

static int check_cgroups(struct cell *cell, struct error *err)
{
	const struct plan_user *user = &cell->plan->user;
	char where[PATH_MAX];

	if (!cell->host->parent.whole)
		snprintf(where, sizeof(where), "cgroups that the mount does not show, above");
	else if (!cgroup_writable_by(cell->host->parent.fd, user->uid, user->gid, where))
		return 0;
	cell->read_only = true;
	if (has(cell, UNSHARE_PID | UNSHARE_MNT))
		return 0;
	err_set(err, "check", EPERM, "uid %u, gid %u may write %s of the cell parent %s: "
		"the cell could move itself out of its cgroup and its egress rules",
		user->uid, user->gid, where, cell->host->parent.path);
	err_hint(err, "--unshare pid,mnt makes cgroups read-only for the cell%s", caps_of_root() ?
		 "; or leave out --user: the cell gets a uid of its own" : "");
	return -EPERM;
}

/* By default a cell with a uid of its own leaves no files: something has to see to it. */
static int check_writes(struct cell *cell, struct error *err)
{
	if (!cell->plan->user.dynamic || cell->host->domain_fd >= 0)
		return 0;
	cell->read_only = true;
	if (has(cell, UNSHARE_MNT))
		return 0;
	err_set(err, "check", EOPNOTSUPP, "this kernel has no Landlock to keep the cell from "
		"leaving files on the host");
	err_hint(err, "boot with landlock among lsm=, or --unshare mnt, which makes the host's "
		 "files read-only for it");
	return -EOPNOTSUPP;
}

/* Groups besides the own one would go on to count in the cell. */
static int check_groups(struct error *err)
{
	gid_t groups[64];
	int n = getgroups(64, groups);
	bool others = n < 0;

	for (int i = 0; i < n; i++)
		others |= groups[i] != getegid();
	if (!others)
		return 0;
	err_set(err, "check", EPERM, "the caller has supplementary groups, and only root can drop "
		"them");
	err_hint(err, "start the helper without: setpriv --clear-groups");
	return -EPERM;
}

/* What of its birth takes privileges that the helper may not have. */
static int check_privileges(const struct cell *cell, struct error *err)
{
	int ret = caps_of_root() ? 0 : check_groups(err);

	if (ret == 0 && cell->plan->isolation.unshare & ~(uint32_t)UNSHARE_NET) {
		int priv __free(priv) = caps_raise(PRIV_NAMESPACES, err);

		ret = priv;
	}
	/* Born in a user namespace, it has these there. */
	if (ret == 0 && !has(cell, UNSHARE_USER)) {
		int priv __free(priv) = caps_raise(PRIV_CREDENTIALS, err);

		ret = priv;
	}
	return ret;
}

int namespaces_check(struct cell *cell, struct error *err)
{
	const struct plan *plan = cell->plan;
	int ret = domain_check(&plan->isolation, err);

	if (ret == 0)
		ret = check_privileges(cell, err);
	if (ret == 0 && !plan->user.dynamic)
		ret = check_chosen(cell, err);
	if (ret == 0 && !plan->user.dynamic)
		ret = check_cgroups(cell, err);
	return ret ?: check_writes(cell, err);
}

static void size_tmpfs(const struct plan_isolation *isolation, struct child_namespaces *ns)
{
	uint64_t inodes = isolation->workspace_bytes / BYTES_AN_INODE;

	if (inodes < INODES_MIN)
		inodes = INODES_MIN;
	if (inodes > INODES_MAX)
		inodes = INODES_MAX;
	snprintf(ns->size, sizeof(ns->size), "%" PRIu64, isolation->workspace_bytes);
	snprintf(ns->inodes, sizeof(ns->inodes), "%" PRIu64, inodes);
}

void namespaces_prepare(struct cell *cell)
{
	const struct plan_isolation *isolation = &cell->plan->isolation;
	struct child_namespaces *ns = &cell->namespaces;
	struct child *child = &cell->spawn.child;

	if (isolation->map_given) {
		child->uid = (uid_t)isolation->map_uid;
		child->gid = (gid_t)isolation->map_gid;
	}
	if (!(isolation->unshare & ~(uint32_t)UNSHARE_NET))
		return;
	/* The network is made before the cell, for its rules have to stand in it. */
	*ns = (struct child_namespaces){
		.flags = unshare_clone_flags(isolation->unshare &
					     ~(uint32_t)(UNSHARE_NET | UNSHARE_CGROUP)),
		.init = has(cell, UNSHARE_PID),
		.cgroup = has(cell, UNSHARE_CGROUP),
		.ask = -EBADF,
		.go = -EBADF,
		.read_only = cell->read_only,
		.no_run = !cell->plan->user.dynamic && cell->plan->user.uid == 0,
		.proc = has(cell, UNSHARE_PID | UNSHARE_MNT),
		.shm = has(cell, UNSHARE_IPC | UNSHARE_MNT),
		.workspace = isolation->workspace ? &cell->workspace : NULL,
		.hidden = isolation->hidden,
	};
	/* A process that shares memory cannot join a time namespace: each is born in its own. */
	if (ns->init)
		ns->join = (ns->flags & ~(uint64_t)(CLONE_NEWPID | CLONE_NEWTIME)) |
			   (ns->cgroup ? CLONE_NEWCGROUP : 0);
	if (has(cell, UNSHARE_USER)) {
		ns->ask = spawner_ask_fd(cell->host->spawner);
		ns->go = spawner_go_fd(cell->host->spawner);
	}
	if (has(cell, UNSHARE_UTS)) {
		cgroup_leaf_segment(cell->identity.id, cell->hostname);
		ns->hostname = cell->hostname;
	}
	size_tmpfs(isolation, ns);
	snprintf(ns->owner_uid, sizeof(ns->owner_uid), "%u", child->uid);
	snprintf(ns->owner_gid, sizeof(ns->owner_gid), "%u", child->gid);
	child->namespaces = ns;
}

/*
 * Who is not root may open the files of a process of its own only while that is dumpable,
 * which this one is not, nor the child that shares its memory. For that moment a process of
 * the caller's own uid could trace the child; its cells could not, which are in pid
 * namespaces of their own.
 */
static void open_maps(const struct cell *cell, int fds[3])
{
	static const char *const files[] = { "setgroups", "gid_map", "uid_map" };
	char path[48];

	if (!caps_of_root())
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", cell->spawn.asking, files[i]);
		fds[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (fds[i] < 0)
			fds[i] = -errno;
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int write_text(int fd, const char *text)
{
	return fd < 0 ? fd : write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_maps(const struct cell *cell, const int fds[3])
{
	const struct child *child = &cell->spawn.child;
	char gids[32], uids[32];
	int ret = 0;

	snprintf(gids, sizeof(gids), "%u %u 1", child->gid, cell->identity.gid);
	snprintf(uids, sizeof(uids), "%u %u 1", child->uid, cell->identity.uid);
	/* For its own gid the kernel asks that groups cannot be dropped, either. */
	if (!caps_of_root())
		ret = write_text(fds[0], "deny");
	if (ret == 0)
		ret = write_text(fds[1], gids);
	return ret ?: write_text(fds[2], uids);
}

/*
 * One id each. The child is alive and waits, so its pid is its own; and before exec it
 * is a part of this program.
 */
int namespaces_map(struct cell *cell, struct error *err)
{
	int priv __free(priv) = caps_of_root() ? caps_raise(PRIV_CREDENTIALS, err) : -1;
	int fds[3], ret;

	if (caps_of_root() && priv < 0)
		return priv;
	open_maps(cell, fds);
	ret = write_maps(cell, fds);
	for (int i = 0; i < 3; i++)
		fd_close(&fds[i]);
	return ret < 0 ? err_set(err, "spawn", ret, "cannot write the maps of the cell's user "
				 "namespace") : 0;
}

uint32_t namespaces_drop_caps(const struct cell *cell)
{
	const uint32_t ids = 1U << CAP_SETUID | 1U << CAP_SETGID;

	return 1U << CAP_SETPCAP | (caps_of_root() || has(cell, UNSHARE_USER) ? ids : 0);
}
