// SPDX-License-Identifier: MIT
#include "helper/limits_controller.h"

#include <errno.h>
#include <fcntl.h>
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

const char *limit_blame(const char *field, struct error *err)
{
	if (!strcmp(field, LIMIT_OF_VARIABLE))
		return LIMIT_OF_VARIABLE ": ";
	err_field_set(err, field);
	return "";
}

const char *limit_without(const char *field)
{
	return strcmp(field, LIMIT_OF_VARIABLE) ? "leave the limit out" : "unset the variable";
}

static int refuse(const struct cgroup_parent *parent, const char *controller, const char *field,
		  struct error *err)
{
	/* On v1 io was named after what it limits. */
	char *v1 __free(mem) = find_v1(strcmp(controller, "io") ? controller : "blkio");
	const char *blame = limit_blame(field, err);

	if (v1) {
		err_set(err, "limits", EOPNOTSUPP, "%sthe controller \"%s\" is not on cgroup v2: "
			"the v1 hierarchy %s holds it", blame, controller, v1);
		err_hint(err, "boot with cgroup_no_v1=all (systemd: "
			 "systemd.unified_cgroup_hierarchy=1), or %s", limit_without(field));
	} else {
		err_set(err, "limits", EOPNOTSUPP, "%sthe controller \"%s\" is not available in %s",
			blame, controller, parent->path);
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

bool controller_is_here(const struct cgroup_parent *parent, const char *controller)
{
	return lists(parent, "cgroup.controllers", controller);
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

int controller_available(const struct cgroup_parent *parent, const char *controller,
			 const char *field, struct error *err)
{
	const char *above = parent->depth ? "../" : "";
	char given[40], held[40];

	snprintf(given, sizeof(given), "%scgroup.subtree_control", above);
	snprintf(held, sizeof(held), "%scgroup.controllers", above);
	if (lists(parent, given, controller))
		return 0;
	if (!lists(parent, held, controller))
		return refuse(parent, controller, field, err);
	if (may_hand_down(parent, above))
		return 0;
	err_set(err, "limits", EBUSY, "%sthe cgroup above %s has processes of its own, so it cannot "
		"give it the controller \"%s\"", limit_blame(field, err), parent->path, controller);
	err_hint(err, "the \"no internal processes\" rule of cgroup v2: move them to a child of "
		 "that cgroup, or name another --cgroup-parent");
	return -EBUSY;
}

/* Why the kernel would not, as far as it is known. */
static void hint_enable(const char *controller, int ret, struct error *err)
{
	if (ret == -EBUSY)
		err_hint(err, "the \"no internal processes\" rule of cgroup v2: a process was "
			 "put into a cgroup that has to have children only");
	else if (ret == -EINVAL && !strcmp(controller, "cpu"))
		err_hint(err, "with CONFIG_RT_GROUP_SCHED every realtime process has to be in the "
			 "root cgroup first");
	else if (ret == -EACCES || ret == -EROFS)
		err_hint(err, "cgroup.subtree_control must be writable for the helper's uid, %u, "
			 "without capabilities: owned by it, on a cgroup2 mounted rw", geteuid());
}

int controller_enable(const struct cgroup_parent *parent, const char *controller,
		      const char *field, struct error *err)
{
	char word[32];
	int ret = 0;

	if (lists(parent, "cgroup.subtree_control", controller))
		return 0;
	snprintf(word, sizeof(word), "+%s", controller);
	if (!controller_is_here(parent, controller))
		ret = io_write_at(parent->fd, "../cgroup.subtree_control", word);
	if (ret == 0)
		ret = io_write_at(parent->fd, "cgroup.subtree_control", word);
	if (ret == 0)
		return 0;
	err_set(err, "limits", ret, "%scannot enable the controller \"%s\" in %s",
		limit_blame(field, err), controller, parent->path);
	hint_enable(controller, ret, err);
	return ret;
}

void controllers_account(struct cgroup_parent *parent)
{
	static const char *const wanted[] = { "memory", "pids" };
	char given[512], held[512], word[32];

	if (parent->accounted)
		return;
	parent->accounted = true;
	if (io_read_at(parent->fd, "cgroup.subtree_control", given, sizeof(given)) < 0 ||
	    (has_word(given, wanted[0], ' ') && has_word(given, wanted[1], ' ')) ||
	    io_read_at(parent->fd, "cgroup.controllers", held, sizeof(held)) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (has_word(given, wanted[i], ' ') || !has_word(held, wanted[i], ' '))
			continue;
		snprintf(word, sizeof(word), "+%s", wanted[i]);
		io_write_at(parent->fd, "cgroup.subtree_control", word);
	}
}
