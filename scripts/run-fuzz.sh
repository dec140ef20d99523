#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-fuzz.sh DIR SECONDS - run each fuzz target that was built in DIR
#
# The corpus of NAME grows in DIR/corpus/NAME; selftests/fuzz/NAME/ holds its
# seeds, if there are any. What makes a target fail stays in DIR.
set -eu

dir=$1
seconds=$2

grep -q '^run ' "$dir/manifest" || { echo "run-fuzz: no fuzz target" >&2; exit 1; }

while read -r _ name; do
	[ -n "$name" ] || continue
	corpus=$dir/corpus/$name
	mkdir -p "$corpus"
	seeds=selftests/fuzz/$name
	[ -d "$seeds" ] || seeds=
	"$dir/$name" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
		-artifact_prefix="$dir/$name-" "$corpus" ${seeds:+"$seeds"}
done <"$dir/manifest"
