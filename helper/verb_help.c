// SPDX-License-Identifier: MIT
/* The verbs of the program as a table, and what `help` and `version` print. */
#include <stdio.h>
#include <string.h>

#include "helper/verbs.h"

#ifndef CELLOS_VERSION
#error "the build passes -DCELLOS_VERSION"
#endif

#define SUMMARY_COLUMN	29	/* of the text that all verbs are listed in */

const struct verb verbs[] = {
	{ "run", "[OPTIONS] DOCUMENT|-", "create, spawn, wait, destroy: one cell", verb_run,
	  "Runs the cell that DOCUMENT (JSON, - for stdin) describes, in the foreground.\n\n"
	  "  --cgroup-parent DIR     where cells live (CELLOS_CGROUP_PARENT)\n"
	  "  --backend host          who brings the workload up (CELLOS_CELL_BACKEND)\n"
	  "  --unshare LIST|none     namespaces of its own (default none), of: pid, ipc, mnt, net,\n"
	  "                          user, uts, cgroup, time (CELLOS_SUBPROCESS_UNSHARE)\n"
	  "  --netns PATH            the network namespace that the caller prepared there\n"
	  "  --env KEY=VALUE         one more variable for the workload; repeatable\n"
	  "  --stdio pipe|null|inherit\n"
	  "                          the workload's fds 0, 1, 2; pipe (default): stdin at EOF,\n"
	  "                          stdout and stderr carried to the helper's own\n"
	  "  --egress enforce|off    off is refused when the document has rules\n"
	  "  --flow-log GROUP[:all]  log denied (with :all also allowed) flows to nfnetlink_log\n"
	  "  --user dynamic|UID:GID  dynamic (root's default): a uid and gid that nobody else has\n"
	  "  --report FILE|fd:N|-    where the report goes, as JSON; - is stdout\n"
	  "  --verbose               say on stderr how long each part took\n\n"
	  "Exit status: the workload's; 128+N: signal N ended it; 124: its TTL ended it;\n"
	  "125: refused or failed, or something is left; 126: not executable; 127: not found.\n"
	  "Options stand before DOCUMENT, which cellos-cell(5) describes. More variables, in\n"
	  "cellos-helper(8): CELLOS_CGROUP_CPU_MAX, CELLOS_RUN_ARGV0_ALLOW_PREFIXES.\n"
	  "SIGINT, SIGTERM, SIGHUP: SIGTERM to the workload, then the grace period, then the\n"
	  "end; a second signal ends it at once.\n" },
	{ "probe", "[--json]", "what this host supports, and how to get what is missing",
	  verb_probe,
	  "Tries each thing that `run` needs, by doing it. Exit status 0: `run` can work here.\n" },
	{ "list", "[--json]", "live cells, read from the kernel", verb_list,
	  "One line, or JSON object, for each cell below the parent.\n" },
	{ "show", "ID [--json]", "one cell: processes, resources, egress rules with counters",
	  verb_show,
	  "Reads everything from the kernel, and checks that the rules are as written.\n" },
	{ "kill", "ID [SIGNAL]", "signal the workload through its pidfd", verb_kill,
	  "SIGNAL is a name or a number; default TERM. The cell's own `run` reports the end.\n" },
	{ "destroy", "ID|--all [--json]", "kill, wait until empty, remove, verify", verb_destroy,
	  "Ends a cell whoever runs it, and prints what is left of it: nothing, or residue.\n"
	  "Of several at once one wins; the others are told so (125).\n" },
	{ "reconcile", "[--json]", "remove what a crashed helper left", verb_reconcile,
	  "Ends cells whose helper is gone and leaves that were never finished; removes\n"
	  "elements of cgroups that no longer exist. Cells that somebody owns stay; what other\n"
	  "programs did to their rules is put right.\n" },
	{ "egress", "ID [--set FILE|-] [--json]", "a live cell's egress rules: show or replace",
	  verb_egress,
	  "Shows each rule with packets and bytes, what was denied, and what from outside was\n"
	  "refused. With --set all rules are replaced in one transaction by those in FILE, the\n"
	  "JSON array that the document has: for any packet either the old rules are in force\n"
	  "or the new ones. Open flows that the new rules do not allow end at once; rules that\n"
	  "stay keep their counters.\n" },
	{ "version", "", "print the version", verb_version, "" },
	{ "help", "[VERB]", "this text, or that of one verb", verb_help, "" },
	{ NULL, NULL, NULL, NULL, NULL },
};

int verb_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("cellos-helper " CELLOS_VERSION);
	return 0;
}

static void help_all(void)
{
	puts("cellos-helper - runs untrusted cells: governed from their first instruction,\n"
	     "with a report that proves what was enforced and that nothing is left\n");
	for (const struct verb *verb = verbs; verb->name; verb++) {
		int used = printf("  %s%s%s", verb->name, *verb->arguments ? " " : "",
				  verb->arguments);

		/* One that is wider than its column has a line of its own. */
		if (used > SUMMARY_COLUMN - 1)
			used = printf("\n") - 1;
		printf("%*s%s\n", SUMMARY_COLUMN - used, "", verb->summary);
	}
	puts("\nAll verbs but the last two take --cgroup-parent DIR, and see the cells there only.\n"
	     "Exit status of the verbs other than run: 0 done, 125 refused or failed.\n"
	     "More: cellos-helper help VERB, cellos-helper(8), cellos-cell(5).");
}

int verb_help(int argc, char **argv)
{
	if (argc < 2) {
		help_all();
		return 0;
	}
	for (const struct verb *verb = verbs; verb->name; verb++) {
		if (strcmp(verb->name, argv[1]))
			continue;
		printf("cellos-helper %s%s%s\n  %s\n%s%s", verb->name,
		       *verb->arguments ? " " : "", verb->arguments, verb->summary,
		       *verb->details ? "\n" : "", verb->details);
		return 0;
	}
	return verb_unknown(argv[1]);
}
