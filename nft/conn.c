// SPDX-License-Identifier: MIT
#include "nft/conn.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "nft/attr.h"

#define OUT_SIZE	(1024 * 1024)
#define IN_SIZE		(128 * 1024)
#define SLOT		2048		/* of one reply that is no dump */
#define WINDOW		64		/* IN_SIZE / SLOT */
#define FEW		8		/* replies that always fit */
#define DUMP_SIZE	(32 * 1024)	/* the kernel sends no larger piece of a dump */
#define SOCKET_BUFFER	(4 * 1024 * 1024)
#define REPLY_CHARGE	(16 * 1024)	/* of the socket buffer, for each reply at worst */

/*
 * A transaction is one datagram and has to fit the send buffer; the privileged
 * form passes the host's limit. Where even the receive buffer stays small,
 * fewer replies may be outstanding.
 */
static void size_buffers(struct conn *conn)
{
	int fd = mnl_socket_get_fd(conn->socket);
	int size = SOCKET_BUFFER;
	socklen_t len = sizeof(size);

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, len))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, len);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, len))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, len);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) || size < 0)
		size = 0;
	conn->window = (unsigned int)size / REPLY_CHARGE;
	if (conn->window > WINDOW)
		conn->window = WINDOW;
	if (conn->window < FEW)
		conn->window = FEW;
}

static int connect_socket(struct conn *conn, struct error *err)
{
	int one = 1;

	conn->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!conn->socket) {
		err_set(err, CONN_STEP, errno, "cannot open a netfilter netlink socket");
		return -errno;
	}
	if (mnl_socket_bind(conn->socket, 0, MNL_SOCKET_AUTOPID))
		return err_set(err, CONN_STEP, errno, "cannot bind a netlink socket");
	if (mnl_socket_setsockopt(conn->socket, NETLINK_EXT_ACK, &one, sizeof(one)) ||
	    mnl_socket_setsockopt(conn->socket, NETLINK_CAP_ACK, &one, sizeof(one)))
		return err_set(err, CONN_STEP, errno, "cannot set up a netlink socket");
	size_buffers(conn);
	return 0;
}

int conn_open(struct conn *conn, struct error *err)
{
	int r;

	*conn = (struct conn) { .out.size = OUT_SIZE };
	conn->out.data = malloc(OUT_SIZE);
	conn->in = malloc(IN_SIZE);
	if (!conn->out.data || !conn->in)
		r = err_set(err, CONN_STEP, ENOMEM, "cannot talk to nf_tables");
	else
		r = connect_socket(conn, err);
	if (r < 0)
		conn_close(conn);
	return r;
}

void conn_close(struct conn *conn)
{
	if (conn->socket)
		mnl_socket_close(conn->socket);
	free(conn->out.data);
	free(conn->in);
	*conn = (struct conn) { 0 };
}

static int conn_send(struct conn *conn, struct error *err)
{
	ssize_t n;

	if (message_end(&conn->out) < 0)
		return err_set(err, CONN_STEP, conn->out.error, "netlink message too long");
	do {
		n = mnl_socket_sendto(conn->socket, conn->out.data, conn->out.used);
	} while (n < 0 && errno == EINTR);
	/* No memory for the request; as -ENOBUFS it would say that replies were lost. */
	if (n < 0)
		return err_set(err, CONN_STEP, errno == ENOBUFS ? ENOMEM : errno,
			       "cannot send %zu bytes to nf_tables", conn->out.used);
	return 0;
}

/*
 * Receives up to @count datagrams of @size bytes into conn.in. Return: how many;
 * -EAGAIN: there is none; -ENOBUFS: some were lost.
 */
static int conn_receive(struct conn *conn, unsigned int count, size_t size, size_t *ret_lens,
			struct error *err)
{
	struct sockaddr_nl from[WINDOW];
	struct mmsghdr slots[WINDOW];
	struct iovec iov[WINDOW];
	unsigned int i;
	int n;

