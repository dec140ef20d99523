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
		{ RUN("'workingDirectory': ''"), EINVAL, field, "\"\" is not an absolute", "from / on" },
		{ RUN("'workingDirectory': 'tmp'"), EINVAL, field, "\"tmp\" is not", "from / on" },
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
