// SPDX-License-Identifier: MIT
/*
 * Rewrites a filter in place until nothing changes any more. What is not needed becomes a
 * jump to the next instruction, and is taken out at the end of each round. All jumps go
 * ahead, so what holds at an instruction is known after one pass over those before it.
 */
#include "helper/seccomp_shrink.h"

#include <stdbool.h>
#include <stdint.h>

#define LOAD	(BPF_LD | BPF_W | BPF_ABS)
#define AND	(BPF_ALU | BPF_AND | BPF_K)
#define JUMP	(BPF_JMP | BPF_JA)
#define EQUAL	(BPF_JMP | BPF_JEQ | BPF_K)
#define ANY_BIT	(BPF_JMP | BPF_JSET | BPF_K)

#define FROM_NOWHERE	UINT32_MAX		/* not reached yet: whatever one likes */
#define FROM_ANYWHERE	(UINT32_MAX - 1)	/* no single word of the data */

static const struct sock_filter nothing = BPF_STMT(JUMP, 0);

static bool is_nothing(const struct sock_filter *op)
{
	return op->code == JUMP && op->k == 0;
}

static bool is_branch(const struct sock_filter *op)
{
	return BPF_CLASS(op->code) == BPF_JMP && op->code != JUMP;
}

static size_t yes(const struct sock_filter *ops, size_t at)
{
	return at + 1 + ops[at].jt;
}

static size_t no(const struct sock_filter *ops, size_t at)
{
	return at + 1 + ops[at].jf;
}

/* Where one gets from @at without doing anything. */
static size_t final(const struct sock_filter *ops, size_t at)
{
	while (ops[at].code == JUMP)
		at += 1 + ops[at].k;
	return at;
}

/* Is the register set again, or not asked for any more, from here on? */
static bool is_free(const struct sock_filter *ops, size_t at)
{
	at = final(ops, at);
	return ops[at].code == LOAD || ops[at].code == (BPF_RET | BPF_K);
}

/* In how many ways each instruction is reached; 0: in none. */
static void count_ways(const struct sock_filter *ops, size_t n, unsigned int *ways)
{
	for (size_t i = 0; i < n; i++)
		ways[i] = i == 0;
	for (size_t i = 0; i < n; i++) {
		if (!ways[i] || BPF_CLASS(ops[i].code) == BPF_RET)
			continue;
		if (ops[i].code == JUMP) {
			ways[i + 1 + ops[i].k]++;
		} else if (is_branch(&ops[i])) {
			ways[yes(ops, i)]++;
			ways[no(ops, i)]++;
		} else {
			ways[i + 1]++;
		}
	}
}

static void skip_jumps(struct sock_filter *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ops[i].code == JUMP) {
			ops[i].k = (uint32_t)(final(ops, i) - i - 1);
		} else if (is_branch(&ops[i])) {
			size_t far_yes = final(ops, yes(ops, i)) - i - 1;
			size_t far_no = final(ops, no(ops, i)) - i - 1;

			ops[i].jt = far_yes <= UINT8_MAX ? (uint8_t)far_yes : ops[i].jt;
			ops[i].jf = far_no <= UINT8_MAX ? (uint8_t)far_no : ops[i].jf;
		}
	}
}

/* A load that nobody asks for. */
static bool drop_load(struct sock_filter *ops, size_t at)
{
	if (ops[at].code != LOAD || !is_free(ops, at + 1))
		return false;
	ops[at] = nothing;
	return true;
}

/* "A & bit == bit" is a question of one instruction, and "A & 0 == 0" is none. */
static bool join_mask(struct sock_filter *ops, size_t at, const unsigned int *ways)
{
	struct sock_filter *test = &ops[at + 1];
	uint32_t bits = ops[at].k;

	if (ops[at].code != AND || test->code != EQUAL || ways[at + 1] != 1 || test->k != bits ||
	    bits & (bits - 1) || !is_free(ops, yes(ops, at + 1)))
		return false;
	if (bits == 0)
		*test = (struct sock_filter)BPF_STMT(JUMP, test->jt);
	else if (is_free(ops, no(ops, at + 1)))
		test->code = ANY_BIT;
	else
		return false;
	ops[at] = nothing;
	return true;
}

/* Two questions for bits, one after the other, with the same consequence. */
static bool join_bits(struct sock_filter *ops, size_t at, const unsigned int *ways)
{
	size_t next, end;

	if (ops[at].code != ANY_BIT)
		return false;
	next = no(ops, at);
	if (ops[next].code != ANY_BIT || ways[next] != 1 || yes(ops, next) != yes(ops, at))
		return false;
	end = no(ops, next) - at - 1;
	if (end > UINT8_MAX)
		return false;
	ops[at].k |= ops[next].k;
	ops[at].jf = (uint8_t)end;
	return true;
}

static void arrive(uint32_t *from, size_t at, uint32_t word)
{
	if (from[at] == FROM_NOWHERE)
		from[at] = word;
	else if (from[at] != word)
		from[at] = FROM_ANYWHERE;
}

/* Loads of what the register holds already, whatever way led there. */
static bool drop_reloads(struct sock_filter *ops, size_t n)
{
	static uint32_t from[BPF_MAXINSNS + 1];
	bool changed = false;

	for (size_t i = 0; i <= n; i++)
		from[i] = i ? FROM_NOWHERE : FROM_ANYWHERE;
	for (size_t i = 0; i < n; i++) {
		uint32_t word = from[i];

		if (word == FROM_NOWHERE || BPF_CLASS(ops[i].code) == BPF_RET)
			continue;
		if (ops[i].code == LOAD && ops[i].k == word) {
			ops[i] = nothing;
			changed = true;
		}
		if (ops[i].code == LOAD)
			word = ops[i].k;
		else if (BPF_CLASS(ops[i].code) == BPF_ALU)
			word = FROM_ANYWHERE;
		arrive(from, ops[i].code == JUMP ? i + 1 + ops[i].k :
		       is_branch(&ops[i]) ? yes(ops, i) : i + 1, word);
		if (is_branch(&ops[i]))
			arrive(from, no(ops, i), word);
	}
	return changed;
}

/* Takes out what does nothing or is never reached. */
static size_t close_up(struct sock_filter *ops, size_t n)
{
	static unsigned int ways[BPF_MAXINSNS];
	static size_t place[BPF_MAXINSNS + 1];
	size_t left = 0;

	count_ways(ops, n, ways);
	for (size_t i = 0; i < n; i++) {
		place[i] = left;
		left += ways[i] && !is_nothing(&ops[i]);
	}
	place[n] = left;
	for (size_t i = 0; i < n; i++) {
		struct sock_filter op = ops[i];

		if (place[i + 1] == place[i])
			continue;
		if (op.code == JUMP)
			op.k = (uint32_t)(place[i + 1 + op.k] - place[i] - 1);
		if (is_branch(&op)) {
			op.jt = (uint8_t)(place[yes(ops, i)] - place[i] - 1);
			op.jf = (uint8_t)(place[no(ops, i)] - place[i] - 1);
		}
		ops[place[i]] = op;
	}
	return left;
}

size_t filter_shrink(struct sock_filter *ops, size_t n)
{
	static unsigned int ways[BPF_MAXINSNS];
	size_t before;
	bool changed;

	do {
		before = n;
		skip_jumps(ops, n);
		count_ways(ops, n, ways);
		changed = drop_reloads(ops, n);
		for (size_t i = 0; i + 1 < n; i++)
			if (drop_load(ops, i) || join_mask(ops, i, ways) || join_bits(ops, i, ways))
				changed = true;
		n = close_up(ops, n);
	} while (changed || n < before);
	return n;
}
