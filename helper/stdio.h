/* SPDX-License-Identifier: MIT */
/* The workload's fds 0, 1, 2, and the pumps that carry its output on. */
#ifndef HELPER_STDIO_H
#define HELPER_STDIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/loop.h"
#include "lib/err.h"
#include "uapi/cellos.h"

/* A pipe's default capacity: one read can empty it. */
#define PUMP_SIZE	65536

/**
 * struct pump - carries one pipe to one fd, a buffer at a time
 * @from: our end of the cell's pipe, non-blocking; negative: at its end
 * @to: the helper's own fd
 * @filled: bytes in @buf, of which @written are out
 * @writing: @buf holds something; @full: @to has no room for it
 * @ending: nothing new is begun
 * @lost: bytes that could not be written
 * @errnum: why
 */
struct pump {
	struct loop_op op;
	struct loop *loop;
	int from;
	int to;
	size_t filled;
	size_t written;
	bool writing;
	bool full;
	bool ending;
	uint64_t lost;
	int errnum;
	char *buf;
};

/**
 * struct stdio - the three
 * @child: what the child gets; closed here once it has it
 * @owner: a cell that is to change nothing of what its uid owns: it inherits none of that
 */
struct stdio {
	int child[3];
	bool owner;
	struct pump pumps[2];
};

void stdio_init(struct stdio *stdio);

/**
 * stdio_make() - make what the child gets
 * @uid: owner of the pipes, so that the cell can open /dev/stderr anew; @gid: likewise
 */
int stdio_make(struct stdio *stdio, enum cellos_stdio mode, uid_t uid, gid_t gid,
	       struct error *err);

/* stdio_close_child() - drop our copies of the child's ends. */
void stdio_close_child(struct stdio *stdio);

/* stdio_pump() - begin to carry output. */
void stdio_pump(struct stdio *stdio, struct loop *loop);

/**
 * stdio_drain() - carry what is left, when nothing writes any more
 *
 * Does not wait for EOF, which a process elsewhere could hold back: what is in
 * the pipes goes on, then they are closed. A reader that stalls is waited for
 * CELLOS_DRAIN_TIMEOUT seconds. Return: bytes lost.
 */
uint64_t stdio_drain(struct stdio *stdio, struct loop *loop, int *ret_errnum);

void stdio_done(struct stdio *stdio);

#endif /* HELPER_STDIO_H */
