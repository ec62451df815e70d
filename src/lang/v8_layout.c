/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_layout.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/*
 * What the v8dbg_* constants of a version lack. A new version is a new row: CONTRIBUTING.md says
 * how to find its values. Sorted by version.
 */
static const struct v8_layout rows[] = {
	{
		/* Node 18 */
		.version = 1002,
		.function_types = 16,
		.function_code = 48,
		.bytecode_positions = 32,
		.code_inline = true,
		.code_start = 128,
		.stream_header = 128,
		.code_size = 40,
		.code_flags = 48,
		.code_positions = 24,
		.code_deoptimization = 16,
		.deopt_literals = 2,
		.deopt_shared = 6,
		.deopt_inlining = 7,
	},
	{
		/* Node 20 */
		.version = 1103,
		.function_types = 16,
		.function_code = 48,
		.bytecode_positions = 32,
		.code_start = 40,
		.code_size = 56,
		.code_flags = 48,
		.code_positions = 24,
		.code_deoptimization = 16,
		.deopt_literals = 2,
		.deopt_shared = 6,
		.deopt_inlining = 7,
	},
	{
		/* Node 22 */
		.version = 1204,
		.function_types = 17,
		.function_code = 24,
		.bytecode_positions = 24,
		.code_start = 40,
		.code_size = 52,
		.code_flags = 48,
		.code_positions = 16,
		.code_deoptimization = 8,
		.deopt_literals = 2,
		.deopt_shared = 6,
		.deopt_inlining = 7,
	},
	{
		/* Node 24 */
		.version = 1306,
		.function_types = 17,
		.function_code = 24,
		.bytecode_positions = 24,
		.code_start = 40,
		.code_size = 56,
		.code_flags = 52,
		.code_positions = 16,
		.code_deoptimization = 8,
		.deopt_literals = 3,
		.deopt_shared = 7,
		.deopt_inlining = 8,
	},
	{
		/* Node 26 */
		.version = 1406,
		.function_types = 17,
		.function_code = 24,
		.bytecode_positions = 24,
		.code_start = 40,
		.code_size = 56,
		.code_flags = 52,
		.code_positions = 16,
		.code_deoptimization = 8,
		.deopt_literals = 3,
		.deopt_shared = 7,
		.deopt_inlining = 8,
		.positions_flagged = true,
	},
};

/* The same in every version so far, and exported by none. */
enum {
	SHARED_DATA = 8,
	SCRIPT_LINE_OFFSET = 24,
	SCRIPT_COLUMN_OFFSET = 32,
	BYTECODE_LENGTH = 8,
	EXTERNAL_DATA_AFTER_RESOURCE = 8,
};

enum need {
	REQUIRED, /* by the binary or by the row */
	OPTIONAL, /* -1 if neither has it */
};

struct constant {
	uint16_t field; /* offset in struct v8_layout */
	uint8_t need;
	const char *names[3]; /* without "v8dbg_"; the first that exists counts */
};

#define FIELD(field) offsetof(struct v8_layout, field)

