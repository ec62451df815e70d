/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_code.h"

#include <errno.h>
#include <string.h>

enum {
	OBJECT_TAG = 1,
	CODE_SIZE_MAX = 16 << 20,
	CODE_ALIGNMENT = 32, /* of the first instruction; 64 in later versions */
	SCAN_CHUNK = 4096,
	SCAN_MAX = 1 << 20,    /* how far before the pc a header is looked for */
	STREAM_LINK_WORDS = 4, /* the Code object is in one of these words after the map */
	SHARED_WRAPPED = 8,    /* offset in SharedFunctionInfoWrapper */
	INTERPRETER_BYTECODE = 8,
	INLINED_BYTES = 16, /* V8: struct InliningPosition { SourcePosition; int; } */
};

static enum v8_code_kind kind_of(const struct v8_layout *layout, uint32_t flags)
{
	/* V8 names them in order: interpreted, baseline, Maglev, TurboFan
	 * (src/objects/code-kind.h). */
	switch ((int32_t)(flags & (uint32_t)layout->code_kind_mask) - layout->code_kind_baseline) {
	case 0:
		return V8_CODE_BASELINE;
	case 1:
		return V8_CODE_MAGLEV;
	case 2:
		return V8_CODE_TURBOFAN;
	default:
		return V8_CODE_OTHER;
	}
}

int v8_code_read(struct v8_heap *heap, uint64_t object, struct v8_code *ret)
{
	const struct v8_layout *layout = heap->layout;
	struct v8_code code = {.object = object};
	uint32_t size, flags;

	if (!v8_is(heap, object, layout->type_code))
		return -EINVAL;
	if (layout->code_inline)
		code.start = object - OBJECT_TAG + (uint64_t)(int64_t)layout->code_start;
	else if (v8_field(heap, object, layout->code_start, &code.start))
		return -EINVAL;
	if (v8_field_u32(heap, object, layout->code_size, &size) || size > CODE_SIZE_MAX ||
		v8_field_u32(heap, object, layout->code_flags, &flags) ||
		v8_field(heap, object, layout->code_positions, &code.positions) ||
		v8_field(heap, object, layout->code_deoptimization, &code.deoptimization))
		return -EINVAL;
	code.size = size;
	code.kind = kind_of(layout, flags);
	*ret = code;
	return 0;
}

/* Whether the object is a Code that holds pc. */
static bool holds(struct v8_heap *heap, uint64_t object, uint64_t pc, struct v8_code *ret)
{
	return !v8_code_read(heap, object, ret) && pc >= ret->start && pc - ret->start < ret->size;
}

static bool find_known(
	struct v8_codes *codes, struct v8_heap *heap, uint64_t pc, struct v8_code *ret)
{
	for (size_t i = 0; i < V8_CODES_MAX; i++)
		if (pc >= codes->known[i].start && pc < codes->known[i].end &&
			holds(heap, codes->known[i].object, pc, ret))
			return true;
	return false;
}

static void learn(struct v8_codes *codes, const struct v8_code *code)
{
	codes->known[codes->next].start = code->start;
	codes->known[codes->next].end = code->start + code->size;
	codes->known[codes->next].object = code->object;
	codes->next = (codes->next + 1) % V8_CODES_MAX;
}

/* Whether the words are those that an instruction stream begins with (before V8 11: a Code object).
 */
static bool is_stream(
	struct v8_codes *codes, struct v8_heap *heap, uint64_t address, const uint64_t *words)
{
	const struct v8_layout *layout = heap->layout;

	if (codes->stream_map)
		return words[0] == codes->stream_map;
	return v8_is_object(words[0]) && v8_is_object(words[1]) &&
	       v8_is(heap, address + OBJECT_TAG,
		       layout->code_inline ? layout->type_code : layout->type_instruction_stream);
}

/* Whether the instruction stream at `address` holds pc, by the Code object that one of its first
 * words links to. */
static bool stream_holds(struct v8_heap *heap, uint64_t address, const uint64_t *words, uint64_t pc,
	struct v8_code *ret)
{
	if (heap->layout->code_inline)
		return holds(heap, address + OBJECT_TAG, pc, ret);
	for (int i = 1; i <= STREAM_LINK_WORDS; i++)
		if (v8_is_object(words[i]) && holds(heap, words[i], pc, ret))
			return ret->start ==
			       address + (uint64_t)(int64_t)heap->layout->stream_header;
	return false;
}

static bool scan_back(
	struct v8_codes *codes, struct v8_heap *heap, uint64_t pc, struct v8_code *ret)
{
	enum { WORDS = SCAN_CHUNK / 8 };
	uint64_t header = (uint64_t)(int64_t)heap->layout->stream_header;
	/* The chunk, and the words after it that a header at its end reaches into. */
	uint64_t words[WORDS + STREAM_LINK_WORDS] = {0};
	uint64_t chunk = pc & ~(uint64_t)(SCAN_CHUNK - 1);

