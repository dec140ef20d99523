// SPDX-License-Identifier: MIT
/*
 * A limit of the document is one line of one file of the leaf. They are walked in one
 * order for everything that is done about them: each walk is a visit per line.
 */
#include "helper/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper/limits_controller.h"
#include "helper/limits_host.h"
#include "lib/io.h"

#define FIELD(name)	"/spec/run/limits/" name
#define LINE_MAX_SIZE	160
/* All that a leaf's own io.max can say. */
#define FILE_MAX_SIZE	(CELLOS_IO_DEVICES_MAX * LINE_MAX_SIZE)

/**
 * struct limit - one line of one file
 * @controller: who has the file; @also: another one, without which it means nothing
 * @line: what is written, and what the kernel has to say then
 * @field: who asks for it: a pointer, or LIMIT_OF_VARIABLE
 */
struct limit {
	const char *controller;
	const char *also;
	const char *file;
	const char *line;
	const char *field;
};

/**
 * struct walk - through all limits of a plan
 * @visit: called for each, until one fails
 * @leaf_fd, @parent, @needs: what the visitors work on
 */
struct walk {
	int (*visit)(const struct walk *walk, const struct limit *limit, struct error *err);
	int leaf_fd;
	const struct cgroup_parent *parent;
	struct needs *needs;
};

/* ---- the lines ---- */

/*
 * The kernel keeps whole pages: it rounds down, so ask for these. It cannot tell its
 * largest number from no limit.
 */
static void print_bytes(uint64_t bytes, uint64_t page, char *buf, size_t size)
{
	if (bytes == LIMIT_MAX || bytes / page >= INT64_MAX / page)
		snprintf(buf, size, "max");
	else
		snprintf(buf, size, "%" PRIu64, bytes - bytes % page);
}

static int visit_bytes(const struct walk *walk, uint64_t bytes, const char *file,
		       const char *field, struct error *err)
{
	char line[24];

	if (bytes == LIMIT_UNSET)
		return 0;
	print_bytes(bytes, (uint64_t)sysconf(_SC_PAGESIZE), line, sizeof(line));
	return walk->visit(walk, &(struct limit){ "memory", NULL, file, line, field }, err);
}

static int visit_memory(const struct walk *walk, const struct plan_limits *limits,
			struct error *err)
{
	int ret = visit_bytes(walk, limits->memory_max, "memory.max", FIELD("memoryMaxBytes"),
			      err);

	if (ret == 0)
		ret = visit_bytes(walk, limits->memory_swap_max, "memory.swap.max",
				  FIELD("memorySwapMaxBytes"), err);
	if (ret == 0)
		ret = visit_bytes(walk, limits->memory_high, "memory.high",
				  FIELD("memoryHighBytes"), err);
	if (ret == 0 && limits->memory_oom_group >= 0)
		ret = walk->visit(walk, &(struct limit){
			"memory", NULL, "memory.oom.group", limits->memory_oom_group ? "1" : "0",
			FIELD("memoryOomGroup") }, err);
	return ret;
}

static int visit_cpu(const struct walk *walk, const struct plan_limits *limits, struct error *err)
{
	const char *from = limits->cpu_of_variable ? LIMIT_OF_VARIABLE : FIELD("cpuMax");
	char line[64];
	int ret = 0;

	if (limits->cpu_period != LIMIT_UNSET) {
		snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64, limits->cpu_quota,
			 limits->cpu_period);
		ret = walk->visit(walk, &(struct limit){ "cpu", NULL, "cpu.max", line, from }, err);
	}
	if (ret == 0 && limits->cpu_weight != LIMIT_UNSET) {
		snprintf(line, sizeof(line), "%" PRIu64, limits->cpu_weight);
		ret = walk->visit(walk, &(struct limit){ "cpu", NULL, "cpu.weight", line,
							 FIELD("cpuWeight") }, err);
	}
	return ret;
}

static int visit_pids(const struct walk *walk, const struct plan_limits *limits, struct error *err)
{
	char line[24];

	if (limits->pids_max == LIMIT_UNSET)
		return 0;
	snprintf(line, sizeof(line), "%" PRIu64, limits->pids_max);
	return walk->visit(walk, &(struct limit){ "pids", NULL, "pids.max", line,
						  FIELD("pidsMax") }, err);
}

static size_t add_figure(char *line, size_t used, const char *key, uint64_t value)
{
	if (value == LIMIT_UNSET)
		return used + (size_t)snprintf(line + used, LINE_MAX_SIZE - used, " %s=max", key);
	return used + (size_t)snprintf(line + used, LINE_MAX_SIZE - used, " %s=%" PRIu64, key,
				       value);
}

/*
 * What a cell writes goes to the page cache first. That the disk's work then counts
 * for it takes the memory controller, too, which knows whose pages they are.
 */
