// SPDX-License-Identifier: MIT
/* helper/document_run.c: spec.run. */
#include "selftests/unit/refusal.h"

#include "helper/bounds.h"

#define ARGV(argv)	DOCUMENT("'id': 'a', 'run': {'argv': " argv "}")
#define ENTRY(entry)	RUN("'environment': [" entry "]")

TEST(unknown_keys_of_run_are_refused_by_name)
{
	static const struct refusal rows[] = {
		{ DOCUMENT("'id': 'a'"), EINVAL, "/spec/run", "is missing", NULL },
		{ DOCUMENT("'id': 'a', 'run': 'true'"), EINVAL, "/spec/run",
		  "is a string, must be an object", NULL },
		{ RUN("'workingDir': '/'"), EINVAL, "/spec/run/workingDir",
		  "unknown key \"workingDir\"", "known here: argv, workingDirectory, environment" },
		{ RUN("'enviroment': []"), EINVAL, "/spec/run/enviroment",
		  "unknown key", "did you mean \"environment\"?" },
		{ RUN("'Limits': {}"), EINVAL, "/spec/run/Limits", "unknown", "\"limits\"?" },
		{ RUN("'a/b~\\u001b': 1"), EINVAL, "/spec/run/a~1b~0?",
		  "unknown key \"a/b~?\"", "known here" },
		{ LIMITS("'memoryMaxByte': 1"), EINVAL, "/spec/run/limits/memoryMaxByte",
		  "unknown key", "\"memoryMaxBytes\"?" },
		{ LIMITS("'cpuMax': {'quotaMicros': 5000, 'quota': 1}"), EINVAL,
		  "/spec/run/limits/cpuMax/quota", "unknown key", "known here: quotaMicros" },
		{ ENTRY("{'name': 'A', 'value': 'x', 'vaule': 'y'}"), EINVAL,
		  "/spec/run/environment/0/vaule", "unknown key", "\"value\"?" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(argv_that_cannot_be_executed_is_refused)
{
	static const struct refusal rows[] = {
		{ DOCUMENT("'id': 'a', 'run': {}"), EINVAL, "/spec/run/argv", "is missing", NULL },
		{ ARGV("[]"), EINVAL, "/spec/run/argv", "is empty", NULL },
		{ ARGV("'true'"), EINVAL, "/spec/run/argv", "is a string, must be an array", NULL },
		{ ARGV("['']"), EINVAL, "/spec/run/argv/0", "is empty", NULL },
		{ ARGV("['a', 1]"), EINVAL, "/spec/run/argv/1", "must be a string", NULL },
		{ ARGV("['a', null]"), EINVAL, "/spec/run/argv/1", "is null", NULL },
		{ ARGV("['a', 'b', 'c\\u0000d']"), EINVAL, "/spec/run/argv/2",
		  "contains a NUL character", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(argv_keeps_its_order_and_empty_strings)
{
	struct document doc = good_document(_metadata,
					    ARGV("['/bin/x', '', '-a', 'b c', '\\u00e9']"));

	ASSERT_EQ(5, doc.argc);
	EXPECT_STREQ("/bin/x", doc.argv[0]);
	EXPECT_STREQ("", doc.argv[1]);
	EXPECT_STREQ("-a", doc.argv[2]);
	EXPECT_STREQ("b c", doc.argv[3]);
	EXPECT_STREQ("\xc3\xa9", doc.argv[4]);
	EXPECT_EQ(NULL, doc.argv[5]);
	document_done(&doc);
}

TEST(a_string_longer_than_the_kernel_takes_is_refused)
{
	char *good __free(mem) = json_repeat(ARGV("['a', '@']"), "x", ARG_STRING_MAX - 1, false);
	char *bad __free(mem) = json_repeat(ARGV("['a', '@']"), "x", ARG_STRING_MAX, false);
	char *pair __free(mem) = json_repeat(ENTRY("{'name': 'A', 'value': '@'}"), "x",
					     ARG_STRING_MAX - 2, false);
	const struct refusal argument = {
		bad, E2BIG, "/spec/run/argv/1", "has 131072 bytes, the kernel takes", NULL
	};
	const struct refusal variable = {
		pair, E2BIG, "/spec/run/environment/0", "has 131072 bytes", NULL
	};
	struct document doc;

	ASSERT_TRUE(good && bad && pair);
	doc = good_document(_metadata, good);
	document_done(&doc);
	check_document(_metadata, &argument);
	check_document(_metadata, &variable);
}

TEST(too_many_arguments_or_variables_are_refused)
{
	char *good __free(mem) = json_repeat(ARGV("[@]"), "'a'", CELLOS_ARGC_MAX, true);
	char *bad __free(mem) = json_repeat(ARGV("[@]"), "'a'", CELLOS_ARGC_MAX + 1, true);
	char *env __free(mem) = json_repeat(ENTRY("@"), "{}", CELLOS_ENV_MAX + 1, true);
	const struct refusal arguments = {
		bad, E2BIG, "/spec/run/argv", "has 4097 entries", NULL
	};
	const struct refusal variables = {
		env, E2BIG, "/spec/run/environment", "has 4097 entries", NULL
	};
	struct document doc;

	ASSERT_TRUE(good && bad && env);
	doc = good_document(_metadata, good);
	EXPECT_EQ(CELLOS_ARGC_MAX, doc.argc);
	document_done(&doc);
	check_document(_metadata, &arguments);
	check_document(_metadata, &variables);
}

TEST(working_directories_that_are_no_absolute_path_are_refused)
{
	static const char field[] = "/spec/run/workingDirectory";
	static const struct refusal rows[] = {
		{ RUN("'workingDirectory': ''"), EINVAL, field, "\"\" is not an absolute", NULL },
		{ RUN("'workingDirectory': 'tmp'"), EINVAL, field, "\"tmp\" is not", NULL },
		{ RUN("'workingDirectory': 1"), EINVAL, field, "must be a string", NULL },
		{ RUN("'workingDirectory': '/\\u0000'"), EINVAL, field, "NUL character", NULL },
	};
	char *good __free(mem) = json_repeat(RUN("'workingDirectory': '/@'"), "x", 4094, false);
	char *bad __free(mem) = json_repeat(RUN("'workingDirectory': '/@'"), "x", 4095, false);
	const struct refusal path = { bad, E2BIG, field, "has 4096 bytes, at most 4095", NULL };
	struct document doc;

	ASSERT_TRUE(good && bad);
	CHECK_DOCUMENTS(rows);
	check_document(_metadata, &path);
	doc = good_document(_metadata, good);
	EXPECT_EQ(4095, strlen(doc.working_directory));
	document_done(&doc);
}

TEST(environments_with_malformed_or_repeated_names_are_refused)
{
	static const struct refusal rows[] = {
		{ RUN("'environment': {'A': 'x'}"), EINVAL, "/spec/run/environment",
		  "is an object, must be an array", NULL },
		{ ENTRY("'A=x'"), EINVAL, "/spec/run/environment/0", "must be an object", NULL },
		{ ENTRY("{'value': 'x'}"), EINVAL, "/spec/run/environment/0/name",
		  "is missing", NULL },
		{ ENTRY("{'name': 'A'}"), EINVAL, "/spec/run/environment/0/value",
		  "is missing", NULL },
		{ ENTRY("{'name': '', 'value': ''}"), EINVAL, "/spec/run/environment/0/name",
		  "is empty", NULL },
		{ ENTRY("{'name': 'A=B', 'value': ''}"), EINVAL, "/spec/run/environment/0/name",
		  "\"A=B\" contains '='", NULL },
		{ ENTRY("{'name': 'A\\u0000', 'value': ''}"), EINVAL,
		  "/spec/run/environment/0/name", "contains a NUL character", NULL },
		{ ENTRY("{'name': 'A', 'value': '\\u0000'}"), EINVAL,
		  "/spec/run/environment/0/value", "contains a NUL character", NULL },
		{ ENTRY("{'name': 'A', 'value': 1}"), EINVAL, "/spec/run/environment/0/value",
		  "is an integer, must be a string", NULL },
		{ ENTRY("{'name': 'A', 'value': ''}, {'name': 'AB', 'value': ''},"
			"{'name': 'A', 'value': 'x'}"),
		  EINVAL, "/spec/run/environment/2/name", "\"A\" is set twice", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(environments_keep_their_order_and_empty_values)
{
	struct document doc = good_document(_metadata,
		ENTRY("{'name': 'Z', 'value': 'a=b'}, {'value': '', 'name': 'A'},"
		      "{'name': 'ZZ', 'value': 'x y'}"));

	ASSERT_EQ(3, doc.n_env);
	EXPECT_STREQ("Z=a=b", doc.env[0]);
	EXPECT_STREQ("A=", doc.env[1]);
	EXPECT_STREQ("ZZ=x y", doc.env[2]);
	EXPECT_EQ(NULL, doc.env[3]);
	document_done(&doc);
}

TEST(limits_out_of_range_are_refused)
{
#define FIELD(name)	"/spec/run/limits/" name
	static const struct refusal rows[] = {
		{ RUN("'limits': []"), EINVAL, "/spec/run/limits", "must be an object", NULL },
		{ LIMITS("'memoryMaxBytes': 0"), EINVAL, FIELD("memoryMaxBytes"),
		  "0 is out of range: 1 to 9223372036854775807", "for no limit" },
		{ LIMITS("'memoryMaxBytes': -1"), EINVAL, FIELD("memoryMaxBytes"), "-1 is", "no" },
		{ LIMITS("'memoryMaxBytes': 9223372036854775808"), EINVAL,
		  FIELD("memoryMaxBytes"), "too large for 64 bits", NULL },
		{ LIMITS("'memoryMaxBytes': 1.0"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a number with a fraction", "digits only" },
		{ LIMITS("'memoryMaxBytes': '1G'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string, must be an integer", "without quotes" },
		{ LIMITS("'memoryMaxBytes': null"), EINVAL, FIELD("memoryMaxBytes"), "is null",
		  NULL },
		{ LIMITS("'memorySwapMaxBytes': -1"), EINVAL, FIELD("memorySwapMaxBytes"),
		  "-1 is out of range: 0 to", NULL },
		{ LIMITS("'memoryOomGroup': 1"), EINVAL, FIELD("memoryOomGroup"),
		  "is an integer, must be true or false", NULL },
		{ LIMITS("'pidsMax': 0"), EINVAL, FIELD("pidsMax"), "1 to 4194304", "pidsMax" },
		{ LIMITS("'pidsMax': 4194305"), EINVAL, FIELD("pidsMax"), "out of range", "leave" },
		{ LIMITS("'cpuMax': 50000"), EINVAL, FIELD("cpuMax"), "must be an object", NULL },
		{ LIMITS("'cpuMax': {}"), EINVAL, FIELD("cpuMax/quotaMicros"), "missing", NULL },
		{ LIMITS("'cpuMax': {'periodMicros': 5000}"), EINVAL, FIELD("cpuMax/quotaMicros"),
		  "is missing", NULL },
		{ LIMITS("'cpuMax': {'quotaMicros': 0}"), EINVAL, FIELD("cpuMax/quotaMicros"),
		  "0 is out of range: 1000 to 17592186044415", "kernel takes quotas" },
		{ LIMITS("'cpuMax': {'quotaMicros': 999}"), EINVAL, FIELD("cpuMax/quotaMicros"),
		  "999 is out of range", "kernel takes quotas" },
		{ LIMITS("'cpuMax': {'quotaMicros': 5000, 'periodMicros': 999}"), EINVAL,
		  FIELD("cpuMax/periodMicros"), "1000 to 1000000", "kernel takes periods" },
		{ LIMITS("'cpuMax': {'quotaMicros': 5000, 'periodMicros': 1000001}"), EINVAL,
		  FIELD("cpuMax/periodMicros"), "1000 to 1000000", "kernel takes periods" },
		{ LIMITS("'gracefulShutdownSeconds': -1"), EINVAL,
		  FIELD("gracefulShutdownSeconds"), "0 to 3600", "0 kills at once" },
		{ LIMITS("'gracefulShutdownSeconds': 3601"), EINVAL,
		  FIELD("gracefulShutdownSeconds"), "0 to 3600", "0 kills at once" },
	};

	CHECK_DOCUMENTS(rows);
#undef FIELD
}

TEST(limits_are_read_as_they_stand)
{
	struct document doc = good_document(_metadata,
		LIMITS("'memoryMaxBytes': 9223372036854775807, 'memorySwapMaxBytes': 0,"
		       "'memoryOomGroup': true, 'pidsMax': 1, 'gracefulShutdownSeconds': 0,"
		       "'cpuMax': {'quotaMicros': 1000, 'periodMicros': 1000000}"));

	EXPECT_EQ(9223372036854775807, doc.limits.memory_max);
	EXPECT_EQ(0, doc.limits.memory_swap_max);
	EXPECT_EQ(1, doc.limits.memory_oom_group);
	EXPECT_EQ(1, doc.limits.pids_max);
	EXPECT_EQ(1000, doc.limits.cpu_quota);
	EXPECT_EQ(1000000, doc.limits.cpu_period);
	EXPECT_EQ(0, doc.grace_seconds);
	document_done(&doc);
}

TEST(limits_that_are_absent_stay_unset)
{
	struct document doc = good_document(_metadata, ARGV("['true']"));

	EXPECT_EQ(LIMIT_UNSET, doc.limits.memory_max);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.memory_swap_max);
	EXPECT_EQ(-1, doc.limits.memory_oom_group);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.pids_max);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.cpu_quota);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.cpu_period);
	EXPECT_EQ(LIMIT_UNSET, doc.grace_seconds);
	EXPECT_EQ(NULL, doc.env);
	EXPECT_EQ(NULL, doc.working_directory);
	document_done(&doc);
}

TEST(what_is_not_built_yet_is_refused_by_name)
{
	static const struct refusal rows[] = {
		{ RUN("'isolation': {'nested': true}"), EOPNOTSUPP, "/spec/run/isolation/nested",
		  "cells within cells are not built yet", "leave nested out" },
		{ RUN("'isolation': {'timeOffsets': {}}"), EOPNOTSUPP,
		  "/spec/run/isolation/timeOffsets", "offsets cannot be set", "leave it out" },
		{ RUN("'isolation': 'all'"), EINVAL, "/spec/run/isolation", "an object", NULL },
		{ RUN("'rootfs': '/srv/root'"), EOPNOTSUPP, "/spec/run/rootfs",
		  "the gvisor backend", NULL },
		{ RUN("'secretDelivery': 'file'"), EINVAL, "/spec/run/secretDelivery",
		  "unknown way \"file\"", "env, runtimeBroker, runtimeLeasedBroker" },
		{ RUN("'secretDelivery': {}"), EINVAL, "/spec/run/secretDelivery", "string", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(what_asks_for_nothing_is_accepted)
{
	static const char *const inputs[] = {
		RUN("'isolation': {}"),
		RUN("'limits': {}"),
		RUN("'environment': []"),
		RUN("'secretDelivery': 'env'"),
		RUN("'secretDelivery': 'runtimeBroker'"),
		RUN("'secretDelivery': 'runtimeLeasedBroker'"),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(inputs); i++) {
		struct document doc = good_document(_metadata, inputs[i]);

		document_done(&doc);
	}
}

TEST_HARNESS_MAIN
