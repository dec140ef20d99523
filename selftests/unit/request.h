/* SPDX-License-Identifier: MIT */
/* Calls of plan_make(): document, options and environment in one struct. */
#ifndef SELFTESTS_UNIT_REQUEST_H
#define SELFTESTS_UNIT_REQUEST_H

#include "selftests/unit/refusal.h"

#include "helper/plan.h"

#define GOOD	DOCUMENT("'id': 'a', 'run': {'argv': ['true']}")

/* One call of plan_make(): a document, options, and the caller's environment. */
struct request {
	const char *document;
	struct run_options options;
	char *environment[8];
};

static inline int make(struct request *request, struct plan *ret, struct error *err)
{
	char *text __free(mem) = json_text(request->document ?: GOOD);

	return plan_make(text, strlen(text), &request->options, request->environment, ret, err);
}

static inline struct plan good_plan(struct __test_metadata *_metadata, struct request request)
{
	struct plan plan = { };
	struct error err = { };

	EXPECT_EQ(0, make(&request, &plan, &err))
		TH_LOG("refused: %s", err.message);
	return plan;
}

static inline void check_request(struct __test_metadata *_metadata, struct request request,
				 const char *step, const struct refusal *row)
{
	struct plan plan = { };
	struct error err = { };
	int ret = make(&request, &plan, &err);

	check_refusal(_metadata, row, step, ret, &err);
	EXPECT_EQ(NULL, plan.argv);
	plan_done(&plan);
}

/* An option whose text is each row's input. */
#define CHECK_OPTION(option, rows)	do {				\
	size_t __row;							\
									\
	for (__row = 0; __row < ARRAY_SIZE(rows); __row++)		\
		check_request(_metadata, (struct request) {		\
			.options.option = (rows)[__row].input,		\
		}, "options", &(rows)[__row]);				\
} while (0)

/* A variable that each row's input sets. */
#define CHECK_VARIABLE(rows)	do {					\
	size_t __row;							\
									\
	for (__row = 0; __row < ARRAY_SIZE(rows); __row++) {		\
		char *setting __free(mem) = strdup((rows)[__row].input);	\
									\
		check_request(_metadata, (struct request) {		\
			.environment = { setting },			\
		}, "environment", &(rows)[__row]);			\
	}								\
} while (0)

#endif /* SELFTESTS_UNIT_REQUEST_H */
