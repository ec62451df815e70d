#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the names of the x86-64 system calls as initialisers of an array, from the kernel's own header.
# Arguments: the C compiler and its options.
set -eu
echo '#include <asm/unistd_64.h>' | "$@" -E -dM - |
	sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9][0-9]*\)$/[\2] = "\1",/p' | sort
