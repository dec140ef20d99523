// SPDX-License-Identifier: MIT
/*
 * The options of `run`, from text to the plan. One function each; a value that
 * is understood, but not built yet, is refused by name.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "helper/bounds.h"
#include "helper/plan_parts.h"
#include "lib/cleanup.h"
#include "nft/cells.h"

static int judge_backend(const struct setting *setting, const struct variables *variables,
			 struct plan *plan, struct error *err)
{
	struct setting from = setting->value ? *setting : variables->backend_from;
	int r;

	plan->backend = variables->backend;
	if (setting->value) {
		r = setting_backend(setting, &plan->backend, err);
		if (r)
			return r;
	}
	if (plan->backend == CELLOS_BACKEND_HOST)
		return 0;
	setting_refuse(&from, err, EOPNOTSUPP, "the gvisor backend is not built yet");
	err_hint(err, "use the host backend");
	return -EOPNOTSUPP;
}

/* Whether the namespaces go together is judged in plan_isolation.c. */
static int judge_unshare(const struct setting *setting, const struct variables *variables,
			 struct plan *plan, struct error *err)
{
	(void)variables;
	if (!setting->value)
		return 0;
	plan->isolation.unshare_given = true;
	return setting_unshare(setting, &plan->isolation.unshare, err);
}

static int judge_netns(const struct setting *setting, const struct variables *variables,
		       struct plan *plan, struct error *err)
{
	const char *path = setting->value;

	(void)variables;
	if (!path)
		return 0;
	if (path[0] != '/' || strchr(path, '\n'))
		return setting_refuse(setting, err, EINVAL, "%s is no absolute path",
				      text_quote(path).text);
	if (strlen(path) > CELLOS_NETNS_MAX)
		return setting_refuse(setting, err, E2BIG, "has %zu bytes, at most %d are allowed",
				      strlen(path), CELLOS_NETNS_MAX);
	plan->net = CELLOS_NET_PATH;
	plan->netns = strdup(path);
	return plan->netns ? 0 : err_set(err, "options", ENOMEM, "no memory for the plan");
}

static int judge_stdio(const struct setting *setting, const struct variables *variables,
		       struct plan *plan, struct error *err)
{
	static const char *const words[] = {
		[CELLOS_STDIO_PIPE] = "pipe",
		[CELLOS_STDIO_NULL] = "null",
		[CELLOS_STDIO_INHERIT] = "inherit",
		NULL
	};
	static const struct word_list ways = { words, "pipe, null, inherit" };
	int i;

	(void)variables;
	plan->stdio = CELLOS_STDIO_PIPE;
	if (!setting->value)
		return 0;
	i = setting_word(setting, &ways, err);
	if (i < 0)
		return i;
	plan->stdio = i;
	return 0;
}

static int judge_egress(const struct setting *setting, const struct variables *variables,
			struct plan *plan, struct error *err)
{
	static const char *const words[] = { "off", "enforce", NULL };
	static const struct word_list modes = { words, "enforce, off" };
	int i;

	(void)variables;
	plan->egress_enforced = true;
	if (!setting->value)
		return 0;
	i = setting_word(setting, &modes, err);
	if (i < 0)
		return i;
	plan->egress_enforced = i;
	return 0;
}

/* GROUP, or GROUP:all */
static int judge_flow_log(const struct setting *setting, const struct variables *variables,
			  struct plan *plan, struct error *err)
{
	const char *text = setting->value, *colon;
	char group[8] = "";
	uint64_t number;

	(void)variables;
	if (!text)
		return 0;
	colon = strchr(text, ':');
	snprintf(group, sizeof(group), "%.*s", (int)(colon ? colon - text : 7), text);
	if (text_to_u64(group, UINT16_MAX, &number) || (colon && strcmp(colon, ":all"))) {
		setting_refuse(setting, err, EINVAL, "%s is neither GROUP nor GROUP:all",
			       text_quote(text).text);
		err_hint(err, "GROUP is that of nfnetlink_log, 0 to 65535");
		return -EINVAL;
	}
	if (!plan->egress_enforced)
		return setting_refuse(setting, err, EINVAL, "contradicts --egress off: nothing "
				      "would be logged");
	plan->flow_group = (uint16_t)number;
	plan->flow_log = NFT_LOG_DENIED | (colon ? NFT_LOG_ALLOWED : 0);
	return 0;
}

