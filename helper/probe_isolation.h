/* SPDX-License-Identifier: MIT */
/* What `probe` tries of isolation, each by doing it. */
#ifndef HELPER_PROBE_ISOLATION_H
#define HELPER_PROBE_ISOLATION_H

#include "lib/err.h"

/* Each: 0, or -errno with @err filled: what is missing, and how to get it. */
int probe_namespaces(struct error *err);	/* pid, ipc, mnt, uts, cgroup, time */
int probe_user_namespace(struct error *err);
int probe_mounts(struct error *err);		/* workspace, own /proc, read-only host */

/* probe_landlock_says() - what this kernel's Landlock can do; @abi: from domain_abi(), >= 1 */
const char *probe_landlock_says(int abi);

#endif /* HELPER_PROBE_ISOLATION_H */
