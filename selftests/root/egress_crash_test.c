// SPDX-License-Identifier: MIT
/*
 * Helpers that are SIGKILLed while they replace rules, before each system call that
 * changes something. Then the old rules or the new ones are in force, `show` does not
 * claim more than it knows, and whatever comes next puts everything right, or removes
 * it. Between two system calls there is nothing that another process could see.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/laps.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define STRACE		"/usr/bin/strace"

#define OLD	RULES(RULE("127.0.0.1", 7001, "udp") ", " RULE("127.0.0.2", 7001, "udp"))
#define NEW	RULES(RULE("127.0.0.2", 7001, "udp") ", {'host': '127.0.0.3'}")
#define NEWER	RULES(RULE("127.0.0.3", 7001, "udp"))

#define REACHES_OLD	"ok ok EPERM "
#define REACHES_NEW	"EPERM ok ok "
#define REACHES_NONE	"EPERM EPERM EPERM "
#define REACHES_NEWER	"EPERM EPERM ok "

/* What is done about it. */
enum cure { SET, DESTROY, RECONCILE, NOTHING, CURES };

/**
 * struct attempt - a helper that is to be killed
 * @call: before which of its system calls
 * @rules: that it puts in force; @reaches: what the cell then does
 * @at_least: how many of these calls it makes
 * @cuts: is there one of them at which the change is neither old nor done?
 * @turns: one cure for each of them, by turns; else all
 */
struct attempt {
	const char *call, *rules, *reaches;
	unsigned int at_least;
	bool cuts, turns;
};

FIXTURE(cell) { struct test_env env; int server; };
FIXTURE_VARIANT(cell) { struct attempt try; };
FIXTURE_VARIANT_ADD(cell, asking_the_kernel) { { "sendto", NEW, REACHES_NEW, 6, true, true } };
FIXTURE_VARIANT_ADD(cell, writing_down) { { "fsetxattr", NEW, REACHES_NEW, 4, true, false } };
FIXTURE_VARIANT_ADD(cell, writing_nothing) {
	{ "fremovexattr", "[]", REACHES_NONE, 2, true, false }
};
FIXTURE_VARIANT_ADD(cell, locking) { { "flock", NEW, REACHES_NEW, 2, false, false } };
FIXTURE_SETUP(cell)
{
	if (access(STRACE, X_OK) < 0)
		SKIP(return, STRACE " is missing: no fault injection");
	env_setup(&self->env, "egress-crash");
	self->server = serve(net_here(), SOCK_DGRAM, "0.0.0.0", 7001, 0);
}
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

static bool start(const struct test_env *env, struct talk *talk)
{
	bool opened = true;

	*talk = (struct talk){ .run = { .args = { "--stdio", "inherit" } } };
	if (!talk_start(env, talk, "cut", OLD))
		return false;
	for (int i = 1; i <= 3; i++)
		opened &= !strcmp("ok", say(talk, "open udp 127.0.0.%d 7001", i));
	return opened;
}

/* Is `show` right? Return: did it say that the change was cut short? */
static bool shown_as_cut(struct __test_metadata *_metadata, const struct test_env *env,
			 const char *where)
{
	struct run run;
	json_t *json = verb(env, &run, "show", "cut");
	bool cut = run.status != 0;

	EXPECT_TRUE(run.status == 0 || run.status == 125) TH_LOG("%s: %d", where, run.status);
	EXPECT_EQ(!cut, json_is_true(json_at(json, "egress/verified"))) TH_LOG("%s", where);
	EXPECT_EQ(cut, strstr(run.err.bytes, "cut short") != NULL)
		TH_LOG("%s: %s", where, run.err.bytes);
	EXPECT_STREQ("cut", json_text_at(json, "cellId")) TH_LOG("%s", where);
	return cut;
}

static void end_by_destroy(struct __test_metadata *_metadata, const struct test_env *env,
			   struct talk *talk, const char *where)
{
	struct run run;
	json_t *json = verb(env, &run, "destroy", "cut");

	EXPECT_EQ(0, run.status) TH_LOG("%s: %s", where, run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "destroyed"))) TH_LOG("%s", where);
	EXPECT_EQ(137, talk_end(talk)) TH_LOG("%s: %s", where, talk->run.err.bytes);
}

/* As long as somebody owns the cell it stays; then it goes. */
static void end_by_reconcile(struct __test_metadata *_metadata, const struct test_env *env,
			     struct talk *talk, bool cut, const char *where)
{
	struct run run;
	json_t *json = verb(env, &run, "reconcile", NULL);

	EXPECT_EQ(cut ? 125 : 0, run.status) TH_LOG("%s: %s", where, run.err.bytes);
	EXPECT_EQ(1, json_int_at(json, "kept")) TH_LOG("%s", where);
	EXPECT_EQ(cut, strstr(run.err.bytes, "cut short") != NULL)
		TH_LOG("%s: %s", where, run.err.bytes);
	talk_crash(talk);
	json = verb(env, &run, "reconcile", NULL);
	EXPECT_EQ(0, run.status) TH_LOG("%s: %s", where, run.err.bytes);
	EXPECT_EQ(1, json_array_size(json_at(json, "removed"))) TH_LOG("%s", where);
	EXPECT_EQ(0, json_array_size(json_at(json, "removed/0/residue"))) TH_LOG("%s", where);
	close(talk->fifo);
}

