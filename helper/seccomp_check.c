// SPDX-License-Identifier: MIT
/*
 * The check of a compiled filter: bytes in, a verdict out. It draws the line where the
 * kernel does, which looks twice (net/core/filter.c: is it classic BPF? kernel/seccomp.c:
 * is it of those instructions that a filter of system calls has?), in one table.
 */
#include "helper/seccomp_check.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/seccomp.h>

#include "lib/cleanup.h"

/* What an instruction has to observe. */
enum rule {
	RULE_NONE,
	RULE_LOAD,		/* k: offset of a word of struct seccomp_data */
	RULE_DIVISOR,		/* k: not 0 */
	RULE_SHIFT,		/* k: bits of a word */
	RULE_READ,		/* k: a memory word, written before by whatever way */
	RULE_WRITE,		/* k: a memory word */
	RULE_JUMP,		/* k: ahead, not behind the last instruction */
	RULE_BRANCH,		/* jt, jf: likewise */
	RULE_RETURN,
};

/* No remainders, no bytes or half words, no offsets in X: they are for packets. */
static const struct {
	uint16_t code;
	enum rule rule;
} known_ops[] = {
	{ BPF_LD | BPF_W | BPF_ABS, RULE_LOAD },
	{ BPF_LD | BPF_W | BPF_LEN, RULE_NONE },	/* of struct seccomp_data */
	{ BPF_LDX | BPF_W | BPF_LEN, RULE_NONE },
	{ BPF_LD | BPF_IMM, RULE_NONE },
	{ BPF_LDX | BPF_IMM, RULE_NONE },
	{ BPF_LD | BPF_MEM, RULE_READ },
	{ BPF_LDX | BPF_MEM, RULE_READ },
	{ BPF_ST, RULE_WRITE },
	{ BPF_STX, RULE_WRITE },
	{ BPF_MISC | BPF_TAX, RULE_NONE },
	{ BPF_MISC | BPF_TXA, RULE_NONE },
	{ BPF_ALU | BPF_ADD | BPF_K, RULE_NONE },
	{ BPF_ALU | BPF_ADD | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_SUB | BPF_K, RULE_NONE },
	{ BPF_ALU | BPF_SUB | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_MUL | BPF_K, RULE_NONE },
	{ BPF_ALU | BPF_MUL | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_DIV | BPF_K, RULE_DIVISOR },
	{ BPF_ALU | BPF_DIV | BPF_X, RULE_NONE },	/* by 0: the program returns 0 */
	{ BPF_ALU | BPF_AND | BPF_K, RULE_NONE },
	{ BPF_ALU | BPF_AND | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_OR | BPF_K, RULE_NONE },
	{ BPF_ALU | BPF_OR | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_XOR | BPF_K, RULE_NONE },
	{ BPF_ALU | BPF_XOR | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_LSH | BPF_K, RULE_SHIFT },
	{ BPF_ALU | BPF_LSH | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_RSH | BPF_K, RULE_SHIFT },
	{ BPF_ALU | BPF_RSH | BPF_X, RULE_NONE },
	{ BPF_ALU | BPF_NEG, RULE_NONE },
	{ BPF_JMP | BPF_JA, RULE_JUMP },
	{ BPF_JMP | BPF_JEQ | BPF_K, RULE_BRANCH },
	{ BPF_JMP | BPF_JEQ | BPF_X, RULE_BRANCH },
	{ BPF_JMP | BPF_JGT | BPF_K, RULE_BRANCH },
	{ BPF_JMP | BPF_JGT | BPF_X, RULE_BRANCH },
	{ BPF_JMP | BPF_JGE | BPF_K, RULE_BRANCH },
	{ BPF_JMP | BPF_JGE | BPF_X, RULE_BRANCH },
	{ BPF_JMP | BPF_JSET | BPF_K, RULE_BRANCH },
	{ BPF_JMP | BPF_JSET | BPF_X, RULE_BRANCH },
	{ BPF_RET | BPF_K, RULE_RETURN },
	{ BPF_RET | BPF_A, RULE_RETURN },
};

