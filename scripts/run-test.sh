#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-test.sh TEST - run one test for prove, with a deadline
#
# The test gets a session of its own; what is left of it afterwards is killed,
# and cannot keep prove waiting either: it holds files, not prove's pipe. The
# TAP of stdout goes to prove, stderr is shown only if the test has failed.
set -u

test=$1
deadline=${TEST_TIMEOUT:-300}

# shellcheck disable=SC2016
setsid -w sh -c 'echo $$ >"$1.session"; exec timeout -k 5 "$2" "./$1"' \
	sh "$test" "$deadline" </dev/null >"$test.out" 2>"$test.err"
status=$?
if pkill -KILL -s "$(cat "$test.session")"; then
	echo "# $test: killed processes that it left"
fi
rm "$test.session"

cat "$test.out"
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
	echo "$test: stopped at its deadline of $deadline s" >&2
fi
if [ "$status" != 0 ] || grep -q '^not ok' "$test.out"; then
	sed "s|^|$test: |" "$test.err" >&2
fi
exit "$status"