	for (uint64_t scanned = 0; scanned < SCAN_MAX && chunk; scanned += SCAN_CHUNK) {
		memcpy(words + WORDS, words, STREAM_LINK_WORDS * sizeof(words[0]));
		if (v8_read(heap, chunk, words, SCAN_CHUNK))
			return false;
		for (int i = WORDS - 1; i >= 0; i--) {
			uint64_t address = chunk + 8 * (uint64_t)i;

			if (address >= pc || (address + header) % CODE_ALIGNMENT ||
				!is_stream(codes, heap, address, words + i))
				continue;
			if (stream_holds(heap, address, words + i, pc, ret)) {
				codes->stream_map = words[i];
				return true;
			}
			/* The nearest header is of other code, or of freed one. */
			if (codes->stream_map)
				return false;
		}
		chunk -= SCAN_CHUNK;
	}
	/* Each isolate may have a map of its own: the next question starts anew. */
	codes->stream_map = 0;
	return false;
}

int v8_code_find(struct v8_codes *codes, struct v8_heap *heap, uint64_t function, uint64_t pc,
	struct v8_code *ret)
{
	uint64_t object;

	if (function && !v8_field(heap, function, heap->layout->function_code, &object) &&
		holds(heap, object, pc, ret))
		return 0;
	if (find_known(codes, heap, pc, ret))
		return 0;
	if (!scan_back(codes, heap, pc, ret))
		return -ENOENT;
	learn(codes, ret);
	return 0;
}

/* An element of an optimised Code's deoptimisation data, an array whose type differs between
 * versions. */
static int deopt_element(
	struct v8_heap *heap, const struct v8_code *code, int32_t index, uint64_t *ret)
{
	if ((code->kind != V8_CODE_MAGLEV && code->kind != V8_CODE_TURBOFAN) ||
		v8_type(heap, code->deoptimization) < 0)
		return -EINVAL;
	return v8_element(heap, code->deoptimization, index, ret) ? -EINVAL : 0;
}

/* Literals and deoptimisation data hold functions as they are, or (V8 13) wrapped. */
static int unwrap(struct v8_heap *heap, uint64_t value, uint64_t *ret)
{
	const struct v8_layout *layout = heap->layout;

	if (v8_is(heap, value, layout->type_shared)) {
		*ret = value;
		return 0;
	}
	if (!v8_is(heap, value, layout->type_shared_wrapper))
		return -EINVAL;
	return v8_field_of(heap, value, SHARED_WRAPPED, layout->type_shared, ret);
}

int v8_code_shared(struct v8_heap *heap, const struct v8_code *code, uint64_t *ret)
{
	uint64_t value;

	if (deopt_element(heap, code, heap->layout->deopt_shared, &value))
		return -EINVAL;
	return unwrap(heap, value, ret);
}

int v8_code_inlined(
	struct v8_heap *heap, const struct v8_code *code, uint32_t index, struct v8_inlined *ret)
{
	struct {
		uint64_t position;
		int32_t function; /* among the literals; -1: the function itself (recursion) */
		int32_t padding;
	} inlined;
	uint64_t positions, literals, literal, address;
	uint32_t length;

	if (deopt_element(heap, code, heap->layout->deopt_inlining, &positions) ||
		v8_byte_array(heap, positions, &address, &length) ||
		index >= length / INLINED_BYTES ||
		v8_read(heap, address + (uint64_t)index * INLINED_BYTES, &inlined, sizeof(inlined)))
		return -EINVAL;
	ret->call_position = inlined.position;
	if (inlined.function < 0)
		return v8_code_shared(heap, code, &ret->shared);
	if (deopt_element(heap, code, heap->layout->deopt_literals, &literals) ||
		v8_type(heap, literals) < 0 ||
		v8_element(heap, literals, inlined.function, &literal))
		return -EINVAL;
	return unwrap(heap, literal, &ret->shared);
}

int v8_code_bytecode_of(struct v8_heap *heap, uint64_t object, uint64_t *ret)
{
	const struct v8_layout *layout = heap->layout;

	/* Baseline code leads to interpreter data, which leads to the byte code. */
	for (int i = 0; i < 3; i++) {
		int type = v8_type(heap, object);
		struct v8_code code;

		if (type < 0)
			return -ENOENT;
		if (type == layout->type_bytecode_array) {
			*ret = object;
			return 0;
		}
		if (type == layout->type_interpreter_data) {
			if (v8_field(heap, object, INTERPRETER_BYTECODE, &object))
				return -ENOENT;
		} else if (v8_code_read(heap, object, &code) || code.kind != V8_CODE_BASELINE) {
			return -ENOENT;
		} else {
			object = code.deoptimization;
		}
	}
	return -ENOENT;
}

int v8_code_bytecode(struct v8_heap *heap, uint64_t shared, uint64_t *ret)
{
	uint64_t object;

	if (v8_field(heap, shared, heap->layout->shared_data, &object))
		return -ENOENT;
	return v8_code_bytecode_of(heap, object, ret);
}
