/* SPDX-License-Identifier: MIT */
/*
 * A buffer of netlink messages under construction. Every put is checked; the
 * first that does not fit is remembered and the rest are dropped, so callers
 * build without looking and ask once, at the end (message_error()).
 */
#ifndef NFT_MESSAGE_H
#define NFT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct nlattr;
struct nlmsghdr;

/**
 * struct message - the buffer
 * @data: @size bytes, owned by whoever set it
 * @used: bytes of finished messages
 * @count: messages so far
 * @first_seq: sequence number of the first one
 * @seq: sequence number of the last message ever begun in this buffer
 * @nlh: the message that was begun last
 * @error: 0, or the first -errno
 */
struct message {
	char *data;
	size_t size;
	size_t used;
	unsigned int count;
	uint32_t first_seq;
	uint32_t seq;
	struct nlmsghdr *nlh;
	int error;
};

/* Forgets all messages; the sequence numbers go on. */
void message_reset(struct message *m);

/* Begins an nf_tables message (@type: NFT_MSG_*) of family inet; the previous
 * one is finished. NLM_F_REQUEST is implied. Returns its sequence number.
 */
uint32_t message_begin(struct message *m, unsigned int type, unsigned int flags);

/* Begins a message of nfnetlink itself: NFNL_MSG_BATCH_*. */
uint32_t message_begin_batch(struct message *m, unsigned int type);

/* Finishes the last message. Return: 0, or the first error of any put. */
int message_end(struct message *m);

void message_put(struct message *m, uint16_t type, const void *data, size_t size);
void message_put_str(struct message *m, uint16_t type, const char *text);
void message_put_be32(struct message *m, uint16_t type, uint32_t value);
void message_put_be64(struct message *m, uint16_t type, uint64_t value);

/* Nested attributes; an end that would not fit 16 bits is an error. */
struct nlattr *message_nest(struct message *m, uint16_t type);
void message_nest_end(struct message *m, struct nlattr *nest);

/* Bytes in the message that is being built. */
size_t message_length(const struct message *m);

#endif /* NFT_MESSAGE_H */
