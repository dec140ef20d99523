// SPDX-License-Identifier: MIT
/* helper/plan_isolation.c: who names the namespaces, and what does not go together. */
#include "selftests/unit/request.h"

#define ISOLATION(members)	RUN("'isolation': {" members "}")
#define UNSHARE(names)		ISOLATION("'unshare': '" names "'")
/* A cell with a workspace at @path. */
#define AT_PATH(path)		\
	RUN("'workingDirectory': '" path "', 'isolation': {'unshare': ['mnt']}")
#define FIELD(name)		"/spec/run/isolation/" name

/* In CHECK_ form: each row's input is the document. */
#define CHECK_PLANS(rows)	do {					\
	for (size_t row_ = 0; row_ < ARRAY_SIZE(rows); row_++)		\
		check_request(_metadata, (struct request) {		\
			.document = (rows)[row_].input,			\
		}, "document", &(rows)[row_]);				\
} while (0)

TEST(option_goes_before_document_and_document_before_variable)
{
	static const struct {
		const char *option, *document, *variable;
		uint32_t bits;
	} rows[] = {
		{ NULL, NULL, NULL, 0 },
		{ NULL, NULL, "uts", UNSHARE_UTS },
		{ NULL, UNSHARE("ipc"), "uts", UNSHARE_IPC },
		{ NULL, UNSHARE("none"), "uts", 0 },
		{ NULL, ISOLATION("'unshare': []"), "uts", 0 },
		{ NULL, ISOLATION("'systemLibraries': false"), "uts", UNSHARE_UTS },
		{ "time", UNSHARE("ipc"), "uts", UNSHARE_TIME },
		{ "none", UNSHARE("ipc"), "uts", 0 },
		{ "none", NULL, "uts", 0 },
		{ "time", NULL, NULL, UNSHARE_TIME },
		{ NULL, NULL, "1", UNSHARE_PID | UNSHARE_IPC | UNSHARE_MNT | UNSHARE_NET },
		{ NULL, UNSHARE("ipc"), "0", UNSHARE_IPC },
		{ NULL, UNSHARE("ipc"), "", UNSHARE_IPC },
		/* What a higher one has replaced may be nonsense together. */
		{ "none", UNSHARE("pid"), "pid", 0 },
		{ NULL, UNSHARE("none"), "pid", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char variable[64] = "CELLOS_SUBPROCESS_UNSHARE=";
		struct request request = {
			.document = rows[i].document,
			.options.unshare = rows[i].option,
			.environment = { rows[i].variable ? variable : NULL },
		};
		struct plan plan;

		if (rows[i].variable)
			strcat(variable, rows[i].variable);
		plan = good_plan(_metadata, request);
		EXPECT_EQ(rows[i].bits, plan.isolation.unshare) TH_LOG("row %zu", i);
		EXPECT_EQ(rows[i].bits & UNSHARE_NET ? CELLOS_NET_OWN : CELLOS_NET_HOST, plan.net)
			TH_LOG("row %zu", i);
		plan_done(&plan);
	}
}

TEST(pid_takes_mnt_whoever_asks)
{
	static const struct refusal option = {
		"pid", EINVAL, "", "--unshare: pid without mnt", "add mnt"
	};
	static const struct refusal variable = {
		"pid", EINVAL, "", "CELLOS_SUBPROCESS_UNSHARE: pid without mnt", "add mnt"
	};
	static const struct refusal documents[] = {
		{ UNSHARE("pid,ipc"), EINVAL, FIELD("unshare"),
		  "/spec/run/isolation/unshare: pid without mnt", "add mnt" },
		{ ISOLATION("'unshare': ['uts', 'pid']"), EINVAL, FIELD("unshare"),
		  "pid without mnt", "add mnt" },
	};
	char setting[] = "CELLOS_SUBPROCESS_UNSHARE=pid";

	check_request(_metadata, (struct request) {
		.document = UNSHARE("mnt"), .options.unshare = "pid",
	}, "options", &option);
	check_request(_metadata, (struct request) { .environment = { setting } }, "environment",
		      &variable);
	CHECK_PLANS(documents);
}

TEST(a_network_of_its_own_goes_with_no_other_and_with_no_listener)
{
	static const struct refusal document = {
		"netns", EINVAL, FIELD("unshare"), "and --netns, another one", "leave one"
	};
	static const struct refusal log = {
		"log", EINVAL, "", "--flow-log: nobody can listen", "--netns"
	};
	char variable[] = "CELLOS_SUBPROCESS_UNSHARE=net";
	struct plan plan;

	check_request(_metadata, (struct request) {
		.document = UNSHARE("net"), .options.netns = "/run/netns/a",
	}, "document", &document);
	check_request(_metadata, (struct request) {
		.document = UNSHARE("net"), .options.flow_log = "7",
	}, "options", &log);
	check_request(_metadata, (struct request) {
		.options.flow_log = "7", .environment = { variable },
	}, "options", &log);
	plan = good_plan(_metadata, (struct request) {
		.document = UNSHARE("net"), .options.unshare = "none",
		.options.netns = "/run/netns/a",
	});
	EXPECT_EQ(CELLOS_NET_PATH, plan.net);
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) { .document = UNSHARE("net") });
	EXPECT_EQ(CELLOS_NET_OWN, plan.net);
	plan_done(&plan);
}

