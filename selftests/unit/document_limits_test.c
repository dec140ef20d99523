// SPDX-License-Identifier: MIT
/* helper/document_limits.c: spec.run.limits. */
#include "selftests/unit/refusal.h"

#include "helper/bounds.h"

#define FIELD(name)	"/spec/run/limits/" name
#define DISKS(rows)	LIMITS("'ioMax': [" rows "]")
#define DISK(members)	DISKS("{'device': '8:0', " members "}")
#define PAGES(rows)	LIMITS("'hugetlb': [" rows "]")

TEST(unknown_limits_are_refused_by_name)
{
	static const struct refusal rows[] = {
		{ LIMITS("'memoryMaxByte': 1"), EINVAL, FIELD("memoryMaxByte"),
		  "unknown key", "\"memoryMaxBytes\"?" },
		{ LIMITS("'memoryHigh': 1"), EINVAL, FIELD("memoryHigh"), "unknown key", "known" },
		{ LIMITS("'ioWeight': 1"), EINVAL, FIELD("ioWeight"), "unknown key", "" },
		{ LIMITS("'cpuMax': {'quotaMicros': 5000, 'quota': 1}"), EINVAL,
		  FIELD("cpuMax/quota"), "unknown key", "known here: quotaMicros" },
		{ DISK("'readBytes': 1"), EINVAL, FIELD("ioMax/0/readBytes"), "unknown key",
		  "known here: device, readBytesPerSecond" },
		{ PAGES("{'pageSizeBytes': 1, 'maxBytes': 1, 'rsvd': 1}"), EINVAL,
		  FIELD("hugetlb/0/rsvd"), "unknown key", "known here: pageSizeBytes, maxBytes" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(limits_out_of_range_are_refused)
{
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
		  "is a string, must be an integer", "bytes, without quotes: 1073741824" },
		{ LIMITS("'memoryMaxBytes': '64M'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string", "without quotes: 67108864" },
		{ LIMITS("'memoryMaxBytes': '2 GiB'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string", "without quotes: 2147483648" },
		{ LIMITS("'memoryMaxBytes': '8kb'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string", "without quotes: 8192" },
		{ LIMITS("'memoryMaxBytes': '999999999T'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string", "write a number, digits only" },
		{ LIMITS("'memoryMaxBytes': 'M'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string", "write a number, digits only" },
		{ LIMITS("'memoryMaxBytes': '64Mega'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string", "write a number, digits only" },
		{ LIMITS("'memoryMaxBytes': '4096'"), EINVAL, FIELD("memoryMaxBytes"),
		  "is a string", "write the number without quotes: 4096" },
		{ LIMITS("'pidsMax': 'max'"), EINVAL, FIELD("pidsMax"),
		  "is a string, must be an integer", "leave pidsMax out for no limit" },
		{ LIMITS("'pidsMax': '1K'"), EINVAL, FIELD("pidsMax"),
		  "is a string, must be an integer", "write a number, digits only" },
		{ LIMITS("'memoryMaxBytes': null"), EINVAL, FIELD("memoryMaxBytes"), "is null",
		  NULL },
		{ LIMITS("'memorySwapMaxBytes': -1"), EINVAL, FIELD("memorySwapMaxBytes"),
		  "-1 is out of range: 0 to", NULL },
		{ LIMITS("'memoryHighBytes': 0"), EINVAL, FIELD("memoryHighBytes"),
		  "0 is out of range: 1 to", "for no limit" },
		{ LIMITS("'memoryHighBytes': '1'"), EINVAL, FIELD("memoryHighBytes"),
		  "is a string, must be an integer", "without quotes" },
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
		{ LIMITS("'cpuWeight': 0"), EINVAL, FIELD("cpuWeight"), "1 to 10000", "default" },
		{ LIMITS("'cpuWeight': 10001"), EINVAL, FIELD("cpuWeight"), "1 to 10000", "100" },
		{ LIMITS("'cpuWeight': 1.5"), EINVAL, FIELD("cpuWeight"), "a fraction", "whole" },
		{ LIMITS("'gracefulShutdownSeconds': -1"), EINVAL,
		  FIELD("gracefulShutdownSeconds"), "0 to 3600", "0 kills at once" },
		{ LIMITS("'gracefulShutdownSeconds': 3601"), EINVAL,
		  FIELD("gracefulShutdownSeconds"), "0 to 3600", "0 kills at once" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(limits_are_read_as_they_stand)
{
	struct document doc = good_document(_metadata,
		LIMITS("'memoryMaxBytes': 9223372036854775807, 'memorySwapMaxBytes': 0,"
		       "'memoryHighBytes': 4096, 'cpuWeight': 10000,"
		       "'memoryOomGroup': true, 'pidsMax': 1, 'gracefulShutdownSeconds': 0,"
		       "'cpuMax': {'quotaMicros': 1000, 'periodMicros': 1000000}"));

	EXPECT_EQ(9223372036854775807, doc.limits.memory_max);
	EXPECT_EQ(0, doc.limits.memory_swap_max);
	EXPECT_EQ(4096, doc.limits.memory_high);
	EXPECT_EQ(10000, doc.limits.cpu_weight);
	EXPECT_EQ(1, doc.limits.memory_oom_group);
	EXPECT_EQ(1, doc.limits.pids_max);
	EXPECT_EQ(1000, doc.limits.cpu_quota);
	EXPECT_EQ(1000000, doc.limits.cpu_period);
	EXPECT_EQ(0, doc.grace_seconds);
	document_done(&doc);
}

TEST(limits_that_are_absent_stay_unset)
{
	struct document doc = good_document(_metadata, LIMITS(""));

	EXPECT_EQ(LIMIT_UNSET, doc.limits.memory_max);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.memory_swap_max);
	EXPECT_EQ(-1, doc.limits.memory_oom_group);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.pids_max);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.cpu_quota);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.cpu_period);
	EXPECT_EQ(LIMIT_UNSET, doc.grace_seconds);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.memory_high);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.cpu_weight);
	EXPECT_EQ(0, doc.limits.n_io);
	EXPECT_EQ(0, doc.limits.n_hugetlb);
	document_done(&doc);
}

TEST(a_soft_limit_that_the_hard_one_hides_is_refused)
{
	static const struct refusal rows[] = {
		{ LIMITS("'memoryHighBytes': 8192, 'memoryMaxBytes': 4096"), EINVAL,
		  FIELD("memoryHighBytes"), "8192 is not below memoryMaxBytes, 4096", "slows" },
		{ LIMITS("'memoryHighBytes': 4096, 'memoryMaxBytes': 4096"), EINVAL,
		  FIELD("memoryHighBytes"), "4096 is not below memoryMaxBytes, 4096", "slows" },
	};
	struct document doc;

	CHECK_DOCUMENTS(rows);
	doc = good_document(_metadata,
			    LIMITS("'memoryMaxBytes': 8192, 'memoryHighBytes': 4096"));
	document_done(&doc);
	doc = good_document(_metadata, LIMITS("'memoryHighBytes': 9223372036854775807"));
	EXPECT_EQ(LIMIT_UNSET, doc.limits.memory_max);
	document_done(&doc);
}

TEST(disks_that_cannot_be_meant_are_refused)
{
	static const struct refusal rows[] = {
		{ LIMITS("'ioMax': {'device': '8:0'}"), EINVAL, FIELD("ioMax"),
		  "is an object, must be an array", NULL },
		{ DISKS("'8:0'"), EINVAL, FIELD("ioMax/0"), "must be an object", NULL },
		{ DISKS("{'readBytesPerSecond': 2}"), EINVAL, FIELD("ioMax/0/device"),
		  "is missing", NULL },
		{ DISKS("{'device': 8, 'readBytesPerSecond': 2}"), EINVAL,
		  FIELD("ioMax/0/device"), "is an integer, must be a string", NULL },
		{ DISKS("{'device': '8:0'}"), EINVAL, FIELD("ioMax/0"), "limits nothing",
		  "at least one of readBytesPerSecond" },
		{ DISK("'readBytesPerSecond': 0"), EINVAL, FIELD("ioMax/0/readBytesPerSecond"),
		  "0 is out of range: 2 to", "bytes a second" },
		{ DISK("'readBytesPerSecond': 1"), EINVAL, FIELD("ioMax/0/readBytesPerSecond"),
		  "1 is out of range: 2 to", "bytes a second" },
		{ DISK("'writeBytesPerSecond': -1"), EINVAL,
		  FIELD("ioMax/0/writeBytesPerSecond"), "-1 is out of range", "bytes a second" },
		{ DISK("'readOperationsPerSecond': 4294967295"), EINVAL,
		  FIELD("ioMax/0/readOperationsPerSecond"), "2 to 4294967294", "operations" },
		{ DISK("'writeOperationsPerSecond': 1e3"), EINVAL,
		  FIELD("ioMax/0/writeOperationsPerSecond"), "an exponent", "whole number" },
		{ DISK("'readBytesPerSecond': 2}, {'device': '8:0', 'writeBytesPerSecond': 2"),
		  EINVAL, FIELD("ioMax/1/device"), "\"8:0\" stands twice", NULL },
		{ DISKS("{'device': '/dev/\\u0000a', 'readBytesPerSecond': 2}"), EINVAL,
		  FIELD("ioMax/0/device"), "NUL character", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(a_device_is_a_path_in_dev_or_two_numbers)
{
	static const char *const good[] = {
		"/dev/vda", "/dev/disk/by-id/x", "0:0", "8:0", "4095:1048575",
	};
	static const char *const bad[] = {
		"", "/dev", "/dev/", "vda", "/tmp/vda", "dev/vda", "8", "8:", ":0", "8:0:0", "08:0",
		"8:00", "+8:0", " 8:0", "8:0 ", "4096:0", "8:1048576", "12345678:0",
		"8:99999999999999999999", "8:0\\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char *text __free(mem) = json_repeat(
			DISKS("{'device': '@', 'readBytesPerSecond': 2}"), good[i], 1, false);
		struct document doc;

		ASSERT_NE(NULL, text);
		doc = good_document(_metadata, text);
		ASSERT_EQ(1, doc.limits.n_io);
		EXPECT_STREQ(good[i], doc.limits.io[0].device);
		document_done(&doc);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *text __free(mem) = json_repeat(
			DISKS("{'device': '@', 'readBytesPerSecond': 2}"), bad[i], 1, false);
		const struct refusal row = {
			text, EINVAL, FIELD("ioMax/0/device"), "is no block device", "lsblk"
		};

		ASSERT_NE(NULL, text);
		check_document(_metadata, &row);
	}
}

TEST(a_device_path_has_at_most_255_bytes)
{
	static const char input[] = DISKS("{'device': '/dev/@', 'readBytesPerSecond': 2}");
	char *good __free(mem) = json_repeat(input, "x", 250, false);
	char *bad __free(mem) = json_repeat(input, "x", 251, false);
	const struct refusal row = {
		bad, E2BIG, FIELD("ioMax/0/device"), "has 256 bytes, at most 255", NULL
	};
	struct document doc;

	ASSERT_TRUE(good && bad);
	doc = good_document(_metadata, good);
	EXPECT_EQ(255, strlen(doc.limits.io[0].device));
	document_done(&doc);
	check_document(_metadata, &row);
}

TEST(too_many_rows_are_refused)
{
	char *disks __free(mem) = json_repeat(DISKS("@"), "{}", 17, true);
	char *pages __free(mem) = json_repeat(PAGES("@"), "{}", 9, true);
	const struct refusal too_many_disks = {
		disks, E2BIG, FIELD("ioMax"), "has 17 entries, at most 16", NULL
	};
	const struct refusal too_many_sizes = {
		pages, E2BIG, FIELD("hugetlb"), "has 9 entries, at most 8", NULL
	};

	ASSERT_TRUE(disks && pages);
	check_document(_metadata, &too_many_disks);
	check_document(_metadata, &too_many_sizes);
}

TEST(disks_are_read_as_they_stand)
{
	struct document doc = good_document(_metadata,
		DISKS("{'device': '/dev/vda', 'readBytesPerSecond': 2,"
		      " 'writeBytesPerSecond': 9223372036854775807},"
		      "{'readOperationsPerSecond': 2, 'writeOperationsPerSecond': 4294967294,"
		      " 'device': '8:16'}"));

	ASSERT_EQ(2, doc.limits.n_io);
	EXPECT_STREQ("/dev/vda", doc.limits.io[0].device);
	EXPECT_EQ(2, doc.limits.io[0].read_bytes);
	EXPECT_EQ(INT64_MAX, doc.limits.io[0].write_bytes);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.io[0].read_operations);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.io[0].write_operations);
	EXPECT_STREQ("8:16", doc.limits.io[1].device);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.io[1].read_bytes);
	EXPECT_EQ(LIMIT_UNSET, doc.limits.io[1].write_bytes);
	EXPECT_EQ(2, doc.limits.io[1].read_operations);
	EXPECT_EQ(IO_OPERATIONS_MAX, doc.limits.io[1].write_operations);
	document_done(&doc);
}

TEST(sizes_of_huge_pages_that_cannot_be_meant_are_refused)
{
	static const struct refusal rows[] = {
		{ LIMITS("'hugetlb': 1"), EINVAL, FIELD("hugetlb"), "must be an array", NULL },
		{ PAGES("1"), EINVAL, FIELD("hugetlb/0"), "must be an object", NULL },
		{ PAGES("{'maxBytes': 1}"), EINVAL, FIELD("hugetlb/0/pageSizeBytes"),
		  "is missing", NULL },
		{ PAGES("{'pageSizeBytes': 1}"), EINVAL, FIELD("hugetlb/0/maxBytes"),
		  "is missing", NULL },
		{ PAGES("{'pageSizeBytes': 0, 'maxBytes': 0}"), EINVAL,
		  FIELD("hugetlb/0/pageSizeBytes"), "0 is out of range", "one huge page" },
		{ PAGES("{'pageSizeBytes': '2MB', 'maxBytes': 0}"), EINVAL,
		  FIELD("hugetlb/0/pageSizeBytes"), "must be an integer", "without quotes" },
		{ PAGES("{'pageSizeBytes': 2097152, 'maxBytes': -1}"), EINVAL,
		  FIELD("hugetlb/0/maxBytes"), "-1 is out of range", "allows no huge page" },
		{ PAGES("{'pageSizeBytes': 2097152, 'maxBytes': 0},"
			"{'pageSizeBytes': 2097152, 'maxBytes': 1}"), EINVAL,
		  FIELD("hugetlb/1/pageSizeBytes"), "2097152 stands twice", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(sizes_of_huge_pages_are_read_as_they_stand)
{
	struct document doc = good_document(_metadata,
		PAGES("{'pageSizeBytes': 2097152, 'maxBytes': 0},"
		      "{'maxBytes': 9223372036854775807, 'pageSizeBytes': 1073741824}"));

	ASSERT_EQ(2, doc.limits.n_hugetlb);
	EXPECT_EQ(2097152, doc.limits.hugetlb[0].page_size);
	EXPECT_EQ(0, doc.limits.hugetlb[0].max);
	EXPECT_EQ(1073741824, doc.limits.hugetlb[1].page_size);
	EXPECT_EQ(INT64_MAX, doc.limits.hugetlb[1].max);
	document_done(&doc);
}

TEST(limits_that_ask_for_nothing_are_accepted)
{
	static const char *const inputs[] = { LIMITS(""), DISKS(""), PAGES("") };

	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
		struct document doc = good_document(_metadata, inputs[i]);

		EXPECT_EQ(0, doc.limits.n_io);
		EXPECT_EQ(0, doc.limits.n_hugetlb);
		document_done(&doc);
	}
}

TEST_HARNESS_MAIN
