/* SPDX-License-Identifier: MIT */
/*
 * The Landlock domain of a cell (landlock(7)): what it may open, write, make and
 * execute below which paths. A domain also keeps a process from tracing those outside of
 * it, and, since Landlock's ABI 6, from signalling them and connecting to their abstract
 * Unix sockets. What it does not govern: metadata (stat, chmod, chown, utime), chdir,
 * connect to a socket with a path.
 */
#ifndef HELPER_DOMAIN_H
#define HELPER_DOMAIN_H

#include <stdbool.h>

#include "backends/backend.h"
#include "helper/plan.h"

/* The first ABI that can keep a cell from changing a file that it may only read. */
#define DOMAIN_ABI_LISTS	3

/* domain_abi() - the kernel's; -errno: it has no Landlock */
int domain_abi(void);

/**
 * domain_open() - the domain of cells that ask for nothing
 *
 * They may write to the null devices (mem(4): null, zero, full, random, urandom) and to
 * their own files in /proc, and nowhere else: so they leave no files. Made once, used
 * for each such cell. Return: a ruleset fd, or -errno.
 */
int domain_open(void);

/* domain_check() - can this kernel do what a plan asks for? 0; -EOPNOTSUPP. */
int domain_check(const struct plan_isolation *isolation, struct error *err);

/**
 * domain_prepare() - the domain that a plan needs
 * @plan: its isolation
 * @owner: the cell's uid is not its own and may write cgroups, or is the host's 0: it is
 *	kept from writing as a dynamic one is
 * @shared: from domain_open()
 * @child: its paths are filled; takes domain_fd and domain_paths
 * @err: fields readOnlyPaths and readWritePaths
 *
 * Return: 0; -EOPNOTSUPP: not with this kernel's Landlock; -errno of a path.
 */
int domain_prepare(const struct plan *plan, bool owner, int shared, struct child *child,
		   struct error *err);

/* domain_release() - what domain_prepare() made; idempotent. */
void domain_release(int shared, struct child *child);

#endif /* HELPER_DOMAIN_H */
