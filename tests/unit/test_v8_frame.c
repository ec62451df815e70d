/* SPDX-License-Identifier: Apache-2.0 */
/* test_v8_frame.c - V8's frames stepped, found again and named, over a made-up heap, code and
 * stack. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"
#include "v8.h"
#include "v8_capture.h"
#include "v8_made.h"

enum {
	STACK_WORDS = 256,
	BLOB_BYTES = 4096,
	CODE_BYTES = 4096,
	EXIT = 3 << 1,
	ENTRY = 1 << 1,
	BASELINE = 11,
	TURBOFAN = 13,
};

static const uint64_t stack_base = 0x7ffd00000000;

/* A process: heap, the builtins' and generated code, native code, and one copied stack. */
static struct {
	struct made *made;
	struct arena arena;
	struct v8 *v8;
	struct maps maps;
	struct map entries[3];
	char names[32];
	uint64_t blob, code, native;
	uint64_t words[STACK_WORDS];
	struct unwind_sample sample;
	struct lang_frame frames[LANG_INLINE_MAX];
} world;

static void set_up(void)
{
	struct made *made = world.made = made_new();
	struct v8 *v8;

	memset(world.words, 0, sizeof(world.words));
	ck_assert_int_eq(arena_init(&world.arena, 2 << 20), 0);
	world.blob = made_bytes(made, BLOB_BYTES, 4096);
	world.code = made_bytes(made, CODE_BYTES, 4096);
	world.native = made_base + MADE_BYTES;
	maps_init(&world.maps, world.entries, 3, world.names, sizeof(world.names));
	world.entries[0] = (struct map){.start = world.blob,
		.end = world.blob + BLOB_BYTES,
		.inode = 1,
		.protection = MAP_EXECUTE};
	world.entries[1] = (struct map){
		.start = world.code, .end = world.code + CODE_BYTES, .protection = MAP_EXECUTE};
	world.entries[2] = (struct map){.start = world.native,
		.end = world.native + 4096,
		.inode = 2,
		.protection = MAP_EXECUTE};
	world.maps.count = 3;
	v8 = world.v8 = arena_alloc(&world.arena, sizeof(*v8));
	v8->target.maps = &world.maps;
	v8->target.memory = &made->memory;
	v8->target.pid = getpid();
	v8->image.layout = made->layout;
	v8->image.blob[0] = (struct v8_range){world.blob, world.blob + BLOB_BYTES};
	v8->image.blob_count = 1;
	v8->heap = (struct v8_heap){.memory = &made->memory, .layout = &v8->image.layout};
	v8->names = v8_names_new(&world.arena);
	v8->scripts = v8_scripts_new(&world.arena);
	world.sample = (struct unwind_sample){
		.stack_start = stack_base,
		.bytes = (const uint8_t *)world.words,
		.length = sizeof(world.words),
	};
}

static void tear_down(void)
{
	arena_done(&world.arena);
	free(world.made);
}

/* The address of a word of the stack. */
static uint64_t at(int word)
{
	return stack_base + 8 * (uint64_t)word;
}

/* The innermost frame, as the sample's registers say. */
static struct unwind_frame top(uint64_t pc, int sp, int fp)
{
	world.sample.registers[UNWIND_RIP] = pc;
	world.sample.registers[UNWIND_RSP] = at(sp);
	world.sample.registers[UNWIND_RBP] = at(fp);
	return (struct unwind_frame){.pc = pc, .sp = at(sp), .fp = at(fp)};
}

/* A frame left by a call: its sp is given only as low enough. */
static struct unwind_frame caller(uint64_t pc, int fp)
{
	return (struct unwind_frame){.pc = pc, .sp = at(fp > 12 ? fp - 12 : 0), .fp = at(fp)};
}

static size_t name(const struct unwind_frame *frame, bool innermost)
{
	return lang_v8.frame(world.v8, &world.sample, frame, innermost, world.frames);
}

