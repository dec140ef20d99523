/* SPDX-License-Identifier: MIT */
/* An interpreter of the classic BPF that filters of system calls are made of. */
#ifndef SELFTESTS_UNIT_BPF_RUN_H
#define SELFTESTS_UNIT_BPF_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

struct bpf_machine {
	const struct seccomp_data *data;
	uint32_t a, x;
	uint32_t memory[BPF_MEMWORDS];
};

static inline bool bpf_load(const struct bpf_machine *m, const struct sock_filter *op,
			    uint32_t *ret)
{
	switch (BPF_MODE(op->code)) {
	case BPF_ABS:
		if (op->k > sizeof(*m->data) - sizeof(*ret))
			return false;
		memcpy(ret, (const char *)m->data + op->k, sizeof(*ret));
		return true;
	case BPF_IMM:
		*ret = op->k;
		return true;
	case BPF_MEM:
		*ret = m->memory[op->k % BPF_MEMWORDS];
		return op->k < BPF_MEMWORDS;
	case BPF_LEN:
		*ret = sizeof(*m->data);
		return true;
	default:
		return false;
	}
}

/* Division by 0 is for bpf_run(). */
static inline bool bpf_alu(struct bpf_machine *m, uint16_t op, uint32_t b)
{
	switch (op) {
	case BPF_ADD:	m->a += b; return true;
	case BPF_SUB:	m->a -= b; return true;
	case BPF_MUL:	m->a *= b; return true;
	case BPF_AND:	m->a &= b; return true;
	case BPF_OR:	m->a |= b; return true;
	case BPF_XOR:	m->a ^= b; return true;
	case BPF_NEG:	m->a = -m->a; return true;
	case BPF_DIV:	m->a /= b; return true;
	case BPF_LSH:	m->a <<= b % 32; return true;
	case BPF_RSH:	m->a >>= b % 32; return true;
	default:	return false;
	}
}

static inline bool bpf_holds(uint16_t op, uint32_t a, uint32_t b)
{
	return (op == BPF_JEQ && a == b) || (op == BPF_JGT && a > b) ||
	       (op == BPF_JGE && a >= b) || (op == BPF_JSET && a & b);
}

/* Not of BPF_RET. False: no instruction that can be followed. */
static inline bool bpf_step(struct bpf_machine *m, const struct sock_filter *op, uint64_t *pc)
{
	uint32_t b = BPF_SRC(op->code) == BPF_X ? m->x : op->k;

	switch (BPF_CLASS(op->code)) {
	case BPF_LD:
		return bpf_load(m, op, &m->a);
	case BPF_LDX:
		return bpf_load(m, op, &m->x);
	case BPF_ST:
		m->memory[op->k % BPF_MEMWORDS] = m->a;
		return op->k < BPF_MEMWORDS;
	case BPF_STX:
		m->memory[op->k % BPF_MEMWORDS] = m->x;
		return op->k < BPF_MEMWORDS;
	case BPF_ALU:
		return bpf_alu(m, BPF_OP(op->code), b);
	case BPF_JMP:
		*pc += BPF_OP(op->code) == BPF_JA ? op->k :
			bpf_holds(BPF_OP(op->code), m->a, b) ? op->jt : op->jf;
		return true;
	case BPF_MISC:
		*(BPF_MISCOP(op->code) == BPF_TAX ? &m->x : &m->a) =
			BPF_MISCOP(op->code) == BPF_TAX ? m->a : m->x;
		return true;
	default:
		return false;
	}
}

static inline bool bpf_divides_by_0(const struct bpf_machine *m, const struct sock_filter *op)
{
	return BPF_CLASS(op->code) == BPF_ALU && BPF_OP(op->code) == BPF_DIV &&
	       (BPF_SRC(op->code) == BPF_X ? m->x : op->k) == 0;
}

/* False: it cannot be followed to a return. */
static inline bool bpf_run(const struct sock_fprog *program, const struct seccomp_data *data,
			   uint32_t *ret_value)
{
	struct bpf_machine m = { .data = data };

	for (uint64_t pc = 0; pc < program->len; pc++) {
		const struct sock_filter *op = &program->filter[pc];

		if (BPF_CLASS(op->code) == BPF_RET) {
			*ret_value = BPF_RVAL(op->code) == BPF_K ? op->k : m.a;
			return true;
		}
		if (bpf_divides_by_0(&m, op)) {
			*ret_value = 0;
			return true;
		}
		if (!bpf_step(&m, op, &pc))
			return false;
	}
	return false;
}

#endif /* SELFTESTS_UNIT_BPF_RUN_H */
