/* SPDX-License-Identifier: MIT */
/* What a verb holds of the host: opened once, used for every cell. */
#ifndef HELPER_HOST_H
#define HELPER_HOST_H

#include <stdint.h>

#include "helper/cgroup.h"
#include "helper/loop.h"
#include "helper/process.h"
#include "helper/spawn.h"
#include "lib/err.h"
#include "lib/pidref.h"
#include "nft/cells.h"

/* Parts of a host that a verb needs besides the parent. */
#define HOST_NFT	0x1
#define HOST_LOOP	0x2
#define HOST_SPAWN	0x4	/* a spawner, a Landlock ruleset, where core dumps go */
#define HOST_CREATE	0x8	/* make the default parent if it is missing */

/**
 * struct host - the opened host
 * @domain_fd: Landlock ruleset for cells, or -errno: this kernel has none
 * @core_target: where core dumps of cells would go
 * @self: this process; @netns, @pidns: its namespaces
 */
struct host {
	struct cgroup_parent parent;
	struct nft *nft;
	struct loop *loop;
	struct spawner *spawner;
	int domain_fd;
	enum core_target core_target;
	struct pidref self;
	uint64_t netns;
	uint64_t pidns;
};

/**
 * host_open() - open the parts of the host that a verb needs
 * @parent: path of the cell parent, or NULL: find it
 * @parts: HOST_*
 *
 * Return: 0; -ENOENT without HOST_CREATE: no parent, so no cells; -errno.
 */
int host_open(const char *parent, unsigned int parts, struct host *ret, struct error *err);
void host_done(struct host *host);

#endif /* HELPER_HOST_H */
