// SPDX-License-Identifier: MIT
/*
 * The verb `probe`: each thing that `run` needs is tried, by doing it; what is
 * missing is named with the way to get it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cgroup_level.h"
#include "helper/domain.h"
#include "helper/host.h"
#include "helper/limits.h"
#include "helper/probe_isolation.h"
#include "helper/process.h"
#include "helper/rehearsal.h"
#include "helper/seccomp.h"
#include "helper/users.h"
#include "helper/verbs.h"
#include "lib/cleanup.h"
#include "lib/compat.h"
#include "lib/io.h"

struct probe {
	const char *parent;
	struct cgroup_parent cgroup;
	bool is_above;		/* @cgroup is not the parent, but where it will be made */
	bool have_caps;
};

/* A failure as a row: its message becomes the detail, its hint the remedy. */
static bool from_error(struct check *check, const struct error *err, const char *good)
{
	check->ok = !err->errnum;
	snprintf(check->detail, sizeof(check->detail), "%.320s%s%.40s",
		 check->ok ? good : err->message, check->ok ? "" : ": ",
		 check->ok ? "" : strerror(err->errnum));
	snprintf(check->remedy, sizeof(check->remedy), "%s", err->hint);
	return check->ok;
}

static void probe_caller(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	(void)probe;
	from_error(check, &err, caps_of_root() ? "root: cells have uids of their own" :
		   "not root: cells have the caller's uid, and take --unshare pid,mnt");
}

static void probe_capabilities(struct probe *probe, struct check *check)
{
	struct error err = { 0 };
	uint32_t all = 0;

	for (int i = 0; i < PRIV_COUNT; i++)
		all |= i == PRIV_SWEEP ? 0 : PRIV_MASK(i);	/* `run` does not need it */
	probe->have_caps = caps_init(all, &err) == 0;
	from_error(check, &err, "every privileged operation has its capabilities");
}

/* For the rows that need a cgroup: the one that the parent will be made in. */
static void open_above(struct cgroup_parent *parent)
{
	char above[PATH_MAX];

	memcpy(above, parent->path, sizeof(above));
	*strrchr(above, '/') = '\0';
	cgroup_parent_open(above, false, parent, NULL);
}

static void probe_parent(struct probe *probe, struct check *check)
{
	struct error err = { 0 };
	char good[300];
	int ret = cgroup_parent_open(probe->parent, false, &probe->cgroup, &err);

	if (ret == -ENOENT && !err.errnum) {
		snprintf(good, sizeof(good), "%.200s will be made when it is first needed",
			 probe->cgroup.path);
		open_above(&probe->cgroup);
		probe->is_above = true;
		if (probe->have_caps && probe->cgroup.fd >= 0)
			cgroup_level_find(&probe->cgroup, &err);
		from_error(check, &err, good);
		return;
	}
	if (ret == 0)
		ret = cgroup_parent_check(&probe->cgroup, &err);
	if (ret == 0 && probe->have_caps)
		cgroup_level_find(&probe->cgroup, &err);
	snprintf(good, sizeof(good), "%.200s, %u cells", probe->cgroup.path,
		 cgroup_parent_cells(&probe->cgroup));
	from_error(check, &err, good);
}

static void probe_clone(struct probe *probe, struct check *check)
{
	struct error err = { 0 };
	int ret = spawn_probe();

	(void)probe;
	if (ret < 0) {
		err_set(&err, "probe", ret, "clone3 with CLONE_INTO_CGROUP and CLONE_PIDFD");
		err_hint(&err, "Linux 5.7 or later; a seccomp filter around the helper may "
			 "hide clone3");
	}
	from_error(check, &err, "clone3 with CLONE_INTO_CGROUP, CLONE_PIDFD, CLONE_CLEAR_SIGHAND");
}