TEST(what_hangs_on_a_namespace_takes_it)
{
	static const struct refusal rows[] = {
		{ ISOLATION("'userMap': {'uid': 0, 'gid': 0}"), EINVAL, FIELD("userMap"),
		  "the cell has none of its own", "add user to unshare" },
		{ ISOLATION("'unshare': 'mnt,pid', 'userMap': {'uid': 0, 'gid': 0}"), EINVAL,
		  FIELD("userMap"), "the cell has none", "add user" },
		{ ISOLATION("'hiddenPaths': ['/tmp']"), EINVAL, FIELD("hiddenPaths"),
		  "takes a mount namespace", "add mnt to unshare" },
		{ ISOLATION("'unshare': 'user,ipc', 'hiddenPaths': ['/tmp']"), EINVAL,
		  FIELD("hiddenPaths"), "takes a mount namespace", "readOnlyPaths" },
		{ ISOLATION("'systemLibraries': true"), EINVAL, FIELD("systemLibraries"),
		  "lists that are not there", "add readOnlyPaths (it may be empty)" },
	};
	static const char *const good[] = {
		ISOLATION("'unshare': 'user', 'userMap': {'uid': 0, 'gid': 0}"),
		ISOLATION("'unshare': 'mnt', 'hiddenPaths': ['/tmp']"),
		ISOLATION("'hiddenPaths': []"),
		ISOLATION("'systemLibraries': false"),
		ISOLATION("'systemLibraries': true, 'readOnlyPaths': []"),
		ISOLATION("'systemLibraries': true, 'readWritePaths': []"),
	};
	static const struct refusal taken_away = {
		"none", EINVAL, FIELD("userMap"), "the cell has none", "add user"
	};

	CHECK_PLANS(rows);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct plan plan = good_plan(_metadata, (struct request) { .document = good[i] });

		plan_done(&plan);
	}
	/* The option may take away what the document's own field hangs on. */
	check_request(_metadata, (struct request) {
		.document = good[0], .options.unshare = "none",
	}, "document", &taken_away);
}

