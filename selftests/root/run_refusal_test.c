// SPDX-License-Identifier: MIT
/*
 * Bad input: a clear error that names the place, status 125, and nothing made.
 * The unit tests know every case; these go through the whole program.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "refusal"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* One line "cellos-helper: STEP: ...", perhaps one line "hint: ...", no more. */
static bool is_error_text(const char *err, const char *step)
{
	const char *start = text("cellos-helper: %s: ", step);
	const char *line = strchr(err, '\n');

	if (strncmp(err, start, strlen(start)) || !line)
		return false;
	if (!strncmp(line + 1, "hint: ", 6))
		line = strchr(line + 1, '\n');
	return line && !line[1];
}

#define ANY_FIELD	"*"

/* @field: NULL if the fault lies in no field. */
static void expect_refused(struct __test_metadata *_metadata, const struct test_env *env,
			   struct run *run, const char *step, const char *field)
{
	const char *shown = run->document ?: run->args[0];

	EXPECT_EQ(125, run_whole(env, run)) TH_LOG("%.300s", shown);
	EXPECT_STREQ(step, json_text_at(run->report, "/error/step")) TH_LOG("%.300s", shown);
	if (!field || strcmp(field, ANY_FIELD)) {
		EXPECT_STREQ(field ?: "(none)", json_text_at(run->report, "/error/field"))
			TH_LOG("%.300s: %s", shown, run->err.bytes);
	}
	EXPECT_GT(json_int_at(run->report, "/error/errno"), 0);
	EXPECT_NE(0, strlen(json_text_at(run->report, "/error/message")));
	EXPECT_STREQ("failed", json_text_at(run->report, "/exit/kind"));
	EXPECT_TRUE(is_error_text(run->err.bytes, step)) TH_LOG("%s", run->err.bytes);
	EXPECT_EQ(0, run->out.size);
}

/* ---- documents ---- */

#define RUN	"'run': {'argv': ['true']}"
#define RULE(rule)	"'authority': {'egressRules': [" rule "]}, " RUN
#define LIMITS(limits)	"'run': {'argv': ['true'], 'limits': {" limits "}}"
#define TTL(ttl)	"'lifetime': {'ttlSeconds': " ttl "}, " RUN
#define ENVIRONMENT(list)	"'run': {'argv': ['true'], 'environment': [" list "]}"

