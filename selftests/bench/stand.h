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
 * struct stand_wish - what the cell that is measured asks for
 * @program: that it runs; @many: its argument, if not 0
 * @stdio: "null" or "pipe"; @unshare, @user: as on the command line; NULL: not given
 * @run: more keys of spec.run, as text; NULL: none
 * @variable: of the helper's own environment; NULL: none
 * @no_egress: egress is off, and there are no rules
 */
struct stand_wish {
	const char *program;
	unsigned int many;
	const char *stdio;
	const char *unshare;
	const char *user;
	const char *run;
	const char *variable;
	bool no_egress;
};

/**
 * stand_make() - make a parent, and the plan of such a cell
 *
 * In a lane's process, before it gives up its capabilities; stand_crowd() too.
 */
void stand_make(struct stand *ret, const struct stand_wish *wish);

/* stand_open() - the same for a cell that runs a program and asks for nothing. */
void stand_open(struct stand *ret, const char *program);

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
char *rules_document(const struct stand_wish *wish);

/* rules_nft() - the same rules for the nft command, as a table of its own. */
char *rules_nft(const char *table);

#endif /* BENCH_STAND_H */
