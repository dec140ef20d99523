// SPDX-License-Identifier: MIT
#include "helper/report_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"

json_t *json_stat(uint64_t value)
{
	return value == STAT_NONE ? json_null() : json_integer((json_int_t)value);
}

json_t *json_text(const char *text)
{
	char *ascii;
	json_t *value;

	if (!text || !text[0])
		return json_null();
	value = json_string(text);
	if (value)
		return value;
	/* Not UTF-8, a path for example: show what can be shown. */
	ascii = strdup(text);
	if (ascii)
		scrub(ascii);
	value = json_string(ascii);
	free(ascii);
	return value;
}

const char *backend_name(enum cellos_backend backend)
{
	return backend == CELLOS_BACKEND_GVISOR ? "gvisor" : "host";
}

json_t *json_error(const struct error *err)
{
	const char *name;

	if (!err->errnum)
		return json_null();
	name = strerrorname_np(err->errnum);
	return json_pack("{s:s, s:i, s:s, s:o, s:o, s:o}",
			 "step", err->step, "errno", err->errnum, "errnoName", name ? name : "?",
			 "field", json_text(err->field), "message", json_text(err->message),
			 "hint", json_text(err->hint));
}

static json_t *json_residue(const struct residue *r)
{
	switch (r->kind) {
	case CELLOS_RESIDUE_PROCESS:
		return json_pack("{s:s, s:i, s:s, s:s%, s:s}", "kind", "process", "pid", r->pid,
				 "name", r->what, "state", &r->state, (size_t)1,
				 "wchan", r->wchan);
	case CELLOS_RESIDUE_CGROUP:
		return json_pack("{s:s, s:o}", "kind", "cgroup", "path", json_text(r->what));
	case CELLOS_RESIDUE_NFT:
		return json_pack("{s:s, s:s, s:i}", "kind", "nft", "table", r->what,
				 "elements", (int)r->count);
	case CELLOS_RESIDUE_IPC:
		return json_pack("{s:s, s:s, s:i}", "kind", "ipc", "type", r->what,
				 "count", (int)r->count);
	default:
		return json_pack("{s:s, s:s}", "kind", "file", "path", r->what);
	}
}

json_t *json_teardown(const struct teardown *teardown)
{
	json_t *residue = json_array();

	for (unsigned int i = 0; i < teardown->n_residue; i++)
		json_array_append_new(residue, json_residue(&teardown->residue[i]));
	return json_pack("{s:o, s:b, s:i, s:o}", "cellId", json_text(teardown->cell_id),
			 "destroyed", teardown->destroyed, "peersTrackedAfter",
			 (int)teardown->peers, "residue", residue);
}

static json_t *json_pressure(const struct cell_stats *stats)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}",
			 "cpuSomeUsec", json_stat(stats->cpu.some),
			 "cpuFullUsec", json_stat(stats->cpu.full),
			 "memorySomeUsec", json_stat(stats->memory.some),
			 "memoryFullUsec", json_stat(stats->memory.full),
			 "ioSomeUsec", json_stat(stats->io.some),
			 "ioFullUsec", json_stat(stats->io.full));
}

json_t *json_resources(const struct cell_stats *stats)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "wallUsec", json_stat(stats->wall_usec),
			 "cpuUsec", json_stat(stats->cpu_usec),
			 "userUsec", json_stat(stats->user_usec),
			 "systemUsec", json_stat(stats->system_usec),
			 "memoryPeakBytes", json_stat(stats->memory_peak),
			 "oomKills", json_stat(stats->oom_kills),
			 "pidsPeak", json_stat(stats->pids_peak),
			 "memorySwapPeakBytes", json_stat(stats->swap_peak),
			 "pressure", json_pressure(stats));
}

/* A counter that could not be read is null, not 0. */
static void set_count(json_t *object, const struct nft_count *count, bool known)
{
	json_object_set_new(object, "packets",
			    known ? json_integer((json_int_t)count->packets) : json_null());
	json_object_set_new(object, "bytes",
			    known ? json_integer((json_int_t)count->bytes) : json_null());
}

json_t *json_egress(const struct cell *cell)
{
	json_t *rules = json_array(), *denied = json_object();
	const char *repr = cell && cell->policy.reprs ? cell->policy.reprs : "";
	bool governed = cell && cell->identity.governed;
	/* What the kernel was given, not what a plan asked for that was refused. */
	bool enforced = governed && cell->registered;
	bool known = cell && (cell->counted || !governed);

	for (unsigned int i = 0; governed && i < cell->policy.n_rules; i++) {
		size_t len = strcspn(repr, "\n");
		json_t *row = json_pack("{s:s%}", "ruleRepr", repr, len);

		set_count(row, known ? &cell->rules[i] : NULL, known);
		json_array_append_new(rules, row);
		repr += len + (repr[len] == '\n');
	}
	set_count(denied, cell ? &cell->totals.denied : NULL, known);
	return json_pack("{s:b, s:b, s:o, s:o}", "enforced", enforced,
			 "verified", cell && cell->verified, "rules", rules, "denied", denied);
}

json_t *json_refused(const struct cell *cell)
{
	json_t *refused = json_object();

	set_count(refused, &cell->totals.refused, cell->counted || !cell->identity.governed);
	return refused;
}

int json_print(int fd, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
	int ret = -ENOMEM;

	if (text) {
		ret = io_write_all(fd, text, strlen(text));
		if (ret == 0)
			ret = io_write_all(fd, "\n", 1);
	}
	free(text);
	json_decref(value);
	return ret;
}
