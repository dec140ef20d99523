// SPDX-License-Identifier: MIT
/*
 * What the kernel can do is found out by doing it, in a table that belongs to
 * the socket and so vanishes with it, whatever happens to us. The cell in it
 * has a cgroup that does not exist: it matches nobody's packets.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "nft/cells.h"
#include "nft/ruleset.h"

#define NOBODY	(UINT64_MAX - 1)

DEFINE_FREE(nft, struct nft *, nft_close(*p))
DEFINE_FREE(policy, struct egress_policy, egress_policy_done(p))

/* Every shape of key: both families, masked and exact addresses and ports. */
static int probe_policy(struct egress_policy *ret, struct error *err)
{
	static const struct egress_net nets[] = {
		{ .family = 4, .prefix = 32, .addr = { 192, 0, 2, 1 } },
		{ .family = 4, .prefix = 24, .addr = { 192, 0, 2 } },
		{ .family = 4, .prefix = 0 },
		{ .family = 6, .prefix = 128, .addr = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
		{ .family = 6, .prefix = 32, .addr = { 0x20, 0x01, 0x0d, 0xb8 } },
	};
	const struct egress_rule rules[] = {
		{ nets, ARRAY_SIZE(nets), NULL, 443, 443, EGRESS_TCP },
		{ nets, ARRAY_SIZE(nets), NULL, 16, 31, EGRESS_UDP },
		{ nets, ARRAY_SIZE(nets), NULL, 0, 0, EGRESS_ICMP | EGRESS_ICMPV6 },
	};

	return egress_compile(rules, ARRAY_SIZE(rules), ret, err);
}

static int try_cell(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct nft_totals totals;
	struct nft_count rules[3];
	unsigned int left;
	int r;

	r = nft_cell_add(nft, cell, err);
	if (!r)
		r = nft_cell_verify(nft, cell, err);
	if (!r)
		r = nft_cell_count(nft, cell, rules, &totals, err);
	if (!r)
		r = nft_cell_remove(nft, cell, err);
	if (!r)
		r = nft_cell_left(nft, cell, &left, err);
	if (!r && left)
		r = err_set(err, CONN_STEP, EUCLEAN, "nf_tables keeps %u deleted elements", left);
	return r;
}

int nft_probe(struct nft *nft, struct error *err)
{
	struct egress_policy policy __free(policy) = { 0 };
	struct nft *other __free(nft) = NULL;
	struct nft_cell cell = {
		.cgroup_id = NOBODY, .parent_id = NOBODY, .level = 1, .id = "probe",
		.uid = UINT32_MAX - 1, .uid_unique = true, .governed = true, .policy = &policy,
	};
	int r;

	(void)nft;	/* the throw-away table needs a socket of its own */
	r = probe_policy(&policy, err);
	if (!r)
		r = nft_open(&other, err);
	if (r < 0 || !other)
		return r;
	snprintf(other->table, sizeof(other->table), "cellos_probe_%u",
		 mnl_socket_get_portid(other->conn.socket));
	other->table_flags = NFT_TABLE_F_OWNER;
	r = try_cell(other, &cell, err);
	if (r < 0)
		err_hint(err, "the kernel needs nf_tables with CONFIG_NF_TABLES_INET, "
			 "CONFIG_NFT_SOCKET, CONFIG_NFT_FIB_INET, CONFIG_NFT_REJECT and "
			 "CONFIG_SOCK_CGROUP_DATA");
	return r;
}
