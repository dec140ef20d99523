/* SPDX-License-Identifier: MIT */
/*
 * The netlink socket: requests out, replies in. nf_tables answers within the
 * sendmsg() itself, so nothing here ever waits: an answer that is not there
 * when it is looked for will never come.
 */
#ifndef NFT_CONN_H
#define NFT_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "nft/message.h"

struct mnl_socket;
struct nlmsghdr;

#define CONN_STEP	"egress"

/**
 * struct conn - one connection
 * @socket: the socket; NULL: none
 * @out: the messages to send next; buffer owned by the connection
 * @in: receive buffer
 * @window: replies that may be outstanding at once
 */
struct conn {
	struct mnl_socket *socket;
	struct message out;
	char *in;
	unsigned int window;
};

/**
 * struct reply - what the kernel says to one request
 * @index: which of the requests in conn.out, from 0
 * @error: 0 or -errno
 * @text: the kernel's own words on @error, or ""
 * @offset: where in the request the fault is; 0: not said
 * @nlh: the message, if not @error
 */
struct reply {
	unsigned int index;
	int error;
	const char *text;
	uint32_t offset;
	const struct nlmsghdr *nlh;
};

int conn_open(struct conn *conn, struct error *err);
void conn_close(struct conn *conn);

/**
 * conn_ask() - send requests that yield one reply each, and read the replies
 * @conn: with at most @window requests in conn.out, none of them a dump
 * @each: called for every reply; what it returns below 0 ends the asking
 *
 * Return: 0; -ENOBUFS: replies were lost, ask again for fewer (the window shrank,
 * this happens once at most); other -errno.
 */
int conn_ask(struct conn *conn, int (*each)(const struct reply *reply, void *arg), void *arg,
	     struct error *err);

/**
 * conn_dump() - send one dump request and read it to its end
 * @each: called for every message; a negative value is returned at the end
 *
 * Return: 0; -EAGAIN: the ruleset changed meanwhile, what was seen is not
 * consistent; -ENOENT: no such table or set; other -errno.
 */
int conn_dump(struct conn *conn, int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg,
	      struct error *err);

/**
 * struct batch - the fate of a transaction
 * @error: 0: committed
 * @seq: sequence number of the first command that failed; 0: none in particular
 * @unknown: the answer is lost, so it may have been committed
 * @offset: of the attribute at fault in that command; 0: not said (before 6.2)
 * @text: the kernel's own words, or ""
 */
struct batch {
	int error;
	uint32_t seq;
	uint32_t offset;
	bool unknown;
	char text[160];
};

/**
 * conn_settle() - wait for the end of a transaction that is under way
 *
 * The kernel counts the generation on before it shows what the transaction brings;
 * and what is about to come or go already has a place in the lists, so a dump that
 * takes several pieces may pass over something, or say it twice. Neither can be
 * told by the generation.
 */
int conn_settle(struct conn *conn, struct error *err);

/* conn_begin() - begin a transaction that fails unless the ruleset still is @gen. */
void conn_begin(struct conn *conn, uint32_t gen);

/**
 * conn_commit() - end the transaction and send it
 *
 * Return: 0, or -errno as in batch->error; -ERESTART: the ruleset is not @gen
 * any more. Nothing of a failed transaction stays. @err is filled only for
 * failures of the transport.
 */
int conn_commit(struct conn *conn, struct batch *batch, struct error *err);

#endif /* NFT_CONN_H */