/* A ScopeInfo with a function's name; `locals` context locals stand before it. */
static uint64_t made_scope(
	const char *function, const char *inferred, int32_t locals, int32_t start)
{
	struct made *made = world.made;
	const struct v8_layout *layout = &world.v8->image.layout;
	bool raw = layout->scope_variables == 5;
	uint64_t scope = made_object(made, layout->type_scope_info, 8 * 256), flags = 0;
	int32_t word = layout->scope_variables + (locals < 75 ? 2 * locals : 1 + locals);

	for (int32_t i = layout->scope_variables; i < word; i++)
		made_set(made, scope, 8 + 8 * i, made_one_byte(made, "local"));
	if (function) {
		flags |= 3 << 12;
		made_set(made, scope, 8 + 8 * word, made_one_byte(made, function));
		made_set(made, scope, 16 + 8 * word, made_smi(-1));
		word += 2;
	}
	if (inferred) {
		flags |= 1 << 14;
		made_set(made, scope, 8 + 8 * word++, made_one_byte(made, inferred));
	}
	made_set(made, scope, 8, raw ? flags | 1u << 31 : made_smi((int64_t)flags));
	made_set(made, scope, 8 + 16, made_smi(locals));
	if (raw)
		word = 3;
	made_set(made, scope, 8 + 8 * word, made_smi(start));
	made_set(made, scope, 16 + 8 * word, made_smi(start + 9));
	return scope;
}

/* One function in a script of lines of ten characters. */
struct program {
	uint64_t script, shared, function, bytecode;
};

/* Byte code at 0 is of line 2, at 6 of line 3: two statements. */
static uint64_t made_table(void)
{
	/* Zigzag: code +1 and +6; packed positions (offset + 1) << 1 of 12 and 25. */
	static const uint8_t table[] = {2, 52, 12, 52};

	return made_byte_array(world.made, table, sizeof(table));
}

static struct program made_program(const char *function)
{
	static const uint8_t code[] = {0, 1, 2, 3, 4, 5, 6, 7};
	struct made *made = world.made;
	struct program program;

	program.script = made_script(made, made_one_byte(made, "/app/a.js"),
		made_one_byte(made, "012345678\n012345678\n012345678\n012345678\n"));
	program.bytecode = made_bytecode(made, code, sizeof(code), made_table());
	program.shared = made_shared(
		made, made_scope(function, NULL, 0, 3), program.script, program.bytecode);
	program.function = made_function(made, program.shared, made_smi(0));
	return program;
}

static void put_frame(int fp, int saved_fp, uint64_t pc, uint64_t context, uint64_t function)
{
	world.words[fp + 1] = pc;
	world.words[fp] = saved_fp ? at(saved_fp) : 0;
	world.words[fp - 1] = context;
	world.words[fp - 2] = function;
}

static void put_interpreted(
	int fp, int saved_fp, uint64_t pc, const struct program *program, int32_t offset)
{
	put_frame(fp, saved_fp, pc, made_one_byte(world.made, "context"), program->function);
	world.words[fp - 4] = program->bytecode;
	world.words[fp - 5] = made_smi(offset + 53);
}

START_TEST(interpreted_frames)
{
	struct program program = made_program("greet");
	struct unwind_frame frame = caller(world.blob + 8, 20);

	put_interpreted(20, 40, world.blob, &program, 6);
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "greet");
	ck_assert_str_eq(world.frames[0].file, "/app/a.js");
	ck_assert_uint_eq(world.frames[0].line, 3);
	ck_assert_uint_eq(world.frames[0].column, 6);
	ck_assert_uint_eq(world.frames[0].function_line, 1);
	ck_assert_int_eq(world.frames[0].kind, FRAME_JS_INTERPRETED);
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_NONE);
	put_interpreted(20, 40, world.blob, &program, 5);
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_uint_eq(world.frames[0].line, 2);
	frame = top(world.blob + 8, 12, 20);
	ck_assert_uint_eq(name(&frame, true), 1);
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_LINE_APPROXIMATE);
}
END_TEST

START_TEST(names_by_scope)
{
	static const struct {
		const char *function, *inferred, *expected;
		int32_t locals;
	} cases[] = {
		{"f", NULL, "f", 0},
		{"f", "o.f", "f", 3},
		{"", "o.f", "o.f", 74},
		{NULL, "o.f", "o.f", 75},
		{NULL, NULL, "", 200},
		{"f", NULL, "f", 120},
	};
	struct program program = made_program("x");

	world.v8->image.layout.scope_variables = _i;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unwind_frame frame = caller(world.blob + 8, 20);

		program.shared = made_shared(world.made,
			made_scope(cases[i].function, cases[i].inferred, cases[i].locals, 15),
			program.script, program.bytecode);
		program.function = made_function(world.made, program.shared, made_smi(0));
		put_interpreted(20, 40, world.blob, &program, 6);
		ck_assert_uint_eq(name(&frame, false), 1);
		ck_assert_str_eq(world.frames[0].function, cases[i].expected);
		ck_assert_uint_eq(world.frames[0].function_line, 2);
	}
}
END_TEST

