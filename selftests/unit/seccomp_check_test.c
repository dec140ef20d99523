// SPDX-License-Identifier: MIT
/*
 * The check of compiled filters: what it says is wrong, and that it draws the line where
 * the kernel of this machine does, by thousands of programs that are given to both.
 */
#include "helper/seccomp_check.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "helper/seccomp.h"
#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/unit/bpf_run.h"

#if defined(__x86_64__)
#define NATIVE		AUDIT_ARCH_X86_64
#else
#define NATIVE		AUDIT_ARCH_AARCH64
#endif
#define NR		offsetof(struct seccomp_data, nr)
#define ARCH		offsetof(struct seccomp_data, arch)
#define ARG		offsetof(struct seccomp_data, args)
#define ALLOW		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define LOAD(offset)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define OPS_MAX		24

struct program {
	struct sock_filter ops[OPS_MAX];
	size_t n;
};

#define OPS(...)	.ops = { __VA_ARGS__ }, \
	.n = sizeof((struct sock_filter[]){ __VA_ARGS__ }) / sizeof(struct sock_filter)

/* ---- what is wrong ---- */

static const struct fault {
	struct sock_filter ops[OPS_MAX];
	size_t n;
	const char *message;
} faults[] = {
	{ OPS(BPF_STMT(BPF_LD | BPF_IMM, 7)),
	  "instruction 0, the last one, does not return" },
	{ OPS(ALLOW, BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0)),
	  "instruction 1 jumps past the last one" },
	{ OPS(LOAD(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), ALLOW),
	  "instruction 1 jumps past the last one" },
	{ OPS(LOAD(0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_X, 1, 200, 0), ALLOW),
	  "instruction 1 jumps past the last one" },
	{ OPS(BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), ALLOW),
	  "instruction 0 jumps past the last one" },
	{ OPS(LOAD(2), ALLOW),
	  "instruction 0 loads from where struct seccomp_data has no aligned word" },
	{ OPS(LOAD(sizeof(struct seccomp_data)), ALLOW),
	  "instruction 0 loads from where struct seccomp_data has no aligned word" },
	{ OPS(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), ALLOW),
	  "instruction 0 has an opcode that no filter of system calls has" },
	{ OPS(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ALLOW),
	  "instruction 0 has an opcode that no filter of system calls has" },
	{ OPS(BPF_STMT(0xff06, 0), ALLOW),
	  "instruction 0 has an opcode that no filter of system calls has" },
	{ OPS(LOAD(0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ALLOW),
	  "instruction 1 divides by 0" },
	{ OPS(LOAD(0), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 32), ALLOW),
	  "instruction 1 shifts a word by more than 31 bits" },
	{ OPS(BPF_STMT(BPF_ST, 16), ALLOW),
	  "instruction 0 uses a memory word that is not there" },
	{ OPS(BPF_STMT(BPF_LDX | BPF_MEM, 3), ALLOW),
	  "instruction 0 reads a memory word that may not be written" },
	/* Written on one of two ways. */
	{ OPS(LOAD(0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_ST, 0),
	      BPF_STMT(BPF_LD | BPF_MEM, 0), ALLOW),
	  "instruction 3 reads a memory word that may not be written" },
	{ .n = 0, .message = "a filter without instructions" },
};

TEST(faults_are_named_with_their_instruction)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct error err = { 0 };

		EXPECT_EQ(-EINVAL, filter_check(faults[i].ops, faults[i].n, &err));
		EXPECT_STREQ(faults[i].message, err.message);
		EXPECT_STREQ("seccomp", err.step);
	}
}

TEST(programs_of_the_helper_are_sound)
{
	for (unsigned int v = 0; v < FILTER_VARIANTS; v++) {
		struct error err = { 0 };

		EXPECT_EQ(0, filter_check(filter_programs[v].filter, filter_programs[v].len, &err))
			TH_LOG("filter %u: %s", v, err.message);
		EXPECT_EQ(0, filter_lets_start(&filter_programs[v], &err));
	}
}

TEST(size_has_a_limit)
{
	static struct sock_filter ops[FILTER_OPS_MAX + 1];
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = (struct sock_filter)ALLOW;
	EXPECT_EQ(0, filter_check(ops, FILTER_OPS_MAX, &err));
	EXPECT_EQ(-E2BIG, filter_check(ops, FILTER_OPS_MAX + 1, &err));
	EXPECT_STREQ("a filter of more than 4096 instructions", err.message);
}

