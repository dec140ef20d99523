// SPDX-License-Identifier: MIT
/* Limits of disks, and disks that cannot be limited. */
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "selftests/harness.h"
#include "selftests/root/limits.h"

#define MIB	(1024 * 1024)

FIXTURE(cell) { struct test_env env; };
FIXTURE_SETUP(cell) { env_setup(&self->env, "io"); }
FIXTURE_TEARDOWN_PARENT(cell) { env_teardown(&self->env); }

/* Any disk of this host: one that is named only, and not touched. */
static const char *any_disk(void)
{
	char *numbers = file_read("/sys/block/loop0/dev", NULL) ?:
			file_read("/sys/block/vda/dev", NULL);

	if (numbers)
		numbers[strcspn(numbers, "\n")] = '\0';
	return numbers;
}

static struct run limited(const struct test_env *env, const char *rows)
{
	return limits_run(env, text("'ioMax': [%s]", rows), "burn 1");
}

TEST_F(cell, what_is_no_disk_is_refused_by_name)
{
	const struct {
		const char *device, *errno_name, *message, *hint;
	} cases[] = {
		{ "/dev/none-such", "ENOENT", "cannot look at \"/dev/none-such\"", NULL },
		{ "/dev/null", "ENOTBLK", "\"/dev/null\" is no block device", NULL },
		{ "/dev/.", "ENOTBLK", "\"/dev/.\" is no block device", NULL },
		{ "/dev/../etc/passwd", "EXDEV", "cannot look at", "it leads out of /dev" },
		{ "/dev//etc/passwd", "EXDEV", "cannot look at", "it leads out of /dev" },
		{ "4095:1048575", "ENODEV", "no block device 4095:1048575", NULL },
	};
	const char *before = host_snapshot(&self->env);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run = limited(&self->env, text("{'device': '%s', "
					 "'readBytesPerSecond': 1048576}", cases[i].device));

		EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", cases[i].device);
		EXPECT_STREQ("check", json_text_at(run.report, "/error/step"));
		EXPECT_STREQ("/spec/run/limits/ioMax/0/device",
			     json_text_at(run.report, "/error/field"));
		EXPECT_STREQ(cases[i].errno_name, json_text_at(run.report, "/error/errnoName"));
		EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"),
				       cases[i].message)) TH_LOG("%s", run.err.bytes);
		if (cases[i].hint)
			EXPECT_STREQ(cases[i].hint, json_text_at(run.report, "/error/hint"));
		EXPECT_STREQ("failed", json_text_at(run.report, "/exit/kind"));
	}
	EXPECT_STREQ(before, host_snapshot(&self->env));
}

TEST_F(cell, one_disk_by_two_names_is_refused)
{
	const char *number = any_disk();
	char name[64] = "";
	struct run run;

	if (!number)
		SKIP(return, "no disk that is named loop0 or vda");
	if (readlink(text("/sys/dev/block/%s", number), name, 0) < 0 && errno != EINVAL)
		SKIP(return, "no /sys/dev/block");
	snprintf(name, sizeof(name), "/dev/%s", access("/dev/loop0", F_OK) ? "vda" : "loop0");
	run = limited(&self->env, text("{'device': '%s', 'readBytesPerSecond': 2}, "
				       "{'device': '%s', 'writeBytesPerSecond': 2}", number,
				       name));
	EXPECT_EQ(125, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	/* Where io cannot be limited at all, either fault may be the one that is said. */
	EXPECT_STREQ("/spec/run/limits/ioMax/1/device", json_text_at(run.report, "/error/field"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"),
			       text("it is disk %s, which row 0", number)));
}

/* Adds a partition to the test disk without a write to it, or takes it away. */
static int partition(const char *disk, int op)
{
	struct blkpg_partition part = { .start = MIB, .length = MIB, .pno = 1 };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(part), .data = &part };
	int fd = open(disk, O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 ? -1 : ioctl(fd, BLKPG, &arg);

	close(fd);
	return ret;
}

TEST_F(cell, partition_is_refused_and_its_disk_is_named)
{
	const char *disk = getenv("CELLOS_TEST_DISK"), *number = limits_disk();
	char *part, *dev;
	struct run run;

	if (!number)
		SKIP(return, "CELLOS_TEST_DISK names no disk");
	ASSERT_EQ(0, partition(disk, BLKPG_ADD_PARTITION));
	part = file_read(text("/sys/dev/block/%s/%s1/dev", number, basename(disk)), NULL);
	ASSERT_NE(NULL, part);
	part[strcspn(part, "\n")] = '\0';
	run = limited(&self->env, text("{'device': '%s', 'readBytesPerSecond': 2}", part));
	run_whole(&self->env, &run);
	dev = text("\"%s\", or \"%s\"", disk, number);
	EXPECT_EQ(0, partition(disk, BLKPG_DEL_PARTITION));
	EXPECT_EQ(125, run.status);
	EXPECT_STREQ("/spec/run/limits/ioMax/0/device", json_text_at(run.report, "/error/field"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"), "is a partition"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/hint"), dev))
		TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, host_without_the_controller_refuses_by_name)
{
	const char *number = any_disk();
	struct run run;

	if (!limits_missing(&self->env, "io"))
		SKIP(return, "this host has io on cgroup2");
	if (!number)
		SKIP(return, "no disk that is named loop0 or vda");
	run = limited(&self->env, text("{'device': '%s', 'readBytesPerSecond': 2}", number));
	EXPECT_EQ(125, run_whole(&self->env, &run));
	EXPECT_STREQ("/spec/run/limits/ioMax/0", json_text_at(run.report, "/error/field"));
	EXPECT_STREQ("EOPNOTSUPP", json_text_at(run.report, "/error/errnoName"));
	EXPECT_NE(NULL, strstr(json_text_at(run.report, "/error/message"),
			       "the controller \"io\" is not"));
}

