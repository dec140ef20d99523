#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-sample.sh OBJTREE DOCUMENT - run one cell and show what it proves
#
# The document is run as it is. The samples that look at themselves need
# /var/lib/cellos-sample, where every user can execute samples/show, and some need
# servers on loopback: for these both are made and removed again. Ends with the status of
# `cellos-helper run`.
#
# The whole report is left in OBJTREE/samples/report.json, or in $REPORT.
set -eu

stage=/var/lib/cellos-sample
servers="127.77.0.1:7077 127.77.0.2:7077 [::1]:7077"

die()
{
	echo "run-sample: $*" >&2
	exit 1
}

[ $# = 2 ] || die "usage: run-sample.sh OBJTREE DOCUMENT"
[ "$(id -u)" = 0 ] || die "needs root"
helper=$1/helper/cellos-helper
samples=$1/samples
document=$2
report=${REPORT:-$samples/report.json}
[ -x "$helper" ] || die "no $helper: run make first"
[ -r "$document" ] || die "cannot read the document $document"
command -v jq >/dev/null || die "jq is missing: run scripts/install-deps.sh run"

# Only as long as a sample needs it; the lock is for two of them at once.
make_stage()
{
	umask 077
	exec 9>/run/cellos-sample.lock
	flock -n 9 || { echo "run-sample: waiting for another sample to end"; flock 9; }
	rm -rf "$stage"
	mkdir "$stage"
	trap 'rm -rf "$stage"' EXIT
	install -m 0755 "$samples/show" "$stage/show"
	chmod 0755 "$stage"
	umask 022
	: >"$samples/connections"
}

heading()
{
	printf '\n%s\n' "$*"
}

# A signal is the helper's to handle: it ends the cell, and there still is a report
# to show. A terminal sends its signals to the helper, too; SIGTERM is passed on.
# Then `wait` comes back early, and the helper is waited for again.
run_cell()
{
	set -- "$helper" run --report "$report" "$document"
	if [ -n "$served" ]; then
		# shellcheck disable=SC2086
		set -- "$samples/listen" "$samples/connections" $servers -- "$@"
	fi
	pid=
	trap : HUP INT
	trap '[ -z "$pid" ] || kill -TERM "$pid"' TERM
	"$@" 9>&- &
	pid=$!
	status=0
	wait "$pid" || status=$?
	while kill -0 "$pid" 2>/dev/null; do
		status=0
		wait "$pid" || status=$?
	done
	trap - HUP INT TERM
}

show_servers()
{
	for server in $servers; do
		n=$(grep -cxF "$server" "$samples/connections" || :)
		printf '  %-14s %-22s had %s connection%s\n' "server" "$server" "$n" \
			"$([ "$n" = 1 ] || echo s)"
	done
}

# shellcheck disable=SC2016
show_report()
{
	jq -r '
	def pad(n): tostring | (" " * n)[length:] + .;
	def row(name): "  " + (name + " " * 14)[:14] + " " + .;
	def ms: if . == null then "not known" else "\(. / 10 | round / 100) ms" end;
	def mib: if . == null then "not known" else "\(. / 10485.76 | round / 100) MiB" end;
	def count: "\(.packets // "?" | pad(10)) \(.bytes // "?" | pad(12))  ";
	def ending:
		if .kind == "exited" then "exited with code \(.code)"
		elif .kind == "signaled" then "ended by signal \(.signal) (\(.signalName))"
		elif .kind == "forced" then "ended by the helper: \(.reason)"
		elif .kind == "failed" then "the workload never ran"
		else .kind end;

	(.exit | ending | row("exit")),
	(.error // empty | "\(.step): \(.message) (\(.errnoName))" | row("error")),
	(select(.handle.cgroupPath == null) | "nothing was made" | row("cgroup")),
	(select(.handle.cgroupPath != null) |
	(.handle.cgroupPath | row("cgroup")),
	(.egress | if .enforced then
		"in force before the first instruction" +
		(if .verified then ", read back and as written" else ", NOT verified" end)
		else "not enforced" end | row("egress")),
	(.egress | select(.enforced) |
		"                    packets        bytes  rule",
		(.rules[] | (" " * 17) + count + .ruleRepr),
		(.denied | (" " * 17) + count + "denied: everything else")),
	(.resources | "wall \(.wallUsec | ms), cpu \(.cpuUsec | ms), " +
		"memory peak \(.memoryPeakBytes | mib)" | row("resources")),
	(.timings | "cgroup \(.cgroupUsec | ms), egress \(.egressUsec | ms), " +
		"spawn \(.spawnUsec | ms), teardown \(.teardownUsec | ms)" | row("timings")),
	(.teardown | (if .destroyed then "destroyed" else "not destroyed by this run" end)
		+ ", other cells: \(.peersTrackedAfter)" | row("teardown"))),
	(.teardown.residue | if length == 0 then "none" else tojson end | row("residue"))
	' "$report"
}

# The helper looked already; this looks again, as anybody could.
show_afterwards()
{
	cgroup=$(jq -r '.handle.cgroupPath // empty' "$report")
	[ -n "$cgroup" ] || return 0
	if [ -e "$cgroup" ]; then
		echo "  looked again   the cgroup is STILL THERE"
	else
		echo "  looked again   the cgroup is gone"
	fi
}

staged=
if grep -q "\"${stage}[\"/]" "$document"; then
	staged=y
	make_stage
fi
served=
if [ -n "$staged" ] && grep -q ':7077"' "$document"; then
	served=y
fi
# A document that is refused early must not show the report of an earlier run.
rm -f "$report"

echo "Running $document"
heading "The cell says"
run_cell
[ -z "$served" ] || { heading "The servers say"; show_servers; }
heading "The report says"
if [ -s "$report" ]; then
	show_report
	show_afterwards
else
	echo "  there is none"
fi
echo "  exit status    $status"
heading "The whole report: $report"
exit "$status"
