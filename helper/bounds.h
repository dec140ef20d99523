/* SPDX-License-Identifier: MIT */
/*
 * Bounds of the kernel that a plan keeps within: a value beyond them would be
 * refused only when it is used, after the cell's cgroup was made.
 */
#ifndef HELPER_BOUNDS_H
#define HELPER_BOUNDS_H

/* One argument or environment string, its NUL included: MAX_ARG_STRLEN. */
#define ARG_STRING_MAX	131072

/* All of them together. The kernel's own bound moves with RLIMIT_STACK. */
#define ARG_TOTAL_MAX	(1024 * 1024)

/* cpu.max, in microseconds: see tg_set_cfs_bandwidth(). */
#define CPU_QUOTA_MIN		1000
#define CPU_QUOTA_MAX		((1LL << 44) - 1)
#define CPU_PERIOD_MIN		1000
#define CPU_PERIOD_MAX		1000000
#define CPU_PERIOD_DEFAULT	100000

/* (uid_t)-1 and (gid_t)-1 mean "leave it" to the kernel: no one has them. */
#define ID_MAX	4294967294UL

/* cpu.weight: CGROUP_WEIGHT_MIN and _MAX. */
#define CPU_WEIGHT_MIN		1
#define CPU_WEIGHT_MAX		10000

/* io.max takes no 1: see tg_set_limit(). */
#define IO_MIN			2

/* io.max keeps operations in 32 bits, of which the largest value is its "max". */
#define IO_OPERATIONS_MAX	4294967294LL

/* MAJ:MIN, as the kernel divides a dev_t: 12 and 20 bits. */
#define DEVICE_MAJOR_MAX	4095
#define DEVICE_MINOR_MAX	1048575

/* pids.max: PID_MAX_LIMIT; more is said by leaving the limit out. */
#define PIDS_MAX	4194304

#endif /* HELPER_BOUNDS_H */
