/* SPDX-License-Identifier: MIT */
/*
 * What a teardown left. The host is looked at, after the fact; that a removal
 * returned 0 proves nothing here.
 */
#ifndef HELPER_RESIDUE_H
#define HELPER_RESIDUE_H

#include <stdbool.h>
#include <sys/types.h>

#include "helper/cell.h"
#include "uapi/cellos.h"

/* A fork bomb that outlives SIGKILL need not be listed to its last process. */
#define RESIDUE_MAX	256

/**
 * struct residue - one thing that is left
 * @what: path, name of the table, or kind of IPC object
 * @pid: of a process; @state and @wchan: as in proc(5)
 * @count: elements or objects; 0: does not apply
 */
struct residue {
	enum cellos_residue kind;
	char what[512];
	pid_t pid;
	char state;
	char wchan[64];
	unsigned int count;
};

/**
 * struct teardown - a TeardownReport
 * @destroyed: this process removed the cell, and nothing is left
 * @peers: cells that remain below the parent
 * @residue: allocated; teardown_done()
 * @incomplete: there is more than could be listed
 */
struct teardown {
	char cell_id[CELLOS_ID_MAX + 1];
	bool destroyed;
	unsigned int peers;
	struct residue *residue;
	unsigned int n_residue;
	bool incomplete;
};

/* residue_look() - fill @ret->residue and @ret->peers from the host as it is now. */
void residue_look(struct cell *cell, struct teardown *ret);

/* teardown_done() - release the list. */
void teardown_done(struct teardown *teardown);

#endif /* HELPER_RESIDUE_H */
