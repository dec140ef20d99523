// SPDX-License-Identifier: MIT
/* What the verbs print: objects for programs, lines for people. */
#include "helper/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "helper/report_json.h"
#include "lib/io.h"

#define PROCS_SHOWN	1024

void report_error(const struct error *err)
{
	bool named = !strncmp(err->message, err->field, strlen(err->field));

	if (!err->errnum)
		return;
	/* The messages of the document begin with the field. */
	dprintf(STDERR_FILENO, "cellos-helper: %s: %s%s%s: %s\n", err->step,
		named ? "" : err->field, named ? "" : ": ", err->message, strerror(err->errnum));
	if (err->hint[0])
		dprintf(STDERR_FILENO, "hint: %s\n", err->hint);
}

int report_open(struct report *report, bool json)
{
	report->json = json;
	report->array = json ? json_array() : NULL;
	return json && !report->array ? -ENOMEM : 0;
}

/* Prints a value, or what lines are still held back, and says if that failed. */
static int finish(struct report *report, json_t *value)
{
	int ret = report->json ? json_print(STDOUT_FILENO, value) :
		fflush(stdout) || ferror(stdout) ? -EIO : 0;

	report->array = NULL;
	if (ret < 0)
		dprintf(STDERR_FILENO, "cellos-helper: report: cannot write to stdout: %s\n",
			strerror(-ret));
	return ret;
}

int report_close(struct report *report, bool single)
{
	if (single && json_array_size(report->array) == 0 && report->json)
		return 0;	/* it failed, which is said elsewhere */
	return finish(report, single ? json_incref(json_array_get(report->array, 0)) :
				       report->array);
}

/* A CLOCK_BOOTTIME instant as RFC 3339 in UTC, by the clocks as they are now. */
static const char *wall_time(uint64_t boot_ns, char *buf, size_t size)
{
	struct timespec real;
	struct tm tm;
	int64_t ns;
	time_t sec;

	clock_gettime(CLOCK_REALTIME, &real);
	ns = (int64_t)real.tv_sec * (int64_t)NSEC_PER_SEC + real.tv_nsec -
	     (int64_t)now_ns() + (int64_t)boot_ns;
	sec = ns / (int64_t)NSEC_PER_SEC;
	gmtime_r(&sec, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

void report_teardown(struct report *report, const struct teardown *t)
{
	const char *id = t->cell_id[0] ? t->cell_id : "(a leaf without identity)";

	if (report->json) {
		json_array_append_new(report->array, json_teardown(t));
		return;
	}
	printf("%s: %s, %u cell%s remain%s, %s\n", id, t->destroyed ? "destroyed" : "NOT destroyed",
	       t->peers, t->peers == 1 ? "" : "s", t->peers == 1 ? "s" : "",
	       t->n_residue ? "residue:" : "no residue");
	for (unsigned int i = 0; i < t->n_residue; i++) {
		const struct residue *r = &t->residue[i];

		if (r->kind == CELLOS_RESIDUE_PROCESS)
			printf("  process %d (%s), state %c, in %s\n", r->pid, r->what, r->state,
			       r->wchan);
		else if (r->kind == CELLOS_RESIDUE_CGROUP)
			printf("  cgroup %s\n", r->what);
		else
			printf("  %u elements of table %s\n", r->count, r->what);
	}
	fflush(stdout);
}

static json_t *cell_object(const struct cell *cell)
{
	const struct identity *id = &cell->identity;
	char path[PATH_MAX + LEAF_NAME_MAX], started[32], deadline[32];

	snprintf(path, sizeof(path), "%s/%s", cell->host->parent.path, cell->leaf);
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:{s:s, s:i, s:b}}",
		"cellId", json_text(id->id), "runToken", json_text(id->token),
		"backend", backend_name(id->backend), "cgroupPath", json_text(path),
		"pid", id->workload.pid ? json_integer(id->workload.pid) : json_null(),
		"uid", (json_int_t)id->uid,
		"startedAt", json_string(wall_time(id->started, started, sizeof(started))),
		"deadline", !id->deadline ? json_null() :
			json_string(wall_time(id->deadline, deadline, sizeof(deadline))),
		"owner", "kind", "run", "pid", id->owner.pid, "alive", pidref_alive(&id->owner));
}

void report_cell(struct report *report, const struct cell *cell)
{
	const struct identity *id = &cell->identity;
	char started[32];

	if (report->json) {
		json_array_append_new(report->array, cell_object(cell));
		return;
	}
	printf("%-32s pid %-8d uid %-11u since %s  owner %d%s\n", id->id, id->workload.pid,
	       id->uid, wall_time(id->started, started, sizeof(started)), id->owner.pid,
	       pidref_alive(&id->owner) ? "" : " (gone)");
}

