// SPDX-License-Identifier: MIT
/*
 * What a filter says to a call of which the number is known and the arguments are not:
 * each value in the program is a number, or unknown, and at a branch that hangs on an
 * unknown one it is over. All jumps go ahead, so it ends.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#include "helper/seccomp_check.h"
#include "lib/cleanup.h"

#if defined(__x86_64__)
#define NATIVE	AUDIT_ARCH_X86_64
#else
#define NATIVE	AUDIT_ARCH_AARCH64
#endif

struct value {
	uint32_t number;
	bool known;
};

struct machine {
	const struct seccomp_data *data;
	struct value a, x;
	struct value memory[BPF_MEMWORDS];
};

enum step { STEP_NEXT, STEP_RETURN, STEP_LOST };

static struct value number(uint32_t n)
{
	return (struct value){ n, true };
}

static struct value load(const struct seccomp_data *data, uint32_t offset)
{
	if (offset == offsetof(struct seccomp_data, nr))
		return number((uint32_t)data->nr);
	if (offset == offsetof(struct seccomp_data, arch))
		return number(data->arch);
	return (struct value){ 0, false };
}

/* Of BPF_LD and BPF_LDX; what both have differs in where it goes. */
static struct value source(const struct machine *m, const struct sock_filter *op)
{
	switch (BPF_MODE(op->code)) {
	case BPF_ABS:
		return load(m->data, op->k);
	case BPF_IMM:
		return number(op->k);
	case BPF_MEM:
		return m->memory[op->k];
	default:			/* BPF_LEN */
		return number(sizeof(struct seccomp_data));
	}
}

static uint32_t compute(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << b;
	case BPF_RSH:
		return a >> b;
	default:			/* BPF_NEG */
		return -a;
	}
}

static struct value operand(const struct machine *m, const struct sock_filter *op)
{
	return BPF_SRC(op->code) == BPF_X ? m->x : number(op->k);
}

static enum step calculate(struct machine *m, const struct sock_filter *op)
{
	struct value b = operand(m, op);
	uint16_t what = BPF_OP(op->code);

	/* By 0, the program would be over. */
	if (what == BPF_DIV && (!b.known || b.number == 0))
		return STEP_LOST;
	/* That is for the machine to say. */
	if ((what == BPF_LSH || what == BPF_RSH) && b.known && b.number >= 32)
		return STEP_LOST;
	m->a.known = m->a.known && (b.known || what == BPF_NEG);
	if (m->a.known)
		m->a.number = compute(what, m->a.number, b.number);
	return STEP_NEXT;
}

static bool holds(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:			/* BPF_JSET */
		return a & b;
	}
}

static enum step jump(const struct machine *m, const struct sock_filter *op, size_t *at)
{
	struct value b = operand(m, op);

	if (BPF_OP(op->code) == BPF_JA) {
		*at += op->k;
		return STEP_NEXT;
	}
	if (!m->a.known || !b.known)
		return STEP_LOST;
	*at += holds(BPF_OP(op->code), m->a.number, b.number) ? op->jt : op->jf;
	return STEP_NEXT;
}

static enum step take(struct machine *m, const struct sock_filter *op, size_t *at)
{
	switch (BPF_CLASS(op->code)) {
	case BPF_LD:
		m->a = source(m, op);
		return STEP_NEXT;
	case BPF_LDX:
		m->x = source(m, op);
		return STEP_NEXT;
	case BPF_ST:
		m->memory[op->k] = m->a;
		return STEP_NEXT;
	case BPF_STX:
		m->memory[op->k] = m->x;
		return STEP_NEXT;
	case BPF_ALU:
		return calculate(m, op);
	case BPF_JMP:
		return jump(m, op, at);
	case BPF_MISC:
		if (BPF_MISCOP(op->code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
		return STEP_NEXT;
	default:			/* BPF_RET */
		if (BPF_RVAL(op->code) == BPF_K)
			m->a = number(op->k);
		return m->a.known ? STEP_RETURN : STEP_LOST;
	}
}

bool filter_answer(const struct sock_fprog *program, const struct seccomp_data *data,
		   uint32_t *ret_value)
{
	/* The kernel begins with zeros in both registers. */
	struct machine m = { .data = data, .a = { 0, true }, .x = { 0, true } };
	enum step step = STEP_NEXT;

	for (size_t at = 0; at < program->len && step == STEP_NEXT; at++)
		step = take(&m, &program->filter[at], &at);
	if (step == STEP_RETURN)
		*ret_value = m.a.number;
	return step == STEP_RETURN;
}

static const char *action_name(uint32_t action)
{
	switch (action) {
	case SECCOMP_RET_ERRNO:
		return "an error";
	case SECCOMP_RET_TRAP:
		return "SIGSYS";
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		return "a question to a supervisor that is not there";
	default:
		return "death";
	}
}

int filter_lets_start(const struct sock_fprog *program, struct error *err)
{
	const struct seccomp_data call = { .nr = SYS_execve, .arch = NATIVE };
	uint32_t value, action;

	if (!filter_answer(program, &call, &value))
		return 0;
	action = value & SECCOMP_RET_ACTION_FULL;
	if (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG)
		return 0;
	err_set(err, "seccomp", EINVAL, "the filter answers execve(2) with %s: nothing could start",
		action_name(action));
	err_hint(err, "allow execve for this machine's architecture (%#x)", NATIVE);
	return -EINVAL;
}
