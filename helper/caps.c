// SPDX-License-Identifier: MIT
#include "helper/caps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The closed list. An operation that is not here cannot be privileged: its
 * capability is in no set of the process any more. A caller that is not root has cells of
 * its own uid alone: of an operation it takes the first @n_own capabilities, which its
 * ambient set has to hold; where that is none, the rights of its uid are enough or
 * have to be.
 */
static const struct priv_op {
	const char *name;
	const char *capabilities;
	cap_value_t caps[4];
	int n_caps;
	int n_own;
	const char *reason;
} priv_ops[PRIV_COUNT] = {
	[PRIV_CALLER_FILES] = {
		"caller-files", "CAP_DAC_OVERRIDE",
		{ CAP_DAC_OVERRIDE }, 1, 0,
		"Opens the document and the report file that root named, before any cell "
		"exists; given up for good before the first step of a run.",
	},
	[PRIV_PARENT] = {
		"parent", "CAP_DAC_OVERRIDE",
		{ CAP_DAC_OVERRIDE }, 1, 0,
		"mkdir(2) of the default cell parent in the root of the hierarchy, which is "
		"writable for nobody; where there is no parent yet, probe makes and removes the "
		"cgroup of its rehearsal there; given up for good before the first step of a run.",
	},
	[PRIV_EGRESS] = {
		"egress", "CAP_NET_ADMIN",
		{ CAP_NET_ADMIN }, 1, 1,
		"Sends messages that nft/ alone builds, to tables of its own; of what the cell "
		"or the document says only checked addresses, ports and ids go in. Ends TCP "
		"connections that were made in the cell's own cgroup, once it is empty.",
	},
	[PRIV_NETWORK] = {
		"network", "CAP_SYS_ADMIN, CAP_NET_ADMIN",
		{ CAP_SYS_ADMIN, CAP_NET_ADMIN }, 2, 2,
		"unshare(2) and setns(2) of a network namespace, and nothing else: one that is "
		"made here, that the caller named, or whose inode is the one stored of the cell; "
		"loopback is brought up in one made here. No code of a cell runs meanwhile.",
	},
	[PRIV_NETWORK_FIND] = {
		"network-find", "CAP_SYS_PTRACE",
		{ CAP_SYS_PTRACE }, 1, 1,
		"open(2) of /proc/PID/ns/net of a process in the cell's cgroup, used only if "
		"its inode is the one stored, or of the path that the caller named, who is root or "
		"has the capability itself; stat(2) of that of process 1, which is the host's. No "
		"process is stopped or read.",
	},
	[PRIV_NAMESPACES] = {
		"namespaces", "CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE",
		{ CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE }, 3, 3,
		"Around clone3(2), and in its child until it drops all: makes the cell's "
		"namespaces and mounts, all in the new ones; setns(2) into those of the cell's own "
		"init, by the pidfd of its clone. No code of the cell runs before they are dropped.",
	},
	[PRIV_OOM_SCORE] = {
		"oom-score", "CAP_SYS_RESOURCE",
		{ CAP_SYS_RESOURCE }, 1, 0,
		"write(2) of the cell's OOM score, never less than the helper's own, by its child "
		"before it has lost its rights, or to that child while it waits for its ids: the "
		"kernel takes it for the least that the cell can give itself. Nothing else.",
	},
	[PRIV_STDIO] = {
		"stdio", "CAP_CHOWN",
		{ CAP_CHOWN }, 1, 0,
		"fchown(2) of pipes that this process has just made and that have no name: "
		"the cell can then open /dev/stderr, and nothing else changes hands.",
	},
	[PRIV_SIGNAL] = {
		"signal", "CAP_KILL",
		{ CAP_KILL }, 1, 0,
		"pidfd_send_signal(2) to a pidfd that was taken at clone or verified against "
		"the stored inode and the cell's cgroup: never to a number that was reused.",
	},
	[PRIV_SWEEP] = {
		"sweep", "CAP_NET_ADMIN, CAP_DAC_READ_SEARCH",
		{ CAP_NET_ADMIN, CAP_DAC_READ_SEARCH }, 2, 1,
		"Only in reconcile: opens cgroups by inode number, and reads directories of "
		"cgroupfs, whoever's they are, to learn which cgroup ids exist; removes "
		"elements of those that do not.",
	},
	[PRIV_CREDENTIALS] = {
		"credentials", "CAP_SETPCAP, CAP_SETUID, CAP_SETGID",
		{ CAP_SETPCAP, CAP_SETUID, CAP_SETGID }, 3, 1,
		"Only in the child between clone3 and exec, to lose rights: no groups, the "
		"cell's uid and gid, empty capability and bounding sets, locked securebits.",
	},
};

static uint32_t ops_held;

/* The capabilities of all of them: one bit each, as capset(2) counts them. */
static uint64_t permitted;

/* Other threads keep what caps_forget() takes from this one, so it stays as it begins. */
static uint64_t bounding = UINT64_MAX;

uint64_t caps_bounding(void)
{
	return bounding;
}

bool caps_of_root(void)
{
	return geteuid() == 0;
}

static int n_caps(const struct priv_op *op)
{
	return caps_of_root() ? op->n_caps : op->n_own;
}

static uint64_t mask_of(const struct priv_op *op)
{
	uint64_t mask = 0;

	for (int k = 0, n = n_caps(op); k < n; k++)
		mask |= UINT64_C(1) << op->caps[k];
	return mask;
}

static uint64_t mask_of_all(uint32_t ops)
{
	uint64_t mask = 0;

	for (int i = 0; i < PRIV_COUNT; i++)
		if (ops & PRIV_MASK(i))
			mask |= mask_of(&priv_ops[i]);
	return mask;
}

