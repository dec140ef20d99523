#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headerdep.sh - check who includes whom
#
# The folders are layers: includes go down, never up, and name their file from
# the top of the tree. Each outside library is known to few files, so that it
# can be replaced. Prints FILE:LINE for each violation.
set -eu

# shellcheck disable=SC2016
find uapi lib nft backends helper selftests -name '*.[ch]' | sort | xargs awk '
BEGIN {
	# folder: the folders that it may include besides itself
	below["uapi"]      = ""
	below["lib"]       = "uapi"
	below["nft"]       = "lib uapi"
	below["backends"]  = "lib uapi"
	below["helper"]    = "backends nft lib uapi"
	below["selftests"] = "helper backends nft lib uapi"

	# outside header, and how the names begin of the files that may include it
	home["liburing"]         = "helper/loop.c"
	home["libmnl/"]          = "nft/"
	home["uuid/"]            = "helper/cgroup.c"
	home["jansson"]          = "helper/document helper/report"
	home["sys/capability.h"] = "helper/caps.c"
	home["seccomp.h"]        = "helper/seccomp_gen.c"
}

function violation(why) {
	printf "%s:%d: %s: %s\n", FILENAME, FNR, name, why
	bad = 1
}

function contains(list, word,    words, n, i) {
	n = split(list, words, " ")
	for (i = 1; i <= n; i++)
		if (words[i] == word)
			return 1
	return 0
}

function starts(text, list,    words, n, i) {
	n = split(list, words, " ")
	for (i = 1; i <= n; i++)
		if (index(text, words[i]) == 1)
			return 1
	return 0
}

function check_own(    to, exists, line) {
	if (from == "selftests" && name ~ /^kselftest(_harness)?\.h$/)
		return
	exists = (getline line < name) >= 0
	close(name)
	if (!exists)
		return violation("not a file, seen from the top of the tree")
	to = name
	sub(/\/.*/, "", to)
	if (to != from && !contains(below[from], to))
		violation("above " from "/")
}

function check_outside(    header) {
	if (from == "uapi" && name != "linux/types.h")
		violation("uapi/ includes <linux/types.h> only")
	if (from == "selftests")
		return
	for (header in home)
		if (index(name, header) == 1 && !starts(FILENAME, home[header]))
			violation("only for " home[header])
}

/^[ \t]*#[ \t]*include/ {
	from = FILENAME
	sub(/\/.*/, "", from)
	own = $0 ~ /include[ \t]*"/
	name = $0
	sub(/^[^"<]*["<]/, "", name)
	sub(/[">].*/, "", name)
	if (own)
		check_own()
	else
		check_outside()
}

END { exit bad }
' >&2
