// SPDX-License-Identifier: MIT
#include "helper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "uapi/cellos.h"

#define STACK_SIZE	(32 * 1024)
/*
 * The kept fds: the child's stdin, stdout, stderr, its Landlock ruleset, and what of
 * its init it needs: the program that becomes it, or its pidfd.
 */
#define SLOTS		5
#define SLOT_DOMAIN	3
#define SLOT_INIT	4

/*
 * @request and @done are eventfds: a birth is submitted and reported by one
 * write each, which also orders the memory of the two threads. So are @ask and @go,
 * between a child and the loop's thread.
 */
struct spawner {
	pthread_t thread;
	int request;
	int done;
	int ask;
	int go;
	int slots[SLOTS];
	int null;
	int init_image;		/* made when it is first needed */
	uint64_t ignored;
	char *stack;
	struct child_status *told;	/* by the children of one birth */
	struct spawn *spawn;	/* NULL in a request: end */
	bool abandoned;
	bool lost;		/* the thread did not get back into its own namespaces */
};

/* What one child is given, with the fds of the slots. */
struct birth {
	struct clone_args args;
	void (*enter)(const struct child *child, struct child_status *status);
	struct child child;
	struct child_status *status;
	int pidfd;
};

static void __attribute__((noreturn)) child_main(void *arg)
{
	struct birth *birth = arg;

	birth->enter(&birth->child, birth->status);
	for (;;)
		syscall(SYS_exit_group, 127);
}

static bool take_slot(const struct spawner *spawner, int slot, int *fd)
{
	if (*fd < 0)
		return true;
	if (dup3(*fd, spawner->slots[slot], O_CLOEXEC) < 0)
		return false;
	*fd = spawner->slots[slot];
	return true;
}

static void raise_top(unsigned int *top, int fd)
{
	if (fd >= 0 && (unsigned int)fd > *top)
		*top = (unsigned int)fd;
}

static bool fill_slots(const struct spawner *spawner, struct child *child)
{
	unsigned int top = 0;

	for (int i = 0; i < 3; i++)
		if (!take_slot(spawner, i, &child->stdio[i]))
			return false;
	if (!take_slot(spawner, SLOT_DOMAIN, &child->domain_fd) ||
	    !take_slot(spawner, SLOT_INIT, &child->init_fd))
		return false;
	child->null_fd = spawner->null;
	child->ignored = spawner->ignored;
	raise_top(&top, spawner->null);
	raise_top(&top, spawner->ask);
	raise_top(&top, spawner->go);
	for (int i = 0; i < SLOTS; i++)
		raise_top(&top, spawner->slots[i]);
	child->fd_limit = top + 1;
	return true;
}

/* The kept fds must not keep the cell's pipes open. */
static void clear_slots(const struct spawner *spawner)
{
	for (int i = 0; i < SLOTS; i++)
		dup3(spawner->null, spawner->slots[i], O_CLOEXEC);
}

/* A child begins with what its parent has in effect: it needs it to make its namespaces. */
static long clone_child(struct spawner *spawner, struct spawn *spawn, struct birth *birth)
{
	/* Who may not has been refused, but for a user namespace, which asks for none. */
	int priv __free(priv) = spawn->child.namespaces ? caps_raise(PRIV_NAMESPACES, NULL) : -1;
	long pid;

	birth->args.flags |= CLONE_INTO_CGROUP | CLONE_PIDFD | CLONE_VFORK | CLONE_FILES |
			     CLONE_CLEAR_SIGHAND | CLONE_PARENT_SETTID |
			     (spawn->own_memory ? 0 : CLONE_VM);
	birth->args.pidfd = (uintptr_t)&birth->pidfd;
	birth->args.parent_tid = (uintptr_t)&spawn->asking;
	birth->args.exit_signal = SIGCHLD;
	birth->args.stack = (uintptr_t)spawner->stack;
	birth->args.stack_size = STACK_SIZE;
	birth->args.cgroup = (uint64_t)spawn->cgroup_fd;
	birth->status = spawner->told;
	(void)priv;
	pid = fill_slots(spawner, &birth->child) ?
		sys_clone3_vfork(&birth->args, child_main, birth) : -EBADF;
	clear_slots(spawner);
	spawn->status = *spawner->told;
	return pid;
}

