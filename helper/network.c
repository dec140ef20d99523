// SPDX-License-Identifier: MIT
#include "helper/network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/caps.h"
#include "helper/cell.h"
#include "lib/cleanup.h"
#include "nft/sockets.h"

#define STEP	"network"

static int own_namespace(struct error *err)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_set(err, STEP, errno, "cannot open /proc/thread-self/ns/net") : fd;
}

static int loopback_up(struct error *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd __free(fd) = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_set(err, STEP, errno, "cannot bring the loopback device up");
	return 0;
}

/*
 * Runs inside the namespace @fd, or one that is made; comes back in any case. A
 * netlink socket belongs to the namespace that it was opened in.
 */
static int open_inside(struct network *network, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_NETWORK, err);
	int home __free(fd) = -EBADF;
	int ret = 0;

	if (priv < 0)
		return priv;
	home = own_namespace(err);
	if (home < 0)
		return home;
	if (network->fd >= 0 ? setns(network->fd, CLONE_NEWNET) : unshare(CLONE_NEWNET))
		return err_set(err, STEP, errno, network->fd >= 0 ?
			       "cannot enter the network namespace" :
			       "cannot make a network namespace");
	if (network->fd < 0) {
		ret = loopback_up(err);
		network->fd = ret < 0 ? ret : own_namespace(err);
	}
	if (network->fd >= 0)
		ret = nft_open(&network->nft, err);
	if (network->nft && network->sockets < 0)
		network->sockets = sockets_open(NULL);
	if (setns(home, CLONE_NEWNET) < 0) {
		/* Whatever it did next, it would do in the wrong place. */
		dprintf(STDERR_FILENO, "cellos-helper: network: cannot return to the helper's own "
			"network namespace: %s\n", strerror(errno));
		_exit(CELLOS_EXIT_FAILED);
	}
	return network->fd < 0 ? network->fd : ret;
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

static bool is_network(int fd)
{
	return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

uint64_t network_of_first(void)
{
	struct stat st;

	return stat("/proc/1/ns/net", &st) < 0 ? 0 : st.st_ino;
}

/* The host's is the helper's own and that of its first process. */
static bool is_host(const struct cell *cell, uint64_t inode)
{
	return inode == cell->host->netns || inode == cell->network.first;
}

int network_open_path(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	fd = err_set(err, STEP, errno, "cannot open the network namespace %s", path);
	err_hint(err, "ip netns add NAME makes /run/netns/NAME");
	return fd;
}

static int take_path(struct cell *cell, const char *path, struct error *err)
{
	int *fd = &cell->network.fd;

	if (*fd < 0)
		*fd = network_open_path(path, err);
	if (*fd < 0)
		return *fd;
	if (!is_network(*fd))
		return err_set(err, STEP, EINVAL, "%s is no network namespace", path);
	if (!is_host(cell, inode_of(*fd)))
		return 0;
	err_set(err, STEP, EINVAL, "%s is the host's own network namespace", path);
	err_hint(err, "leave out --netns for a cell in it");
	return -EINVAL;
}

static void name_table(struct cell *cell)
{
	char segment[CELLOS_LEAF_ID_MAX + 1], table[NETWORK_TABLE_MAX];

	cgroup_leaf_segment(cell->identity.id, segment);
	snprintf(table, sizeof(table), "cellos_%s", segment);
	nft_use_private(cell->network.nft, table, cell->identity.net == CELLOS_NET_OWN);
	if (cell->host->loop)
		loop_outlive(cell->host->loop, nft_fd(cell->network.nft));
}

int network_up(struct cell *cell, struct error *err)
{
	struct identity *id = &cell->identity;
	int ret = 0;

	if (id->net == CELLOS_NET_HOST)
		return 0;
	if (id->net == CELLOS_NET_PATH)
		ret = take_path(cell, id->net_path, err);
	if (ret == 0)
		ret = open_inside(&cell->network, err);
	if (ret < 0)
		return ret;
	id->net_inode = inode_of(cell->network.fd);
	name_table(cell);
	return 0;
}

/* Is this the namespace that the cell was made in? Then it is taken. */
static bool take_if_same(struct cell *cell, const char *path)
{
	int fd __free(fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || !is_network(fd) || inode_of(fd) != cell->identity.net_inode)
		return false;
	cell->network.fd = take_fd(&fd);
	return true;
}

static bool take_from_process(pid_t pid, void *arg)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	return !take_if_same(arg, path);
}

int network_find(struct cell *cell, struct error *err)
{
	const struct identity *id = &cell->identity;
	int ret;

	if (id->net == CELLOS_NET_HOST || cell->network.nft || cell->network.gone)
		return 0;
	if (cell->network.fd < 0 && id->net == CELLOS_NET_PATH)
		take_if_same(cell, id->net_path);
	if (cell->network.fd < 0) {
		int priv __free(priv) = caps_raise(PRIV_NETWORK_FIND, err);

		if (priv < 0)
			return priv;
		if (id->net != CELLOS_NET_PATH || !take_if_same(cell, id->net_path))
			cgroup_leaf_processes(cell->leaf_fd, take_from_process, cell);
	}
	if (cell->network.fd < 0) {
		cell->network.gone = true;
		return 0;
	}
	ret = open_inside(&cell->network, err);
	if (ret == 0)
		name_table(cell);
	return ret;
}

int network_leave(struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_NETWORK, err);

	if (priv < 0)
		return priv;
	if (unshare(CLONE_NEWNET) < 0)
		return err_set(err, STEP, errno, "cannot make a network namespace");
	return loopback_up(err);
}

void network_done(struct network *network)
{
	if (network->nft)
		nft_close(network->nft);
	network->nft = NULL;
	fd_close(&network->sockets);
	fd_close(&network->fd);
}