static bool append_process(pid_t pid, void *array)
{
	char path[32], comm[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	io_read_at(AT_FDCWD, path, comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = '\0';
	scrub(comm);
	json_array_append_new(array, json_pack("{s:i, s:s}", "pid", pid, "name", comm));
	return json_array_size(array) < PROCS_SHOWN;
}

static void print_stat(const char *name, uint64_t value)
{
	if (value != STAT_NONE)
		printf("  %-18s %llu\n", name, (unsigned long long)value);
}

static void print_pressure(const char *what, const struct cell_pressure *pressure)
{
	if (pressure->some == STAT_NONE)
		return;
	printf("  waited for %-7s %llu usec", what, (unsigned long long)pressure->some);
	if (pressure->full != STAT_NONE)
		printf(", %llu of them with nothing else to run",
		       (unsigned long long)pressure->full);
	putchar('\n');
}

static void print_stats(const struct cell_stats *stats)
{
	printf("resources:\n");
	print_stat("cpu usec", stats->cpu_usec);
	print_stat("memory peak bytes", stats->memory_peak);
	print_stat("swap peak bytes", stats->swap_peak);
	print_stat("oom kills", stats->oom_kills);
	print_stat("pids peak", stats->pids_peak);
	print_pressure("cpu", &stats->cpu);
	print_pressure("memory", &stats->memory);
	print_pressure("io", &stats->io);
}

static void print_rules(const struct cell *cell)
{
	const char *repr = cell->policy.reprs ? cell->policy.reprs : "";

	printf("egress: %s\n", !cell->identity.governed ? "not enforced (--egress off)" :
	       cell->verified ? "enforced, verified" : "enforced, NOT AS WRITTEN");
	for (unsigned int i = 0; cell->counted && i < cell->policy.n_rules; i++) {
		int len = (int)strcspn(repr, "\n");

		printf("  %-60.*s %llu packets, %llu bytes\n", len, repr,
		       (unsigned long long)cell->rules[i].packets,
		       (unsigned long long)cell->rules[i].bytes);
		repr += len + (repr[len] == '\n');
	}
	if (!cell->counted)
		return;
	printf("  %-60s %llu packets, %llu bytes\n", "denied",
	       (unsigned long long)cell->totals.denied.packets,
	       (unsigned long long)cell->totals.denied.bytes);
	printf("  %-60s %llu packets, %llu bytes\n", "refused, from outside",
	       (unsigned long long)cell->totals.refused.packets,
	       (unsigned long long)cell->totals.refused.bytes);
}

void report_egress(struct report *report, const struct cell *cell)
{
	json_t *object;

	if (!report->json) {
		print_rules(cell);
		return;
	}
	object = json_egress(cell);
	json_object_set_new(object, "cellId", json_text(cell->identity.id));
	json_object_set_new(object, "refused", json_refused(cell));
	json_array_append_new(report->array, object);
}

void report_cell_whole(struct report *report, const struct cell *cell)
{
	json_t *procs = json_array(), *object, *p;
	size_t i;

	cgroup_leaf_processes(cell->leaf_fd, append_process, procs);
	if (report->json) {
		object = cell_object(cell);
		json_object_set_new(object, "processes", procs);
		json_object_set_new(object, "resources", json_resources(&cell->stats));
		json_object_set_new(object, "egress", json_egress(cell));
		json_array_append_new(report->array, object);
		return;
	}
	report_cell(report, cell);
	printf("cgroup: %s/%s\nprocesses:\n", cell->host->parent.path, cell->leaf);
	json_array_foreach(procs, i, p)
		printf("  %-8lld %s\n", json_integer_value(json_object_get(p, "pid")),
		       json_string_value(json_object_get(p, "name")));
	json_decref(procs);
	print_stats(&cell->stats);
	print_rules(cell);
}

void report_check(struct report *report, const struct check *check)
{
	if (report->json) {
		json_array_append_new(report->array, json_pack("{s:s, s:b, s:b, s:o, s:o}",
			"name", check->name, "ok", check->ok, "needed", check->needed,
			"detail", json_text(check->detail), "remedy", json_text(check->remedy)));
		return;
	}
	printf("%-4s %-14s %s\n", check->ok ? "ok" : check->needed ? "FAIL" : "n/a", check->name,
	       check->detail);
	if (!check->ok && check->remedy[0])
		printf("     %-14s -> %s\n", "", check->remedy);
}

int report_close_reconcile(struct report *removed, unsigned int kept)
{
	if (!removed->json) {
		printf("%u cell%s kept\n", kept, kept == 1 ? "" : "s");
		return finish(removed, NULL);
	}
	return finish(removed, json_pack("{s:o, s:i}", "removed", (json_t *)removed->array,
					 "kept", (int)kept));
}
