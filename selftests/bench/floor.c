// SPDX-License-Identifier: MIT
#include "selftests/bench/floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/compat.h"
#include "nft/elements.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/stand.h"

#define STACK_SIZE	(64 * 1024)
#define BATCH_SIZE	(16 * 1024)	/* some 2 KiB are used */
#define ELEMENTS	(5 + BENCH_RULES)
#define LEAF		LEAF_PREFIX BENCH_ID "_00000000-0000-4000-8000-000000000000"

/**
 * struct floor - its state
 * @program: what is spawned
 * @elements: what is added, made once; only the cgroup's id changes
 * @n: how many
 */
struct floor {
	struct stand stand;
	struct mnl_socket *socket;
	const char *program;
	struct element elements[ELEMENTS];
	unsigned int n;
	char batch[BATCH_SIZE];
	size_t used;
	unsigned int seq;
};

struct exec {
	const char *const *argv;
};

static void __attribute__((noreturn)) exec_it(void *arg)
{
	static char *const no_environment[] = { NULL };
	struct exec *exec = arg;

	execve(exec->argv[0], (char *const *)(uintptr_t)exec->argv, no_environment);
	for (;;)
		syscall(SYS_exit_group, 127);
}

int floor_spawn(int cgroup_fd, const char *const *argv)
{
	static char *stack;
	struct exec exec = { argv };
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_PIDFD | CLONE_VM | CLONE_VFORK,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.stack_size = STACK_SIZE,
		.cgroup = (uint64_t)cgroup_fd,
	};
	long pid;

	if (!stack)
		stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		die("no memory");
	args.stack = (uintptr_t)stack;
	pid = sys_clone3_vfork(&args, exec_it, &exec);
	errno = pid < 0 ? (int)-pid : 0;
	if (pid < 0)
		die("floor: clone3");
	return pidfd;
}

void floor_reap(int pidfd)
{
	siginfo_t info;

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		die("floor: waitid");
	close(pidfd);
}

static struct nlmsghdr *begin(struct floor *floor, unsigned int type, unsigned int flags,
			      uint16_t resource)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(floor->batch + floor->used);
	struct nfgenmsg *gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++floor->seq;
	gen->nfgen_family = resource ? AF_UNSPEC : NFPROTO_INET;
	gen->version = NFNETLINK_V0;
	gen->res_id = htons(resource);
	return nlh;
}

static void finish(struct floor *floor, const struct nlmsghdr *nlh)
{
	floor->used += MNL_ALIGN(nlh->nlmsg_len);
}

static void put_userdata(struct nlmsghdr *nlh, const struct element *element)
{
	char data[256];
	size_t n = 0;

	if (element->comment) {
		data[n++] = 0;
		data[n++] = (char)(strlen(element->comment) + 1);
		n = (size_t)(stpcpy(data + n, element->comment) - data) + 1;
	}
	if (element->owner) {
		data[n++] = (char)128;
		data[n++] = 8;
		memcpy(data + n, &element->owner, 8);
		n += 8;
	}
	if (n)
		mnl_attr_put(nlh, NFTA_SET_ELEM_USERDATA, n, data);
}

static void put_element(struct nlmsghdr *nlh, const struct element *element, bool userdata)
{
	struct nlattr *entry = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, set_key_size(&element->set), element->key);
	mnl_attr_nest_end(nlh, key);
	if (userdata)
		put_userdata(nlh, element);
	mnl_attr_nest_end(nlh, entry);
}

static void put_set(struct floor *floor, unsigned int *i, unsigned int type, unsigned int flags)
{
	struct name name = set_name(&floor->elements[*i].set);
	struct nlmsghdr *nlh = begin(floor, NFNL_SUBSYS_NFTABLES << 8 | type, flags, 0);
	const struct set_id *set = &floor->elements[*i].set;
	struct nlattr *list;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, "cellos");
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, name.text);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (; *i < floor->n && set_equal(set, &floor->elements[*i].set); ++*i)
		put_element(nlh, &floor->elements[*i], type == NFT_MSG_NEWSETELEM);
	mnl_attr_nest_end(nlh, list);
	if (*i == floor->n)
		nlh->nlmsg_flags |= NLM_F_ACK;
	finish(floor, nlh);
}

