/* SPDX-License-Identifier: Apache-2.0 */
#include "cpython_layout.h"

#include <errno.h>
#include <string.h>

/* clang-format off */
static const struct cpython_layout known[] = {
	{
		.version = 309,
		.chain = CPYTHON_CHAIN_OBJECTS,
		.lines = CPYTHON_LINES_NOTAB,
		.runtime_interpreters = 32, .interpreter_next = 0, .interpreter_threads = 8,
		.thread_next = 8, .thread_interpreter = 16, .thread_frame = 24, .thread_id = 176,
		.frame_previous = 24, .frame_code = 32, .frame_instruction = 104,
		.code_filename = 104, .code_name = 112, .code_lines = 120, .code_first_line = 40,
		.instruction_bytes = 1,
		.object_type = 8, .type_name = 24, .object_length = 16, .bytes_body = 32,
		.text_length = 16, .text_state = 32, .text_ascii_body = 48, .text_body = 72,
	},
	{
		.version = 310,
		.chain = CPYTHON_CHAIN_OBJECTS,
		.lines = CPYTHON_LINES_RANGES,
		.runtime_interpreters = 32, .interpreter_next = 0, .interpreter_threads = 8,
		.thread_next = 8, .thread_interpreter = 16, .thread_frame = 24, .thread_id = 176,
		.frame_previous = 24, .frame_code = 32, .frame_instruction = 96,
		.code_filename = 104, .code_name = 112, .code_lines = 120, .code_first_line = 40,
		.instruction_bytes = 2,
		.object_type = 8, .type_name = 24, .object_length = 16, .bytes_body = 32,
		.text_length = 16, .text_state = 32, .text_ascii_body = 48, .text_body = 72,
	},
	{
		.version = 311,
		.chain = CPYTHON_CHAIN_CALLS,
		.lines = CPYTHON_LINES_LOCATIONS,
		.runtime_interpreters = 40, .interpreter_next = 0, .interpreter_threads = 16,
		.thread_next = 8, .thread_interpreter = 16, .thread_frame = 56, .thread_id = 152,
		.thread_native_id = 160,
		.call_frame = 8, .call_previous = 16,
		.frame_previous = 48, .frame_code = 32, .frame_instruction = 56,
		.frame_end = 68 /* is_entry */, .frame_end_value = 1,
		.code_filename = 112, .code_name = 128 /* co_qualname */, .code_lines = 136,
		.code_first_line = 72, .code_body = 184, .instruction_bytes = 2,
		.object_type = 8, .type_name = 24, .object_length = 16, .bytes_body = 32,
		.text_length = 16, .text_state = 32, .text_ascii_body = 48, .text_body = 72,
	},
	{
		.version = 312,
		.chain = CPYTHON_CHAIN_CALLS,
		.lines = CPYTHON_LINES_LOCATIONS,
		.runtime_interpreters = 40, .interpreter_next = 0, .interpreter_threads = 72,
		.thread_next = 8, .thread_interpreter = 16, .thread_frame = 56, .thread_id = 136,
		.thread_native_id = 144,
		.call_frame = 0, .call_previous = 8,
		.frame_previous = 8, .frame_code = 0, .frame_instruction = 56,
		.frame_end = 70 /* owner */, .frame_end_value = 3 /* FRAME_OWNED_BY_CSTACK */,
		.frame_end_is_shim = true,
		.code_filename = 112, .code_name = 128, .code_lines = 136,
		.code_first_line = 68, .code_body = 192, .instruction_bytes = 2,
		.object_type = 8, .type_name = 24, .object_length = 16, .bytes_body = 32,
		.text_length = 16, .text_state = 32, .text_ascii_body = 40, .text_body = 56,
	},
};
/* clang-format on */

bool cpython_layout_known(struct cpython_layout *ret, uint16_t version)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].version == version) {
			*ret = known[i];
			return true;
		}
	}
	return false;
}

/* CPython 3.13: struct _Py_DebugOffsets (Include/internal/pycore_runtime.h); 3.14 has another. */
struct debug_offsets {
	char cookie[8];
	uint64_t version, free_threaded;
	struct {
		uint64_t size, finalizing, interpreters_head;
	} runtime;
	struct {
		uint64_t size, id, next, threads_head, gc, imports_modules, sysdict, builtins;
		uint64_t ceval_gil, gil_state, gil_enabled, gil_locked, gil_holder;
	} interpreter;
	struct {
		uint64_t size, prev, next, interp, current_frame, thread_id, native_thread_id;
		uint64_t datastack_chunk, status;
	} thread;
	struct {
		uint64_t size, previous, executable, instr_ptr, localsplus, owner;
	} frame;
	struct {
		uint64_t size, filename, name, qualname, linetable, firstlineno, argcount;
		uint64_t localsplusnames, localspluskinds, co_code_adaptive;
	} code;
	struct {
		uint64_t size, ob_type;
	} object;
	struct {
		uint64_t size, tp_name, tp_repr, tp_flags;
	} type;
	struct {
		uint64_t size, ob_item, ob_size;
	} tuple, list;
	struct {
		uint64_t size, ma_keys, ma_values;
	} dict;
	struct {
		uint64_t size, ob_fval;
	} floating;
	struct {
		uint64_t size, lv_tag, ob_digit;
	} integer;
	struct {
		uint64_t size, ob_size, ob_sval;
	} bytes;
	struct {
		uint64_t size, state, length, ascii_size;
	} text;
};

