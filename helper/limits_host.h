/* SPDX-License-Identifier: MIT */
/* What a limit names and only the host can know: disks, and sizes of huge pages. */
#ifndef HELPER_LIMITS_HOST_H
#define HELPER_LIMITS_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define DISK_NUMBER_MAX		16	/* "4095:1048575" */
#define HUGETLB_NAME_MAX	24	/* "1024MB" */

/**
 * disk_find() - the number of a whole disk
 * @device: "MAJ:MIN", or a path in /dev; symlinks are followed as long as they stay there
 * @field: of the document, for @err
 * @ret: "MAJ:MIN", DISK_NUMBER_MAX bytes
 *
 * Return: 0; -EINVAL: a partition, then the hint names its disk; -ENOTBLK: no block
 * device; -ENODEV: the kernel has none of this number; other -errno of the path.
 */
int disk_find(const char *device, const char *field, char *ret, struct error *err);

/**
 * hugetlb_find() - the kernel's name of a size of huge pages, as in hugetlb.2MB.max
 * @page_size: bytes
 * @field: of the document, for @err
 * @ret: HUGETLB_NAME_MAX bytes
 *
 * Return: 0; -EOPNOTSUPP: the host has no such pages, then the hint says which.
 */
int hugetlb_find(uint64_t page_size, const char *field, char *ret, struct error *err);

#endif /* HELPER_LIMITS_HOST_H */