static int visit_disk(const struct walk *walk, const struct plan_io_limit *disk,
		      const char *number, const char *field, struct error *err)
{
	char line[LINE_MAX_SIZE];
	size_t used = (size_t)snprintf(line, sizeof(line), "%s", number);
	bool writes = disk->write_bytes != LIMIT_UNSET || disk->write_operations != LIMIT_UNSET;
	const struct limit limit = { "io", writes ? "memory" : NULL, "io.max", line, field };

	used = add_figure(line, used, "rbps", disk->read_bytes);
	used = add_figure(line, used, "wbps", disk->write_bytes);
	used = add_figure(line, used, "riops", disk->read_operations);
	add_figure(line, used, "wiops", disk->write_operations);
	return walk->visit(walk, &limit, err);
}

static int visit_io(const struct walk *walk, const struct plan_limits *limits, struct error *err)
{
	char numbers[CELLOS_IO_DEVICES_MAX][DISK_NUMBER_MAX];
	char field[64];
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < limits->n_io; i++) {
		snprintf(field, sizeof(field), FIELD("ioMax/%u/device"), i);
		ret = disk_find(limits->io[i].device, field, numbers[i], err);
		for (unsigned int k = 0; ret == 0 && k < i; k++) {
			if (strcmp(numbers[k], numbers[i]))
				continue;
			err_field_set(err, field);
			return err_set(err, "limits", EINVAL, "it is disk %s, which row %u "
				       "limits already", numbers[i], k);
		}
		snprintf(field, sizeof(field), FIELD("ioMax/%u"), i);
		if (ret == 0)
			ret = visit_disk(walk, &limits->io[i], numbers[i], field, err);
	}
	return ret;
}

/* Also what is reserved: else what is beyond the limit ends the cell by SIGBUS, later. */
static int visit_pages(const struct walk *walk, const char *name, const char *line,
		       const char *field, struct error *err)
{
	char file[64];
	const struct limit limit = { "hugetlb", NULL, file, line, field };
	int ret;

	snprintf(file, sizeof(file), "hugetlb.%s.max", name);
	ret = walk->visit(walk, &limit, err);
	if (ret < 0)
		return ret;
	snprintf(file, sizeof(file), "hugetlb.%s.rsvd.max", name);
	return walk->visit(walk, &limit, err);
}

static int visit_hugetlb(const struct walk *walk, const struct plan_limits *limits,
			 struct error *err)
{
	char field[64], name[HUGETLB_NAME_MAX], line[24];
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < limits->n_hugetlb; i++) {
		const struct plan_hugetlb_limit *row = &limits->hugetlb[i];

		snprintf(field, sizeof(field), FIELD("hugetlb/%u/pageSizeBytes"), i);
		ret = hugetlb_find(row->page_size, field, name, err);
		if (ret < 0)
			return ret;
		snprintf(field, sizeof(field), FIELD("hugetlb/%u/maxBytes"), i);
		print_bytes(row->max, row->page_size, line, sizeof(line));
		ret = visit_pages(walk, name, line, field, err);
	}
	return ret;
}

static int walk_all(const struct walk *walk, const struct plan_limits *limits, struct error *err)
{
	int ret = visit_memory(walk, limits, err);

	if (ret == 0)
		ret = visit_cpu(walk, limits, err);
	if (ret == 0)
		ret = visit_pids(walk, limits, err);
	if (ret == 0)
		ret = visit_io(walk, limits, err);
	if (ret == 0)
		ret = visit_hugetlb(walk, limits, err);
	return ret;
}

/* ---- before there is a leaf ---- */

/* The controllers that a plan needs, each with the first field that needs it. */
struct needs {
	unsigned int n;
	struct {
		const char *controller;
		char field[64];
	} rows[5];
};

static void need(struct needs *needs, const char *controller, const char *field)
{
	for (unsigned int i = 0; i < needs->n; i++)
		if (!strcmp(needs->rows[i].controller, controller))
			return;
	needs->rows[needs->n].controller = controller;
	snprintf(needs->rows[needs->n].field, sizeof(needs->rows[0].field), "%s", field);
	needs->n++;
}

static int collect(const struct walk *walk, const struct limit *limit, struct error *err)
{
	(void)err;
	need(walk->needs, limit->controller, limit->field);
	if (limit->also)
		need(walk->needs, limit->also, limit->field);
	return 0;
}

/* A kernel without any swap keeps every limit of it, and has no file to say so. */
static bool holds_anyway(const struct limit *limit)
{
	return !strcmp(limit->file, "memory.swap.max") && !strcmp(limit->line, "0") &&
	       access("/proc/swaps", F_OK) < 0 && access("/proc/self/status", F_OK) == 0;
}

