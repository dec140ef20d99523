// SPDX-License-Identifier: MIT
/* helper/document_process.c: spec.run.process. */
#include "selftests/unit/refusal.h"

#include <sys/resource.h>

#include "helper/plan.h"
#include "helper/process.h"

#define PROCESS(members)	RUN("'process': {" members "}")
#define RLIMIT(value)		PROCESS("'rlimits': {'nofile': " value "}")
#define AT(field)		"/spec/run/process/" field

TEST(process_is_an_object_of_known_keys)
{
	static const struct refusal rows[] = {
		{ RUN("'process': []"), EINVAL, "/spec/run/process", "must be an object", NULL },
		{ PROCESS("'Umask': '022'"), EINVAL, AT("Umask"), "unknown key", "\"umask\"?" },
		{ PROCESS("'oomScoreAdjust': 0"), EINVAL, AT("oomScoreAdjust"), "unknown key",
		  "known here: umask, nice, oomScoreAdj, cpuAffinity, rlimits" },
		{ PROCESS("'cpus': [0]"), EINVAL, AT("cpus"), "unknown key", "known here: umask" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(fields_of_process_take_one_type)
{
	static const struct refusal rows[] = {
		{ PROCESS("'umask': 22"), EINVAL, AT("umask"), "is an integer, must be a string",
		  "octal digits in quotes" },
		{ PROCESS("'nice': '5'"), EINVAL, AT("nice"), "must be an integer",
		  "without quotes" },
		{ PROCESS("'nice': 5.0"), EINVAL, AT("nice"), "must be an integer", "digits only" },
		{ PROCESS("'oomScoreAdj': '0'"), EINVAL, AT("oomScoreAdj"), "must be an integer",
		  "without quotes" },
		{ PROCESS("'cpuAffinity': '0-3'"), EINVAL, AT("cpuAffinity"),
		  "is a string, must be an array", NULL },
		{ PROCESS("'cpuAffinity': 0"), EINVAL, AT("cpuAffinity"), "must be an array", NULL },
		{ PROCESS("'rlimits': []"), EINVAL, AT("rlimits"), "must be an object", NULL },
		{ PROCESS("'umask': null"), EINVAL, AT("umask"), "is null", "octal" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(umasks_are_octal_digits)
{
	static const struct refusal rows[] = {
		{ PROCESS("'umask': ''"), EINVAL, AT("umask"), "\"\" is no umask", "octal digits" },
		{ PROCESS("'umask': '8'"), EINVAL, AT("umask"), "\"8\" is no umask", "\"0022\"" },
		{ PROCESS("'umask': '00022'"), EINVAL, AT("umask"), "is no umask", "octal" },
		{ PROCESS("'umask': '1000'"), EINVAL, AT("umask"), "is no umask", "octal" },
		{ PROCESS("'umask': '-22'"), EINVAL, AT("umask"), "is no umask", "octal" },
		{ PROCESS("'umask': ' 22'"), EINVAL, AT("umask"), "is no umask", "octal" },
		{ PROCESS("'umask': '0o22'"), EINVAL, AT("umask"), "is no umask", "octal" },
		{ PROCESS("'umask': 'u=rwx'"), EINVAL, AT("umask"), "is no umask", "octal" },
	};
	static const struct {
		const char *text;
		uint64_t umask;
	} good[] = {
		{ "0", 0 }, { "022", 022 }, { "0022", 022 }, { "77", 077 }, { "0777", 0777 },
	};
	struct document doc = good_document(_metadata, PROCESS(""));

	EXPECT_EQ(LIMIT_UNSET, doc.process.umask);
	document_done(&doc);
	CHECK_DOCUMENTS(rows);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char *text __free(mem) = json_repeat(PROCESS("'umask': '@'"), good[i].text, 1,
						     false);

		doc = good_document(_metadata, text);
		EXPECT_EQ(good[i].umask, doc.process.umask) TH_LOG("%s", good[i].text);
		document_done(&doc);
	}
}

TEST(priorities_have_ranges)
{
	static const struct refusal rows[] = {
		{ PROCESS("'nice': -1"), EINVAL, AT("nice"), "-1 is out of range: 0 to 19",
		  "not put before the host's own" },
		{ PROCESS("'nice': 20"), EINVAL, AT("nice"), "out of range", "not put before" },
		{ PROCESS("'oomScoreAdj': -1001"), EINVAL, AT("oomScoreAdj"),
		  "-1001 is out of range: -1000 to 1000", "1000 is killed first" },
		{ PROCESS("'oomScoreAdj': 1001"), EINVAL, AT("oomScoreAdj"), "out of range",
		  "1000 is killed first" },
	};
	struct document doc;

	CHECK_DOCUMENTS(rows);
	doc = good_document(_metadata, PROCESS("'nice': 19, 'oomScoreAdj': -1000"));
	EXPECT_EQ(19, doc.process.nice);
	EXPECT_TRUE(doc.process.oom_given);
	EXPECT_EQ(-1000, doc.process.oom_score_adj);
	document_done(&doc);
	doc = good_document(_metadata, PROCESS("'nice': 0, 'oomScoreAdj': 1000"));
	EXPECT_EQ(0, doc.process.nice);
	EXPECT_EQ(1000, doc.process.oom_score_adj);
	document_done(&doc);
	doc = good_document(_metadata, PROCESS(""));
	EXPECT_EQ(LIMIT_UNSET, doc.process.nice);
	EXPECT_FALSE(doc.process.oom_given);
	document_done(&doc);
}

TEST(affinities_name_cpus)
{
	static const struct refusal rows[] = {
		{ PROCESS("'cpuAffinity': []"), EINVAL, AT("cpuAffinity"), "no CPU to run on", NULL },
		{ PROCESS("'cpuAffinity': [0, -1]"), EINVAL, AT("cpuAffinity/1"),
		  "-1 is out of range: 0 to 1023", NULL },
		{ PROCESS("'cpuAffinity': [1024]"), EINVAL, AT("cpuAffinity/0"), "out of range",
		  NULL },
		{ PROCESS("'cpuAffinity': [0, 1, '2']"), EINVAL, AT("cpuAffinity/2"),
		  "must be an integer", "without quotes" },
	};
	struct document doc;

	CHECK_DOCUMENTS(rows);
	doc = good_document(_metadata, PROCESS("'cpuAffinity': [0, 63, 64, 64, 1023]"));
	EXPECT_TRUE(doc.process.cpus_given);
	EXPECT_EQ(0x8000000000000001, doc.process.cpus[0]);
	EXPECT_EQ(1, doc.process.cpus[1]);
	EXPECT_EQ(0x8000000000000000, doc.process.cpus[CPU_WORDS - 1]);
	document_done(&doc);
	doc = good_document(_metadata, PROCESS(""));
	EXPECT_FALSE(doc.process.cpus_given);
	document_done(&doc);
}

TEST(resource_limits_are_numbers_or_unlimited)
{
	static const struct refusal rows[] = {
		{ PROCESS("'rlimits': {'files': 1}"), EINVAL, AT("rlimits/files"),
		  "unknown limit \"files\"", "known here: as, core, cpu, data" },
		{ PROCESS("'rlimits': {'RLIMIT_NOFILE': 1}"), EINVAL, AT("rlimits/RLIMIT_NOFILE"),
		  "unknown limit", "known here" },
		{ RLIMIT("-1"), EINVAL, AT("rlimits/nofile"), "-1 is out of range", NULL },
		{ RLIMIT("1.5"), EINVAL, AT("rlimits/nofile"), "a number with a fraction",
		  "digits only" },
		{ RLIMIT("true"), EINVAL, AT("rlimits/nofile"), "is true or false, must be", NULL },
		{ RLIMIT("[1, 2]"), EINVAL, AT("rlimits/nofile"), "is an array, must be", NULL },
		{ RLIMIT("'64'"), EINVAL, AT("rlimits/nofile"), "\"64\" is no limit",
		  "without quotes, or \"unlimited\"" },
		{ RLIMIT("'infinity'"), EINVAL, AT("rlimits/nofile"), "is no limit", "unlimited" },
		{ RLIMIT("{}"), EINVAL, AT("rlimits/nofile/soft"), "is missing", NULL },
		{ RLIMIT("{'soft': 1}"), EINVAL, AT("rlimits/nofile/hard"), "is missing", NULL },
		{ RLIMIT("{'soft': 1, 'hard': '1'}"), EINVAL, AT("rlimits/nofile/hard"),
		  "\"1\" is no limit", "without quotes" },
		{ RLIMIT("{'soft': -1, 'hard': 1}"), EINVAL, AT("rlimits/nofile/soft"),
		  "out of range", NULL },
		{ RLIMIT("{'soft': 2, 'hard': 1}"), EINVAL, AT("rlimits/nofile"),
		  "a soft limit above its hard one", NULL },
		{ RLIMIT("{'soft': 'unlimited', 'hard': 1}"), EINVAL, AT("rlimits/nofile"),
		  "a soft limit above", NULL },
		{ RLIMIT("{'soft': 1, 'hard': 1, 'max': 1}"), EINVAL, AT("rlimits/nofile/max"),
		  "unknown key", "known here: soft, hard" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(resource_limits_have_the_names_of_prlimit)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{ "as", RLIMIT_AS }, { "core", RLIMIT_CORE }, { "cpu", RLIMIT_CPU },
		{ "data", RLIMIT_DATA }, { "fsize", RLIMIT_FSIZE }, { "locks", RLIMIT_LOCKS },
		{ "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE },
		{ "nice", RLIMIT_NICE }, { "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC },
		{ "rss", RLIMIT_RSS }, { "rtprio", RLIMIT_RTPRIO }, { "rttime", RLIMIT_RTTIME },
		{ "sigpending", RLIMIT_SIGPENDING }, { "stack", RLIMIT_STACK },
	};

	ASSERT_EQ(PLAN_RLIMITS, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *text __free(mem) = json_repeat(PROCESS("'rlimits': {'@': 7}"), names[i].name,
						     1, false);
		struct document doc = good_document(_metadata, text);

		EXPECT_EQ(names[i].number, rlimit_number(names[i].name));
		for (int n = 0; n < PLAN_RLIMITS; n++) {
			const struct plan_rlimit *limit = &doc.process.rlimits[n];

			EXPECT_EQ(n == names[i].number, limit->given) TH_LOG("%s", names[i].name);
			EXPECT_EQ(limit->given ? 7 : 0, limit->soft);
			EXPECT_EQ(limit->given ? 7 : 0, limit->hard);
		}
		document_done(&doc);
	}
	EXPECT_GT(0, rlimit_number(""));
	EXPECT_GT(0, rlimit_number("NOFILE"));
}

TEST(resource_limits_are_one_value_or_two)
{
	struct document doc;
	const struct plan_rlimit *limit;

	doc = good_document(_metadata, PROCESS("'rlimits': {'nofile': 'unlimited', 'core': 0, "
					       "'cpu': {'soft': 1, 'hard': 'unlimited'}, "
					       "'data': {'soft': 3, 'hard': 3}}"));
	limit = doc.process.rlimits;
	EXPECT_EQ(RLIM_INFINITY, limit[RLIMIT_NOFILE].soft);
	EXPECT_EQ(RLIM_INFINITY, limit[RLIMIT_NOFILE].hard);
	EXPECT_TRUE(limit[RLIMIT_CORE].given);
	EXPECT_EQ(0, limit[RLIMIT_CORE].hard);
	EXPECT_EQ(1, limit[RLIMIT_CPU].soft);
	EXPECT_EQ(RLIM_INFINITY, limit[RLIMIT_CPU].hard);
	EXPECT_EQ(3, limit[RLIMIT_DATA].hard);
	document_done(&doc);
}

TEST_HARNESS_MAIN
