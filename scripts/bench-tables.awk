# SPDX-License-Identifier: MIT
#
# awk -f bench-tables.awk bench.tsv		prints all tables, to paste from
# awk -f bench-tables.awk bench.tsv PAGE	prints that page with new tables
#
# The data are those that `make bench` wrote (selftests/bench/data.h). In the page,
# Documentation/performance.md, a line `<!-- bench: TITLE -->` says whose rows the
# table below it has; `<!-- bench: host -->` stands above the line about the machine.

BEGIN {
	FS = "\t"
	pages = ARGC - 2
}

function time_text(ns)
{
	if (ns < 10000)
		return ns " ns"
	if (ns < 100000)
		return sprintf("%.1f us", ns / 1000)
	if (ns < 1000000)
		return sprintf("%.0f us", ns / 1000)
	if (ns < 10000000)
		return sprintf("%.2f ms", ns / 1000000)
	return sprintf("%.1f ms", ns / 1000000)
}

function row_text(    name, against, ratio, ret)
{
	name = $3
	sub(/^ +against .*/, "the same", name)
	sub(/^ +/, "", name)
	against = $8 ? $8 ", " time_text($9) : ""
	ratio = $10
	sub(/ x$/, "", ratio)
	ret = "| " name " | " time_text($5) " | " against " | " ratio " | " $11 " | " \
	      ($12 == "MISSED" ? "**missed**" : $12) " |\n"
	gsub(/  +/, " ", ret)
	return ret
}

FNR == NR && $1 == "host" {
	host = $2
	if (host ~ /QUICK/) {
		print "bench-tables: the data are of a quick run" >"/dev/stderr"
		failed = 1
		exit 1
	}
}

FNR == NR && $1 == "row" {
	if (!($2 in rows))
		titles[++n_titles] = $2
	rows[$2] = rows[$2] row_text()
}

FNR == NR { next }

# From here on, lines of the page.

skipping && /^$/ { skipping = 0 }

skipping { next }

{ print }

/^<!-- bench: .* -->$/ {
	title = $0
	sub(/^<!-- bench: /, "", title)
	sub(/ -->$/, "", title)
	if (title != "host" && !(title in rows)) {
		print "bench-tables: the data have no \"" title "\"" >"/dev/stderr"
		failed = 1
		exit 1
	}
	print ""
	table(title)
	getline
	skipping = 1
}

function table(title)
{
	if (title == "host") {
		print host "."
		return
	}
	print "| what | median | against | ratio | budget | |"
	print "| --- | --- | --- | --- | --- | --- |"
	printf "%s", rows[title]
}

END {
	if (failed)
		exit 1
	for (i = 1; !pages && i <= n_titles; i++) {
		print "<!-- bench: " titles[i] " -->\n"
		table(titles[i])
		print ""
	}
}
