#!/bin/sh
# SPDX-License-Identifier: MIT
#
# get-kernel.sh SERIES DIR - bring Debian's cloud kernel of a series into DIR, once
#
#	DIR/vmlinuz		the kernel
#	DIR/release		its name, as uname -r says it
#	DIR/lib/modules/	its modules, and who needs whom
#
# The package is downloaded and unpacked, not installed. Exact versions leave the archive,
# so the series is what is asked for: a metapackage names the newest one.
set -eu

die()
{
	echo "get-kernel: $*" >&2
	exit 1
}

[ $# = 2 ] || die "usage: get-kernel.sh SERIES DIR"
series=$1
dir=$2
[ ! -e "$dir/release" ] || exit 0

case $series in
6.1)	meta=linux-image-cloud-amd64 ;;
6.12)	meta=linux-image-6.12-cloud-amd64 ;;
*)	die "no such series: $series (there are 6.1, 6.12)" ;;
esac
# Not below /sbin in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
for tool in apt-get apt-cache dpkg-deb depmod; do
	command -v $tool >/dev/null || die "$tool is missing: run scripts/install-deps.sh check"
done

mkdir -p "$(dirname "$dir")"
tmp=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$tmp/out"

# The one package that it depends on; an older archive may list several, all of them old.
package_of()
{
	apt-cache depends --important "$1" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | tail -n 1
}

# As root without apt's sandbox: its user may not write here, and apt warns.
download()
{
	package=$(package_of $meta)
	[ -n "$package" ] || { echo "no package $meta" >"$tmp/log"; return 1; }
	(cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "$package") 2>"$tmp/log"
}

if ! download; then
	[ "$(id -u)" != 0 ] || apt-get -qq update 2>/dev/null || :
	download || die "cannot download Linux $series: $(tail -n 1 "$tmp/log")"
fi
case $package in
"linux-image-$series."*) ;;
*) die "$meta is $package here: this Debian has no Linux $series" ;;
esac
echo "get-kernel: unpacking $package"

dpkg-deb --fsys-tarfile "$tmp/${package}"_*.deb |
	tar -x -C "$tmp/out" --wildcards './boot/vmlinuz-*' './lib/modules/*' ||
	die "cannot unpack $package"
release=$(ls "$tmp/out/lib/modules")
mv "$tmp/out/boot/vmlinuz-$release" "$tmp/out/vmlinuz"
rmdir "$tmp/out/boot"
depmod -b "$tmp/out" "$release"
echo "$release" >"$tmp/out/release"

rm -rf "$dir"
chmod 0755 "$tmp/out"
mv -T "$tmp/out" "$dir"
