// SPDX-License-Identifier: MIT
/*
 * Fuzzes the check of compiled filters: what passes can be run to its end, on any call,
 * and what is said of a call by its number holds for it whatever its arguments are.
 *
 * Input: a struct seccomp_data, then the program.
 *
 * Built with -fsanitize=fuzzer.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "helper/seccomp_check.h"
#include "lib/cleanup.h"
#include "selftests/unit/bpf_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(fact)	do {	\
	if (!(fact))		\
		abort();	\
} while (0)

static void check_error(const struct error *err, int ret)
{
	MUST(ret == -EINVAL || ret == -E2BIG);
	MUST(err->errnum == -ret);
	MUST(!strcmp(err->step, "seccomp") && err->message[0]);
}

static void run_program(const struct sock_fprog *program, struct seccomp_data *call)
{
	uint32_t answer, value;
	bool decided = filter_answer(program, call, &answer);
	struct error err = { 0 };
	int ret = filter_lets_start(program, &err);

	MUST(bpf_run(program, call, &value));
	MUST(!decided || value == answer);
	call->instruction_pointer = ~call->instruction_pointer;
	for (size_t i = 0; i < ARRAY_SIZE(call->args); i++)
		call->args[i] = ~call->args[i];
	MUST(bpf_run(program, call, &value));
	MUST(!decided || value == answer);
	if (ret < 0)
		check_error(&err, ret);
	else
		MUST(!err_is_set(&err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sock_filter *ops __free(mem) = NULL;
	struct seccomp_data call;
	struct error err = { 0 };
	size_t n;
	int ret;

	if (size < sizeof(call))
		return 0;
	memcpy(&call, data, sizeof(call));
	n = (size - sizeof(call)) / sizeof(*ops);
	/* Exactly as large as it is, so that a look behind it is seen. */
	ops = malloc(n * sizeof(*ops));
	MUST(ops || n == 0);
	if (n)
		memcpy(ops, data + sizeof(call), n * sizeof(*ops));
	ret = filter_check(ops, n, &err);
	if (ret < 0) {
		check_error(&err, ret);
		return 0;
	}
	MUST(!err_is_set(&err));
	run_program(&(struct sock_fprog){ (unsigned short)n, ops }, &call);
	return 0;
}