	for (i = 0; i < count; i++) {
		iov[i] = (struct iovec) { conn->in + i * size, size };
		slots[i].msg_hdr = (struct msghdr) {
			.msg_name = &from[i], .msg_namelen = sizeof(from[i]),
			.msg_iov = &iov[i], .msg_iovlen = 1,
		};
	}
	do {
		n = recvmmsg(mnl_socket_get_fd(conn->socket), slots, count, MSG_DONTWAIT, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return -errno;
	if (n < 0)
		return err_set(err, CONN_STEP, errno, "cannot receive from nf_tables");
	for (i = 0; i < (unsigned int)n; i++) {
		if (slots[i].msg_hdr.msg_flags & MSG_TRUNC)
			return err_set(err, CONN_STEP, EPROTO, "a netlink reply is too long");
		/* Anybody may send to a netlink socket; only the kernel is pid 0. */
		ret_lens[i] = from[i].nl_pid ? 0 : slots[i].msg_len;
	}
	return n;
}

/* What the kernel says beside an error: extended acknowledgement, netlink(7). */
static void read_extack(const struct nlmsghdr *nlh, struct reply *reply)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*error);
	const uint32_t *offset;
	struct attrs attrs;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || mnl_nlmsg_get_payload_len(nlh) < skip)
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(struct nlmsghdr);
	attrs = attrs_of_message(nlh, skip);
	reply->text = attr_str(attrs_find(attrs, NLMSGERR_ATTR_MSG, 0));
	offset = attr_data(attrs_find(attrs, NLMSGERR_ATTR_OFFS, 0), sizeof(*offset));
	if (offset)
		reply->offset = *offset;
}

static int reply_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

	return mnl_nlmsg_get_payload_len(nlh) < sizeof(*error) ? -EPROTO : error->error;
}

static struct reply reply_parse(const struct conn *conn, const struct nlmsghdr *nlh)
{
	struct reply reply = { .index = nlh->nlmsg_seq - conn->out.first_seq, .text = "" };

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		reply.error = reply_error(nlh);
		read_extack(nlh, &reply);
	} else {
		reply.nlh = nlh;
	}
	return reply;
}

/* Throws away the replies to requests that were given up. */
static void drain(struct conn *conn)
{
	size_t lens[WINDOW];
	bool lost = false;
	int n;

	/* That some were lost is said once, before what is there can be read. */
	do {
		n = conn_receive(conn, WINDOW, SLOT, lens, NULL);
	} while (n > 0 || (n == -ENOBUFS && !lost && (lost = true)));
}

/* One datagram. Return: 1: a reply to us, 0: none, or -errno. */
static int take_reply(const struct conn *conn, const char *data, size_t len,
		      int (*each)(const struct reply *reply, void *arg), void *arg)
{
	const struct nlmsghdr *nlh = (const void *)data;
	struct reply reply;
	int r;

	if (!mnl_nlmsg_ok(nlh, (int)len))
		return 0;
	reply = reply_parse(conn, nlh);
	if (reply.index >= conn->out.count)
		return 0;
	if (reply.error == -ENOBUFS)
		return -ENOBUFS;
	r = each(&reply, arg);
	return r < 0 ? r : 1;
}

static int take_replies(struct conn *conn,
			int (*each)(const struct reply *reply, void *arg), void *arg,
			struct error *err)
{
	unsigned int left = conn->out.count;
	size_t lens[WINDOW] = { 0 };
	int i, n, r;

	while (left) {
		n = conn_receive(conn, left < WINDOW ? left : WINDOW, SLOT, lens, err);
		if (n < 0)
			return n;
		for (i = 0; i < n; i++) {
			r = take_reply(conn, conn->in + i * SLOT, lens[i], each, arg);
			if (r < 0)
				return r;
			left -= (unsigned int)r;
		}
	}
	return 0;
}

int conn_ask(struct conn *conn, int (*each)(const struct reply *reply, void *arg), void *arg,
	     struct error *err)
{
	int r;