static const struct constant constants[] = {
	{FIELD(fp_context), REQUIRED, {"off_fp_context"}},
	{FIELD(fp_function), REQUIRED, {"off_fp_function"}},
	{FIELD(fp_bytecode_array), REQUIRED, {"off_fp_bytecode_array"}},
	{FIELD(fp_bytecode_offset), REQUIRED, {"off_fp_bytecode_offset"}},
	{FIELD(frame_entry), REQUIRED, {"frametype_EntryFrame"}},
	{FIELD(frame_construct_entry), REQUIRED, {"frametype_ConstructEntryFrame"}},
	{FIELD(frame_exit), REQUIRED, {"frametype_ExitFrame"}},
	{FIELD(frame_builtin_exit), OPTIONAL, {"frametype_BuiltinExitFrame"}},
	{FIELD(frame_api_callback_exit), OPTIONAL, {"frametype_ApiCallbackExitFrame"}},
	{FIELD(frame_api_construct_exit), OPTIONAL, {"frametype_ApiConstructExitFrame"}},
	{FIELD(frame_api_accessor_exit), OPTIONAL, {"frametype_ApiAccessorExitFrame"}},
	{FIELD(frame_api_named_exit), OPTIONAL, {"frametype_ApiNamedAccessorExitFrame"}},
	{FIELD(frame_api_indexed_exit), OPTIONAL, {"frametype_ApiIndexedAccessorExitFrame"}},
	{FIELD(type_function), REQUIRED,
		{"FirstJSFunctionType", "type_JSFunction__JS_FUNCTION_TYPE"}},
	{FIELD(type_function_last), OPTIONAL, {"LastJSFunctionType"}},
	{FIELD(type_shared), REQUIRED, {"type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE"}},
	{FIELD(type_shared_wrapper), OPTIONAL,
		{"type_SharedFunctionInfoWrapper__SHARED_FUNCTION_INFO_WRAPPER_TYPE"}},
	{FIELD(type_script), REQUIRED, {"type_Script__SCRIPT_TYPE"}},
	{FIELD(type_debug_info), OPTIONAL, {"type_DebugInfo__DEBUG_INFO_TYPE"}},
	{FIELD(type_scope_info), REQUIRED, {"type_ScopeInfo__SCOPE_INFO_TYPE"}},
	{FIELD(type_code), REQUIRED, {"type_Code__CODE_TYPE"}},
	{FIELD(type_instruction_stream), OPTIONAL,
		{"type_InstructionStream__INSTRUCTION_STREAM_TYPE"}},
	{FIELD(type_bytecode_array), REQUIRED, {"type_BytecodeArray__BYTECODE_ARRAY_TYPE"}},
	{FIELD(type_interpreter_data), OPTIONAL, {"type_InterpreterData__INTERPRETER_DATA_TYPE"}},
	{FIELD(type_byte_array), REQUIRED, {"type_ByteArray__BYTE_ARRAY_TYPE"}},
	{FIELD(type_trusted_byte_array), OPTIONAL,
		{"type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE"}},
	{FIELD(type_fixed_array), REQUIRED, {"type_FixedArray__FIXED_ARRAY_TYPE"}},
	{FIELD(map_instance_type), REQUIRED, {"class_Map__instance_type__uint16_t"}},
	{FIELD(string_length), REQUIRED, {"class_String__length__int32_t"}},
	{FIELD(string_data), REQUIRED, {"class_SeqOneByteString__chars__char"}},
	{FIELD(cons_first), REQUIRED, {"class_ConsString__first__String"}},
	{FIELD(cons_second), REQUIRED, {"class_ConsString__second__String"}},
	{FIELD(sliced_parent), REQUIRED, {"class_SlicedString__parent__String"}},
	{FIELD(sliced_offset), REQUIRED, {"class_SlicedString__offset__SMI"}},
	{FIELD(thin_actual), REQUIRED, {"class_ThinString__actual__String"}},
	{FIELD(external_data), REQUIRED, {"class_ExternalString__resource__Object"}},
	{FIELD(array_length), REQUIRED, {"class_FixedArrayBase__length__SMI"}},
	{FIELD(array_data), REQUIRED, {"class_FixedArray__data__uintptr_t"}},
	{FIELD(function_shared), REQUIRED, {"class_JSFunction__shared__SharedFunctionInfo"}},
	{FIELD(function_code), REQUIRED,
		{"class_JSFunction__code__CodeT", "class_JSFunction__code__Tagged_Code_"}},
	{FIELD(shared_name), REQUIRED,
		{"class_SharedFunctionInfo__name_or_scope_info__Object",
			"class_SharedFunctionInfo__name_or_scope_info__Tagged_Object_",
			"class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_"}},
	{FIELD(shared_script), REQUIRED,
		{"class_SharedFunctionInfo__script_or_debug_info__HeapObject",
			"class_SharedFunctionInfo__script__Tagged_HeapObject_"}},
	{FIELD(script_source), REQUIRED, {"class_Script__source__Object"}},
	{FIELD(script_name), REQUIRED, {"class_Script__name__Object"}},
	{FIELD(script_line_ends), REQUIRED, {"class_Script__line_ends__Object"}},
	{FIELD(scope_context_locals), REQUIRED, {"scopeinfo_idx_ncontextlocals"}},
	{FIELD(scope_variables), REQUIRED, {"scopeinfo_idx_first_vars"}},
	{FIELD(bytecode_data), REQUIRED, {"class_BytecodeArray__data__uintptr_t"}},
	{FIELD(bytecode_positions), REQUIRED, {NULL}},
	{FIELD(code_start), REQUIRED,
		{"class_Code__instruction_start__Address",
			"class_Code__instruction_start__uintptr_t"}},
	{FIELD(stream_header), REQUIRED, {"class_InstructionStream__instruction_start__uintptr_t"}},
	{FIELD(code_size), REQUIRED, {"class_Code__instruction_size__int"}},
	{FIELD(code_flags), REQUIRED, {"class_Code__flags__uint32_t"}},
	{FIELD(code_positions), REQUIRED, {"class_Code__source_position_table__ByteArray"}},
	{FIELD(code_deoptimization), REQUIRED, {"class_Code__deoptimization_data__FixedArray"}},
	{FIELD(code_kind_mask), REQUIRED, {"CodeKindFieldMask"}},
	{FIELD(code_kind_baseline), REQUIRED, {"CodeKindBaseline"}},
	{FIELD(deopt_literals), REQUIRED, {"DeoptimizationDataLiteralArrayIndex"}},
	{FIELD(deopt_shared), REQUIRED,
		{"DeoptimizationDataSharedFunctionInfoIndex",
			"DeoptimizationDataWrappedSharedFunctionInfoIndex"}},
	{FIELD(deopt_inlining), REQUIRED, {"DeoptimizationDataInliningPositionsIndex"}},
};

