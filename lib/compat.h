/* SPDX-License-Identifier: MIT */
/*
 * What the C library and the headers of Debian 12 do not have yet. Every #ifdef
 * of the project stands here. Whether the running kernel has a feature is never
 * decided here: it is found by use.
 */
#ifndef LIB_COMPAT_H
#define LIB_COMPAT_H

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/**
 * sys_clone3_vfork() - clone3(2) for a child that may share our memory
 * @args: with CLONE_VFORK and a stack of the child's own
 * @entry: where the child goes; it must not return
 * @arg: its argument
 *
 * No C function can return on the new stack, so the child is sent into @entry
 * from the very instruction after the system call.
 *
 * Return: the child's pid, or -errno.
 */
static inline long sys_clone3_vfork(const struct clone_args *args, void (*entry)(void *),
				    void *arg)
{
#if defined(__x86_64__)
	register void (*fn)(void *) __asm__("r12") = entry;
	register void *fn_arg __asm__("r13") = arg;
	long ret;

	__asm__ volatile(
		"syscall\n\t"
		"testq %%rax, %%rax\n\t"
		"jnz 1f\n\t"
		"xorl %%ebp, %%ebp\n\t"
		"movq %%r13, %%rdi\n\t"
		"call *%%r12\n\t"
		"hlt\n"
		"1:"
		: "=a"(ret)
		: "a"(SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(fn), "r"(fn_arg)
		: "rcx", "r11", "memory", "cc");
	return ret;
#elif defined(__aarch64__)
	register long nr __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register void (*fn)(void *) __asm__("x20") = entry;
	register void *fn_arg __asm__("x21") = arg;

	__asm__ volatile(
		"svc #0\n\t"
		"cbnz x0, 1f\n\t"
		"mov x29, xzr\n\t"
		"mov x0, x21\n\t"
		"blr x20\n\t"
		"brk #1\n"
		"1:"
		: "+r"(x0)
		: "r"(x1), "r"(nr), "r"(fn), "r"(fn_arg)
		: "memory", "cc");
	return x0;
#else
#error "sys_clone3_vfork() has to be written for this architecture"
#endif
}

/* openat2(2), since Linux 5.6. */
static inline int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
			      uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/*
 * sys_mount_id() - the mount that a path leads to: statx(2), STATX_MNT_ID, since Linux 5.8
 *
 * The C library's struct statx has it only where the kernel's header was found.
 * Return: its id; 0: not known.
 */
static inline uint64_t sys_mount_id(const char *path)
{
	const uint32_t mask = 0x1000;
	union {
		uint32_t mask;
		uint64_t words[32];	/* struct statx has 256 bytes, stx_mnt_id is the 19th */
	} st;

	if (syscall(SYS_statx, AT_FDCWD, path, 0, mask, &st) < 0 || !(st.mask & mask))
		return 0;
	return st.words[18];
}

/* memfd_create(2): a file that can be executed; since Linux 6.3. */
#define COMPAT_MFD_EXEC	0x10U

/* io_uring: wait for a process, since Linux 6.7. */
#define COMPAT_IORING_OP_WAITID	50

/* fstatfs(2) of a pidfd, since Linux 6.9; before, all pidfds share one inode. */
#define COMPAT_PIDFS_MAGIC	0x50494446

/*
 * PIDFD_GET_INFO, since Linux 6.13, its first version: later ones are longer.
 * <linux/pidfd.h> cannot stand beside <fcntl.h>, hence a declaration of our own.
 */
#define COMPAT_PIDFD_INFO_CGROUPID	(UINT64_C(1) << 2)

struct compat_pidfd_info {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t pid;
	uint32_t tgid;
	uint32_t ppid;
	uint32_t ruid;
	uint32_t rgid;
	uint32_t euid;
	uint32_t egid;
	uint32_t suid;
	uint32_t sgid;
	uint32_t fsuid;
	uint32_t fsgid;
	uint32_t spare0;
};

#define COMPAT_PIDFD_GET_INFO	_IOWR(0xFF, 11, struct compat_pidfd_info)

/*
 * Landlock (landlock(7)): rights by the ABI that brought them, up to ABI 6, Linux
 * 6.12. Those of ABI 1 are <linux/landlock.h>'s, of Linux 5.13.
 */
#define COMPAT_LANDLOCK_ACCESS_FS_REFER		(UINT64_C(1) << 13)	/* 2: Linux 5.19 */
#define COMPAT_LANDLOCK_ACCESS_FS_TRUNCATE	(UINT64_C(1) << 14)	/* 3: Linux 6.2 */
#define COMPAT_LANDLOCK_ACCESS_FS_IOCTL_DEV	(UINT64_C(1) << 15)	/* 5: Linux 6.10 */
#define COMPAT_LANDLOCK_SCOPE_ABSTRACT		(UINT64_C(1) << 0)	/* 6: Linux 6.12 */
#define COMPAT_LANDLOCK_SCOPE_SIGNAL		(UINT64_C(1) << 1)	/* 6 */

struct compat_landlock_ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

struct compat_landlock_path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/* sys_landlock_abi() - its version, or -errno: no Landlock. */
static inline int sys_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	return abi < 0 ? -errno : (int)abi;
}

static inline int sys_landlock_create_ruleset(const struct compat_landlock_ruleset_attr *attr,
					      size_t size)
{
	return (int)syscall(SYS_landlock_create_ruleset, attr, size, 0);
}

static inline int sys_landlock_add_rule(int ruleset_fd,
					const struct compat_landlock_path_beneath_attr *attr)
{
	return (int)syscall(SYS_landlock_add_rule, ruleset_fd, 1, attr, 0);
}

static inline int sys_landlock_restrict_self(int ruleset_fd, uint32_t flags)
{
	return (int)syscall(SYS_landlock_restrict_self, ruleset_fd, flags);
}

#endif /* LIB_COMPAT_H */
