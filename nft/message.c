// SPDX-License-Identifier: MIT
#include "nft/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* Room for a header, whatever else happens to the message. */
#define HEADER	(MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct nfgenmsg)))

void message_reset(struct message *m)
{
	m->used = 0;
	m->count = 0;
	m->first_seq = m->seq + 1;
	m->nlh = NULL;
	m->error = 0;
}

/* What mnl calls buflen: from the begin of this message to the end of the buffer. */
static size_t room(const struct message *m)
{
	return m->size - m->used;
}

static uint32_t begin(struct message *m, uint16_t type, uint16_t flags, uint8_t family,
		      uint16_t resource)
{
	struct nfgenmsg *header;

	message_end(m);
	m->seq++;
	if (!m->error && room(m) < HEADER)
		m->error = -EMSGSIZE;
	if (m->error)
		return m->seq;
	m->nlh = mnl_nlmsg_put_header(m->data + m->used);
	m->nlh->nlmsg_type = type;
	m->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	m->nlh->nlmsg_seq = m->seq;
	header = mnl_nlmsg_put_extra_header(m->nlh, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	header->res_id = htons(resource);
	m->count++;
	return m->seq;
}

uint32_t message_begin(struct message *m, unsigned int type, unsigned int flags)
{
	return begin(m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), (uint16_t)flags,
		     NFPROTO_INET, 0);
}

uint32_t message_begin_batch(struct message *m, unsigned int type)
{
	return begin(m, (uint16_t)type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

int message_end(struct message *m)
{
	if (m->nlh && !m->error)
		m->used += MNL_ALIGN(m->nlh->nlmsg_len);
	m->nlh = NULL;
	return m->error;
}

void message_put(struct message *m, uint16_t type, const void *data, size_t size)
{
	if (!m->error && !mnl_attr_put_check(m->nlh, room(m), type, size, data))
		m->error = -EMSGSIZE;
}

void message_put_str(struct message *m, uint16_t type, const char *text)
{
	message_put(m, type, text, strlen(text) + 1);
}

void message_put_be32(struct message *m, uint16_t type, uint32_t value)
{
	value = htonl(value);
	message_put(m, type, &value, sizeof(value));
}

void message_put_be64(struct message *m, uint16_t type, uint64_t value)
{
	uint32_t words[2] = { htonl((uint32_t)(value >> 32)), htonl((uint32_t)value) };

	message_put(m, type, words, sizeof(words));
}

struct nlattr *message_nest(struct message *m, uint16_t type)
{
	struct nlattr *nest;

	if (m->error)
		return NULL;
	nest = mnl_attr_nest_start_check(m->nlh, room(m), type);
	if (!nest)
		m->error = -EMSGSIZE;
	return nest;
}

void message_nest_end(struct message *m, struct nlattr *nest)
{
	char *tail;

	if (m->error)
		return;
	tail = mnl_nlmsg_get_payload_tail(m->nlh);
	if (tail - (char *)nest > UINT16_MAX)
		m->error = -EMSGSIZE;
	else
		mnl_attr_nest_end(m->nlh, nest);
}

size_t message_length(const struct message *m)
{
	return m->nlh ? m->nlh->nlmsg_len : 0;
}
