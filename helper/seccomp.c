// SPDX-License-Identifier: MIT
/* Which of the filters that seccomp_gen made fits a cell, and whether this kernel takes it. */
#include "helper/seccomp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "lib/cleanup.h"

#define REMEDY	"a kernel with CONFIG_SECCOMP_FILTER; a filter around the helper may forbid more"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error where the lower half of an argument lies, see seccomp_gen.c
#endif
#define NUMBER		offsetof(struct seccomp_data, nr)
#define LOWER(arg)	(offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (arg))
#define LOAD(offset)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define FAIL(errnum)	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (errnum))
#define TYPE_MASK	0xf	/* the bits above it are flags */

/*
 * Not by seccomp_gen: it would double the number of its programs. Other architectures, for
 * which these numbers mean something else, are killed by the floor, which stands below; and
 * of int arguments the kernel takes the lower half, as is done here. A type that is not
 * known today fails, too.
 */
static const struct sock_filter no_unix[] = {
	LOAD(NUMBER),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 4, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),

	LOAD(LOWER(0)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 6),
	FAIL(EAFNOSUPPORT),

	/* No other family has pairs. */
	LOAD(LOWER(1)),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_SEQPACKET, 1, 0),
	FAIL(ESOCKTNOSUPPORT),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* Constant, but struct sock_fprog has no word for it. */
const struct sock_fprog filter_no_unix = {
	ARRAY_SIZE(no_unix), (struct sock_filter *)(uintptr_t)no_unix,
};

int filter_available(struct error *err)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	int errnum;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return 0;
	errnum = errno;
	err_set(err, "seccomp", errnum, "this kernel cannot filter system calls");
	err_hint(err, REMEDY);
	return -errnum;
}

static unsigned int protocol_bit(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_SCTP:
		return FILTER_SCTP;
	case IPPROTO_ICMP:
		return FILTER_ICMP;
	case IPPROTO_ICMPV6:
		return FILTER_ICMPV6;
	default:
		return 0;
	}
}

unsigned int filter_variant(const struct filter_needs *needs)
{
	unsigned int variant = needs->enforced ? 0 : FILTER_SCTP | FILTER_ICMP | FILTER_ICMPV6;

	for (unsigned int i = 0; needs->enforced && i < needs->policy->n_keys; i++)
		variant |= protocol_bit(needs->policy->keys[i].protocol);
	variant |= needs->own_netns ? FILTER_OWN_NETNS : 0;
	variant |= needs->own_ipc ? FILTER_OWN_IPC : 0;
	variant |= needs->baseline ? FILTER_BASELINE : 0;
	return variant;
}

/* In a process of its own: 0, or the errno of what is not as it has to be. */
static int try_filter(const struct sock_fprog *program)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0)
		return errno;
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0)
		return errno;
	if (socket(AF_PACKET, SOCK_DGRAM, 0) >= 0 || errno != EAFNOSUPPORT)
		return EPROTO;
	return syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS ? 0 : EPROTO;
}

int filter_probe(struct error *err)
{
	int status = 0, ret = filter_available(err);
	pid_t pid;

	if (ret < 0)
		return ret;
	pid = fork();
	if (pid == 0)
		_exit(try_filter(&filter_programs[FILTER_BASELINE]));
	if (pid < 0)
		return err_set(err, "seccomp", errno, "cannot try a filter");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	ret = WIFEXITED(status) ? WEXITSTATUS(status) : EPROTO;
	err_set(err, "seccomp", ret, "a filter of system calls does not work");
	err_hint(err, REMEDY);
	return -ret;
}
