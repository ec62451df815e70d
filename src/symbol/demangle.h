/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demangle.h - the name that a person wrote, from the name that a linker sees: C++ (Itanium ABI,
 * by the C++ runtime's own __cxa_demangle), Rust (legacy and v0), C as it is. What a compiler or
 * linker adds to a name (".constprop.0", ".cold", "@@GLIBC_2.2.5") is taken off, and of C++ and
 * Rust the qualified name is left (qualified_name.h).
 *
 * Tier C. Data: a symbol's name -> text. Names are hostile: output, depth and work are bounded.
 */
#pragma once

#include <stddef.h>

enum {
	DEMANGLE_INPUT_MAX = 16384, /* a longer name stays mangled */
	DEMANGLE_OUTPUT_MAX = 4096, /* a longer result is cut and ends in "..." */
};

/* Returns the readable name without types and arguments, to be freed by the caller, or null if out
 * of memory. */
char *demangle(const char *name);
/*
 * Demangles a Rust v0 name ("_R…", RFC 2603) into `ret` of `size` bytes. Returns its length, or
 * -EINVAL if the name is none, or uses what this version does not know; -E2BIG if the result does
 * not fit.
 */
int demangle_rust_v0(const char *name, char *ret, size_t size);
