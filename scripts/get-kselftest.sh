#!/bin/sh
# SPDX-License-Identifier: MIT
#
# get-kselftest.sh DIR - bring the kernel's test harness into DIR, once
#
# The headers are GPL-2.0, so they are fetched, not kept: from the kernel tree
# that KSRC names, or from Debian's linux-source-6.12. It must be that series or
# a later one: an older harness calls a test passed whose child failed an ASSERT.
set -eu

package=linux-source-6.12
selftests=tools/testing/selftests
files="kselftest.h kselftest_harness.h kselftest/ktap_helpers.sh"

die()
{
	echo "get-kselftest: $*" >&2
	exit 1
}

[ $# = 1 ] || die "usage: get-kselftest.sh DIR"
dir=$1
[ ! -e "$dir/kselftest_harness.h" ] || exit 0

# On the disk of the build: the package is bigger than many a /tmp.
mkdir -p "$(dirname "$dir")"
tmp=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/out"

from_tree()
{
	for file in $files; do
		install -D -m 0644 -t "$tmp/out/$(dirname "$file")" \
			"$KSRC/$selftests/$file" 2>/dev/null ||
			die "no $selftests/$file in KSRC=$KSRC"
	done
}

# As root without apt's sandbox: its user may not write here, and apt warns.
download()
{
	(cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "$package") 2>"$tmp/log"
}

from_debian()
{
	for tool in apt-get dpkg-deb xz; do
		command -v $tool >/dev/null ||
			die "$tool is missing; name a kernel tree: KSRC=DIR"
	done
	echo "get-kselftest: fetching $package for its test harness"
	if ! download; then
		[ "$(id -u)" != 0 ] || apt-get -qq update 2>/dev/null || :
		download || die "cannot download $package: $(tail -n 1 "$tmp/log")"
	fi

	set --
	for file in $files; do
		set -- "$@" "$package/$selftests/$file"
	done
	dpkg-deb --fsys-tarfile "$tmp/${package}"_*.deb |
		tar -xO "./usr/src/$package.tar.xz" | xz -dcq -T0 2>/dev/null |
		tar -x -C "$tmp/out" --strip-components=4 "$@" 2>"$tmp/log" ||
		die "cannot unpack $package: $(tail -n 1 "$tmp/log")"
}

if [ -n "${KSRC:-}" ]; then
	from_tree
else
	from_debian
fi
grep -q FIXTURE_TEARDOWN_PARENT "$tmp/out/kselftest_harness.h" ||
	die "this harness is older than Linux 6.12"

chmod 0755 "$tmp/out"
mv -T "$tmp/out" "$dir"
