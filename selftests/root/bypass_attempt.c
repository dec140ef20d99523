// SPDX-License-Identifier: MIT
/* Attempts at getting out, each with a control that shows it could. */
#include "selftests/root/bypass.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

static bool matches(const char *pattern, const char *string)
{
	return fnmatch(pattern, string, FNM_EXTMATCH) == 0;
}

static const char *program_of(const struct outside *out, const char *program)
{
	return text("%s/%s", out->env->workloads, program ?: "workload_bypass");
}

static struct run make_run(const struct outside *out, const char *id, const struct attempt *try)
{
	char *argv = text("'%s'", program_of(out, try->program));

	for (const char *const *step = try->steps; *step; step++)
		argv = text("%s, '%s'", argv, *step);
	return (struct run){
		.document = document(id, "'authority': {'egressRules': [%s]}, "
				     "'run': {'argv': [%s]}", try->rules ?: "", argv),
	};
}

struct run attempt_run(const struct outside *out, const char *id, const char *rules,
		       const char *const *steps)
{
	return make_run(out, id, &(struct attempt){ .rules = rules, .steps = steps });
}

/* Root's, in no cell: what it prints does not matter, but what leaves. */
static void run_as_root(const struct outside *out, const struct attempt *try)
{
	const char *argv[32] = { program_of(out, try->program) };

	for (int i = 0; try->steps[i] && i < 30; i++)
		argv[i + 1] = try->steps[i];
	free(command(argv));
}

static const char *control(const struct outside *out, const struct attempt *try)
{
	struct attempt other = *try;
	const char *wanted = try->control_leaves ?: "*hello*", *leaves;
	struct run run = { 0 };

	other.rules = try->control == CONTROL_RULES ? try->control_rules : NULL;
	if (try->control == CONTROL_ROOT) {
		run_as_root(out, try);
	} else {
		run = make_run(out, "control", &other);
		if (try->control == CONTROL_OFF)
			run.args[0] = "--egress=off";
		run_whole(out->env, &run);
	}
	leaves = departed(out);
	if (matches(wanted, leaves))
		return "";
	return text("the control said: %s%sand there left:\n%swanted:\n%s\n", run.out.bytes ?: "",
		    run.err.bytes ?: "", leaves, wanted);
}

const char *attempt(const struct outside *out, const struct attempt *try)
{
	struct run run = make_run(out, "attempt", try);
	const char *leaves, *wrong = "";
	json_int_t denied;

	departed(out);
	if (run_whole(out->env, &run) != 0)
		wrong = text("it ended with %d: %s", run.status, run.err.bytes);
	leaves = departed(out);
	if (!matches(try->says, run.out.bytes))
		wrong = text("%sit said:\n%swanted:\n%s", wrong, run.out.bytes, try->says);
	if (!matches(try->leaves ?: "", leaves))
		wrong = text("%sthere left:\n%swanted:\n%s", wrong, leaves, try->leaves ?: "");
	denied = json_int_at(run.report, "/egress/denied/packets");
	if (denied < try->denied || denied > (try->denied_most ?: try->denied))
		wrong = text("%sdenied: %" JSON_INTEGER_FORMAT ", wanted: %"
			     JSON_INTEGER_FORMAT "\n", wrong, denied, try->denied);
	return text("%s%s", wrong, control(out, try));
}
