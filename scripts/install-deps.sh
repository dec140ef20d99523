#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install-deps.sh SET... - install the Debian packages that are missing
#
# Sets: build, run, check, vm, bench, lint. Says one line if it installs something,
# and nothing if nothing is missing.
set -eu

packages_of()
{
	case $1 in
	build)	echo gcc make libc6-dev linux-libc-dev \
		     libjansson-dev libmnl-dev liburing-dev uuid-dev libcap-dev libseccomp-dev ;;
	run)	echo jq ;;
	check)	echo nftables strace clang libclang-rt-14-dev xz-utils perl procps \
		     util-linux iproute2 libcap2-bin busybox-static jq netbase ;;
	vm)	echo qemu-system-x86 cpio kmod ;;
	bench)	echo crun runc bubblewrap nftables busybox-static procps xz-utils ;;
	lint)	echo sparse cppcheck shellcheck mandoc clang xz-utils ;;
	*)	die "no such set: $1 (there are build, run, check, vm, bench, lint)" ;;
	esac
}

die()
{
	echo "install-deps: $*" >&2
	exit 1
}

is_installed()
{
	# shellcheck disable=SC2016
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
for set; do
	packages=$(packages_of "$set")
	for package in $packages; do
		case " $missing " in *" $package "*) continue ;; esac
		is_installed "$package" || missing="${missing:+$missing }$package"
	done
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || die "no apt-get here; please install: $missing"
as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || die "not root, and no sudo; please install: $missing"
	as_root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt()
{
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1
}

echo "install-deps: installing $missing"
# A failed update is no reason to stop: the packages may be at hand.
apt update || :
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $missing; then
	cat "$log" >&2
	die "apt-get failed, see above; needed: $missing"
fi
