#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-staged.sh tests|bench OBJTREE FOLDER... - run what these folders have built
#
# In a folder of /tmp, by run-selftests.sh; documents and the like are this tree's.
set -eu

scripts=$(realpath "$(dirname "$0")")

die()
{
	echo "run-staged: $*" >&2
	exit 1
}

[ $# -ge 3 ] || die "usage: run-staged.sh tests|bench OBJTREE FOLDER..."
case $1 in
tests) how=--prove ;;
bench) how=--plain ;;
*) die "no such mode: $1" ;;
esac
objtree=$(realpath "$2")
shift 2

stage=$(mktemp -d /tmp/cellos-selftest.XXXXXX)
trap 'rm -rf "$stage"' EXIT
# A terminal tells the runner, too, and that one cleans up first.
trap 'exit 130' HUP INT TERM

"$scripts/install-selftests.sh" "$objtree" "$stage" "$@"
export CELLOS_SRCTREE="${scripts%/*}" CELLOS_OBJTREE="$objtree"
"$stage/run-selftests.sh" --here $how
