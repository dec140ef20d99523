#!/bin/sh
# SPDX-License-Identifier: MIT
#
# supervise.sh DOCUMENT - run a cell, then say in one line how it ended
#
# The workload's stdout and stderr pass through; the report comes by fd 3. Ends
# with 0 if the workload did, and with 2 if the host is not as it was before:
# then somebody has to look.
set -eu

report=$(mktemp)
trap 'rm -f "$report"' EXIT

status=0
"${CELLOS_HELPER:-cellos-helper}" run --report fd:3 "$1" 3>"$report" || status=$?

if [ "$(jq -r '.teardown.residue | length' "$report")" != 0 ]; then
	jq -c .teardown.residue "$report" >&2
	exit 2
fi
# An exit status alone cannot tell an exit of 137 from a SIGKILL; the report can.
jq -r '"\(.cellId): " + if .error then "\(.error.step): \(.error.message)"
	elif .exit.kind == "exited" then "exited with \(.exit.code)"
	elif .exit.kind == "signaled" then "killed by \(.exit.signalName)"
	else "ended by the helper: \(.exit.reason)" end +
	", \(.egress.denied.packets // 0) packets denied"' "$report" >&2
[ "$status" = 0 ]
