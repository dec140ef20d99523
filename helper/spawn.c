// SPDX-License-Identifier: MIT
#include "helper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "helper/caps.h"
#include "lib/cleanup.h"
#include "lib/compat.h"

#define STACK_SIZE	(32 * 1024)
/* The kept fds: the child's stdin, stdout, stderr and Landlock ruleset. */
#define SLOTS		4
#define SLOT_DOMAIN	3

/*
 * @request and @done are eventfds: a birth is submitted and reported by one
 * write each, which also orders the memory of the two threads.
 */
struct spawner {
	pthread_t thread;
	int request;
	int done;
	int slots[SLOTS];
	int null;
	char *stack;
	struct spawn *spawn;	/* NULL in a request: end */
	bool abandoned;
	bool lost;		/* the thread did not get back into its network namespace */
};

struct birth {
	struct clone_args args;
	const struct spawn *spawn;
	struct child_status *status;
};

static void __attribute__((noreturn)) child_main(void *arg)
{
	struct birth *birth = arg;

	birth->spawn->backend->enter(&birth->spawn->child, birth->status);
	for (;;)
		syscall(SYS_exit_group, 127);
}

static bool take_slot(const struct spawner *spawner, int slot, int *fd)
{
	if (dup3(*fd, spawner->slots[slot], O_CLOEXEC) < 0)
		return false;
	*fd = spawner->slots[slot];
	return true;
}

static bool fill_slots(const struct spawner *spawner, struct spawn *spawn)
{
	struct child *child = &spawn->child;
	int top = 0;

	for (int i = 0; i < 3; i++)
		if (!take_slot(spawner, i, &child->stdio[i]))
			return false;
	if (child->domain_fd >= 0 && !take_slot(spawner, SLOT_DOMAIN, &child->domain_fd))
		return false;
	for (int i = 0; i < SLOTS; i++)
		if (spawner->slots[i] > top)
			top = spawner->slots[i];
	child->fd_limit = (unsigned int)top + 1;
	return true;
}

/* The kept fds must not keep the cell's pipes open. */
static void clear_slots(const struct spawner *spawner)
{
	for (int i = 0; i < SLOTS; i++)
		dup3(spawner->null, spawner->slots[i], O_CLOEXEC);
}

/*
 * A child is born in the network namespace that its parent thread is in: so it is
 * there from its first instruction, and needs no privilege to get there.
 */
static long change_network(int fd)
{
	int priv __free(priv) = caps_raise(PRIV_NETWORK, NULL);

	return priv < 0 ? priv : setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

static long clone_inside(struct spawner *spawner, struct birth *birth, int net_fd)
{
	int home __free(fd) = -EBADF;
	long pid;

	if (net_fd < 0)
		return sys_clone3_vfork(&birth->args, child_main, birth);
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return -errno;
	pid = change_network(net_fd);
	if (pid < 0)
		return pid;
	pid = sys_clone3_vfork(&birth->args, child_main, birth);
	spawner->lost = change_network(home) < 0;
	return pid;
}

static void give_birth(struct spawner *spawner, struct spawn *spawn)
{
	int pidfd = -EBADF;
	struct birth birth = {
		.args = {
			.flags = CLONE_INTO_CGROUP | CLONE_PIDFD | CLONE_VM | CLONE_VFORK |
				 CLONE_FILES | CLONE_CLEAR_SIGHAND,
			.pidfd = (uintptr_t)&pidfd,
			.exit_signal = SIGCHLD,
			.stack = (uintptr_t)spawner->stack,
			.stack_size = STACK_SIZE,
			.cgroup = (uint64_t)spawn->cgroup_fd,
		},
		.spawn = spawn,
		.status = &spawn->status,
	};
	long pid = -EBADF;

	if (spawner->lost)
		pid = -ENOTRECOVERABLE;
	else if (fill_slots(spawner, spawn))
		pid = clone_inside(spawner, &birth, spawn->net_fd);
	clear_slots(spawner);
	spawn->errnum = pid < 0 ? (int)-pid : 0;
	spawn->pid = pid < 0 ? 0 : (pid_t)pid;
	spawn->pidfd = pid < 0 ? -EBADF : pidfd;
}

static void *spawner_main(void *arg)
{
	struct spawner *spawner = arg;
	eventfd_t n;

	for (;;) {
		if (eventfd_read(spawner->request, &n) < 0)
			continue;
		if (!spawner->spawn)
			return NULL;
		give_birth(spawner, spawner->spawn);
		eventfd_write(spawner->done, 1);
	}
}

static int keep_low_fds(struct spawner *spawner)
{
	spawner->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (spawner->null < 0)
		return -errno;
	for (int i = 0; i < SLOTS; i++) {
		spawner->slots[i] = fcntl(spawner->null, F_DUPFD_CLOEXEC, 3);
		if (spawner->slots[i] < 0)
			return -errno;
	}
	spawner->request = eventfd(0, EFD_CLOEXEC);
	spawner->done = eventfd(0, EFD_CLOEXEC);
	return spawner->request < 0 || spawner->done < 0 ? -errno : 0;
}

/*
 * A stack with a guard page below it. Its pages are brought in here: one that a
 * child touches first is charged to the cell and, as long as the helper lives,
 * keeps the remains of the cell's cgroup; and in a cell without room for it the
 * page fault is tried again for ever.
 */
static char *make_stack(void)
{
	const size_t guard = 4096;
	char *map = mmap(NULL, STACK_SIZE + guard, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_POPULATE, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map, guard, PROT_NONE) < 0) {
		munmap(map, STACK_SIZE + guard);
		return NULL;
	}
	return map + guard;
}

