/* SPDX-License-Identifier: MIT */
/*
 * Which number `socket cgroupv2 level N` needs, found out by doing it.
 *
 * The kernel counts N from the root of the hierarchy, or from the root of the
 * cgroup namespace of whoever loads the rule: the second since Linux 6.11, and
 * in stable kernels with the change ported back. So a throw-away table looks at
 * a packet from a cgroup that was made for it:
 *
 *	table inet cellos_level_<port> {	# flags owner: it goes with its socket
 *		set found { type cgroupsv2 . mark; flags dynamic; }
 *		chain output {
 *			type filter hook output priority -2147483648; policy accept;
 *			socket cgroupv2 level 0 "<that cgroup>" add @found { socket cgroupv2 level 0 . 0 }
 *			socket cgroupv2 level 1 "<that cgroup>" add @found { socket cgroupv2 level 0 . 1 }
 *			...
 *		}
 *	}
 *
 * No rule has a verdict: nobody's packet fares any different.
 */
#ifndef NFT_LEVEL_H
#define NFT_LEVEL_H

#include <stdint.h>

#include "lib/err.h"

/* The levels that are tried, from 0. Each costs other packets a few ns meanwhile. */
#define NFT_LEVELS_TRIED	64

struct nft_level;

/**
 * nft_level_open() - from here on a packet from a socket of this cgroup is noted
 * @cgroup_id: inode number of a cgroup that was made for this
 * @ret: released by nft_level_close()
 * @err: step "egress"
 *
 * Needs CAP_NET_ADMIN, as does nft_level_read(). To be called in the cgroup
 * namespace and the network namespace in question.
 */
int nft_level_open(uint64_t cgroup_id, struct nft_level **ret, struct error *err);

/**
 * nft_level_read() - what was noted
 * @ret_level: the level of the cgroup
 * @ret_base: inode number of the cgroup at level 0, the root from which is counted
 *
 * Return: 0; -ENODATA: no packet from this cgroup at one of the levels that are
 * tried; other -errno.
 */
int nft_level_read(struct nft_level *level, unsigned int *ret_level, uint64_t *ret_base,
		   struct error *err);

/* nft_level_close() - the table goes, which takes the kernel some 10 ms. NULL is allowed. */
void nft_level_close(struct nft_level *level);

#endif /* NFT_LEVEL_H */
