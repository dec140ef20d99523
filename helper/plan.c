// SPDX-License-Identifier: MIT
#include "helper/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/bounds.h"
#include "helper/document.h"
#include "helper/envlist.h"
#include "helper/plan_parts.h"
#include "lib/cleanup.h"
#include "nft/cells.h"

DEFINE_FREE(plan, struct plan, plan_done(p))
DEFINE_FREE(document, struct document, document_done(p))

static const struct setting env_option = { .step = "options", .name = "--env" };

static int plan_nomem(struct error *err)
{
	return err_set(err, "options", ENOMEM, "no memory for the plan");
}

static int check_env_option(const char *pair, struct error *err)
{
	const char *equals = strchr(pair, '=');

	if (!equals) {
		setting_refuse(&env_option, err, EINVAL, "%s has no '='", text_quote(pair).text);
		err_hint(err, "write KEY=VALUE; nothing is taken from the caller's environment");
		return -EINVAL;
	}
	if (equals == pair)
		return setting_refuse(&env_option, err, EINVAL, "%s has an empty key",
				      text_quote(pair).text);
	if (strlen(pair) >= ARG_STRING_MAX)
		return setting_refuse(&env_option, err, E2BIG,
				      "%s has %zu bytes, the kernel takes at most %d",
				      text_quote(pair).text, strlen(pair), ARG_STRING_MAX - 1);
	return 0;
}

static int check_repeated(char *const *envp, size_t n, struct error *err)
{
	char *name __free(mem) = NULL;
	size_t i = 0;
	int found = envlist_repeated((const char *const *)envp, n, &i);

	if (!found)
		return 0;
	if (found > 0)
		name = strndup(envp[i], strchr(envp[i], '=') - envp[i]);
	if (!name)
		return plan_nomem(err);
	setting_refuse(&env_option, err, EINVAL, "%s is set already", text_quote(name).text);
	err_hint(err, "each name once, in the document's environment or by --env");
	return -EINVAL;
}

/* The document's pairs, then those of --env, in order. */
static int compose_environment(struct document *doc, const struct run_options *options,
			       struct plan *plan, struct error *err)
{
	size_t n = doc->n_env + options->n_env, i;
	int r;

	if (n > CELLOS_ENV_MAX)
		return setting_refuse(&env_option, err, E2BIG,
				      "%zu variables with the document's, at most %d are allowed",
				      n, CELLOS_ENV_MAX);
	plan->envp = calloc(n + 1, sizeof(*plan->envp));
	if (!plan->envp)
		return plan_nomem(err);
	for (i = 0; i < doc->n_env; i++)
		plan->envp[i] = take_ptr(doc->env[i]);
	for (; i < n; i++) {
		r = check_env_option(options->env[i - doc->n_env], err);
		if (r)
			return r;
		plan->envp[i] = strdup(options->env[i - doc->n_env]);
		if (!plan->envp[i])
			return plan_nomem(err);
	}
	return check_repeated(plan->envp, n, err);
}

static size_t total_size(char *const *list)
{
	size_t size = 0;

	for (; *list; list++)
		size += strlen(*list) + 1;
	return size;
}

static int check_total_size(const struct plan *plan, struct error *err)
{
	size_t size = total_size(plan->argv) + total_size(plan->envp);

	if (size <= ARG_TOTAL_MAX)
		return 0;
	return err_set(err, "options", E2BIG,
		       "arguments and environment have %zu bytes, at most %d are allowed", size,
		       ARG_TOTAL_MAX);
}

/*
 * A limit that nobody gave stays unset. Two follow from others: without a swap
 * limit a memory limit is none, and the kernel's period is spelled, so that
 * what is read back can be compared.
 */
static void decide_limits(struct document *doc, const struct variables *variables,
			  struct plan_limits *ret)
{
	*ret = doc->limits;
	doc->limits.io = NULL;
	if (ret->memory_max != LIMIT_UNSET && ret->memory_swap_max == LIMIT_UNSET)
		ret->memory_swap_max = 0;
	if (ret->cpu_quota == LIMIT_UNSET) {
		/* "max" limits nothing: it takes no controller, as a new cgroup has it anyway. */
		ret->cpu_of_variable = variables->cpu_quota < LIMIT_MAX;
		ret->cpu_quota = ret->cpu_of_variable ? variables->cpu_quota : LIMIT_UNSET;
		ret->cpu_period = ret->cpu_of_variable ? variables->cpu_period : LIMIT_UNSET;
	} else if (ret->cpu_period == LIMIT_UNSET) {
		ret->cpu_period = CPU_PERIOD_DEFAULT;
	}
}

