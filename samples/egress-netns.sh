#!/bin/sh
# SPDX-License-Identifier: MIT
#
# egress-netns.sh DOCUMENT - run a cell in a network namespace that has one uplink
#
# The namespace, its veth pair and its route are the supervisor's: made before the
# cell, removed after it. In there the cell sees eth0 with 198.18.0.2, and this host
# as 198.18.0.1; its rules stand in the namespace, in a table of its own. How the
# host forwards further is in cellos-egress(7). Ends with the status of `run`.
set -eu

ns=cellos-sample-$$
uplink=up-$$

clean_up()
{
	ip link del "$uplink" 2>/dev/null || :
	ip netns del "$ns" 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

ip netns add "$ns"
ip link add "$uplink" type veth peer name eth0 netns "$ns"
ip addr add 198.18.0.1/30 dev "$uplink"
ip link set "$uplink" up
ip -n "$ns" link set lo up
ip -n "$ns" addr add 198.18.0.2/30 dev eth0
ip -n "$ns" link set eth0 up
ip -n "$ns" route add default via 198.18.0.1

"${CELLOS_HELPER:-cellos-helper}" run --netns "/run/netns/$ns" "$1"
