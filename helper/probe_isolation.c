// SPDX-License-Identifier: MIT
#include "helper/probe_isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/backend.h"
#include "helper/apart.h"
#include "helper/caps.h"
#include "helper/domain.h"
#include "lib/cleanup.h"

#define STEP		"probe"
#define PATIENCE	5	/* seconds for each */

static const struct {
	int flag;
	const char *name;
	const char *option;
} namespaces[] = {
	{ CLONE_NEWPID, "pid", "CONFIG_PID_NS" },	{ CLONE_NEWIPC, "ipc", "CONFIG_IPC_NS" },
	{ CLONE_NEWNS, "mount", "CONFIG_NAMESPACES" },	{ CLONE_NEWUTS, "uts", "CONFIG_UTS_NS" },
	{ CLONE_NEWCGROUP, "cgroup", "CONFIG_CGROUPS" },{ CLONE_NEWTIME, "time", "CONFIG_TIME_NS" },
};

static int make_namespaces(void *unused, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_NAMESPACES, err);

	(void)unused;
	for (size_t i = 0; priv == 0 && i < ARRAY_SIZE(namespaces); i++) {
		if (unshare(namespaces[i].flag) == 0)
			continue;
		err_set(err, STEP, errno, "cannot make a %s namespace", namespaces[i].name);
		err_hint(err, "a kernel with %s; a limit in /proc/sys/user may be 0",
			 namespaces[i].option);
		return -err->errnum;
	}
	return priv;
}

int probe_namespaces(struct error *err)
{
	return apart(make_namespaces, NULL, PATIENCE, STEP, err);
}

static int make_user_namespace(void *unused, struct error *err)
{
	(void)unused;
	if (unshare(CLONE_NEWUSER) == 0)
		return 0;
	err_set(err, STEP, errno, "cannot make a user namespace");
	err_hint(err, "a kernel with CONFIG_USER_NS; sysctl user.max_user_namespaces, and "
		 "kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns "
		 "where they are");
	return -err->errnum;
}

int probe_user_namespace(struct error *err)
{
	if (!caps_of_root()) {
		err_set(err, STEP, EOPNOTSUPP, "user namespaces for callers that are not root are "
			"not built yet");
		err_hint(err, "start the helper as root");
		return -EOPNOTSUPP;
	}
	return apart(make_user_namespace, NULL, PATIENCE, STEP, err);
}

/* As the init of a cell: the very same code, with all that does not need a folder. */
static int mount_all(void *unused, struct error *err)
{
	const struct child_namespaces ns = {
		.flags = CLONE_NEWNS, .ask = -1, .go = -1,
		.read_only = true, .proc = true, .shm = true,
		.size = "65536", .inodes = "64", .owner_uid = "0", .owner_gid = "0",
	};
	struct child_status status = { .step = CHILD_NONE };
	int priv __free(priv) = caps_raise(PRIV_NAMESPACES, err);

	(void)unused;
	if (priv < 0)
		return priv;
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(err, STEP, errno, "cannot make a mount namespace");
	if (child_mount(&ns, &status) == 0)
		return 0;
	err_set(err, STEP, status.errnum, "cannot mount %s", status.what);
	err_hint(err, "Linux 5.12 or later (mount_setattr) with CONFIG_TMPFS and "
		 "CONFIG_POSIX_MQUEUE");
	return -err->errnum;
}

/* /proc is that of a pid namespace only for a process in it. */
static int mount_in_pid_namespace(void *unused, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_NAMESPACES, err);

	if (priv < 0)
		return priv;
	if (unshare(CLONE_NEWPID | CLONE_NEWIPC) < 0)
		return err_set(err, STEP, errno, "cannot make pid and ipc namespaces");
	return apart(mount_all, unused, PATIENCE, STEP, err);
}

int probe_mounts(struct error *err)
{
	return apart(mount_in_pid_namespace, NULL, 2 * PATIENCE, STEP, err);
}

const char *probe_landlock_says(int abi)
{
	if (abi >= 6)
		return "lists of paths; no file is left or changed; devices, signals, sockets";
	if (abi >= 5)
		return "lists of paths; no file is left or changed; devices";
	if (abi >= DOMAIN_ABI_LISTS)
		return "lists of paths; no file is left or changed";
	return "no file is left, but one that anybody may write can be truncated; no lists of paths";
}
