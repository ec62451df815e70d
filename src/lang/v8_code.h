/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_code.h - V8's Code objects: which one a pc lies in, by which compiler it was made, and where
 * its tables are. Code that replaced a running function (OSR) hangs on no function: it is found by
 * scanning back from the pc to the header that precedes the instructions. Tier B.
 */
#pragma once

#include "v8_heap.h"

enum { V8_CODES_MAX = 64 };

enum v8_code_kind { V8_CODE_OTHER, V8_CODE_BASELINE, V8_CODE_MAGLEV, V8_CODE_TURBOFAN };

struct v8_code {
	uint64_t object;
	uint64_t start, size;    /* of its instructions: address, bytes */
	uint64_t positions;      /* ByteArray: source positions, or (baseline) byte code offsets */
	uint64_t deoptimization; /* optimised: an array; baseline: the byte code or what leads to it
				  */
	enum v8_code_kind kind;
};

/* What was learned about where code is: checked again at each use. */
struct v8_codes {
	uint64_t stream_map; /* the first word of instruction streams; 0: not yet seen */
	size_t next;
	struct {
		uint64_t start, end, object;
	} known[V8_CODES_MAX];
};

/* Reads a Code object. Returns 0 or -EINVAL. */
int v8_code_read(struct v8_heap *heap, uint64_t object, struct v8_code *ret);
/*
 * The Code object whose instructions hold pc, which lies in generated code. `function` may have it
 * (0: unknown). Returns 0 or -ENOENT.
 */
int v8_code_find(struct v8_codes *codes, struct v8_heap *heap, uint64_t function, uint64_t pc,
	struct v8_code *ret);
/* The SharedFunctionInfo that optimised code was made for. Returns 0 or -EINVAL. */
int v8_code_shared(struct v8_heap *heap, const struct v8_code *code, uint64_t *ret);
/*
 * The BytecodeArray of a SharedFunctionInfo, through whatever stands between (baseline code,
 * interpreter data). Returns 0; -ENOENT if the function is not compiled or is a builtin.
 */
int v8_code_bytecode(struct v8_heap *heap, uint64_t shared, uint64_t *ret);
/* The same from an object on that way: baseline code, interpreter data, or a BytecodeArray itself.
 */
int v8_code_bytecode_of(struct v8_heap *heap, uint64_t object, uint64_t *ret);
/* One inlined call of optimised code: the function that was inlined, and where it was called from.
 */
struct v8_inlined {
	uint64_t shared;
	uint64_t call_position; /* packed, as in v8_position.h */
};
/* The call with this index (from 0). Returns 0 or -EINVAL. */
int v8_code_inlined(
	struct v8_heap *heap, const struct v8_code *code, uint32_t index, struct v8_inlined *ret);
