// SPDX-License-Identifier: MIT
/* helper/text.c and helper/envlist.c: foreign text. */
#include "helper/text.h"

#include "helper/envlist.h"
#include "selftests/unit/refusal.h"

TEST(quoted_text_is_one_short_line_of_valid_utf8)
{
	static const struct {
		const char *text;
		const char *quoted;
	} rows[] = {
		{ "", "\"\"" },
		{ "a b", "\"a b\"" },
		{ "a\nb\x7f\x1b", "\"a?b??\"" },
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
		{ "\xc2\x9b[31m", "\"??[31m\"" },
		{ "\xff\xc3", "\"??\"" },
		{ "\xc0\xaf\xe0\x80\xaf", "\"?????\"" },
		{ "\xed\xa0\x80", "\"???\"" },
		{ "\xf4\x90\x80\x80", "\"????\"" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT_STREQ(rows[i].quoted, text_quote(rows[i].text).text);
}

TEST(quoted_text_that_is_cut_says_so_and_cuts_no_character)
{
	char text[400];
	struct quoted quoted;
	size_t offset, i;

	for (offset = 0; offset < 4; offset++) {
		memset(text, 'a', offset);
		for (i = offset; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 4);
		text[i] = '\0';
		quoted = text_quote(text);
		i = strlen(quoted.text);
		ASSERT_LT(60, i);
		EXPECT_STREQ("\x80...\"", quoted.text + i - 5);
		EXPECT_EQ(0, (i - 5 - offset) % 4);
	}
}

TEST(numbers_are_decimal_digits_only)
{
	static const struct {
		const char *text;
		uint64_t max;
		int ret;
		uint64_t value;
	} rows[] = {
		{ "0", 0, 0, 0 },
		{ "1", UINT64_MAX, 0, 1 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 7 },
		{ "99999999999999999999999999", UINT64_MAX, -ERANGE, 7 },
		{ "11", 10, -ERANGE, 7 },
		{ "", 10, -EINVAL, 7 },
		{ "00", 10, -EINVAL, 7 },
		{ "01", 10, -EINVAL, 7 },
		{ "-1", 10, -EINVAL, 7 },
		{ "+1", 10, -EINVAL, 7 },
		{ " 1", 10, -EINVAL, 7 },
		{ "1 ", 10, -EINVAL, 7 },
		{ "1a", 10, -EINVAL, 7 },
		{ "99999999999999999999999999x", 10, -EINVAL, 7 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 7;

		EXPECT_EQ(rows[i].ret, text_to_u64(rows[i].text, rows[i].max, &value))
			TH_LOG("%s", rows[i].text);
		EXPECT_EQ(rows[i].value, value)
			TH_LOG("%s", rows[i].text);
	}
}

TEST(a_guess_is_near_or_none)
{
	static const char *const words[] = { "id", "argv", "limits", "workingDirectory", NULL };
	static const struct word_list list = { words, "" };
	static const struct {
		const char *word;
		const char *guess;
	} rows[] = {
		{ "ID", "id" }, { "ip", NULL }, { "arg", "argv" }, { "agrv", "argv" },
		{ "ragv", "argv" }, { "args", "argv" }, { "cmd", NULL }, { "limit", "limits" },
		{ "Limist", "limits" }, { "lim", NULL }, { "workingdirectory", "workingDirectory" },
		{ "workingDirektori", "workingDirectory" }, { "", NULL },
		{ "a word that is longer than any of ours can be", NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *guess = word_guess(&list, rows[i].word);

		EXPECT_STREQ(rows[i].guess ?: "none", guess ?: "none")
			TH_LOG("%s", rows[i].word);
	}
}

TEST(a_repeated_key_is_found_at_its_second_place)
{
	const char *const all_differ[] = { "A=1", "AB=1", "B=A", "a=1", "=", "A.=" };
	const char *const repeated[] = { "C=1", "A=1", "B=A=1", "AA=", "A=2", "D=" };
	size_t i = 77;

	EXPECT_EQ(0, envlist_repeated(NULL, 0, &i));
	EXPECT_EQ(0, envlist_repeated(all_differ, ARRAY_SIZE(all_differ), &i));
	EXPECT_EQ(77, i);
	EXPECT_EQ(1, envlist_repeated(repeated, ARRAY_SIZE(repeated), &i));
	EXPECT_EQ(4, i);
}

TEST(a_tidy_path_is_written_in_one_way)
{
	static const char *const rows[][2] = {
		{ "/", "/" }, { "//", "/" }, { "/.", "/" }, { "/./", "/" }, { "//.//./", "/" },
		{ "/a", "/a" }, { "/a/", "/a" }, { "//a", "/a" }, { "/./a", "/a" }, { "/a/.", "/a" },
		{ "/a//b/./c//", "/a/b/c" }, { "/.a", "/.a" }, { "/a.", "/a." }, { "/...", "/..." },
		{ "/a/.b/c./.", "/a/.b/c." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *path __free(mem) = strdup(rows[i][0]);

		path_tidy(path);
		EXPECT_STREQ(rows[i][1], path);
	}
}

TEST_HARNESS_MAIN
