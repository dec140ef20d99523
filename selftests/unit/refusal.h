/* SPDX-License-Identifier: MIT */
/*
 * Tables of bad input: one row is one document, and how it has to be refused.
 * JSON in rows is written with ' for ", to be readable in C.
 */
#ifndef SELFTESTS_UNIT_REFUSAL_H
#define SELFTESTS_UNIT_REFUSAL_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/document.h"
#include "lib/cleanup.h"

#include "selftests/harness.h"

/**
 * struct refusal - what the error of one bad input must say
 * @input: the document, or the part of it that the test's format wraps
 * @errnum: positive errno
 * @field: the whole JSON pointer
 * @message: must be part of the message
 * @hint: must be part of the hint; NULL: no hint is expected
 */
struct refusal {
	const char *input;
	int errnum;
	const char *field;
	const char *message;
	const char *hint;
};

/* A document around one member list of spec, as in DOCUMENT("'id': 'a'"). */
#define DOCUMENT(spec)	\
	"{'apiVersion': 'cellos.io/v1', 'kind': 'ExecutionCell', 'spec': {" spec "}}"
#define RUN(members)	DOCUMENT("'id': 'a', 'run': {'argv': ['true'], " members "}")
#define LIMITS(members)	RUN("'limits': {" members "}")
#define AUTHORITY(members)	\
	DOCUMENT("'id': 'a', 'run': {'argv': ['true']}, 'authority': {" members "}")
#define RULE(members)	AUTHORITY("'egressRules': [{" members "}]")

static inline char *json_text(const char *input)
{
	char *text = strdup(input), *p;

	for (p = text; p && *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

/* @input with @n times @piece for its '@', commas between them if @commas. */
static inline char *json_repeat(const char *input, const char *piece, size_t n, bool commas)
{
	const char *at = strchr(input, '@');
	char *text = malloc(strlen(input) + n * (strlen(piece) + 1) + 1);
	char *p = text;
	size_t i;

	if (!text)
		return NULL;
	p = mempcpy(p, input, at - input);
	for (i = 0; i < n; i++) {
		if (i && commas)
			*p++ = ',';
		p = stpcpy(p, piece);
	}
	strcpy(p, at + 1);
	return text;
}

/* The error says what the row wants, all of it, and belongs to @step. */
static inline void check_refusal(struct __test_metadata *_metadata, const struct refusal *row,
				 const char *step, int ret, const struct error *err)
{
	EXPECT_EQ(-row->errnum, ret)
		TH_LOG("%s: errno", row->input);
	EXPECT_EQ(-ret, err->errnum)
		TH_LOG("%s: errno of the error", row->input);
	EXPECT_STREQ(step, err->step)
		TH_LOG("%s: step", row->input);
	EXPECT_STREQ(row->field, err->field)
		TH_LOG("%s: field", row->input);
	EXPECT_NE(NULL, strstr(err->message, row->message))
		TH_LOG("%s: message is: %s", row->input, err->message);
	if (row->hint) {
		EXPECT_NE(NULL, strstr(err->hint, row->hint))
			TH_LOG("%s: hint is: %s", row->input, err->hint);
	} else {
		EXPECT_STREQ("", err->hint)
			TH_LOG("%s: hint", row->input);
	}
}

static inline void check_document(struct __test_metadata *_metadata, const struct refusal *row)
{
	char *text __free(mem) = json_text(row->input);
	struct document doc = { };
	struct error err = { };
	int ret;

	ASSERT_NE(NULL, text);
	ret = document_parse(text, strlen(text), &doc, &err);
	check_refusal(_metadata, row, "document", ret, &err);
	document_done(&doc);
}

#define CHECK_DOCUMENTS(rows)	do {					\
	size_t __row;							\
									\
	for (__row = 0; __row < ARRAY_SIZE(rows); __row++)		\
		check_document(_metadata, &(rows)[__row]);		\
} while (0)

/* Parses @input, which must be accepted; release with document_done(). */
static inline struct document good_document(struct __test_metadata *_metadata, const char *input)
{
	char *text __free(mem) = json_text(input);
	struct document doc = { };
	struct error err = { };

	EXPECT_EQ(0, document_parse(text, strlen(text), &doc, &err))
		TH_LOG("%s: refused: %s", input, err.message);
	EXPECT_FALSE(err_is_set(&err));
	return doc;
}

#endif /* SELFTESTS_UNIT_REFUSAL_H */