TEST(what_cannot_be_hidden_is_refused_by_entry)
{
#define HIDE(unshare, path)	\
	RUN("'workingDirectory': '/var/lib/job', 'isolation': {'unshare': '" unshare "', " \
	    "'hiddenPaths': ['/root', '" path "']}")
	static const struct refusal rows[] = {
		{ HIDE("mnt", "/"), EINVAL, FIELD("hiddenPaths/1"), "\"/\" cannot be hidden",
		  "readOnlyPaths" },
		{ HIDE("mnt", "//."), EINVAL, FIELD("hiddenPaths/1"), "\"/\" cannot be hidden",
		  "name folders below it" },
		{ HIDE("mnt", "/var/lib/job"), EINVAL, FIELD("hiddenPaths/1"),
		  "\"/var/lib/job\" hides the working directory, \"/var/lib/job\"",
		  "another workingDirectory" },
		{ HIDE("mnt", "/var/"), EINVAL, FIELD("hiddenPaths/1"),
		  "\"/var\" hides the working directory", "what is beside it" },
		{ HIDE("mnt", "/var/lib/job/a"), EINVAL, FIELD("hiddenPaths/1"),
		  "lies in the private workspace, which begins empty", "leave it out" },
		{ HIDE("mnt,ipc", "/dev/shm/a"), EINVAL, FIELD("hiddenPaths/1"),
		  "lies in the cell's own /dev/shm, which begins empty", "leave it out" },
		{ HIDE("mnt,ipc", "/dev/mqueue"), EINVAL, FIELD("hiddenPaths/1"),
		  "lies in the cell's own /dev/mqueue", "leave it out" },
	};
	static const char *const good[] = {
		HIDE("mnt", "/var/lib/jobs"), HIDE("mnt", "/var/li"), HIDE("mnt", "/dev/shm/a"),
		HIDE("mnt,ipc", "/dev/shmem"), HIDE("mnt", "/proc"),
		RUN("'isolation': {'unshare': 'mnt', 'hiddenPaths': ['/var']}"),
	};
#undef HIDE

	CHECK_PLANS(rows);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct plan plan = good_plan(_metadata, (struct request) { .document = good[i] });

		plan_done(&plan);
	}
}

TEST(a_workspace_covers_nothing_that_is_needed)
{
	static const char *const vital[] = {
		AT_PATH("/"), AT_PATH("//"), AT_PATH("/."), AT_PATH("/./"), AT_PATH("//./."),
		AT_PATH("/proc"), AT_PATH("/proc/"), AT_PATH("//proc"), AT_PATH("/./proc"),
		AT_PATH("/proc/self"), AT_PATH("/proc/self/cwd"), AT_PATH("/proc/."),
		AT_PATH("/sys"), AT_PATH("/sys/fs/cgroup"), AT_PATH("///sys//fs"),
		AT_PATH("/dev"), AT_PATH("/dev/shm"), AT_PATH("/.//dev/shm"),
	};
	static const char *const good[] = {
		AT_PATH("/job"), AT_PATH("/process"), AT_PATH("/device/x"), AT_PATH("/system"),
		AT_PATH("/a/proc"), AT_PATH("/a/dev/"), AT_PATH("/.a"), AT_PATH("/.../b"),
		AT_PATH("/job/."),
	};

	for (size_t i = 0; i < ARRAY_SIZE(vital); i++) {
		const struct refusal row = {
			vital[i], EINVAL, "/spec/run/workingDirectory",
			"cannot be covered by a private workspace", "leave workingDirectory out"
		};

		check_request(_metadata, (struct request) { .document = row.input }, "document",
			      &row);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct plan plan = good_plan(_metadata, (struct request) { .document = good[i] });

		EXPECT_TRUE(plan.isolation.workspace) TH_LOG("%s", good[i]);
		plan_done(&plan);
	}
}

