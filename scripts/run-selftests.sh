#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-selftests.sh [--here] [--prove | --plain] [TEST...] - run the tests of this folder
#
# The folder is one that `make selftests-install INSTALL_PATH=DIR` has made. A TEST is a
# line of the file `list`, or its last part; none: all of them. The result is KTAP: a line
# for each test program, before it what the program says itself, indented. --prove hands
# all to prove(1), --plain runs the programs and looks at nothing. Ends with 0 only if all
# passed or said why they skip.
#
# Cells run as users that cannot enter root's home, where the folder may be. So all is
# copied to a folder that everybody may search, run there, and removed; --here: this is it.
#
#	$CELLOS_TESTDIR			that folder; workloads lie in it
#	$CELLOS_HELPER			the program, in it
#	$CELLOS_SRCTREE, $CELLOS_OBJTREE	documents, and what samples execute, for root
#	$TEST_TIMEOUT			seconds that a test program may take (300)
#
# As root, what tests leave on the host is swept afterwards, however they end.
set -eu

folder=$(realpath "$(dirname "$0")")

die()
{
	echo "run-selftests: $*" >&2
	exit 1
}

here=
harness=ktap
while :; do
	case ${1:-} in
	--here) here=y ;;
	--prove) harness=prove ;;
	--plain) harness=plain ;;
	-*) die "no such option: $1" ;;
	*) break ;;
	esac
	shift
done

# Two runs on one host would sweep each other's cells. A guest is alone, and has no flock.
if [ "$(id -u)" = 0 ]; then
	umask 077
	exec 9>/run/cellos-selftest.lock
	if command -v flock >/dev/null; then
		flock -n 9 || { echo "# waiting for another run to end"; flock 9; }
	fi
fi

stage=$folder
[ -n "$here" ] || stage=$(mktemp -d /tmp/cellos-selftest.XXXXXX)

clean_up()
{
	trap '' HUP INT TERM
	find "$stage" -name '*.session' | while read -r session; do
		"$stage/run-test.sh" --kill "$(cat "$session")" || :
	done
	[ "$(id -u)" != 0 ] || "$stage/sweep.sh" || :
	[ -n "$here" ] || rm -rf "$stage"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

umask 022
[ -n "$here" ] || cp -R "$folder/." "$stage"
chmod 0755 "$stage"
export CELLOS_TESTDIR="$stage" CELLOS_HELPER="$stage/helper/cellos-helper"
export CELLOS_SRCTREE="${CELLOS_SRCTREE:-$stage/src}" CELLOS_OBJTREE="${CELLOS_OBJTREE:-$stage}"
if [ -d "$stage/lib" ]; then
	export LD_LIBRARY_PATH="$stage/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
cd "$stage"

for name; do
	grep -x -e "$name" -e ".*/$name" list || die "no such test: $name"
done >wanted
[ $# -gt 0 ] || cp list wanted

# What a program has said, as two words and a text: a verdict, the number of its tests, why.
# "not ok" with a directive is a failure that is expected.
verdict()
{
	awk -v status="$1" '
	/^1\.\.[0-9]/ { plan = substr($1, 4); whole = $0 }
	/^(not )?ok / { n++ }
	/^(not )?ok .* # *SKIP/ { skipped++; why = $0 }
	/^not ok / && !/ # *(SKIP|TODO|XFAIL)/ { failed++ }
	END {
		if (whole ~ /# *SKIP/) { skipped = n = plan = 1; why = whole }
		sub(/.*# *SKIP */, "", why)
		if (status != 0 && status != 4)	print "fail", n + 0, "ended with status " status
		else if (plan == "")		print "fail", n + 0, "said no plan"
		else if (n != plan)		print "fail", n + 0, "had planned " plan
		else if (failed)		print "fail", n, failed " failed"
		else if (n > 0 && skipped == n)	print "skip", n, why
		else				print "pass", n, skipped ? skipped " skipped" : ""
	}' "$2"
}

# 9 is the lock: a test that hangs on must not hold it.
run_one()
{
	number=$1
	name=$2
	began=$(date +%s)
	status=0
	echo "  # Subtest: $name"
	./run-test.sh "$name" </dev/null >.out 2>.err 9>&- || status=$?
	sed 's/^/  /' .out
	sed 's/^/  # /' .err
	verdict $status .out >.verdict
	read -r word tests why <.verdict
	took="$(($(date +%s) - began)) s"
	case $word in
	pass) passed=$((passed + 1)); echo "ok $number $name # $tests tests, $took${why:+, $why}" ;;
	skip) skipped=$((skipped + 1)); echo "ok $number $name # SKIP $why" ;;
	fail) failed=$((failed + 1)); echo "not ok $number $name # $tests tests, $took, $why" ;;
	esac
}

run_ktap()
{
	passed=0 skipped=0 failed=0 number=0
	echo "KTAP version 1"
	echo "1..$(grep -c . wanted)"
	while read -r test; do
		number=$((number + 1))
		run_one $number "$test"
	done <wanted
	echo "# Totals: pass:$passed fail:$failed skip:$skipped"
	[ $failed = 0 ]
}

case $harness in
ktap)
	run_ktap ;;
prove)
	command -v prove >/dev/null || die "prove is missing: run scripts/install-deps.sh check"
	verbose=; [ "${V:-}" != 1 ] || verbose=-v
	# shellcheck disable=SC2086
	xargs prove --norc --directives $verbose -e ./run-test.sh <wanted 9>&- ;;
plain)
	while read -r test; do
		"$stage/$test" </dev/null 9>&-
	done <wanted ;;
esac
