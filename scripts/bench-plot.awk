# SPDX-License-Identifier: MIT
#
# awk -f bench-plot.awk bench.tsv >Documentation/egress-scale.svg
#
# Draws the points that `make bench` wrote (selftests/bench/data.h): four panels,
# medians as dots on a line, p10 to p90 as bars. Read in light and in dark.

BEGIN { FS = "\t" }

$1 == "host" { host = $2 }

$1 == "point" {
	id = $2 "/" $3
	n[id]++
	x[id, n[id]] = $4
	median[id, n[id]] = $5
	low[id, n[id]] = $6
	high[id, n[id]] = $7
}

function log10(v) { return log(v) / log(10) }

function style()
{
	print "  <style>"
	print "    text { fill: #222222; font-size: 12px }"
	print "    .title { font-weight: bold; font-size: 13px }"
	print "    .axis { font-size: 11px } .small { font-size: 11px }"
	print "    .paper { fill: #ffffff }"
	print "    .grid { stroke: #dddddd } .frame { stroke: #777777 }"
	colors("    ", "#1f66ad #b34700 #7a3fb0 #5f6770")
	print "    @media (prefers-color-scheme: dark) {"
	print "      text { fill: #e2e6ea }"
	print "      .paper { fill: #0d1117 }"
	print "      .grid { stroke: #2c333b } .frame { stroke: #8b949e }"
	colors("      ", "#66b0ff #ff9950 #c79bff #9aa4ae")
	print "    }"
	print "  </style>"
}

# Classes k1 to k4, for lines (stroke), and t1 to t4 for what is filled.
function colors(indent, list,    part, count, i)
{
	count = split(list, part, " ")
	for (i = 1; i <= count; i++) {
		printf "%s.k%d { stroke: %s; fill: none } ", indent, i, part[i]
		printf ".t%d { fill: %s }\n", i, part[i]
	}
}

function label(px, py, class, anchor, words)
{
	gsub(/&/, "\\&amp;", words)
	gsub(/</, "\\&lt;", words)
	printf "  <text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n",
	       class, px, py, anchor, words
}

function segment(class, x1, y1, x2, y2, more)
{
	printf "  <line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"%s/>\n",
	       class, x1, y1, x2, y2, more
}

# In the unit of the axis, or, where it is logarithmic, in the largest that fits.
function time_text(ns,    unit)
{
	unit = y_log ? ns : y_max
	if (ns == 0)
		return "0"
	if (unit < 10000)
		return ns " ns"
	if (unit < 1000000)
		return ns / 1000 " us"
	return ns / 1000000 " ms"
}

# Where a number of cells or tuples lies: 0 has a place of its own, left of the scale.
function at_x(v)
{
	if (v == 0)
		return left + 18
	return left + start + (width - start - 12) * (x_max > 1 ? log(v) / log(x_max) : 0)
}

function at_y(ns)
{
	if (y_log)
		return top + height - height * log10(ns / y_min) / log10(y_max / y_min)
	return top + height - height * ns / y_max
}

# x_marks: "value=text ..."; y_marks: values in ns. 0 among the x_marks: the place left.
function panel(column, row, title, x_title, x_marks, y_marks,    mark, count, i, pair)
{
	left = 66 + column * 470
	top = 64 + row * 300
	width = 262
	height = 196
	start = x_marks ~ /^0=/ ? 62 : 12
	label(left - 54, top - 22, "title", "start", title)
	count = split(y_marks, mark, " ")
	for (i = 1; i <= count; i++) {
		segment("grid", left, at_y(mark[i]), left + width, at_y(mark[i]), "")
		label(left - 6, at_y(mark[i]) + 4, "axis", "end", time_text(mark[i]))
	}
	count = split(x_marks, mark, " ")
	for (i = 1; i <= count; i++) {
		split(mark[i], pair, "=")
		gsub(/_/, " ", pair[2])
		segment("frame", at_x(pair[1]), top + height, at_x(pair[1]), top + height + 4, "")
		label(at_x(pair[1]), top + height + 17, "axis", "middle", pair[2])
	}
	segment("frame", left, top, left, top + height, "")
	segment("frame", left, top + height, left + width, top + height, "")
	label(left + width / 2, top + height + 35, "axis", "middle", x_title)
	labels = 0
}

# The words at the right end of a line; end_labels() puts them where there is room.
function end_label(py, color, words,    i)
{
	for (i = ++labels; i > 1 && label_y[i - 1] > py; i--) {
		label_y[i] = label_y[i - 1]
		label_class[i] = label_class[i - 1]
		label_text[i] = label_text[i - 1]
	}
	label_y[i] = py
	label_class[i] = "small t" color
	label_text[i] = words
}

function end_labels(    i, py, floor)
{
	# What would hang below the frame moves up first, then each below the one above it.
	floor = top + height
	for (i = labels; i >= 1; i--) {
		if (label_y[i] > floor)
			label_y[i] = floor
		floor = label_y[i] - 14
	}
	py = top - 14
	for (i = 1; i <= labels; i++) {
		if (label_y[i] < py + 14)
			label_y[i] = py + 14
		py = label_y[i]
		label(left + width + 6, py + 4, label_class[i], "start", label_text[i])
	}
}

