// SPDX-License-Identifier: MIT
/*
 * The CELLOS_* variables. A malformed one is refused even where an option or
 * the document has the last word: it would be believed on the next run.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "helper/bounds.h"
#include "helper/plan_parts.h"
#include "lib/cleanup.h"

#define BLANKS	" \t\n\v\f\r"

static struct setting variable(char *const *environment, const char *name)
{
	struct setting ret = { .step = "environment", .name = name };
	size_t length = strlen(name);

	for (; environment && *environment; environment++) {
		if (!strncmp(*environment, name, length) && (*environment)[length] == '=') {
			ret.value = *environment + length + 1;
			break;
		}
	}
	return ret;
}

static int judge_backend(const struct setting *setting, struct variables *to, struct error *err)
{
	to->backend_from = *setting;
	return setting_backend(setting, &to->backend, err);
}

/* "1" is the supervisor's word for its usual four; "", "0" and "none" for none. */
static int judge_unshare(const struct setting *setting, struct variables *to, struct error *err)
{
	to->unshare_from = *setting;
	to->unshare = 0;
	if (!*setting->value || !strcmp(setting->value, "0"))
		return 0;
	if (strcmp(setting->value, "1"))
		return setting_unshare(setting, &to->unshare, err);
	to->unshare = UNSHARE_PID | UNSHARE_IPC | UNSHARE_MNT | UNSHARE_NET;
	return 0;
}

/* A comma list of absolute paths; empty: unset. */
static int judge_argv0_prefixes(const struct setting *setting, struct variables *to,
				struct error *err)
{
	to->argv0_from = *setting;
	for (const char *p = setting->value; *setting->value; p++) {
		size_t length = strcspn(p, ",");
		char *prefix __free(mem) = strndup(p, length);
		bool good = prefix && prefix[0] == '/' && length <= CELLOS_PATH_MAX &&
			    !path_climbs(prefix);

		if (!prefix)
			return err_set(err, setting->step, ENOMEM, "no memory for the plan");
		if (!good) {
			setting_refuse(setting, err, EINVAL, "%s is no path prefix",
				       text_quote(prefix).text);
			err_hint(err, "a comma list of absolute paths without \"..\": "
				 "/usr/bin,/opt/tools");
			return -EINVAL;
		}
		if (++to->n_argv0_prefixes > CELLOS_LIST_MAX)
			return setting_refuse(setting, err, E2BIG, "has more than %d entries",
					      CELLOS_LIST_MAX);
		p += length;
		if (!*p)
			break;
	}
	return 0;
}

/*
 * Cuts the next word off @text into @ret. Returns false if there is none, or
 * one that is longer than any number of 64 bits.
 */
static bool next_word(const char **text, char *ret, size_t size)
{
	const char *start = *text + strspn(*text, BLANKS);
	size_t length = strcspn(start, BLANKS);

	*text = start + length;
	if (!length || length >= size)
		return false;
	memcpy(ret, start, length);
	ret[length] = '\0';
	return true;
}

static int refuse_cpu_max(const struct setting *setting, struct error *err)
{
	setting_refuse(setting, err, EINVAL, "%s is no bandwidth",
		       text_quote(setting->value).text);
	err_hint(err, "write \"max\", \"max PERIOD\", \"QUOTA\" or \"QUOTA PERIOD\", in "
		 "microseconds, or unset it");
	return -EINVAL;
}

/* One of the two numbers of cpu.max, and what the kernel takes for it. */
struct micros {
	const char *what;
	uint64_t min;
	uint64_t max;
};

static int parse_micros(const struct setting *setting, const struct micros *range,
			const char *text, uint64_t *ret, struct error *err)
{
	int r = text_to_u64(text, range->max, ret);

	if (r == -EINVAL)
		return refuse_cpu_max(setting, err);
	if (r || *ret < range->min)
		return setting_refuse(setting, err, EINVAL,
				      "%s %s is out of range: the kernel takes %" PRIu64
				      " to %" PRIu64 " us", range->what, text, range->min,
				      range->max);
	return 0;
}

static int judge_cpu_max(const struct setting *setting, struct variables *to, struct error *err)
{
	static const struct micros quotas = { "quota", CPU_QUOTA_MIN, CPU_QUOTA_MAX };
	static const struct micros periods = { "period", CPU_PERIOD_MIN, CPU_PERIOD_MAX };
	const char *rest = setting->value;
	char quota[24], period[24];
	int r = 0;

	if (!next_word(&rest, quota, sizeof(quota)))
		return refuse_cpu_max(setting, err);
	to->cpu_period = CPU_PERIOD_DEFAULT;
	to->cpu_quota = LIMIT_MAX;
	if (strcmp(quota, "max"))
		r = parse_micros(setting, &quotas, quota, &to->cpu_quota, err);
	rest += strspn(rest, BLANKS);
	if (r || !*rest)
		return r;
	if (!next_word(&rest, period, sizeof(period)) || rest[strspn(rest, BLANKS)])
		return refuse_cpu_max(setting, err);
	return parse_micros(setting, &periods, period, &to->cpu_period, err);
}

/*
 * CELLOS_STRICT_CONFIG is accepted with any value: strict is the only way here.
 * What is not listed belongs to other parts of the system.
 */
static const struct {
	const char *name;
	int (*judge)(const struct setting *setting, struct variables *to, struct error *err);
} judges[] = {
	{ "CELLOS_CELL_BACKEND",		judge_backend },
	{ "CELLOS_SUBPROCESS_UNSHARE",		judge_unshare },
	{ "CELLOS_RUN_ARGV0_ALLOW_PREFIXES",	judge_argv0_prefixes },
	{ "CELLOS_CGROUP_CPU_MAX",		judge_cpu_max },
};

int variables_judge(char *const *environment, struct variables *ret, struct error *err)
{
	struct variables found = {
		.backend = CELLOS_BACKEND_HOST,
		.cpu_quota = LIMIT_UNSET,
		.cpu_period = LIMIT_UNSET,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(judges); i++) {
		struct setting setting = variable(environment, judges[i].name);
		int r = setting.value ? judges[i].judge(&setting, &found, err) : 0;

		if (r)
			return r;
	}
	*ret = found;
	return 0;
}

/* A copy without the blanks around it. */
static char *trimmed(const char *text)
{
	const char *start = text + strspn(text, BLANKS);
	size_t length = strlen(start);

	while (length && strchr(BLANKS, start[length - 1]))
		length--;
	return strndup(start, length);
}

int plan_cgroup_parent(const char *option, char *const *environment, char **ret, struct error *err)
{
	struct setting setting = OPTION("--cgroup-parent", option);
	char *path __free(mem) = NULL;

	if (!option)
		setting = variable(environment, "CELLOS_CGROUP_PARENT");
	if (setting.value) {
		path = option ? strdup(option) : trimmed(setting.value);
		if (!path)
			return err_set(err, setting.step, ENOMEM, "no memory");
	}
	if (!path || (!*path && !option)) {
		*ret = NULL;
		return 0;
	}
	if (*path != '/')
		return setting_refuse(&setting, err, EINVAL, "%s is not an absolute path",
				      text_quote(path).text);
	if (strlen(path) > CELLOS_PATH_MAX)
		return setting_refuse(&setting, err, E2BIG, "has %zu bytes, at most %d are allowed",
				      strlen(path), CELLOS_PATH_MAX);
	*ret = take_ptr(path);
	return 0;
}
