/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_layout.h - where V8 keeps things: offsets in its objects and frames, instance types, and the
 * few formats that differ between its versions. Most values come from the v8dbg_* constants that
 * every Node binary exports for post-mortem debuggers; one row a version in v8_layout.c supplies
 * what those lack. No value is trusted by itself: whoever follows an offset checks the instance
 * type of what it finds there (v8_heap.h). Tier B. Not here: where the code is (v8_image.h), how
 * objects are read (v8_heap.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/* All offsets in bytes from an object's start, all indexes in tagged words. An instance type of -1:
 * not in this version. */
struct v8_layout {
	int32_t version; /* major * 100 + minor */

	/* Frame slots, bytes from the frame pointer (V8: src/execution/frame-constants.h). */
	int32_t fp_context, fp_function, fp_bytecode_array, fp_bytecode_offset;
	/* Frame types in the context slot of frames that are no function's, and those that lead to
	 * native code. */
	int32_t frame_entry, frame_construct_entry, frame_exit, frame_builtin_exit;
	int32_t frame_api_callback_exit, frame_api_construct_exit, frame_api_accessor_exit;
	int32_t frame_api_named_exit, frame_api_indexed_exit;

	int32_t type_function, type_function_last, function_types;
	int32_t type_shared, type_shared_wrapper, type_script, type_debug_info, type_scope_info;
	int32_t type_code, type_instruction_stream, type_bytecode_array, type_interpreter_data;
	int32_t type_byte_array, type_trusted_byte_array, type_fixed_array;

	int32_t map_instance_type;
	int32_t string_length, string_data, cons_first, cons_second, sliced_parent, sliced_offset;
	int32_t thin_actual, external_data;
	int32_t array_length, array_data;

	int32_t function_shared, function_code;
	int32_t shared_data, shared_name, shared_script;
	int32_t script_source, script_name, script_line_offset, script_column_offset;
	int32_t script_line_ends;
	int32_t scope_context_locals, scope_variables; /* indexes */
	int32_t bytecode_length, bytecode_data, bytecode_positions;

	int32_t code_start, code_size, code_flags, code_positions, code_deoptimization;
	int32_t stream_header; /* from an instruction stream's start to its instructions */
	int32_t code_kind_mask, code_kind_baseline;
	int32_t deopt_literals, deopt_shared, deopt_inlining; /* indexes */

	bool guessed;     /* no row for this version: the nearest one's values */
	bool code_inline; /* instructions follow the Code object's header: code_start is an offset,
			     no field */
	bool positions_flagged; /* code deltas carry two flag bits instead of a sign (V8 14) */
};

/*
 * Reads the constants of the V8 in `image`. Returns 0; -ENOENT if there is no V8 in it; -ENOTSUP,
 * with a reason (static text), if it is one that cannot be read.
 */
int v8_layout_read(struct v8_layout *ret, struct memory *memory, const struct image *image,
	const char **ret_reason);
