// SPDX-License-Identifier: MIT
/*
 * The chains that log: a rule's prefix is fixed, so each cell that asks for a log
 * has a chain of its own, reached through a map of its level.
 */
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdio.h>

#include "nft/elements.h"
#include "nft/expr.h"

/* chain flow<id> { log prefix "cellos-flow <id>" group <group> } */
static void put_flow_chain(struct nft *nft, const struct nft_cell *cell, enum set_kind kind)
{
	struct name name = flow_chain_name(kind, cell->cgroup_id);
	struct message *m = &nft->conn.out;
	char prefix[NFT_LOG_ID_MAX + 24];
	struct nlattr *list;

	message_begin(m, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	message_put_str(m, NFTA_CHAIN_TABLE, nft->table);
	message_put_str(m, NFTA_CHAIN_NAME, name.text);
	/* One that was left by somebody is made to be this one. */
	message_begin(m, NFT_MSG_DELRULE, 0);
	message_put_str(m, NFTA_RULE_TABLE, nft->table);
	message_put_str(m, NFTA_RULE_CHAIN, name.text);
	snprintf(prefix, sizeof(prefix), "cellos-flow %.*s%s", NFT_LOG_ID_MAX, cell->id,
		 kind == SET_LOG_ALLOWED ? " allowed" : "");
	message_begin(m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	message_put_str(m, NFTA_RULE_TABLE, nft->table);
	message_put_str(m, NFTA_RULE_CHAIN, name.text);
	list = message_nest(m, NFTA_RULE_EXPRESSIONS);
	expr_log(m, prefix, cell->log_group);
	message_nest_end(m, list);
}

void flow_chains_put(struct nft *nft, const struct nft_cell *cell)
{
	enum set_kind logs[2];
	unsigned int i, n = cell_log_sets(cell, logs);

	for (i = 0; i < n; i++)
		put_flow_chain(nft, cell, logs[i]);
}

void flow_chains_remove(struct nft *nft, const struct nft_cell *cell)
{
	enum set_kind logs[2];
	unsigned int n = cell_log_sets(cell, logs);

	while (n--) {
		struct name name = flow_chain_name(logs[n], cell->cgroup_id);

		flow_chain_put_removal(nft, name.text);
	}
}

void flow_chain_put_removal(struct nft *nft, const char *name)
{
	struct message *m = &nft->conn.out;

	message_begin(m, NFT_MSG_DELRULE, 0);
	message_put_str(m, NFTA_RULE_TABLE, nft->table);
	message_put_str(m, NFTA_RULE_CHAIN, name);
	message_begin(m, NFT_MSG_DELCHAIN, 0);
	message_put_str(m, NFTA_CHAIN_TABLE, nft->table);
	message_put_str(m, NFTA_CHAIN_NAME, name);
}
