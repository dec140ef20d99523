#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench-figures.sh OBJTREE - put the figures of the last `make bench` into Documentation/
#
# That is: Documentation/egress-scale.svg, and the tables of
# Documentation/performance.md that stand below `<!-- bench: TITLE -->`; what a run with
# BENCH_PARTS= did not measure stays as it is. All tables are printed, too. OBJTREE is
# .build, or O/.build.
set -eu

[ $# = 1 ] || { echo "usage: bench-figures.sh OBJTREE" >&2; exit 1; }
data=$(realpath "$1")/bench.tsv
cd "$(dirname "$0")/.."
[ -e "$data" ] || { echo "bench-figures: no $data: run make bench" >&2; exit 1; }

page=Documentation/performance.md
picture=Documentation/egress-scale.svg
new=$(mktemp)
trap 'rm -f "$new"' EXIT

awk -f scripts/bench-tables.awk "$data" "$page" >"$new"
cat "$new" >"$page"
if grep -q '^point' "$data"; then
	awk -f scripts/bench-plot.awk "$data" >"$new"
	cat "$new" >"$picture"
fi
awk -f scripts/bench-tables.awk "$data"
echo "bench-figures: wrote $page and $picture" >&2