/* The namespace's process 1, and all other namespaces of the cell with it. */
static int bear_init(struct spawner *spawner, struct spawn *spawn)
{
	struct birth birth = {
		.args = { .flags = spawn->child.namespaces->flags & ~(uint64_t)CLONE_NEWTIME },
		.enter = child_become_init,
		.child = spawn->child,
	};
	long pid;

	if (spawner->init_image < 0)
		spawner->init_image = child_init_image();
	if (spawner->init_image < 0) {
		spawn->status = (struct child_status){
			.step = CHILD_EXEC, .errnum = -spawner->init_image,
			.exit_status = CELLOS_EXIT_FAILED, .what = "the init (a memory file)",
		};
		return 0;
	}
	birth.child.init_fd = spawner->init_image;
	birth.child.domain_fd = -EBADF;
	pid = clone_child(spawner, spawn, &birth);
	if (pid < 0)
		return (int)pid;
	spawn->init_pid = (pid_t)pid;
	spawn->init_pidfd = birth.pidfd;
	return 0;
}

static int bear_workload(struct spawner *spawner, struct spawn *spawn)
{
	const struct child_namespaces *ns = spawn->child.namespaces;
	struct birth birth = {
		.args = { .flags = ns ? ns->flags & ~ns->join : 0 },
		.enter = spawn->backend->enter,
		.child = spawn->child,
	};
	long pid;

	/* Who begins a pid namespace, began it. */
	if (ns && ns->init)
		birth.args.flags &= ~(uint64_t)CLONE_NEWPID;
	birth.child.init_fd = spawn->init_pidfd;
	pid = clone_child(spawner, spawn, &birth);
	if (pid < 0)
		return (int)pid;
	spawn->pid = (pid_t)pid;
	spawn->pidfd = birth.pidfd;
	return 0;
}

/*
 * A child is born in the network namespace that its parent thread is in, and in the pid
 * namespace that this thread has chosen for its children: so it is there from its
 * first instruction, and needs no privilege to get there.
 */
static int change(int fd, int type)
{
	int priv __free(priv) = caps_raise(type == CLONE_NEWNET ? PRIV_NETWORK : PRIV_NAMESPACES,
					   NULL);

	(void)priv;	/* as in clone_child() */
	return setns(fd, type) < 0 ? -errno : 0;
}

static int fail(struct spawn *spawn, int errnum, const char *call)
{
	spawn->call = call;
	return errnum;
}

static int bear_beside_init(struct spawner *spawner, struct spawn *spawn)
{
	int home __free(fd) = open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC);
	int ret;

	if (home < 0)
		return fail(spawn, -errno, "open /proc/thread-self/ns/pid");
	ret = bear_init(spawner, spawn);
	if (ret < 0 || spawn->status.step != CHILD_NONE)
		return ret;
	ret = change(spawn->init_pidfd, CLONE_NEWPID);
	if (ret < 0)
		return fail(spawn, ret, "setns into the pid namespace of the cell's init");
	ret = bear_workload(spawner, spawn);
	spawner->lost |= change(home, CLONE_NEWPID) < 0;
	return ret;
}

static int bear(struct spawner *spawner, struct spawn *spawn)
{
	return spawn->child.namespaces && spawn->child.namespaces->init ?
		bear_beside_init(spawner, spawn) : bear_workload(spawner, spawn);
}

