// SPDX-License-Identifier: MIT
/* helper/plan_options.c and plan_setting.c: the options of `run`. */
#include "selftests/unit/request.h"

TEST(backends_that_are_not_built_or_unknown_are_refused)
{
	static const struct refusal options[] = {
		{ "gvisor", EOPNOTSUPP, "", "--backend: the gvisor backend is not built", "host" },
		{ "gvisr", EINVAL, "", "--backend: unknown value \"gvisr\"",
		  "did you mean gvisor?" },
		{ "firecracker", EINVAL, "", "unknown value", "known here: host, gvisor" },
		{ "", EINVAL, "", "unknown value \"\"", "known here: host, gvisor" },
	};
	static const struct refusal variables[] = {
		{ "CELLOS_CELL_BACKEND=stub", EINVAL, "", "CELLOS_CELL_BACKEND: unknown value",
		  "gvisor" },
		{ "CELLOS_CELL_BACKEND=", EINVAL, "", "unknown value \"\"", "host, gvisor" },
	};
	static const struct refusal unbuilt = {
		"gvisor", EOPNOTSUPP, "", "CELLOS_CELL_BACKEND: the gvisor backend", "host"
	};
	char variable[] = "CELLOS_CELL_BACKEND=gvisor";
	struct plan plan;

	CHECK_OPTION(backend, options);
	CHECK_VARIABLE(variables);
	check_request(_metadata, (struct request) { .environment = { variable } }, "environment",
		      &unbuilt);
	/* The option has the last word. */
	plan = good_plan(_metadata, (struct request) {
		.options.backend = "host", .environment = { variable },
	});
	EXPECT_EQ(CELLOS_BACKEND_HOST, plan.backend);
	plan_done(&plan);
}

TEST(namespaces_that_are_unknown_or_do_not_go_together_are_refused)
{
	static const struct refusal options[] = {
		{ "pid", EINVAL, "", "--unshare: pid without mnt", "add mnt" },
		{ "pid,ipc,net", EINVAL, "", "--unshare: pid without mnt", "add mnt" },
		{ "mount", EINVAL, "", "unknown value \"mount\"", "did you mean mnt?" },
		{ "uts,network,pid", EINVAL, "", "unknown value \"network\"", "did you mean net?" },
		{ "ipcs", EINVAL, "", "unknown value \"ipcs\"", "did you mean ipc?" },
		{ "users", EINVAL, "", "unknown value \"users\"", "did you mean user?" },
		{ "time-ns", EINVAL, "", "unknown value \"time-ns\"", "did you mean time?" },
		{ "mount_ns", EINVAL, "", "unknown value \"mount_ns\"", "did you mean mnt?" },
		{ "CLONE_NEWUTS", EINVAL, "", "unknown value \"CLONE_NEWUTS\"", "mean uts?" },
		{ "CLONE_NEWNS", EINVAL, "", "unknown value \"CLONE_NEWNS\"", "mean mnt?" },
		{ "Network Namespace", EINVAL, "", "unknown value", "known here" },
		{ "pidd", EINVAL, "", "unknown value \"pidd\"", "did you mean pid?" },
		{ "pid,", EINVAL, "", "unknown value \"\"", "comma list" },
		{ "none,pid", EINVAL, "", "unknown value \"none\"", "known here" },
		{ "", EINVAL, "", "unknown value \"\"", "none, or a comma list" },
		{ "1", EINVAL, "", "unknown value \"1\"", "known here" },
	};
	static const struct refusal netns[] = {
		{ "run/netns/a", EINVAL, "", "--netns: \"run/netns/a\" is no absolute path", NULL },
		{ "", EINVAL, "", "is no absolute path", NULL },
		{ "/a\nb", EINVAL, "", "is no absolute path", NULL },
	};
	static const struct refusal variables[] = {
		{ "CELLOS_SUBPROCESS_UNSHARE=pid,uts", EINVAL, "",
		  "CELLOS_SUBPROCESS_UNSHARE: pid without mnt", "add mnt" },
		{ "CELLOS_SUBPROCESS_UNSHARE=yes", EINVAL, "", "unknown value \"yes\"", "known" },
	};

	CHECK_OPTION(unshare, options);
	CHECK_OPTION(netns, netns);
	CHECK_VARIABLE(variables);
}

TEST(a_network_namespace_is_made_or_named)
{
	char variable[] = "CELLOS_SUBPROCESS_UNSHARE=net";
	const struct refusal both = {
		"net", EINVAL, "", "--unshare: net, a network namespace of the cell's own, and --netns",
		"leave one of the two out"
	};
	struct plan plan;

	plan = good_plan(_metadata, (struct request) { .options.unshare = "net" });
	EXPECT_EQ(CELLOS_NET_OWN, plan.net);
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) { .environment = { variable } });
	EXPECT_EQ(CELLOS_NET_OWN, plan.net);
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) {
		.options.netns = "/run/netns/a", .options.unshare = "none",
		.environment = { variable },
	});
	EXPECT_EQ(CELLOS_NET_PATH, plan.net);
	EXPECT_STREQ("/run/netns/a", plan.netns);
	plan_done(&plan);
	plan = good_plan(_metadata, (struct request) { .options.unshare = "none" });
	EXPECT_EQ(CELLOS_NET_HOST, plan.net);
	plan_done(&plan);
	check_request(_metadata, (struct request) {
		.options.netns = "/run/netns/a", .options.unshare = "net",
	}, "options", &both);
}

