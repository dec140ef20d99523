#!/bin/sh
# SPDX-License-Identifier: MIT
#
# toolchain.sh COMPILER... -- HOST-COMPILER... -- FLAG... - what a compiler can do, as a makefile
#
# Prints `cc-takes`: those of the flags that the compiler takes without a word.
# Fails, with one line that says how to help, if a compiler or the header of a
# library is missing. The host compiler makes what runs while the build goes on.
set -eu

give_up()
{
	echo "missing $*: run scripts/install-deps.sh build" >&2
	exit 1
}

# A compiler may be several words ("ccache gcc").
cc=
while [ "$1" != -- ]; do
	cc="$cc $1"
	shift
done
shift
hostcc=
while [ "$1" != -- ]; do
	hostcc="$hostcc $1"
	shift
done
shift

compiles()
{
	# shellcheck disable=SC2086
	$compiler "$@" -c -o /dev/null -x c - 2>/dev/null
}

works()
{
	echo 'int i;' | compiles || give_up "a working compiler (tried$compiler)"
}

missing=
has()
{
	echo "#include <$1>" | compiles -D_GNU_SOURCE || missing="$missing <$1>"
}

compiler=$hostcc
works
has seccomp.h

compiler=$cc
works
for header in stdio.h linux/types.h jansson.h libmnl/libmnl.h liburing.h \
	      uuid/uuid.h sys/capability.h; do
	has "$header"
done
[ -z "$missing" ] || give_up "${missing# }"

takes=
for flag; do
	# <stdio.h> has its say on _FORTIFY_SOURCE.
	if echo '#include <stdio.h>' | compiles -O2 -Werror "$flag"; then
		takes="$takes $flag"
	fi
done
echo "cc-takes :=$takes"
