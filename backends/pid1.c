// SPDX-License-Identifier: MIT
/*
 * Process 1 of a cell's pid namespace. It has to be there, and to reap what is left
 * to it, which the kernel does for a parent that ignores SIGCHLD. No signal
 * from inside the namespace reaches it; it ends by cgroup.kill, and with it all that
 * lives in the namespace. A program of its own, without a C library: the helper's
 * image stays out of the cell's sight, and each cell pays a few pages for it.
 */
#include <stddef.h>
#include <sys/syscall.h>

#define PR_SET_NAME	15
#define SIGNAL_CHLD	17
#define IGNORE		((void *)1)

/* The kernel's struct sigaction. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static long system_call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0" : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
#else
#error "system_call() has to be written for this architecture"
#endif
}

void __attribute__((noreturn)) _start(void);

void _start(void)
{
	static const struct kernel_sigaction ignore = { IGNORE, 0, NULL, 0 };

	system_call(SYS_prctl, PR_SET_NAME, (long)"cellos-init", 0, 0, 0);
	system_call(SYS_rt_sigaction, SIGNAL_CHLD, (long)&ignore, 0, sizeof(ignore.mask), 0);
	for (;;)
		system_call(SYS_ppoll, 0, 0, 0, 0, 0);
}
