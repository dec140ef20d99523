// SPDX-License-Identifier: MIT
#include "nft/level.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft/attr.h"
#include "nft/conn.h"
#include "nft/expr.h"
#include "nft/retry.h"

#define SET_NAME	"found"
#define CHAIN_NAME	"output"
#define NAME_SIZE	32

/* Where the registers hold the key of an element: cgroup, then level. */
#define WORD_CGROUP	0
#define WORD_LEVEL	2

struct found_key {
	uint8_t base[8];	/* not a number: that would align the key to 16 bytes */
	uint32_t level;
};

/* For listings: what nft(8) would have given the set. */
#define TYPE_CGROUPV2	46
#define TYPE_MARK	19
#define TYPE_FOUND	(TYPE_CGROUPV2 << 6 | TYPE_MARK)

struct nft_level {
	struct conn conn;
	char table[NAME_SIZE];
	struct found_key key;
	unsigned int found;
};

struct open_list {
	struct nlattr *entry;
	struct nlattr *data;
};

static struct open_list begin_expr(struct message *m, const char *name)
{
	struct open_list expr = { .entry = message_nest(m, NFTA_LIST_ELEM) };

	message_put_str(m, NFTA_EXPR_NAME, name);
	expr.data = message_nest(m, NFTA_EXPR_DATA);
	return expr;
}

static void end_expr(struct message *m, struct open_list expr)
{
	message_nest_end(m, expr.data);
	message_nest_end(m, expr.entry);
}

/* <WORD_LEVEL> = level; a 32-bit register, so in host order */
static void put_level(struct message *m, uint32_t level)
{
	struct open_list expr = begin_expr(m, "immediate");
	struct nlattr *data;

	message_put_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG32_00 + WORD_LEVEL);
	data = message_nest(m, NFTA_IMMEDIATE_DATA);
	message_put(m, NFTA_DATA_VALUE, &level, sizeof(level));
	message_nest_end(m, data);
	end_expr(m, expr);
}

