#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sweep.sh - remove what tests may have left on this host
#
# That is: cgroups named cellos-selftest* at the top of the cgroup2 hierarchy,
# with all that lives in them; then the nftables table `inet cellos`, unless a
# cell lives elsewhere. Nothing else is touched.
set -eu

say()
{
	echo "sweep: $*" >&2
}

[ "$(id -u)" = 0 ] || { say "needs root"; exit 1; }

# mountinfo: ID PARENT DEV ROOT MOUNTPOINT OPTIONS [FIELDS...] - TYPE SOURCE OPTIONS
mount=$(awk '$4 == "/" && / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
[ -n "$mount" ] || exit 0

is_empty()
{
	grep -q '^populated 0$' "$1/cgroup.events"
}

# Killing takes the kernel a moment; 10 s is for a very busy host.
wait_empty()
{
	tries=100
	until is_empty "$1"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

status=0
for cgroup in "$mount"/cellos-selftest*/; do
	[ -d "$cgroup" ] || continue
	cgroup=${cgroup%/}
	# The name ends in the pid of its test: one that was started by hand may live.
	pid=${cgroup##*-}
	case $pid in
	*[!0-9]*|'') ;;
	*) if kill -0 "$pid" 2>/dev/null; then
		say "leaving $cgroup to process $pid"
		continue
	   fi ;;
	esac
	say "removing $cgroup"
	echo 0 >"$cgroup/cgroup.freeze" || :
	echo 1 >"$cgroup/cgroup.kill" || :
	wait_empty "$cgroup" || say "$cgroup: processes will not die"
	find "$cgroup" -depth -type d -exec rmdir {} \; || status=1
done

lives=$(find "$mount" -type d -name 'cellos_*' -print -quit)
if [ -z "$lives" ] && command -v nft >/dev/null &&
   nft list table inet cellos >/dev/null 2>&1; then
	say "removing the table inet cellos"
	nft delete table inet cellos || status=1
fi
exit $status