/*
 * The program at fault, and where. What is said of it has no byte of the file: root's
 * helper opens what the document names, and its words go to whom the document came from.
 */
struct place {
	const struct sock_filter *ops;
	size_t n;
	size_t at;
	struct error *err;
};

#define FAULT(place, what)	\
	err_set((place)->err, "seccomp", EINVAL, "instruction %zu%s", (place)->at, what)

static bool find_rule(uint16_t code, enum rule *ret_rule)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_ops); i++) {
		if (known_ops[i].code == code) {
			*ret_rule = known_ops[i].rule;
			return true;
		}
	}
	return false;
}

static int check_jump(const struct place *place, uint32_t distance)
{
	if (distance < place->n - place->at - 1)
		return 0;
	return FAULT(place, " jumps past the last one");
}

static int check_branch(const struct place *place)
{
	int ret = check_jump(place, place->ops[place->at].jt);

	return ret < 0 ? ret : check_jump(place, place->ops[place->at].jf);
}

static int check_op(const struct place *place)
{
	const struct sock_filter *op = &place->ops[place->at];
	enum rule rule;

	if (!find_rule(op->code, &rule))
		return FAULT(place, " has an opcode that no filter of system calls has");
	if (rule == RULE_LOAD && (op->k % 4 || op->k >= sizeof(struct seccomp_data)))
		return FAULT(place, " loads from where struct seccomp_data has no aligned word");
	if (rule == RULE_DIVISOR && op->k == 0)
		return FAULT(place, " divides by 0");
	if (rule == RULE_SHIFT && op->k >= 32)
		return FAULT(place, " shifts a word by more than 31 bits");
	if ((rule == RULE_READ || rule == RULE_WRITE) && op->k >= BPF_MEMWORDS)
		return FAULT(place, " uses a memory word that is not there");
	if (rule == RULE_JUMP)
		return check_jump(place, op->k);
	if (rule == RULE_BRANCH)
		return check_branch(place);
	if (place->at == place->n - 1 && rule != RULE_RETURN)
		return FAULT(place, ", the last one, does not return");
	return 0;
}

/*
 * Whatever way leads to it, a word is written before it is read. @written has, for each
 * instruction, what all jumps to it have written: jumps go ahead, so one pass does.
 */
static int check_memory(struct place *place, uint16_t *written)
{
	uint16_t valid = 0;

	for (place->at = 0; place->at < place->n; place->at++) {
		const struct sock_filter *op = &place->ops[place->at];
		uint16_t *next = &written[place->at + 1];
		enum rule rule = RULE_NONE;

		find_rule(op->code, &rule);
		valid &= written[place->at];
		if (rule == RULE_READ && !(valid & 1U << op->k))
			return FAULT(place, " reads a memory word that may not be written");
		if (rule == RULE_WRITE)
			valid |= (uint16_t)(1U << op->k);
		if (rule == RULE_JUMP)
			next[op->k] &= valid;
		if (rule == RULE_BRANCH) {
			next[op->jt] &= valid;
			next[op->jf] &= valid;
		}
		/* What comes next is reached by jumps alone, or by none. */
		if (rule == RULE_JUMP || rule == RULE_BRANCH)
			valid = UINT16_MAX;
	}
	return 0;
}

int filter_check(const struct sock_filter *ops, size_t n, struct error *err)
{
	uint16_t *written __free(mem) = NULL;
	struct place place = { ops, n, 0, err };
	int ret = 0;

	if (n == 0)
		return err_set(err, "seccomp", EINVAL, "a filter without instructions");
	if (n > FILTER_OPS_MAX)
		return err_set(err, "seccomp", E2BIG, "a filter of more than %d instructions",
			       FILTER_OPS_MAX);
	for (; place.at < n && ret == 0; place.at++)
		ret = check_op(&place);
	if (ret < 0)
		return ret;
	written = malloc(n * sizeof(*written));
	if (!written)
		return err_set(err, "seccomp", ENOMEM, "cannot check a filter");
	for (size_t i = 0; i < n; i++)
		written[i] = UINT16_MAX;
	return check_memory(&place, written);
}
