// SPDX-License-Identifier: MIT
#include "nft/expr.h"

#include <arpa/inet.h>
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
	const struct operand one = { &value, sizeof(value) };

	expr_compare(m, word, NFT_CMP_EQ, &one);
}

void expr_compare(struct message *m, unsigned int word, uint32_t op,
		  const struct operand *value)
{
	struct open_expr expr = expr_open(m, "cmp");

	message_put_be32(m, NFTA_CMP_SREG, reg(word));
	message_put_be32(m, NFTA_CMP_OP, op);
	put_value(m, NFTA_CMP_DATA, value->data, value->size);
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

void expr_exthdr_exists(struct message *m, uint8_t type, unsigned int word)
{
	struct open_expr expr = expr_open(m, "exthdr");

	message_put_be32(m, NFTA_EXTHDR_DREG, reg(word));
	message_put(m, NFTA_EXTHDR_TYPE, &type, sizeof(type));
	message_put_be32(m, NFTA_EXTHDR_OFFSET, 0);
	message_put_be32(m, NFTA_EXTHDR_LEN, 1);
	message_put_be32(m, NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
	expr_close(m, expr);
}

void expr_exthdr(struct message *m, uint8_t type, uint32_t offset, uint32_t size,
		 unsigned int word)
{
	struct open_expr expr = expr_open(m, "exthdr");

	message_put_be32(m, NFTA_EXTHDR_DREG, reg(word));
	message_put(m, NFTA_EXTHDR_TYPE, &type, sizeof(type));
	message_put_be32(m, NFTA_EXTHDR_OFFSET, offset);
	message_put_be32(m, NFTA_EXTHDR_LEN, size);
	expr_close(m, expr);
}

void expr_fib_saddr_type(struct message *m, unsigned int word)
{
	struct open_expr expr = expr_open(m, "fib");

	message_put_be32(m, NFTA_FIB_DREG, reg(word));
	message_put_be32(m, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	message_put_be32(m, NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR);
	expr_close(m, expr);
}

void expr_and(struct message *m, unsigned int word, const struct operand *mask)
{
	struct open_expr expr = expr_open(m, "bitwise");
	const uint8_t flip[16] = { 0 };

	message_put_be32(m, NFTA_BITWISE_SREG, reg(word));
	message_put_be32(m, NFTA_BITWISE_DREG, reg(word));
	message_put_be32(m, NFTA_BITWISE_LEN, mask->size);
	put_value(m, NFTA_BITWISE_MASK, mask->data, mask->size);
	put_value(m, NFTA_BITWISE_XOR, flip, mask->size);
	expr_close(m, expr);
}

void expr_mask(struct message *m, unsigned int word, unsigned int size, unsigned int bits)
{
	uint8_t bytes[16] = { 0 };
	const struct operand mask = { bytes, size };
	unsigned int bit;

	for (bit = 0; bit < bits; bit++)
		bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	expr_and(m, word, &mask);
}

void expr_lookup(struct message *m, const char *set, unsigned int word, bool not)
{
	struct open_expr expr = expr_open(m, "lookup");

	message_put_str(m, NFTA_LOOKUP_SET, set);
	message_put_be32(m, NFTA_LOOKUP_SREG, reg(word));
	if (not)
		message_put_be32(m, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
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
	uint8_t code = NFT_REJECT_ICMPX_PORT_UNREACH;

	message_put_be32(m, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	message_put(m, NFTA_REJECT_ICMP_CODE, &code, sizeof(code));
	expr_close(m, expr);
}

void expr_log(struct message *m, const char *prefix, uint16_t group)
{
	struct open_expr expr = expr_open(m, "log");
	uint16_t be = htons(group);

	message_put(m, NFTA_LOG_GROUP, &be, sizeof(be));
	message_put_str(m, NFTA_LOG_PREFIX, prefix);
	expr_close(m, expr);
}

void expr_limit(struct message *m, uint16_t type, uint32_t rate, uint32_t burst)
{
	struct nlattr *nest = message_nest(m, type), *data;

	message_put_str(m, NFTA_EXPR_NAME, "limit");
	data = message_nest(m, NFTA_EXPR_DATA);
	message_put_be64(m, NFTA_LIMIT_RATE, rate);
	message_put_be64(m, NFTA_LIMIT_UNIT, 1);
	message_put_be32(m, NFTA_LIMIT_BURST, burst);
	message_put_be32(m, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
	message_put_be32(m, NFTA_LIMIT_FLAGS, 0);
	message_nest_end(m, data);
	message_nest_end(m, nest);
}

void expr_vmap(struct message *m, const char *map, unsigned int word)
{
	struct open_expr expr = expr_open(m, "lookup");

	message_put_str(m, NFTA_LOOKUP_SET, map);
	message_put_be32(m, NFTA_LOOKUP_SREG, reg(word));
	message_put_be32(m, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
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
