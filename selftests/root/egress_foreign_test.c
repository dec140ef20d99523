// SPDX-License-Identifier: MIT
/*
 * Another program lays hands on the table while a cell lives: `show` notices,
 * `reconcile` puts it right, and the cell's own report does not claim that it was under
 * its rules all the time.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"
#include "selftests/root/flow.h"

#define ONE	RULE("127.0.0.1", 7001, "udp")

/**
 * struct scene - a cell that may reach one of two addresses
 * @rules: the table with that one cell in it, as a listing
 */
struct scene {
	struct test_env env;
	int server;
	struct talk talk;
	const char *rules;
};

/* ---- what there is in the table ---- */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What is made anew may come in another order; that of rules the program compares. */
static const char *sorted_rules(void)
{
	static const char *const list[] = { "nft", "-s", "list", "ruleset", NULL };
	char *lines[1024], *save = NULL, *all = command(list), *sorted = text("%s", "");
	size_t n = 0;

	for (char *line = strtok_r(all, "\n", &save); line && n < ARRAY_SIZE(lines);
	     line = strtok_r(NULL, "\n", &save))
		lines[n++] = line;
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++)
		sorted = text("%s%s\n", sorted, lines[i]);
	return sorted;
}

/* All objects of a kind ("chain", "rule", "set") in the table, as JSON. */
static json_t *objects(const char *kind)
{
	static const char *const list[] = { "nft", "-j", "list", "table", "inet", "cellos", NULL };
	json_t *root = json_loads(command(list) ?: "", 0, NULL), *entry, *all = json_array();
	size_t i;

	json_array_foreach(json_at(root, "nftables"), i, entry)
		if (json_object_get(entry, kind))
			json_array_append(all, json_object_get(entry, kind));
	if (!json_array_size(all))
		give_up(text("no %s in the table", kind));
	return all;
}

static void scene_setup(struct __test_metadata *_metadata, struct scene *scene)
{
	env_setup(&scene->env, "egress-foreign");
	scene->server = serve(net_here(), SOCK_DGRAM, "0.0.0.0", 7001, 0);
	scene->talk = (struct talk){ 0 };
	ASSERT_TRUE(talk_start(&scene->env, &scene->talk, "victim", RULES(ONE)));
	EXPECT_STREQ("ok", say(&scene->talk, "open udp 127.0.0.1 7001"));
	EXPECT_STREQ("ok", say(&scene->talk, "open udp 127.0.0.2 7001"));
	EXPECT_STREQ("ok EPERM ", reach(&scene->talk, 2));
	scene->rules = sorted_rules();
}

/* ---- what follows ---- */

static bool is_not_verified(const struct test_env *env, const char *id)
{
	struct run run;
	json_t *json = verb(env, &run, "show", id);
	bool said = run.status == 125 && strstr(run.err.bytes, "cellos-helper: egress: ") &&
		    json_is_false(json_at(json, "egress/verified"));

	if (!said)
		fprintf(stderr, "# show: %d, %s, %s\n", run.status, run.err.bytes, run.out.bytes);
	return said;
}

/* Noticed, put right by one `reconcile`, and in force again. */
static void is_put_right(struct __test_metadata *_metadata, struct scene *scene,
			 const char *what)
{
	struct run run;

	EXPECT_TRUE(is_not_verified(&scene->env, "victim")) TH_LOG("%s", what);
	verb(&scene->env, &run, "reconcile", NULL);
	EXPECT_EQ(0, run.status) TH_LOG("%s: %s", what, run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "victim")) TH_LOG("%s: %s", what, run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "put right")) TH_LOG("%s: %s", what, run.err.bytes);
	EXPECT_TRUE(is_verified(&scene->env, "victim")) TH_LOG("%s", what);
	EXPECT_STREQ("ok EPERM ", reach(&scene->talk, 2)) TH_LOG("%s", what);
	EXPECT_TRUE(!strcmp(scene->rules, sorted_rules())) TH_LOG("%s:\n%s", what, sorted_rules());
}

/* The cell ends in peace, but not as if nothing had been. */
static void report_tells(struct __test_metadata *_metadata, struct scene *scene)
{
	json_t *report;

	EXPECT_EQ(125, talk_end(&scene->talk));
	report = scene->talk.run.report;
	EXPECT_STREQ("exited", json_text_at(report, "/exit/kind"));
	EXPECT_EQ(0, json_int_at(report, "/exit/code"));
	EXPECT_TRUE(json_is_false(json_at(report, "/egress/verified")));
	EXPECT_STREQ("egress", json_text_at(report, "/error/step"));
	EXPECT_NE(NULL, strstr(json_text_at(report, "/error/message"), "not under its rules"))
		TH_LOG("%s", json_text_at(report, "/error/message"));
	EXPECT_TRUE(json_is_true(json_at(report, "/teardown/destroyed")));
	EXPECT_STREQ("", net_rules(net_here()));
}

