// SPDX-License-Identifier: MIT
/*
 * Makes system calls, and says of each, a line, its name and "open" or the errno:
 *
 *	workload_syscalls closed	those of seccomp_calls.h
 *	workload_syscalls open		what an ordinary program may have to do
 *	workload_syscalls start		processes and threads, in all ways there are
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "selftests/unit/seccomp_calls.h"

static void told(const char *name, long ret)
{
	printf("%s: %s\n", name, ret < 0 ? strerrorname_np(errno) : "open");
	fflush(stdout);
}

/* ---- closed ---- */

static void try_row(const struct closed_row *row)
{
	unsigned long args[3] = { 0, 0, 0 };
	long ret;

	if (row->arg >= 0)
		args[row->arg] = row->value;
	ret = syscall(row->call, args[0], args[1], args[2], 0, 0, 0);
	if (row->call == SYS_clone && ret == 0)
		_exit(0);
	told(row->name, ret);
	if (row->call == SYS_clone && ret > 0)
		waitpid((pid_t)ret, NULL, __WALL);
}

/* Each in a process of its own: without a filter some succeed. */
static int try_closed(void)
{
	for (size_t i = 0; i < sizeof(closed_rows) / sizeof(*closed_rows); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			try_row(&closed_rows[i]);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	return 0;
}

/* ---- open ---- */

/* A debugger and its program, and what crash reporters do with one that has stopped. */
static void try_trace(void)
{
	static volatile int there = 7;
	int here = 0;
	struct iovec to = { &here, sizeof(here) };
	struct iovec from = { (void *)(uintptr_t)&there, sizeof(there) };
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	told("ptrace", ptrace(PTRACE_PEEKDATA, pid, &there, NULL) == 7 ? 0 : -1);
	told("process_vm_readv", process_vm_readv(pid, &to, 1, &from, 1, 0) > 0 && here == 7 ?
	     0 : -1);
	told("pidfd_getfd", syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), 1, 0));
	told("kcmp", syscall(SYS_kcmp, getpid(), pid, 0, 1, 1));
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, NULL, 0);
}

static void try_memory(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	told("memfd_create", memfd_create("m", MFD_CLOEXEC));
	told("mprotect", mprotect(page, 4096, PROT_READ | PROT_EXEC));
	told("madvise", madvise(page, 4096, MADV_DONTNEED));
	told("membarrier", syscall(SYS_membarrier, 0, 0, 0));
	told("mlock", mlock(page, 4096));
	told("get_mempolicy", syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0));
	told("pkey_alloc", syscall(SYS_pkey_alloc, 0, 0));
}

static void try_events(void)
{
	aio_context_t aio = 0;

	told("io_setup", syscall(SYS_io_setup, 1, &aio));
	told("epoll_create1", epoll_create1(0));
	told("eventfd", eventfd(0, 0));
	told("timerfd_create", timerfd_create(CLOCK_MONOTONIC, 0));
	told("inotify_init1", inotify_init1(0));
	told("pidfd_open", syscall(SYS_pidfd_open, getpid(), 0));
	told("futex", syscall(SYS_futex, &(int){ 0 }, FUTEX_WAKE, 1, NULL, NULL, 0));
}

static int try_open(void)
{
	struct timex read_only = { .modes = 0 };
	uint32_t action = 0x7fff0000;

	told("personality", personality(ADDR_NO_RANDOMIZE));
	told("adjtimex", adjtimex(&read_only));
	told("clock_adjtime", clock_adjtime(CLOCK_REALTIME, &read_only));
	told("unshare CLONE_FS", unshare(CLONE_FS));
	told("unshare CLONE_FILES", unshare(CLONE_FILES));
	told("seccomp", syscall(SYS_seccomp, 2, 0, &action));
	told("landlock_create_ruleset", syscall(SYS_landlock_create_ruleset, NULL, 0, 1));
	told("sched_setaffinity", sched_yield());
	told("ioctl", ioctl(1, FIONBIO, &(int){ 0 }));
	try_memory();
	try_events();
	try_trace();
	return 0;
}

/* ---- processes and threads ---- */

static void *add_one(void *sum)
{
	__atomic_add_fetch((int *)sum, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start_threads(void)
{
	pthread_t threads[8];
	int sum = 0, ret = 0;

	for (int i = 0; i < 8 && ret == 0; i++)
		ret = pthread_create(&threads[i], NULL, add_one, &sum);
	for (int i = 0; i < 8 && ret == 0; i++)
		pthread_join(threads[i], NULL);
	errno = ret;
	told("pthread_create", sum == 8 ? 0 : -1);
}

/* As Go makes its threads: no C library, no thread-local storage. */
static int bare_thread(void *done)
{
	__atomic_store_n((int *)done, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, done, FUTEX_WAKE, 1, NULL, NULL, 0);
	return 0;
}

static void start_bare_thread(void)
{
	static int done;
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int ret = clone(bare_thread, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES |
			CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_THREAD, &done);

	while (ret > 0 && !__atomic_load_n(&done, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &done, FUTEX_WAIT, 0, NULL, NULL, 0);
	told("clone", ret);
}

static int exit_code(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void start_processes(void)
{
	char *argv[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c",
			 (char *)(uintptr_t)"exit 3", NULL };
	pid_t pid = fork();
	FILE *pipe;

	if (pid == 0)
		_exit(3);
	told("fork", exit_code(pid) == 3 ? 0 : -1);
	pid = vfork();
	if (pid == 0)
		_exit(3);
	told("vfork", exit_code(pid) == 3 ? 0 : -1);
	errno = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, NULL);
	told("posix_spawn", errno == 0 && exit_code(pid) == 3 ? 0 : -1);
	told("system", WEXITSTATUS(system("exit 3")) == 3 ? 0 : -1);
	pipe = popen("cat >/dev/null; exit 3", "w");
	told("popen", pipe && WEXITSTATUS(pclose(pipe)) == 3 ? 0 : -1);
}

static int try_start(void)
{
	start_threads();
	start_bare_thread();
	start_processes();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "closed"))
		return try_closed();
	if (argc == 2 && !strcmp(argv[1], "open"))
		return try_open();
	if (argc == 2 && !strcmp(argv[1], "start"))
		return try_start();
	return 200;
}