/* ---- the kernel says the same ---- */

static uint64_t state;

/* xorshift64* */
static uint32_t any(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) % below;
}

/* To whom there is nothing left to call: the filter may have closed exit(2). */
static void install(const struct program *program, volatile int *said)
{
	const struct sock_fprog prog = {
		(unsigned short)program->n, (struct sock_filter *)(uintptr_t)program->ops,
	};
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		__builtin_trap();
	*said = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? errno : 0;
	__builtin_trap();
}

/* 0 or an errno; -1: nothing was said. */
static int kernel_says(const struct program *program, volatile int *said)
{
	pid_t pid;

	*said = -1;
	pid = fork();
	if (pid == 0)
		install(program, said);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return *said;
}

static bool agrees(struct __test_metadata *_metadata, const struct program *program,
		   volatile int *said, int *ret_ours)
{
	struct error err = { 0 };
	int theirs = kernel_says(program, said);

	*ret_ours = -filter_check(program->ops, program->n, &err);
	if (*ret_ours == theirs)
		return true;
	TH_LOG("kernel: %d, check: %d %s", theirs, *ret_ours, err.message);
	for (size_t i = 0; i < program->n; i++)
		TH_LOG("%zu: { %#x, %u, %u, %#x }", i, program->ops[i].code, program->ops[i].jt,
		       program->ops[i].jf, program->ops[i].k);
	return false;
}

FIXTURE(kernel) { volatile int *said; };

FIXTURE_SETUP(kernel)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		SKIP(return, "this kernel has no filters: CONFIG_SECCOMP_FILTER");
	self->said = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)(uintptr_t)self->said);
	state = 0x5eccc0de;
}

FIXTURE_TEARDOWN(kernel)
{
	munmap((void *)(uintptr_t)self->said, sizeof(int));
}

/* Each opcode there could be, with harmless and with bad operands. */
TEST_F(kernel, agrees_on_each_opcode)
{
	static const uint32_t operands[] = { 0, 4, 16, 31, 64 };

	for (uint32_t code = 0; code < 0x200; code++) {
		for (size_t i = 0; i < ARRAY_SIZE(operands); i++) {
			struct program program = {
				OPS(BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_ST, 0),
				    BPF_STMT((uint16_t)code, operands[i]), ALLOW, ALLOW, ALLOW,
				    ALLOW, ALLOW),
			};
			int ours;

			ASSERT_TRUE(agrees(_metadata, &program, self->said, &ours));
		}
	}
}

static const uint16_t common_ops[] = {
	BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM, BPF_LD | BPF_MEM,
	BPF_LDX | BPF_MEM, BPF_ST, BPF_STX, BPF_ST, BPF_STX, BPF_MISC | BPF_TAX,
	BPF_MISC | BPF_TXA, BPF_ALU | BPF_ADD | BPF_X, BPF_ALU | BPF_AND | BPF_K,
	BPF_ALU | BPF_RSH | BPF_K, BPF_ALU | BPF_DIV | BPF_K, BPF_ALU | BPF_NEG,
	BPF_ALU | BPF_LSH | BPF_X, BPF_ALU | BPF_SUB | BPF_K, BPF_JMP | BPF_JA,
	BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JGT | BPF_K, BPF_JMP | BPF_JSET | BPF_X,
	BPF_JMP | BPF_JGE | BPF_X, BPF_RET | BPF_K, BPF_RET | BPF_A, BPF_LD | BPF_W | BPF_LEN,
};

/* Mostly sound, so that the interesting faults are met. */
static void make_program(struct program *program)
{
	program->n = 1 + any(OPS_MAX);
	for (size_t i = 0; i < program->n; i++) {
		uint16_t code = common_ops[any(ARRAY_SIZE(common_ops))];
		uint32_t room = (uint32_t)(program->n - i);

		program->ops[i] = (struct sock_filter)
			BPF_JUMP(code, any(8), (uint8_t)any(room), (uint8_t)any(room));
		if (code == (BPF_LD | BPF_W | BPF_ABS))
			program->ops[i].k = 4 * any(16);
		else if (code == (BPF_JMP | BPF_JA))
			program->ops[i].k = any(room);
		else if (BPF_CLASS(code) == BPF_JMP && any(4))
			program->ops[i].jt = program->ops[i].jf = 0;
	}
	program->ops[program->n - 1] = (struct sock_filter)ALLOW;
}

