/* SPDX-License-Identifier: MIT */
/*
 * Processes by identity. A pid alone names whoever has it next; a process is
 * held by its pidfd, and found again in another process through what was stored
 * of it: pid, pidfs inode (unique while the system runs, since Linux 6.9), and
 * start time where the kernel has no pidfs.
 */
#ifndef LIB_PIDREF_H
#define LIB_PIDREF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Room for a stored identity: three numbers and a NUL. */
#define PIDREF_TEXT_MAX	72

/**
 * struct pidref - a process
 * @pid: for printing and opening; 0: none
 * @fd: its pidfd, or -EBADF if only stored
 * @ino: inode of the pidfd in pidfs; 0: the kernel has no pidfs
 * @start: start time in clock ticks since boot (proc_pid_stat(5)), if @ino is 0
 */
struct pidref {
	pid_t pid;
	int fd;
	uint64_t ino;
	uint64_t start;
};

#define PIDREF_NONE	{ .fd = -EBADF }

/* pidref_take() - identity of a process whose pidfd is at hand. 0 or -errno. */
int pidref_take(struct pidref *ref, pid_t pid, int pidfd);

/* pidref_self() - the calling process. */
int pidref_self(struct pidref *ref);

void pidref_done(struct pidref *ref);

/* pidref_format() and pidref_parse() - "pid inode start", for storage. */
void pidref_format(const struct pidref *ref, char *buf);
bool pidref_parse(const char *text, struct pidref *ret);

/**
 * pidref_reopen() - find a stored process again
 * @ref: as stored; on success its fd is open
 *
 * Return: 0; -ESRCH: that process is gone or has exited, whoever has its pid now.
 */
int pidref_reopen(struct pidref *ref);

/* pidref_exited() - has the process of an open pidref ended? */
bool pidref_exited(const struct pidref *ref);

/* pidref_alive() - does a stored process still run? Leaves @ref as it is. */
bool pidref_alive(const struct pidref *ref);

/**
 * pidref_never_execed() - is it still a copy of the process that made it?
 *
 * From PF_FORKNOEXEC in proc_pid_stat(5), which a zombie keeps.
 */
bool pidref_never_execed(const struct pidref *ref);

#endif /* LIB_PIDREF_H */
