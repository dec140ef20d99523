// SPDX-License-Identifier: MIT
/*
 * A replacement of rules whose answer is lost: the kernel has done it, or it has not.
 * The program does not guess. System calls fail by strace(1)'s fault injection: where
 * a request is not sent, and said to be, there is no answer, and nothing has changed;
 * where only the receiving fails all has.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define STRACE		"/usr/bin/strace"

#define OLD	RULES(RULE("127.0.0.1", 7001, "udp") ", " RULE("127.0.0.2", 7001, "udp"))
#define NEW	RULES(RULE("127.0.0.2", 7001, "udp") ", " RULE("127.0.0.3", 7001, "udp"))

#define REACHES_OLD	"ok ok EPERM "
#define REACHES_NEW	"EPERM ok ok "

/**
 * struct loss - how an answer gets lost
 * @call: that fails; @how: as strace says it
 * @reaches: what the cell then does; it may be in doubt at a later call, too
 */
struct loss { const char *call, *how, *reaches; };

FIXTURE(cell) { struct test_env env; int server; };
FIXTURE_VARIANT(cell) { struct loss loss; };
FIXTURE_VARIANT_ADD(cell, nothing_was_done) { { "sendto", "retval=20", REACHES_OLD } };
FIXTURE_VARIANT_ADD(cell, all_was_done) { { "recvmmsg", "error=ENOMEM", REACHES_NEW } };
FIXTURE_SETUP(cell)
{
	if (access(STRACE, X_OK) < 0)
		SKIP(return, STRACE " is missing: no fault injection");
	env_setup(&self->env, "egress-lost");
	self->server = serve(net_here(), SOCK_DGRAM, "0.0.0.0", 7001, 0);
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static bool start(const struct test_env *env, struct talk *talk)
{
	bool opened = true;

	*talk = (struct talk){ 0 };
	if (!talk_start(env, talk, "lost", OLD))
		return false;
	for (int i = 1; i <= 3; i++)
		opened &= !strcmp("ok", say(talk, "open udp 127.0.0.%d 7001", i));
	return opened;
}

static void become_strace(void *arg)
{
	const char *const *argv = arg;

	execv(STRACE, (char **)(uintptr_t)argv);
}

/* Puts NEW in force while the @when-th of these calls fails. Return: was there one? */
static bool replace(const struct test_env *env, const struct loss *loss, unsigned int when,
		    struct run *ret)
{
	const char *trace = text("%s/strace", env->dir);
	const char *argv[] = {
		"strace", "-qqq", "-o", trace, "-e", text("trace=%s", loss->call),
		"-e", text("inject=%s:%s:when=%u", loss->call, loss->how, when),
		getenv("CELLOS_HELPER"), "egress", text("--cgroup-parent=%s", env->parent), "lost",
		"--set", "-", NULL
	};
	size_t size;

	*ret = (struct run){
		.verb = "egress", .document = json_text(NEW), .before_exec = become_strace,
		.arg = argv,
	};
	run_whole(env, ret);
	return strstr(file_read(trace, &size) ?: "", "INJECTED") != NULL;
}

/* What the program says of the rules now. Return: does it say that it does not know? */
static bool shown_as_cut(struct __test_metadata *_metadata, const struct test_env *env,
			 unsigned int when)
{
	struct run run;
	json_t *json = verb(env, &run, "show", "lost");
	bool cut = strstr(run.err.bytes, "cut short") != NULL;

	EXPECT_EQ(cut ? 125 : 0, run.status) TH_LOG("%u: %s", when, run.err.bytes);
	EXPECT_EQ(!cut, json_is_true(json_at(json, "egress/verified"))) TH_LOG("%u", when);
	return cut;
}

/* Return: was it the answer to the transaction that got lost? */
static bool judge(struct __test_metadata *_metadata, const struct test_env *env,
		  const struct loss *loss, unsigned int when, const struct run *run,
		  struct talk *talk)
{
	bool unknown = strstr(run->err.bytes, "which rules are in force is not known");
	bool cut = shown_as_cut(_metadata, env, when);
	const char *reached = reach(talk, 3);
	struct run again;

	EXPECT_TRUE(run->status == 0 || run->status == 125) TH_LOG("%u: %d", when, run->status);
	/* That it has done it it says only if it has. */
	if (run->status == 0)
		EXPECT_STREQ(REACHES_NEW, reached) TH_LOG("%u", when);
	if (unknown) {
		EXPECT_NE(0, run->status) TH_LOG("%u", when);
		EXPECT_TRUE(cut) TH_LOG("%u", when);
		EXPECT_TRUE(!strcmp(REACHES_OLD, reached) || !strcmp(REACHES_NEW, reached))
			TH_LOG("%u: %s", when, reached);
	}
	egress_set(env, &again, "lost", NEW);
	EXPECT_EQ(0, again.status) TH_LOG("%u: %s", when, again.err.bytes);
	EXPECT_TRUE(is_verified(env, "lost")) TH_LOG("%u", when);
	EXPECT_STREQ(REACHES_NEW, reach(talk, 3)) TH_LOG("%u", when);
	return unknown && !strcmp(loss->reaches, reached);
}

TEST_F_TIMEOUT(cell, a_lost_answer_is_not_taken_for_any, 120)
{
	const struct loss *loss = &variant->loss;
	unsigned int when, unknown = 0;
	bool failed = true;

	for (when = 1; failed; when++) {
		struct talk talk;
		struct run run;

		ASSERT_TRUE(start(&self->env, &talk)) TH_LOG("%u", when);
		failed = replace(&self->env, loss, when, &run);
		unknown += judge(_metadata, &self->env, loss, when, &run, &talk);
		EXPECT_EQ(0, talk_end(&talk)) TH_LOG("%u: %s", when, talk.run.err.bytes);
	}
	TH_LOG("%u calls of %s: %u times the rules in force were unknown", when - 2, loss->call,
	       unknown);
	EXPECT_LE(1, unknown);
}

TEST_HARNESS_MAIN
