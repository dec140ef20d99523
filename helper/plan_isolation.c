// SPDX-License-Identifier: MIT
/*
 * What a cell is kept from: option, document and variable brought together, and
 * what does not go together refused, whoever asked for it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/document_place.h"
#include "helper/envlist.h"
#include "helper/plan_parts.h"
#include "lib/cleanup.h"

#define FIELD(name)	"/spec/run/isolation/" name

static int nomem(struct error *err)
{
	return err_set(err, "options", ENOMEM, "no memory for the plan");
}

/* Who named the namespaces: @setting, or, without a value, the document. */
__attribute__((format(printf, 4, 5)))
static int refuse_unshare(const struct setting *setting, struct error *err, const char *hint,
			  const char *fmt, ...)
{
	char message[sizeof(err->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (setting->value)
		setting_refuse(setting, err, EINVAL, "%s", message);
	else
		pointer_refuse(FIELD("unshare"), err, EINVAL, "%s", message);
	err_hint(err, "%s", hint);
	return -EINVAL;
}

/* Without --netns the network is decided here. */
static int decide_network(const struct setting *from, struct plan *plan, struct error *err)
{
	const struct setting flow_log = OPTION("--flow-log", "");

	if (!(plan->isolation.unshare & UNSHARE_NET))
		return 0;
	if (plan->net == CELLOS_NET_PATH)
		return refuse_unshare(from, err, "leave one of the two out", "net, a network "
				      "namespace of the cell's own, and --netns, another one, are both "
				      "asked for");
	plan->net = CELLOS_NET_OWN;
	if (!plan->flow_log)
		return 0;
	setting_refuse(&flow_log, err, EINVAL, "nobody can listen in a network namespace of the "
		       "cell's own");
	err_hint(err, "prepare one and name it with --netns; listen in it");
	return -EINVAL;
}

static int decide_unshare(const struct variables *variables, uint32_t option, bool option_given,
			  struct plan *plan, struct error *err)
{
	struct plan_isolation *isolation = &plan->isolation;
	struct setting from = { .name = NULL };

	if (option_given) {
		from = OPTION("--unshare", "");
		isolation->unshare = option;
	} else if (!isolation->unshare_given && variables->unshare_from.value) {
		from = variables->unshare_from;
		isolation->unshare = variables->unshare;
	}
	isolation->unshare_given = true;
	if (isolation->unshare & UNSHARE_PID && !(isolation->unshare & UNSHARE_MNT))
		return refuse_unshare(&from, err, "add mnt", "pid without mnt: the cell would go "
				      "on to see the host's processes in /proc");
	return decide_network(&from, plan, err);
}

/* What hangs on a namespace that the cell does not get. */
static int check_needs(const struct plan_isolation *isolation, struct error *err)
{
	if (isolation->map_given && !(isolation->unshare & UNSHARE_USER)) {
		pointer_refuse(FIELD("userMap"), err, EINVAL, "is of a user namespace, and the cell "
			       "has none of its own");
		err_hint(err, "add user to unshare, or leave userMap out");
		return -EINVAL;
	}
	if (isolation->hidden && isolation->hidden[0] && !(isolation->unshare & UNSHARE_MNT)) {
		pointer_refuse(FIELD("hiddenPaths"), err, EINVAL, "takes a mount namespace");
		err_hint(err, "add mnt to unshare, or list what may be opened instead: "
			 "readOnlyPaths, readWritePaths");
		return -EINVAL;
	}
	if (isolation->system_libraries && !isolation->listed) {
		pointer_refuse(FIELD("systemLibraries"), err, EINVAL, "adds to lists that are not "
			       "there: without them everything can be opened");
		err_hint(err, "add readOnlyPaths (it may be empty), or leave systemLibraries out");
		return -EINVAL;
	}
	return 0;
}

/* A mount over one of these would take away what the cell, or its birth, needs. */
static bool is_vital(const char *path)
{
	static const char *const vital[] = { "/proc", "/sys", "/dev" };

	if (!strcmp(path, "/"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(vital); i++)
		if (path_is_below(path, vital[i]))
			return true;
	return false;
}

/* With a mount namespace the working directory is a fresh one of the cell's own. */
static int decide_workspace(struct document *doc, struct plan *plan, struct error *err)
{
	struct plan_isolation *isolation = &plan->isolation;

	plan->working_directory = take_ptr(doc->working_directory);
	isolation->workspace = isolation->unshare & UNSHARE_MNT && plan->working_directory;
	if (isolation->workspace && is_vital(plan->working_directory)) {
		pointer_refuse("/spec/run/workingDirectory", err, EINVAL, "%s cannot be covered by "
			       "a private workspace", text_quote(plan->working_directory).text);
		err_hint(err, "name a folder of its own, or leave workingDirectory out for /");
		return -EINVAL;
	}
	if (isolation->workspace_bytes && !isolation->workspace) {
		pointer_refuse(FIELD("workspaceBytes"), err, EINVAL, "is the size of a private "
			       "workspace, and the cell has none");
		err_hint(err, "a workspace takes unshare mnt and a workingDirectory");
		return -EINVAL;
	}
	if (!isolation->workspace_bytes)
		isolation->workspace_bytes = plan->limits.memory_max < CELLOS_WORKSPACE_MIN ?
			CELLOS_WORKSPACE_MIN :
			plan->limits.memory_max < LIMIT_MAX ? plan->limits.memory_max :
			CELLOS_WORKSPACE_DEFAULT;
	if (!plan->working_directory)
		plan->working_directory = strdup("/");
	return plan->working_directory ? 0 : nomem(err);
}

static int refuse_hidden(unsigned int i, struct error *err, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse_hidden(unsigned int i, struct error *err, const char *hint, const char *fmt, ...)
{
	char pointer[sizeof(err->field)], message[sizeof(err->message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	snprintf(pointer, sizeof(pointer), FIELD("hiddenPaths/%u"), i);
	pointer_refuse(pointer, err, EINVAL, "%s", message);
	err_hint(err, "%s", hint);
	return -EINVAL;
}

/* Is there, at @path, a file system of the cell's own that has nothing of the host's in it? */
static const char *begins_empty(const struct plan *plan, const char *path)
{
	const uint32_t shm = UNSHARE_IPC | UNSHARE_MNT;

	if (plan->isolation.workspace && path_is_below(path, plan->working_directory))
		return "the private workspace";
	if ((plan->isolation.unshare & shm) != shm)
		return NULL;
	return path_is_below(path, "/dev/shm") ? "the cell's own /dev/shm" :
	       path_is_below(path, "/dev/mqueue") ? "the cell's own /dev/mqueue" : NULL;
}

/* What the text alone tells to hide nothing, or too much. The child knows where links lead. */
static int check_hidden(const struct plan *plan, struct error *err)
{
	char *const *hidden = plan->isolation.hidden;

	for (unsigned int i = 0; hidden && hidden[i]; i++) {
		const struct quoted path = text_quote(hidden[i]);
		const char *where = begins_empty(plan, hidden[i]);

		if (!strcmp(hidden[i], "/"))
			return refuse_hidden(i, err, "name folders below it, or list what may be "
				"opened instead: readOnlyPaths, readWritePaths", "\"/\" cannot be "
				"hidden: everything that the cell is to run lies below it");
		if (plan->isolation.workspace && path_is_below(plan->working_directory, hidden[i]))
			return refuse_hidden(i, err, "hide what is beside it, or name another "
				"workingDirectory", "%s hides the working directory, %s", path.text,
				text_quote(plan->working_directory).text);
		if (where)
			return refuse_hidden(i, err, "leave it out: nothing of the host's is there",
				"%s lies in %s, which begins empty", path.text, where);
	}
	return 0;
}

static int take_prefixes(const struct variables *variables, struct plan *plan, struct error *err)
{
	const char *text = variables->argv0_from.value;

	if (!variables->n_argv0_prefixes)
		return 0;
	plan->argv0_prefixes = calloc(variables->n_argv0_prefixes + 1, sizeof(char *));
	for (unsigned int i = 0; plan->argv0_prefixes && i < variables->n_argv0_prefixes; i++) {
		size_t length = strcspn(text, ",");

		plan->argv0_prefixes[i] = strndup(text, length);
		if (!plan->argv0_prefixes[i])
			return nomem(err);
		text += length + 1;
	}
	return plan->argv0_prefixes ? 0 : nomem(err);
}

int plan_isolate(struct document *doc, const struct variables *variables, struct plan *plan,
		 struct error *err)
{
	uint32_t option = plan->isolation.unshare;
	bool option_given = plan->isolation.unshare_given;
	int ret;

	plan->isolation = doc->isolation;
	doc->isolation = (struct plan_isolation) { };
	plan->process = doc->process;
	ret = decide_unshare(variables, option, option_given, plan, err);
	if (!ret)
		ret = check_needs(&plan->isolation, err);
	if (!ret)
		ret = decide_workspace(doc, plan, err);
	if (!ret)
		ret = check_hidden(plan, err);
	return ret ?: take_prefixes(variables, plan, err);
}

void isolation_done(struct plan_isolation *isolation)
{
	envlist_free(isolation->read_only);
	envlist_free(isolation->read_write);
	envlist_free(isolation->hidden);
	free(isolation->seccomp_file);
	*isolation = (struct plan_isolation) { };
}
