# SPDX-License-Identifier: MIT
#
# judge.awk -v kernel=SERIES -v seconds=N EXPECTED-SKIPS KTAP - what a guest has said
#
# Says how many tests passed, each skip with its reason, and failed test programs in full.
# Ends with 0 only if the guest came to its end, no test failed, and exactly those skip
# that are expected to.

function problem(text)
{
	problems = problems "  " text "\n"
}

function skip(program, test, reason,	key)
{
	key = program " " test
	skips++
	skipped[key] = 1
	text = text "  skip: " program ": " test ": " reason "\n"
	if (!(key in expected))
		problem("not expected to skip: " program ": " test)
	else if (expected[key] != reason)
		problem("expected to skip for another reason: " program ": " test ": " \
			expected[key])
}

# "ok 3 NAME # SKIP REASON" of a test: its name or reason.
function name_of(line)
{
	sub(/^ *(not )?ok [0-9]+ (- )?/, "", line)
	sub(/ *#.*/, "", line)
	return line
}

function reason_of(line)
{
	sub(/.*# *SKIP */, "", line)
	return line
}

{ sub(/\r$/, "") }

# KERNEL PROGRAM TEST REASON
FNR == NR {
	if (NF >= 4 && $0 !~ /^#/ && ($1 == kernel || $1 == "all")) {
		key = $2 " " $3
		$1 = $2 = $3 = ""
		sub(/^ */, "")
		expected[key] = $0
	}
	next
}

/^1\.\./ { plan = substr($1, 4) }
/^# guest: / { last = substr($0, 10) }
/^  # Subtest: / { program = $3; block = ""; running = 1 }
/^  / { block = block $0 "\n" }
/^  (not )?ok / { tests++ }
/^  (not )?ok .*# *SKIP/ { skip(program, name_of($0), reason_of($0)) }
/^  1\.\.0.*# *SKIP/ { skip(program, "*", reason_of($0)) }
/^(not )?ok / { programs++; running = 0; whole[program] = /^ok/ }
/^not ok / {
	problem("failed: " name_of($0))
	failed = failed block $0 "\n"
}

END {
	if (last != "the tests ended with 0" && last != "the tests ended with 1")
		problem("the guest did not come to its end: " (last ? last : "it broke off") \
			(running ? ", in " program : ""))
	if (running)
		failed = failed block
	if (programs != plan || !plan)
		problem("of " plan + 0 " test programs " programs + 0 " have ended")
	for (key in expected) {
		split(key, word, " ")
		if (whole[word[1]] && !(key in skipped))
			problem("expected to skip, but has run: " word[1] ": " word[2])
	}
	printf "%s", failed
	printf "Linux %s: %d test programs, %d tests, %d skipped, %d s: %s\n", kernel, programs,
		tests, skips, seconds, problems ? "FAILED" : "passed"
	printf "%s%s", text, problems
	exit problems != ""
}
