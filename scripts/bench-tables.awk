# SPDX-License-Identifier: MIT
#
# awk -f bench-tables.awk bench.tsv		prints all tables, to paste from
# awk -f bench-tables.awk bench.tsv PAGE	prints that page with new tables
#
# The data are those that `make bench` wrote (selftests/bench/data.h). In the page,
# Documentation/performance.md, a line `<!-- bench: TITLE -->` says whose rows the
# table below it has; `<!-- bench: host of TITLE -->` stands above the line about the
# machine that those were taken on. What a run did not measure (BENCH_PARTS=) stays.

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

function cost_text(    name, added)
{
	name = $3
	sub(/^ +/, "", name)
	added = $9 ? sprintf("%+.0f us", ($5 - $9) / 1000) : ""
	return "| " name " | " time_text($5) " | " ($9 ? sprintf("%.2f", $5 / $9) : "") " | " \
	       added " |\n"
}

function skip_text(    why)
{
	why = $4
	sub(/: .*/, "", why)
	return "| " $3 " | " why " |" (costs[$2] ? " | |" : " | | | |") "\n"
}

FNR == NR && ($1 == "row" || $1 == "cost" || $1 == "skip") {
	if (!($2 in rows))
		titles[++n_titles] = $2
	if ($1 == "cost" || ($1 == "skip" && $5 == "cost"))
		costs[$2] = 1
}

FNR == NR && $1 == "row" { rows[$2] = rows[$2] row_text() }
FNR == NR && $1 == "cost" { rows[$2] = rows[$2] cost_text() }
FNR == NR && $1 == "skip" { rows[$2] = rows[$2] skip_text() }

FNR == NR { next }

# From here on, lines of the page.

skipping && /^$/ { skipping = 0 }

skipping { next }

{ print }

/^<!-- bench: .* -->$/ {
	title = $0
	sub(/^<!-- bench: /, "", title)
	sub(/ -->$/, "", title)
	about_host = sub(/^host of /, "", title)
	if (!(title in rows)) {
		print "bench-tables: not in the data, left as it is: " title >"/dev/stderr"
		next
	}
	print ""
	if (about_host)
		print host "."
	else
		table(title)
	getline
	skipping = 1
}

function table(title)
{
	if (costs[title]) {
		print "| what | median | ratio | added |"
		print "| --- | --- | --- | --- |"
	} else {
		print "| what | median | against | ratio | budget | |"
		print "| --- | --- | --- | --- | --- | --- |"
	}
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