static void mutate(struct program *program)
{
	struct sock_filter *op = &program->ops[any((uint32_t)program->n)];

	switch (any(6)) {
	case 0:
		op->code = (uint16_t)any(0x100);
		break;
	case 1:
		op->k = any(80);
		break;
	case 2:
		op->k = UINT32_MAX - any(0x1100);	/* near here: SKF_AD_OFF */
		break;
	case 3:
		op->jt = (uint8_t)any(OPS_MAX);
		break;
	case 4:
		op->jf = (uint8_t)any(0x100);
		break;
	default:
		program->n = 1 + any((uint32_t)program->n);
	}
}

TEST_F(kernel, agrees_on_thousands_of_programs)
{
	unsigned int verdicts[2] = { 0, 0 };

	for (int i = 0; i < (int)laps(4000); i++) {
		struct program program;
		int ours;

		make_program(&program);
		for (uint32_t n = any(3); n > 0; n--)
			mutate(&program);
		ASSERT_TRUE(agrees(_metadata, &program, self->said, &ours));
		verdicts[ours != 0]++;
	}
	/* A test that only met one of the two would mean little. */
	EXPECT_GT(verdicts[0], laps(500));
	EXPECT_GT(verdicts[1], laps(500));
}

/* ---- what it says to a call ---- */

static const struct answer {
	struct sock_filter ops[OPS_MAX];
	size_t n;
	const char *message;	/* NULL: something can start, or only trying can tell */
} answers[] = {
	{ OPS(ALLOW), NULL },
	{ OPS(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG)), NULL },
	{ OPS(KILL), "the filter answers execve(2) with death: nothing could start" },
	{ OPS(BPF_STMT(BPF_RET | BPF_K, 0x12340000)),
	  "the filter answers execve(2) with death: nothing could start" },
	{ OPS(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)),
	  "the filter answers execve(2) with SIGSYS: nothing could start" },
	{ OPS(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)), "the filter answers execve(2) "
	  "with a question to a supervisor that is not there: nothing could start" },
	/* A list of what is allowed that does not have it. */
	{ OPS(LOAD(ARCH), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0), KILL, LOAD(NR),
	      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 1, 0),
	      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), ALLOW),
	  "the filter answers execve(2) with an error: nothing could start" },
	/* One for another machine. */
	{ OPS(LOAD(ARCH), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_RISCV64, 1, 0), KILL,
	      ALLOW),
	  "the filter answers execve(2) with death: nothing could start" },
	/* By way of memory, both registers and all kinds of arithmetic. */
	{ OPS(LOAD(NR), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3),
	      BPF_STMT(BPF_LD | BPF_IMM, 2), BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0),
	      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), KILL, ALLOW),
	  "the filter answers execve(2) with death: nothing could start" },
	/* It hangs on an argument. */
	{ OPS(LOAD(ARG), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), ALLOW, KILL), NULL },
	{ OPS(LOAD(ARG), BPF_STMT(BPF_RET | BPF_A, 0)), NULL },
	{ OPS(LOAD(ARG), BPF_STMT(BPF_LDX | BPF_IMM, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
	      KILL), NULL },
};

TEST(filter_under_which_nothing_can_start_is_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct sock_fprog program = {
			(unsigned short)answers[i].n,
			(struct sock_filter *)(uintptr_t)answers[i].ops,
		};
		struct error err = { 0 };

		EXPECT_EQ(0, filter_check(program.filter, program.len, &err));
		EXPECT_EQ(answers[i].message ? -EINVAL : 0, filter_lets_start(&program, &err));
		EXPECT_STREQ(answers[i].message ?: "", err.message);
	}
}

