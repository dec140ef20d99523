// SPDX-License-Identifier: MIT
/* helper/plan.c: options, document and variables become one plan. */
#include "selftests/unit/request.h"

TEST(a_small_document_makes_a_plan_of_defaults)
{
	struct plan plan = good_plan(_metadata, (struct request) { });

	EXPECT_STREQ("a", plan.cell_id);
	EXPECT_EQ(CELLOS_BACKEND_HOST, plan.backend);
	ASSERT_NE(NULL, plan.argv);
	EXPECT_STREQ("true", plan.argv[0]);
	EXPECT_EQ(NULL, plan.argv[1]);
	ASSERT_NE(NULL, plan.envp);
	EXPECT_EQ(NULL, plan.envp[0]);
	EXPECT_STREQ("/", plan.working_directory);
	EXPECT_EQ(NULL, plan.cgroup_parent);
	EXPECT_EQ(0, plan.ttl_seconds);
	EXPECT_EQ(5, plan.grace_seconds);
	EXPECT_EQ(CELLOS_STDIO_PIPE, plan.stdio);
	EXPECT_TRUE(plan.user.dynamic);
	EXPECT_TRUE(plan.egress_enforced);
	EXPECT_EQ(0, plan.policy.n_rules);
	EXPECT_EQ(0, plan.policy.n_keys);
	EXPECT_EQ(LIMIT_UNSET, plan.limits.memory_max);
	EXPECT_EQ(LIMIT_UNSET, plan.limits.memory_swap_max);
	EXPECT_EQ(LIMIT_UNSET, plan.limits.cpu_quota);
	EXPECT_EQ(LIMIT_UNSET, plan.limits.cpu_period);
	EXPECT_EQ(LIMIT_UNSET, plan.limits.pids_max);
	EXPECT_EQ(-1, plan.limits.memory_oom_group);
	EXPECT_EQ(LIMIT_UNSET, plan.limits.memory_high);
	EXPECT_EQ(LIMIT_UNSET, plan.limits.cpu_weight);
	EXPECT_EQ(0, plan.limits.n_io);
	EXPECT_EQ(0, plan.limits.n_hugetlb);
	plan_done(&plan);
	plan_done(&plan);
}

TEST(a_full_document_makes_exactly_its_plan)
{
	const char *extra[] = { "C=3", "D=" };
	struct plan plan = good_plan(_metadata, (struct request) {
		.document = DOCUMENT(
			"'id': 'demo-cell-001',"
			"'authority': {'secretRefs': [], 'egressRules': ["
			"  {'host': '10.0.0.1', 'port': 443, 'protocol': 'tcp'},"
			"  {'host': 'a.example', 'resolved': ['10.0.0.2', '::1'], 'port': 53}]},"
			"'lifetime': {'ttlSeconds': 60},"
			"'run': {'argv': ['/bin/x', '-a', ''], 'workingDirectory': '/work',"
			"  'environment': [{'name': 'B', 'value': '2'},"
			"    {'name': 'A', 'value': ''}],"
			"  'secretDelivery': 'env', 'isolation': {},"
			"  'limits': {'memoryMaxBytes': 1048576, 'memoryOomGroup': false,"
			"    'cpuMax': {'quotaMicros': 50000}, 'pidsMax': 32,"
			"    'memoryHighBytes': 524288, 'cpuWeight': 7,"
			"    'ioMax': [{'device': '8:0', 'readBytesPerSecond': 9}],"
			"    'hugetlb': [{'pageSizeBytes': 2097152, 'maxBytes': 0}],"
			"    'gracefulShutdownSeconds': 0}}"),
		.options = {
			.cgroup_parent = "/sys/fs/cgroup/cells", .backend = "host",
			.unshare = "none", .stdio = "null", .egress = "enforce",
			.user = "1000:1001", .report = "fd:3", .env = extra, .n_env = 2,
		},
	});

	EXPECT_STREQ("demo-cell-001", plan.cell_id);
	EXPECT_STREQ("/bin/x", plan.argv[0]);
	EXPECT_STREQ("-a", plan.argv[1]);
	EXPECT_STREQ("", plan.argv[2]);
	EXPECT_EQ(NULL, plan.argv[3]);
	EXPECT_STREQ("B=2", plan.envp[0]);
	EXPECT_STREQ("A=", plan.envp[1]);
	EXPECT_STREQ("C=3", plan.envp[2]);
	EXPECT_STREQ("D=", plan.envp[3]);
	EXPECT_EQ(NULL, plan.envp[4]);
	EXPECT_STREQ("/work", plan.working_directory);
	EXPECT_STREQ("/sys/fs/cgroup/cells", plan.cgroup_parent);
	EXPECT_EQ(60, plan.ttl_seconds);
	EXPECT_EQ(0, plan.grace_seconds);
	EXPECT_EQ(CELLOS_STDIO_NULL, plan.stdio);
	EXPECT_FALSE(plan.user.dynamic);
	EXPECT_EQ(1000, plan.user.uid);
	EXPECT_EQ(1001, plan.user.gid);
	EXPECT_EQ(1048576, plan.limits.memory_max);
	EXPECT_EQ(0, plan.limits.memory_swap_max);
	EXPECT_EQ(0, plan.limits.memory_oom_group);
	EXPECT_EQ(50000, plan.limits.cpu_quota);
	EXPECT_EQ(100000, plan.limits.cpu_period);
	EXPECT_EQ(32, plan.limits.pids_max);
	EXPECT_EQ(524288, plan.limits.memory_high);
	EXPECT_EQ(7, plan.limits.cpu_weight);
	ASSERT_EQ(1, plan.limits.n_io);
	EXPECT_STREQ("8:0", plan.limits.io[0].device);
	EXPECT_EQ(9, plan.limits.io[0].read_bytes);
	ASSERT_EQ(1, plan.limits.n_hugetlb);
	EXPECT_EQ(2097152, plan.limits.hugetlb[0].page_size);
	EXPECT_EQ(0, plan.limits.hugetlb[0].max);
	EXPECT_TRUE(plan.egress_enforced);
	EXPECT_EQ(2, plan.policy.n_rules);
	/* tcp to one address; tcp and udp to two. */
	EXPECT_EQ(5, plan.policy.n_keys);
	plan_done(&plan);
}