START_TEST(cached_names_are_checked_again)
{
	struct program program = made_program("before");
	struct unwind_frame frame = caller(world.blob + 8, 20);
	size_t reads;

	put_interpreted(20, 40, world.blob, &program, 6);
	ck_assert_uint_eq(name(&frame, false), 1);
	reads = world.made->reads;
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_uint_lt(world.made->reads - reads, reads);
	made_set(world.made, program.shared, made_layout.shared_name,
		made_scope("after", NULL, 0, 3));
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "after");
	/* The object is something else by now. */
	made_set(world.made, program.shared, 0, world.made->maps[175]);
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "");
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_NO_NAME);
}
END_TEST

START_TEST(names_beyond_the_cache)
{
	struct program program = made_program("x");
	struct unwind_frame frame = caller(world.blob + 8, 20);
	char text[V8_NAME_BYTES];

	/* More text than is kept: it is all forgotten, and read again. */
	memset(text, 'n', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	put_interpreted(20, 40, world.blob, &program, 6);
	for (int i = 0; i < 2 * V8_NAME_TEXT_BYTES / V8_NAME_BYTES; i++) {
		text[i % 8] ^= 1;
		made_set(world.made, program.shared, made_layout.shared_name,
			made_one_byte(world.made, text));
		ck_assert_uint_eq(name(&frame, false), 1);
		ck_assert_str_eq(world.frames[0].function, text);
	}
}
END_TEST

START_TEST(functions_that_moved)
{
	struct program program = made_program("kept"), other = made_program("other");
	struct unwind_frame frame = caller(world.blob + 8, 20);
	struct unwind_slot slot = {at(20), {program.function, program.shared}};

	put_interpreted(20, 40, world.blob, &program, 6);
	/* Another function took its place; the sample had read what it was. */
	made_set(world.made, program.function, made_layout.function_shared, other.shared);
	world.sample.slots = &slot;
	world.sample.slot_count = 1;
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "kept");
	/* Garbage took its place. */
	made_set(world.made, program.function, 0, made_smi(0));
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "kept");
	/* And nothing had been read. */
	world.sample.slot_count = 0;
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_NO_NAME);
	ck_assert_int_eq(world.frames[0].kind, FRAME_JS_UNKNOWN);
}
END_TEST

START_TEST(builtins_that_are_functions)
{
	struct made *made = world.made;
	uint64_t shared =
		made_shared(made, made_one_byte(made, "forEach"), made_smi(0), made_smi(9));
	struct unwind_frame frame = caller(world.blob + 8, 20);

	put_frame(20, 40, world.blob, made_one_byte(made, "context"),
		made_function(made, shared, made_smi(0)));
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "forEach");
	ck_assert_str_eq(world.frames[0].file, "");
	ck_assert_int_eq(world.frames[0].kind, FRAME_JS_BUILTIN);
	made_set(made, shared, made_layout.shared_name, made_one_byte(made, ""));
	ck_assert_msg(name(&frame, false) == 0, "one without a name is V8's own");
	world.words[19] = EXIT;
	ck_assert_msg(name(&frame, false) == 0, "so is a frame that is no function's");
}
END_TEST

/* Optimised code at `start` for a function that called another, inlined, on line 3, which is on its
 * line 2. */
static uint64_t made_optimised(
	const struct program *outer, const struct program *inner, uint64_t start)
{
	/* Zigzag: code +11; packed position (offset 12) << 1 | inlining 1 << 31 = 0x8000001a. */
	static const uint8_t table[] = {22, 0xb4, 0x80, 0x80, 0x80, 0x10};
	struct {
		uint64_t position;
		int32_t function, padding;
	} inlining = {.position = 26 << 1, .function = 0};
	uint64_t elements[8] = {0}, literals[] = {inner->shared};

	elements[2] = made_array(world.made, literals, 1);
	elements[3] = made_smi(-1);
	elements[6] = outer->shared;
	elements[7] = made_byte_array(world.made, &inlining, sizeof(inlining));
	return made_code(world.made, TURBOFAN, start, 256,
		made_byte_array(world.made, table, sizeof(table)),
		made_array(world.made, elements, 8));
}