#undef FIELD

enum { COUNT = sizeof(constants) / sizeof(constants[0]), ROWS = sizeof(rows) / sizeof(rows[0]) };

/* An int of the image's data, by its symbol. */
static int read_int(
	struct memory *memory, const struct image *image, const char *symbol, int32_t *ret)
{
	uint64_t address, size;
	int error = image_symbol(image, memory, symbol, &address, &size);

	if (error)
		return error;
	return memory_exact(memory, address, ret, sizeof(*ret));
}

static int read_constant(
	struct memory *memory, const struct image *image, const char *name, int32_t *ret)
{
	char symbol[128] = "v8dbg_";
	size_t length = strlen(name);

	if (length >= sizeof(symbol) - 6)
		return -ENOENT;
	memcpy(symbol + 6, name, length + 1);
	return read_int(memory, image, symbol, ret);
}

/* The row of a version, or the newest older one (for a version older than all: the oldest). */
static const struct v8_layout *row_of(int32_t version)
{
	size_t i = ROWS - 1;

	while (i && rows[i].version > version)
		i--;
	return &rows[i];
}

/*
 * Two facts hold in every build that these offsets describe, and would not with compressed
 * pointers: tagged words of eight bytes, and small integers in their upper half.
 */
static bool words_are_full(struct memory *memory, const struct image *image)
{
	int32_t tagged, shift;

	return !read_constant(memory, image, "TaggedSize", &tagged) && tagged == 8 &&
	       !read_constant(memory, image, "SmiShiftSize", &shift) && shift == 31;
}

static int read_constants(
	struct v8_layout *layout, struct memory *memory, const struct image *image)
{
	for (size_t i = 0; i < COUNT; i++) {
		const struct constant *constant = &constants[i];
		int32_t *field = (int32_t *)(void *)((char *)layout + constant->field);
		bool found = false;

		for (size_t k = 0; k < 3 && constant->names[k] && !found; k++)
			found = !read_constant(memory, image, constant->names[k], field);
		if (found || *field)
			continue;
		if (constant->need == REQUIRED)
			return -ENOTSUP;
		*field = -1;
	}
	return 0;
}

int v8_layout_read(struct v8_layout *ret, struct memory *memory, const struct image *image,
	const char **ret_reason)
{
	struct v8_layout layout;
	int32_t major, minor, mask;

	if (read_constant(memory, image, "SmiTagMask", &mask))
		return -ENOENT;
	if (!words_are_full(memory, image)) {
		*ret_reason = "V8 with compressed pointers";
		return -ENOTSUP;
	}
	if (read_int(memory, image, "_ZN2v88internal7Version6major_E", &major) ||
		read_int(memory, image, "_ZN2v88internal7Version6minor_E", &minor)) {
		*ret_reason = "V8 of an unknown version";
		return -ENOTSUP;
	}
	layout = *row_of(major * 100 + minor);
	layout.guessed = layout.version != major * 100 + minor;
	layout.version = major * 100 + minor;
	if (read_constants(&layout, memory, image)) {
		*ret_reason = "V8 without the debugging constants that are needed";
		return -ENOTSUP;
	}
	if (layout.type_function_last < 0)
		layout.type_function_last = layout.type_function + layout.function_types - 1;
	layout.external_data += EXTERNAL_DATA_AFTER_RESOURCE;
	layout.shared_data = SHARED_DATA;
	layout.script_line_offset = SCRIPT_LINE_OFFSET;
	layout.script_column_offset = SCRIPT_COLUMN_OFFSET;
	layout.bytecode_length = BYTECODE_LENGTH;
	*ret = layout;
	return 0;
}