static void probe_fds(struct probe *probe, struct check *check)
{
	struct error err = { 0 };
	int fd __free(fd) = sys_openat2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);

	(void)probe;
	if (fd < 0 || close_range(~0U, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
		err_set(&err, "probe", errno, "close_range with CLOSE_RANGE_CLOEXEC, openat2");
		err_hint(&err, "Linux 5.11 or later");
	}
	from_error(check, &err, "close_range with CLOSE_RANGE_CLOEXEC, openat2");
}

static void probe_io_uring(struct probe *probe, struct check *check)
{
	struct error err = { 0 };
	struct loop *loop = NULL;

	(void)probe;
	loop_open(&loop, &err);
	loop_close(loop);
	from_error(check, &err, "io_uring can be set up");
}

static void probe_egress(struct probe *probe, struct check *check)
{
	struct error err = { 0 };
	struct nft *nft = NULL;

	if (!probe->have_caps) {
		err_set(&err, "probe", EPERM, "nf_tables: not tried without CAP_NET_ADMIN");
	} else {
		int priv __free(priv) = caps_raise(PRIV_EGRESS, &err);

		if (priv == 0 && nft_open(&nft, &err) == 0) {
			nft_probe(nft, &err);
			nft_close(nft);
		}
	}
	from_error(check, &err, "nf_tables holds a whole cell: sets, rules, elements, counters");
}

/* Is what nf_tables holds also what packets meet? */
static void probe_rehearsal(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	if (!probe->have_caps || probe->cgroup.fd < 0) {
		err_set(&err, "probe", EPERM, "not tried without capabilities and a cell parent");
	} else {
		rehearse_egress(&probe->cgroup, &err);
		if (err.errnum == EPERM)
			err_hint(&err, "start it with CAP_SYS_ADMIN, to make the network namespace "
				 "in which this is tried");
	}
	/* Not to have tried is no proof of anything; to have seen it fail is. */
	check->needed = err.errnum != EPERM;
	from_error(check, &err, "sockets in a cgroup meet its rules, out and in, and are counted");
}

static void probe_uids(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	(void)probe;
	users_range_mapped(&err);
	from_error(check, &err, "the range of dynamic uids and gids is mapped");
}

static void probe_pidfs(struct probe *probe, struct check *check)
{
	struct pidref self = PIDREF_NONE;
	struct error err = { 0 };

	(void)probe;
	if (pidref_self(&self) < 0 || !self.ino) {
		err_set(&err, "probe", EOPNOTSUPP, "pidfs inodes: processes are identified by "
			"start time instead");
		err_hint(&err, "Linux 6.9 or later");
	}
	pidref_done(&self);
	from_error(check, &err, "processes have pidfs inodes");
}

/* Without it a mount namespace, with all of the host's mounts read-only, does for most. */
static void probe_landlock(struct probe *probe, struct check *check)
{
	int fd __free(fd) = domain_open(), abi = domain_abi();
	struct error err = { 0 }, why = { 0 };
	char good[160];

	if (fd < 0) {
		check->needed = !probe->have_caps || probe_mounts(&why) < 0;
		err_set(&err, "probe", -fd, "Landlock: each cell takes --unshare mnt, one with "
			"--user UID:GID takes pid,mnt; no lists of paths, no uid 0%s",
			check->needed ? "; and no mounts can be made" : "");
		err_hint(&err, "Linux 5.13 or later, with landlock among lsm= at boot; until then: "
			 "run --unshare mnt");
	} else {
		snprintf(good, sizeof(good), "Landlock ABI %d: %s", abi, probe_landlock_says(abi));
	}
	from_error(check, &err, fd < 0 ? "" : good);
	if (check->ok && abi < 6)
		snprintf(check->remedy, sizeof(check->remedy), "more of it: Linux 6.12 or later");
}

static void probe_namespaces_row(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	(void)probe;
	probe_namespaces(&err);
	from_error(check, &err, "--unshare pid, ipc, mnt, uts, cgroup, time");
}

static void probe_user_row(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	(void)probe;
	probe_user_namespace(&err);
	from_error(check, &err, "--unshare user");
}

static void probe_mounts_row(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	(void)probe;
	probe_mounts(&err);
	from_error(check, &err, "private workspaces, /proc and /dev/shm; a read-only host");
}

