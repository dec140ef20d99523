#!/bin/sh
# SPDX-License-Identifier: MIT
#
# toolchain.sh COMPILER... -- FLAG... - what a compiler can do, as a makefile
#
# Prints `cc-takes`: those of the flags that the compiler takes without a word.
# Fails, with one line that says how to help, if the compiler or the header of
# a library is missing.
set -eu

give_up()
{
	echo "missing $*: run scripts/install-deps.sh build" >&2
	exit 1
}

# The compiler may be several words ("ccache gcc").
cc=
while [ "$1" != -- ]; do
	cc="$cc $1"
	shift
done
shift

compiles()
{
	# shellcheck disable=SC2086
	$cc "$@" -c -o /dev/null -x c - 2>/dev/null
}

echo 'int i;' | compiles || give_up "a working compiler (tried$cc)"

missing=
for header in stdio.h linux/types.h jansson.h libmnl/libmnl.h liburing.h \
	      uuid/uuid.h sys/capability.h seccomp.h; do
	echo "#include <$header>" | compiles -D_GNU_SOURCE || missing="$missing <$header>"
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
