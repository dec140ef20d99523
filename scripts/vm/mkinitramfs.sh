#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mkinitramfs.sh base SELFTESTS FILE	- what all guests have, as a cpio archive
# mkinitramfs.sh modules KERNEL FILE	- what the guests of one kernel have
#
# A guest's initramfs is both, one behind the other. SELFTESTS is a folder of `make
# selftests-install`, KERNEL one of get-kernel.sh. The tools that tests call are this
# host's, with the libraries that they need; all others are busybox's. The shell is this
# host's, too: busybox's takes its own tools first, whatever PATH says.
set -eu

here=$(realpath "$(dirname "$0")")
tools="dash nft strace jq ip ss getcap setcap unshare nsenter setpriv flock install"

die()
{
	echo "mkinitramfs: $*" >&2
	exit 1
}

[ $# = 3 ] || die "usage: mkinitramfs.sh base SELFTESTS FILE | modules KERNEL FILE"
what=$1
from=$2
file=$3
# Not below /sbin in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
umask 022
for tool in cpio modprobe xz busybox; do
	command -v $tool >/dev/null || die "$tool is missing: run scripts/install-deps.sh check"
done

tmp=$(mktemp -d "$file.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
root=$tmp/root
mkdir "$root"

put()
{
	[ -e "$root/$1" ] || install -D -m 0755 -T "$1" "$root/$1"
}

put_tools()
{
	for tool in $tools; do
		path=$(command -v "$tool") ||
			die "$tool is missing: run scripts/install-deps.sh check"
		install -m 0755 -T "$path" "$root/usr/bin/$tool"
		ldd "$path"
	done >"$tmp/libraries"
	# The C library, and what loads it, are not in the tests' folder.
	ldd "$from/helper/cellos-helper" >>"$tmp/libraries"
	awk '$2 == "=>" && $3 ~ "^/" { print $3 } $1 ~ "^/" { print $1 }' "$tmp/libraries" |
		sort -u >"$tmp/paths"
	while read -r path; do
		put "$path"
	done <"$tmp/paths"
}

put_busybox()
{
	ln -s dash "$root/usr/bin/sh"
	busybox=$(command -v busybox)
	! ldd "$busybox" >/dev/null 2>&1 || die "$busybox is not static: install busybox-static"
	install -m 0755 -T "$busybox" "$root/usr/bin/busybox"
	busybox --list | while read -r applet; do
		[ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
	done
}

# Only tests may say what is where: paths are as on a Debian.
make_base()
{
	mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/root" "$root/etc" \
		"$root/home" "$root/var/tmp"
	chmod 1777 "$root/var/tmp"
	ln -s usr/bin "$root/bin"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	ln -s usr/bin "$root/sbin"
	ln -s bin "$root/usr/sbin"
	put_tools
	put_busybox
	# nft(8) and getent(3) look names up here.
	for table in protocols services; do
		[ ! -e /etc/$table ] || install -m 0644 -t "$root/etc" /etc/$table
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	cp -R "$from" "$root/root/selftests"
	install -m 0755 "$here/init" "$root/init"
}

# In the order in which they are to be loaded.
list_modules()
{
	release=$(cat "$from/release")
	sed '/^#/d; /^$/d' "$here/modules" | while read -r module series; do
		case $release in
		"${series:-$release}" | "$series".*) ;;
		*) continue ;;
		esac
		modprobe -d "$from" -S "$release" --show-depends "$module" ||
			die "$module: not in Linux $release"
	done >"$tmp/needed"
	awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$tmp/needed"
}

make_modules()
{
	mkdir -p "$root/modules"
	list_modules >"$tmp/modules"
	n=100
	while read -r path; do
		n=$((n + 1))
		name=$(basename "$path")
		case $path in
		*.ko.xz) xz -dc "$path" >"$root/modules/$n-${name%.xz}" ;;
		*.ko) cp "$path" "$root/modules/$n-$name" ;;
		*) die "$path: packed in an unknown way" ;;
		esac
	done <"$tmp/modules"
}

case $what in
base) make_base ;;
modules) make_modules ;;
*) die "no such part: $what" ;;
esac
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$tmp/cpio"
mv "$tmp/cpio" "$file"