static void probe_filter(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	(void)probe;
	filter_probe(&err);
	from_error(check, &err, "seccomp(2) closes the sockets that egress rules do not see");
}

/* For a cell whose document says nothing of them. */
static void probe_core_dumps(struct probe *probe, struct check *check)
{
	struct error err = { 0 };

	(void)probe;
	process_check_core(process_core_target(), &err);
	from_error(check, &err, "cells can be kept from dumping core");
}

static void probe_limits(struct probe *probe, struct check *check)
{
	struct cgroup_parent parent = probe->cgroup;
	struct error err = { 0 };

	if (probe->is_above)
		parent.depth = 0;	/* see controller_available() */
	if (parent.fd < 0)
		err_set(&err, "probe", ENOENT, "not tried without a cell parent");
	else
		limits_probe(&parent, check->name, &err);
	from_error(check, &err, !strcmp(check->name, "swap") ?
		   "a cell's swap can be limited: memory.max holds" :
		   "limits of this controller can be set");
}

/* How long cells wait for cpu, memory and disks is told by the kernel, if it counts. */
static void probe_psi(struct probe *probe, struct check *check)
{
	struct error err = { 0 };
	char buf[256];
	ssize_t n = -ENOENT;

	if (probe->cgroup.fd >= 0)
		n = io_read_at(probe->cgroup.fd, "memory.pressure", buf, sizeof(buf));
	if (n < 0) {
		err_set(&err, "probe", (int)n, "memory.pressure: resources.pressure is null");
		err_hint(&err, "boot with psi=1; a kernel with CONFIG_PSI");
	}
	from_error(check, &err, "pressure stall information is kept of every cgroup");
}

static const struct {
	const char *name;
	bool needed;
	void (*probe)(struct probe *probe, struct check *check);
} probes[] = {
	{ "caller", true, probe_caller },
	{ "capabilities", true, probe_capabilities },
	{ "cgroup-parent", true, probe_parent },
	{ "clone3", true, probe_clone },
	{ "fds", true, probe_fds },
	{ "io_uring", true, probe_io_uring },
	{ "egress", true, probe_egress },
	{ "rehearsal", true, probe_rehearsal },
	{ "dynamic-uids", true, probe_uids },
	{ "socket-filter", true, probe_filter },
	{ "core-dumps", true, probe_core_dumps },
	{ "pidfs", false, probe_pidfs },
	{ "landlock", true, probe_landlock },
	{ "namespaces", false, probe_namespaces_row },
	{ "user-namespace", false, probe_user_row },
	{ "mounts", false, probe_mounts_row },
	{ "memory", false, probe_limits },
	{ "cpu", false, probe_limits },
	{ "pids", false, probe_limits },
	{ "io", false, probe_limits },
	{ "hugetlb", false, probe_limits },
	{ "swap", false, probe_limits },
	{ "psi", false, probe_psi },
};

int verb_probe(int argc, char **argv)
{
	struct verb_options options = { 0 };
	struct probe probe = { .cgroup = CGROUP_PARENT_NONE };
	struct error err = { 0 };
	struct report report;
	bool works = true;
	int ret = verb_parse(argc, argv, 0, &options, &err);

	if (ret == 0 && options.n_args)
		ret = err_set(&err, "options", EINVAL, "probe takes no argument");
	if (ret == 0)
		ret = report_open(&report, options.json);
	if (ret < 0)
		return verb_fail(&err);
	probe.parent = options.parent;
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		struct check check = { .name = probes[i].name, .needed = probes[i].needed };

		probes[i].probe(&probe, &check);
		works &= check.ok || !check.needed;
		report_check(&report, &check);
	}
	if (!options.json)
		puts(works ? "run can work here" : "run cannot work here: see FAIL");
	works &= report_close(&report, false) == 0;
	cgroup_parent_done(&probe.cgroup);
	free(options.parent);
	return works ? 0 : CELLOS_EXIT_FAILED;
}
