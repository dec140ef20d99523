// SPDX-License-Identifier: MIT
/*
 * System calls by number. From 424 on they have the same on all architectures.
 *
 * Those that were looked at end with NEWEST, the last of Linux 6.18. Beyond the reach of
 * libseccomp 2.5.4, and of the headers of its time, are:
 *
 *	451 cachestat			open: how much of a file is cached, for its owner
 *	452 fchmodat2			open: fchmodat with flags
 *	453 map_shadow_stack		open: protects the caller's returns
 *	454-456 futex_wake, _wait, _requeue	open: futex, in newer words
 *	457 statmount			open: /proc/self/mountinfo
 *	458 listmount			open: likewise
 *	459 lsm_get_self_attr		open: /proc/self/attr
 *	460 lsm_set_self_attr		open: likewise; what it may do is the module's to say
 *	461 lsm_list_modules		open: tells their names
 *	462 mseal			open: makes mappings of the caller immutable
 *	463 setxattrat			closed, see below
 *	464-465 getxattrat, listxattrat	open: tell what getxattr tells
 *	466 removexattrat		closed, see below
 *	467 open_tree_attr		closed, see below
 *	468 file_getattr		open: FS_IOC_FSGETXATTR, by path
 *	469 file_setattr		open: FS_IOC_FSSETXATTR, by path
 *
 * On x86_64 also 335 and 336, uretprobe and uprobe: open. Only the kernel's own trampolines
 * call them, in a process that somebody of the host watches; without them it would die.
 */
#include "helper/seccomp_numbers.h"

#include <errno.h>
#include <stddef.h>

#include <linux/seccomp.h>

#include "lib/cleanup.h"

#define NEWEST		469
#define GAP_END		424		/* nothing below, down to the target's own last number */
#define NO_NATIVE	0x40000000	/* from here on: x32, and -1. libseccomp knows these */

/* By number, and then as in seccomp_baseline.c. */
static const struct {
	uint32_t number;
	int errnum;
} closed[] = {
	{ 463, EOPNOTSUPP },	/* setxattrat: setxattr of what is below a directory */
	{ 466, EOPNOTSUPP },	/* removexattrat: likewise */
	{ 467, EPERM },	/* open_tree_attr: open_tree and mount_setattr in one */
};

static struct sock_filter fail_with(int errnum)
{
	return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errnum);
}

static struct sock_filter load(size_t offset)
{
	return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

/* Jumps over @yes, or over @no instructions. */
static struct sock_filter jump(uint16_t op, uint32_t k, unsigned int yes, unsigned int no)
{
	return (struct sock_filter)BPF_JUMP(BPF_JMP | op | BPF_K, k, (uint8_t)yes, (uint8_t)no);
}

unsigned int numbers_close(uint32_t audit_arch, uint32_t old_last, struct sock_filter *ret_ops)
{
	const unsigned int rows = 2 * ARRAY_SIZE(closed);
	struct sock_filter *op = ret_ops;

	_Static_assert(2 * ARRAY_SIZE(closed) + 8 <= NUMBERS_OPS_MAX, "they fit");
	*op++ = load(offsetof(struct seccomp_data, arch));
	*op++ = jump(BPF_JEQ, audit_arch, 0, 6 + rows);
	*op++ = load(offsetof(struct seccomp_data, nr));
	*op++ = jump(BPF_JGE, NO_NATIVE, 4 + rows, 0);
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++) {
		*op++ = jump(BPF_JEQ, closed[i].number, 0, 1);
		*op++ = fail_with(closed[i].errnum);
	}
	*op++ = jump(BPF_JGT, NEWEST, 2, 0);
	*op++ = jump(BPF_JGE, GAP_END, 2, 0);
	*op++ = jump(BPF_JGT, old_last, 0, 1);
	*op++ = fail_with(ENOSYS);
	return (unsigned int)(op - ret_ops);
}