static void transact(struct floor *floor, unsigned int type, unsigned int flags)
{
	const struct nlmsgerr *reply;
	char in[4096];
	ssize_t n;

	floor->used = 0;
	finish(floor, begin(floor, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES));
	for (unsigned int i = 0; i < floor->n; )
		put_set(floor, &i, type, flags);
	finish(floor, begin(floor, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES));
	if (mnl_socket_sendto(floor->socket, floor->batch, floor->used) < 0)
		die("floor: cannot send");
	n = mnl_socket_recvfrom(floor->socket, in, sizeof(in));
	if (n < (ssize_t)(NLMSG_HDRLEN + sizeof(*reply)))
		die("floor: cannot receive");
	reply = mnl_nlmsg_get_payload((struct nlmsghdr *)(void *)in);
	errno = -reply->error;
	if (reply->error)
		die("floor: nf_tables");
}

/* All elements of the cell have its cgroup's id: in the key, or beside it. */
static void set_cgroup(struct floor *floor, uint64_t id)
{
	for (unsigned int i = 0; i < floor->n; i++) {
		if (floor->elements[i].set.kind < SET_CELLS)
			floor->elements[i].owner = id;
		else
			memcpy(floor->elements[i].key, &id, sizeof(id));
	}
}

static int make_leaf(struct floor *floor)
{
	struct stat st;
	int fd;

	if (mkdirat(floor->stand.parent.fd, LEAF, 0755) < 0)
		die("floor: mkdir");
	fd = openat(floor->stand.parent.fd, LEAF, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die("floor: open");
	set_cgroup(floor, st.st_ino);
	return fd;
}

static void floor_sample(void *state, uint64_t *ret_ns)
{
	struct floor *floor = state;
	const char *const argv[] = { floor->program, NULL };
	uint64_t t[6];
	int fd;

	t[0] = clock_ns();
	fd = make_leaf(floor);
	t[1] = clock_ns();
	transact(floor, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	t[2] = clock_ns();
	floor_reap(floor_spawn(fd, argv));
	t[3] = clock_ns();
	transact(floor, NFT_MSG_DELSETELEM, 0);
	close(fd);
	if (unlinkat(floor->stand.parent.fd, LEAF, AT_REMOVEDIR) < 0)
		die("floor: rmdir");
	t[4] = clock_ns();
	ret_ns[LIFE_ALL] = t[4] - t[0];
	for (int i = LIFE_CGROUP; i < LIFE_METRICS; i++)
		ret_ns[i] = t[i] - t[i - 1];
}

/* Does the floor add what the program adds? The program itself is asked. */
static void check_elements(struct floor *floor)
{
	struct nft_cell cell = stand_cell(&floor->stand, BENCH_ID, 1, CELLOS_UID_BASE);
	struct error err = { 0 };
	unsigned int left = 0;

	set_cgroup(floor, cell.cgroup_id);
	transact(floor, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	if (nft_cell_verify(floor->stand.nft, &cell, &err) < 0)
		die("the floor does not add what a cell needs: %s", err.message);
	transact(floor, NFT_MSG_DELSETELEM, 0);
	if (nft_cell_left(floor->stand.nft, &cell, &left, &err) < 0 || left)
		die("the floor leaves %u elements", left);
}

static void *floor_open(const void *arg)
{
	struct floor *floor = calloc(1, sizeof(*floor));
	struct element_list list;
	struct nft_cell cell;

	if (!floor)
		die("no memory");
	floor->program = arg ? arg : place.true_path;
	stand_open(&floor->stand, place.true_path);
	stand_crowd(&floor->stand, 1, true);	/* the one cell keeps the table */
	floor->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!floor->socket || mnl_socket_bind(floor->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		die("floor: netlink");
	cell = stand_cell(&floor->stand, BENCH_ID, 0, CELLOS_UID_BASE);
	list = cell_elements(floor->stand.nft, &cell);
	if (list.n != ELEMENTS)
		die("the cell has %u elements", list.n);
	floor->n = list.n;
	for (unsigned int i = 0; i < list.n; i++)
		list.at(&list, i, &floor->elements[i]);
	check_elements(floor);
	return floor;
}

const struct lane_ops floor_ops = { .open = floor_open, .sample = floor_sample };
