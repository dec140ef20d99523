/* SPDX-License-Identifier: MIT */
/* Cells whose workload tries things and tells what became of it: workload_inside.c. */
#ifndef SELFTESTS_ROOT_INSIDE_H
#define SELFTESTS_ROOT_INSIDE_H

#include "selftests/root/common.h"

/**
 * inside() - a run, ready to start, of a cell that makes these tries
 * @id: of the cell
 * @members: of spec.run beside argv, with ' for "; NULL: none
 * @tries: words of workload_inside, with blanks between them
 */
struct run inside(const struct test_env *env, const char *id, const char *members,
		  const char *tries);

/* inside_by() - the same, by another of the workloads. */
struct run inside_by(const struct test_env *env, const char *program, const char *id,
		     const char *members, const char *tries);

/* inside_answers() - what it told, with blanks for newlines. */
const char *inside_answers(struct run *run);

/* inside_isolated() - members for @fields of run.isolation. */
const char *inside_isolated(const char *fields);

/* ns_inode() - "pid:[4026531836]" of a process; "(none)" if it cannot be told. */
const char *ns_inode(pid_t pid, const char *name);

/* landlock_abi() - of this kernel; negative: none. */
int landlock_abi(void);

/*
 * What a run that @inside made has to tell, and that it ends with status 0. The run stays
 * to be looked at, as `run`.
 */
#define EXPECT_INSIDE(env, members, tries, expected) __extension__ ({	\
	struct run run_ = inside(env, "inside", members, tries);	\
									\
	EXPECT_EQ(0, run_whole(env, &run_)) TH_LOG("%s", run_.err.bytes);	\
	EXPECT_STREQ(expected, inside_answers(&run_)) TH_LOG("%s", tries);	\
	run_;								\
})

/* A run that is refused or fails, with this field, and parts of message and hint. */
#define EXPECT_REFUSED(env, run, status_, field_, message_, hint_) do {	\
	const char *before_ = host_snapshot(env);			\
									\
	EXPECT_EQ(status_, run_whole(env, run));			\
	EXPECT_STREQ(field_, json_text_at((run)->report, "/error/field"))	\
		TH_LOG("%s", (run)->err.bytes);				\
	EXPECT_NE(NULL, strstr(json_text_at((run)->report, "/error/message"), message_))	\
		TH_LOG("%s", (run)->err.bytes);				\
	EXPECT_NE(NULL, strstr(json_text_at((run)->report, "/error/hint"), hint_))	\
		TH_LOG("%s", (run)->err.bytes);				\
	EXPECT_STREQ("failed", json_text_at((run)->report, "/exit/kind"));	\
	EXPECT_STREQ(before_, host_snapshot(env));			\
} while (0)

#endif /* SELFTESTS_ROOT_INSIDE_H */
