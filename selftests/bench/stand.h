/* SPDX-License-Identifier: MIT */
/* Where one lane's cells live, and who else lives there. */
#ifndef BENCH_STAND_H
#define BENCH_STAND_H

#include <stdint.h>

#include "helper/cgroup.h"
#include "helper/plan.h"
#include "nft/cells.h"
#include "nft/policy.h"

#define BENCH_ID	"bench"
#define BENCH_RULES	5

/**
 * struct stand - a cell parent and the plan of the cell that is measured
 * @path: of the parent, below place.base
 * @nft: connection to this lane's network namespace
 * @plan: one program, five egress rules
 */
struct stand {
	char path[PATH_MAX];
	struct cgroup_parent parent;
	struct nft *nft;
	struct plan plan;
};

/**
 * stand_open() - make a parent
 * @ret: filled
 * @stdio: of the plan: "null" or "pipe"
 * @program: that the cell runs; @many: its argument, if not 0
 *
 * In a lane's process, before it gives up its capabilities; stand_crowd() too.
 */
void stand_open(struct stand *ret, const char *stdio, const char *program,
		unsigned int many);

/**
 * stand_crowd() - let other cells live there, without processes
 * @n: how many
 * @leaves: with a cgroup each; else they are elements of the table only
 */
void stand_crowd(const struct stand *stand, unsigned int n, bool leaves);

/**
 * struct stand_rule - a rule
 * @addr: the first bytes of the network, in host order, without host bits
 * @prefix: of an IPv4 address; above 32 it is one of IPv6
 * @port: 0: any
 * @protocols: EGRESS_*
 */
struct stand_rule {
	uint32_t addr;
	uint8_t prefix;
	uint16_t port;
	uint8_t protocols;
};

/* stand_policy() - compile rules; the result is released with egress_policy_done(). */
void stand_policy(const struct stand_rule *list, unsigned int n, struct egress_policy *ret);

/* stand_leaf() - make the cgroup of a cell. Return: its path, to be freed. */
char *stand_leaf(const struct stand *stand, const char *id, unsigned int i, uint64_t *ret_id);

/* stand_cell() - the cell that is measured, as the table sees it. */
struct nft_cell stand_cell(const struct stand *stand, const char *id, uint64_t cgroup_id,
			   uint32_t uid);

/* rules_document() - the document of that cell, as text. */
char *rules_document(const char *program, unsigned int many);

/* rules_nft() - the same rules for the nft command, as a table of its own. */
char *rules_nft(const char *table);

#endif /* BENCH_STAND_H */
