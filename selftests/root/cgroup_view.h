/* SPDX-License-Identifier: MIT */
/*
 * What the tests of cgroup namespaces and of partial mounts share: places to look
 * from, and a cell that shows whether it is governed.
 */
#ifndef SELFTESTS_ROOT_CGROUP_VIEW_H
#define SELFTESTS_ROOT_CGROUP_VIEW_H

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/common.h"

#define DENIED	"7001"
#define ALLOWED	"7002"

/* ---- places ---- */

static inline char *make(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		give_up(path);
	return text("%s", path);
}

static inline void own_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		give_up("a mount namespace");
}

/* Makes @path the root of a new cgroup namespace, with this process in it. */
static inline void enter_namespace(const char *path)
{
	int ret = file_write(text("%s/cgroup.procs", make(path)), "0");

	errno = -ret;
	if (ret < 0 || unshare(CLONE_NEWCGROUP) < 0)
		give_up("a cgroup namespace");
	own_mounts();
}

/* A cgroup2 mount of this mount namespace: of @source, or (NULL) a new one. */
static inline char *mount_at(const char *point, const char *source)
{
	int ret = source ? mount(source, make(point), NULL, MS_BIND, NULL) :
			   mount("none", make(point), "cgroup2", 0, NULL);

	if (ret < 0)
		give_up(point);
	return text("%s", point);
}

/* The same environment, with another parent. */
static inline struct test_env env_at(const struct test_env *env, const char *parent)
{
	struct test_env other = *env;

	snprintf(other.parent, sizeof(other.parent), "%s", parent);
	return other;
}

/* ---- cells ---- */

/* One datagram that no rule allows and one that a rule does; then it stays, or not. */
static inline const char *sender(const struct test_env *env, const char *id, const char *stay)
{
	return document(id, "'authority': {'egressRules': [{'host': '127.0.0.1', 'port': "
			ALLOWED ", 'protocol': 'udp'}]}, 'run': {'argv': ['%s/workload_net', "
			"'udp', '127.0.0.1', '" DENIED "', '1', "
			"'udp', '127.0.0.1', '" ALLOWED "', '1'%s]}", env->workloads, stay);
}

static inline void expect_governed(struct __test_metadata *_metadata, const struct test_env *env)
{
	const char *before = host_snapshot(env);
	struct run run = { .document = sender(env, "governed", "") };

	EXPECT_EQ(0, run_whole(env, &run)) TH_LOG("%s: %s", env->parent, run.err.bytes);
	EXPECT_STREQ("EPERM\nok\n", run.out.bytes) TH_LOG("%s", env->parent);
	EXPECT_EQ(1, json_int_at(run.report, "/egress/denied/packets"));
	EXPECT_EQ(1, json_int_at(run.report, "/egress/rules/0/packets"));
	EXPECT_EQ(0, json_array_size(json_at(run.report, "/teardown/residue")));
	EXPECT_STREQ(before, host_snapshot(env));
}

#endif /* SELFTESTS_ROOT_CGROUP_VIEW_H */
