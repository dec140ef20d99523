#!/bin/sh
# SPDX-License-Identifier: MIT
#
# vmcheck.sh SELFTESTS DIR - run the tests of a folder in guests, one for each kernel
#
# SELFTESTS is a folder of `make selftests-install`; what is made and what the guests say
# stays in DIR. The processor is emulated, so it needs neither KVM nor root.
#
#	$VM_KERNELS	the series of the kernels ("6.1 6.12")
#	$VM_TESTS	the tests, as run-selftests.sh takes them; empty: all
#	$VM_DEADLINE	seconds for which a guest may run (1500)
#
# Ends with 0 only if each guest came to its end, no test failed, and the skips are those
# of the file expected-skips.
set -eu

here=$(realpath "$(dirname "$0")")

die()
{
	echo "vmcheck: $*" >&2
	exit 1
}

[ $# = 2 ] || die "usage: vmcheck.sh SELFTESTS DIR"
selftests=$1
dir=$2
kernels=${VM_KERNELS:-6.1 6.12}
deadline=${VM_DEADLINE:-1500}
command -v qemu-system-x86_64 >/dev/null ||
	die "qemu-system-x86_64 is missing: run scripts/install-deps.sh vm"

guests=
clean_up()
{
	trap '' HUP INT TERM
	# shellcheck disable=SC2086
	[ -z "$guests" ] || kill $guests 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

prepare()
{
	"$here/get-kernel.sh" "$1" "$dir/$1"
	"$here/mkinitramfs.sh" modules "$dir/$1" "$dir/modules.$1"
	cat "$dir/base" "$dir/modules.$1" >"$dir/initramfs.$1"
	rm -f "$dir/console.$1" "$dir/ktap.$1" "$dir/status.$1"
	for disk in swap test; do
		rm -f "$dir/$disk.$1"
		truncate -s 256M "$dir/$disk.$1"
	done
}

# One guest's cgroup2 mount has the options that systemd gives it, the other's has none.
cgroup_options()
{
	case $1 in
	6.12) echo nsdelegate,memory_recursiveprot ;;
	esac
}

# cpu max: what the emulation has, RDRAND too. norandmaps: code that has been translated is
# found again only at the same address; without it each start of a program takes three to
# five times as long. Clocks are the host's, so the TSC is one to rely on. Grace periods of
# RCU are short, so network namespaces end sooner. no_timer_check: the kernel counts ticks
# for a moment, which on a busy host come too late. thread=single: where each processor has a
# thread, one of them now and then still executes code that the other has rewritten, which
# the kernel does while it runs, and panics. It is no slower: each guest has one core anyway.
boot()
{
	set -- "$1" "console=ttyS0 loglevel=5 panic=-1 oops=panic nowatchdog mitigations=off" \
		"norandmaps tsc=reliable no_timer_check rcupdate.rcu_expedited=1" \
		"hugepages=16 CELLOS_TEST_SLOW=1 TEST_TIMEOUT=900 VM_CGROUP=$(cgroup_options "$1")" \
		"VM_TESTS=$(echo "${VM_TESTS:-}" | tr ' ' ,)"
	exec timeout -k 5 "$deadline" qemu-system-x86_64 -accel tcg,thread=single -cpu max \
		-machine q35 -smp 2 -m 2048 -nodefaults -display none -no-reboot \
		-kernel "$dir/$1/vmlinuz" -initrd "$dir/initramfs.$1" -append "$2 $3 $4 $5" \
		-serial "file:$dir/console.$1" -serial "file:$dir/ktap.$1" \
		-drive "if=none,id=swap,file=$dir/swap.$1,format=raw,cache=unsafe" \
		-drive "if=none,id=test,file=$dir/test.$1,format=raw,cache=unsafe" \
		-device virtio-blk-pci,drive=swap,serial=swap \
		-device virtio-blk-pci,drive=test,serial=test
}

# What the guest of a kernel has said, in short; true if all is as it should be.
judge()
{
	fine=0
	awk -v kernel="$1" -v seconds="$3" -f "$here/judge.awk" \
		"$here/expected-skips" "$dir/ktap.$1" || fine=1
	if [ "$2" != 0 ]; then
		[ "$2" != 124 ] || echo "  not ended within $deadline s"
		[ "$2" = 124 ] || echo "  qemu ended with $2"
		fine=1
	fi
	grep -E 'panic|BUG|WARNING|Oops|stall|blocked for' "$dir/console.$1" | sed 's/^/  console: /'
	[ $fine = 0 ] || echo "  all of it: $dir/ktap.$1, the kernel: $dir/console.$1"
	return $fine
}

mkdir -p "$dir"
"$here/mkinitramfs.sh" base "$selftests" "$dir/base"
for kernel in $kernels; do
	prepare "$kernel"
done
echo "vmcheck: guests run the tests on Linux $kernels; each says what it does in $dir/ktap.*"
echo "vmcheck: they are emulated, so what a test tries again and again is tried a tenth as often"
for kernel in $kernels; do
	began=$(date +%s)
	(boot "$kernel") &
	guests="$guests $!"
done
status=0
for kernel in $kernels; do
	# shellcheck disable=SC2086
	set -- $guests
	ended=0
	wait "$1" || ended=$?
	shift
	guests=$*
	judge "$kernel" $ended $(($(date +%s) - began)) || status=1
done
[ $status = 0 ]
