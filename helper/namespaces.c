// SPDX-License-Identifier: MIT
#include "helper/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <stdio.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "helper/domain.h"
#include "helper/procfs.h"
#include "helper/unshare.h"
#include "lib/io.h"

/*
 * One inode of a tmpfs for so many bytes: what a file of one page takes. At the cell's end
 * the kernel frees each of them, some 4 us long, and the teardown waits: so there are no
 * more than it has time for, CELLOS_KILL_TIMEOUT, with a workspace and /dev/shm both full.
 */
#define BYTES_AN_INODE	4096
#define INODES_MIN	64
#define INODES_MAX	262144

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
		err_hint(err, "%s; or leave out --user, and for root inside: --unshare user,pid,mnt "
			 "with run.isolation.userMap {\"uid\": 0, \"gid\": 0}", landlock ?
			 "--unshare pid,mnt" : "boot with landlock among lsm=");
		return -EPERM;
	}
	if (!landlock && !has(cell, UNSHARE_PID)) {
		err_set(err, "check", EPERM, "uid %u may be had by processes outside the cell, "
			"and this kernel has no Landlock to keep the cell off them", user->uid);
		err_hint(err, "--unshare pid,mnt, or leave out --user, or boot with "
			 "lsm=landlock,...");
		return -EPERM;
	}
	/* It sees its own /proc, and those of the host that lie elsewhere. */
	return landlock ? 0 : procfs_check(user->uid, err);
}

static int refuse_writable(const struct cell *cell, const char *where, struct error *err)
{
	const struct plan_user *user = &cell->plan->user;

	err_set(err, "check", EPERM, "uid %u, gid %u may write %s of the cell parent %s: "
		"the cell could move itself out of its cgroup and its egress rules",
		user->uid, user->gid, where, cell->host->parent.path);
	err_hint(err, "--unshare pid,mnt and Landlock make cgroups read-only for the cell%s",
		 caps_of_root() ? "; or leave out --user: the cell gets a uid of its own" : "");
	return -EPERM;
}

/*
 * The cell owns cgroups, or as uid 0 whatever else there is, and read-only mounts alone keep
 * it from writing them. So nothing may undo these, or go by them: Landlock keeps the mounts
 * as they are; the floor closes clone3, which can bear a child into a cgroup whatever its
 * mount says, and the baseline new namespaces.
 */
static int check_cgroups(struct cell *cell, struct error *err)
{
	const struct plan_user *user = &cell->plan->user;
	char where[PATH_MAX] = "files";

	if (!cell->host->parent.whole)
		snprintf(where, sizeof(where), "cgroups that the mount does not show, above");
	else if (!cgroup_writable_by(cell->host->parent.fd, user->uid, user->gid, where) &&
		 user->uid != 0)
		return 0;
	cell->read_only = true;
	if (!has(cell, UNSHARE_PID | UNSHARE_MNT) || cell->host->domain_fd < 0)
		return refuse_writable(cell, where, err);
	if (cell->plan->isolation.seccomp != CELLOS_SECCOMP_NONE)
		return 0;
	err_field_set(err, "/spec/run/isolation/seccomp");
	err_set(err, "check", EPERM, "\"none\" would let a cell of uid %u, which owns cgroups, "
		"leave its own", user->uid);
	err_hint(err, "leave seccomp out; a filter of your own is installed above the baseline");
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

/*
 * The maps of a user namespace are written from outside, to files of the child's, which who is
 * not root may open only while the child is dumpable; and its memory is the helper's.
 */
static int refuse_user(struct error *err)
{
	err_set(err, "check", EOPNOTSUPP, "user namespaces for callers that are not root are not "
		"built yet");
	err_hint(err, "leave user out of unshare, or start the helper as root");
	return -EOPNOTSUPP;
}

/* What of its birth takes privileges that the helper may not have. */
static int check_privileges(const struct cell *cell, struct error *err)
{
	int ret = caps_of_root() ? 0 : check_groups(err);

	if (ret == 0 && !caps_of_root() && has(cell, UNSHARE_USER))
		ret = refuse_user(err);
	if (ret == 0 && cell->plan->isolation.unshare & ~(uint32_t)UNSHARE_NET) {
		int priv __free(priv) = caps_raise(PRIV_NAMESPACES, err);

		ret = priv;
	}
	if (ret == 0) {
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

bool namespaces_owner(const struct cell *cell)
{
	return cell->read_only && !cell->plan->user.dynamic;
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
		.private = namespaces_owner(cell),
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

static int write_map(pid_t pid, const char *file, uint32_t inside, uint32_t outside,
		     struct error *err)
{
	char path[48], text[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	snprintf(text, sizeof(text), "%u %u 1", inside, outside);
	ret = io_write_at(AT_FDCWD, path, text);
	return ret < 0 ? err_set(err, "spawn", ret, "cannot write \"%s\" to the cell's %s", text,
				 file) : 0;
}

/*
 * Of a child that was born in a user namespace the kernel takes a score, but not for its
 * floor: that takes CAP_SYS_RESOURCE outside.
 */
static int bind_oom_score(const struct cell *cell, struct error *err)
{
	char path[48];
	int ret;

	if (!cell->process.oom_bound || cell->namespaces.init)
		return 0;
	ret = caps_raise(PRIV_OOM_SCORE, err);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", cell->spawn.asking);
	ret = io_write_at(AT_FDCWD, path, cell->process.oom_score_adj);
	caps_lower();
	return ret < 0 ? err_set(err, "spawn", ret, "cannot write the cell's oom_score_adj") : 0;
}

/*
 * One id each. The child is alive and waits, so its pid is its own; and before exec it
 * is a part of this program.
 */
int namespaces_map(struct cell *cell, struct error *err)
{
	const struct child *child = &cell->spawn.child;
	int bound = bind_oom_score(cell, err);
	int priv __free(priv) = bound < 0 ? bound : caps_raise(PRIV_CREDENTIALS, err);
	int ret = priv;

	if (ret == 0)
		ret = write_map(cell->spawn.asking, "gid_map", child->gid, cell->identity.gid, err);
	if (ret == 0)
		ret = write_map(cell->spawn.asking, "uid_map", child->uid, cell->identity.uid, err);
	return ret;
}

uint32_t namespaces_drop_caps(void)
{
	const uint32_t ids = 1U << CAP_SETUID | 1U << CAP_SETGID;

	return 1U << CAP_SETPCAP | (caps_of_root() ? ids : 0);
}

/* Whoever enters a user namespace begins there with a full one. */
uint64_t namespaces_bounding(const struct cell *cell)
{
	return has(cell, UNSHARE_USER) ? UINT64_MAX : caps_bounding();
}
