// SPDX-License-Identifier: MIT
#include "helper/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/io.h"

/* Does a list of words, divided by @sep, have this one? */
static bool has_word(const char *list, const char *word, char sep)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += len)
		if ((p == list || p[-1] == sep) &&
		    (p[len] == sep || p[len] == '\n' || p[len] == '\0'))
			return true;
	return false;
}

/* Where the v1 hierarchy with this controller is mounted (proc_pid_mountinfo(5)). */
static char *find_v1(const char *controller)
{
	FILE *f __free(file) = fopen("/proc/self/mountinfo", "re");
	char *line __free(mem) = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		char *point __free(mem) = NULL, *options __free(mem) = NULL;
		char *type = strstr(line, " - cgroup ");

		if (type && sscanf(type, " - cgroup %*s %ms", &options) == 1 &&
		    has_word(options, controller, ',') &&
		    sscanf(line, "%*d %*d %*s %*s %ms", &point) == 1)
			return take_ptr(point);
	}
	return NULL;
}

static int refuse(const struct cgroup_parent *parent, const char *controller, const char *field,
		  struct error *err)
{
	char *v1 __free(mem) = find_v1(controller);

	if (v1) {
		err_field_set(err, field);
		err_set(err, "limits", EOPNOTSUPP, "the controller \"%s\" is not on cgroup v2: "
			"the v1 hierarchy %s holds it", controller, v1);
		err_hint(err, "boot with cgroup_no_v1=all (systemd: "
			 "systemd.unified_cgroup_hierarchy=1), or leave the limit out");
	} else {
		err_field_set(err, field);
		err_set(err, "limits", EOPNOTSUPP, "the controller \"%s\" is not available in %s",
			controller, parent->path);
		err_hint(err, "enable it from the top down: echo +%s > DIR/cgroup.subtree_control "
			 "for every cgroup DIR above %s", controller, parent->path);
	}
	return -EOPNOTSUPP;
}

static bool lists(const struct cgroup_parent *parent, const char *file, const char *controller)
{
	char buf[512];

	return io_read_at(parent->fd, file, buf, sizeof(buf)) >= 0 &&
	       has_word(buf, controller, ' ');
}

/*
 * May the cgroup above be told to hand controllers down? Not with processes of its
 * own, unless it is the root, which alone has no cgroup.type. For memory the kernel
 * refuses by itself; for cpu and pids it would turn the cgroup into a threaded one,
 * and no cell could be born below it any more.
 */
static bool may_hand_down(const struct cgroup_parent *parent, const char *above)
{
	char file[32], buf[64];

	snprintf(file, sizeof(file), "%scgroup.procs", above);
	if (io_read_at(parent->fd, file, buf, sizeof(buf)) == 0)
		return true;
	snprintf(file, sizeof(file), "%scgroup.type", above);
	return faccessat(parent->fd, file, F_OK, 0) < 0 && errno == ENOENT;
}

/* Is it here, or one level up, where it only has to be handed down? */
static int available(const struct cgroup_parent *parent, const char *controller,
		     const char *field, struct error *err)
{
	const char *above = parent->depth ? "../" : "";	/* see limits_available() */
	char given[40], held[40];

	snprintf(given, sizeof(given), "%scgroup.subtree_control", above);
	snprintf(held, sizeof(held), "%scgroup.controllers", above);
	if (lists(parent, given, controller))
		return 0;
	if (!lists(parent, held, controller))
		return refuse(parent, controller, field, err);
	if (may_hand_down(parent, above))
		return 0;
	err_field_set(err, field);
	err_set(err, "limits", EBUSY, "the cgroup above %s has processes of its own, so it cannot "
		"give it the controller \"%s\"", parent->path, controller);
	err_hint(err, "the \"no internal processes\" rule of cgroup v2: move them to a child of "
		 "that cgroup, or name another --cgroup-parent");
	return -EBUSY;
}

static int enable(const struct cgroup_parent *parent, const char *controller, const char *field,
		  struct error *err)
{
	char word[32];
	int ret = 0;

	if (lists(parent, "cgroup.subtree_control", controller))
		return 0;
	snprintf(word, sizeof(word), "+%s", controller);
	if (!lists(parent, "cgroup.controllers", controller))
		ret = io_write_at(parent->fd, "../cgroup.subtree_control", word);
	if (ret == 0)
		ret = io_write_at(parent->fd, "cgroup.subtree_control", word);
	if (ret == 0)
		return 0;
	err_field_set(err, field);
	return err_set(err, "limits", ret, "cannot enable the controller \"%s\" in %s",
		       controller, parent->path);
}

