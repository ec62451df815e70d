/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_v8.c - a well-made heap and stack, damaged as the input says: every question about it ends,
 * within the reads that a question may make, and what it says are strings that end.
 *
 * The input's first byte chooses the layout, the second cuts the stack; then each four bytes are
 * one change: which word of the heap or the stack, and what is put there. Two bytes say what: 2
 * bits whether it is a plain number, a small integer, a tagged pointer, or an address, and 14 bits
 * which, so that nobody has to guess 64 bits.
 */
#include <stdlib.h>
#include <string.h>

#include "v8.h"
#include "v8_made.h"

enum {
	STACK_WORDS = 256,
	CODE_BYTES = 4096,
	CODE_OFFSET = 512,
	FRAMES_MAX = 64,
	EXIT = 3 << 1,
	ENTRY = 1 << 1,
	BASELINE = 11,
	TURBOFAN = 13,
};

static const uint64_t stack_base = 0x7ffd00000000;

static struct {
	struct memory memory; /* the made heap's, with the limit of reads */
	struct made *made;
	uint8_t whole[MADE_BYTES]; /* the heap, undamaged */
	uint64_t whole_stack[STACK_WORDS], stack[STACK_WORDS];
	uint64_t blob, code, native;
	struct arena arena;
	struct maps maps;
	struct map entries[3];
	char names[16];
} world;

static int64_t read_heap(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	(void)memory;
	if (world.made->reads >= V8_READS_MAX)
		abort();
	return world.made->memory.read(&world.made->memory, address, buffer, length);
}

static uint64_t at(int word)
{
	return stack_base + 8 * (uint64_t)word;
}

static void put_frame(int fp, int saved_fp, uint64_t pc, uint64_t context, uint64_t function)
{
	world.whole_stack[fp + 1] = pc;
	world.whole_stack[fp] = at(saved_fp);
	world.whole_stack[fp - 1] = context;
	world.whole_stack[fp - 2] = function;
}

/* A name and a source that consist of every shape of string. */
static uint64_t make_string(const char *text)
{
	struct made *made = world.made;
	static const uint16_t units[] = {'w', 0x2028, 0xd83d, 0xde00, '\r'};
	uint64_t string = made_cons(made, made_one_byte(made, text), made_two_byte(made, units, 5));

	string = made_cons(made, string, made_external(made, "o\nt\r\n", false));
	string = made_cons(made, string, made_thin(made, string));
	return made_cons(made, string, made_sliced(made, string, 2, 7));
}

static uint64_t make_shared(const char *name, uint64_t bytecode)
{
	struct made *made = world.made;
	uint64_t scope = made_object(made, made->layout.type_scope_info, 8 * 16);
	uint64_t script = made_script(made, make_string("/a"), make_string("s\n"));

	/* One local, the function's name, an inferred one, the position; as before V8 13. */
	made_set(made, scope, 8, made_smi(3 << 12 | 1 << 14));
	made_set(made, scope, 24, made_smi(1));
	made_set(made, scope, 48, make_string(name));
	made_set(made, scope, 64, make_string("inferred"));
	made_set(made, scope, 72, made_smi(4));
	made_set(made, scope, 80, made_smi(9));
	return made_shared(made, scope, script, bytecode);
}

/* Code whose one inlined call was made by the function itself. */
static uint64_t make_optimised(uint64_t shared, uint64_t start)
{
	static const uint8_t table[] = {22, 0xb4, 0x80, 0x80, 0x80, 0x10};
	uint64_t elements[9] = {0}, inlining[] = {26 << 1, 0, 27 << 1, 0}, literals[] = {shared};
	struct made *made = world.made;

	elements[2] = elements[3] = made_array(made, literals, 1);
	elements[4] = made_smi(-1);
	elements[6] = elements[7] = shared;
	elements[8] = made_byte_array(made, inlining, sizeof(inlining));
	elements[made->layout.deopt_inlining] = elements[8];
	return made_code(made, TURBOFAN, start, 256, made_byte_array(made, table, sizeof(table)),
		made_array(made, elements, 9));
}