/* Members of spec behind a good id, and the field at fault. */
static const char *const specs[][2] = {
	{ "'run': {}", "/spec/run/argv" },
	{ "'run': {'argv': []}", "/spec/run/argv" },
	{ "'run': {'argv': 'true'}", "/spec/run/argv" },
	{ "'run': {'argv': ['']}", "/spec/run/argv/0" },
	{ "'run': {'argv': ['true', 1]}", "/spec/run/argv/1" },
	{ "'run': {'argv': ['true', 'a\\u0000b']}", "/spec/run/argv/1" },
	{ "'run': {'argv': ['true'], 'argc': 1}", "/spec/run/argc" },
	{ "'run': {'argv': ['true'], 'argv': ['false']}", "/spec/run/argv" },
	{ "'run': {'argv': ['true'], 'isolation': {'pid': true}}", "/spec/run/isolation/pid" },
	{ "'run': {'argv': ['true'], 'workingDirectory': 'tmp'}", "/spec/run/workingDirectory" },
	{ ENVIRONMENT("{'name': '', 'value': ''}"), "/spec/run/environment/0/name" },
	{ ENVIRONMENT("{'name': 'A=B', 'value': ''}"), "/spec/run/environment/0/name" },
	{ ENVIRONMENT("{'name': 'A'}"), "/spec/run/environment/0/value" },
	{ ENVIRONMENT("{'name': 'A', 'value': '1'}, {'name': 'A', 'value': '2'}"),
	  "/spec/run/environment/1/name" },
	{ TTL("0"), "/spec/lifetime/ttlSeconds" },
	{ TTL("-1"), "/spec/lifetime/ttlSeconds" },
	{ TTL("1.5"), "/spec/lifetime/ttlSeconds" },
	{ TTL("4294967296"), "/spec/lifetime/ttlSeconds" },
	{ TTL("99999999999999999999"), "/spec/lifetime/ttlSeconds" },
	{ TTL("'60'"), "/spec/lifetime/ttlSeconds" },
	{ "'lifetime': {'ttl': 1}, " RUN, "/spec/lifetime/ttl" },
	{ "'authority': {'secretRefs': ['TOKEN']}, " RUN, "/spec/authority/secretRefs" },
	{ RULE("'10.0.0.1'"), "/spec/authority/egressRules/0" },
	{ RULE("{'port': 1}"), "/spec/authority/egressRules/0/host" },
	{ RULE("{'host': '10.0.0.1', 'ports': 1}"), "/spec/authority/egressRules/0/ports" },
	{ RULE("{'host': '10.0.0.1', 'port': 0}"), "/spec/authority/egressRules/0/port" },
	{ RULE("{'host': '10.0.0.1', 'port': 65536}"), "/spec/authority/egressRules/0/port" },
	{ RULE("{'host': '10.0.0.1', 'port': '80-70'}"), "/spec/authority/egressRules/0/port" },
	{ RULE("{'host': '10.0.0.1', 'port': 'x'}"), "/spec/authority/egressRules/0/port" },
	{ RULE("{'host': '10.0.0.1', 'port': 7, 'protocol': 'icmp'}"),
	  "/spec/authority/egressRules/0/port" },
	{ RULE("{'host': '10.0.0.1', 'protocol': 'gre'}"),
	  "/spec/authority/egressRules/0/protocol" },
	{ RULE("{'host': '10.0.0.0/33'}"), "/spec/authority/egressRules/0/host" },
	{ RULE("{'host': '010.0.0.1'}"), "/spec/authority/egressRules/0/host" },
	{ RULE("{'host': '1.2.3'}"), "/spec/authority/egressRules/0/host" },
	{ RULE("{'host': '::1%lo'}"), "/spec/authority/egressRules/0/host" },
	{ RULE("{'host': '10.0.0.1/8'}"), "/spec/authority/egressRules/0/host" },
	{ RULE("{'host': 'example.org'}"), "/spec/authority/egressRules/0/host" },
	{ LIMITS("'memoryMaxBytes': 0"), "/spec/run/limits/memoryMaxBytes" },
	{ LIMITS("'memoryMaxBytes': 9223372036854775808"), "/spec/run/limits/memoryMaxBytes" },
	{ LIMITS("'pidsMax': 0"), "/spec/run/limits/pidsMax" },
	{ LIMITS("'cpuMax': {'quotaMicros': 0}"), "/spec/run/limits/cpuMax/quotaMicros" },
	{ LIMITS("'gracefulShutdownSeconds': -1"), "/spec/run/limits/gracefulShutdownSeconds" },
	{ LIMITS("'memoryMax': 1"), "/spec/run/limits/memoryMax" },
};

