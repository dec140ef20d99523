// SPDX-License-Identifier: MIT
/* From what a birth failed with to what a person can do about it. */
#include "helper/spawn_explain.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "helper/limits.h"
#include "helper/spawn_field.h"
#include "helper/text.h"

int spawn_explain_clone(const struct cell *cell, struct error *err)
{
	int errnum = cell->spawn.errnum;

	if (cell->spawn.call)
		return err_set(err, "spawn", errnum, "%s", cell->spawn.call);
	err_set(err, "spawn", errnum, "clone3 into %s", cell->leaf);
	if (errnum == EBUSY || errnum == EOPNOTSUPP)
		err_hint(err, "the leaf is not a plain domain cgroup (cgroup.type)");
	else if (errnum == EACCES)
		err_hint(err, "the helper has to live in the tree of cgroups that is its uid's: "
			 "cgroup.procs above both must be writable for it");
	else if (errnum == EAGAIN)
		err_hint(err, "pids.max of the cell or of a cgroup above, or RLIMIT_NPROC, is "
			 "reached");
	else if (errnum == ENOSPC)
		err_hint(err, "a limit of namespaces in /proc/sys/user is reached, or is 0: "
			 "sysctl user.max_user_namespaces");
	else if (errnum == ENOMEM)
		err_hint(err, "memoryMaxBytes may be too low to start anything");
	return -errnum;
}

static void hint_workdir(const struct cell *cell, int errnum, struct error *err)
{
	if (errnum == ESTALE)
		err_hint(err, "the folder was replaced while the cell was made");
	else if (errnum == EACCES)
		err_hint(err, "the cell's uid %u must be able to search it and what is above it",
			 cell->identity.uid);
	else if (errnum == ENOENT)
		err_hint(err, "it is not made by the helper: make it, or leave workingDirectory "
			 "out for /");
}

static void hint_mounts(const struct child_status *status, struct error *err)
{
	bool hidden = strstr(err->field, "/hiddenPaths/");

	if (status->errnum == ENOENT && hidden)
		err_hint(err, "what is to be hidden has to be there: make it, or leave it out");
	else if (status->errnum == EOPNOTSUPP && hidden)
		err_hint(err, "it would not be hidden: it leads to / or, as /proc/net and "
			 "/proc/mounts do, into the folder that each process has of its own in /proc");
	else if (status->errnum == EACCES && hidden)
		err_hint(err, "the helper's uid, %u, may not search what is above it: hide that "
			 "folder", geteuid());
	else if (status->errnum == ESTALE)
		err_hint(err, "the folder was replaced while the cell was made");
	else if (status->errnum == EPERM)
		err_hint(err, "the host forbids this mount, inside user namespaces perhaps");
}

/* What is hidden by way of a link is known to the kernel alone. */
static void hint_domain(const struct plan *plan, const char *what, struct error *err)
{
	if (strstr(err->field, "/hiddenPaths/"))
		err_hint(err, "it is hidden by an entry of hiddenPaths: leave out one of the two");
	else if (what == plan->working_directory && plan->isolation.hidden)
		err_hint(err, "an entry of hiddenPaths that leads elsewhere hides it, or the folder "
			 "was replaced while the cell was made");
	else if (what == plan->working_directory)
		err_hint(err, "the folder was replaced while the cell was made");
	else
		err_hint(err, "a path of a list that lies in the workspace, /proc, /dev/shm or "
			 "/dev/mqueue has to be there when the cell begins");
}