/* Calls @fn for each controller that @limits need, with the field that needs it. */
static int each_controller(const struct cgroup_parent *parent, const struct plan_limits *limits,
			   int (*fn)(const struct cgroup_parent *parent, const char *controller,
				     const char *field, struct error *err), struct error *err)
{
	int ret = 0;

	if (limits->memory_max != LIMIT_UNSET)
		ret = fn(parent, "memory", "/spec/run/limits/memoryMaxBytes", err);
	else if (limits->memory_swap_max != LIMIT_UNSET)
		ret = fn(parent, "memory", "/spec/run/limits/memorySwapMaxBytes", err);
	else if (limits->memory_oom_group >= 0)
		ret = fn(parent, "memory", "/spec/run/limits/memoryOomGroup", err);
	if (ret == 0 && limits->cpu_period != LIMIT_UNSET)
		ret = fn(parent, "cpu", "/spec/run/limits/cpuMax", err);
	if (ret == 0 && limits->pids_max != LIMIT_UNSET)
		ret = fn(parent, "pids", "/spec/run/limits/pidsMax", err);
	return ret;
}

int limits_available(const struct cgroup_parent *parent, const struct plan_limits *limits,
		     struct error *err)
{
	return each_controller(parent, limits, available, err);
}

int limits_enable(const struct cgroup_parent *parent, const struct plan_limits *limits,
		  struct error *err)
{
	int ret = limits_available(parent, limits, err);

	/* All or nothing: a run that is refused changes nothing. */
	return ret < 0 ? ret : each_controller(parent, limits, enable, err);
}

/* Writes one limit and reads it back; @want is what the kernel has to say then. */
static int apply(int leaf_fd, const char *file, const char *want, const char *field,
		 struct error *err)
{
	char got[64];
	int ret = io_write_at(leaf_fd, file, want);
	ssize_t n = ret == 0 ? io_read_at(leaf_fd, file, got, sizeof(got)) : 0;

	err_field_set(err, field);
	if (ret < 0)
		return err_set(err, "limits", ret, "cannot write \"%s\" to %s", want, file);
	if (n < 0)
		return err_set(err, "limits", (int)n, "cannot read %s back", file);
	got[strcspn(got, "\n")] = '\0';
	if (strcmp(got, want))
		return err_set(err, "limits", ERANGE, "%s was set to \"%s\" and is \"%s\"",
			       file, want, got);
	if (err)
		err->field[0] = '\0';
	return 0;
}

static void number(uint64_t value, char *buf, size_t size)
{
	if (value == LIMIT_MAX)
		snprintf(buf, size, "max");
	else
		snprintf(buf, size, "%" PRIu64, value);
}

static int apply_bytes(int leaf_fd, const char *file, uint64_t bytes, const char *field,
		       struct error *err)
{
	char text[24];

	/* The kernel keeps pages: it rounds down, so ask for whole ones. */
	if (bytes != LIMIT_MAX)
		bytes -= bytes % (uint64_t)sysconf(_SC_PAGESIZE);
	number(bytes, text, sizeof(text));
	return apply(leaf_fd, file, text, field, err);
}

int limits_apply(int leaf_fd, const struct plan_limits *limits, struct error *err)
{
	char text[64], quota[24];
	int ret = 0;

	if (limits->memory_max != LIMIT_UNSET)
		ret = apply_bytes(leaf_fd, "memory.max", limits->memory_max,
				  "/spec/run/limits/memoryMaxBytes", err);
	if (ret == 0 && limits->memory_swap_max != LIMIT_UNSET)
		ret = apply_bytes(leaf_fd, "memory.swap.max", limits->memory_swap_max,
				  "/spec/run/limits/memorySwapMaxBytes", err);
	if (ret == 0 && limits->memory_oom_group >= 0)
		ret = apply(leaf_fd, "memory.oom.group", limits->memory_oom_group ? "1" : "0",
			    "/spec/run/limits/memoryOomGroup", err);
	if (ret == 0 && limits->cpu_period != LIMIT_UNSET) {
		number(limits->cpu_quota, quota, sizeof(quota));
		snprintf(text, sizeof(text), "%s %" PRIu64, quota, limits->cpu_period);
		ret = apply(leaf_fd, "cpu.max", text, "/spec/run/limits/cpuMax", err);
	}
	if (ret == 0 && limits->pids_max != LIMIT_UNSET) {
		number(limits->pids_max, text, sizeof(text));
		ret = apply(leaf_fd, "pids.max", text, "/spec/run/limits/pidsMax", err);
	}
	return ret;
}

bool limits_met_memory(int leaf_fd)
{
	uint64_t met = 0;
	char buf[512];

	return io_read_at(leaf_fd, "memory.events", buf, sizeof(buf)) > 0 &&
	       keyed_u64(buf, "max", &met) && met > 0;
}
