// SPDX-License-Identifier: MIT
/*
 * Makes a socket, connects it and sends "hello" by an io_uring alone, without
 * the system calls for that: workload_bypass_ring ADDRESS PORT. Prints what
 * became of the ring, and of each step, on a line: "ok" or the name of an errno.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	struct io_uring_params params;
	unsigned char *queues;		/* both, in one mapping */
	struct io_uring_sqe *sqes;
};

static void told(int result)
{
	printf("%s\n", result < 0 ? strerrorname_np(-result) : "ok");
	fflush(stdout);
}

static int ring_open(struct ring *ring)
{
	size_t size;

	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &ring->params);
	if (ring->fd < 0)
		return -errno;
	size = ring->params.cq_off.cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe);
	ring->queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			    IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, 4 * sizeof(*ring->sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
			  ring->fd, IORING_OFF_SQES);
	return ring->queues == MAP_FAILED || ring->sqes == MAP_FAILED ? -errno : 0;
}

static unsigned int *at(const struct ring *ring, uint32_t offset)
{
	return (unsigned int *)(uintptr_t)(ring->queues + offset);
}

/* One request, and its result. */
static int ask(const struct ring *ring, const struct io_uring_sqe *request)
{
	unsigned int *tail = at(ring, ring->params.sq_off.tail);
	unsigned int *head = at(ring, ring->params.cq_off.head);
	unsigned int slot = *tail & (ring->params.sq_entries - 1);
	struct io_uring_cqe *cqes = (void *)at(ring, ring->params.cq_off.cqes);
	int result;

	ring->sqes[slot] = *request;
	at(ring, ring->params.sq_off.array)[slot] = slot;
	atomic_store((_Atomic unsigned int *)tail, *tail + 1);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	result = cqes[*head & (ring->params.cq_entries - 1)].res;
	atomic_store((_Atomic unsigned int *)head, *head + 1);
	return result;
}

static void try_protocol(const struct ring *ring, int type, const struct sockaddr_in *to)
{
	static const char hello[] = "hello";
	int fd = ask(ring, &(struct io_uring_sqe){
		.opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = (uint64_t)type,
	});

	told(fd);
	told(ask(ring, &(struct io_uring_sqe){
		.opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t)to, .off = sizeof(*to),
	}));
	told(ask(ring, &(struct io_uring_sqe){
		.opcode = IORING_OP_SEND, .fd = fd, .addr = (uintptr_t)hello, .len = 5,
		.msg_flags = MSG_NOSIGNAL,
	}));
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct ring ring = { 0 };
	int r;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((in_port_t)strtoul(argv[2], NULL, 10));
	r = ring_open(&ring);
	told(r);
	if (r < 0)
		return 0;
	try_protocol(&ring, SOCK_DGRAM, &to);
	try_protocol(&ring, SOCK_STREAM, &to);
	return 0;
}