TEST_F(cell, bad_spec_is_refused_by_field_and_changes_nothing)
{
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct run run = { .document = document("bad", "%s", specs[i][0]) };

		expect_refused(_metadata, &self->env, &run, "document", specs[i][1]);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, bad_id_is_refused_by_field_and_changes_nothing)
{
	char *const long_id = text("%0129d", 0);
	const char *const ids[] = {
		"", ".a", "-a", "_a", "a/b", "a..b", "..", "../a", "a b", "\xc3\xa4", long_id,
		"a\\u0000b", "a\\nb",
	};
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct run run = { .document = document(ids[i], RUN) };

		expect_refused(_metadata, &self->env, &run, "document", "/spec/id");
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

#define HEAD	"{\"apiVersion\": \"cellos.io/v1\", \"kind\": \"ExecutionCell\""
#define SPEC	"\"spec\": {\"id\": \"a\", \"run\": {\"argv\": [\"true\"]}}}"

TEST_F(cell, what_is_no_document_is_refused)
{
	static const char *const documents[][2] = {
		{ "", NULL },
		{ "not JSON", NULL },
		{ "[]", "" },
		{ "{", NULL },
		{ HEAD ", " SPEC " trailing", NULL },
		{ HEAD "}", "/spec" },
		{ HEAD ", \"spec\": []}", "/spec" },
		{ HEAD ", \"spec\": {\"run\": {\"argv\": [\"true\"]}}}", "/spec/id" },
		{ "{\"apiVersion\": \"cellos.io/v2\", \"kind\": \"ExecutionCell\", " SPEC,
		  "/apiVersion" },
		{ "{\"apiVersion\": \"cellos.io/v1\", \"kind\": \"Cell\", " SPEC, "/kind" },
		{ "{\"kind\": \"ExecutionCell\", " SPEC, "/apiVersion" },
		{ HEAD ", \"spec\": {\"id\": \"a\xff\"}}", NULL },
	};
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct run run = { .document = documents[i][0] };

		expect_refused(_metadata, &self->env, &run, "document",
			       documents[i][1] && !*documents[i][1] ? NULL : documents[i][1]);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, document_of_64_mebibytes_is_refused_at_once)
{
	const size_t size = 64 << 20;
	char *bytes = malloc(size + 1);
	struct run run = { .document = bytes };
	uint64_t begin;

	ASSERT_NE(NULL, bytes);
	memset(bytes, ' ', size);
	bytes[size] = '\0';
	begin = test_now_ms();
	expect_refused(_metadata, &self->env, &run, "document", NULL);
	EXPECT_LT(test_now_ms() - begin, 5000);
	EXPECT_NE(NULL, strstr(run.err.bytes, "1048576")) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, document_nested_10000_deep_is_refused)
{
	char *deep = malloc(20001);
	struct run run = { .document = deep };

	ASSERT_NE(NULL, deep);
	memset(deep, '[', 10000);
	memset(deep + 10000, ']', 10000);
	deep[20000] = '\0';
	expect_refused(_metadata, &self->env, &run, "document", ANY_FIELD);
	EXPECT_NE(NULL, strstr(run.err.bytes, "nested deeper than 64"));
	/* Also in a section that is not the helper's own. */
	run = (struct run){ .document = document("deep", RUN ", 'policy': %s", deep) };
	expect_refused(_metadata, &self->env, &run, "document", ANY_FIELD);
	EXPECT_NE(NULL, strstr(run.err.bytes, "nested deeper than 64"));
}

TEST_F(cell, sections_of_the_supervisor_pass)
{
	struct run run = {
		.document = document("pass", RUN ", 'policy': {'x': [1, 2.5, null]}, 'export': "
				     "'y', 'correlation': {}, 'placement': [], 'identity': 1"),
	};

	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
}

/* ---- options and variables ---- */

TEST_F(cell, bad_option_is_refused_by_name)
{
	static const struct {
		const char *args[2], *named;
	} cases[] = {
		{ { "--bogus", NULL }, "--bogus" },
		{ { "--backend", "gvisor" }, "--backend" },
		{ { "--backend", "docker" }, "--backend" },
		{ { "--unshare", "pid" }, "--unshare" },
		{ { "--unshare", "nothing" }, "--unshare" },
		{ { "--netns", "netns/x" }, "--netns" },
		{ { "--stdio", "tty" }, "--stdio" },
		{ { "--egress", "maybe" }, "--egress" },
		{ { "--user", "root" }, "--user" },
		{ { "--user", "1:2:3" }, "--user" },
		{ { "--user", "4294967295:1" }, "--user" },
		{ { "--user", "2000000001:2000000001" }, "--user" },
		{ { "--env", "NOVALUE" }, "--env" },
		{ { "--env", "=x" }, "--env" },
		{ { "second-document", NULL }, "DOCUMENT" },
		{ { "document", "--verbose" }, "options stand before DOCUMENT: cellos-helper run "
		  "--verbose" },
		/* A beginning of a name is none. */
		{ { "--unshar", "mnt" }, "--unshar: unknown option" },
		{ { "--verb", NULL }, "did you mean --verbose?" },
		{ { "--stdi=pipe", NULL }, "did you mean --stdio?" },
		{ { "--unshaer", "mnt" }, "did you mean --unshare?" },
		{ { "--verbose=1", NULL }, "--verbose=1: takes no value" },
		{ { "-v", NULL }, "-v: unknown option" },
	};
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct run run = {
			.document = document("options", RUN),
			.args = { cases[i].args[0], cases[i].args[1] },
		};

		expect_refused(_metadata, &self->env, &run, "options", NULL);
		EXPECT_NE(NULL, strstr(run.err.bytes, cases[i].named))
			TH_LOG("%s: %s", cases[i].named, run.err.bytes);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, name_that_option_and_document_both_set_is_refused)
{
	struct run run = {
		.document = document("twice", ENVIRONMENT("{'name': 'A', 'value': '1'}")),
		.args = { "--env", "A=2" },
	};

	expect_refused(_metadata, &self->env, &run, "options", NULL);
}

TEST_F(cell, report_that_cannot_be_opened_is_refused_before_anything_starts)
{
	const char *const places[] = {
		text("%s/none/report", self->env.dir), self->env.dir, "fd:999", "fd:x", "fd:",
	};
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct run run = {
			.document = document_argv("report", "touch",
						  text("%s/ran", self->env.dir), NULL),
			.args = { "--report", places[i] },
			.no_report = true,
		};

		EXPECT_EQ(125, run_whole(&self->env, &run));
		EXPECT_TRUE(is_error_text(run.err.bytes, "report")) TH_LOG("%s", run.err.bytes);
		EXPECT_EQ(!strncmp(places[i], "fd:", 3),
			  !!strstr(run.err.bytes, "hint: fd:N is the number"));
	}
	EXPECT_NE(0, access(text("%s/ran", self->env.dir), F_OK));
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, malformed_variable_is_refused_by_name)
{
	static const char *const variables[] = {
		"CELLOS_CELL_BACKEND=docker", "CELLOS_CELL_BACKEND=gvisor",
		"CELLOS_CGROUP_CPU_MAX=fast", "CELLOS_CGROUP_CPU_MAX=0 1000",
		"CELLOS_CGROUP_CPU_MAX=1 2 3", "CELLOS_SUBPROCESS_UNSHARE=pid",
		"CELLOS_SUBPROCESS_UNSHARE=pod", "CELLOS_RUN_ARGV0_ALLOW_PREFIXES=relative",
	};
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		char *name = text("%s", variables[i]);
		char *environment[] = { text("%s", variables[i]), NULL };
		struct run run = {
			.document = document("variable", RUN),
			.environ = environment,
		};

		name[strcspn(name, "=")] = '\0';
		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", variables[i]);
		EXPECT_NE(NULL, strstr(run.err.bytes, name)) TH_LOG("%s", run.err.bytes);
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

/* What @args print, and their status. */
static const char *said(const struct test_env *env, int status, const char *verb, const char *arg)
{
	struct run run = { .verb = verb, .args = { arg }, .no_parent = true };

	if (run_whole(env, &run) != status)
		return text("status %d", run.status);
	return text("%s%s", run.out.bytes, run.err.bytes);
}

TEST_F(cell, help_and_verbs_speak_alike)
{
	const char *all = said(&self->env, 0, "help", NULL);

	EXPECT_STREQ(said(&self->env, 125, "serve", NULL), said(&self->env, 125, "help", "serve"));
	EXPECT_STREQ(said(&self->env, 125, "rnu", NULL), said(&self->env, 125, "help", "rnu"));
	EXPECT_NE(NULL, strstr(said(&self->env, 125, "help", "rnu"), "did you mean run?"));
	EXPECT_EQ(0, strncmp(said(&self->env, 0, "help", "version"), "cellos-helper version\n", 22));
	EXPECT_EQ(NULL, strstr(all, " \n")) TH_LOG("%s", all);
	EXPECT_NE(NULL, strstr(all, "  egress ID [--set FILE|-] [--json]\n"
			       "                             a live cell's")) TH_LOG("%s", all);
}

TEST_F(cell, parent_that_is_not_there_is_to_be_made_where_it_can_be)
{
	struct run run = { .document = document("parent", RUN), .no_parent = true };
	char *environment[] = { text("CELLOS_CGROUP_PARENT=/nowhere"), NULL };

	run.environ = environment;
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_NE(NULL, strstr(run.err.bytes, text("below the cgroup2 mount, %s: mkdir %s/",
						   self->env.mount, self->env.mount)))
		TH_LOG("%s", run.err.bytes);
	environment[0] = text("CELLOS_CGROUP_PARENT=%s/none", self->env.parent);
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_NE(NULL, strstr(run.err.bytes, text("hint: make it first: mkdir %s/none",
						   self->env.parent))) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, program_by_a_relative_path_is_looked_for_in_the_working_directory)
{
	struct run run = {
		.document = document("relative", "'run': {'argv': ['./none'], 'workingDirectory': "
				     "'%s'}", self->env.dir),
	};

	EXPECT_EQ(127, run_whole(&self->env, &run));
	EXPECT_STREQ("/spec/run/argv/0", json_text_at(run.report, "/error/field"));
	EXPECT_NE(NULL, strstr(run.err.bytes, text("begins in workingDirectory, %s\n",
						   self->env.dir))) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, terminal_cannot_be_written_to_through_an_error)
{
	struct run run = { .document = document("escape", "'run': {'\\u001b[2J\\nforged': 1}") };

	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_EQ(NULL, strchr(run.err.bytes, '\x1b'));
	EXPECT_TRUE(is_error_text(run.err.bytes, "document")) TH_LOG("%s", run.err.bytes);
}

TEST_HARNESS_MAIN
