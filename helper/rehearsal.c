// SPDX-License-Identifier: MIT
#include "helper/rehearsal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/apart.h"
#include "helper/caps.h"
#include "helper/network.h"
#include "lib/cleanup.h"
#include "lib/io.h"
#include "nft/cells.h"

#define STEP		"rehearsal"
#define PORT_ALLOWED	7001
#define PORT_DENIED	7002
#define PORT_OWN	7003	/* where the cell itself listens */
#define PATIENCE	5	/* seconds for the whole */

DEFINE_FREE(policy, struct egress_policy, egress_policy_done(p))
DEFINE_FREE(nft, struct nft *, nft_close(*p))

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int serve(int type, uint16_t port)
{
	const struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (const void *)&at, sizeof(at)) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, 4) == 0))
		return fd;
	return -errno;
}

/* Connects, or sends a datagram. Return: 0 or errno. */
static int reach(int type, uint16_t port)
{
	const struct sockaddr_in to = loopback(port);
	int fd __free(fd) = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (connect(fd, (const void *)&to, sizeof(to)) < 0)
		return errno;
	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

static bool has_arrived(int fd, int type)
{
	char byte;

	return type == SOCK_STREAM ? accept(fd, NULL, NULL) >= 0 :
				     recv(fd, &byte, 1, MSG_DONTWAIT) >= 0;
}

/* What the cell tries, and how it has to end. */
static const struct attempt {
	int type;
	uint16_t port;
	int expected;
	const char *name;
} attempts[] = {
	{ SOCK_DGRAM,  PORT_ALLOWED, 0,		   "UDP to an allowed port" },
	{ SOCK_STREAM, PORT_ALLOWED, 0,		   "TCP to an allowed port" },
	{ SOCK_DGRAM,  PORT_DENIED,  EPERM,	   "UDP to a port that is not allowed" },
	{ SOCK_STREAM, PORT_DENIED,  ECONNREFUSED, "TCP to a port that is not allowed" },
};

#define INBOUND		ARRAY_SIZE(attempts)

/* In the cell: ends with the number of the attempt that went wrong, plus one. */
static void __attribute__((noreturn)) play_cell(const int talk[2])
{
	int own[2] = { serve(SOCK_DGRAM, PORT_OWN), serve(SOCK_STREAM, PORT_OWN) };
	char byte = 'x';

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		if (reach(attempts[i].type, attempts[i].port) != attempts[i].expected)
			_exit((int)i + 1);
	/* The outsider tries between these two. */
	if (own[0] < 0 || own[1] < 0 || write(talk[1], &byte, 1) != 1 ||
	    read(talk[1], &byte, 1) != 1 || has_arrived(own[0], SOCK_DGRAM) ||
	    has_arrived(own[1], SOCK_STREAM))
		_exit(INBOUND + 1);
	_exit(0);
}

static pid_t enter_cell(int cgroup_fd, const int talk[2])
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		alarm(PATIENCE);
		close(talk[0]);
		play_cell(talk);
	}
	close(talk[1]);
	return pid;
}

/* The outsider's part. A failure here is one of the cell's last attempt, too. */
static bool try_inbound(int talk)
{
	char byte;
	bool refused;

	if (read(talk, &byte, 1) != 1)
		return false;
	reach(SOCK_DGRAM, PORT_OWN);
	refused = reach(SOCK_STREAM, PORT_OWN) == ECONNREFUSED;
	return write(talk, &byte, 1) == 1 && refused;
}

static int judge(int status, bool inbound, struct error *err)
{
	int which = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (which == 0 && inbound)
		return 0;
	if (which > 0 && which <= (int)INBOUND)
		err_set(err, STEP, EUCLEAN, "%s did not end as it must",
			attempts[which - 1].name);
	else
		err_set(err, STEP, EUCLEAN, "an outsider is not kept off the cell's sockets");
	err_hint(err, "the kernel accepts the rules and does not apply them: nft_socket "
		 "(CONFIG_NFT_SOCKET, CONFIG_SOCK_CGROUP_DATA) does not match here");
	return -EUCLEAN;
}

static int perform(int cgroup_fd, struct error *err)
{
	int servers[] = {
		serve(SOCK_DGRAM, PORT_ALLOWED), serve(SOCK_STREAM, PORT_ALLOWED),
		serve(SOCK_DGRAM, PORT_DENIED), serve(SOCK_STREAM, PORT_DENIED),
	};
	int talk[2], status = 0;
	bool inbound;
	pid_t pid;

	if (servers[3] < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) < 0)
		return err_set(err, STEP, errno, "cannot open sockets");
	pid = enter_cell(cgroup_fd, talk);
	if (pid < 0)
		return err_set(err, STEP, errno, "clone3 into the rehearsal's cgroup");
	inbound = try_inbound(talk[0]);
	if (waitpid(pid, &status, 0) != pid)
		return err_set(err, STEP, errno, "cannot wait for the rehearsal");
	status = judge(status, inbound, err);
	if (status == 0 && (has_arrived(servers[2], SOCK_DGRAM) ||
			    has_arrived(servers[3], SOCK_STREAM)))
		status = err_set(err, STEP, EUCLEAN, "something arrived that was denied");
	return status;
}