/* An offset that a structure of this size can have; anything else makes the whole invalid. */
static uint32_t within(uint64_t offset, uint64_t size, bool *valid)
{
	if (offset >= size || offset & 3)
		*valid = false;
	return (uint32_t)offset;
}

int cpython_layout_read(struct cpython_layout *ret, struct memory *memory, uint64_t runtime)
{
	enum { STRUCTURE_BYTES_MAX = 1 << 20, COMPACT_EXTRA = 16 };
	struct debug_offsets said;
	bool valid = true;
	struct cpython_layout layout = {
		.version = 313,
		.chain = CPYTHON_CHAIN_SHIMS,
		.lines = CPYTHON_LINES_LOCATIONS,
		.frame_end_value = 3, /* FRAME_OWNED_BY_CSTACK */
		.frame_end_is_shim = true,
		.instruction_bytes = 2,
	};

	if (memory_exact(memory, runtime, &said, sizeof(said)) ||
		memcmp(said.cookie, "xdebugpy", sizeof(said.cookie)) ||
		said.version >> 16 != 0x030d)
		return -ENOTSUP;
	layout.runtime_interpreters =
		within(said.runtime.interpreters_head, STRUCTURE_BYTES_MAX, &valid);
	layout.interpreter_next = within(said.interpreter.next, STRUCTURE_BYTES_MAX, &valid);
	layout.interpreter_threads =
		within(said.interpreter.threads_head, STRUCTURE_BYTES_MAX, &valid);
	layout.thread_next = within(said.thread.next, CPYTHON_THREAD_BYTES - 7, &valid);
	layout.thread_interpreter = within(said.thread.interp, CPYTHON_THREAD_BYTES - 7, &valid);
	layout.thread_frame = within(said.thread.current_frame, CPYTHON_THREAD_BYTES - 7, &valid);
	layout.thread_id = within(said.thread.thread_id, CPYTHON_THREAD_BYTES - 7, &valid);
	layout.thread_native_id =
		within(said.thread.native_thread_id, CPYTHON_THREAD_BYTES - 7, &valid);
	layout.frame_previous = within(said.frame.previous, CPYTHON_FRAME_BYTES - 7, &valid);
	layout.frame_code = within(said.frame.executable, CPYTHON_FRAME_BYTES - 7, &valid);
	layout.frame_instruction = within(said.frame.instr_ptr, CPYTHON_FRAME_BYTES - 7, &valid);
	layout.frame_end = (uint32_t)said.frame.owner; /* a byte: of no alignment */
	valid = valid && said.frame.owner < CPYTHON_FRAME_BYTES;
	layout.code_filename = within(said.code.filename, CPYTHON_CODE_BYTES - 7, &valid);
	layout.code_name = within(said.code.qualname, CPYTHON_CODE_BYTES - 7, &valid);
	layout.code_lines = within(said.code.linetable, CPYTHON_CODE_BYTES - 7, &valid);
	layout.code_first_line = within(said.code.firstlineno, CPYTHON_CODE_BYTES - 7, &valid);
	layout.code_body = within(said.code.co_code_adaptive, STRUCTURE_BYTES_MAX, &valid);
	layout.object_type = within(said.object.ob_type, CPYTHON_CODE_BYTES - 7, &valid);
	layout.type_name = within(said.type.tp_name, STRUCTURE_BYTES_MAX, &valid);
	layout.object_length = within(said.bytes.ob_size, CPYTHON_CODE_BYTES - 7, &valid);
	layout.bytes_body = (uint32_t)said.bytes.ob_sval;
	valid = valid && said.bytes.ob_sval < STRUCTURE_BYTES_MAX;
	layout.text_length = within(said.text.length, CPYTHON_CODE_BYTES - 7, &valid);
	layout.text_state = within(said.text.state, CPYTHON_CODE_BYTES - 7, &valid);
	layout.text_ascii_body = within(said.text.ascii_size, STRUCTURE_BYTES_MAX, &valid);
	/* PyCompactUnicodeObject adds the length and the address of a UTF-8 form. */
	layout.text_body = layout.text_ascii_body + COMPACT_EXTRA;
	if (!valid)
		return -ENOTSUP;
	*ret = layout;
	return 0;
}
