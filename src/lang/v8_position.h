/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_position.h - V8's compressed tables: from an offset in code (machine or byte code) to a
 * position in the source, and from baseline machine code to byte code. Formats: V8's
 * src/codegen/source-position-table.cc and src/baseline/bytecode-offset-iterator.h. Tier B. Not
 * here: positions to lines (v8_script.h).
 */
#pragma once

#include "v8_heap.h"

/* A position as V8 packs it (src/codegen/source-position.h). */
struct v8_position {
	int32_t offset;    /* in the script, units; -1: none */
	uint16_t inlining; /* 0: of the function itself; else 1 + its index among the inlined calls
			    */
};

struct v8_position v8_position_unpack(uint64_t packed);

/*
 * The last entry at or before `code_offset` in the table (a ByteArray). Returns 0; -ENOENT if there
 * is no such entry; -EINVAL if it is no table.
 */
int v8_position_find(
	struct v8_heap *heap, uint64_t table, int64_t code_offset, struct v8_position *ret);

/* The lengths of byte codes: three tables, for operands of one, two and four bytes. */
struct v8_bytecode_sizes {
	const uint8_t *sizes; /* null: unknown */
	size_t count;         /* of each table */
};

/*
 * From an offset in baseline machine code to that of the byte code it was made from. `table` holds
 * the length of the machine code of the prologue and of each byte code in turn. Returns the offset;
 * -ENOENT (in the prologue, or behind the end); -EINVAL; -ENOTSUP (sizes unknown).
 */
int64_t v8_position_baseline(struct v8_heap *heap, const struct v8_bytecode_sizes *sizes,
	uint64_t table, uint64_t bytecode_array, int64_t code_offset);