static void release(struct spawner *spawner)
{
	for (int i = 0; i < SLOTS; i++)
		fd_close(&spawner->slots[i]);
	fd_close(&spawner->null);
	fd_close(&spawner->request);
	fd_close(&spawner->done);
	if (spawner->stack)
		munmap(spawner->stack - 4096, STACK_SIZE + 4096);
	free(spawner);
}

int spawner_open(struct spawner **ret, struct error *err)
{
	struct spawner *spawner = calloc(1, sizeof(*spawner));
	int status;

	if (!spawner)
		return err_set(err, "spawner", ENOMEM, "no memory for the spawner");
	spawner->null = spawner->request = spawner->done = -EBADF;
	for (int i = 0; i < SLOTS; i++)
		spawner->slots[i] = -EBADF;
	spawner->stack = make_stack();
	status = spawner->stack ? keep_low_fds(spawner) : -ENOMEM;
	if (status == 0)
		status = -pthread_create(&spawner->thread, NULL, spawner_main, spawner);
	if (status < 0) {
		release(spawner);
		err_set(err, "spawner", status, "cannot start the spawner thread");
		if (status == -EMFILE)
			err_hint(err, "raise RLIMIT_NOFILE (ulimit -n) to 64 or more");
		return status;
	}
	*ret = spawner;
	return 0;
}

void spawner_abandon(struct spawner *spawner)
{
	spawner->abandoned = true;
}

void spawner_close(struct spawner *spawner)
{
	if (!spawner || spawner->abandoned)
		return;
	spawner->spawn = NULL;
	eventfd_write(spawner->request, 1);
	pthread_join(spawner->thread, NULL);
	release(spawner);
}

int spawner_submit(struct spawner *spawner, struct spawn *spawn)
{
	spawn->pidfd = -EBADF;
	spawner->spawn = spawn;
	return eventfd_write(spawner->request, 1) < 0 ? -errno : 0;
}

int spawner_done_fd(const struct spawner *spawner)
{
	return spawner->done;
}

void spawner_collect(struct spawner *spawner)
{
	eventfd_t n;

	eventfd_read(spawner->done, &n);
}

int spawn_probe(void)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&args.set_tid,	/* never written: the clone fails */
		.exit_signal = SIGCHLD,
		.cgroup = UINT32_MAX >> 1,
	};

	/* No such cgroup fd: EBADF says that all else is understood. */
	if (syscall(SYS_clone3, &args, sizeof(args)) == 0)
		_exit(127);
	return errno == EBADF ? 0 : -errno;
}