/* Who is not root gets its own ids, and no others: "never more rights than it has". */
static int decide_user(const struct run_options *options, struct plan *plan, struct error *err)
{
	const struct setting user = OPTION("--user", options->user);
	bool own = !plan->user.dynamic && plan->user.uid == options->caller_uid &&
		   plan->user.gid == options->caller_gid;

	if (!options->caller_uid || own)
		return 0;
	if (!options->user) {
		plan->user = (struct plan_user) {
			.uid = options->caller_uid, .gid = options->caller_gid,
		};
		return 0;
	}
	setting_refuse(&user, err, EPERM, "%s: a caller that is not root has cells of its own uid "
		       "and gid only", text_quote(options->user).text);
	err_hint(err, "leave out --user, or start the helper as root");
	return -EPERM;
}

static int compile_egress(const struct document *doc, struct plan *plan, struct error *err)
{
	const struct setting egress = OPTION("--egress", "off");

	if (!plan->egress_enforced && doc->n_rules) {
		setting_refuse(&egress, err, EINVAL,
			       "off contradicts the document, which has egress rules");
		err_hint(err, "remove spec.authority.egressRules, or give --egress enforce");
		return -EINVAL;
	}
	return egress_compile(doc->rules, doc->n_rules, &plan->policy, err);
}

static int refuse_log_id(const char *id, struct error *err)
{
	const struct setting flow_log = OPTION("--flow-log", NULL);

	setting_refuse(&flow_log, err, E2BIG, "the cell's id has %zu bytes, the kernel's log prefix "
		       "has room for %d", strlen(id), NFT_LOG_ID_MAX);
	err_hint(err, "a shorter spec.id");
	return -E2BIG;
}

/* Moves what the document says into the plan. */
static int plan_adopt(struct document *doc, const struct run_options *options,
		      const struct variables *variables, struct plan *plan, struct error *err)
{
	int r;

	if (plan->flow_log && strlen(doc->id) > NFT_LOG_ID_MAX)
		return refuse_log_id(doc->id, err);
	strcpy(plan->cell_id, doc->id);
	plan->argv = take_ptr(doc->argv);
	plan->ttl_seconds = doc->ttl_seconds;
	plan->grace_seconds = doc->grace_seconds == LIMIT_UNSET ? CELLOS_GRACE_DEFAULT :
								  doc->grace_seconds;
	decide_limits(doc, variables, &plan->limits);
	r = plan_isolate(doc, variables, plan, err);
	if (r)
		return r;
	r = compose_environment(doc, options, plan, err);
	if (!r)
		r = check_total_size(plan, err);
	return r ?: compile_egress(doc, plan, err);
}

int plan_make(const char *bytes, size_t size, const struct run_options *options,
	      char *const *environment, struct plan *ret, struct error *err)
{
	struct document doc __free(document) = { };
	struct plan plan __free(plan) = { };
	struct variables variables;
	int r;

	r = variables_judge(environment, &variables, err);
	if (!r)
		r = options_judge(options, &variables, &plan, err);
	if (!r)
		r = decide_user(options, &plan, err);
	if (!r)
		r = plan_cgroup_parent(options->cgroup_parent, environment,
				       &plan.cgroup_parent, err);
	if (!r)
		r = document_parse(bytes, size, &doc, err);
	if (!r)
		r = plan_adopt(&doc, options, &variables, &plan, err);
	if (r)
		return r;
	*ret = plan;
	plan = (struct plan) { };
	return 0;
}

void plan_done(struct plan *plan)
{
	envlist_free(plan->argv);
	envlist_free(plan->envp);
	free(plan->working_directory);
	isolation_done(&plan->isolation);
	envlist_free(plan->argv0_prefixes);
	free(plan->cgroup_parent);
	free(plan->netns);
	free(plan->limits.io);
	egress_policy_done(&plan->policy);
	*plan = (struct plan) { };
}