TEST(a_workspace_takes_mnt_and_a_working_directory)
{
	static const struct {
		const char *document;
		bool workspace;
		const char *path;
	} rows[] = {
		{ RUN("'workingDirectory': '/'"), false, "/" },
		{ RUN("'workingDirectory': '/proc'"), false, "/proc" },
		{ RUN("'workingDirectory': '/a', 'isolation': {'unshare': 'ipc,uts'}"), false, "/a" },
		{ UNSHARE("mnt"), false, "/" },
		{ AT_PATH("/a"), true, "/a" },
		{ AT_PATH("//a/./b/"), true, "/a/b" },
	};
	static const struct refusal refused[] = {
		{ ISOLATION("'workspaceBytes': 65536"), EINVAL, FIELD("workspaceBytes"),
		  "and the cell has none", "takes unshare mnt and a workingDirectory" },
		{ ISOLATION("'unshare': 'mnt', 'workspaceBytes': 65536"), EINVAL,
		  FIELD("workspaceBytes"), "and the cell has none", "a workingDirectory" },
		{ RUN("'workingDirectory': '/a', 'isolation': {'workspaceBytes': 65536}"), EINVAL,
		  FIELD("workspaceBytes"), "and the cell has none", "unshare mnt" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan plan = good_plan(_metadata, (struct request) {
			.document = rows[i].document,
		});

		EXPECT_EQ(rows[i].workspace, plan.isolation.workspace)
			TH_LOG("%s", rows[i].document);
		EXPECT_STREQ(rows[i].path, plan.working_directory);
		plan_done(&plan);
	}
	CHECK_PLANS(refused);
}

TEST(a_workspace_is_as_large_as_the_memory_or_64_mib)
{
#define SIZED(limits, bytes)	\
	RUN("'workingDirectory': '/a', 'limits': {" limits "}, " \
	    "'isolation': {'unshare': 'mnt'" bytes "}")
	static const struct {
		const char *document;
		uint64_t bytes;
	} rows[] = {
		{ SIZED("", ""), 64 * 1024 * 1024 },
		{ SIZED("'memoryMaxBytes': 1048576", ""), 1048576 },
		{ SIZED("'memoryMaxBytes': 1", ""), 65536 },
		{ SIZED("'memoryMaxBytes': 65535", ""), 65536 },
		{ SIZED("'memoryMaxBytes': 9223372036854775807", ""), INT64_MAX },
		{ SIZED("'memoryMaxBytes': 1048576", ", 'workspaceBytes': 65536"), 65536 },
		{ SIZED("'memoryMaxBytes': 1048576", ", 'workspaceBytes': 2097152"), 2097152 },
		{ SIZED("'pidsMax': 4", ""), 64 * 1024 * 1024 },
	};
#undef SIZED

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan plan = good_plan(_metadata, (struct request) {
			.document = rows[i].document,
		});

		EXPECT_EQ(rows[i].bytes, plan.isolation.workspace_bytes)
			TH_LOG("%s", rows[i].document);
		plan_done(&plan);
	}
}

TEST(what_the_document_says_of_the_process_is_in_the_plan)
{
	struct plan plan = good_plan(_metadata, (struct request) {
		.document = RUN("'process': {'umask': '077', 'nice': 3, 'oomScoreAdj': 9, "
				"'cpuAffinity': [1], 'rlimits': {'core': 5}}"),
	});

	EXPECT_EQ(077, plan.process.umask);
	EXPECT_EQ(3, plan.process.nice);
	EXPECT_TRUE(plan.process.oom_given);
	EXPECT_EQ(9, plan.process.oom_score_adj);
	EXPECT_TRUE(plan.process.cpus_given);
	EXPECT_EQ(2, plan.process.cpus[0]);
	EXPECT_EQ(5, plan.process.rlimits[4].hard);
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) { });
	EXPECT_EQ(LIMIT_UNSET, plan.process.umask);
	EXPECT_EQ(LIMIT_UNSET, plan.process.nice);
	EXPECT_FALSE(plan.process.oom_given);
	EXPECT_FALSE(plan.process.cpus_given);
	EXPECT_EQ(NULL, plan.argv0_prefixes);
	plan_done(&plan);
}

TEST(lists_of_allowed_programs_are_bounded)
{
#define NAME	"CELLOS_RUN_ARGV0_ALLOW_PREFIXES="
	char *full __free(mem) = json_repeat(NAME "@", "/a", CELLOS_LIST_MAX, true);
	char *over __free(mem) = json_repeat(NAME "@", "/a", CELLOS_LIST_MAX + 1, true);
	char *longest __free(mem) = json_repeat(NAME "/@", "a", CELLOS_PATH_MAX - 1, false);
	char *too_long __free(mem) = json_repeat(NAME "/@", "a", CELLOS_PATH_MAX, false);
#undef NAME
	const struct refusal many = { over, E2BIG, "", "has more than 64 entries", NULL };
	const struct refusal path = { too_long, EINVAL, "", "is no path prefix", "a comma list" };
	unsigned int n = 0;
	struct plan plan;

	check_request(_metadata, (struct request) { .environment = { over } }, "environment",
		      &many);
	check_request(_metadata, (struct request) { .environment = { too_long } }, "environment",
		      &path);
	plan = good_plan(_metadata, (struct request) { .environment = { longest } });
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) { .environment = { full } });
	while (plan.argv0_prefixes && plan.argv0_prefixes[n])
		n++;
	EXPECT_EQ(CELLOS_LIST_MAX, n);
	plan_done(&plan);
}

TEST_HARNESS_MAIN
