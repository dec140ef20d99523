// SPDX-License-Identifier: MIT
/* helper/document_isolation.c: spec.run.isolation. */
#include "selftests/unit/refusal.h"

#include "helper/plan.h"

#define ISOLATION(members)	RUN("'isolation': {" members "}")
#define AT(field)		"/spec/run/isolation/" field

TEST(isolation_is_an_object_of_known_keys)
{
	static const struct refusal rows[] = {
		{ RUN("'isolation': []"), EINVAL, "/spec/run/isolation",
		  "is an array, must be an object", NULL },
		{ RUN("'isolation': null"), EINVAL, "/spec/run/isolation", "is null", NULL },
		{ ISOLATION("'unshared': []"), EINVAL, AT("unshared"),
		  "unknown key \"unshared\"", "did you mean \"unshare\"?" },
		{ ISOLATION("'hiddenpaths': []"), EINVAL, AT("hiddenpaths"), "unknown key",
		  "\"hiddenPaths\"?" },
		{ ISOLATION("'landlock': {}"), EINVAL, AT("landlock"), "unknown key",
		  "known here: unshare, userMap, workspaceBytes, readOnlyPaths" },
		{ ISOLATION("'unshare': [], 'unshare': []"), EINVAL, AT("unshare"),
		  "", "remove one of the two" },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(fields_of_isolation_take_one_type)
{
	static const struct refusal rows[] = {
		{ ISOLATION("'unshare': true"), EINVAL, AT("unshare"), "is true or false, must be",
		  NULL },
		{ ISOLATION("'unshare': {}"), EINVAL, AT("unshare"), "is an object, must be an array",
		  NULL },
		{ ISOLATION("'unshare': null"), EINVAL, AT("unshare"), "is null", NULL },
		{ ISOLATION("'userMap': 'uid:0'"), EINVAL, AT("userMap"), "must be an object", NULL },
		{ ISOLATION("'workspaceBytes': '1048576'"), EINVAL, AT("workspaceBytes"),
		  "is a string, must be an integer", "without quotes" },
		{ ISOLATION("'workspaceBytes': 1e6"), EINVAL, AT("workspaceBytes"),
		  "must be an integer", "digits only" },
		{ ISOLATION("'readOnlyPaths': '/usr'"), EINVAL, AT("readOnlyPaths"),
		  "is a string, must be an array", NULL },
		{ ISOLATION("'readWritePaths': {}"), EINVAL, AT("readWritePaths"),
		  "must be an array", NULL },
		{ ISOLATION("'hiddenPaths': false"), EINVAL, AT("hiddenPaths"), "must be an array",
		  NULL },
		{ ISOLATION("'systemLibraries': 1"), EINVAL, AT("systemLibraries"),
		  "is an integer, must be true or false", NULL },
		{ ISOLATION("'systemLibraries': 'true'"), EINVAL, AT("systemLibraries"),
		  "must be true or false", NULL },
		{ ISOLATION("'seccomp': true"), EINVAL, AT("seccomp"), "must be a string", NULL },
		{ ISOLATION("'nested': 0"), EINVAL, AT("nested"), "must be true or false", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(namespaces_are_known_names)
{
	static const struct refusal rows[] = {
		{ ISOLATION("'unshare': ['pid', 'mnt', 'utc']"), EINVAL, AT("unshare/2"),
		  "unknown namespace \"utc\"", "did you mean \"uts\"?" },
		{ ISOLATION("'unshare': ['everything']"), EINVAL, AT("unshare/0"),
		  "unknown namespace \"everything\"", "known here: pid, ipc, mnt, net, user" },
		{ ISOLATION("'unshare': ['network']"), EINVAL, AT("unshare/0"),
		  "unknown namespace \"network\"", "did you mean \"net\"?" },
		{ ISOLATION("'unshare': 'pid,mount,ipc'"), EINVAL, AT("unshare"),
		  "unknown namespace \"mount\"", "did you mean \"mnt\"?" },
		{ ISOLATION("'unshare': ['none']"), EINVAL, AT("unshare/0"),
		  "unknown namespace \"none\"", "known here" },
		{ ISOLATION("'unshare': ['']"), EINVAL, AT("unshare/0"), "unknown namespace \"\"",
		  "known here" },
		{ ISOLATION("'unshare': ['pid,mnt']"), EINVAL, AT("unshare/0"), "\"pid,mnt\"",
		  "known here" },
		{ ISOLATION("'unshare': ['PID']"), EINVAL, AT("unshare/0"), "unknown namespace",
		  "\"pid\"?" },
		{ ISOLATION("'unshare': ['mnt', 4]"), EINVAL, AT("unshare/1"),
		  "is an integer, must be a string", NULL },
		{ ISOLATION("'unshare': ['mnt\\u0000']"), EINVAL, AT("unshare/0"), "a NUL", NULL },
		{ ISOLATION("'unshare': ''"), EINVAL, AT("unshare"),
		  "unknown namespace \"\"", "known here" },
		{ ISOLATION("'unshare': 'pid,'"), EINVAL, AT("unshare"), "unknown namespace \"\"",
		  "known here" },
		{ ISOLATION("'unshare': 'pid, mnt,uts'"), EINVAL, AT("unshare"),
		  "unknown namespace \" mnt\"", "there is a blank in it" },
		{ ISOLATION("'unshare': ['pid', 'mnt ']"), EINVAL, AT("unshare/1"),
		  "unknown namespace \"mnt \"", "there is a blank in it" },
		{ ISOLATION("'unshare': 'none,pid'"), EINVAL, AT("unshare"),
		  "unknown namespace \"none\"", "known here" },
		{ ISOLATION("'unshare': 'mnt,utc'"), EINVAL, AT("unshare"),
		  "unknown namespace \"utc\"", "did you mean \"uts\"?" },
		{ ISOLATION("'unshare': '1'"), EINVAL, AT("unshare"), "unknown namespace \"1\"",
		  "known here" },
		{ ISOLATION("'unshare': 'none\\u0000'"), EINVAL, AT("unshare"), "a NUL", NULL },
	};

	CHECK_DOCUMENTS(rows);
}

TEST(namespaces_are_an_array_or_a_text)
{
	static const struct {
		const char *value;
		uint32_t bits;
	} rows[] = {
		{ "[]", 0 },
		{ "'none'", 0 },
		{ "['pid']", UNSHARE_PID },
		{ "['uts', 'mnt', 'uts']", UNSHARE_UTS | UNSHARE_MNT },
		{ "'mnt,uts,mnt'", UNSHARE_UTS | UNSHARE_MNT },
		{ "['pid', 'ipc', 'mnt', 'net', 'user', 'uts', 'cgroup', 'time']", 0xff },
		{ "'time,cgroup,uts,user,net,mnt,ipc,pid'", 0xff },
		{ "'net'", UNSHARE_NET }, { "'ipc'", UNSHARE_IPC }, { "'user'", UNSHARE_USER },
		{ "'cgroup'", UNSHARE_CGROUP }, { "'time'", UNSHARE_TIME },
	};
	struct document doc = good_document(_metadata, ISOLATION("'systemLibraries': false"));

	EXPECT_FALSE(doc.isolation.unshare_given);
	document_done(&doc);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text __free(mem) = json_repeat(ISOLATION("'unshare': @"), rows[i].value, 1,
						     false);

		doc = good_document(_metadata, text);
		EXPECT_TRUE(doc.isolation.unshare_given);
		EXPECT_EQ(rows[i].bits, doc.isolation.unshare) TH_LOG("%s", rows[i].value);
		document_done(&doc);
	}
}

TEST(a_user_map_is_two_ids)
{
	static const struct refusal rows[] = {
		{ ISOLATION("'userMap': {}"), EINVAL, AT("userMap/uid"), "is missing", NULL },
		{ ISOLATION("'userMap': {'uid': 0}"), EINVAL, AT("userMap/gid"), "is missing", NULL },
		{ ISOLATION("'userMap': {'uid': -1, 'gid': 0}"), EINVAL, AT("userMap/uid"),
		  "-1 is out of range: 0 to 4294967294", NULL },
		{ ISOLATION("'userMap': {'uid': 0, 'gid': 4294967295}"), EINVAL, AT("userMap/gid"),
		  "4294967295 is out of range", NULL },
		{ ISOLATION("'userMap': {'uid': '0', 'gid': 0}"), EINVAL, AT("userMap/uid"),
		  "must be an integer", "without quotes" },
		{ ISOLATION("'userMap': {'uid': 0, 'gid': 0, 'count': 1}"), EINVAL,
		  AT("userMap/count"), "unknown key", "known here: uid, gid" },
	};
	struct document doc;

	CHECK_DOCUMENTS(rows);
	doc = good_document(_metadata, ISOLATION("'userMap': {'uid': 0, 'gid': 4294967294}"));
	EXPECT_TRUE(doc.isolation.map_given);
	EXPECT_EQ(0, doc.isolation.map_uid);
	EXPECT_EQ(4294967294, doc.isolation.map_gid);
	document_done(&doc);
	doc = good_document(_metadata, ISOLATION(""));
	EXPECT_FALSE(doc.isolation.map_given);
	document_done(&doc);
}

TEST(a_workspace_has_at_least_64_kib)
{
	static const struct refusal rows[] = {
		{ ISOLATION("'workspaceBytes': 65535"), EINVAL, AT("workspaceBytes"),
		  "65535 is out of range: 65536 to 9223372036854775807", "or 64 MiB" },
		{ ISOLATION("'workspaceBytes': 0"), EINVAL, AT("workspaceBytes"), "out of range",
		  "leave workspaceBytes out" },
		{ ISOLATION("'workspaceBytes': -65536"), EINVAL, AT("workspaceBytes"),
		  "out of range", "leave workspaceBytes out" },
	};
	struct document doc;

	CHECK_DOCUMENTS(rows);
	doc = good_document(_metadata, ISOLATION("'workspaceBytes': 65536"));
	EXPECT_EQ(65536, doc.isolation.workspace_bytes);
	document_done(&doc);
}

/* One row for each list, the list's name in the format's place. */
static void check_list(struct __test_metadata *_metadata, const char *name)
{
	static const struct {
		const char *entry;
		int index;
		int errnum;
		const char *message, *hint;
	} rows[] = {
		{ "'usr'", 0, EINVAL, "\"usr\" is not an absolute path", "from / on" },
		{ "''", 0, EINVAL, "\"\" is not an absolute path", "from / on" },
		{ "'/usr', '/usr/../etc'", 1, EINVAL, "has a component \"..\"", "leads to" },
		{ "'/..'", 0, EINVAL, "has a component \"..\"", "leads to" },
		{ "'/usr/..'", 0, EINVAL, "has a component \"..\"", "leads to" },
		{ "'/a', '/b', 3", 2, EINVAL, "is an integer, must be a string", NULL },
		{ "'/a', null", 1, EINVAL, "is null, must be a string", NULL },
		{ "'/a\\u0000b'", 0, EINVAL, "contains a NUL", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char field[64], text[512];
		const struct refusal row = { text, rows[i].errnum, field, rows[i].message,
			rows[i].hint };

		snprintf(field, sizeof(field), AT("%s/%d"), name, rows[i].index);
		snprintf(text, sizeof(text), ISOLATION("'%s': [%s]"), name, rows[i].entry);
		check_document(_metadata, &row);
	}
}

static const char *const lists[] = { "readOnlyPaths", "readWritePaths", "hiddenPaths" };

TEST(lists_hold_absolute_paths_that_do_not_climb)
{
	struct document doc;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		check_list(_metadata, lists[i]);
	/* Names that only look like it. */
	doc = good_document(_metadata, ISOLATION("'readOnlyPaths': ['/..a', '/a..', '/.../b', '/']"));
	ASSERT_NE(NULL, doc.isolation.read_only);
	EXPECT_STREQ("/..a", doc.isolation.read_only[0]);
	EXPECT_STREQ("/", doc.isolation.read_only[3]);
	EXPECT_EQ(NULL, doc.isolation.read_only[4]);
	document_done(&doc);
	/* All spellings of a path are compared as one. */
	doc = good_document(_metadata, ISOLATION("'hiddenPaths': ['//a/./b/', '/.']"));
	EXPECT_STREQ("/a/b", doc.isolation.hidden[0]);
	EXPECT_STREQ("/", doc.isolation.hidden[1]);
	document_done(&doc);
}

static void check_length(struct __test_metadata *_metadata, const char *name)
{
	char wrap[256], field[64], field0[64];
	char *over __free(mem) = NULL, *full __free(mem) = NULL;
	char *longest __free(mem) = NULL, *too_long __free(mem) = NULL;
	const struct refusal many = {
		NULL, E2BIG, field, "has 65 entries, at most 64 are allowed", NULL
	};
	const struct refusal long_path = {
		NULL, E2BIG, field0, "has 4096 bytes, at most 4095 are allowed", NULL
	};
	struct refusal row;
	struct document doc;

	snprintf(field, sizeof(field), AT("%s"), name);
	snprintf(field0, sizeof(field0), AT("%s/0"), name);
	snprintf(wrap, sizeof(wrap), ISOLATION("'%s': [@]"), name);
	over = json_repeat(wrap, "'/a'", CELLOS_LIST_MAX + 1, true);
	full = json_repeat(wrap, "'/a'", CELLOS_LIST_MAX, true);
	snprintf(wrap, sizeof(wrap), ISOLATION("'%s': ['/@']"), name);
	longest = json_repeat(wrap, "a", CELLOS_PATH_MAX - 1, false);
	too_long = json_repeat(wrap, "a", CELLOS_PATH_MAX, false);
	row = many;
	row.input = over;
	check_document(_metadata, &row);
	row = long_path;
	row.input = too_long;
	check_document(_metadata, &row);
	doc = good_document(_metadata, full);
	document_done(&doc);
	doc = good_document(_metadata, longest);
	document_done(&doc);
}

TEST(lists_and_their_paths_are_bounded)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		check_length(_metadata, lists[i]);
}

TEST(an_empty_list_is_a_list_of_what_may_be_opened)
{
	static const struct {
		const char *members;
		bool listed;
	} rows[] = {
		{ "", false },
		{ "'readOnlyPaths': []", true },
		{ "'readWritePaths': []", true },
		{ "'readWritePaths': ['/tmp'], 'readOnlyPaths': ['/usr']", true },
		{ "'hiddenPaths': ['/tmp']", false },
		{ "'systemLibraries': true", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text __free(mem) = json_repeat(ISOLATION("@"), rows[i].members, 1, false);
		struct document doc = good_document(_metadata, text);

		EXPECT_EQ(rows[i].listed, doc.isolation.listed) TH_LOG("%s", rows[i].members);
		document_done(&doc);
	}
}

TEST(a_seccomp_profile_is_a_name_or_an_absolute_path)
{
	static const struct refusal rows[] = {
		{ ISOLATION("'seccomp': ''"), EINVAL, AT("seccomp"), "unknown profile \"\"",
		  "known here: baseline, none, or the absolute path" },
		{ ISOLATION("'seccomp': 'strict'"), EINVAL, AT("seccomp"),
		  "unknown profile \"strict\"", "known here: baseline, none" },
		{ ISOLATION("'seccomp': './x'"), EINVAL, AT("seccomp"), "unknown profile",
		  "absolute path" },
		{ ISOLATION("'seccomp': '/etc/../x'"), EINVAL, AT("seccomp"), "\"..\"", "leads to" },
	};
	struct document doc;

	CHECK_DOCUMENTS(rows);
	doc = good_document(_metadata, ISOLATION("'seccomp': 'none'"));
	EXPECT_EQ(CELLOS_SECCOMP_NONE, doc.isolation.seccomp);
	document_done(&doc);
	doc = good_document(_metadata, ISOLATION("'seccomp': '/etc/cell.bpf'"));
	EXPECT_EQ(CELLOS_SECCOMP_FILE, doc.isolation.seccomp);
	EXPECT_STREQ("/etc/cell.bpf", doc.isolation.seccomp_file);
	document_done(&doc);
	doc = good_document(_metadata, ISOLATION(""));
	EXPECT_EQ(CELLOS_SECCOMP_BASELINE, doc.isolation.seccomp);
	document_done(&doc);
}

TEST(what_is_not_built_is_refused_by_name)
{
	static const struct refusal rows[] = {
		{ ISOLATION("'timeOffsets': {'boottime': 1}"), EOPNOTSUPP, AT("timeOffsets"),
		  "offsets cannot be set", "leave it out" },
		{ ISOLATION("'timeOffsets': null"), EOPNOTSUPP, AT("timeOffsets"), "offsets",
		  "leave it out" },
		{ ISOLATION("'nested': true"), EOPNOTSUPP, AT("nested"), "not built yet",
		  "leave nested out" },
	};
	struct document doc;

	CHECK_DOCUMENTS(rows);
	doc = good_document(_metadata, ISOLATION("'nested': false"));
	document_done(&doc);
}

TEST_HARNESS_MAIN
