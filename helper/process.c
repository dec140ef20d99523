// SPDX-License-Identifier: MIT
#include "helper/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "helper/caps.h"
#include "lib/cleanup.h"
#include "lib/io.h"

#define STEP		"check"
#define FIELD(name)	"/spec/run/process/" name

/* In the words of prlimit(1), by number. */
static const char *const rlimit_names[PLAN_RLIMITS] = {
	[RLIMIT_AS] = "as",		[RLIMIT_CORE] = "core",
	[RLIMIT_CPU] = "cpu",		[RLIMIT_DATA] = "data",
	[RLIMIT_FSIZE] = "fsize",	[RLIMIT_LOCKS] = "locks",
	[RLIMIT_MEMLOCK] = "memlock",	[RLIMIT_MSGQUEUE] = "msgqueue",
	[RLIMIT_NICE] = "nice",		[RLIMIT_NOFILE] = "nofile",
	[RLIMIT_NPROC] = "nproc",	[RLIMIT_RSS] = "rss",
	[RLIMIT_RTPRIO] = "rtprio",	[RLIMIT_RTTIME] = "rttime",
	[RLIMIT_SIGPENDING] = "sigpending", [RLIMIT_STACK] = "stack",
};

_Static_assert(RLIM_NLIMITS == PLAN_RLIMITS, "a name for each limit");

int rlimit_number(const char *name)
{
	for (int i = 0; i < PLAN_RLIMITS; i++)
		if (!strcmp(rlimit_names[i], name))
			return i;
	return -1;
}

#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"

enum core_target process_core_target(void)
{
	char pattern[8];
	ssize_t n = io_read_at(AT_FDCWD, CORE_PATTERN, pattern, sizeof(pattern));

	if (n == -ENOENT)		/* a kernel that dumps no core */
		return CORE_TO_FILE;
	if (n > 0 && pattern[0] == '@')
		return CORE_TO_SOCKET;
	return n < 0 || pattern[0] == '|' ? CORE_TO_PROGRAM : CORE_TO_FILE;
}

/* A limit of 1 keeps a program from being started, and no limit a socket from being asked. */
int process_check_core(enum core_target target, struct error *err)
{
	struct rlimit own;

	if (getrlimit(RLIMIT_CORE, &own) < 0)
		return err_set(err, STEP, errno, "getrlimit");
	if (target == CORE_TO_FILE || (target == CORE_TO_PROGRAM && own.rlim_max >= 1))
		return 0;
	err_field_set(err, FIELD("rlimits/core"));
	if (target == CORE_TO_SOCKET) {
		err_set(err, STEP, EPERM, "kernel.core_pattern names a socket, which gets a cell's "
			"memory whatever its limit");
		err_hint(err, "set kernel.core_pattern to a file or a program; or give "
			 "process.rlimits.core, if that socket may have it");
	} else {
		err_set(err, STEP, EPERM, "kernel.core_pattern names a program, which is started "
			"on a cell's memory unless the limit is 1, and the helper's own hard limit "
			"is 0");
		err_hint(err, "start the helper with a higher one (ulimit -Hc 1, systemd's "
			 "LimitCORE=1); or give process.rlimits.core, if that program may run");
	}
	return -EPERM;
}

/* Does a cell that asks for nothing get another one than the helper's own? */
static bool has_default(int number)
{
	return number == RLIMIT_CORE || number == RLIMIT_NICE || number == RLIMIT_RTPRIO;
}

static void default_rlimit(int number, rlim_t own_hard, struct plan_rlimit *ret)
{
	rlim_t most = number == RLIMIT_CORE ? 1 : 0;

	ret->soft = ret->hard = own_hard < most ? own_hard : most;
}

static int prepare_rlimit(int number, const struct plan_rlimit *asked, struct child_process *ret,
			  struct error *err)
{
	struct plan_rlimit want = *asked;
	struct rlimit own;
	char field[48];

	/* What the child only inherits need not be known. */
	if (!asked->given && !has_default(number))
		return 0;
	if (getrlimit((__rlimit_resource_t)number, &own) < 0)
		return err_set(err, STEP, errno, "getrlimit");
	if (!asked->given)
		default_rlimit(number, own.rlim_max, &want);
	if (want.hard > own.rlim_max) {
		snprintf(field, sizeof(field), FIELD("rlimits/%s"), rlimit_names[number]);
		err_field_set(err, field);
		err_set(err, STEP, EPERM, "the helper's own hard limit is %llu",
			(unsigned long long)own.rlim_max);
		err_hint(err, "start the helper with a higher one (ulimit -H, systemd's Limit...=)");
		return -EPERM;
	}
	ret->rlimits[ret->n_rlimits++] = (struct child_rlimit){
		.number = number, .soft = want.soft, .hard = want.hard,
	};
	return 0;
}