static void check_inlined(size_t count)
{
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(world.frames[0].function, "inner");
	ck_assert_uint_eq(world.frames[0].line, 2);
	ck_assert(world.frames[0].inlined);
	ck_assert_str_eq(world.frames[1].function, "outer");
	ck_assert_uint_eq(world.frames[1].line, 3);
	ck_assert(!world.frames[1].inlined);
	ck_assert_int_eq(world.frames[1].kind, FRAME_JS_TURBOFAN);
}

START_TEST(optimised_frames)
{
	struct program outer = made_program("outer"), inner = made_program("inner");
	uint64_t start = world.code + 512, code = made_optimised(&outer, &inner, start);
	struct unwind_frame frame = caller(start + 50, 20);

	put_frame(20, 40, world.blob, made_one_byte(world.made, "context"), outer.function);
	made_set(world.made, outer.function, made_layout.function_code, code);
	check_inlined(name(&frame, false));
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_NONE);
	frame = top(start + 50, 8, 20);
	check_inlined(name(&frame, true));
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_LINE_APPROXIMATE);
	ck_assert_int_eq(world.frames[1].doubt, DOUBT_NONE);
	/* Behind its end. */
	frame = caller(start + 300, 20);
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "outer");
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_NO_POSITION);
}
END_TEST

START_TEST(code_that_hangs_on_no_function)
{
	struct program outer = made_program("outer"), inner = made_program("inner");
	uint64_t stream = world.code + 512 - 16;
	uint64_t code = made_optimised(&outer, &inner, stream + 16);
	struct unwind_frame frame = caller(stream + 16 + 50, 20);
	uint64_t map = made_object(world.made, made_layout.type_instruction_stream, 16);

	put_frame(20, 40, world.blob, made_one_byte(world.made, "context"), outer.function);
	memcpy(made_at(world.made, stream), made_at(world.made, map - 1), 8);
	memcpy(made_at(world.made, stream + 8), &code, 8);
	check_inlined(name(&frame, false));
	check_inlined(name(&frame, false));
	/* The Code object is another function's by now. */
	{
		struct program stranger = made_program("stranger");
		uint64_t elements[8] = {0};

		elements[6] = stranger.shared;
		made_set(world.made, code, made_layout.code_deoptimization,
			made_array(world.made, elements, 8));
	}
	ck_assert_uint_eq(name(&frame, false), 1);
	ck_assert_str_eq(world.frames[0].function, "outer");
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_NO_POSITION);
	ck_assert_uint_eq(world.frames[0].line, 0);
}
END_TEST

START_TEST(endless_inlining_is_cut)
{
	struct program outer = made_program("outer");
	uint64_t start = world.code + 512, code = made_optimised(&outer, &outer, start), array,
		 value;
	struct unwind_frame frame = caller(start + 50, 20);

	/* The call's own position says that it was inlined by itself. */
	memcpy(&array, made_at(world.made, code - 1 + 16), 8);
	memcpy(&array, made_at(world.made, array - 1 + 16 + 8 * 7), 8);
	value = 0x8000001a;
	made_set(world.made, array, 16, value);
	put_frame(20, 40, world.blob, made_one_byte(world.made, "context"), outer.function);
	made_set(world.made, outer.function, made_layout.function_code, code);
	ck_assert_uint_eq(name(&frame, false), LANG_INLINE_MAX);
	ck_assert_int_eq(world.frames[LANG_INLINE_MAX - 1].doubt, DOUBT_NO_POSITION);
}
END_TEST

START_TEST(steps)
{
	struct program program = made_program("f");
	struct unwind_frame frame = caller(world.blob + 8, 20), next;

	put_interpreted(20, 40, world.blob + 16, &program, 6);
	ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), 0);
	ck_assert_uint_eq(next.pc, world.blob + 16);
	ck_assert_uint_eq(next.fp, at(40));
	ck_assert_uint_eq(next.sp, at(22));
	/* Native code entered here, and kept something else in rbp. */
	put_frame(20, 3, world.native + 4, ENTRY, 0);
	ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), 0);
	ck_assert_uint_eq(next.pc, world.native + 4);
	/* V8 itself never points down. */
	put_frame(20, 3, world.blob, ENTRY, 0);
	ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), -EINVAL);
	put_frame(20, 40, world.native - 8, ENTRY, 0); /* no code */
	ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), -EINVAL);
	put_frame(20, 40, 0, ENTRY, 0);
	ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), -ENOENT);
	frame.fp = at(STACK_WORDS - 1);
	ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), -EINVAL);
	frame.fp = at(20) + 4;
	ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), -EINVAL);
}
END_TEST