static void hint_exec(const struct cell *cell, int errnum, struct error *err)
{
	bool found = cell->spawn.status.exit_status == CELLOS_EXIT_NOT_EXECUTABLE;
	bool listed = cell->prefixes && cell->spawn.status.what;

	if (listed && errnum == EACCES)
		err_hint(err, "CELLOS_RUN_ARGV0_ALLOW_PREFIXES lists what may be executed, links "
			 "resolved");
	else if (listed)
		err_hint(err, "with CELLOS_RUN_ARGV0_ALLOW_PREFIXES: name its interpreter as "
			 "argv[0], and the script behind it");
	else if (errnum == EACCES && cell->plan->isolation.hidden && cell->plan->isolation.hidden[0])
		err_hint(err, "hiddenPaths may hide it, its loader or interpreter; else %s",
			 cell->plan->isolation.listed ? "the lists lack one of these (see "
			 "systemLibraries)" : "the cell's uid may not execute it");
	else if (errnum == EACCES && cell->plan->isolation.listed)
		err_hint(err, "of the lists in run.isolation: a program that is not static also "
			 "takes systemLibraries, a script its interpreter's path");
	else if (errnum == EACCES)
		err_hint(err, "it must be a file that the cell's uid %u may execute, in "
			 "directories that it may search", cell->identity.uid);
	else if (errnum == ENOENT && found)
		err_hint(err, "the file is there, its interpreter is not");
	else if (errnum == ENOENT && !strchr(cell->plan->argv[0], '/'))
		err_hint(err, "a bare name is looked for in /usr/local/sbin, /usr/local/bin, "
			 "/usr/sbin, /usr/bin, /sbin, /bin");
	else if (errnum == ENOENT && cell->plan->argv[0][0] != '/')
		err_hint(err, "a relative path begins in workingDirectory, %s%s",
			 cell->plan->working_directory, cell->plan->isolation.workspace ?
			 ", which is private and begins empty" : "");
	else if (errnum == ENOEXEC)
		err_hint(err, "no program of this machine's, and no script that begins with #!");
}

/*
 * execve says E2BIG where the pages for argv do not fit. A child that only hangs is in a
 * page fault: before exec it is no victim of the OOM killer while its memory is the
 * helper's. Of one that had its own, and was a victim, unborn.c tells.
 */
bool spawn_explain_memory(const struct cell *cell, int errnum, struct error *err)
{
	if (errnum != ENOMEM && errnum != E2BIG && errnum != ETIMEDOUT)
		return false;
	if (!limits_met_memory(cell->leaf_fd))
		return false;
	err_field_set(err, "/spec/run/limits/memoryMaxBytes");
	err_hint(err, "memoryMaxBytes, %llu, is too low to start the workload",
		 (unsigned long long)cell->plan->limits.memory_max);
	return true;
}

int spawn_explain_child(struct cell *cell, struct error *err)
{
	const struct child_status *status = &cell->spawn.status;
	const char *what = "in the child";

	cell->exit_status = status->exit_status;
	if (spawn_explain_memory(cell, status->errnum, err))
		cell->exit_status = CELLOS_EXIT_FAILED;
	if (status->what)
		what = status->what;
	else if (status->step == CHILD_EXEC)
		what = cell->plan->argv[0];
	spawn_field(cell, err);
	if (status->file[0])
		err_set(err, "spawn", status->errnum, "exec: argv[0] %s resolves to %s, which is "
			"not allowed", text_quote(cell->plan->argv[0]).text, status->file);
	else
		err_set(err, "spawn", status->errnum, "%s: %s", child_step_name(status->step), what);
	if (status->errnum == ENOMEM || status->errnum == EAGAIN || status->errnum == ENOSPC)
		err_hint(err, "a limit of the cell or of a cgroup above is too low to start it");
	else if (status->errnum == EMFILE ||
		 (status->step == CHILD_STDIO && status->errnum == EBADF))
		err_hint(err, "the helper's own RLIMIT_NOFILE is too low: 128 is enough");
	else if (status->step == CHILD_STDIO &&
		 (status->errnum == ENOENT || status->errnum == EACCES))
		err_hint(err, "hiddenPaths or the host leave no /dev/null to a cell of this uid");
	else if (status->step == CHILD_WORKDIR)
		hint_workdir(cell, status->errnum, err);
	else if (status->step == CHILD_MOUNTS)
		hint_mounts(status, err);
	else if (status->step == CHILD_DOMAIN && status->what)
		hint_domain(cell->plan, status->what, err);
	else if (status->step == CHILD_JOIN && status->errnum == EXDEV)
		err_hint(err, "in a chroot that is no root of its mount namespace mnt does not hold: "
			 "start the helper outside of it, or by pivot_root(2)");
	else if (status->step == CHILD_PROCESS && status->errnum == ENODEV)
		err_hint(err, "a cpuset leaves out one of them: cpuset.cpus.effective of the cell "
			 "parent, or of its v1 hierarchy");
	else if (status->step == CHILD_PROCESS)
		err_hint(err, "what spec.run.process asks for cannot be had here");
	else if (status->step == CHILD_EXEC)
		hint_exec(cell, status->errnum, err);
	return -status->errnum;
}
