// SPDX-License-Identifier: MIT
/* The verb `kill`: a signal to one workload, through its pidfd. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "helper/caps.h"
#include "helper/leaves.h"
#include "helper/verbs.h"
#include "lib/io.h"

/* SIGTERM, TERM or 15; -1: no signal. */
static int parse_signal(const char *text)
{
	uint64_t n;

	if (!text_to_u64(text, 64, &n))
		return n ? (int)n : -1;
	if (!strncmp(text, "SIG", 3))
		text += 3;
	for (int sig = 1; sig < NSIG; sig++)
		if (sigabbrev_np(sig) && !strcmp(sigabbrev_np(sig), text))
			return sig;
	return -1;
}

static int parse_arguments(const struct verb_options *options, int *ret_sig, struct error *err)
{
	*ret_sig = SIGTERM;
	if (options->n_args == 0)
		return err_set(err, "options", EINVAL, "kill takes a cell id, and maybe a signal");
	if (options->n_args == 2)
		*ret_sig = parse_signal(options->args[1]);
	if (*ret_sig > 0)
		return 0;
	err_set(err, "options", EINVAL, "\"%.32s\" is no signal", options->args[1]);
	err_hint(err, "a name or a number: TERM, SIGTERM, 15");
	return -EINVAL;
}

/*
 * The stored inode says that the pidfd is the workload's; the process is then
 * asked for through that pidfd alone.
 */
static int signal_workload(struct cell *cell, int sig, struct error *err)
{
	struct pidref *workload = &cell->identity.workload;
	int ret = pidref_reopen(workload);
	int priv __free(priv) = -1;

	if (ret < 0) {
		fd_close(&workload->fd);
		return err_set(err, "kill", ret, "the workload of %s has ended or cannot be opened",
			       cell->identity.id);
	}
	if (!cgroup_leaf_has(cell->cgroup_id, cell->leaf, workload)) {
		fd_close(&workload->fd);
		return err_set(err, "kill", EXDEV, "process %d is not in the cgroup of %s",
			       workload->pid, cell->identity.id);
	}
	priv = caps_raise(PRIV_SIGNAL, err);
	if (priv < 0)
		ret = priv;
	else if (pidfd_send_signal(workload->fd, sig, NULL, 0) < 0)
		ret = err_set(err, "kill", errno, "cannot signal process %d", workload->pid);
	fd_close(&workload->fd);
	return ret;
}

int verb_kill(int argc, char **argv)
{
	struct verb_options options = { 0 };
	struct error err = { 0 };
	static struct host host;	/* large for a stack */
	struct cell cell;
	int sig, ret = verb_begin(argc, argv, 0, PRIV_MASK(PRIV_SIGNAL), 0, &options, &host,
				  &err);

	if (ret < 0)
		return verb_fail(&err);
	if (parse_arguments(&options, &sig, &err) == 0) {
		if (ret == 1)
			leaves_not_found(options.args[0], &err);
		else if (leaves_find(&host, options.args[0], &cell, &err) == 0) {
			signal_workload(&cell, sig, &err);
			cell_done(&cell);
		}
	}
	if (ret == 0)
		host_done(&host);
	return err.errnum ? verb_fail(&err) : 0;
}