/* ---- a disk that may be written to ---- */

static const char *cannot_limit(const struct test_env *env)
{
	return limits_disk() ? limits_missing(env, "io") : "CELLOS_TEST_DISK names no disk";
}

TEST_F(cell, disk_limits_are_in_force)
{
	const char *why = cannot_limit(&self->env), *number = limits_disk();
	struct run run;

	if (why)
		SKIP(return, "%s", why);
	run = limits_held(&self->env, text("'ioMax': [{'device': '%s', 'readBytesPerSecond': 2, "
			  "'writeBytesPerSecond': 9223372036854775807, "
			  "'readOperationsPerSecond': 4294967294}]", getenv("CELLOS_TEST_DISK")));
	run_start(&self->env, &run);
	ASSERT_LT(0, cell_wait(&self->env, &run, "limits", "ready"));
	EXPECT_STREQ(text("%s rbps=2 wbps=9223372036854775807 riops=4294967294 wiops=max", number),
		     leaf_file(&self->env, "io.max"));
	gate_open(&self->env);
	run_finish(&run);
	EXPECT_EQ(0, run.status) TH_LOG("%s", run.err.bytes);
}

TEST_F(cell, limit_of_writes_takes_the_memory_controller)
{
	const char *why = cannot_limit(&self->env);
	struct run run;

	if (why)
		SKIP(return, "%s", why);
	run = limited(&self->env, text("{'device': '%s', 'writeBytesPerSecond': 2}",
				       limits_disk()));
	EXPECT_EQ(0, run_whole(&self->env, &run)) TH_LOG("%s", run.err.bytes);
	EXPECT_NE(NULL, strstr(file_read(text("%s/cgroup.subtree_control", self->env.parent),
					 NULL), "memory"));
}

/* A node of its own, which the cell's user may open. */
static const char *disk_node(const struct test_env *env)
{
	char *path = text("%s/disk", env->dir);
	struct stat st;

	if (stat(getenv("CELLOS_TEST_DISK"), &st) < 0 ||
	    mknod(path, S_IFBLK | 0666, st.st_rdev) < 0 || chmod(path, 0666) < 0)
		give_up("a device node");
	return path;
}

/* How long it takes to move @bytes with these figures of ioMax, in microseconds. */
static json_int_t move(struct __test_metadata *_metadata, const struct test_env *env,
		       const char *verb, const char *figures)
{
	const char *limits = figures ? text("'ioMax': [{'device': '%s', %s}]", limits_disk(),
					    figures) : "";
	struct run run = limits_run(env, limits, text("%s %s/disk %d", verb, env->dir, 2 * MIB));

	/* A uid of the cell's own may write to no file of the host's, a device neither. */
	run.args[0] = "--user=12345:12345";
	run_start(env, &run);
	run_finish_within(&run, 60);
	EXPECT_EQ(0, run.status) TH_LOG("%s: %s", verb, run.err.bytes);
	return strtoll(run.out.bytes, NULL, 10);
}

TEST_F_TIMEOUT(cell, disk_keeps_to_its_limits, 120)
{
	const char *why = cannot_limit(&self->env);

	if (why)
		SKIP(return, "%s", why);
	disk_node(&self->env);
	EXPECT_GT(1500000, move(_metadata, &self->env, "read", NULL));
	EXPECT_GT(1500000, move(_metadata, &self->env, "write", NULL));
	/* 2 MiB, in blocks of 64 KiB, at 1 MiB a second, or at 16 blocks a second. */
	EXPECT_LT(1500000, move(_metadata, &self->env, "read", "'readBytesPerSecond': 1048576"));
	EXPECT_LT(1500000, move(_metadata, &self->env, "write",
				"'writeBytesPerSecond': 1048576"));
	EXPECT_LT(1500000, move(_metadata, &self->env, "read", "'readOperationsPerSecond': 16"));
	EXPECT_LT(1500000, move(_metadata, &self->env, "write",
				"'writeOperationsPerSecond': 16"));
	EXPECT_LT(1500000, move(_metadata, &self->env, "write-back",
				"'writeBytesPerSecond': 1048576"));
	/* The other direction is free. */
	EXPECT_GT(1500000, move(_metadata, &self->env, "read", "'writeBytesPerSecond': 1048576"));
}

TEST_HARNESS_MAIN