/* Whatever it decides by the number alone holds for all arguments. */
TEST(answers_hold_for_all_arguments)
{
	unsigned int decided = 0;

	state = 0xdec1ded;
	for (int i = 0; i < 200000; i++) {
		struct program program;
		struct seccomp_data data = { .nr = (int)any(8), .arch = any(8) };
		struct sock_fprog prog = { 0, program.ops };
		uint32_t answer, value = 0;

		make_program(&program);
		prog.len = (unsigned short)program.n;
		if (filter_check(program.ops, program.n, NULL) < 0 ||
		    !filter_answer(&prog, &data, &answer))
			continue;
		decided++;
		for (size_t k = 0; k < ARRAY_SIZE(data.args); k++)
			data.args[k] = any(2) ? any(9) : (uint64_t)any(UINT32_MAX) << any(33);
		ASSERT_TRUE(bpf_run(&prog, &data, &value));
		ASSERT_EQ(answer, value);
	}
	EXPECT_GT(decided, 10000);
}

/* ---- files ---- */

static const struct sock_filter good[] = {
	LOAD(NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 7), ALLOW,
};

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

TEST(file_is_read)
{
	struct sock_fprog program = { 0 };
	struct error err = { 0 };
	int fd = file_of(good, sizeof(good));

	ASSERT_EQ(0, filter_load(fd, &program, &err)) TH_LOG("%s", err.message);
	EXPECT_EQ(ARRAY_SIZE(good), program.len);
	EXPECT_EQ(0, memcmp(good, program.filter, sizeof(good)));
	filter_unload(&program);
	EXPECT_EQ(NULL, program.filter);
	filter_unload(&program);
	close(fd);
}

TEST(largest_file_is_read_and_a_larger_one_is_not)
{
	static struct sock_filter ops[FILTER_OPS_MAX + 1];
	struct sock_fprog program = { 0 };
	struct error err = { 0 };
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = (struct sock_filter)ALLOW;
	fd = file_of(ops, sizeof(ops) - sizeof(*ops));
	ASSERT_EQ(0, filter_load(fd, &program, &err));
	EXPECT_EQ(FILTER_OPS_MAX, program.len);
	filter_unload(&program);
	close(fd);
	fd = file_of(ops, sizeof(ops) - sizeof(*ops) + 1);
	EXPECT_EQ(-E2BIG, filter_load(fd, &program, &err));
	EXPECT_STREQ("a filter of more than 4096 instructions", err.message);
	EXPECT_EQ(NULL, program.filter);
	close(fd);
}

TEST(file_that_is_no_filter_is_refused)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *message;
	} files[] = {
		{ "", 0, "the file of the filter is empty" },
		{ "\6\0\0\0\0\0\xff", 7,
		  "7 bytes are no whole number of instructions of 8 bytes" },
		{ "{ \"a\": 1 }\n\n\n\n\n\n", 16, "instruction 0 has an opcode that no "
		  "filter of system calls has" },
		{ "\6\0\0\0\0\0\0\x80", 8,
		  "the filter answers execve(2) with death: nothing could start" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct sock_fprog program = { 0 };
		struct error err = { 0 };
		int fd = file_of(files[i].bytes, files[i].size);

		EXPECT_EQ(-EINVAL, filter_load(fd, &program, &err));
		EXPECT_STREQ(files[i].message, err.message);
		EXPECT_NE('\0', err.hint[0]);
		EXPECT_EQ(NULL, program.filter);
		close(fd);
	}
}

TEST(file_that_comes_in_pieces_is_read)
{
	struct sock_fprog program = { 0 };
	struct error err = { 0 };
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	if (fork() == 0) {
		for (size_t i = 0; i < sizeof(good); i++)
			if (write(fds[1], (const char *)good + i, 1) != 1)
				break;
		_exit(0);
	}
	close(fds[1]);
	EXPECT_EQ(0, filter_load(fds[0], &program, &err)) TH_LOG("%s", err.message);
	EXPECT_EQ(ARRAY_SIZE(good), program.len);
	filter_unload(&program);
	close(fds[0]);
	wait(NULL);
}

TEST(file_that_cannot_be_read_is_told)
{
	struct sock_fprog program = { 0 };
	struct error err = { 0 };

	EXPECT_EQ(-EBADF, filter_load(-1, &program, &err));
	EXPECT_EQ(EBADF, err.errnum);
	EXPECT_STREQ("cannot read the file of the filter", err.message);
}

TEST_HARNESS_MAIN
