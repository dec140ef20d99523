// SPDX-License-Identifier: MIT
#include "nft/expr.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

/* One entry of an expression list, while its attributes are being put. */
struct open_expr {
	struct nlattr *entry;
	struct nlattr *data;
};

static struct open_expr expr_open(struct message *m, const char *name)
{
	struct open_expr expr;

	expr.entry = message_nest(m, NFTA_LIST_ELEM);
	message_put_str(m, NFTA_EXPR_NAME, name);
	expr.data = message_nest(m, NFTA_EXPR_DATA);
	return expr;
}

static void expr_close(struct message *m, struct open_expr expr)
{
	message_nest_end(m, expr.data);
	message_nest_end(m, expr.entry);
}

/*
 * Words that begin a 16-byte register go by that register's number: the kernel
 * dumps them so, and a dump must equal what was written.
 */
static uint32_t reg(unsigned int word)
{
	return word % 4 ? NFT_REG32_00 + word : NFT_REG_1 + word / 4;
}

static void put_value(struct message *m, uint16_t type, const void *data, size_t size)
{
	struct nlattr *nest = message_nest(m, type);

	message_put(m, NFTA_DATA_VALUE, data, size);
	message_nest_end(m, nest);
}

void expr_meta(struct message *m, uint32_t key, unsigned int word)
{
	struct open_expr expr = expr_open(m, "meta");

	message_put_be32(m, NFTA_META_KEY, key);
	message_put_be32(m, NFTA_META_DREG, reg(word));
	expr_close(m, expr);
}

void expr_is(struct message *m, unsigned int word, uint8_t value)
{
	struct open_expr expr = expr_open(m, "cmp");

	message_put_be32(m, NFTA_CMP_SREG, reg(word));
	message_put_be32(m, NFTA_CMP_OP, NFT_CMP_EQ);
	put_value(m, NFTA_CMP_DATA, &value, sizeof(value));
	expr_close(m, expr);
}

void expr_cgroup(struct message *m, unsigned int level, unsigned int word)
{
	struct open_expr expr = expr_open(m, "socket");

	message_put_be32(m, NFTA_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
	message_put_be32(m, NFTA_SOCKET_DREG, reg(word));
	message_put_be32(m, NFTA_SOCKET_LEVEL, level);
	expr_close(m, expr);
}

void expr_payload(struct message *m, const struct packet_part *part, unsigned int word)
{
	struct open_expr expr = expr_open(m, "payload");

	message_put_be32(m, NFTA_PAYLOAD_DREG, reg(word));
	message_put_be32(m, NFTA_PAYLOAD_BASE, part->base);
	message_put_be32(m, NFTA_PAYLOAD_OFFSET, part->offset);
	message_put_be32(m, NFTA_PAYLOAD_LEN, part->size);
	expr_close(m, expr);
}

void expr_mask(struct message *m, unsigned int word, unsigned int size, unsigned int bits)
{
	struct open_expr expr = expr_open(m, "bitwise");
	uint8_t mask[16] = { 0 }, flip[16] = { 0 };
	unsigned int bit;

	for (bit = 0; bit < bits; bit++)
		mask[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	message_put_be32(m, NFTA_BITWISE_SREG, reg(word));
	message_put_be32(m, NFTA_BITWISE_DREG, reg(word));
	message_put_be32(m, NFTA_BITWISE_LEN, size);
	put_value(m, NFTA_BITWISE_MASK, mask, size);
	put_value(m, NFTA_BITWISE_XOR, flip, size);
	expr_close(m, expr);
}

void expr_lookup(struct message *m, const char *set, unsigned int word)
{
	struct open_expr expr = expr_open(m, "lookup");

	message_put_str(m, NFTA_LOOKUP_SET, set);
	message_put_be32(m, NFTA_LOOKUP_SREG, reg(word));
	expr_close(m, expr);
}

void expr_verdict(struct message *m, int code, const char *chain)
{
	struct open_expr expr = expr_open(m, "immediate");
	struct nlattr *data, *verdict;

	message_put_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = message_nest(m, NFTA_IMMEDIATE_DATA);
	verdict = message_nest(m, NFTA_DATA_VERDICT);
	message_put_be32(m, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		message_put_str(m, NFTA_VERDICT_CHAIN, chain);
	message_nest_end(m, verdict);
	message_nest_end(m, data);
	expr_close(m, expr);
}

void expr_reject_tcp(struct message *m)
{
	struct open_expr expr = expr_open(m, "reject");

	message_put_be32(m, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
	expr_close(m, expr);
}

void expr_reject_icmpx(struct message *m)
{
	struct open_expr expr = expr_open(m, "reject");
	uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;

	message_put_be32(m, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	message_put(m, NFTA_REJECT_ICMP_CODE, &code, sizeof(code));
	expr_close(m, expr);
}

void expr_counter(struct message *m, uint16_t type)
{
	struct nlattr *nest = message_nest(m, type), *data;

	message_put_str(m, NFTA_EXPR_NAME, "counter");
	data = message_nest(m, NFTA_EXPR_DATA);
	message_nest_end(m, data);
	message_nest_end(m, nest);
}
