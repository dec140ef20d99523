/* SPDX-License-Identifier: MIT */
/* The range of dynamic uids and gids, as this user namespace has it. */
#ifndef HELPER_USERS_H
#define HELPER_USERS_H

#include "lib/err.h"

/**
 * users_range_mapped() - can every dynamic uid and gid be used here?
 *
 * Reads /proc/self/uid_map and gid_map (user_namespaces(7)).
 * Return: 0; -EINVAL with a hint; other -errno.
 */
int users_range_mapped(struct error *err);

#endif /* HELPER_USERS_H */