# One line of a panel; its points at 0 stand alone. @shift keeps bars apart.
function curve(id, color, words, shift,    i, px, path, last)
{
	if (!n[id])
		return
	for (i = 1; i <= n[id]; i++) {
		if (x[id, i] == 0 && start < 20)
			continue
		px = at_x(x[id, i]) + shift
		segment("k" color, px, at_y(low[id, i]), px,
			at_y(high[id, i] > y_max ? y_max : high[id, i]),
			" stroke-opacity=\"0.45\" stroke-width=\"2\"")
		printf "  <circle class=\"t%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", color, px,
		       at_y(median[id, i])
		if (x[id, i] == 0)
			continue
		path = path (path ? " L" : "M") sprintf("%.1f %.1f", px, at_y(median[id, i]))
		last = at_y(median[id, i])
	}
	printf "  <path class=\"k%d\" d=\"%s\" stroke-width=\"1.6\"/>\n", color, path
	end_label(last, color, words)
}

# A time that does not depend on x.
function level(id, color, words)
{
	if (!n[id])
		return
	segment("k" color, left, at_y(median[id, 1]), left + width, at_y(median[id, 1]),
		" stroke-dasharray=\"6 4\" stroke-width=\"1.6\"")
	end_label(at_y(median[id, 1]), color, words)
}

# The highest median of a curve, without that at 0.
function greatest(id,    i, ret)
{
	for (i = 1; i <= n[id]; i++)
		if (x[id, i] && median[id, i] > ret)
			ret = median[id, i]
	return ret
}

# Round marks from 0 up to what is needed, about five; sets y_max.
function linear(need,    step, marks, v)
{
	step = 10 ^ int(log10(need / 4))
	while (need / step > 6)
		step *= need / step > 12 ? 5 : 2
	for (v = 0; v < need; v += step)
		marks = marks " " v
	y_max = v
	y_log = 0
	return marks " " v
}

function changes(    marks)
{
	marks = "1=1 10=10 100=100 1000=1k 10000=10k 50000=50k"
	x_max = 50000
	y_log = 1
	y_min = 10000
	y_max = 100000000
	panel(0, 0, "Five rules of a cell added, verified, removed", "other cells that live",
	      "0=0 " marks, "10000 100000 1000000 10000000 100000000")
	level("cells/nft", 4, "nft -f, list, delete")
	level("cells/nft -f", 4, "nft -f alone")
	curve("cells/new", 3, "new connection", 3)
	curve("cells/add, verify, remove", 1, "all three", 0)
	end_labels()

	panel(1, 0, "The same, step by step", "other cells that live", marks,
	      linear(1.9 * greatest("cells/add, verify, remove")))
	curve("cells/add, verify, remove", 1, "all three", 0)
	curve("cells/add", 2, "add", -4)
	curve("cells/verify", 3, "verify", 0)
	curve("cells/remove", 4, "remove", 4)
	end_labels()
}

function packets()
{
	x_max = 10000
	panel(0, 1, "One UDP packet sent over loopback", "cells that live",
	      "0=no_table 1=1 10=10 100=100 1000=1k 10000=10k",
	      linear(1.2 * greatest("packets/out")))
	curve("packets/out", 1, "from a cell", -4)
	curve("packets/in", 2, "to a cell", 0)
	curve("packets/host", 4, "of no cell", 4)
	end_labels()

	x_max = 16
	panel(1, 1, "The same; its rule is the first or the last of the tuples",
	      "tuples (prefix length and port mask) in use",
	      "0=no_table 1=1 2=2 4=4 8=8 16=16", linear(1.2 * greatest("tuples/out-last")))
	curve("tuples/out-last", 3, "from a cell, last", 0)
	curve("tuples/in-last", 2, "to a cell, last", 4)
	curve("tuples/out-first", 1, "from a cell, first", -4)
	curve("tuples/host", 4, "of no cell", 0)
	end_labels()
}

END {
	if (!n["cells/add"] || !n["packets/out"] || !n["tuples/out-last"]) {
		print "bench-plot: the data are of a run without the parts egress and packets" \
			>"/dev/stderr"
		exit 1
	}
	print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
	print "<!-- SPDX-License-Identifier: MIT -->"
	print "<!-- Made by scripts/bench-plot.awk from what `make bench` measured. -->"
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 920 612\""
	print "     width=\"920\" height=\"612\" font-family=\"sans-serif\" role=\"img\""
	print "     aria-label=\"Times of changes and packets by number of live cells and tuples\">"
	style()
	print "  <rect class=\"paper\" width=\"920\" height=\"612\"/>"
	label(12, 22, "small", "start",
	      "Dots: medians. Bars: p10 to p90, cut where the frame ends. " host)
	changes()
	packets()
	print "</svg>"
}
