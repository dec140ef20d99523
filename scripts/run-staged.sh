#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-staged.sh tests|bench OBJTREE FOLDER... - run what these folders have built
#
# Cells run as users that cannot enter root's home, where the build may be. So
# everything is copied to a folder that all may search, run there, and removed:
#
#	$CELLOS_TESTDIR			that folder; workloads lie in it
#	$CELLOS_HELPER			the program, in it
#	$CELLOS_TESTDIR/FOLDER/NAME	the tests, each run by run-test.sh under prove
#	$CELLOS_SRCTREE, $CELLOS_OBJTREE	where all that comes from, for root to read
#
# As root, what tests leave on the host is swept afterwards, however they end.
set -eu

scripts=$(realpath "$(dirname "$0")")

die()
{
	echo "run-staged: $*" >&2
	exit 1
}

[ $# -ge 3 ] || die "usage: run-staged.sh tests|bench OBJTREE FOLDER..."
mode=$1
objtree=$(realpath "$2")
shift 2
case $mode in
tests) command -v prove >/dev/null || die "prove is missing: run scripts/install-deps.sh check" ;;
bench) ;;
*) die "no such mode: $mode" ;;
esac

# Two runs on one host would sweep each other's cells.
if [ "$(id -u)" = 0 ]; then
	umask 077
	exec 9>/run/cellos-selftest.lock
	flock -n 9 || { echo "run-staged: waiting for another run to end"; flock 9; }
fi

stage=$(mktemp -d /tmp/cellos-selftest.XXXXXX)

clean_up()
{
	trap '' HUP INT TERM
	find "$stage" -name '*.session' -exec cat {} + | while read -r session; do
		pkill -KILL -s "$session" || :
	done
	[ "$(id -u)" != 0 ] || "$scripts/sweep.sh" || :
	rm -rf "$stage"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

put()
{
	install -D -m 0755 -T "$1" "$stage/$2"
}

chmod 0755 "$stage"
umask 022
put "$objtree/helper/cellos-helper" cellos-helper
put "$scripts/run-test.sh" run-test.sh
for folder; do
	# A script lies in the source folder, which has no variants.
	source=selftests/${folder##*selftests/}
	while read -r kind name; do
		case $kind:$name in
		run:*.sh)
			put "$source/$name" "$folder/$name"
			echo "$folder/$name" ;;
		run:*)
			put "$objtree/$folder/$name" "$folder/$name"
			echo "$folder/$name" ;;
		workload:*)
			put "$objtree/$folder/$name" "$name" ;;
		esac
	done <"$objtree/$folder/manifest"
done >"$stage/list"
[ -s "$stage/list" ] || die "there is nothing to run in $*"

export CELLOS_TESTDIR="$stage" CELLOS_HELPER="$stage/cellos-helper"
export CELLOS_SRCTREE="${scripts%/*}" CELLOS_OBJTREE="$objtree"
cd "$stage"
# fd 9 is the lock: a test that hangs on must not hold it.
if [ "$mode" = tests ]; then
	verbose=; [ "${V:-}" != 1 ] || verbose=-v
	# shellcheck disable=SC2086
	xargs prove --norc --directives $verbose -e ./run-test.sh <list 9>&-
else
	while read -r name; do
		"$stage/$name" </dev/null 9>&-
	done <list
fi
