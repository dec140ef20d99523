// SPDX-License-Identifier: MIT
/*
 * Tries to do something to other processes: workload_break_process WORD[:PID]... ("parent" is
 * its own). Of each try the name of its errno, or "done" if it has worked, on a line.
 *
 *	reach:PID	reads, takes, traces: what takes its memory, its files, its rights
 *	bend:PID	limits and priorities: what only takes the same uid
 *	wait		"ready", and then for ever
 *
 * What workload_attack.c does to processes is done here, too, where the uids are the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "selftests/root/acts.h"

#define IOPRIO_WHO_PROCESS	1
#define IOPRIO_IDLE		(3 << 13)

static void try_file(pid_t pid, const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, flags | O_CLOEXEC);
	told(fd < 0 ? -1 : close(fd));
}

static void reach(pid_t pid)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)0x400000, 1 };
	int pidfd = pidfd_open(pid, 0);

	told(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	told(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	told(process_vm_readv(pid, &here, 1, &there, 1, 0));
	told(process_vm_writev(pid, &here, 1, &there, 1, 0));
	told(pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 1, 0));
	told(pidfd < 0 ? -1 : process_madvise(pidfd, &there, 1, MADV_PAGEOUT, 0));
	told(syscall(SYS_kcmp, getpid(), pid, 0, 0, 0));
	told(syscall(SYS_move_pages, pid, 0UL, NULL, NULL, NULL, 0));
	try_file(pid, "mem", O_RDWR);
	try_file(pid, "environ", O_RDONLY);
	try_file(pid, "fd/1", O_RDWR);
	try_file(pid, "root", O_PATH | O_DIRECTORY);
	try_file(pid, "cwd", O_PATH | O_DIRECTORY);
}

/* To the weakest there is, so that they would be allowed to an equal. */
static void bend(pid_t pid)
{
	const struct rlimit none = { 0, 0 };
	const struct sched_param param = { 0 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	told(prlimit(pid, RLIMIT_MSGQUEUE, &none, NULL));
	told(setpriority(PRIO_PROCESS, (id_t)pid, 19));
	told(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, IOPRIO_IDLE));
	told(sched_setaffinity(pid, sizeof(cpus), &cpus));
	told(sched_setscheduler(pid, SCHED_IDLE, &param));
	try_file(pid, "oom_score_adj", O_WRONLY);
	try_file(pid, "coredump_filter", O_WRONLY);
	told(kill(pid, SIGCONT));
	told(kill(pid, SIGKILL));
}

int main(int argc, char **argv)
{
	for (int k = 1; k < argc; k++) {
		char *word = strchr(argv[k], ':');
		pid_t pid = getppid();

		if (!strcmp(argv[k], "wait"))
			wait_for_ever(NULL);
		if (!word)
			return 100;
		*word++ = '\0';
		if (strcmp(word, "parent"))
			pid = (pid_t)strtol(word, NULL, 10);
		if (!strcmp(argv[k], "reach"))
			reach(pid);
		else if (!strcmp(argv[k], "bend"))
			bend(pid);
		else
			return 100;
	}
	return 0;
}
