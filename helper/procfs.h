/* SPDX-License-Identifier: MIT */
/* Where else than at /proc the host shows processes. */
#ifndef HELPER_PROCFS_H
#define HELPER_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/err.h"

/**
 * procfs_find_other() - another mount of procfs in which there are processes
 * @mountinfo: as proc_pid_mountinfo(5) has it
 * @ret: where it is, as it stands there, cut to @size
 *
 * Not /proc itself nor what is mounted below it, which a cell's own /proc covers; and not
 * a part of procfs that shows no process, as /proc/sys.
 */
bool procfs_find_other(FILE *mountinfo, char *ret, size_t size);

/**
 * procfs_check() - is /proc the only place where this mount namespace shows processes?
 * @uid: whose processes they may be
 * @err: step "check"
 *
 * For a cell with a uid that others have, too, and with a /proc of its own, that nothing but
 * that keeps off them.
 *
 * Return: 0; -EPERM: there is another; -errno.
 */
int procfs_check(unsigned int uid, struct error *err);

#endif /* HELPER_PROCFS_H */