static void make_world(void)
{
	static const uint8_t bytes[] = {4, 5, 0, 0, 6, 0, 0, 0, 4}, table[] = {2, 8, 12, 8},
			     lengths[] = {20, 3, 10, 0x81, 0x01, 5},
			     prologue[] = {0x90, 0x55, 0x48, 0x89, 0xe5, 0x90, 0x5d, 0xc3};
	struct made *made = world.made = made_new();
	uint64_t bytecode, shared, function, code, context, positions, stream, map;

	world.blob = made_bytes(made, 4096, 4096);
	world.code = made_bytes(made, CODE_BYTES, 4096);
	world.native = made_base + MADE_BYTES;
	positions = made_byte_array(made, table, sizeof(table));
	bytecode = made_bytecode(made, bytes, sizeof(bytes), positions);
	shared = make_shared("f", bytecode);
	context = made_one_byte(made, "context");
	/* 20 exit; 30 interpreted; 50 optimised, which no function leads to; 70 baseline; 90 a
	 * builtin; 110 the entry. */
	function = made_function(made, shared, made_smi(0));
	world.whole_stack[20] = EXIT;
	world.whole_stack[21] = at(30);
	world.whole_stack[22] = world.blob + 8;
	stream = world.code + CODE_OFFSET - 16;
	put_frame(30, 50, stream + 16 + 50, context, function);
	world.whole_stack[30 - 4] = bytecode;
	world.whole_stack[30 - 5] = made_smi(53 + 4);
	code = make_optimised(shared, stream + 16);
	map = made_object(made, made->layout.type_instruction_stream, 16);
	memcpy(made_at(made, stream), made_at(made, map - 1), 8);
	memcpy(made_at(made, stream + 8), &code, 8);
	memcpy(made_at(made, stream + 16), prologue, sizeof(prologue));
	put_frame(50, 70, world.code + 2048 + 30, context, function);
	code = made_code(made, BASELINE, world.code + 2048, 256,
		made_byte_array(made, lengths, sizeof(lengths)), bytecode);
	put_frame(70, 90, world.blob + 16, context, made_function(made, shared, code));
	put_frame(90, 110, world.blob + 16, context,
		made_function(made, made_shared(made, make_string("b"), made_smi(0), made_smi(1)),
			made_smi(0)));
	put_frame(110, 130, world.native, ENTRY, 0);
	memcpy(world.whole, made->bytes, made->used);
}

static void open_world(void)
{
	if (arena_init(&world.arena, 2 << 20))
		abort();
	make_world();
	world.memory.read = read_heap;
	maps_init(&world.maps, world.entries, 3, world.names, sizeof(world.names));
	world.entries[0] = (struct map){
		.start = world.blob, .end = world.code, .inode = 1, .protection = MAP_EXECUTE};
	world.entries[1] = (struct map){
		.start = world.code, .end = world.code + CODE_BYTES, .protection = MAP_EXECUTE};
	world.entries[2] = (struct map){.start = world.native,
		.end = world.native + 4096,
		.inode = 2,
		.protection = MAP_EXECUTE};
	world.maps.count = 3;
}

/* The layout of Node 20, and one with what is different in older and newer ones. */
static struct v8_layout layout_of(bool other)
{
	struct v8_layout layout = made_layout;

	if (!other)
		return layout;
	layout.type_shared_wrapper = 195;
	layout.type_trusted_byte_array = 196;
	layout.scope_variables = 5;
	layout.code_inline = true;
	layout.code_start = layout.stream_header = 128;
	layout.deopt_literals = 3;
	layout.deopt_shared = 7;
	layout.deopt_inlining = 8;
	layout.positions_flagged = true;
	return layout;
}

