/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpython_object.h - objects of CPython's heap that naming needs: str, and the tables of code
 * objects that tell lines. Each is known by the address of its type before anything in it is
 * believed; its strings and tables never change while it lives. Tier B. Bounded reads.
 */
#pragma once

#include "cpython_layout.h"

/* The interpreter's memory, its layout, and the addresses of its types. */
struct cpython_heap {
	struct memory *memory;
	const struct cpython_layout *layout;
	uint64_t type_code, type_text, type_bytes;
};

/* Whether `address` holds an object of exactly this type. */
bool cpython_is(const struct cpython_heap *heap, uint64_t address, uint64_t type);
/*
 * Writes a str as NUL-terminated UTF-8, cut before the character that does not fit; NUL and lone
 * surrogates become U+FFFD. Returns the bytes without the NUL; -EINVAL: no str; -EFAULT.
 */
int64_t cpython_text(const struct cpython_heap *heap, uint64_t address, char *buffer, size_t size);
/*
 * The line of the instruction at `offset` bytes (-1: the function has not begun), by the table of
 * lines (a bytes object) of a code object that begins at first_line. Returns 0 if it tells none.
 */
uint32_t cpython_line(
	const struct cpython_heap *heap, uint64_t object, uint32_t first_line, int64_t offset);