/*
 * A second cell, born into the table as it is: it never begins, or it is under its
 * rules. Return: did it begin?
 */
static bool another_is_governed(struct __test_metadata *_metadata, struct scene *scene,
				const char *what)
{
	struct run run = {
		.document = document("another", "'authority': {'egressRules': " RULES(ONE) "}, "
				     "'run': {'argv': ['%s/workload_net', 'udp', '127.0.0.1', "
				     "'7001', '1', 'udp', '127.0.0.2', '7001', '1']}",
				     scene->env.workloads),
	};

	if (run_whole(&scene->env, &run) == 0) {
		EXPECT_STREQ("ok\nEPERM\n", run.out.bytes) TH_LOG("%s", what);
		EXPECT_TRUE(json_is_true(json_at(run.report, "/egress/verified")));
		return true;
	}
	EXPECT_EQ(125, run.status) TH_LOG("%s", what);
	EXPECT_STREQ("", run.out.bytes) TH_LOG("%s", what);
	EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind")) TH_LOG("%s", what);
	EXPECT_STREQ("EUCLEAN", json_text_at(run.report, "/error/errnoName")) TH_LOG("%s", what);
	EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
	return false;
}

/* ---- the table as a whole ---- */

FIXTURE(table) { struct scene scene; };
FIXTURE_VARIANT(table) { const char *commands; bool another_begins; };
FIXTURE_VARIANT_ADD(table, ruleset_flushed) { "flush ruleset", true };
FIXTURE_VARIANT_ADD(table, deleted) { "delete table inet cellos", true };
FIXTURE_VARIANT_ADD(table, flushed) { "flush table inet cellos", false };
FIXTURE_VARIANT_ADD(table, dormant) { "add table inet cellos { flags dormant; }", false };
FIXTURE_VARIANT_ADD(table, dropping) { "add chain inet cellos output { policy drop; }", false };
FIXTURE_VARIANT_ADD(table, dropping_inbound) {
	"add chain inet cellos input { policy drop; }", false
};
FIXTURE_VARIANT_ADD(table, all_of_it) {
	"flush table inet cellos; insert rule inet cellos output accept; "
	"flush set inet cellos cells2; flush set inet cellos allow2_ip_32_p16", false
};
FIXTURE_SETUP(table) { scene_setup(_metadata, &self->scene); }
FIXTURE_TEARDOWN_PARENT(table) { env_teardown(&self->scene.env); }

TEST_F(table, is_noticed_and_put_right)
{
	struct scene *scene = &self->scene;
	struct run run;

	ASSERT_NE(NULL, nft(variant->commands));
	EXPECT_TRUE(is_not_verified(&scene->env, "victim"));
	EXPECT_EQ(variant->another_begins,
		  another_is_governed(_metadata, scene, variant->commands));
	is_put_right(_metadata, scene, variant->commands);
	/* Then there is nothing more to say. */
	verb(&scene->env, &run, "reconcile", NULL);
	EXPECT_EQ(0, run.status);
	EXPECT_STREQ("", run.err.bytes);
	EXPECT_TRUE(another_is_governed(_metadata, scene, "afterwards"));
	report_tells(_metadata, scene);
}

/* Nobody repairs it before its end: then its own run has seen it. */
TEST_F(table, is_noticed_by_its_own_run_at_the_end)
{
	struct scene *scene = &self->scene;
	json_t *report;

	ASSERT_NE(NULL, nft(variant->commands));
	EXPECT_EQ(125, talk_end(&scene->talk));
	report = scene->talk.run.report;
	EXPECT_STREQ("exited", json_text_at(report, "/exit/kind"));
	EXPECT_TRUE(json_is_false(json_at(report, "/egress/verified")));
	EXPECT_STREQ("EUCLEAN", json_text_at(report, "/error/errnoName"));
	EXPECT_EQ(0, json_array_size(json_at(report, "/teardown/residue")));
}

/* ---- its parts: one after the other, each is put right ---- */

FIXTURE(part) { struct scene scene; };
FIXTURE_SETUP(part) { scene_setup(_metadata, &self->scene); }
FIXTURE_TEARDOWN_PARENT(part) { env_teardown(&self->scene.env); }

