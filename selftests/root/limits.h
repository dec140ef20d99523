/* SPDX-License-Identifier: MIT */
/* What the tests of limits share: what this host can limit, and cells with limits. */
#ifndef SELFTESTS_ROOT_LIMITS_H
#define SELFTESTS_ROOT_LIMITS_H

#include "selftests/root/common.h"

/**
 * limits_missing() - why this host cannot have cells with a limit
 * @controller: of cgroup2
 *
 * Return: NULL, it can; else a text for SKIP, which names the v1 hierarchy that holds
 * the controller.
 */
const char *limits_missing(const struct test_env *env, const char *controller);

/* limits_swap() - is there swap to be used? */
bool limits_swap(void);

/**
 * limits_run() - a run with limits
 * @limits: members of spec.run.limits, with ' for "
 * @argv: of workload_limits, divided by blanks
 */
struct run limits_run(const struct test_env *env, const char *limits, const char *argv);

/* limits_held() - the same, of a cell that lives until gate_open(). */
struct run limits_held(const struct test_env *env, const char *limits);
void gate_open(const struct test_env *env);

/* leaf_file() - a file of the only cell there is, without its last newline; "(none)". */
const char *leaf_file(const struct test_env *env, const char *name);

/* limits_disk() - the disk that tests may write to, as "MAJ:MIN"; NULL: there is none. */
const char *limits_disk(void);

#endif /* SELFTESTS_ROOT_LIMITS_H */