static int check_counters(struct nft *nft, const struct nft_cell *cell, struct error *err)
{
	struct nft_totals totals;
	struct nft_count rule;
	int ret = nft_cell_count(nft, cell, &rule, &totals, err);

	if (ret == 0 && (rule.packets < 2 || totals.denied.packets < 2 ||
			 totals.refused.packets < 2))
		return err_set(err, STEP, EUCLEAN, "the counters do not count");
	return ret;
}

static int rehearse_inside(int cgroup_fd, const struct cgroup_parent *parent, struct error *err)
{
	static const struct egress_net net = { 4, 32, { 127, 0, 0, 1 } };
	static const struct egress_rule rule = {
		&net, 1, NULL, PORT_ALLOWED, PORT_ALLOWED, EGRESS_TCP | EGRESS_UDP
	};
	struct egress_policy policy __free(policy) = { 0 };
	struct nft *nft __free(nft) = NULL;
	struct nft_cell cell = {
		.level = parent->level + 1, .id = "rehearsal",
		.governed = true, .policy = &policy,
	};
	struct stat st;
	int priv __free(priv) = -1;
	int ret = network_leave(err);

	if (ret == 0)
		ret = egress_compile(&rule, 1, &policy, err);
	if (ret == 0 && fstat(cgroup_fd, &st) < 0)
		ret = err_set(err, STEP, errno, "cannot read the rehearsal's cgroup");
	if (ret == 0)
		ret = priv = caps_raise(PRIV_EGRESS, err);
	if (ret == 0)
		ret = nft_open(&nft, err);
	if (ret < 0 || !nft)
		return ret;
	/* No guard over the real parent: the outsider may live below it. */
	cell.cgroup_id = cell.parent_id = st.st_ino;
	ret = nft_cell_add(nft, &cell, err);
	if (ret == 0)
		ret = nft_cell_verify(nft, &cell, err);
	if (ret == 0)
		ret = perform(cgroup_fd, err);
	return ret < 0 ? ret : check_counters(nft, &cell, err);
}

struct stage {
	int cgroup_fd;
	const struct cgroup_parent *parent;
};

static int enter_stage(void *arg, struct error *err)
{
	const struct stage *stage = arg;

	return rehearse_inside(stage->cgroup_fd, stage->parent, err);
}

/* Where the parent is still to be made this is the hierarchy's root, writable for nobody. */
static int raise_for(const struct cgroup_parent *parent, struct error *err)
{
	return parent->id == CGROUP_ROOT_ID ? caps_raise(PRIV_PARENT, err) : 0;
}

static int make_cgroup(const struct cgroup_parent *parent, const char *name, struct error *err)
{
	int priv __free(priv) = raise_for(parent, err);

	if (priv < 0)
		return priv;
	if (mkdirat(parent->fd, name, 0755) < 0)
		return err_set(err, STEP, errno, "cannot make a cgroup below %s", parent->path);
	return 0;
}

static int remove_cgroup(const struct cgroup_parent *parent, const char *name, struct error *err)
{
	int priv __free(priv) = raise_for(parent, err);
	int ret = priv < 0 ? priv : cgroup_leaf_remove(parent, name);

	if (ret < 0 && !err->errnum)
		err_set(err, STEP, ret, "cannot remove %s/%s", parent->path, name);
	return ret;
}

int rehearse_egress(const struct cgroup_parent *parent, struct error *err)
{
	int fd __free(fd) = -EBADF, kill_fd __free(fd) = -EBADF;
	char name[64];
	int ret = 0;

	/* As a leaf that is being made: the lock keeps `reconcile` off. */
	if (parent->lock_fd >= 0)
		ret = cgroup_lock(parent, err);
	if (ret < 0)
		return ret;
	snprintf(name, sizeof(name), LEAF_PREFIX "rehearsal_%d", getpid());
	ret = make_cgroup(parent, name, err);
	if (ret == 0) {
		int end;

		fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		kill_fd = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
		ret = apart(enter_stage, &(struct stage){ fd, parent }, 2 * PATIENCE, STEP, err);
		cgroup_leaf_kill(kill_fd);
		end = remove_cgroup(parent, name, err);
		ret = ret < 0 ? ret : end;
	}
	if (parent->lock_fd >= 0)
		cgroup_unlock(parent);
	return ret;
}