	r = conn_send(conn, err);
	if (r < 0)
		return r;
	r = take_replies(conn, each, arg, err);
	if (r < 0)
		drain(conn);
	if (r == -ENOBUFS && conn->window > FEW)
		conn->window = FEW;
	else if (r == -ENOBUFS || r == -EAGAIN)
		r = err_set(err, CONN_STEP, r == -ENOBUFS ? ENOMEM : EAGAIN,
			    "a reply of nf_tables is missing");
	return r;
}

/* One datagram of a dump. Return: 1 at the end, 0: there is more, or -errno. */
static int dump_piece(const struct conn *conn, size_t size,
		      int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg, int *ret_first)
{
	const struct nlmsghdr *nlh = (void *)conn->in;
	int left = (int)size, r;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != conn->out.first_seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR && !*ret_first)
			*ret_first = -EAGAIN;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 1;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return reply_error(nlh) ? reply_error(nlh) : 1;
		r = *ret_first ? 0 : each(nlh, arg);
		if (r < 0)
			*ret_first = r;
	}
	return 0;
}

int conn_dump(struct conn *conn, int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg,
	      struct error *err)
{
	int first = 0, r;
	size_t len = 0;

	r = conn_send(conn, err);
	while (!r) {
		r = conn_receive(conn, 1, DUMP_SIZE, &len, err);
		if (r < 0)
			return err_set(err, CONN_STEP, r, "a dump of nf_tables broke off");
		r = dump_piece(conn, len, each, arg, &first);
	}
	return r < 0 ? r : first;
}

/* An empty transaction waits for its turn, and asks for no answer. */
int conn_settle(struct conn *conn, struct error *err)
{
	message_reset(&conn->out);
	message_begin_batch(&conn->out, NFNL_MSG_BATCH_BEGIN);
	message_begin_batch(&conn->out, NFNL_MSG_BATCH_END);
	return conn_send(conn, err);
}

void conn_begin(struct conn *conn, uint32_t gen)
{
	message_reset(&conn->out);
	message_begin_batch(&conn->out, NFNL_MSG_BATCH_BEGIN);
	message_put_be32(&conn->out, NFNL_BATCH_GENID, gen);
}

/*
 * One piece of the answer to a transaction: errors of single commands come in
 * their order, then the acknowledgement of the last one; an error of the begin
 * message speaks for the whole and comes alone. Return: whether that was all.
 */
static bool batch_note(const struct reply *reply, const struct conn *conn, unsigned int last,
		       struct batch *batch)
{
	if (reply->error && !batch->error) {
		batch->error = reply->error;
		batch->seq = reply->index ? conn->out.first_seq + reply->index : 0;
		batch->offset = reply->offset;
		strncpy(batch->text, reply->text, sizeof(batch->text) - 1);
	}
	return !reply->index || reply->index == last;
}

static int batch_receive(struct conn *conn, unsigned int last, struct batch *batch,
			 struct error *err)
{
	size_t lens[WINDOW] = { 0 };
	struct reply reply;
	bool done = false;
	int i, n;

	while (!done) {
		n = conn_receive(conn, 4, SLOT, lens, err);
		if (n < 0)
			return err_set(err, CONN_STEP, n,
				       "the answer to a transaction is missing");
		for (i = 0; i < n; i++) {
			const struct nlmsghdr *nlh = (void *)(conn->in + i * SLOT);

			if (!mnl_nlmsg_ok(nlh, (int)lens[i]))
				continue;
			reply = reply_parse(conn, nlh);
			if (reply.index < conn->out.count)
				done = batch_note(&reply, conn, last, batch) || done;
		}
	}
	return batch->error;
}

int conn_commit(struct conn *conn, struct batch *batch, struct error *err)
{
	unsigned int last = conn->out.count - 1;
	int r;

	*batch = (struct batch) { 0 };
	if (conn->out.nlh)
		conn->out.nlh->nlmsg_flags |= NLM_F_ACK;
	message_begin_batch(&conn->out, NFNL_MSG_BATCH_END);
	r = conn_send(conn, err);
	if (!r) {
		r = batch_receive(conn, last, batch, err);
		batch->unknown = r < 0 && !batch->error;
	}
	if (r < 0)
		batch->error = r;
	return r;
}
