/* SPDX-License-Identifier: MIT */
/* Whole programs as lanes: the helper's, and those it is compared with. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stdbool.h>

#include "selftests/bench/lane.h"

#define PEER_ARGS	16

/**
 * struct peer - one command line
 * @argv: words; in one, {true}, {helper}, {parent} or {scratch} stands for the
 *	static program, the helper, this lane's cell parent, the folder
 * @cgroup2: in a mount namespace with nothing but cgroup2 on /sys/fs/cgroup, as
 *	on a host that is not hybrid
 * @crowd: other live cells; @fds: open and inherited
 */
struct peer {
	const char *argv[PEER_ARGS];
	bool cgroup2;
	unsigned int crowd;
	unsigned int fds;
};

/* One metric: from before the spawn to after the wait. */
extern const struct lane_ops peer_ops;

/* peers_prepare() - write the document, the root file system and the OCI bundles. */
void peers_prepare(void);

#endif /* BENCH_PEERS_H */
