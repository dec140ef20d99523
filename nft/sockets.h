/* SPDX-License-Identifier: MIT */
/*
 * TCP connections that a cell leaves behind. The kernel goes on to send what is
 * queued in them after the last process of the cell is gone; sock_diag(7).
 */
#ifndef NFT_SOCKETS_H
#define NFT_SOCKETS_H

#include <stdint.h>

#include "lib/err.h"

/* sockets_open() - an fd for the network namespace that the caller is in; or -errno. */
int sockets_open(struct error *err);

/* sockets_check() - could sockets_end() do it here? 0; -ENOENT, -EOPNOTSUPP: no; -errno. */
int sockets_check(int fd, struct error *err);

/**
 * sockets_end() - end the TCP connections of a cgroup, both families
 * @fd: from sockets_open()
 * @cgroup_id: where the sockets were made; not those of cgroups below
 *
 * Each peer gets a RST. Walks the kernel's table of connections once.
 *
 * Return: how many were ended; -EOPNOTSUPP: the kernel cannot (it lacks
 * CONFIG_INET_DIAG_DESTROY); other -errno.
 */
int sockets_end(int fd, uint64_t cgroup_id, struct error *err);

#endif /* NFT_SOCKETS_H */
