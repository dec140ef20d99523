// SPDX-License-Identifier: MIT
/* Whole processes: the helper, other programs, and nothing but the workload. */
#include "lib/cleanup.h"
#include "selftests/bench/bench.h"
#include "selftests/bench/peers.h"

#define HELPER_RUN	"{helper}", "run", "--cgroup-parent", "{parent}"
#define DOCUMENT	"{scratch}/document.json"
#define ROOTFS		"--ro-bind", "{scratch}/rootfs", "/", "/true"
#define OCI(tool, name)	tool, "--root={scratch}/" tool "-" name, "run", \
			"--bundle={scratch}/" name, "bench-" name

enum {
	PLAIN, ALONE, PEOPLED, REPORT, CRUN, CRUN_USUAL, RUNC, BWRAP_ALL, BWRAP,
	PLAIN_FDS, HELPER_FDS, LANES
};

static void print(const struct lane *lanes)
{
	const struct series *crun = lanes[CRUN].series, *bwrap = lanes[BWRAP_ALL].series;

	table_head("Whole process, spawned and waited for: 5 egress rules, static true");
	lane_row(NULL, &lanes[PLAIN], 0, NULL, 0);
	for (int i = CRUN; i <= BWRAP; i++)
		lane_row(NULL, &lanes[i], 0, NULL, 0);
	lane_row(NULL, &lanes[PEOPLED], 0, NULL, 0);
	lane_row("  against crun run", &lanes[PEOPLED], 0, crun, 0.35);
	lane_row("  against runc run", &lanes[PEOPLED], 0, lanes[RUNC].series, 0);
	lane_row("  against bwrap --unshare-all", &lanes[PEOPLED], 0, bwrap, 0.7);
	lane_row(NULL, &lanes[ALONE], 0, NULL, 0);
	lane_row("  against crun run", &lanes[ALONE], 0, crun, 0.35);
	lane_row("  against bwrap --unshare-all", &lanes[ALONE], 0, bwrap, 0.7);
	lane_row(NULL, &lanes[REPORT], 0, lanes[PEOPLED].series, 0);
	lane_row(NULL, &lanes[HELPER_FDS], 0, lanes[PEOPLED].series, 0);
	lane_row(NULL, &lanes[PLAIN_FDS], 0, lanes[PLAIN].series, 0);
	table_note("The last two: what 10,000 fds cost is the caller's spawn and the exit of who "
		   "inherits them.");
}

void part_whole(void)
{
	const unsigned int many = pick(10000, 500);
	const struct peer peers[LANES] = {
		[PLAIN] = { .argv = { "{true}" } },
		[ALONE] = { .argv = { HELPER_RUN, DOCUMENT } },
		[PEOPLED] = { .argv = { HELPER_RUN, DOCUMENT }, .crowd = 1 },
		[REPORT] = { .argv = { HELPER_RUN, "--report", "{scratch}/report", DOCUMENT },
			     .crowd = 1 },
		[CRUN] = { .argv = { OCI("crun", "lean") }, .cgroup2 = true },
		[CRUN_USUAL] = { .argv = { OCI("crun", "usual") }, .cgroup2 = true },
		[RUNC] = { .argv = { OCI("runc", "lean") }, .cgroup2 = true },
		[BWRAP_ALL] = { .argv = { "bwrap", "--unshare-all", ROOTFS } },
		[BWRAP] = { .argv = { "bwrap", ROOTFS } },
		[PLAIN_FDS] = { .argv = { "{true}" }, .fds = many },
		[HELPER_FDS] = { .argv = { HELPER_RUN, DOCUMENT }, .crowd = 1, .fds = many },
	};
	struct lane lanes[LANES] = {
		[PLAIN] = { .name = "posix_spawn of the static true" },
		[ALONE] = { .name = "cellos-helper run, no other cell lives" },
		[PEOPLED] = { .name = "cellos-helper run, another cell lives" },
		[REPORT] = { .name = "the same with --report to a file" },
		[CRUN] = { .name = "crun run, lean bundle" },
		[CRUN_USUAL] = { .name = "crun run, bundle as of crun spec" },
		[RUNC] = { .name = "runc run, lean bundle" },
		[BWRAP_ALL] = { .name = "bwrap --unshare-all" },
		[BWRAP] = { .name = "bwrap, a mount namespace only" },
		[PLAIN_FDS] = { .name = "the static true, 10,000 fds inherited" },
		[HELPER_FDS] = { .name = "cellos-helper run, 10,000 fds inherited" },
	};
	const struct turns turns = {
		.rounds = pick(60, 3), .burst = 2, .warm_up = pick(4, 1), .settle_ms = 20,
	};

	peers_prepare();
	for (int i = 0; i < LANES; i++) {
		lanes[i].ops = &peer_ops;
		lanes[i].arg = &peers[i];
	}
	lanes_run(lanes, LANES, &turns);
	print(lanes);
}
