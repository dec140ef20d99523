// SPDX-License-Identifier: MIT
#include "selftests/root/failing_call.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"

static struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0 /* nr */, 0, 3),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0 /* arg */, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO /* | errnum */),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

void failing_call(unsigned int nr, unsigned int arg, int errnum)
{
	filter[1].k = nr;
	filter[3].k = arg;
	/* Whatever the argument: the jump that asks for it goes on in both cases. */
	filter[3].jf = arg == ANY ? 0 : 1;
	filter[4].k = SECCOMP_RET_ERRNO | (unsigned int)errnum;
}

int failing_call_install(unsigned int flags)
{
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) ? -1 : 0;
}
