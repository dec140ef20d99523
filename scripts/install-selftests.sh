#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install-selftests.sh [--portable] OBJTREE DIR FOLDER... - what runs without this tree
#
# Puts what these folders have built into DIR, for run-selftests.sh, which lies there too:
#
#	DIR/list			the tests, one a line: FOLDER/NAME
#	DIR/FOLDER/NAME			a test
#	DIR/NAME			a workload
#	DIR/helper/cellos-helper	the program
#	DIR/samples/			what the samples execute
#
# With --portable also what a host without compiler and source needs, and no symbols:
#
#	DIR/lib/			shared libraries, but not the C library
#	DIR/src/			documents and texts that tests read
set -eu

scripts=$(realpath "$(dirname "$0")")
srctree=${scripts%/*}

die()
{
	echo "install-selftests: $*" >&2
	exit 1
}

portable=
[ "${1:-}" != --portable ] || { portable=y; shift; }
[ $# -ge 3 ] || die "usage: install-selftests.sh [--portable] OBJTREE DIR FOLDER..."
objtree=$1
dir=$2
shift 2
umask 022

put()
{
	install -D -m 0755 -T "$1" "$dir/$2"
}

put_folder()
{
	# A script lies in the source folder, which has no variants.
	source=$srctree/selftests/${1##*selftests/}
	while read -r kind name; do
		case $kind:$name in
		run:*.sh)
			put "$source/$name" "$1/$name"
			echo "$1/$name" ;;
		run:*)
			put "$objtree/$1/$name" "$1/$name"
			echo "$1/$name" ;;
		workload:*)
			put "$objtree/$1/$name" "$name" ;;
		esac
	done <"$objtree/$1/manifest"
}

# Text files have no libraries and no symbols: ldd and strip say so, and are not heard.
put_libraries()
{
	mkdir -p "$dir/lib"
	find "$dir" -name lib -prune -o -type f -perm -100 -exec ldd {} + 2>/dev/null |
		awk '$2 == "=>" && $3 ~ "^/" { print $3 }' |
		grep -vE '/lib(c|m|dl|rt|pthread)\.so' | sort -u |
		while read -r library; do
			install -m 0755 -t "$dir/lib" "$library"
		done
	find "$dir" -type f -perm -100 ! -name '*.sh' -exec "${STRIP:-strip}" {} + 2>/dev/null || :
}

put_sources()
{
	rm -rf "$dir/src"
	mkdir -p "$dir/src/scripts"
	cp -R "$srctree/README.md" "$srctree/samples" "$dir/src"
	cp "$scripts/run-sample.sh" "$dir/src/scripts"
	for folder; do
		mkdir -p "$dir/src/$folder"
		cp "$srctree/$folder"/* "$dir/src/$folder"
	done
}

mkdir -p "$dir"
chmod 0755 "$dir"
for script in run-selftests.sh run-test.sh sweep.sh; do
	put "$scripts/$script" $script
done
put "$objtree/helper/cellos-helper" helper/cellos-helper
for sample in show listen; do
	[ ! -e "$objtree/samples/$sample" ] || put "$objtree/samples/$sample" samples/$sample
done
for folder; do
	put_folder "$folder"
done >"$dir/list"
[ -s "$dir/list" ] || die "there is nothing to run in $*"
if [ -n "$portable" ]; then
	put_libraries
	put_sources "$@"
fi
