// SPDX-License-Identifier: MIT
/*
 * cellos-helper - the privileged helper of CellOS
 *
 * Theory of operation
 * ===================
 *
 * Processes and threads of `cellos-helper run`, and what each may do:
 *
 *   supervisor          starts the helper; holds nothing of the cell
 *     `- helper         uid 0, or the caller's; permitted: the capabilities of caps.c;
 *        |              effective: none, but inside one of the operations listed there
 *        |- main thread    owns the loop (one io_uring): exits, timers, signals, stdio
 *        |- spawner        a thread that only calls clone3, for that can block
 *        |- init           only with a pid namespace: its process 1, born with all the
 *        |                 cell's namespaces; a program of its own (backends/pid1.c), with
 *        |                 no rights, that no cell can look into; nothing goes through it
 *        `- workload       born in the cell's cgroup, under its egress rules, beside the
 *                          init if there is one, whose namespaces it joins; between
 *                          clone and exec it runs backends/child.c in the helper's
 *                          memory (in a copy where an OOM kills all of a cgroup, see
 *                          spawn.h) and loses: fds, session, uid 0, all capabilities
 *
 * Pipes: three for each cell. stdin has no writer; stdout and stderr are read by the
 * main thread and carried on to its own. Nothing else connects cell and helper.
 *
 * The flow of a run, and the file of each step:
 *
 *   verb_run.c     command line, capabilities, document, report file
 *   document*.c    JSON to values                                  \  pure: no system call
 *   plan*.c        values, options, variables to a plan            /  decides later
 *   host.c         cgroup parent, spawner, loop, nf_tables socket
 *   cell.c         the step table, walked forward:
 *     step_check.c    what cannot be enforced is refused
 *     network.c       a network namespace, if it is to have its own
 *     step_cgroup.c   lock, unique id, leaf; limits; identity; unlock
 *     step_workspace.c   the folder that a private workspace lies on
 *     step_egress.c   rules in force, and read back
 *     step_stdio.c    pipes
 *     step_spawn.c    clone3 into the leaf; membership; the pid stored. What the child
 *                     needs for it: namespaces.c, domain.c (Landlock), process.c (limits
 *                     and priorities), seccomp*.c; what it does: backends/
 *   wait.c         exit, TTL, signals: what comes first
 *   teardown.c     the claim, the step table walked backward, and
 *   residue.c      the host looked at
 *   report*.c      what was done and proved
 *
 * There is no state but the kernel's: a leaf's extended attributes say what it is
 * (identity.h). Every other verb starts from them, so it works after any crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "helper/verbs.h"

/* Closed standard fds would be given to the next files opened: fill them first. */
static int fill_stdio(struct error *err)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return err_set(err, "start", errno, "cannot open /dev/null");
	close(fd);
	return 0;
}

/*
 * Capabilities come from a root caller or its ambient set, never from the file:
 * then whoever may start the helper is known, and its environment is the caller's
 * own affair.
 */
static int refuse_setuid(struct error *err)
{
	static const char *const exe = "/proc/self/exe";
	struct stat st;

	if (!getauxval(AT_SECURE) && stat(exe, &st) == 0 && !(st.st_mode & (S_ISUID | S_ISGID)) &&
	    getxattr(exe, "security.capability", NULL, 0) < 0)
		return 0;
	err_set(err, "start", EPERM, "the helper does not run setuid, setgid or with file "
		"capabilities");
	err_hint(err, "chmod ug-s and setcap -r on its file; start it from a process that has "
		 "the privileges");
	return -EPERM;
}

static const struct verb *find_verb(const char *name)
{
	for (const struct verb *verb = verbs; verb->name; verb++)
		if (!strcmp(verb->name, name))
			return verb;
	return NULL;
}

int main(int argc, char **argv)
{
	static char help[] = "help", version[] = "version";
	const struct verb *verb;
	struct error err = { 0 };

	/* No ptrace, no core, no /proc/PID/mem of ours for anybody. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (refuse_setuid(&err) < 0 || fill_stdio(&err) < 0)
		return verb_fail(&err);
	if (argc < 2)
		return verb_unknown(NULL);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = help;
	else if (!strcmp(argv[1], "--version"))
		argv[1] = version;
	verb = find_verb(argv[1]);
	if (!verb)
		return verb_unknown(argv[1]);
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		char *words[] = { help, argv[1], NULL };

		return verb_help(2, words);
	}
	return verb->run(argc - 1, argv + 1);
}
