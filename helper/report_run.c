// SPDX-License-Identifier: MIT
/* The report of `run`: kind CellReport. */
#include <stdio.h>
#include <string.h>

#include "helper/report_json.h"

static json_t *exit_object(const struct ending *ending)
{
	static const char *const reasons[] = {
		[CELLOS_FORCED_TTL] = "ttl",
		[CELLOS_FORCED_DESTROY] = "destroy",
		[CELLOS_FORCED_CALLER] = "caller",
	};
	const char *name = sigabbrev_np(ending->signal);
	char text[16];

	switch (ending->kind) {
	case CELLOS_EXITED:
		return json_pack("{s:s, s:i}", "kind", "exited", "code", ending->code);
	case CELLOS_SIGNALED:
		/* Real-time signals have numbers only. */
		if (name)
			snprintf(text, sizeof(text), "SIG%s", name);
		else
			snprintf(text, sizeof(text), "SIG%d", ending->signal);
		return json_pack("{s:s, s:i, s:s, s:b}", "kind", "signaled",
				 "signal", ending->signal, "signalName", text,
				 "coreDumped", ending->core_dumped);
	case CELLOS_FORCED:
		return json_pack("{s:s, s:s, s:n}", "kind", "forced",
				 "reason", reasons[ending->reason], "exitCode");
	case CELLOS_FAILED:
		return json_pack("{s:s}", "kind", "failed");
	default:
		return json_pack("{s:s}", "kind", "unknown");
	}
}

static json_t *handle_object(const struct cell *cell)
{
	bool made = cell && cell->cgroup_id;
	char path[PATH_MAX + LEAF_NAME_MAX] = "";

	if (made)
		snprintf(path, sizeof(path), "%s/%s", cell->host->parent.path, cell->leaf);
	return json_pack("{s:o, s:o, s:o, s:n, s:n, s:n}",
			 "cellId", json_text(cell ? cell->identity.id : NULL),
			 "cgroupPath", json_text(path),
			 "nftRulesApplied", made ? json_boolean(cell->verified) : json_null(),
			 "kernelDigestSha256", "rootfsDigestSha256", "firecrackerDigestSha256");
}

static json_t *oom_killed(const struct cell *cell)
{
	if (!cell || cell->stats.oom_kills == STAT_NONE)
		return json_null();
	return json_boolean(cell->stats.oom_kills > 0);
}

static json_t *timings_object(const struct cell *cell)
{
	static const struct cell_timings none;
	const struct cell_timings *t = cell ? &cell->timings : &none;

	return json_pack("{s:I, s:I, s:I, s:I}",
			 "cgroupUsec", (json_int_t)t->cgroup, "egressUsec", (json_int_t)t->egress,
			 "spawnUsec", (json_int_t)t->spawn,
			 "teardownUsec", (json_int_t)t->teardown);
}

int report_run(int fd, const struct run_result *result)
{
	static const struct cell_stats no_stats = CELL_STATS_NONE;
	const struct cell *cell = result->cell;
	json_t *report = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}",
			"apiVersion", "cellos.io/v1", "kind", "CellReport",
			"cellId", json_text(cell ? cell->identity.id : NULL),
			"runToken", json_text(cell ? cell->identity.token : NULL),
			"backend", json_text(cell ? backend_name(cell->identity.backend) : NULL),
			"error", json_error(&result->error));

	json_object_set_new(report, "handle", handle_object(cell));
	json_object_set_new(report, "exit", exit_object(&result->ending));
	json_object_set_new(report, "oomKilled", oom_killed(cell));
	json_object_set_new(report, "resources", json_resources(cell ? &cell->stats : &no_stats));
	json_object_set_new(report, "egress", json_egress(cell));
	json_object_set_new(report, "teardown", json_teardown(&result->teardown));
	json_object_set_new(report, "timings", timings_object(cell));
	return json_print(fd, report);
}
