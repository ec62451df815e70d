/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capability.h - which capabilities the calling thread has, so that a refusal can name the one that
 * was missing (hazard 38). Tier A.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Those that Holter has a use for; the numbers are the kernel's (linux/capability.h). */
enum capability {
	CAPABILITY_DAC_READ_SEARCH = 2,
	CAPABILITY_SYS_PTRACE = 19,
	CAPABILITY_SYS_ADMIN = 21,
	CAPABILITY_PERFMON = 38,
	CAPABILITY_BPF = 39,
};

bool capability_held(enum capability capability);
/*
 * Writes the names of those of `wanted` that are not held: "CAP_BPF and CAP_PERFMON". CAP_SYS_ADMIN
 * stands for these two, as in the kernel. Returns how many they are; with 0 the text is empty.
 */
size_t capability_missing(
	char *buffer, size_t size, const enum capability *wanted, size_t wanted_count);
