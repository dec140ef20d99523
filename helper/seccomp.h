/* SPDX-License-Identifier: MIT */
/*
 * The filter of system calls that every cell is born with.
 *
 * Its floor is in force in each, whatever the profile. The egress rules judge IPv4 and
 * IPv6 packets by the cgroup of their socket, so a cell may make no socket whose traffic
 * they do not see, and none that takes part in what belongs to a socket of the host; nor
 * may it make an object that outlives its processes, for a cell leaves nothing.
 *
 * The profile "baseline", which is the default, closes more; "none" is the floor alone;
 * and a program of the caller's (seccomp_check.h) is installed above the floor.
 *
 * A filter cannot change while a process lives. What it opens is decided by the
 * rules that the cell was born with: a rule for sctp, icmp or icmpv6 that comes
 * later does not open the socket type, and one that goes does not close it (its
 * packets are denied then, as all others).
 */
#ifndef HELPER_SECCOMP_H
#define HELPER_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>

#include "lib/err.h"
#include "nft/policy.h"

/* How filters differ. */
#define FILTER_SCTP		0x1	/* the cell has rules for sctp */
#define FILTER_ICMP		0x2	/* for icmp */
#define FILTER_ICMPV6		0x4	/* for icmpv6 */
#define FILTER_OWN_NETNS	0x8	/* nobody else is in its network namespace */
#define FILTER_OWN_IPC		0x10	/* nor in its IPC namespace */
#define FILTER_BASELINE		0x20	/* more than the floor: seccomp_baseline.c */
#define FILTER_VARIANTS		64

/*
 * The filters, as programs for seccomp(2): made of seccomp_table.c while the helper
 * is built. Nobody can write them.
 */
extern const struct sock_fprog filter_programs[FILTER_VARIANTS];

/**
 * filter_no_unix - closes the Unix sockets of others, above the floor
 *
 * For the host's uid 0, which service managers, message buses and container engines obey,
 * wherever their sockets lie; and for a uid that owns cgroups, whose own daemons outside of
 * the cell are as free as it is to leave them. A pair of connected sockets reaches nobody
 * else and stays open; not one of datagrams, which can be sent to any address.
 */
extern const struct sock_fprog filter_no_unix;

/**
 * filter_available() - can this kernel do what a filter needs?
 * @err: step "seccomp"
 *
 * Return: 0 or -errno.
 */
int filter_available(struct error *err);

/**
 * struct filter_needs - what decides about a cell's filter
 * @policy: its rules at birth
 * @enforced: false: they are off, and so nothing that they would see is closed
 * @own_netns: nobody else is in its network namespace
 * @own_ipc: nor in its IPC namespace, which ends with it
 * @baseline: the profile of that name; false: the floor alone
 */
struct filter_needs {
	const struct egress_policy *policy;
	bool enforced;
	bool own_netns;
	bool own_ipc;
	bool baseline;
};

/**
 * filter_variant() - which filter fits a cell
 *
 * Return: FILTER_* bits: an index of filter_programs.
 */
unsigned int filter_variant(const struct filter_needs *needs);

/**
 * filter_probe() - install a filter in a process made for it, and see it work
 * @err: step "seccomp"
 *
 * Context: a process with one thread.
 * Return: 0 or -errno.
 */
int filter_probe(struct error *err);

#endif /* HELPER_SECCOMP_H */
