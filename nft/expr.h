/* SPDX-License-Identifier: MIT */
/*
 * Builders of single nf_tables expressions: each adds one to the list that is
 * being built. Registers are named by 32-bit word, 0 to 15.
 */
#ifndef NFT_EXPR_H
#define NFT_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "nft/message.h"

/* meta <key>, e.g. NFT_META_L4PROTO */
void expr_meta(struct message *m, uint32_t key, unsigned int word);

/* <word> == value, one byte */
void expr_is(struct message *m, unsigned int word, uint8_t value);

/* What a register may be compared with. */
struct operand {
	const void *data;
	uint32_t size;
};

/* <word> == | != value; @op is NFT_CMP_EQ or NFT_CMP_NEQ */
void expr_compare(struct message *m, unsigned int word, uint32_t op,
		  const struct operand *value);

/* socket cgroupv2 level <level>; takes two words */
void expr_cgroup(struct message *m, unsigned int level, unsigned int word);

/* Bytes of a packet: NFT_PAYLOAD_* header, offset, size. */
struct packet_part {
	uint32_t base;
	uint32_t offset;
	uint32_t size;
};

void expr_payload(struct message *m, const struct packet_part *part, unsigned int word);

/* exthdr <type> exists, into one byte */
void expr_exthdr_exists(struct message *m, uint8_t type, unsigned int word);

/* & <mask of @size bytes> */
void expr_and(struct message *m, unsigned int word, const struct operand *mask);

/* & <the first @bits of @size bytes> */
void expr_mask(struct message *m, unsigned int word, unsigned int size, unsigned int bits);

/* @<set>, or with @not: != @<set>, which does not touch the element's counter */
void expr_lookup(struct message *m, const char *set, unsigned int word, bool not);

/* return, accept, or jump | goto <chain>; @code is of enum nft_verdicts or NF_ACCEPT */
void expr_verdict(struct message *m, int code, const char *chain);

/* fib saddr type, a number of enum rtn_type in host order */
void expr_fib_saddr_type(struct message *m, unsigned int word);

/* exthdr of IPv6: @size bytes at @offset of the header of @type */
void expr_exthdr(struct message *m, uint8_t type, uint32_t offset, uint32_t size,
		 unsigned int word);

/* reject with tcp reset / icmpx port-unreachable */
void expr_reject_tcp(struct message *m);
void expr_reject_icmpx(struct message *m);

/* log prefix "<prefix>" group <group> */
void expr_log(struct message *m, const char *prefix, uint16_t group);

/* limit rate <rate>/second burst <burst> packets, as expr_counter() */
void expr_limit(struct message *m, uint16_t type, uint32_t rate, uint32_t burst);

/* vmap @<map> */
void expr_vmap(struct message *m, const char *map, unsigned int word);

/* counter, as the content of @type rather than as an entry of a list */
void expr_counter(struct message *m, uint16_t type);

#endif /* NFT_EXPR_H */