static const char *option_of(const char *file)
{
	static const struct { const char *file, *option; } options[] = {
		{ "memory.swap.max", "CONFIG_SWAP" },
		{ "cpu.max", "CONFIG_CFS_BANDWIDTH" },
		{ "cpu.weight", "CONFIG_FAIR_GROUP_SCHED" },
		{ "io.max", "CONFIG_BLK_DEV_THROTTLING" },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(options[i].file, file))
			return options[i].option;
	return NULL;
}

static int refuse_file(const char *file, const char *field, struct error *err)
{
	const char *option = option_of(file);

	err_set(err, "limits", EOPNOTSUPP, "%sthis kernel has no %s", limit_blame(field, err), file);
	err_hint(err, "%s%s, or %s", option ? "a kernel with " : "a later kernel", option ?: "",
		 limit_without(field));
	return -EOPNOTSUPP;
}

/* The parent has the same files as its cells: it is never the root. */
static int look_for_file(const struct walk *walk, const struct limit *limit, struct error *err)
{
	if (faccessat(walk->parent->fd, limit->file, F_OK, 0) == 0 || errno != ENOENT ||
	    holds_anyway(limit))
		return 0;
	return refuse_file(limit->file, limit->field, err);
}

int limits_enable(struct cgroup_parent *parent, const struct plan_limits *limits,
		  struct error *err)
{
	struct needs needs = { .n = 0 };
	const struct walk first = { .visit = collect, .needs = &needs };
	const struct walk second = { .visit = look_for_file, .parent = parent };
	int ret = walk_all(&first, limits, err);

	/* All or nothing: a run that is refused changes nothing. */
	for (unsigned int i = 0; ret == 0 && i < needs.n; i++)
		ret = controller_available(parent, needs.rows[i].controller, needs.rows[i].field,
					   err);
	for (unsigned int i = 0; ret == 0 && i < needs.n; i++)
		ret = controller_enable(parent, needs.rows[i].controller, needs.rows[i].field,
					err);
	if (ret == 0)
		ret = walk_all(&second, limits, err);
	if (ret == 0)
		controllers_account(parent);
	return ret;
}

int limits_probe(const struct cgroup_parent *parent, const char *what, struct error *err)
{
	static const struct { const char *what, *controller, *file; } rows[] = {
		{ "memory", "memory", "memory.max" },
		{ "swap", "memory", "memory.swap.max" },
		{ "cpu", "cpu", "cpu.max" },
		{ "pids", "pids", "pids.max" },
		{ "io", "io", "io.max" },
		{ "hugetlb", "hugetlb", NULL },
	};
	size_t i = 0;
	int ret;

	while (strcmp(rows[i].what, what))
		i++;
	ret = controller_available(parent, rows[i].controller, "", err);
	if (ret < 0 || !rows[i].file)
		return ret;
	/* Above a parent that is yet to be made is the root, perhaps: it has no such files. */
	if (parent->depth && controller_is_here(parent, rows[i].controller))
		return faccessat(parent->fd, rows[i].file, F_OK, 0) < 0 ?
		       refuse_file(rows[i].file, "", err) : 0;
	if (!strcmp(what, "swap") && access("/proc/swaps", F_OK) < 0)
		return refuse_file(rows[i].file, "", err);
	return 0;
}

/* ---- the leaf ---- */

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, line, len) && (p[len] == '\n' || p[len] == '\0'))
			return true;
	}
	return false;
}

static int write_line(const struct walk *walk, const struct limit *limit, struct error *err)
{
	const char *blame;
	char got[FILE_MAX_SIZE];
	int ret = io_write_at(walk->leaf_fd, limit->file, limit->line);
	ssize_t n = ret == 0 ? io_read_at(walk->leaf_fd, limit->file, got, sizeof(got)) : 0;

	if (ret == -ENOENT && holds_anyway(limit))
		return 0;
	if (n >= 0 && ret == 0 && has_line(got, limit->line))
		return 0;
	blame = limit_blame(limit->field, err);
	if (ret < 0)
		return err_set(err, "limits", ret, "%scannot write \"%s\" to %s", blame,
			       limit->line, limit->file);
	if (n < 0)
		return err_set(err, "limits", (int)n, "%scannot read %s back", blame, limit->file);
	return err_set(err, "limits", ERANGE, "%s%s was set to \"%s\" and is \"%.*s\"", blame,
		       limit->file, limit->line, (int)strcspn(got, "\n"), got);
}

int limits_apply(int leaf_fd, const struct plan_limits *limits, struct error *err)
{
	const struct walk walk = { .visit = write_line, .leaf_fd = leaf_fd };

	return walk_all(&walk, limits, err);
}

bool limits_met_memory(int leaf_fd)
{
	uint64_t met = 0;
	char buf[512];

	return io_read_at(leaf_fd, "memory.events", buf, sizeof(buf)) > 0 &&
	       keyed_u64(buf, "max", &met) && met > 0;
}