static int parse_id(const struct setting *setting, const char *what, const char *digits,
		    uint32_t *ret, struct error *err)
{
	uint64_t id;
	int r = text_to_u64(digits, ID_MAX, &id);

	if (r) {
		setting_refuse(setting, err, EINVAL, "%s has no %s of 0 to %lu",
			       text_quote(setting->value).text, what, ID_MAX);
		err_hint(err, "write UID:GID in decimal digits, or dynamic");
		return -EINVAL;
	}
	if (id >= CELLOS_UID_BASE && id < CELLOS_UID_BASE + CELLOS_UID_COUNT) {
		setting_refuse(setting, err, EINVAL, "%s %s is in the range of dynamic users",
			       what, digits);
		err_hint(err, "choose one outside %lu to %lu", CELLOS_UID_BASE,
			 CELLOS_UID_BASE + CELLOS_UID_COUNT - 1);
		return -EINVAL;
	}
	*ret = id;
	return 0;
}

static int judge_user(const struct setting *setting, const struct variables *variables,
		      struct plan *plan, struct error *err)
{
	const char *colon;
	char uid[24];
	int r;

	(void)variables;
	plan->user = (struct plan_user) { .dynamic = true };
	if (!setting->value || !strcmp(setting->value, "dynamic"))
		return 0;
	colon = strchr(setting->value, ':');
	if (!colon) {
		setting_refuse(setting, err, EINVAL, "%s is neither dynamic nor UID:GID",
			       text_quote(setting->value).text);
		err_hint(err, "numbers only: names are not looked up");
		return -EINVAL;
	}
	plan->user.dynamic = false;
	/* What does not fit is no number that fits, either. */
	snprintf(uid, sizeof(uid), "%.*s", (int)(colon - setting->value), setting->value);
	r = parse_id(setting, "uid", uid, &plan->user.uid, err);
	return r ?: parse_id(setting, "gid", colon + 1, &plan->user.gid, err);
}

/* Only the form: the report's place is opened by who writes it. */
static int judge_report(const struct setting *setting, const struct variables *variables,
			struct plan *plan, struct error *err)
{
	uint64_t fd;

	(void)variables;
	(void)plan;
	if (!setting->value)
		return 0;
	if (!*setting->value)
		return setting_refuse(setting, err, EINVAL, "is empty");
	if (strncmp(setting->value, "fd:", 3) || !text_to_u64(setting->value + 3, INT_MAX, &fd))
		return 0;
	setting_refuse(setting, err, EINVAL, "%s names no file descriptor",
		       text_quote(setting->value).text);
	err_hint(err, "write fd:N; for a file of that name ./fd:...");
	return -EINVAL;
}

static const struct {
	const char *name;
	size_t offset;
	int (*judge)(const struct setting *setting, const struct variables *variables,
		     struct plan *plan, struct error *err);
} judges[] = {
	{ "--backend",	offsetof(struct run_options, backend),	judge_backend },
	{ "--unshare",	offsetof(struct run_options, unshare),	judge_unshare },
	{ "--netns",	offsetof(struct run_options, netns),	judge_netns },
	{ "--stdio",	offsetof(struct run_options, stdio),	judge_stdio },
	{ "--egress",	offsetof(struct run_options, egress),	judge_egress },
	{ "--flow-log",	offsetof(struct run_options, flow_log),	judge_flow_log },
	{ "--user",	offsetof(struct run_options, user),	judge_user },
	{ "--report",	offsetof(struct run_options, report),	judge_report },
};

int options_judge(const struct run_options *options, const struct variables *variables,
		  struct plan *plan, struct error *err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(judges); i++) {
		const char *const *text = (const void *)((const char *)options + judges[i].offset);
		struct setting setting = OPTION(judges[i].name, *text);
		int r = judges[i].judge(&setting, variables, plan, err);

		if (r)
			return r;
	}
	return 0;
}
