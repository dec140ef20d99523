// SPDX-License-Identifier: MIT
/* spec.run.process: what the workload is born with. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "helper/document_parts.h"
#include "helper/process.h"
#include "helper/text.h"

#define UMASK_HINT	"write octal digits in quotes: \"0022\", \"077\""

/* Octal digits, as people write it: a JSON number would be decimal. */
static int read_umask(const struct place *at, json_t *value, void *to, struct error *err)
{
	struct document *doc = to;
	const char *text;
	int ret = string_read(at, value, &text, err);

	if (ret)
		return ret;
	if (*text && strlen(text) <= 4 && !text[strspn(text, "01234567")]) {
		doc->process.umask = strtoul(text, NULL, 8);
		if (doc->process.umask <= 0777)
			return 0;
	}
	ret = place_refuse(at, err, EINVAL, "%s is no umask", text_quote(text).text);
	err_hint(err, "%s", UMASK_HINT);
	return ret;
}

static int read_oom_score_adj(const struct place *at, json_t *value, void *to, struct error *err)
{
	static const struct field range = {
		.min = -1000, .max = 1000,
		.hint = "see proc_pid_oom_score_adj(5): 1000 is killed first",
	};
	struct document *doc = to;
	uint64_t number;
	int ret = integer_read(at, value, &range, &number, err);

	if (ret)
		return ret;
	doc->process.oom_given = true;
	doc->process.oom_score_adj = (int)(int64_t)number;
	return 0;
}

static int read_cpus(const struct place *at, json_t *array, void *to, struct error *err)
{
	static const struct field range = { .min = 0, .max = CELLOS_CPUS_MAX - 1 };
	struct plan_process *process = &((struct document *)to)->process;
	json_t *value;
	size_t i;

	if (!json_array_size(array))
		return place_refuse(at, err, EINVAL, "is empty: there is no CPU to run on");
	json_array_foreach(array, i, value) {
		struct place here = PLACE_INDEX(at, i);
		uint64_t cpu;
		int ret = value_check_type(&here, value, IS_INTEGER, err);

		if (!ret)
			ret = integer_read(&here, value, &range, &cpu, err);
		if (ret)
			return ret;
		process->cpus[cpu / 64] |= UINT64_C(1) << cpu % 64;
	}
	process->cpus_given = true;
	return 0;
}

static int read_rlimit_value(const struct place *at, const json_t *value, uint64_t *ret,
			     struct error *err)
{
	static const struct field range = { .min = 0, .max = INT64_MAX };
	const char *text;
	int r = value_check_type(at, value, IS_INTEGER | IS_STRING, err);

	if (r)
		return r;
	if (json_is_integer(value))
		return integer_read(at, value, &range, ret, err);
	r = string_read(at, value, &text, err);
	if (r)
		return r;
	*ret = RLIM_INFINITY;
	if (!strcmp(text, "unlimited"))
		return 0;
	r = place_refuse(at, err, EINVAL, "%s is no limit", text_quote(text).text);
	err_hint(err, "write a number without quotes, or \"unlimited\"");
	return r;
}

static int read_soft(const struct place *at, json_t *value, void *to, struct error *err)
{
	return read_rlimit_value(at, value, &((struct plan_rlimit *)to)->soft, err);
}

static int read_hard(const struct place *at, json_t *value, void *to, struct error *err)
{
	return read_rlimit_value(at, value, &((struct plan_rlimit *)to)->hard, err);
}

static const struct field pair_fields[] = {
	{ .name = "soft", .types = IS_INTEGER | IS_STRING, .required = true, .read = read_soft },
	{ .name = "hard", .types = IS_INTEGER | IS_STRING, .required = true, .read = read_hard },
	{ }
};

static const struct shape pair_shape = { .fields = pair_fields };

/* One number is soft and hard limit. */
static int read_rlimit(const struct place *at, json_t *value, struct plan_rlimit *ret,
		       struct error *err)
{
	int r = value_check_type(at, value, IS_INTEGER | IS_STRING | IS_OBJECT, err);

	if (!r && json_is_object(value))
		r = object_read(at, value, &pair_shape, ret, err);
	else if (!r)
		r = read_rlimit_value(at, value, &ret->soft, err);
	if (r)
		return r;
	if (!json_is_object(value))
		ret->hard = ret->soft;
	else if (ret->soft > ret->hard)
		return place_refuse(at, err, EINVAL, "has a soft limit above its hard one");
	ret->given = true;
	return 0;
}

static int read_rlimits(const struct place *at, json_t *object, void *to, struct error *err)
{
	struct plan_process *process = &((struct document *)to)->process;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		struct place here = PLACE_KEY(at, key);
		int number = rlimit_number(key);
		int ret;

		if (number < 0) {
			ret = place_refuse(&here, err, EINVAL, "unknown limit %s",
					   text_quote(key).text);
			err_hint(err, "known here: as, core, cpu, data, fsize, locks, memlock, "
				 "msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, "
				 "stack: see setrlimit(2)");
			return ret;
		}
		ret = read_rlimit(&here, value, &process->rlimits[number], err);
		if (ret)
			return ret;
	}
	return 0;
}

#define PROCESS(member)	offsetof(struct document, process.member)

static const struct field process_fields[] = {
	{ .name = "umask", .types = IS_STRING, .read = read_umask, .hint = UMASK_HINT },
	{ .name = "nice", .types = IS_INTEGER, .offset = PROCESS(nice), .min = 0, .max = 19,
	  .hint = "a cell is not put before the host's own processes" },
	{ .name = "oomScoreAdj", .types = IS_INTEGER, .read = read_oom_score_adj },
	{ .name = "cpuAffinity", .types = IS_ARRAY, .read = read_cpus },
	{ .name = "rlimits", .types = IS_OBJECT, .read = read_rlimits },
	{ }
};

const struct shape process_shape = { .fields = process_fields };