TEST(a_bad_document_is_refused_at_its_field)
{
	static const struct refusal rows[] = {
		{ DOCUMENT("'id': '', 'run': {'argv': ['true']}"), EINVAL, "/spec/id",
		  "/spec/id: is empty", NULL },
		{ RULE("'host': '10.0.0.1'}, {'host': '::1'}, {'host': '::1', 'port': 'x'"),
		  EINVAL, "/spec/authority/egressRules/2/port", "\"x\" is not a port", "write" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		check_request(_metadata, (struct request) { .document = rows[i].input },
			      "document", &rows[i]);
}

TEST(env_options_that_are_malformed_or_repeated_are_refused)
{
	static const char document[] = RUN("'environment': [{'name': 'DOC', 'value': 'x'}]");
	static const struct refusal rows[] = {
		{ "A", EINVAL, "", "--env: \"A\" has no '='", "write KEY=VALUE" },
		{ "", EINVAL, "", "has no '='", "nothing is taken from" },
		{ "=x", EINVAL, "", "\"=x\" has an empty key", NULL },
		{ "DOC=y", EINVAL, "", "\"DOC\" is set already", "each name once" },
		{ "B=2", EINVAL, "", "\"B\" is set already", "each name once" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *env[] = { "B=1", rows[i].input };

		check_request(_metadata, (struct request) {
			.document = document, .options = { .env = env, .n_env = 2 },
		}, "options", &rows[i]);
	}
}

/* Makes @text an entry "@name=xxx..." of @size bytes, its NUL included. */
static const char *entry(char *text, char name, size_t size)
{
	memset(text, 'x', size - 1);
	text[0] = name;
	text[1] = '=';
	text[size - 1] = '\0';
	return text;
}

TEST(arguments_and_environment_beyond_1_mib_are_refused)
{
	enum { MOST = 128 * 1024 };
	static const struct refusal more = { "--env", E2BIG, "", "have 1048577 bytes, at", NULL };
	static const struct refusal longer = { "--env", E2BIG, "", "has 131072 bytes, the", NULL };
	static char text[8][MOST + 1];
	const char *env[8];
	struct plan plan;
	size_t i;

	/* Together with "true" and its NUL exactly 1 MiB. */
	for (i = 0; i < 7; i++)
		env[i] = entry(text[i], 'A' + i, MOST);
	env[7] = entry(text[7], 'H', MOST - 5);
	plan = good_plan(_metadata, (struct request) { .options = { .env = env, .n_env = 8 } });
	plan_done(&plan);
	entry(text[7], 'H', MOST - 4);
	check_request(_metadata, (struct request) { .options = { .env = env, .n_env = 8 } },
		      "options", &more);
	entry(text[7], 'H', MOST + 1);
	check_request(_metadata, (struct request) { .options = { .env = env, .n_env = 8 } },
		      "options", &longer);
}

TEST(a_swap_limit_follows_a_memory_limit_unless_given)
{
	struct plan plan = good_plan(_metadata, (struct request) {
		.document = LIMITS("'memoryMaxBytes': 4096, 'memorySwapMaxBytes': 8192"),
	});

	EXPECT_EQ(4096, plan.limits.memory_max);
	EXPECT_EQ(8192, plan.limits.memory_swap_max);
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) {
		.document = LIMITS("'memorySwapMaxBytes': 8192"),
	});
	EXPECT_EQ(LIMIT_UNSET, plan.limits.memory_max);
	EXPECT_EQ(8192, plan.limits.memory_swap_max);
	plan_done(&plan);
}

TEST_HARNESS_MAIN