START_TEST(frames_that_are_not_made_yet)
{
	/* A check, the frame made, context and function pushed, the end. */
	static const uint8_t bytes[] = {0xf6, 0x41, 0x10, 0x01, 0x55, 0x48, 0x89, 0xe5, 0x56, 0x57,
		0x90, 0x48, 0x89, 0xec, 0x5d, 0xc2, 0x10, 0x00};
	static const struct {
		uint64_t offset;
		int sp, fp, returns, caller_fp;
	} cases[] = {
		{0, 10, 40, 10, 40},  /* nothing done: the return address is on top */
		{4, 10, 40, 10, 40},  /* at push rbp */
		{5, 10, 40, 11, 40},  /* at mov rbp, rsp */
		{8, 10, 10, 11, 40},  /* the frame is there, its slots are not */
		{10, 10, 12, 13, 40}, /* all is there */
		{15, 10, 40, 10, 40}, /* at ret */
	};
	struct program leaf = made_program("leaf"), parent = made_program("parent");
	uint64_t stream = world.code + 512 - 16, code = made_optimised(&leaf, &leaf, stream + 16);
	uint64_t map = made_object(world.made, made_layout.type_instruction_stream, 16);

	memcpy(made_at(world.made, stream), made_at(world.made, map - 1), 8);
	memcpy(made_at(world.made, stream + 8), &code, 8);
	memcpy(made_at(world.made, stream + 16), bytes, sizeof(bytes));
	put_interpreted(40, 60, world.blob + 32, &parent, 6);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unwind_frame frame =
			top(stream + 16 + cases[i].offset, cases[i].sp, cases[i].fp);
		struct unwind_frame next;

		memset(world.words, 0, 8 * 30);
		world.words[cases[i].returns] = world.blob + 16;
		world.words[cases[i].returns - 1] = at(40);
		if (cases[i].offset == 10) {
			world.words[11] = made_one_byte(world.made, "context");
			world.words[10] = leaf.function;
		}
		ck_assert_int_eq(lang_v8.step(world.v8, &world.sample, &frame, &next), 0);
		ck_assert_uint_eq(next.pc, world.blob + 16);
		ck_assert_uint_eq(next.fp, at(cases[i].caller_fp));
		ck_assert_uint_eq(next.sp, at(cases[i].returns + 1));
		if (cases[i].offset == 8)
			continue; /* for two instructions, nothing says whose frame it is */
		ck_assert_msg(name(&frame, true) >= 1, "offset %u", (unsigned)cases[i].offset);
		ck_assert_str_eq(world.frames[0].function, "leaf");
	}
}
END_TEST

START_TEST(builtins_without_a_frame)
{
	struct program outer = made_program("outer"), inner = made_program("inner");
	uint64_t start = world.code + 512, code = made_optimised(&outer, &inner, start);
	struct unwind_frame frame = top(world.blob + 100, 8, 20);

	put_frame(20, 40, world.blob, made_one_byte(world.made, "context"), outer.function);
	made_set(world.made, outer.function, made_layout.function_code, code);
	/* What it has pushed, and below that where it returns to. */
	world.words[8] = 42;
	world.words[9] = start + 50;
	check_inlined(name(&frame, true));
	world.words[9] = 43;
	ck_assert_uint_eq(name(&frame, true), 1);
	ck_assert_int_eq(world.frames[0].doubt, DOUBT_NO_POSITION);
}
END_TEST

static void put_exit(int word, int fp, uint64_t pc)
{
	world.words[word] = EXIT;
	world.words[word + 1] = at(fp);
	world.words[word + 2] = pc;
}

START_TEST(lost_chains_are_found_again)
{
	struct program program = made_program("f");
	struct unwind_frame found;

	put_interpreted(60, 80, world.blob + 32, &program, 6);
	put_frame(80, 0, world.native, ENTRY, 0);
	put_exit(30, 60, world.blob + 16);
	ck_assert_int_eq(lang_v8.resync(world.v8, &world.sample, at(4), &found), 0);
	ck_assert_uint_eq(found.pc, world.blob + 16);
	ck_assert_uint_eq(found.fp, at(60));
	ck_assert_uint_eq(found.sp, at(33));
	ck_assert(found.bridged);
	ck_assert_int_eq(lang_v8.resync(world.v8, &world.sample, at(31), &found), -ENOENT);
	ck_assert_int_eq(lang_v8.resync(world.v8, &world.sample, 0, &found), 0);
	/* The function of the frame is none. */
	world.words[58] = made_one_byte(world.made, "no function");
	ck_assert_int_eq(lang_v8.resync(world.v8, &world.sample, at(4), &found), -ENOENT);
}
END_TEST