/* add @found { <WORD_CGROUP> . <WORD_LEVEL> } */
static void put_add(struct message *m)
{
	struct open_list expr = begin_expr(m, "dynset");

	message_put_str(m, NFTA_DYNSET_SET_NAME, SET_NAME);
	message_put_be32(m, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
	message_put_be32(m, NFTA_DYNSET_SREG_KEY, NFT_REG_1 + WORD_CGROUP);
	end_expr(m, expr);
}

static void put_rule(struct message *m, const char *table, uint64_t cgroup_id, unsigned int level)
{
	const struct operand cgroup = { &cgroup_id, sizeof(cgroup_id) };
	struct nlattr *list;

	message_begin(m, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	message_put_str(m, NFTA_RULE_TABLE, table);
	message_put_str(m, NFTA_RULE_CHAIN, CHAIN_NAME);
	list = message_nest(m, NFTA_RULE_EXPRESSIONS);
	expr_cgroup(m, level, WORD_CGROUP);
	expr_compare(m, WORD_CGROUP, NFT_CMP_EQ, &cgroup);
	expr_cgroup(m, 0, WORD_CGROUP);
	put_level(m, level);
	put_add(m);
	expr_verdict(m, NF_DROP, NULL);	/* so that no other table counts it */
	message_nest_end(m, list);
}

/* Before every other chain: none can take the packet away before it was seen. */
static void put_chain(struct message *m, const char *table)
{
	struct nlattr *hook;

	message_begin(m, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	message_put_str(m, NFTA_CHAIN_TABLE, table);
	message_put_str(m, NFTA_CHAIN_NAME, CHAIN_NAME);
	hook = message_nest(m, NFTA_CHAIN_HOOK);
	message_put_be32(m, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
	message_put_be32(m, NFTA_HOOK_PRIORITY, (uint32_t)INT_MIN);
	message_nest_end(m, hook);
	message_put_be32(m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	message_put_str(m, NFTA_CHAIN_TYPE, "filter");
}

static void put_table(struct message *m, const char *table, uint64_t cgroup_id)
{
	message_begin(m, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	message_put_str(m, NFTA_TABLE_NAME, table);
	message_put_be32(m, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	message_begin(m, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	message_put_str(m, NFTA_SET_TABLE, table);
	message_put_str(m, NFTA_SET_NAME, SET_NAME);
	message_put_be32(m, NFTA_SET_FLAGS, NFT_SET_EVAL);
	message_put_be32(m, NFTA_SET_KEY_TYPE, TYPE_FOUND);
	message_put_be32(m, NFTA_SET_KEY_LEN, sizeof(struct found_key));
	message_put_be32(m, NFTA_SET_ID, 1);
	put_chain(m, table);
	for (unsigned int level = 0; level < NFT_LEVELS_TRIED; level++)
		put_rule(m, table, cgroup_id, level);
}

void nft_level_close(struct nft_level *level)
{
	if (level)
		conn_close(&level->conn);
	free(level);
}

int nft_level_open(uint64_t cgroup_id, struct nft_level **ret, struct error *err)
{
	struct nft_level *level = calloc(1, sizeof(*level));
	struct batch batch = { 0 };
	int r;

	if (!level)
		return err_set(err, CONN_STEP, ENOMEM, "cannot talk to nf_tables");
	r = conn_open(&level->conn, err);
	if (!r) {
		snprintf(level->table, sizeof(level->table), "cellos_level_%u",
			 mnl_socket_get_portid(level->conn.socket));
		conn_begin(&level->conn, 0);	/* 0: of whatever generation */
		put_table(&level->conn.out, level->table, cgroup_id);
		r = conn_commit(&level->conn, &batch, err);
	}
	if (r < 0) {
		err_set(err, CONN_STEP, r, "nf_tables refused the table that finds out the cgroup "
			"level%s%s", *batch.text ? ": " : "", batch.text);
		err_hint(err, "the kernel needs nf_tables with CONFIG_NF_TABLES_INET, "
			 "CONFIG_NFT_SOCKET and CONFIG_SOCK_CGROUP_DATA");
		nft_level_close(level);
		return r;
	}
	*ret = level;
	return 0;
}

static int see_element(const struct nlmsghdr *nlh, void *arg)
{
	struct attrs attrs = attrs_of_message(nlh, sizeof(struct nfgenmsg));
	struct attrs list = attrs_of(attrs_find(attrs, NFTA_SET_ELEM_LIST_ELEMENTS, 0));
	struct nft_level *level = arg;
	const struct nlattr *element;

	attrs_for_each(element, list) {
		const struct nlattr *key = attrs_find(attrs_of(element), NFTA_SET_ELEM_KEY, 0);
		const void *value = attr_data(attrs_find(attrs_of(key), NFTA_DATA_VALUE, 0),
					      sizeof(level->key));

		if (!value)
			return -EPROTO;
		memcpy(&level->key, value, sizeof(level->key));
		level->found++;
	}
	return 0;
}

int nft_level_read(struct nft_level *level, unsigned int *ret_level, uint64_t *ret_base,
		   struct error *err)
{
	struct message *m = &level->conn.out;
	struct retry retry = { 0 };
	int r;

	do {
		level->found = 0;
		message_reset(m);
		message_begin(m, NFT_MSG_GETSETELEM, NLM_F_DUMP);
		message_put_str(m, NFTA_SET_ELEM_LIST_TABLE, level->table);
		message_put_str(m, NFTA_SET_ELEM_LIST_SET, SET_NAME);
		r = conn_dump(&level->conn, see_element, level, err);
	} while (r == -EAGAIN && retry_wait(&retry));
	if (r < 0)
		return err_set(err, CONN_STEP, r, "cannot read which cgroup level was seen");
	if (level->found > 1)	/* a cgroup has one level */
		return err_set(err, CONN_STEP, EPROTO, "one cgroup was seen at %u levels",
			       level->found);
	if (!level->found)
		return -ENODATA;
	*ret_level = level->key.level;
	memcpy(ret_base, level->key.base, sizeof(*ret_base));
	return 0;
}