static struct v8 *make_state(bool other)
{
	static const uint8_t sizes[] = {
		1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 1, 1, 4, 6, 1, 1, 1, 1, 1, 6, 12};
	struct v8 *v8;

	memset(world.arena.bytes, 0, world.arena.used);
	world.arena.used = 0;
	v8 = arena_alloc(&world.arena, sizeof(*v8));
	v8->target = (struct lang_target){
		.memory = &world.memory, .maps = &world.maps, .arena = &world.arena};
	v8->image.layout = layout_of(other);
	v8->image.blob[0] = (struct v8_range){world.blob, world.code};
	v8->image.blob_count = 1;
	v8->image.sizes = (struct v8_bytecode_sizes){sizes, sizeof(sizes) / 3};
	v8->heap = (struct v8_heap){.memory = &world.memory, .layout = &v8->image.layout};
	v8->names = v8_names_new(&world.arena);
	v8->scripts = v8_scripts_new(&world.arena);
	return v8;
}

static uint64_t word_of(const uint8_t *data)
{
	uint64_t value = (uint64_t)(data[0] | data[1] << 8), which = value & 0x3fff;

	switch (value >> 14) {
	case 0:
		return which;
	case 1:
		return made_smi((int64_t)which - 8);
	case 2:
		return made_base + 8 * which + 1;
	default:
		return which & 1 ? at((int)(which >> 1) % STACK_WORDS) : made_base + 4 * which;
	}
}

static void damage(const uint8_t *data, size_t size)
{
	size_t heap_words = world.made->used / 8;

	memcpy(world.made->bytes, world.whole, world.made->used);
	memcpy(world.stack, world.whole_stack, sizeof(world.stack));
	for (; size >= 4; data += 4, size -= 4) {
		size_t which = (size_t)(data[0] | data[1] << 8) % (heap_words + STACK_WORDS);
		uint64_t word = word_of(data + 2);

		if (which < heap_words)
			memcpy(world.made->bytes + 8 * which, &word, sizeof(word));
		else
			world.stack[which - heap_words] = word;
	}
}

static void check_names(const struct lang_frame *frames, size_t count)
{
	if (count > LANG_INLINE_MAX)
		abort();
	for (size_t i = 0; i < count; i++)
		if (strlen(frames[i].function) >= V8_NAME_BYTES ||
			strlen(frames[i].file) >= V8_SCRIPT_FILE_BYTES)
			abort();
}

static void walk(struct v8 *v8, const struct unwind_sample *sample)
{
	struct unwind_frame frame = {
		.pc = sample->registers[UNWIND_RIP],
		.sp = sample->registers[UNWIND_RSP],
		.fp = sample->registers[UNWIND_RBP],
	};
	struct lang_frame frames[LANG_INLINE_MAX];

	for (int i = 0; i < FRAMES_MAX; i++) {
		uint64_t sp = frame.sp;

		world.made->reads = 0;
		check_names(frames, lang_v8.frame(v8, sample, &frame, i == 0, frames));
		world.made->reads = 0;
		if (lang_v8.step(v8, sample, &frame, &frame)) {
			world.made->reads = 0;
			if (lang_v8.resync(v8, sample, sp + 8, &frame))
				return;
		}
		/* It must go up, or it may not end. */
		if (frame.sp <= sp)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unwind_sample sample = {.stack_start = stack_base, .bytes = (uint8_t *)world.stack};

	if (size < 8)
		return 0;
	if (!world.made)
		open_world();
	damage(data + 8, size - 8);
	sample.registers[5] = world.whole_stack[30 - 2];
	sample.registers[UNWIND_RBP] = at(data[2]);
	sample.registers[UNWIND_RSP] = at(data[3]);
	sample.registers[UNWIND_RIP] = world.blob + (uint64_t)(data[4] | data[5] << 8);
	sample.length = sizeof(world.stack) - data[1];
	walk(make_state(data[0] & 1), &sample);
	return 0;
}