static void hold(uint32_t ops)
{
	ops_held = ops;
	permitted = mask_of_all(ops);
}

/*
 * Permitted: all operations held. Effective: those of @op, if one is given. It is done
 * many times for each cell, so by the system call itself: nothing is asked, or allocated.
 */
static int apply(const struct priv_op *op)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	uint64_t effective = op ? mask_of(op) : 0;
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)effective, .permitted = (uint32_t)permitted },
		{ .effective = (uint32_t)(effective >> 32),
		  .permitted = (uint32_t)(permitted >> 32) },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

DEFINE_FREE(cap, cap_t, if (*p) cap_free(*p))

/* The first capability of an operation that is not permitted; -1: all are. */
static cap_value_t missing(cap_t caps, const struct priv_op *op)
{
	for (int k = 0; k < n_caps(op); k++) {
		cap_flag_value_t value = CAP_CLEAR;

		if (cap_get_flag(caps, op->caps[k], CAP_PERMITTED, &value) < 0 || value != CAP_SET)
			return op->caps[k];
	}
	return -1;
}

/* May a verb do without it? Most cells have no namespaces, nor their helper a low score. */
static bool is_optional(enum priv op)
{
	return op == PRIV_NETWORK || op == PRIV_NETWORK_FIND || op == PRIV_NAMESPACES ||
	       op == PRIV_OOM_SCORE;
}

static int refuse_missing(const struct priv_op *op, cap_value_t cap, struct error *err)
{
	char *name = cap_to_name(cap);

	err_set(err, "capabilities", EPERM, "the operation \"%s\" needs %s, which is not in the "
		"permitted set", op->name, name ? name : "?");
	if (caps_of_root())
		err_hint(err, "start the helper as root with %s", op->capabilities);
	else
		err_hint(err, "start it as root; or with %s in the ambient set: setpriv "
			 "--ambient-caps, systemd's AmbientCapabilities=", name ? name : "it");
	cap_free(name);
	return -EPERM;
}

/* Leaves out of @needed what is missing and optional. */
static int check_held(uint32_t *needed, struct error *err)
{
	cap_t caps __free(cap) = cap_get_proc();

	if (!caps)
		return err_set(err, "capabilities", errno, "cannot read the capability sets");
	for (int i = 0; i < PRIV_COUNT; i++) {
		cap_value_t cap = *needed & PRIV_MASK(i) ? missing(caps, &priv_ops[i]) : -1;

		if (cap < 0)
			continue;
		if (!is_optional((enum priv)i))
			return refuse_missing(&priv_ops[i], cap, err);
		*needed &= ~PRIV_MASK(i);
	}
	return 0;
}

/* A bound that the child needs not lower again, one capability at a time. */
static int drop_bounding(uint32_t needed)
{
	uint64_t keep = mask_of_all(needed);

	for (cap_value_t cap = 0; ; cap++) {
		int held = cap_get_bound(cap);

		if (held < 0)	/* EINVAL, and nothing else, says that there is no such one */
			return errno == EINVAL && cap > 0 ? 0 : -errno;
		if (!(keep >> cap & 1) && held && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
}

int caps_init(uint32_t needed, struct error *err)
{
	int ret;

	ret = check_held(&needed, err);
	if (ret < 0)
		return ret;
	/* Without CAP_SETPCAP the bounding set stays: the permitted set binds us anyway. */
	ret = drop_bounding(needed);
	if (ret < 0 && (needed & PRIV_MASK(PRIV_CREDENTIALS)))
		return err_set(err, "capabilities", ret, "cannot drop the bounding set");
	if (ret == 0)
		bounding = mask_of_all(needed);
	hold(needed);
	ret = apply(NULL);
	if (ret < 0)
		return err_set(err, "capabilities", ret, "cannot empty the effective set");
	return 0;
}

int caps_forget(uint32_t ops, struct error *err)
{
	bool bounded = ops_held & PRIV_MASK(PRIV_CREDENTIALS);
	int ret;

	hold(ops_held & ~ops);
	ret = apply(bounded ? &priv_ops[PRIV_CREDENTIALS] : NULL);
	if (ret == 0 && bounded)
		ret = drop_bounding(ops_held);
	if (ret == 0)
		ret = apply(NULL);
	if (ret < 0)
		return err_set(err, "capabilities", ret, "cannot give up capabilities");
	return 0;
}

bool caps_hold(enum priv op)
{
	return ops_held & PRIV_MASK(op) && n_caps(&priv_ops[op]);
}

/* Only what this caller needs of them: the others are root's. */
static void refuse_raise(const struct priv_op *op, int errnum, struct error *err)
{
	char names[80] = "";
	size_t used = 0;

	for (int k = 0; k < n_caps(op) && used < sizeof(names); k++) {
		char *name = cap_to_name(op->caps[k]);

		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 used ? ", " : "", name ? name : "?");
		cap_free(name);
	}
	err_set(err, "capabilities", errnum, "the operation \"%s\" needs %s", op->name, names);
	err_hint(err, caps_of_root() ? "start the helper with all of them" :
		 "start the helper as root, or with them in its ambient set");
}

int caps_raise(enum priv op, struct error *err)
{
	int ret = apply(&priv_ops[op]);

	if (ret < 0)
		refuse_raise(&priv_ops[op], ret, err);
	return ret;
}

void caps_lower(void)
{
	apply(NULL);
}

const char *priv_name(enum priv op)
{
	return priv_ops[op].name;
}

const char *priv_capabilities(enum priv op)
{
	return priv_ops[op].capabilities;
}

const char *priv_reason(enum priv op)
{
	return priv_ops[op].reason;
}