START_TEST(remnants_are_told_apart)
{
	struct program live = made_program("live"), over = made_program("over");
	struct unwind_frame found;

	put_interpreted(60, 80, world.blob + 32, &live, 6);
	put_frame(80, 0, world.native, ENTRY, 0);
	/* live called over, which called native code; that is over, and what remains lies below the
	 * next call's frames. */
	put_interpreted(30, 60, world.blob + 48, &over, 6);
	put_exit(20, 30, world.blob + 64);
	put_exit(50, 60, world.blob + 16);
	ck_assert_int_eq(lang_v8.resync(world.v8, &world.sample, at(4), &found), 0);
	ck_assert_uint_eq(found.fp, at(60));
	ck_assert_uint_eq(found.pc, world.blob + 16);
}
END_TEST

START_TEST(nested_entries_keep_the_inner_one)
{
	struct program inner = made_program("inner"), outer = made_program("outer");
	struct unwind_frame found;

	put_exit(10, 30, world.blob + 16);
	put_interpreted(30, 40, world.blob + 32, &inner, 6);
	put_frame(40, 3, world.native, ENTRY, 0);
	put_exit(50, 70, world.blob + 64);
	put_interpreted(70, 80, world.blob + 32, &outer, 6);
	put_frame(80, 0, world.native, ENTRY, 0);
	ck_assert_int_eq(lang_v8.resync(world.v8, &world.sample, at(4), &found), 0);
	ck_assert_uint_eq(found.fp, at(30));
	ck_assert_int_eq(lang_v8.resync(world.v8, &world.sample, at(42), &found), 0);
	ck_assert_uint_eq(found.fp, at(70));
}
END_TEST

START_TEST(reads_are_bounded_on_a_hostile_stack)
{
	struct program program = made_program("f");
	struct unwind_frame found;

	/* Exit frames everywhere, each leading to a frame that leads to nothing. */
	for (int i = 0; i + 3 < STACK_WORDS; i += 3)
		put_exit(i, 200, world.blob);
	put_interpreted(200, 201, world.blob, &program, 6);
	world.made->reads = 0;
	lang_v8.resync(world.v8, &world.sample, at(0), &found);
	ck_assert_uint_le(world.made->reads, V8_READS_MAX);
}
END_TEST

/* In this process: the stack and the heap are real memory. */
enum { CAPTURED = 20 };

static struct {
	uint64_t functions[CAPTURED][8];
	uint64_t stack[CAPTURED * 8 + 16];
} live;