TEST(stdio_egress_and_report_take_known_words_only)
{
	static const struct refusal stdio[] = {
		{ "pip", EINVAL, "", "--stdio: unknown value \"pip\"", "did you mean pipe?" },
		{ "", EINVAL, "", "unknown value", "known here: pipe, null, inherit" },
	};
	static const struct refusal egress[] = {
		{ "on", EINVAL, "", "--egress: unknown value \"on\"", "known here: enforce, off" },
		{ "OFF", EINVAL, "", "unknown value \"OFF\"", "did you mean off?" },
	};
	static const struct refusal report[] = {
		{ "", EINVAL, "", "--report: is empty", NULL },
		{ "fd:", EINVAL, "", "names no file descriptor", "write fd:N" },
		{ "fd:-1", EINVAL, "", "names no file descriptor", "write fd:N" },
		{ "fd:03", EINVAL, "", "names no file descriptor", "write fd:N" },
		{ "fd:2147483648", EINVAL, "", "names no file descriptor", "write fd:N" },
		{ "fd:3x", EINVAL, "", "names no file descriptor", "write fd:N" },
	};
	static const char *const reports[] = { "-", "report.json", "./fd:x", "fd:0", "fd:1023" };
	struct plan plan;
	size_t i;

	CHECK_OPTION(stdio, stdio);
	CHECK_OPTION(egress, egress);
	CHECK_OPTION(report, report);
	for (i = 0; i < ARRAY_SIZE(reports); i++) {
		plan = good_plan(_metadata, (struct request) { .options.report = reports[i] });
		plan_done(&plan);
	}
	plan = good_plan(_metadata, (struct request) { .options.stdio = "inherit" });
	EXPECT_EQ(CELLOS_STDIO_INHERIT, plan.stdio);
	plan_done(&plan);
}

TEST(egress_off_is_refused_when_the_document_has_rules)
{
	static const struct refusal row = {
		"off", EINVAL, "", "--egress: off contradicts the document", "--egress enforce"
	};
	struct plan plan;

	check_request(_metadata, (struct request) {
		.document = RULE("'host': '10.0.0.1'"), .options.egress = "off",
	}, "options", &row);
	plan = good_plan(_metadata, (struct request) { .options.egress = "off" });
	EXPECT_FALSE(plan.egress_enforced);
	plan_done(&plan);
}

TEST(users_that_are_not_two_free_numbers_are_refused)
{
	static const struct refusal rows[] = {
		{ "root", EINVAL, "", "--user: \"root\" is neither dynamic nor UID:GID", "names" },
		{ "0", EINVAL, "", "neither dynamic nor UID:GID", "numbers only" },
		{ "", EINVAL, "", "neither dynamic nor UID:GID", "numbers only" },
		{ "root:root", EINVAL, "", "has no uid of 0 to 4294967294", "decimal" },
		{ "0:", EINVAL, "", "has no gid", "decimal digits" },
		{ ":0", EINVAL, "", "has no uid", "decimal digits" },
		{ "+1:1", EINVAL, "", "has no uid", "decimal digits" },
		{ "-1:1", EINVAL, "", "has no uid", "decimal digits" },
		{ "01:1", EINVAL, "", "has no uid", "decimal digits" },
		{ "1: 1", EINVAL, "", "has no gid", "decimal digits" },
		{ "1:1 ", EINVAL, "", "has no gid", "decimal digits" },
		{ "1:1:1", EINVAL, "", "has no gid", "decimal digits" },
		{ "0x10:1", EINVAL, "", "has no uid", "decimal digits" },
		{ "4294967295:1", EINVAL, "", "has no uid", "decimal digits" },
		{ "1:4294967295", EINVAL, "", "has no gid", "decimal digits" },
		{ "18446744073709551616:1", EINVAL, "", "has no uid", "decimal digits" },
		{ "2000000000:1", EINVAL, "", "uid 2000000000 is in the range of", "outside" },
		{ "1:2001048575", EINVAL, "", "gid 2001048575 is in the range of", "outside" },
	};

	CHECK_OPTION(user, rows);
}

TEST(users_are_numbers_or_dynamic)
{
	static const struct {
		const char *text;
		struct plan_user user;
	} rows[] = {
		{ "dynamic", { .dynamic = true } },
		{ "0:0", { false, 0, 0 } },
		{ "65534:1", { false, 65534, 1 } },
		{ "4294967294:1999999999", { false, 4294967294, 1999999999 } },
		{ "2001048576:0", { false, 2001048576, 0 } },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan plan = good_plan(_metadata, (struct request) {
			.options.user = rows[i].text,
		});

		EXPECT_EQ(rows[i].user.dynamic, plan.user.dynamic);
		EXPECT_EQ(rows[i].user.uid, plan.user.uid);
		EXPECT_EQ(rows[i].user.gid, plan.user.gid);
		plan_done(&plan);
	}
}

TEST_HARNESS_MAIN
