/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpython_layout.h - where CPython keeps things: offsets in its interpreter's structures, and how
 * its frames are chained. 3.13 says them itself (_Py_DebugOffsets, at the start of _PyRuntime); for
 * 3.9 to 3.12 there is one row a version in cpython_layout.c, which holds for every release of that
 * version: they share an ABI. No value is trusted by itself: whoever follows an offset checks the
 * type of what it finds there (cpython_object.h), or that it points back to where it came from.
 * Tier A: plain data and bounded reads. Not here: where the interpreter is (cpython_image.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

/* How the frames of a thread are chained, innermost first, and where one call of the evaluator
 * (_PyEval_EvalFrameDefault, a native frame) ends among them. */
enum cpython_chain {
	/* 3.9, 3.10: frame objects from the thread on; each has a call of the evaluator to itself.
	 */
	CPYTHON_CHAIN_OBJECTS,
	/* 3.11, 3.12: each call keeps a _PyCFrame on the native stack, which points to its
	 * innermost frame and to the _PyCFrame of the call before. */
	CPYTHON_CHAIN_CALLS,
	/* 3.13: frames from the thread on; each call keeps a shim among them, on the native stack.
	 */
	CPYTHON_CHAIN_SHIMS,
};

/* How a code object tells lines. */
enum cpython_lines {
	CPYTHON_LINES_NOTAB,     /* 3.9: co_lnotab (Objects/lnotab_notes.txt) */
	CPYTHON_LINES_RANGES,    /* 3.10: co_linetable of PEP 626 */
	CPYTHON_LINES_LOCATIONS, /* 3.11 on: Objects/locations.md */
};

enum {
	CPYTHON_FRAME_BYTES = 128, /* of a frame, from its start: the fields below lie within */
	CPYTHON_THREAD_BYTES = 256,
	CPYTHON_CODE_BYTES = 256,
};

/* All offsets in bytes from a structure's start; 0 where a version lacks the field, if a comment
 * says so. */
struct cpython_layout {
	uint16_t version; /* 3.11 is 311 */
	enum cpython_chain chain;
	enum cpython_lines lines;

	uint32_t runtime_interpreters; /* in _PyRuntime: the first interpreter */
	uint32_t interpreter_next, interpreter_threads;
	uint32_t thread_next, thread_interpreter;
	uint32_t thread_frame;                /* the innermost frame, or _PyCFrame */
	uint32_t thread_id, thread_native_id; /* pthread_self(); the kernel's (3.11 on, else 0) */

	uint32_t call_frame, call_previous; /* _PyCFrame; CPYTHON_CHAIN_CALLS only */
	uint32_t frame_previous, frame_code;
	uint32_t frame_instruction; /* a pointer into the code, or (to 3.10) its index, an int */
	/* The byte that marks the end of a call's frames: a shim, or (3.11) the outermost frame
	 * itself. Not in CPYTHON_CHAIN_OBJECTS. */
	uint32_t frame_end;
	uint8_t frame_end_value;
	bool frame_end_is_shim;

	uint32_t code_filename, code_name, code_lines, code_first_line;
	uint32_t code_body;         /* the first instruction; 0 where frames hold an index */
	uint32_t instruction_bytes; /* that one step of the instruction's index is worth */

	uint32_t object_type;
	uint32_t type_name;
	uint32_t object_length; /* of a bytes object, and of code (3.11 on): items */
	uint32_t bytes_body;
	uint32_t text_length, text_state;
	uint32_t text_ascii_body, text_body; /* the characters of an ASCII string, and of another */
};

/* The row of a version from 3.9 to 3.12. Returns whether there is one. */
bool cpython_layout_known(struct cpython_layout *ret, uint16_t version);
/* Reads what the runtime at `runtime` (_PyRuntime of 3.13) says of itself. Returns 0, or -ENOTSUP
 * if that cannot be right. */
int cpython_layout_read(struct cpython_layout *ret, struct memory *memory, uint64_t runtime);