static uint64_t own(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static uint64_t live_shared(int i)
{
	return 0x1000 * (uint64_t)(i + 1) + 1;
}

/* Frames of functions one above another; returns the first frame pointer. */
static uint64_t put_live_stack(void)
{
	memset(&live, 0, sizeof(live));
	for (int i = 0; i < CAPTURED; i++) {
		uint64_t *fp = &live.stack[8 * i + 4];

		live.functions[i][3] = live_shared(i);
		fp[0] = i + 1 < CAPTURED ? own(fp + 8) : 0;
		fp[1] = 0x401000;
		fp[-1] = own(live.functions) + 1;
		fp[-2] = own(live.functions[i]) + 1;
	}
	return own(&live.stack[4]);
}

static size_t capture(uint64_t fp, struct unwind_slot *slots, size_t capacity)
{
	return v8_capture_sig(&made_layout, getpid(), fp, own(live.stack),
		own(live.stack) + sizeof(live.stack), slots, capacity);
}

START_TEST(capture_reads_functions)
{
	struct unwind_slot slots[64];
	uint64_t fp = put_live_stack();

	ck_assert(v8_capture_works(getpid()));
	ck_assert(!v8_capture_works(0x7fffffff));
	ck_assert_uint_eq(capture(fp, slots, 64), CAPTURED);
	for (int i = 0; i < CAPTURED; i++) {
		ck_assert_uint_eq(slots[i].fp, fp + 64 * (uint64_t)i);
		ck_assert_uint_eq(slots[i].value[0], own(live.functions[i]) + 1);
		ck_assert_uint_eq(slots[i].value[1], live_shared(i));
	}
	ck_assert_uint_eq(capture(fp, slots, 3), 3);
	ck_assert_uint_eq(capture(fp, slots, 0), 0);
	/* The stack ends in the middle. */
	ck_assert_uint_eq(v8_capture_sig(&made_layout, getpid(), fp, own(live.stack),
				  own(&live.stack[8 * 5]), slots, 64),
		5);
}
END_TEST

START_TEST(capture_survives_what_it_finds)
{
	struct unwind_slot slots[64];
	uint64_t fp = put_live_stack();

	/* Two functions that cannot be read, and one that is the kernel's: that is none. */
	live.stack[4 - 2] = 0x11;
	live.stack[8 * 7 + 4 - 2] = 0x2001;
	ck_assert_uint_eq(capture(fp, slots, 64), CAPTURED);
	live.stack[8 * 19 + 4 - 2] = 0x7ffffffff001;
	ck_assert_uint_eq(capture(fp, slots, 64), CAPTURED - 1);
	live.stack[8 * 19 + 4 - 2] = 0x11;
	ck_assert_uint_eq(capture(fp, slots, 64), CAPTURED);
	ck_assert_uint_eq(slots[0].value[1], 0);
	ck_assert_uint_eq(slots[1].value[1], live_shared(1));
	ck_assert_uint_eq(slots[7].value[1], 0);
	ck_assert_uint_eq(slots[8].value[1], live_shared(8));
	/* A chain that points at itself, or down, or out. */
	live.stack[8 * 3 + 4] = own(&live.stack[8 * 3 + 4]);
	ck_assert_uint_eq(capture(fp, slots, 64), 4);
	live.stack[8 * 3 + 4] = own(&live.stack[4]);
	ck_assert_uint_eq(capture(fp, slots, 64), 4);
	live.stack[8 * 3 + 4] = UINT64_MAX - 7;
	ck_assert_uint_eq(capture(fp, slots, 64), 4);
	ck_assert_uint_eq(capture(0, slots, 64), 0);
	ck_assert_uint_eq(capture(UINT64_MAX, slots, 64), 0);
	ck_assert_uint_eq(capture(fp + 1, slots, 64), 0);
}
END_TEST

START_TEST(capture_bridges_a_broken_chain)
{
	struct unwind_slot slots[64];

	put_live_stack();
	live.stack[8] = EXIT;
	live.stack[9] = own(&live.stack[8 * 2 + 4]);
	live.stack[10] = 0x401000;
	ck_assert_uint_eq(capture(0x1234567890, slots, 64), CAPTURED - 2);
	ck_assert_uint_eq(slots[0].value[1], live_shared(2));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("v8_frame");
	TCase *naming = tcase_create("naming"), *stepping = tcase_create("stepping"),
	      *capturing = tcase_create("capturing");

	tcase_add_checked_fixture(naming, set_up, tear_down);
	tcase_add_test(naming, interpreted_frames);
	tcase_add_loop_test(naming, names_by_scope, 3, 4);
	tcase_add_loop_test(naming, names_by_scope, 5, 6);
	tcase_add_test(naming, cached_names_are_checked_again);
	tcase_add_test(naming, names_beyond_the_cache);
	tcase_add_test(naming, functions_that_moved);
	tcase_add_test(naming, builtins_that_are_functions);
	tcase_add_test(naming, optimised_frames);
	tcase_add_test(naming, code_that_hangs_on_no_function);
	tcase_add_test(naming, endless_inlining_is_cut);
	suite_add_tcase(suite, naming);
	tcase_add_checked_fixture(stepping, set_up, tear_down);
	tcase_add_test(stepping, steps);
	tcase_add_test(stepping, frames_that_are_not_made_yet);
	tcase_add_test(stepping, builtins_without_a_frame);
	tcase_add_test(stepping, lost_chains_are_found_again);
	tcase_add_test(stepping, remnants_are_told_apart);
	tcase_add_test(stepping, nested_entries_keep_the_inner_one);
	tcase_add_test(stepping, reads_are_bounded_on_a_hostile_stack);
	suite_add_tcase(suite, stepping);
	tcase_add_test(capturing, capture_reads_functions);
	tcase_add_test(capturing, capture_survives_what_it_finds);
	tcase_add_test(capturing, capture_bridges_a_broken_chain);
	suite_add_tcase(suite, capturing);
	return suite;
}
