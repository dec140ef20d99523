// SPDX-License-Identifier: MIT
/* helper/document_json.c, document_scan.c, document_place.c: bytes to a tree. */
#include <time.h>

#include "selftests/unit/refusal.h"

#include "helper/document_place.h"
#include "uapi/cellos.h"

TEST(what_is_not_json_is_refused)
{
	static const struct refusal rows[] = {
		{ " ", EINVAL, "", "not JSON: line 1, column 1", NULL },
		{ "{", EINVAL, "", "not JSON: line 1, column 1", NULL },
		{ "{'a': 1,}", EINVAL, "", "not JSON: line 1, column 9", NULL },
		{ "{'a': 1}\n{}", EINVAL, "", "not JSON: line 2, column 1", NULL },
		{ "{'a': 1} x", EINVAL, "", "end of file expected", NULL },
		{ "{'a': 01}", EINVAL, "", "not JSON: line 1, column 7", NULL },
		{ "{'a': nul}", EINVAL, "", "invalid token near 'nul'", NULL },
		{ "{'a': [1}}", EINVAL, "", "not JSON: line 1, column 9", NULL },
		{ "}}}}", EINVAL, "", "not JSON: line 1, column 1", NULL },
		{ "{'a': 'x\ny'}", EINVAL, "", "unexpected newline", NULL },
		{ "{'a': 'x", EINVAL, "", "premature end of input", NULL },
		{ "{'a\\u0041", EINVAL, "", "premature end of input", NULL },
		{ "{'a': '\xff'}", EINVAL, "", "invalid UTF-8 behind line 1, column 7", NULL },
		{ "{'a': '\xed\xa0\x80'}", EINVAL, "", "invalid UTF-8", NULL },
		{ "{'a': '\\ud800'}", EINVAL, "", "invalid Unicode", NULL },
		{ "\xef\xbb\xbf{}", EINVAL, "", "byte order mark", "without one" },
		{ "{'metadata': {'n': 1e}}", EINVAL, "", "invalid token", NULL },
		{ "{'metadata': {'n': 0123456789012345678901}}", EINVAL, "", "invalid token",
		  NULL },
		{ "apiVersion: cellos.io/v1\n", EINVAL, "", "not JSON: line 1", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(an_empty_document_and_one_with_a_nul_byte_are_refused)
{
	static const struct refusal empty = { "", EINVAL, "", "the document is empty", NULL };
	static const struct refusal nul = { "NUL", EINVAL, "", "byte 8 is NUL", NULL };
	static const char bytes[] = "{\"a\": 1}\0";
	struct document doc;
	struct error err = { };
	int ret;

	ret = document_parse(NULL, 0, &doc, &err);
	check_refusal(_metadata, &empty, "document", ret, &err);
	err = (struct error) { };
	ret = document_parse(bytes, sizeof(bytes) - 1, &doc, &err);
	check_refusal(_metadata, &nul, "document", ret, &err);
}

TEST(a_key_that_stands_twice_is_refused_by_name)
{
	static const struct refusal rows[] = {
		{ "{'kind': 1, 'apiVersion': 2, 'kind': 3}", EINVAL, "/kind",
		  "the key stands twice (again in line 1, column 35)", "remove one" },
		{ RUN("'argv': []"), EINVAL, "/spec/run/argv", "the key stands twice", "remove" },
		{ RUN("'environment': [{'name': 'A', 'value': '', 'value': 'x'}]"), EINVAL,
		  "/spec/run/environment/0/value", "the key stands twice", "remove one" },
		{ RULE("'host': '10.0.0.1'}, {'host': '::1', 'h\\u006fst': '::2'"), EINVAL,
		  "/spec/authority/egressRules/1/host", "the key stands twice", "remove one" },
		{ "{'metadata': {'a/b~c': {'': 1, '': 2}}}", EINVAL, "/metadata/a~1b~0c/",
		  "the key stands twice", "remove one" },
		{ "{'metadata': [[], [{}, {'{[\\'': ']}'}, {'k': ',', 'k': ':'}]]}", EINVAL,
		  "/metadata/1/2/k", "the key stands twice", "remove one" },
		{ "{'k\\u0000': 1}", EINVAL, "/k?", "contains a NUL character", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

/* @depth arrays inside spec.export of a good document. */
static char *nested(unsigned int depth, size_t *ret_size)
{
	static const char head[] = "{\"apiVersion\": \"cellos.io/v1\", \"kind\": \"ExecutionCell\","
		"\"spec\": {\"id\": \"a\", \"run\": {\"argv\": [\"true\"]}, \"export\": ";
	size_t used = strlen(head);
	char *text = malloc(used + 2 * depth + 2);

	if (!text)
		return NULL;
	memcpy(text, head, used);
	memset(text + used, '[', depth);
	memset(text + used + depth, ']', depth);
	memset(text + used + 2 * depth, '}', 2);
	*ret_size = used + 2 * depth + 2;
	return text;
}

TEST(nesting_to_the_limit_is_accepted_and_one_more_refused)
{
	/* The document and spec are two levels of it. */
	static const unsigned int most = CELLOS_DOCUMENT_DEPTH - 2;
	size_t size;
	char *good __free(mem) = nested(most, &size);
	char *bad __free(mem) = NULL;
	struct document doc = { };
	struct error err = { };

	ASSERT_NE(NULL, good);
	EXPECT_EQ(0, document_parse(good, size, &doc, &err));
	document_done(&doc);
	bad = nested(most + 1, &size);
	ASSERT_NE(NULL, bad);
	EXPECT_EQ(-E2BIG, document_parse(bad, size, &doc, &err));
	EXPECT_NE(NULL, strstr(err.message, "nested deeper than 64"));
	EXPECT_EQ(0, strncmp(err.field, "/spec/export/0/0/0/", 19));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

TEST(nesting_of_10000_is_refused_fast)
{
	size_t size;
	char *text __free(mem) = nested(10000, &size);
	double start = seconds();
	struct document doc;
	struct error err = { };

	ASSERT_NE(NULL, text);
	EXPECT_EQ(-E2BIG, document_parse(text, size, &doc, &err));
	EXPECT_STREQ("document", err.step);
	EXPECT_GT(0.1, seconds() - start);
}

TEST(brackets_in_strings_are_no_nesting)
{
	char brackets[201] = "", text[600];
	struct document doc;

	memset(brackets, '[', 200);
	snprintf(text, sizeof(text), RUN("'environment': [{'name': 'A', 'value': '\\\\\\'%s'}]"),
		 brackets);
	/* json_text() turns the quote of \' into the escape \" that is meant. */
	doc = good_document(_metadata, text);
	ASSERT_EQ(1, doc.n_env);
	EXPECT_EQ(0, strncmp(doc.env[0], "A=\\\"[[[", 7));
	document_done(&doc);
}

TEST(a_document_of_64_mib_is_refused_fast)
{
	size_t size = 64 << 20;
	char *text __free(mem) = malloc(size);
	struct document doc;
	struct error err = { };
	double start;

	ASSERT_NE(NULL, text);
	memset(text, '[', size);
	start = seconds();
	EXPECT_EQ(-E2BIG, document_parse(text, size, &doc, &err));
	EXPECT_NE(NULL, strstr(err.message, "67108864 bytes are too many"));
	EXPECT_GT(0.1, seconds() - start);
}

TEST(a_document_of_1_mib_is_accepted_and_one_byte_more_refused)
{
	size_t size = CELLOS_DOCUMENT_MAX + 1, used;
	char *text __free(mem) = malloc(size);
	char *small __free(mem) = nested(1, &used);
	struct document doc = { };
	struct error err = { };

	ASSERT_NE(NULL, text);
	ASSERT_NE(NULL, small);
	memset(text, ' ', size);
	memcpy(text, small, used);
	EXPECT_EQ(0, document_parse(text, size - 1, &doc, &err));
	document_done(&doc);
	EXPECT_EQ(-E2BIG, document_parse(text, size, &doc, &err));
}

TEST(the_costliest_documents_fit_into_the_parsers_memory)
{
	static const struct {
		const char *piece;
		const char *message;
	} rows[] = {
		{ "{}", "has 349525 rules" },
		{ "[]", "has 349525 rules" },
		{ "0", "has 524287 rules" },
		{ "{'':{}}", "has 131071 rules" },
		{ "[[[[[[[]]]]]]]", "has 69905 rules" },
		{ "{'a':{},'b':{},'c':{},'d':{},'e':{},'f':{},'g':{},'h':{},'i':{}}", "rules" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = (CELLOS_DOCUMENT_MAX - 1) / (strlen(rows[i].piece) + 1);
		char *input __free(mem) = json_repeat("[@]", rows[i].piece, n, true);
		char *text __free(mem) = json_text(input);
		struct egress_rule *rules;
		struct error err = { };
		unsigned int n_rules;

		ASSERT_GE(CELLOS_DOCUMENT_MAX, strlen(text));
		EXPECT_EQ(-E2BIG, egress_rules_parse(text, strlen(text), &rules, &n_rules, &err));
		EXPECT_NE(NULL, strstr(err.message, rows[i].message))
			TH_LOG("%s", err.message);
	}
}

TEST(pointers_are_escaped_as_in_rfc_6901)
{
	struct place whole = { };
	struct place key = PLACE_KEY(&whole, "a/b~c\n");
	struct place element = PLACE_INDEX(&key, 12);
	struct place empty = PLACE_KEY(&element, "");
	char pointer[160];

	place_pointer(&whole, pointer, sizeof(pointer));
	EXPECT_STREQ("", pointer);
	place_pointer(&empty, pointer, sizeof(pointer));
	EXPECT_STREQ("/a~1b~0c?/12/", pointer);
}

TEST(pointers_without_room_name_what_contains_the_value)
{
	struct place whole = { };
	struct place key = PLACE_KEY(&whole, "abc");
	struct place longer = PLACE_KEY(&key, "d/efgh");
	struct place below = PLACE_KEY(&longer, "i");
	char pointer[16];

	place_pointer(&longer, pointer, 12);
	EXPECT_STREQ("/abc", pointer);
	place_pointer(&below, pointer, 12);
	EXPECT_STREQ("/abc", pointer);
	place_pointer(&longer, pointer, 13);
	EXPECT_STREQ("/abc/d~1efgh", pointer);
}

TEST_HARNESS_MAIN
