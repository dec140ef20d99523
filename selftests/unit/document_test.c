// SPDX-License-Identifier: MIT
/* helper/document.c: the document as a whole, spec.id, lifetime, authority. */
#include "selftests/unit/refusal.h"

#define ID(id)	DOCUMENT("'id': " id ", 'run': {'argv': ['true']}")
#define TTL(ttl)	\
	DOCUMENT("'id': 'a', 'run': {'argv': ['true']}, 'lifetime': {'ttlSeconds': " ttl "}")
#define A32	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(documents_of_another_kind_or_version_are_refused)
{
	static const struct refusal rows[] = {
		{ "{'kind': 'ExecutionCell', 'spec': {}}",
		  EINVAL, "/apiVersion", "is missing", NULL },
		{ "{'apiVersion': 'cellos.io/v2', 'kind': 'ExecutionCell', 'spec': {}}",
		  EINVAL, "/apiVersion", "is \"cellos.io/v2\", must be \"cellos.io/v1\"", NULL },
		{ "{'apiVersion': 1, 'kind': 'ExecutionCell', 'spec': {}}",
		  EINVAL, "/apiVersion", "is an integer, must be a string", NULL },
		{ "{'apiVersion': 'cellos.io/v1', 'spec': {}}",
		  EINVAL, "/kind", "is missing", NULL },
		{ "{'apiVersion': 'cellos.io/v1', 'kind': 'Pod', 'spec': {}}",
		  EINVAL, "/kind", "is \"Pod\", must be \"ExecutionCell\"", NULL },
		{ "{'apiVersion': 'cellos.io/v1', 'kind': 'ExecutionCell'}",
		  EINVAL, "/spec", "is missing", NULL },
		{ "{'apiVersion': 'cellos.io/v1', 'kind': 'ExecutionCell', 'spec': []}",
		  EINVAL, "/spec", "is an array, must be an object", NULL },
		{ "[]", EINVAL, "", "is an array, must be an object", NULL },
		{ "'x'", EINVAL, "", "is a string, must be an object", NULL },
		{ "null", EINVAL, "", "is null, must be an object", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(ids_that_are_not_portable_are_refused)
{
	static const struct refusal rows[] = {
		{ DOCUMENT("'run': {'argv': ['true']}"), EINVAL, "/spec/id", "is missing", NULL },
		{ ID("''"), EINVAL, "/spec/id", "is empty", NULL },
		{ ID("7"), EINVAL, "/spec/id", "is an integer, must be a string", NULL },
		{ ID("null"), EINVAL, "/spec/id", "is null, must be a string", NULL },
		{ ID("'" A32 A32 A32 A32 "a'"), E2BIG, "/spec/id", "has 129 bytes", NULL },
		{ ID("'a/b'"), EINVAL, "/spec/id", "not allowed, at byte 1", "ASCII letters" },
		{ ID("'../etc'"), EINVAL, "/spec/id", "not allowed, at byte 2", "ASCII letters" },
		{ ID("'a b'"), EINVAL, "/spec/id", "not allowed, at byte 1", "ASCII letters" },
		{ ID("'a\\n'"), EINVAL, "/spec/id", "\"a?\" has a character", "ASCII letters" },
		{ ID("'caf\xc3\xa9'"), EINVAL, "/spec/id", "not allowed, at byte 3", "ASCII" },
		{ ID("'a\\u0000b'"), EINVAL, "/spec/id", "contains a NUL character", NULL },
		{ ID("'.a'"), EINVAL, "/spec/id", "must start with a letter or digit", NULL },
		{ ID("'-a'"), EINVAL, "/spec/id", "must start with a letter or digit", NULL },
		{ ID("'_a'"), EINVAL, "/spec/id", "must start with a letter or digit", NULL },
		{ ID("'a..b'"), EINVAL, "/spec/id", "contains \"..\"", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(portable_ids_are_kept_as_they_are)
{
	static const char *const ids[] = {
		"a", "0", "demo-cell-001", "A.b_c-D.9", A32 A32 A32 A32,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		char text[512];
		struct document doc;

		snprintf(text, sizeof(text), ID("'%s'"), ids[i]);
		doc = good_document(_metadata, text);
		EXPECT_STREQ(ids[i], doc.id);
		document_done(&doc);
	}
}

TEST(times_to_live_out_of_range_are_refused)
{
	static const char field[] = "/spec/lifetime/ttlSeconds";
	static const struct refusal rows[] = {
		{ TTL("0"), EINVAL, field, "0 is out of range: 1 to 4294967295", "leave ttlSe" },
		{ TTL("-1"), EINVAL, field, "-1 is out of range", "leave ttlSeconds out" },
		{ TTL("4294967296"), EINVAL, field, "4294967296 is out of range", "leave" },
		{ TTL("1.5"), EINVAL, field, "is a number with a fraction", "whole number" },
		{ TTL("1e3"), EINVAL, field, "or an exponent, must be an integer", "digits only" },
		{ TTL("'60'"), EINVAL, field, "is a string", "without quotes" },
		{ TTL("true"), EINVAL, field, "is true or false, must be an integer", NULL },
		{ TTL("18446744073709551616"), EINVAL, field, "too large for 64 bits", NULL },
		{ TTL("-9223372036854775809"), EINVAL, field, "too large for 64 bits", NULL },
		{ TTL("1e999"), EINVAL, field, "too large for 64 bits", NULL },
		{ DOCUMENT("'id': 'a', 'run': {'argv': ['true']}, 'lifetime': {'ttlSecond': 1}"),
		  EINVAL, "/spec/lifetime/ttlSecond", "unknown key", "\"ttlSeconds\"?" },
		{ DOCUMENT("'id': 'a', 'run': {'argv': ['true']}, 'lifetime': 60"),
		  EINVAL, "/spec/lifetime", "is an integer, must be an object", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(times_to_live_may_be_absent_null_or_in_range)
{
	static const struct {
		const char *input;
		uint32_t seconds;
	} rows[] = {
		{ ID("'a'"), 0 },
		{ TTL("null"), 0 },
		{ TTL("1"), 1 },
		{ TTL("4294967295"), 4294967295 },
		{ DOCUMENT("'id': 'a', 'run': {'argv': ['true']}, 'lifetime': {}"), 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct document doc = good_document(_metadata, rows[i].input);

		EXPECT_EQ(rows[i].seconds, doc.ttl_seconds);
		document_done(&doc);
	}
}

TEST(secrets_are_refused_as_not_built)
{
	static const char field[] = "/spec/authority/secretRefs";
	static const struct refusal rows[] = {
		{ AUTHORITY("'secretRefs': ['TOKEN']"), EOPNOTSUPP, field, "not built yet",
		  "empty" },
		{ AUTHORITY("'secretRefs': {}"), EINVAL, field, "is an object", NULL },
		{ AUTHORITY("'secretRefs': ['A', 1]"), EINVAL, "/spec/authority/secretRefs/1",
		  "is an integer, must be a string", NULL },
		{ AUTHORITY("'secretRefs': ['']"), EINVAL, "/spec/authority/secretRefs/0",
		  "is empty", NULL },
	};
	struct document doc = good_document(_metadata, AUTHORITY("'secretRefs': []"));

	document_done(&doc);
	CHECK_DOCUMENTS(rows);
}

TEST(sections_of_the_supervisor_pass_unread)
{
	struct document doc;

	doc = good_document(_metadata,
		"{'apiVersion': 'cellos.io/v1', 'kind': 'ExecutionCell',"
		" 'metadata': {'name': null, 'n': 1e999, 'm': 123456789012345678901234567890},"
		" 'status': [1, 2.5, 'x\\u0000y'],"
		" 'spec': {'id': 'a', 'run': {'argv': ['true']},"
		"  'authority': {'dnsAuthority': {'hostnameAllowlist': ['*']},"
		"                'weight': -1E+400},"
		"  'export': {'argv': 7}, 'correlation': {'id': 99999999999999999999},"
		"  'placement': false, 'policy': null, 'identity': ''}}");
	EXPECT_STREQ("a", doc.id);
	EXPECT_EQ(0, doc.n_rules);
	document_done(&doc);
}

TEST(sections_of_the_helper_are_known_however_their_keys_are_escaped)
{
	static const struct refusal rows[] = {
		{ "{'apiVersion': 'cellos.io/v1', 'kind': 'ExecutionCell', 'sp\\u0065c': {"
		  "'id': 'a', 'run': {'argv': ['true'], 'limits': {'memoryMaxBytes': 1e999}}}}",
		  EINVAL, "/spec/run/limits/memoryMaxBytes", "too large for 64 bits", NULL },
		{ "{'apiVersion': 'cellos.io/v1', 'kind': 'ExecutionCell', 'spec': {'id': 'a',"
		  "'\\u0072un': {'argv': ['true'], 'argx': 1}}}",
		  EINVAL, "/spec/run/argx", "unknown key", "\"argv\"?" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(an_error_may_be_left_out)
{
	static const char bad[] = "{\"apiVersion\": 1}";
	struct document doc;

	EXPECT_EQ(-EINVAL, document_parse(bad, strlen(bad), &doc, NULL));
	EXPECT_EQ(-EINVAL, document_parse("{", 1, &doc, NULL));
}

TEST_HARNESS_MAIN
