#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `make run` shows a person, how each sample ends, and that nothing is left;
# and that the README speaks of tests that exist.
# In a network namespace and below a cell parent of its own.
set -u

if [ -z "${SAMPLE_TEST_NETNS:-}" ]; then
	SAMPLE_TEST_NETNS=1 exec unshare -n "$0" "$@"
fi

samples=$CELLOS_SRCTREE/samples
show=$CELLOS_SRCTREE/scripts/run-sample.sh
mount=$(awk '$4 == "/" && / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
export CELLOS_CGROUP_PARENT="$mount/cellos-selftest-sample_test-$$"
tmp=$(mktemp -d "$CELLOS_TESTDIR/sample.XXXXXX")
export REPORT="$tmp/report.json"
out=$tmp/out
n=0

clean_up()
{
	"$CELLOS_HELPER" destroy --all >/dev/null
	rmdir "$CELLOS_CGROUP_PARENT"
	rm -rf "$tmp"
}

# result STATUS NAME - one line of TAP, with the output on failure
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		sed 's/^/# /' "$out"
	fi
}

# check NAME COMMAND... - is the command true?
check()
{
	name=$1
	shift
	"$@" >/dev/null 2>&1
	result $? "$name"
}

run()
{
	"$show" "$CELLOS_OBJTREE" "$1" >"$out" 2>&1
}

shows()
{
	grep -Eq -- "$1" "$out"
}

# The rows of one heading of `show`, the ones that go on with it included.
rows()
{
	awk -v name="$1" '
		/^[^ ]/ { found = 0 }
		/^  [^ ]/ { found = index($0, "  " name " ") == 1 }
		found { print substr($0, 18) }' "$out"
}

nothing_left()
{
	[ ! -e /var/lib/cellos-sample ] &&
		[ -z "$(find "$CELLOS_CGROUP_PARENT" -mindepth 1 -type d)" ] &&
		[ -z "$(nft list ruleset)" ] &&
		! ss -Hltn | grep -q ':7077 '
}

# Can this host do what limits.json and isolated.json ask for?
can_limit()
{
	"$CELLOS_HELPER" probe --json |
		jq -e '[.[] | select(.name | IN("memory", "cpu", "pids")) | .ok] | all' >/dev/null
}

can_list()
{
	"$CELLOS_HELPER" probe --json |
		jq -e '.[] | select(.name == "landlock") | .detail | test(": lists of paths")' >/dev/null
}

# The status that samples/README.md promises; for two it depends on the host.
promised_status()
{
	case $1 in
	limits.json) if can_limit; then echo 0; else echo 125; fi ;;
	isolated.json) if can_list; then echo 0; else echo 125; fi ;;
	*) sed -n "s/^| \`$1\` | \\([0-9]*\\) |.*/\\1/p" "$samples/README.md" ;;
	esac
}

hello()
{
	run "$samples/hello.json"
	result $? hello_ends_with_status_0

	leaf='cellos_hello_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
	check hello_is_born_in_its_own_cgroup shows "^  cgroup +/.*/$leaf"
	check hello_has_exactly_the_environment_of_the_document \
		test "$(rows environment)" = "GREETING=hello, cell
EMPTY="
	check hello_has_three_pipes_and_no_other_open_file \
		test "$(rows 'open files' | sed 's/\[.*//')" = "0 -> pipe:
1 -> pipe:
2 -> pipe:"
	check hello_has_a_uid_of_its_own shows '^  user +uid 200[0-9]{7}, gid 200[0-9]{7}, 0 more'
	check hello_has_no_capability shows '^  capabilities +none$'
	check hello_cannot_gain_privileges shows '^  no_new_privs +1$'
	check hello_reaches_the_allowed_server \
		shows '127\.77\.0\.1:7077 +allowed: "hello from 127\.77\.0\.1:7077"'
	check hello_is_denied_the_other_server shows '127\.77\.0\.2:7077 +denied: Connection refused'
	check the_allowed_server_had_one_connection shows '127\.77\.0\.1:7077 +had 1 connection$'
	check the_other_server_had_none shows '127\.77\.0\.2:7077 +had 0 connections$'
	check the_report_counts_what_was_allowed \
		shows ' [1-9][0-9]* +[1-9][0-9]+  ip daddr 127\.77\.0\.1 tcp dport 7077 accept$'
	check the_report_counts_what_was_denied shows ' 1 +[1-9][0-9]+  denied: everything else$'
	check the_report_says_that_nothing_is_left shows '^  residue +none$'
	check the_cgroup_is_gone_when_looked_for_again shows '^  looked again +the cgroup is gone$'
	check the_whole_report_is_where_it_was_said \
		test "$(jq -r .kind "$(sed -n 's/^The whole report: //p' "$out")")" = CellReport
	check hello_leaves_nothing_on_the_host nothing_left
}

