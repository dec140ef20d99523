// SPDX-License-Identifier: MIT
#include "nft/sockets.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "nft/attr.h"
#include "nft/conn.h"

#define BATCH		128	/* connections that are ended between two dumps */
#define ROUNDS		64
#define BUFFER		(32 * 1024)

/* Connections of one family, found by a dump. */
struct found {
	struct inet_diag_req_v2 ids[BATCH];
	unsigned int n;
};

int sockets_open(struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? err_set(err, CONN_STEP, errno, "cannot open a sock_diag socket") : fd;
}

/* "Made in this cgroup", in the byte code of inet_diag: it ends accepting, or past its end. */
static void put_filter(struct nlmsghdr *nlh, uint64_t cgroup_id)
{
	struct {
		struct inet_diag_bc_op op;
		uint32_t id[2];
	} code = {
		.op = {
			.code = INET_DIAG_BC_CGROUP_COND, .yes = sizeof(code),
			.no = sizeof(code) + 4,
		},
	};

	memcpy(code.id, &cgroup_id, sizeof(code.id));
	mnl_attr_put(nlh, INET_DIAG_REQ_BYTECODE, sizeof(code), &code);
}

static int send_message(int fd, const struct nlmsghdr *nlh, struct error *err)
{
	if (send(fd, nlh, nlh->nlmsg_len, 0) < 0)
		return err_set(err, CONN_STEP, errno, "cannot ask sock_diag");
	return 0;
}

static struct nlmsghdr *begin(char *buf, uint16_t type, uint16_t flags,
			      const struct inet_diag_req_v2 *which)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(*which)), which, sizeof(*which));
	return nlh;
}

static int note(const struct nlmsghdr *nlh, struct found *found)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);

	if (found->n < BATCH && mnl_nlmsg_get_payload_len(nlh) >= sizeof(*msg))
		found->ids[found->n++] = (struct inet_diag_req_v2) {
			.sdiag_family = msg->idiag_family, .sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ~0U, .id = msg->id,
		};
	return 0;
}

static int done_status(const struct nlmsghdr *nlh)
{
	const int *status = mnl_nlmsg_get_payload(nlh);

	return mnl_nlmsg_get_payload_len(nlh) >= sizeof(*status) && *status < 0 ? *status : 0;
}

/* Reads to the end of a dump, or the one answer to another request. 0 or -errno. */
static int receive(int fd, struct found *found)
{
	static char buf[BUFFER] __attribute__((aligned(8)));
	const struct nlmsghdr *nlh;
	ssize_t size;
	int left;

	for (;;) {
		size = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (size < 0)
			return -errno;
		left = (int)size;
		for (nlh = (void *)buf; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			/* A dump that fails at its start ends so, too: with an errno in it. */
			if (nlh->nlmsg_type == NLMSG_DONE)
				return done_status(nlh);
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
			if (found)
				note(nlh, found);
		}
	}
}

static int refuse(int errnum, const char *what, struct error *err)
{
	err_set(err, CONN_STEP, errnum, "cannot %s", what);
	if (errnum == -ENOENT || errnum == -EOPNOTSUPP)
		err_hint(err, "the kernel needs CONFIG_INET_DIAG and CONFIG_INET_DIAG_DESTROY");
	return errnum;
}

static int dump(int fd, const struct inet_diag_req_v2 *which, uint64_t cgroup_id,
		struct found *ret, struct error *err)
{
	char buf[256] = "";
	struct nlmsghdr *nlh = begin(buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, which);
	int r;

	ret->n = 0;
	put_filter(nlh, cgroup_id);
	r = send_message(fd, nlh, err);
	if (!r)
		r = receive(fd, ret);
	return r < 0 ? refuse(r, "list the cell's connections", err) : 0;
}

/* One that ended by itself meanwhile is no failure. */
static int end(int fd, const struct inet_diag_req_v2 *which, struct error *err)
{
	char buf[256] = "";
	int r = send_message(fd, begin(buf, SOCK_DESTROY, NLM_F_ACK, which), err);

	if (!r)
		r = receive(fd, NULL);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? refuse(r, "end a connection of the cell", err) : 0;
}

/* Asks for what is in no state, and ends what is nobody's: no table is walked. */
int sockets_check(int fd, struct error *err)
{
	const struct inet_diag_req_v2 nothing = {
		.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP,
		.id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
	};
	struct found found;
	int r = dump(fd, &nothing, 0, &found, err);

	return r < 0 ? r : end(fd, &nothing, err);
}

int sockets_end(int fd, uint64_t cgroup_id, struct error *err)
{
	static const struct inet_diag_req_v2 all[] = {
		{ .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0U },
		{ .sdiag_family = AF_INET6, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0U },
	};
	static struct found found;
	unsigned int i, k, round;
	int r = 0, n = 0;

	for (i = 0; !r && i < ARRAY_SIZE(all); i++) {
		for (round = 0; !r && round < ROUNDS; round++) {
			r = dump(fd, &all[i], cgroup_id, &found, err);
			if (r < 0 || !found.n)
				break;
			for (k = 0; !r && k < found.n; k++, n++)
				r = end(fd, &found.ids[k], err);
		}
	}
	return r < 0 ? r : n;
}
