/* SPDX-License-Identifier: MIT */
/* Whole programs: started, waited for, timed. */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* command_exists() - is it somewhere in PATH? */
bool command_exists(const char *name);

/**
 * command_run() - posix_spawn, waitid
 * @argv: the first is found in PATH; its stdin and stdout are /dev/null
 * @ret_ns: from before the spawn to after the wait
 *
 * Return: its exit status, or 128 + the signal that ended it.
 */
int command_run(const char *const *argv, uint64_t *ret_ns);

#endif /* BENCH_COMMAND_H */