static int bear_in_network(struct spawner *spawner, struct spawn *spawn)
{
	int home __free(fd) = -EBADF;
	int ret;

	if (spawner->lost)
		return fail(spawn, -ENOTRECOVERABLE, "setns back out of the last cell");
	if (spawn->net_fd < 0)
		return bear(spawner, spawn);
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ret = home < 0 ? -errno : change(spawn->net_fd, CLONE_NEWNET);
	if (ret < 0)
		return fail(spawn, ret, "setns into the cell's network namespace");
	ret = bear(spawner, spawn);
	spawner->lost |= change(home, CLONE_NEWNET) < 0;
	return ret;
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
		*spawner->told = (struct child_status){ .step = CHILD_NONE };
		spawner->spawn->errnum = -bear_in_network(spawner, spawner->spawn);
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
	spawner->ask = eventfd(0, EFD_CLOEXEC);
	spawner->go = eventfd(0, EFD_CLOEXEC);
	return spawner->request < 0 || spawner->done < 0 || spawner->ask < 0 ||
	       spawner->go < 0 ? -errno : 0;
}

/*
 * A stack with a guard page below it. Its pages are brought in here: one that a
 * child touches first is charged to the cell and, as long as the helper lives,
 * keeps the remains of the cell's cgroup; and in a cell without room for it the
 * page fault is tried again for ever. A child with memory of its own copies what it
 * touches, which is its cell's and goes with it.
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

/*
 * Shared also with a child that has a copy of all else. Brought in like the stack, and
 * what @what of it points to was there before the clone, at the same address.
 */
static struct child_status *make_told(void)
{
	void *map = mmap(NULL, sizeof(struct child_status), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

static void release(struct spawner *spawner)
{
	for (int i = 0; i < SLOTS; i++)
		fd_close(&spawner->slots[i]);
	fd_close(&spawner->null);
	fd_close(&spawner->request);
	fd_close(&spawner->done);
	fd_close(&spawner->ask);
	fd_close(&spawner->go);
	fd_close(&spawner->init_image);
	if (spawner->stack)
		munmap(spawner->stack - 4096, STACK_SIZE + 4096);
	if (spawner->told)
		munmap(spawner->told, sizeof(*spawner->told));
	free(spawner);
}

int spawner_open(struct spawner **ret, struct error *err)
{
	struct spawner *spawner = calloc(1, sizeof(*spawner));
	int status;

	if (!spawner)
		return err_set(err, "spawner", ENOMEM, "no memory for the spawner");
	spawner->null = spawner->request = spawner->done = -EBADF;
	spawner->ask = spawner->go = spawner->init_image = -EBADF;
	for (int i = 0; i < SLOTS; i++)
		spawner->slots[i] = -EBADF;
	spawner->ignored = child_ignored_signals();
	spawner->stack = make_stack();
	spawner->told = make_told();
	status = spawner->stack && spawner->told ? keep_low_fds(spawner) : -ENOMEM;
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

/* A child that died while it asked may have left its question, or the answer to it. */
static void forget(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	eventfd_t n;

	if (poll(&p, 1, 0) == 1)
		eventfd_read(fd, &n);
}

int spawner_submit(struct spawner *spawner, struct spawn *spawn)
{
	spawn->pidfd = spawn->init_pidfd = -EBADF;
	if (spawn->child.namespaces && spawn->child.namespaces->ask >= 0) {
		forget(spawner->ask);
		forget(spawner->go);
	}
	spawner->spawn = spawn;
	return eventfd_write(spawner->request, 1) < 0 ? -errno : 0;
}

int spawner_done_fd(const struct spawner *spawner)
{
	return spawner->done;
}

int spawner_ask_fd(const struct spawner *spawner)
{
	return spawner->ask;
}

int spawner_go_fd(const struct spawner *spawner)
{
	return spawner->go;
}

int spawner_answer(const struct spawner *spawner)
{
	eventfd_t n;

	eventfd_read(spawner->ask, &n);
	return eventfd_write(spawner->go, 1) < 0 ? -errno : 0;
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