static int prepare_nice(const struct plan_process *plan, struct child_process *ret,
			struct error *err)
{
	int own = getpriority(PRIO_PROCESS, 0);

	ret->nice = plan->nice != LIMIT_UNSET ? (int)plan->nice : own < 0 ? 0 : own;
	if (ret->nice >= own)
		return 0;
	err_field_set(err, FIELD("nice"));
	err_set(err, STEP, EPERM, "the helper itself runs with nice %d, and lower takes "
		"CAP_SYS_NICE", own);
	err_hint(err, "ask for %d or more, or start the helper with a lower one", own);
	return -EPERM;
}

static int prepare_oom_score(const struct plan_process *plan, struct child_process *ret,
			     struct error *err)
{
	char text[16];
	int own = 0, want;

	if (io_read_at(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text)) > 0)
		own = atoi(text);
	want = plan->oom_given ? plan->oom_score_adj : own < 0 ? 0 : own;
	if (want < own) {
		err_field_set(err, FIELD("oomScoreAdj"));
		err_set(err, STEP, EPERM, "the helper's own is %d, and lower takes "
			"CAP_SYS_RESOURCE", own);
		err_hint(err, "ask for %d or more, or start the helper with a lower one", own);
		return -EPERM;
	}
	/* Its file belongs to root, for the child is not dumpable. */
	if (want != own && geteuid() != 0) {
		err_field_set(err, FIELD("oomScoreAdj"));
		err_set(err, STEP, EPERM, "only root's helper can set it: the helper's own is %d", own);
		err_hint(err, "start the helper with the score that its cells are to have (%d)", want);
		return -EPERM;
	}
	/* The floor may be lower than the helper's own is now. */
	ret->oom_bound = caps_hold(PRIV_OOM_SCORE);
	if (want != own || ret->oom_bound)
		snprintf(ret->oom_score_adj, sizeof(ret->oom_score_adj), "%d", want);
	return 0;
}

/* Is a CPU in a list as "0-3,7", which the kernel writes? */
static bool lists_cpu(char *list, unsigned int cpu)
{
	while (*list >= '0' && *list <= '9') {
		unsigned long first = strtoul(list, &list, 10), last = first;

		if (*list == '-')
			last = strtoul(list + 1, &list, 10);
		if (first <= cpu && cpu <= last)
			return true;
		list += *list == ',';
	}
	return false;
}

/* Where sysfs does not tell, and of a cpuset, the child finds out. */
static int check_cpus(const struct plan_process *plan, struct error *err)
{
	char online[1024];

	if (!plan->cpus_given || io_read_at(AT_FDCWD, "/sys/devices/system/cpu/online", online,
					    sizeof(online)) <= 0)
		return 0;
	online[strcspn(online, "\n")] = '\0';
	for (unsigned int cpu = 0; cpu < CELLOS_CPUS_MAX; cpu++) {
		if (!(plan->cpus[cpu / 64] >> cpu % 64 & 1) || lists_cpu(online, cpu))
			continue;
		err_field_set(err, FIELD("cpuAffinity"));
		err_set(err, STEP, ENODEV, "CPU %u is not there, or not online", cpu);
		err_hint(err, "this host has %s: lscpu -e", online);
		return -ENODEV;
	}
	return 0;
}

int process_prepare(const struct plan_process *plan, enum core_target target,
		    struct child_process *ret, struct error *err)
{
	int status = 0;

	*ret = (struct child_process){
		.umask = plan->umask == LIMIT_UNSET ? 022 : (mode_t)plan->umask,
		.cpus_given = plan->cpus_given,
	};
	memcpy(ret->cpus, plan->cpus, sizeof(ret->cpus));
	if (!plan->rlimits[RLIMIT_CORE].given)
		status = process_check_core(target, err);
	for (int i = 0; status == 0 && i < PLAN_RLIMITS; i++)
		status = prepare_rlimit(i, &plan->rlimits[i], ret, err);
	if (status == 0)
		status = prepare_nice(plan, ret, err);
	if (status == 0)
		status = check_cpus(plan, err);
	return status ?: prepare_oom_score(plan, ret, err);
}
