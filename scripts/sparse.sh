#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sparse.sh ARG... - sparse, without what it says about the system's headers
#
# With WERROR=1 the rest is an error. sparse's own -Wsparse-error does not tell
# our files from <linux/fs.h>, which defines again what glibc has defined.
set -u

command -v sparse >/dev/null || {
	echo "missing sparse: run scripts/install-deps.sh lint" >&2
	exit 1
}

# glibc's htons() does not know the kernel's __be16.
found=$(sparse -Wno-bitwise "$@" 2>&1 |
	grep -v -e '^/usr/' -e ': note: in included file')
[ -n "$found" ] || exit 0
printf '%s\n' "$found" >&2
[ "${WERROR:-}" != 1 ]
