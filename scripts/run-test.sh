#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-test.sh TEST - run one test, with a deadline
# run-test.sh --kill SESSION - kill all processes of a session; true if there were any
#
# The test gets a session of its own; what is left of it afterwards is killed,
# and cannot keep the caller waiting either: it holds files, not the caller's pipe.
# The TAP of stdout goes to stdout, stderr is shown only if the test has failed.
# With the tools of busybox, too, which has no pkill.
set -u

# Zombies only wait for their parent to look.
kill_session()
{
	found=$(grep -ls "^NSsid:[[:space:]]*$1\([[:space:]]\|\$\)" /proc/[0-9]*/status)
	# shellcheck disable=SC2086
	[ -z "$found" ] || found=$(grep -Ls '^State:[[:space:]]*[XZ]' $found)
	[ -n "$found" ] || return 1
	for process in $found; do
		pid=${process#/proc/}
		kill -KILL "${pid%/status}" 2>/dev/null
	done
}

if [ "$1" = --kill ]; then
	kill_session "$2"
	exit
fi
test=$1
deadline=${TEST_TIMEOUT:-300}

# shellcheck disable=SC2016
setsid sh -c 'echo $$ >"$1.session"; exec timeout -k 5 "$2" "./$1"' \
	sh "$test" "$deadline" </dev/null >"$test.out" 2>"$test.err"
status=$?
if kill_session "$(cat "$test.session")"; then
	echo "# $test: killed processes that it left"
fi
rm "$test.session"

cat "$test.out"
# busybox's timeout becomes the test: then the signal is seen.
case $status in
124|137|143) echo "$test: stopped at its deadline of $deadline s" >&2 ;;
esac
if [ "$status" != 0 ] || grep -q '^not ok' "$test.out"; then
	sed "s|^|$test: |" "$test.err" >&2
fi
exit "$status"
