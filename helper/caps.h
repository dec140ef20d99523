/* SPDX-License-Identifier: MIT */
/*
 * The helper's own capabilities. Its effective set is empty but inside a
 * privileged operation, and every privileged operation stands in one closed
 * table (caps.c), with the reason why a hostile cell gains nothing from it.
 */
#ifndef HELPER_CAPS_H
#define HELPER_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"

/* The privileged operations. The order is that of the table in caps.c. */
enum priv {
	PRIV_CALLER_FILES,	/* open the files that the caller's command line names */
	PRIV_PARENT,		/* make the default cell parent */
	PRIV_EGRESS,		/* talk to nf_tables */
	PRIV_NETWORK,		/* make or enter a cell's network namespace */
	PRIV_NETWORK_FIND,	/* find it through a process of the cell */
	PRIV_NAMESPACES,	/* be born with namespaces of one's own, or into them */
	PRIV_OOM_SCORE,		/* bind the cell to its OOM score */
	PRIV_STDIO,		/* give the cell's pipes to the cell's uid */
	PRIV_SIGNAL,		/* signal a workload */
	PRIV_SWEEP,		/* in reconcile: nf_tables, and the names of all cgroups */
	PRIV_CREDENTIALS,	/* in the child: become the cell's uid, drop everything */
	PRIV_COUNT
};

/* What a verb is going to need: a set of enum priv. */
#define PRIV_MASK(p)	(1U << (p))

/**
 * caps_init() - give up everything but the capabilities of some operations
 * @needed: PRIV_MASK()s of the operations that this process will do
 * @err: step "capabilities"
 *
 * Permitted and bounding set keep just these, effective, inheritable and
 * ambient sets become empty. Applies to this thread and those that it starts.
 * The operations on namespaces may be missing: then they fail if they are needed,
 * for most cells have none of their own; and so may "oom-score". A caller that is not root
 * needs less.
 *
 * Return: 0; -EPERM: a capability is missing, named in @err.
 */
int caps_init(uint32_t needed, struct error *err);

/*
 * caps_forget() - give up operations for the rest of this thread's life: no set
 * keeps what no other operation needs. Before other threads are started.
 * @ops: PRIV_MASK()s
 */
int caps_forget(uint32_t ops, struct error *err);

/*
 * caps_bounding() - what the bounding set of this process's threads may still have in it,
 * bits of capability.h. It never grows; all bits where caps_init() could not lower it.
 */
uint64_t caps_bounding(void);

/* caps_of_root() - is the caller root? Else its own uid is all that its cells can have. */
bool caps_of_root(void);

/* caps_hold() - has this process an operation that may be missing? */
bool caps_hold(enum priv op);

/* caps_raise() and caps_lower() - begin and end a privileged operation. */
int caps_raise(enum priv op, struct error *err);
void caps_lower(void);

/* Ends a privileged operation with the scope: int priv __free(priv) = caps_raise(...); */
DEFINE_FREE(priv, int, if (*p == 0) caps_lower())

/* For `probe` and the manual: the table as text. */
const char *priv_name(enum priv op);
const char *priv_capabilities(enum priv op);
const char *priv_reason(enum priv op);

#endif /* HELPER_CAPS_H */
