// SPDX-License-Identifier: MIT
/* One cell in the foreground: up, wait, down, and what to say of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/teardown.h"
#include "helper/verbs.h"
#include "lib/io.h"

/* How the workload ended, if nobody of ours ended it. */
static void judge_exit(const struct wait *wait, struct ending *ending)
{
	const siginfo_t *info = &wait->info;

	*ending = (struct ending){ .kind = CELLOS_UNKNOWN };
	if (!info->si_pid)
		return;
	if (info->si_code == CLD_EXITED) {
		ending->kind = CELLOS_EXITED;
		ending->code = info->si_status;
		return;
	}
	ending->kind = CELLOS_SIGNALED;
	ending->signal = info->si_status;
	ending->core_dumped = info->si_code == CLD_DUMPED;
}

static int exit_status(const struct cell *cell, const struct run_result *result)
{
	const struct ending *ending = &result->ending;

	/* The workload's own code says nothing of a run in which something failed. */
	if (result->teardown.n_residue || result->teardown.incomplete ||
	    (result->error.errnum && ending->kind != CELLOS_FAILED))
		return CELLOS_EXIT_FAILED;
	switch (ending->kind) {
	case CELLOS_EXITED:
		return ending->code;
	case CELLOS_SIGNALED:
		return CELLOS_EXIT_SIGNAL_BASE + ending->signal;
	case CELLOS_FORCED:
		if (ending->reason == CELLOS_FORCED_TTL)
			return CELLOS_EXIT_TTL;
		if (ending->reason == CELLOS_FORCED_DESTROY)
			return CELLOS_EXIT_SIGNAL_BASE + SIGKILL;
		return CELLOS_EXIT_SIGNAL_BASE + cell->wait.caller_signal;
	case CELLOS_FAILED:
		return cell->exit_status;
	default:
		return CELLOS_EXIT_FAILED;
	}
}

/*
 * Whoever asks for it may not know what it is to be uid 0. Not before it is: of a cell that
 * is refused there is nothing to be warned of.
 */
static void warn_of_root(const struct plan *plan)
{
	if (!plan->user.dynamic && plan->user.uid == 0)
		dprintf(STDERR_FILENO, "cellos-helper: warning: cell %s keeps the host's uid 0: "
			"files that root owns are its own\n", plan->cell_id);
}

/* Up, and, if that went well, until the workload has ended. */
static int live(struct cell *cell, const struct cell_step *steps, struct error *err)
{
	int ret = wait_for_signals(cell, err);

	if (ret == 0)
		ret = cell_up(cell, steps, err);
	if (ret < 0)
		return ret;
	warn_of_root(cell->plan);
	stdio_pump(&cell->stdio, cell->host->loop);
	wait_for_exit(cell);
	ret = wait_until_exited(cell, err);
	if (cell->wait.exited)
		cell->stats.wall_usec = (cell->wait.ended - cell->wait.born) / NSEC_PER_USEC;
	return ret;
}

static void drain(struct cell *cell, struct error *err)
{
	int errnum = 0;
	uint64_t lost = stdio_drain(&cell->stdio, cell->host->loop, &errnum);

	/* A reader that went away has chosen to; any other loss is a failure. */
	if (lost && errnum != EPIPE)
		err_set(err, "stdio", errnum, "%llu bytes of the workload's output are lost",
			(unsigned long long)lost);
}

static void judge(const struct cell *cell, int status, struct run_result *ret)
{
	if (status < 0 && !cell->wait.ran)
		ret->ending.kind = CELLOS_FAILED;
	else if (cell->wait.exited)
		judge_exit(&cell->wait, &ret->ending);
	else
		ret->ending.kind = CELLOS_UNKNOWN;
	if (!cell->wait.stopping) {
		if (ret->ending.kind == CELLOS_UNKNOWN && !ret->error.errnum)
			err_set(&ret->error, "wait", cell->wait.lost, "nobody can tell how the "
				"workload ended");
		return;
	}
	ret->ending = (struct ending){ CELLOS_FORCED, .reason = cell->wait.reason };
	if (ret->error.errnum == ECANCELED)
		ret->error = (struct error){ 0 };
}

/*
 * Another process may be tearing the cell down: then it has the win, and we tell
 * what we saw. If it dies before it is through, the cell is ours again.
 */
static void tear_down(struct cell *cell, const struct cell_step *steps, struct run_result *ret,
		      struct error *err)
{
	int claim;

	while ((claim = teardown_claim(cell, "run", err)) == -EALREADY || claim == -ENOENT) {
		ret->ending = (struct ending){ CELLOS_FORCED, .reason = CELLOS_FORCED_DESTROY };
		if (teardown_watch(cell))
			continue;
		memcpy(ret->teardown.cell_id, cell->identity.id, sizeof(ret->teardown.cell_id));
		wait_reap(cell, NULL);
		/* What is in a network of its own goes with it, and this holds it. */
		if (cell->identity.net == CELLOS_NET_OWN) {
			network_done(&cell->network);
			cell->network.gone = true;
		}
		residue_look(cell, &ret->teardown);
		return;
	}
	teardown_cell(cell, steps, &ret->teardown, err);
	/* Rules that it had begun to remove were not tampered with. */
	if (ret->ending.kind == CELLOS_FORCED && ret->ending.reason == CELLOS_FORCED_DESTROY)
		cell->tampered = false;
}

int run_cell(struct cell *cell, const struct cell_step *steps, struct run_result *ret)
{
	struct error late = { 0 };

	*ret = (struct run_result){ .cell = cell };
	judge(cell, live(cell, steps, &ret->error), ret);
	tear_down(cell, steps, ret, &late);
	drain(cell, &late);
	if (!ret->error.errnum && (ret->teardown.n_residue || ret->teardown.incomplete ||
				   cell->tampered || !strcmp(late.step, "stdio")))
		ret->error = late;
	return exit_status(cell, ret);
}
