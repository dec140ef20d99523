/* SPDX-License-Identifier: MIT */
/*
 * The event loop: one io_uring owns everything that can happen to a run. Each
 * thing waited for is a struct loop_op inside its owner; its callback runs once
 * for each time it was armed, on the thread that turns the loop.
 */
#ifndef HELPER_LOOP_H
#define HELPER_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* The struct that an op is a member of. */
#define op_owner(op, type, member) \
	((type *)(void *)((char *)(op) - offsetof(type, member)))

struct loop;

/**
 * struct loop_op - one thing that is waited for
 * @done: called with the result: what the system call would return, or -errno;
 *	NULL: it only wakes the loop
 * @armed: between a loop_*() call and its callback; keep @op in place
 */
struct loop_op {
	void (*done)(struct loop_op *op, int res);
	bool armed;
	/* private to loop.c */
	struct loop *loop;
	bool polled;
	int pidfd;
	siginfo_t *info;
	int64_t timespec[2];
};

/**
 * loop_open() - make a loop
 *
 * Return: 0; -EPERM with a hint where io_uring is disabled; other -errno.
 */
int loop_open(struct loop **ret, struct error *err);
void loop_close(struct loop *loop);

/**
 * loop_outlive() - let an fd be released after the loop, by the kernel's own thread
 *
 * The ring takes a reference that a kernel worker drops after loop_close(). For
 * fds whose last close waits, as that of a netlink socket does after nf_tables
 * transactions (an RCU grace period, 5 to 15 ms), which nobody has to see.
 */
void loop_outlive(struct loop *loop, int fd);

/*
 * Arm an op; a full submission queue is flushed first. On a ring that has failed for
 * good nothing is armed, and loop_turn() tells.
 */
void loop_wait_exit(struct loop *loop, struct loop_op *op, int pidfd, siginfo_t *info);
void loop_poll(struct loop *loop, struct loop_op *op, int fd, unsigned int events);
void loop_write(struct loop *loop, struct loop_op *op, int fd, const void *buf, size_t size);

/* loop_timer() - res is -ETIME at @deadline (CLOCK_BOOTTIME, ns). */
void loop_timer(struct loop *loop, struct loop_op *op, uint64_t deadline);

/* loop_cancel() - end an armed op early; its callback still comes (-ECANCELED). */
void loop_cancel(struct loop_op *op);

/* loop_drop() - cancel, and turn the loop until the callback has come. */
void loop_drop(struct loop_op *op);

/* loop_turn() - submit, wait for at least one completion, run the callbacks. */
int loop_turn(struct loop *loop, struct error *err);

#endif /* HELPER_LOOP_H */