static void end_healed(struct __test_metadata *_metadata, const struct test_env *env,
			  struct talk *talk, const char *where)
{
	struct run run;
	json_t *json = egress_set(env, &run, "cut", NEWER);

	EXPECT_EQ(0, run.status) TH_LOG("%s: %s", where, run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(json, "verified"))) TH_LOG("%s", where);
	EXPECT_TRUE(is_verified(env, "cut")) TH_LOG("%s", where);
	EXPECT_STREQ(REACHES_NEWER, reach(talk, 3)) TH_LOG("%s", where);
	EXPECT_EQ(0, talk_end(talk)) TH_LOG("%s: %s", where, talk->run.err.bytes);
	EXPECT_TRUE(json_is_true(json_at(talk->run.report, "/egress/verified")))
		TH_LOG("%s", where);
	EXPECT_EQ(1, json_int_at(talk->run.report, "/egress/rules/0/packets"))
		TH_LOG("%s", where);
}

/* The run cannot say what was in force: it says that. */
static void end_as_it_is(struct __test_metadata *_metadata, struct talk *talk, bool cut,
			 const char *where)
{
	const char *message;

	EXPECT_EQ(cut ? 125 : 0, talk_end(talk)) TH_LOG("%s: %s", where, talk->run.err.bytes);
	message = json_text_at(talk->run.report, "/error/message");
	EXPECT_EQ(cut, strstr(message, "cut short") != NULL) TH_LOG("%s: %s", where, message);
	EXPECT_EQ(!cut, json_is_true(json_at(talk->run.report, "/egress/verified")))
		TH_LOG("%s", where);
	EXPECT_STREQ("exited", json_text_at(talk->run.report, "/exit/kind"));
	EXPECT_EQ(0, json_array_size(json_at(talk->run.report, "/teardown/residue")));
}

/* What it reaches is what it reached before, or what it is to reach? */
static bool is_either(const char *reached, const struct attempt *try)
{
	return !strcmp(reached, REACHES_OLD) || !strcmp(reached, try->reaches);
}

/* The helper is dead, or through. Return: as shown_as_cut(). */
static bool judge(struct __test_metadata *_metadata, const struct test_env *env,
		  struct talk *talk, enum cure cure, const char *where)
{
	bool cut = shown_as_cut(_metadata, env, where);

	if (cure == SET)
		end_healed(_metadata, env, talk, where);
	else if (cure == DESTROY)
		end_by_destroy(_metadata, env, talk, where);
	else if (cure == RECONCILE)
		end_by_reconcile(_metadata, env, talk, cut, where);
	else
		end_as_it_is(_metadata, talk, cut, where);
	EXPECT_TRUE(!strcmp("", nft("list ruleset"))) TH_LOG("%s", where);
	EXPECT_EQ(NULL, cell_leaf(env, "cut")) TH_LOG("%s", where);
	return cut;
}

static void become_strace(void *arg)
{
	const char *const *argv = arg;

	execv(STRACE, (char **)(uintptr_t)argv);
}

/* Return: was it killed at the @when-th of these calls? */
static bool kill_at(const struct test_env *env, const struct attempt *try, unsigned int when)
{
	const char *argv[] = {
		"strace", "-D", "-qqq", "-o", "/dev/null", "-e", text("trace=%s", try->call),
		"-e", text("inject=%s:signal=KILL:when=%u", try->call, when),
		getenv("CELLOS_HELPER"), "egress", text("--cgroup-parent=%s", env->parent),
		"cut", "--set", "-", NULL
	};
	struct run run = {
		.verb = "egress", .document = json_text(try->rules), .before_exec = become_strace,
		.arg = argv,
	};

	run_whole(env, &run);
	return run.status == -SIGKILL;
}

/* Return: 0: it was through before it could be killed; 1; 2: and the change was cut short. */
static int kill_and_cure(struct __test_metadata *_metadata, const struct test_env *env,
			 const struct attempt *try, unsigned int when, enum cure cure)
{
	char *where = text("%s %u, cure %d", try->call, when, cure);
	const char *reached;
	struct talk talk;
	bool killed;

	ASSERT_TRUE(start(env, &talk)) TH_LOG("%s", where);
	killed = kill_at(env, try, when);
	reached = reach(&talk, 3);
	EXPECT_TRUE(is_either(reached, try)) TH_LOG("%s: %s", where, reached);
	return killed + judge(_metadata, env, &talk, cure, where);
}

TEST_F_TIMEOUT(cell, a_killed_replacement_is_seen_and_undone, 60)
{
	const struct attempt *try = &variant->try;
	/* On an emulated machine the cures take turns, too. */
	bool turns = try->turns || is_slow();
	unsigned int when, n = 0, cuts = 0;
	int result = 1;

	for (when = 1; result; when++) {
		enum cure cure = turns ? when % CURES : SET;

		for (; result && cure < CURES; cure += turns ? CURES : 1) {
			result = kill_and_cure(_metadata, &self->env, try, when, cure);
			n += result > 0;
			cuts += result > 1;
		}
	}
	TH_LOG("killed before %u calls of %s: %u of %u times the change was cut short",
	       when - 2, try->call, cuts, n);
	EXPECT_LE(try->at_least, when - 2);
	EXPECT_EQ(try->cuts, cuts > 0);
}

TEST_HARNESS_MAIN
