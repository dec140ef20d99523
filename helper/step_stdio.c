// SPDX-License-Identifier: MIT
/* Step "stdio": what the workload's fds 0, 1 and 2 will be. */
#include "helper/cell.h"

int stdio_up(struct cell *cell, struct error *err)
{
	cell->stdio.owner = namespaces_owner(cell);
	return stdio_make(&cell->stdio, cell->plan->stdio, cell->identity.uid,
			  cell->identity.gid, err);
}

int stdio_down(struct cell *cell, struct error *err)
{
	(void)err;
	stdio_close_child(&cell->stdio);
	return 0;
}
