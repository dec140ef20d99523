// SPDX-License-Identifier: MIT
/* helper/plan_env.c: the CELLOS_* variables. */
#include "selftests/unit/request.h"

TEST(variables_that_ask_for_nothing_are_accepted)
{
	static const char *const settings[] = {
		"CELLOS_SUBPROCESS_UNSHARE=", "CELLOS_SUBPROCESS_UNSHARE=0",
		"CELLOS_SUBPROCESS_UNSHARE=none", "CELLOS_RUN_ARGV0_ALLOW_PREFIXES=",
		"CELLOS_STRICT_CONFIG=1", "CELLOS_STRICT_CONFIG=maybe", "CELLOS_CELL_BACKEND=host",
		"CELLOS_CGROUP_PARENT=", "CELLOS_CGROUP_PARENT= \t", "CELLOS_SOMETHING_ELSE=x",
		"CELLOS_CGROUP_CPU_MAXIMUM=x", "CELLOS_GVISOR_RUNSC_BIN=x", "PATH=/bin",
	};
	char unshare[] = "CELLOS_SUBPROCESS_UNSHARE=1";
	struct plan plan;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		char *setting __free(mem) = strdup(settings[i]);

		plan = good_plan(_metadata, (struct request) { .environment = { setting } });
		EXPECT_EQ(NULL, plan.cgroup_parent);
		plan_done(&plan);
	}
	plan = good_plan(_metadata, (struct request) {
		.options.unshare = "none", .environment = { unshare },
	});
	plan_done(&plan);
}

TEST(malformed_variables_are_refused_even_under_an_option)
{
	static const struct refusal row = {
		"bogus", EINVAL, "", "CELLOS_CELL_BACKEND: unknown value", "known here"
	};
	char variable[] = "CELLOS_CELL_BACKEND=bogus";

	check_request(_metadata, (struct request) {
		.options.backend = "host", .environment = { variable },
	}, "environment", &row);
}

TEST(lists_of_allowed_programs_hold_absolute_paths)
{
	static const struct refusal rows[] = {
		{ "CELLOS_RUN_ARGV0_ALLOW_PREFIXES=bin", EINVAL, "",
		  "CELLOS_RUN_ARGV0_ALLOW_PREFIXES: \"bin\" is no path prefix", "a comma list" },
		{ "CELLOS_RUN_ARGV0_ALLOW_PREFIXES=/usr/bin,", EINVAL, "", "\"\" is no", "comma" },
		{ "CELLOS_RUN_ARGV0_ALLOW_PREFIXES=,/usr/bin", EINVAL, "", "\"\" is no", "comma" },
		{ "CELLOS_RUN_ARGV0_ALLOW_PREFIXES=/usr/../bin", EINVAL, "", "is no path", ".." },
	};
	char variable[] = "CELLOS_RUN_ARGV0_ALLOW_PREFIXES=/usr/bin,/opt/tools/,/";
	struct plan plan;

	CHECK_VARIABLE(rows);
	plan = good_plan(_metadata, (struct request) { .environment = { variable } });
	ASSERT_NE(NULL, plan.argv0_prefixes);
	EXPECT_STREQ("/usr/bin", plan.argv0_prefixes[0]);
	EXPECT_STREQ("/opt/tools/", plan.argv0_prefixes[1]);
	EXPECT_STREQ("/", plan.argv0_prefixes[2]);
	EXPECT_EQ(NULL, plan.argv0_prefixes[3]);
	plan_done(&plan);
}