static void lay_hands(struct __test_metadata *_metadata, struct scene *scene,
		      const char *commands)
{
	ASSERT_NE(NULL, nft(commands)) TH_LOG("%s", commands);
	is_put_right(_metadata, scene, commands);
}

TEST_F(part, accept_at_the_head_of_any_chain)
{
	json_t *chains = objects("chain"), *chain;
	size_t i;

	EXPECT_LE(8, json_array_size(chains));
	json_array_foreach(chains, i, chain)
		lay_hands(_metadata, &self->scene, text("insert rule inet cellos %s accept",
							json_text_at(chain, "name")));
	report_tells(_metadata, &self->scene);
}

TEST_F(part, any_chain_flushed)
{
	json_t *chains = objects("chain"), *chain;
	size_t i;

	json_array_foreach(chains, i, chain)
		lay_hands(_metadata, &self->scene, text("flush chain inet cellos %s",
							json_text_at(chain, "name")));
	report_tells(_metadata, &self->scene);
}

/* Each rule of the table as it is by then, for a repaired one has other handles. */
TEST_F(part, any_rule_deleted)
{
	size_t n = json_array_size(objects("rule"));

	EXPECT_LE(16, n);
	for (size_t i = 0; i < n; i++) {
		json_t *rule = json_array_get(objects("rule"), i);

		lay_hands(_metadata, &self->scene,
			  text("delete rule inet cellos %s handle %d", json_text_at(rule, "chain"),
			       (int)json_int_at(rule, "handle")));
	}
	report_tells(_metadata, &self->scene);
}

/* All sets but `exempt`, where nobody is, hold something of the cell. */
TEST_F(part, elements_of_any_set_deleted)
{
	json_t *sets = objects("set"), *set;
	unsigned int n = 0;
	size_t i;

	json_array_foreach(sets, i, set) {
		if (!json_array_size(json_at(set, "elem")))
			continue;
		n++;
		lay_hands(_metadata, &self->scene, text("flush set inet cellos %s",
							json_text_at(set, "name")));
	}
	EXPECT_EQ(8, n);
	report_tells(_metadata, &self->scene);
}

/* One that nobody looks for while the cell lives does not outlive it for long. */
TEST_F(part, elements_that_another_program_adds_are_removed_after_the_cell)
{
	struct scene *scene = &self->scene;
	char *path = cell_leaf(&scene->env, "victim") + strlen("/sys/fs/cgroup/");
	struct talk other = { 0 };
	struct run run;

	if (strncmp(scene->env.mount, "/sys/fs/cgroup", 14))
		SKIP(return, "nft(8) names cgroups below /sys/fs/cgroup only");
	ASSERT_TRUE(talk_start(&scene->env, &other, "other", RULES(ONE)));
	ASSERT_NE(NULL, nft(text("add element inet cellos allow2_ip_32_p16 { \"%s\" . udp . "
				 "127.0.0.77 . 7001 }", path)));
	EXPECT_EQ(0, talk_end(&scene->talk)) TH_LOG("%s", scene->talk.run.err.bytes);
	EXPECT_NE(NULL, strstr(net_rules(net_here()), "127.0.0.77"));
	verb(&scene->env, &run, "reconcile", NULL);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
	EXPECT_EQ(NULL, strstr(net_rules(net_here()), "127.0.0.77"));
	EXPECT_TRUE(is_verified(&scene->env, "other"));
	EXPECT_EQ(0, talk_end(&other)) TH_LOG("%s", other.run.err.bytes);
	EXPECT_STREQ("", net_rules(net_here()));
}

/* ---- what cannot be put right ---- */

TEST_F(part, a_set_of_another_kind_in_the_place_of_ours_is_reported)
{
	struct scene *scene = &self->scene;
	struct run run;

	ASSERT_NE(NULL, nft("add set inet cellos allow2_ip_24_p16 { type ipv4_addr; }"));
	EXPECT_TRUE(is_not_verified(&scene->env, "victim"));
	verb(&scene->env, &run, "reconcile", NULL);
	EXPECT_EQ(125, run.status);
	EXPECT_NE(NULL, strstr(run.err.bytes, "allow2_ip_24_p16")) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(run.err.bytes, "cannot be put right")) TH_LOG("%s", run.err.bytes);
	EXPECT_FALSE(another_is_governed(_metadata, scene, "a foreign set"));
	EXPECT_STREQ("ok EPERM ", reach(&scene->talk, 2));
	/* Who made it takes it away. */
	ASSERT_NE(NULL, nft("delete set inet cellos allow2_ip_24_p16"));
	EXPECT_TRUE(is_verified(&scene->env, "victim"));
	report_tells(_metadata, scene);
}

TEST_HARNESS_MAIN
