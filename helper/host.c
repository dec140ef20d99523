// SPDX-License-Identifier: MIT
#include "helper/host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "helper/caps.h"
#include "helper/cgroup_level.h"
#include "helper/domain.h"
#include "helper/identity.h"
#include "helper/seccomp.h"
#include "lib/cleanup.h"

static int open_nft(struct host *host, struct error *err)
{
	int priv __free(priv) = caps_raise(PRIV_EGRESS, err);
	char table[48];

	int ret = priv < 0 ? priv : nft_open(&host->nft, err);

	/* Levels that are counted from elsewhere must not meet ours in one table. */
	if (ret == 0 && host->parent.root) {
		snprintf(table, sizeof(table), "cellos_cgroup%" PRIu64, host->parent.root);
		nft_use_table(host->nft, table);
	}
	if (ret == 0 && host->loop)
		loop_outlive(host->loop, nft_fd(host->nft));
	return ret;
}

/* A kernel may have no Landlock; but one that has it does not go without for want of an fd. */
static int open_domain(struct host *host, struct error *err)
{
	host->domain_fd = domain_open();
	if (host->domain_fd >= 0 || domain_abi() < 0)
		return 0;
	return err_set(err, "host", host->domain_fd, "cannot make a Landlock domain");
}

int host_open(const char *parent, unsigned int parts, struct host *ret, struct error *err)
{
	struct host host = {
		.parent = CGROUP_PARENT_NONE,
		.domain_fd = -EBADF,
		.self = PIDREF_NONE,
	};
	int status = cgroup_parent_open(parent, parts & HOST_CREATE, &host.parent, err);

	if (status == 0 && parts & HOST_NFT)
		status = cgroup_level_find(&host.parent, err);
	/* Before there is a second thread, which would keep what only this one gives up. */
	if (status == 0 && parts & HOST_CREATE)
		status = caps_forget(PRIV_MASK(PRIV_PARENT), err);
	if (status == 0)
		status = pidref_self(&host.self);
	if (status == 0)
		status = identity_namespaces(&host.netns, &host.pidns);
	if (status == 0 && parts & HOST_SPAWN)
		status = filter_available(err);
	/* The spawner first: its kept fds shall have low numbers. */
	if (status == 0 && parts & HOST_SPAWN)
		status = spawner_open(&host.spawner, err);
	if (status == 0 && parts & HOST_LOOP)
		status = loop_open(&host.loop, err);
	if (status == 0 && parts & HOST_NFT)
		status = open_nft(&host, err);
	if (status == 0 && parts & HOST_SPAWN)
		status = open_domain(&host, err);
	if (status == 0 && parts & HOST_SPAWN)
		host.core_target = process_core_target();
	if (status < 0) {
		host_done(&host);
		return status == -ENOENT ? status : err_set(err, "host", status,
							    "cannot open the host");
	}
	*ret = host;
	return 0;
}

void host_done(struct host *host)
{
	fd_close(&host->domain_fd);
	pidref_done(&host->self);
	spawner_close(host->spawner);
	if (host->nft)
		nft_close(host->nft);
	loop_close(host->loop);
	cgroup_parent_done(&host->parent);
	*host = (struct host){
		.parent = CGROUP_PARENT_NONE, .domain_fd = -EBADF, .self = PIDREF_NONE,
	};
}
