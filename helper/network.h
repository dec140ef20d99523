/* SPDX-License-Identifier: MIT */
/*
 * A cell's network namespace, where it is not the helper's own: one made for it
 * (--unshare net), or one that the supervisor prepared (--netns PATH). Its rules
 * then stand there, in a table of the cell's own. In the helper's namespace the
 * cell stays governed, too, without any rule: a socket from there is no way out.
 */
#ifndef HELPER_NETWORK_H
#define HELPER_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct cell;

/* "cellos_<safe id>" */
#define NETWORK_TABLE_MAX	80

/**
 * struct network - the namespace in the hands of this process
 * @fd: the namespace; keeps it until the last counter is read
 * @first: inode of that of process 1; 0: not known
 * @nft: connection to its nf_tables
 * @sockets: of sockets_open(), in it
 * @gone: it ended with the cell's processes, and the cell's rules with it
 */
struct network {
	int fd;
	uint64_t first;
	struct nft *nft;
	int sockets;
	bool gone;
};

#define NETWORK_NONE	{ .fd = -EBADF, .sockets = -EBADF }

/* network_open_path() - open what a caller named; no more is said of it. Its fd, or -errno. */
int network_open_path(const char *path, struct error *err);

/* network_of_first() - the namespace of process 1, which takes rights over it. 0: not known. */
uint64_t network_of_first(void);

/**
 * network_up() - step "network": make or open the namespace, with loopback up if it
 * is made
 *
 * Before the cell's cgroup, for it takes longer than all else: nobody waits for
 * the lock meanwhile. What it makes goes with its last fd.
 */
int network_up(struct cell *cell, struct error *err);

/**
 * network_find() - open the namespace of a cell that was made elsewhere
 *
 * By its path, or through a process of the cell; it has to be the one that the
 * cell was made in. Return: 0, also for a cell in the helper's own namespace and
 * where the namespace is gone; -errno.
 */
int network_find(struct cell *cell, struct error *err);

/* network_leave() - this process into a new namespace, with loopback up, for good. */
int network_leave(struct error *err);

void network_done(struct network *network);

#endif /* HELPER_NETWORK_H */
