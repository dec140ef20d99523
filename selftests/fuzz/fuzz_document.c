// SPDX-License-Identifier: MIT
/*
 * Fuzzes the pure part of the helper: any bytes must end in a plan or in a
 * refusal that says what and why, never in both or in neither.
 *
 * Input: a document; behind the first NUL, if there is one, more strings, each
 * ended by a NUL: what starts with "--" is an option ("--user=0:0"), the rest
 * are variables of the caller ("CELLOS_CGROUP_CPU_MAX=max").
 *
 * Built with -fsanitize=fuzzer.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "helper/document.h"
#include "helper/plan.h"
#include "helper/text.h"
#include "lib/cleanup.h"

#define STRINGS_MAX	16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(fact)	do {	\
	if (!(fact))		\
		abort();	\
} while (0)

struct request {
	struct run_options options;
	const char *env[STRINGS_MAX];
	char *environment[STRINGS_MAX + 1];
};

static const struct {
	const char *prefix;
	size_t offset;
} option_names[] = {
	{ "--cgroup-parent=",	offsetof(struct run_options, cgroup_parent) },
	{ "--backend=",		offsetof(struct run_options, backend) },
	{ "--unshare=",		offsetof(struct run_options, unshare) },
	{ "--stdio=",		offsetof(struct run_options, stdio) },
	{ "--egress=",		offsetof(struct run_options, egress) },
	{ "--netns=",		offsetof(struct run_options, netns) },
	{ "--flow-log=",	offsetof(struct run_options, flow_log) },
	{ "--user=",		offsetof(struct run_options, user) },
	{ "--report=",		offsetof(struct run_options, report) },
};

static void add_option(struct request *request, const char *text)
{
	size_t i;

	if (!strncmp(text, "--env=", 6)) {
		request->env[request->options.n_env++] = text + 6;
		return;
	}
	for (i = 0; i < ARRAY_SIZE(option_names); i++) {
		size_t length = strlen(option_names[i].prefix);
		const char *value = text + length;

		if (!strncmp(text, option_names[i].prefix, length))
			memcpy((char *)&request->options + option_names[i].offset, &value,
			       sizeof(value));
	}
}

/* @strings: NUL-terminated strings up to @end, the last one too. */
static void read_request(struct request *request, char *strings, char *end)
{
	unsigned int n = 0, n_environment = 0;

	request->options.env = request->env;
	for (; strings < end && n < STRINGS_MAX; strings += strlen(strings) + 1, n++) {
		if (!strncmp(strings, "--", 2))
			add_option(request, strings);
		else
			request->environment[n_environment++] = strings;
	}
}

static void check_error(const struct error *err, int ret)
{
	MUST(err->errnum == -ret);
	MUST(ret == -EINVAL || ret == -E2BIG || ret == -EOPNOTSUPP);
	MUST(err->step[0] && err->message[0]);
	MUST(!err->field[0] || err->field[0] == '/');
	MUST(!err->field[0] || !strcmp(err->step, "document"));
}

static void check_paths(char *const *list)
{
	for (; list && *list; list++)
		MUST(**list == '/' && !path_climbs(*list) && !strstr(*list, "//"));
}

/* What hangs on something has it. */
static void check_isolation(const struct plan *plan)
{
	const struct plan_isolation *isolation = &plan->isolation;
	bool own_mounts = isolation->unshare & UNSHARE_MNT;

	MUST(own_mounts || !(isolation->unshare & UNSHARE_PID));
	MUST(isolation->unshare & UNSHARE_USER || !isolation->map_given);
	MUST(own_mounts || !isolation->hidden || !isolation->hidden[0]);
	MUST(isolation->listed || !isolation->system_libraries);
	MUST(isolation->listed || (!isolation->read_only && !isolation->read_write));
	MUST(!isolation->workspace || (own_mounts && strcmp(plan->working_directory, "/")));
	MUST(!isolation->workspace || strncmp(plan->working_directory, "/proc/", 6));
	MUST(isolation->workspace_bytes >= CELLOS_WORKSPACE_MIN);
	MUST((isolation->seccomp == CELLOS_SECCOMP_FILE) == !!isolation->seccomp_file);
	MUST(!(isolation->unshare & UNSHARE_NET) == (plan->net != CELLOS_NET_OWN));
	check_paths(isolation->read_only);
	check_paths(isolation->read_write);
	check_paths(isolation->hidden);
}

static void check_process(const struct plan_process *process)
{
	MUST(process->umask == LIMIT_UNSET || process->umask <= 0777);
	MUST(process->nice == LIMIT_UNSET || process->nice <= 19);
	for (int i = 0; i < PLAN_RLIMITS; i++)
		MUST(process->rlimits[i].soft <= process->rlimits[i].hard);
}

static void check_plan(const struct plan *plan)
{
	char *const *pair;

	MUST(plan->cell_id[0] && !strchr(plan->cell_id, '/') && !strstr(plan->cell_id, ".."));
	MUST(plan->argv[0] && plan->argv[0][0]);
	for (pair = plan->envp; *pair; pair++)
		MUST(strchr(*pair, '=') > *pair);
	MUST(plan->working_directory[0] == '/');
	check_isolation(plan);
	check_process(&plan->process);
	MUST(!plan->cgroup_parent || plan->cgroup_parent[0] == '/');
	MUST(plan->backend == CELLOS_BACKEND_HOST);
	MUST(plan->grace_seconds <= CELLOS_GRACE_MAX);
	MUST(plan->egress_enforced || !plan->policy.n_rules);
	MUST(plan->limits.memory_max == LIMIT_UNSET || plan->limits.memory_max);
	MUST(plan->limits.memory_max == LIMIT_UNSET ||
	     plan->limits.memory_swap_max != LIMIT_UNSET);
	MUST((plan->limits.cpu_quota == LIMIT_UNSET) == (plan->limits.cpu_period == LIMIT_UNSET));
}

static void fuzz_plan(const char *bytes, size_t size)
{
	const char *nul = memchr(bytes, '\0', size);
	size_t document = nul ? (size_t)(nul - bytes) : size;
	char *copy __free(mem) = malloc(size + 1);
	struct request request = { };
	struct plan plan;
	struct error err = { };
	int ret;

	MUST(copy);
	memcpy(copy, bytes, size);
	copy[size] = '\0';
	if (nul)
		read_request(&request, copy + document + 1, copy + size);
	ret = plan_make(bytes, document, &request.options, request.environment, &plan, &err);
	if (ret) {
		check_error(&err, ret);
		return;
	}
	MUST(!err_is_set(&err) && !err.hint[0]);
	check_plan(&plan);
	plan_done(&plan);
}

static void fuzz_rules(const char *bytes, size_t size)
{
	struct egress_rule *rules;
	struct error err = { };
	unsigned int n, i;
	int ret;

	ret = egress_rules_parse(bytes, size, &rules, &n, &err);
	if (ret) {
		check_error(&err, ret);
		return;
	}
	for (i = 0; i < n; i++) {
		MUST(rules[i].n_nets && rules[i].protocols);
		MUST(rules[i].port_first <= rules[i].port_last);
		MUST(!rules[i].port_first == !rules[i].port_last);
	}
	egress_rules_done(rules, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;

	if (size && bytes[0] == '[')
		fuzz_rules(bytes, size);
	else
		fuzz_plan(bytes, size);
	return 0;
}