isolated()
{
	run "$samples/isolated.json"
	if ! can_list; then
		check isolated_is_refused_by_name shows 'error +check: .*Landlock.*\(EOPNOTSUPP\)$'
		return
	fi
	check isolated_sees_no_other_process shows '^  process +2, and sees 2$'
	check isolated_has_a_name_of_its_own shows '^  host name +isolated$'
	check isolated_has_no_network_but_loopback shows '^  network +lo$'
	check isolated_is_at_the_root_of_its_cgroups shows '^  cgroup +/$'
	check isolated_has_an_empty_workspace shows '/workspace: 1024 KiB of memory, with 0 files$'
	check isolated_is_uid_0_inside shows '^  user +uid 0, gid 0, 0 more'
	check isolated_has_no_capability shows '^  capabilities +none$'
	check isolated_has_the_limits_of_its_document \
		shows '^  limits +umask 0077, nice 19, 256 open files, core dumps of 1 byte$'
	check isolated_opens_what_is_listed shows '^  open +/etc/passwd +yes$'
	check isolated_opens_nothing_else shows '^  open +/usr +Permission denied$'
	check isolated_does_not_see_what_is_hidden shows '^  open +/proc/sys/.* Permission denied$'
	check isolated_writes_to_its_workspace shows '^  write to +/.*/workspace +yes$'
	check isolated_writes_nowhere_else shows '^  write to +/tmp +Permission denied$'
}

each_sample()
{
	for document in "$samples"/*.json; do
		sample=${document##*/}
		want=$(promised_status "$sample")
		run "$document"
		got=$?
		check "${sample%.json}_ends_as_its_readme_says" test "$got" = "$want"
		check "${sample%.json}_leaves_nothing_on_the_host" nothing_left
	done
}

refused()
{
	jq '.spec.run.isolation = { seccomp: "strict" }' "$samples/hello.json" >"$tmp/refused.json"
	run "$tmp/refused.json"
	check a_refused_document_ends_with_status_125 test $? = 125
	check a_refusal_names_the_field shows 'document: /spec/run/isolation/seccomp: '
	check a_refused_document_makes_nothing shows '^  cgroup +nothing was made$'
	check a_refused_document_leaves_nothing nothing_left
}

# The fifo tells that the cell is up; only then the signal is sent.
terminated()
{
	cat >"$tmp/up.json" <<'END'
{ "apiVersion": "cellos.io/v1", "kind": "ExecutionCell", "spec": { "id": "up",
  "run": { "argv": ["sh", "-c", "echo up; exec sleep 60"] } } }
END
	mkfifo "$tmp/fifo"
	"$show" "$CELLOS_OBJTREE" "$tmp/up.json" >"$tmp/fifo" 2>&1 &
	pid=$!
	: >"$out"
	while read -r line; do
		echo "$line" >>"$out"
		[ "$line" != up ] || kill -TERM "$pid"
	done <"$tmp/fifo"
	wait "$pid"
	check a_terminated_run_ends_with_status_143 test $? = 143
	check a_terminated_run_still_shows_its_report shows '^exit +ended by the helper: caller$'
	check a_terminated_run_leaves_nothing nothing_left
}

supervised()
{
	"$samples/supervise.sh" "$samples/ttl.json" >"$out" 2>&1
	check supervise_tells_a_ttl_from_an_exit test $? = 1
	check supervise_says_how_the_cell_ended shows '^ttl: ended by the helper: ttl, 0 packets denied$'
	"$samples/supervise.sh" "$samples/minimal.json" >"$out" 2>&1
	result $? supervise_ends_with_0_as_the_workload_does
}

# The cell sees the uplink and nothing of the test's own network.
in_a_network_of_its_own()
{
	cat >"$tmp/netns.json" <<'END'
{ "apiVersion": "cellos.io/v1", "kind": "ExecutionCell", "spec": { "id": "netns",
  "run": { "argv": ["sh", "-c", "ip -br -4 addr; ip -br link; exit 7"] } } }
END
	"$samples/egress-netns.sh" "$tmp/netns.json" >"$out" 2>&1
	check egress_netns_ends_as_its_cell_does test $? = 7
	check egress_netns_shows_the_cell_its_uplink shows '^eth0@.* 198\.18\.0\.2/30'
	check egress_netns_shows_the_cell_nothing_else \
		test "$(cut -d' ' -f1 "$out" | cut -d@ -f1 | sort -u | tr '\n' ' ')" = "eth0 lo "
	check egress_netns_removes_what_it_made \
		test -z "$(ip netns list | grep cellos-sample-; ip -o link | grep ': up-')"
	check egress_netns_leaves_nothing nothing_left
}

# The table of promises in the README is true: each test that it names exists.
readme()
{
	awk -F'`' '/^<!-- promises/ { on = 1 } /^## Beside/ { on = 0 }
		on && NF >= 5 { print $(NF - 3), $(NF - 1) }' "$CELLOS_SRCTREE/README.md" >"$tmp/named"
	while read -r file test; do
		grep -qw -- "$test" "$CELLOS_SRCTREE/selftests/$file" || echo "no $test in $file"
	done <"$tmp/named" >"$out" 2>&1
	check each_test_that_the_readme_names_exists \
		test "$(wc -l <"$tmp/named")" -gt 10 -a ! -s "$out"
}

trap clean_up EXIT
mkdir "$CELLOS_CGROUP_PARENT" && ip link set lo up || exit 1
readme
hello
isolated
each_sample
refused
terminated
supervised
in_a_network_of_its_own
echo "1..$n"
