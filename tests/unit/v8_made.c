/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_made.h"

#include <stdlib.h>
#include <string.h>

const uint64_t made_base = 0x100000000;

/* Made by a test, and so never false: no part of what is tested. */
static void must(bool condition)
{
	if (!condition)
		abort();
}

static int64_t read_made(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct made *made = (struct made *)memory;

	made->reads++;
	if (address < made_base || address - made_base >= MADE_BYTES)
		return 0;
	if (length > MADE_BYTES - (address - made_base))
		length = MADE_BYTES - (address - made_base);
	memcpy(buffer, made->bytes + (address - made_base), length);
	return (int64_t)length;
}

struct made *made_new(void)
{
	struct made *made = calloc(1, sizeof(*made));

	must(made != NULL);
	made->memory.read = read_made;
	made->layout = made_layout;
	made->heap = (struct v8_heap){
		.memory = &made->memory, .layout = &made->layout, .reads_left = V8_READS_MAX};
	return made;
}

uint64_t made_bytes(struct made *made, size_t size, size_t alignment)
{
	size_t at = (made->used + alignment - 1) & ~(alignment - 1);

	must(at + size <= MADE_BYTES);
	made->used = at + size;
	return made_base + at;
}

void *made_at(struct made *made, uint64_t address)
{
	must(address - made_base < MADE_BYTES);
	return made->bytes + (address - made_base);
}

void made_set(struct made *made, uint64_t object, int32_t offset, uint64_t value)
{
	memcpy(made_at(made, object - 1 + (uint64_t)(int64_t)offset), &value, sizeof(value));
}

void made_set_u32(struct made *made, uint64_t object, int32_t offset, uint32_t value)
{
	memcpy(made_at(made, object - 1 + (uint64_t)(int64_t)offset), &value, sizeof(value));
}

uint64_t made_smi(int64_t value)
{
	return (uint64_t)value << 32;
}

uint64_t made_object(struct made *made, int32_t type, size_t size)
{
	uint64_t object;

	if (!made->maps[type]) {
		uint16_t written = (uint16_t)type;

		made->maps[type] = made_bytes(made, 80, 8) + 1;
		memcpy(made_at(made, made->maps[type] - 1 + 12), &written, sizeof(written));
	}
	object = made_bytes(made, size, 8) + 1;
	made_set(made, object, 0, made->maps[type]);
	return object;
}

enum {
	ONE_BYTE = 40,
	TWO_BYTE = 32,
	CONS = 41,
	SLICED = 43,
	THIN = 45,
	EXTERNAL = 42,
	UNCACHED = 58
};

uint64_t made_one_byte(struct made *made, const char *latin1)
{
	size_t length = strlen(latin1);
	uint64_t string = made_object(made, ONE_BYTE, 16 + length);

	made_set_u32(made, string, 12, (uint32_t)length);
	memcpy(made_at(made, string - 1 + 16), latin1, length);
	return string;
}

uint64_t made_two_byte(struct made *made, const uint16_t *units, uint32_t count)
{
	uint64_t string = made_object(made, TWO_BYTE, 16 + 2 * (size_t)count);

	made_set_u32(made, string, 12, count);
	memcpy(made_at(made, string - 1 + 16), units, 2 * (size_t)count);
	return string;
}

static uint32_t length_of(struct made *made, uint64_t string)
{
	uint32_t length;

	memcpy(&length, made_at(made, string - 1 + 12), sizeof(length));
	return length;
}

uint64_t made_cons(struct made *made, uint64_t first, uint64_t second)
{
	uint64_t string = made_object(made, CONS, 32);

	made_set_u32(made, string, 12, length_of(made, first) + length_of(made, second));
	made_set(made, string, 16, first);
	made_set(made, string, 24, second);
	return string;
}

uint64_t made_sliced(struct made *made, uint64_t parent, uint32_t offset, uint32_t length)
{
	uint64_t string = made_object(made, SLICED, 32);

	made_set_u32(made, string, 12, length);
	made_set(made, string, 16, parent);
	made_set(made, string, 24, made_smi(offset));
	return string;
}

uint64_t made_thin(struct made *made, uint64_t actual)
{
	uint64_t string = made_object(made, THIN, 24);

	made_set_u32(made, string, 12, length_of(made, actual));
	made_set(made, string, 16, actual);
	return string;
}

uint64_t made_external(struct made *made, const char *latin1, bool uncached)
{
	size_t length = strlen(latin1);
	uint64_t data = made_bytes(made, length, 1);
	uint64_t string = made_object(made, uncached ? UNCACHED : EXTERNAL, 32);

	memcpy(made_at(made, data), latin1, length);
	made_set_u32(made, string, 12, (uint32_t)length);
	made_set(made, string, 24, data);
	return string;
}

uint64_t made_byte_array(struct made *made, const void *bytes, size_t length)
{
	uint64_t array = made_object(made, made->layout.type_byte_array, 16 + length);

	made_set(made, array, 8, made_smi((int64_t)length));
	memcpy(made_at(made, array - 1 + 16), bytes, length);
	return array;
}

uint64_t made_array(struct made *made, const uint64_t *elements, size_t length)
{
	uint64_t array = made_object(made, made->layout.type_fixed_array, 16 + 8 * length);

	made_set(made, array, 8, made_smi((int64_t)length));
	memcpy(made_at(made, array - 1 + 16), elements, 8 * length);
	return array;
}

uint64_t made_script(struct made *made, uint64_t name, uint64_t source)
{
	uint64_t script = made_object(made, made->layout.type_script, 120);

	made_set(made, script, made->layout.script_source, source);
	made_set(made, script, made->layout.script_name, name);
	return script;
}

uint64_t made_shared(struct made *made, uint64_t name_or_scope, uint64_t script, uint64_t data)
{
	uint64_t shared = made_object(made, made->layout.type_shared, 64);

	made_set(made, shared, made->layout.shared_data, data);
	made_set(made, shared, made->layout.shared_name, name_or_scope);
	made_set(made, shared, made->layout.shared_script, script);
	return shared;
}

uint64_t made_function(struct made *made, uint64_t shared, uint64_t code)
{
	uint64_t function = made_object(made, made->layout.type_function, 64);

	made_set(made, function, made->layout.function_shared, shared);
	made_set(made, function, made->layout.function_code, code);
	return function;
}

uint64_t made_bytecode(struct made *made, const uint8_t *code, size_t length, uint64_t positions)
{
	uint64_t bytecode = made_object(made, made->layout.type_bytecode_array, 54 + length);

	made_set(made, bytecode, made->layout.bytecode_length, made_smi((int64_t)length));
	made_set(made, bytecode, made->layout.bytecode_positions, positions);
	memcpy(made_at(made, bytecode - 1 + 54), code, length);
	return bytecode;
}

uint64_t made_code(struct made *made, uint32_t kind, uint64_t start, uint32_t size,
	uint64_t positions, uint64_t deoptimization)
{
	uint64_t code = made_object(made, made->layout.type_code, 64);

	made_set(made, code, made->layout.code_start, start);
	made_set_u32(made, code, made->layout.code_size, size);
	made_set_u32(made, code, made->layout.code_flags, kind);
	made_set(made, code, made->layout.code_positions, positions);
	made_set(made, code, made->layout.code_deoptimization, deoptimization);
	return code;
}