TEST(cpu_bandwidth_comes_from_the_environment_where_the_document_is_silent)
{
	static const struct {
		const char *setting;
		uint64_t quota;
		uint64_t period;
	} rows[] = {
		/* What limits nothing takes no controller. */
		{ "CELLOS_CGROUP_CPU_MAX=max", LIMIT_UNSET, LIMIT_UNSET },
		{ "CELLOS_CGROUP_CPU_MAX=max 50000", LIMIT_UNSET, LIMIT_UNSET },
		{ "CELLOS_CGROUP_CPU_MAX=25000", 25000, 100000 },
		{ "CELLOS_CGROUP_CPU_MAX=25000 50000", 25000, 50000 },
		{ "CELLOS_CGROUP_CPU_MAX= \t25000 \n 50000  ", 25000, 50000 },
	};
	char variable[] = "CELLOS_CGROUP_CPU_MAX=25000 50000";
	struct plan plan;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char *setting __free(mem) = strdup(rows[i].setting);

		plan = good_plan(_metadata, (struct request) { .environment = { setting } });
		EXPECT_EQ(rows[i].quota, plan.limits.cpu_quota);
		EXPECT_EQ(rows[i].period, plan.limits.cpu_period);
		EXPECT_EQ(rows[i].quota != LIMIT_UNSET, plan.limits.cpu_of_variable);
		plan_done(&plan);
	}
	plan = good_plan(_metadata, (struct request) {
		.document = LIMITS("'cpuMax': {'quotaMicros': 7000}"), .environment = { variable },
	});
	EXPECT_EQ(7000, plan.limits.cpu_quota);
	EXPECT_EQ(100000, plan.limits.cpu_period);
	EXPECT_FALSE(plan.limits.cpu_of_variable);
	plan_done(&plan);
}

TEST(malformed_cpu_bandwidth_in_the_environment_is_refused)
{
#define CPU(text)	"CELLOS_CGROUP_CPU_MAX=" text
	static const struct refusal rows[] = {
		{ CPU(""), EINVAL, "", "CELLOS_CGROUP_CPU_MAX: \"\" is no bandwidth", "unset it" },
		{ CPU(" "), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("50%"), EINVAL, "", "\"50%\" is no bandwidth", "QUOTA PERIOD" },
		{ CPU("Max"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("-1"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("+5000"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("05000"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("5000.5"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("5000,10000"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("5000 max"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("max max"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("5000 10000 1"), EINVAL, "", "is no bandwidth", "QUOTA PERIOD" },
		{ CPU("111111111111111111111111111111"), EINVAL, "", "is no bandwidth", "QUOTA" },
		{ CPU("0"), EINVAL, "", "quota 0 is out of range: the kernel takes 1000", NULL },
		{ CPU("999"), EINVAL, "", "quota 999 is out of range", NULL },
		{ CPU("18446744073709551615"), EINVAL, "", "to 17592186044415 us", NULL },
		{ CPU("18446744073709551616"), EINVAL, "", "is out of range", NULL },
		{ CPU("5000 0"), EINVAL, "", "period 0 is out of range", NULL },
		{ CPU("max 1000001"), EINVAL, "", "period 1000001 is out of range", NULL },
	};
#undef CPU

	CHECK_VARIABLE(rows);
}

TEST(cgroup_parents_come_from_the_option_then_the_environment)
{
	static const struct refusal options[] = {
		{ "cells", EINVAL, "", "--cgroup-parent: \"cells\" is not an absolute path", NULL },
		{ "", EINVAL, "", "\"\" is not an absolute path", NULL },
	};
	static const struct refusal variables[] = {
		{ "CELLOS_CGROUP_PARENT=cells", EINVAL, "", "CELLOS_CGROUP_PARENT: \"cells\"",
		  NULL },
		{ "CELLOS_CGROUP_PARENT=\t./cells ", EINVAL, "", "\"./cells\" is not", NULL },
	};
	char variable[] = "CELLOS_CGROUP_PARENT= \t/cg/a b \n";
	struct plan plan;

	CHECK_OPTION(cgroup_parent, options);
	CHECK_VARIABLE(variables);
	plan = good_plan(_metadata, (struct request) { .environment = { variable } });
	EXPECT_STREQ("/cg/a b", plan.cgroup_parent);
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) {
		.options.cgroup_parent = "/cg/o", .environment = { variable },
	});
	EXPECT_STREQ("/cg/o", plan.cgroup_parent);
	plan_done(&plan);
}

TEST_HARNESS_MAIN
