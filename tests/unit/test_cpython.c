/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpython.c - CPython's frames, lines and strings in made-up memory, well-made and hostile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpython_object.h"
#include "cpython_walk.h"
#include "recall.h"
#include "suite.h"

enum { BYTES = 1 << 16, SLOTS = 16, TID = 4711 };

/* Addresses in the made-up memory. */
static const uint64_t base = 0x7f0000000000;
enum {
	TYPE_CODE = 0x10,
	TYPE_TEXT = 0x20,
	TYPE_BYTES = 0x30,
	OBJECT = 0x100,
	RUNTIME = 0x1000,
	INTERPRETER = 0x2000,
	THREAD = 0x3000,
	OTHER_THREAD = 0x3400,
	CALL = 0x4000,  /* and each next one 0x40 further */
	FRAME = 0x8000, /* and each next one 0x100 further */
	CODE = 0xc000,
};

static struct world {
	struct memory memory;
	uint8_t bytes[BYTES];
	unsigned reads;
} world;
static struct cpython_layout layout;
static struct cpython_heap heap;
static struct unwind_slot slots[SLOTS];
static struct cpython_thread thread;

static int64_t read_world(struct memory *memory, uint64_t address, void *buffer, size_t length)
{
	struct world *made = (struct world *)memory;

	made->reads++;
	if (address < base || address - base >= BYTES)
		return 0;
	if (length > BYTES - (address - base))
		length = BYTES - (address - base);
	memcpy(buffer, made->bytes + (address - base), length);
	return (int64_t)length;
}

static void put(uint32_t at, uint64_t value)
{
	memcpy(world.bytes + at, &value, sizeof(value));
}

/* What CPython 3.13.0 for x86-64 says of itself. */
static const uint64_t debug_offsets[] = {
	0x7970677562656478, 0x030d00f0, 0, /* cookie, version, free-threaded */
	283320, 608, 632,                  /* the runtime */
	194968, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16, 7752, 0, 7768, 7760, /* interpreter */
	304, 0, 8, 16, 72, 152, 160, 232, 32,                                      /* thread */
	80, 8, 0, 56, 72, 70,                                                      /* frame */
	208, 112, 120, 128, 136, 68, 52, 96, 104, 200,                             /* code */
	16, 8, 416, 24, 88, 168,                          /* object, type */
	32, 24, 16, 40, 24, 16, 48, 32, 40, 24, 16,       /* tuple, list, dict, float */
	32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 240, 200, /* int, bytes, str, collector */
};

static void use_version(uint16_t version)
{
	memset(&world, 0, sizeof(world));
	world.memory.read = read_world;
	if (version == 313) {
		memcpy(world.bytes + RUNTIME, debug_offsets, sizeof(debug_offsets));
		ck_assert_int_eq(cpython_layout_read(&layout, &world.memory, base + RUNTIME), 0);
	} else {
		ck_assert(cpython_layout_known(&layout, version));
	}
	heap = (struct cpython_heap){
		.memory = &world.memory,
		.layout = &layout,
		.type_code = base + TYPE_CODE,
		.type_text = base + TYPE_TEXT,
		.type_bytes = base + TYPE_BYTES,
	};
	put(RUNTIME + layout.runtime_interpreters, base + INTERPRETER);
	put(INTERPRETER + layout.interpreter_threads, base + OTHER_THREAD);
	put(OTHER_THREAD + layout.thread_next, base + THREAD);
	put(OTHER_THREAD + layout.thread_interpreter, base + INTERPRETER);
	put(THREAD + layout.thread_interpreter, base + INTERPRETER);
	put(THREAD + layout.thread_id, 0x1234);
	thread = (struct cpython_thread){base + THREAD, 0x1234};
}

static const uint16_t versions[] = {309, 310, 311, 312, 313};
enum { VERSIONS = sizeof(versions) / sizeof(versions[0]) };

/* --- lines ---------------------------------------------------------------------------------------
 */

/* The tables that 3.9, 3.10 and 3.11 make of one function with a call over several lines, a loop, a
 * handler and a gap of forty lines. */
static const uint8_t notab[] = {0x00, 0x03, 0x02, 0x01, 0x02, 0x01, 0x02, 0xfe, 0x04, 0x03, 0x08,
	0x01, 0x04, 0x01, 0x0a, 0x01, 0x0c, 0x01, 0x08, 0x02, 0x12, 0x29};
static const uint8_t ranges[] = {0x02, 0x03, 0x02, 0x01, 0x02, 0x01, 0x04, 0xfe, 0x08, 0x03, 0x04,
	0x01, 0x0a, 0x01, 0x0c, 0x01, 0x04, 0x01, 0x02, 0xff, 0x02, 0x80, 0x10, 0x03, 0x0e, 0x29};
static const uint8_t locations[] = {0x80, 0x00, 0xf5, 0x06, 0x00, 0x09, 0x0a, 0xd8, 0x08, 0x09,
	0xd8, 0x08, 0x09, 0xf1, 0x05, 0x02, 0x09, 0x0b, 0xf4, 0x00, 0x02, 0x09, 0x0b, 0x80, 0x41,
	0xf0, 0x06, 0x00, 0x0e, 0x0f, 0xf0, 0x00, 0x06, 0x05, 0x10, 0xf0, 0x00, 0x06, 0x05, 0x10,
	0x88, 0x01, 0xf0, 0x02, 0x05, 0x09, 0x10, 0xd8, 0x0c, 0x0d, 0x88, 0x41, 0x89, 0x43, 0x8c,
	0x43, 0x88, 0x43, 0x88, 0x43, 0xf8, 0xdd, 0x0f, 0x19, 0xf0, 0x00, 0x01, 0x09, 0x11, 0xf0,
	0x00, 0x01, 0x09, 0x11, 0xf0, 0x00, 0x01, 0x09, 0x11, 0xd8, 0x0c, 0x10, 0x88, 0x44, 0xf0,
	0x03, 0x01, 0x09, 0x11, 0xf8, 0xf8, 0xf8, 0xf5, 0x06, 0x00, 0x0d, 0x0e, 0x89, 0x43, 0x8c,
	0x43, 0x88, 0x43, 0x88, 0x43, 0xf8, 0x8d, 0x41, 0x89, 0x43, 0x8c, 0x43, 0x88, 0x43, 0x88,
	0x43, 0xf8, 0xf8, 0xf8, 0xf0, 0x52, 0x01, 0x01, 0x0c, 0x0b, 0xf0, 0x00, 0x01, 0x0c, 0x0b,
	0x90, 0x71, 0xf0, 0x00, 0x01, 0x0c, 0x0b, 0xf1, 0x00, 0x01, 0x0c, 0x0b, 0xf4, 0x00, 0x01,
	0x0c, 0x0b, 0xf0, 0x00, 0x01, 0x05, 0x0b};

#define TABLE(table) table, sizeof(table)

/* What code.co_lines() (3.9: dis.findlinestarts) says of them. */
static const struct {
	const uint8_t *table;
	size_t length;
	int64_t offset;
	uint16_t version;
	uint8_t line;
} lines[] = {
	{TABLE(notab), -1, 309, 1},
	{TABLE(notab), 0, 309, 4},
	{TABLE(notab), 3, 309, 5},
	{TABLE(notab), 6, 309, 4},
	{TABLE(notab), 51, 309, 11},
	{TABLE(notab), 70, 309, 54},
	{TABLE(ranges), -2, 310, 1},
	{TABLE(ranges), 0, 310, 4},
	{TABLE(ranges), 8, 310, 4},
	{TABLE(ranges), 48, 310, 10},
	{TABLE(ranges), 50, 310, 0},
	{TABLE(ranges), 52, 310, 13},
	{TABLE(ranges), 80, 310, 54},
	{TABLE(ranges), 82, 310, 0},
	{TABLE(locations), -2, 311, 1},
	{TABLE(locations), 0, 311, 1},
	{TABLE(locations), 2, 311, 4},
	{TABLE(locations), 16, 311, 6},
	{TABLE(locations), 18, 311, 4},
	{TABLE(locations), 52, 311, 9},
	{TABLE(locations), 66, 311, 0},
	{TABLE(locations), 78, 311, 10},
	{TABLE(locations), 164, 311, 0},
	{TABLE(locations), 166, 313, 54},
	{TABLE(locations), 188, 313, 54},
	{TABLE(locations), 190, 313, 0},
};

static void put_bytes(const uint8_t *bytes, size_t length)
{
	put(OBJECT + layout.object_type, base + TYPE_BYTES);
	put(OBJECT + layout.object_length, length);
	memcpy(world.bytes + OBJECT + layout.bytes_body, bytes, length);
}

START_TEST(line_of_an_instruction)
{
	use_version(lines[_i].version);
	put_bytes(lines[_i].table, lines[_i].length);
	ck_assert_uint_eq(cpython_line(&heap, base + OBJECT, 1, lines[_i].offset), lines[_i].line);
}
END_TEST

START_TEST(no_line_from_what_is_no_table)
{
	use_version(311);
	put_bytes(locations, sizeof(locations));
	put(OBJECT + layout.object_type, base + TYPE_TEXT);
	ck_assert_uint_eq(cpython_line(&heap, base + OBJECT, 1, 2), 0);
	put(OBJECT + layout.object_type, base + TYPE_BYTES);
	put(OBJECT + layout.object_length, UINT64_MAX);
	ck_assert_uint_eq(cpython_line(&heap, base + OBJECT, 1, 2), 0);
	ck_assert_uint_eq(cpython_line(&heap, 0, 1, 2), 0);
}
END_TEST

/* --- strings -------------------------------------------------------------------------------------
 */

static const struct {
	const char *text;
	uint32_t units[8]; /* to the first UINT32_MAX */
	uint8_t width;
	bool ascii;
} texts[] = {
	{"main", {'m', 'a', 'i', 'n', UINT32_MAX}, 1, true},
	{"", {UINT32_MAX}, 1, true},
	{"gr\xc3\xb6\xc3\x9f", {'g', 'r', 0xf6, 0xdf, UINT32_MAX}, 1, false},
	{"\xcf\x80\xe2\x82\xac", {0x3c0, 0x20ac, UINT32_MAX}, 2, false},
	{"a\xf0\x9f\x98\x80", {'a', 0x1f600, UINT32_MAX}, 4, false},
	/* What no UTF-8 may hold: NUL, and the surrogates that stand for undecodable bytes. */
	{"a\xef\xbf\xbdz", {'a', 0, 'z', UINT32_MAX}, 1, true},
	{"\xef\xbf\xbdz", {0xdcff, 'z', UINT32_MAX}, 2, false},
};

static void put_text(uint8_t width, bool ascii, const uint32_t *units)
{
	uint32_t body = OBJECT + (ascii ? layout.text_ascii_body : layout.text_body);
	uint64_t length = 0;

	for (; units[length] != UINT32_MAX; length++)
		memcpy(world.bytes + body + length * width, &units[length], width);
	put(OBJECT + layout.object_type, base + TYPE_TEXT);
	put(OBJECT + layout.text_length, length);
	put(OBJECT + layout.text_state, (uint64_t)(width << 2 | 1 << 5 | ascii << 6));
}

START_TEST(text_of_a_string)
{
	char text[64];

	for (size_t version = 0; version < VERSIONS; version++) {
		use_version(versions[version]);
		put_text(texts[_i].width, texts[_i].ascii, texts[_i].units);
		ck_assert_int_eq(cpython_text(&heap, base + OBJECT, text, sizeof(text)),
			(int64_t)strlen(texts[_i].text));
		ck_assert_str_eq(text, texts[_i].text);
	}
}
END_TEST

START_TEST(text_is_cut_between_characters)
{
	static const uint32_t units[] = {'a', 0x20ac, 'b', UINT32_MAX};
	char text[6];

	use_version(311);
	put_text(2, false, units);
	ck_assert_int_eq(cpython_text(&heap, base + OBJECT, text, 4), 1);
	ck_assert_str_eq(text, "a");
	ck_assert_int_eq(cpython_text(&heap, base + OBJECT, text, 5), 4);
	ck_assert_str_eq(text, "a\xe2\x82\xac");
}
END_TEST

START_TEST(no_text_of_what_is_no_string)
{
	static const uint32_t units[] = {'a', UINT32_MAX};
	char text[16];

	use_version(312);
	put_text(1, true, units);
	ck_assert_int_eq(cpython_text(&heap, base + OBJECT + 4, text, sizeof(text)), -EINVAL);
	put(OBJECT + layout.text_length, 1u << 30);
	ck_assert_int_eq(cpython_text(&heap, base + OBJECT, text, sizeof(text)), -EINVAL);
	put_text(3, true, units);
	ck_assert_int_eq(cpython_text(&heap, base + OBJECT, text, sizeof(text)), -EINVAL);
	put(OBJECT + layout.object_type, base + TYPE_CODE);
	ck_assert_int_eq(cpython_text(&heap, base + OBJECT, text, sizeof(text)), -EINVAL);
}
END_TEST

/* --- frames --------------------------------------------------------------------------------------
 */

static uint64_t frame_at(int frame)
{
	return base + FRAME + 0x100 * (uint64_t)frame;
}

static uint64_t call_at(int call)
{
	return base + CALL + 0x40 * (uint64_t)call;
}

/* Frame i with code object i, before which `previous` runs (an address). */
static void put_frame(int frame, uint64_t previous, bool is_end)
{
	uint32_t at = FRAME + 0x100 * (uint32_t)frame;

	put(at + layout.frame_previous, previous);
	put(at + layout.frame_code, base + CODE + (uint64_t)frame);
	put(at + layout.frame_instruction, 10 + (uint64_t)frame);
	if (is_end)
		world.bytes[at + layout.frame_end] = layout.frame_end_value;
}

static void put_call(int call, uint64_t frame, uint64_t previous)
{
	put(CALL + 0x40 * (uint32_t)call + layout.call_frame, frame);
	put(CALL + 0x40 * (uint32_t)call + layout.call_previous, previous);
}

/* Frames 0 and 1 run in call 0, frame 2 in call 1; frame 3 and 4 stand for the ends of the calls
 * where shims do. */
static void put_stack(void)
{
	bool shims = layout.frame_end_is_shim, calls = layout.chain == CPYTHON_CHAIN_CALLS;
	uint64_t first = layout.chain == CPYTHON_CHAIN_SHIMS ? call_at(0) : frame_at(3);
	uint64_t second = layout.chain == CPYTHON_CHAIN_SHIMS ? call_at(1) : frame_at(4);

	put_frame(0, frame_at(1), false);
	put_frame(1, shims ? first : frame_at(2), !shims && calls);
	put_frame(2, shims ? second : 0, !shims && calls);
	if (calls) {
		put_frame(3, frame_at(2), true);
		put_frame(4, 0, true);
		put_call(0, frame_at(0), call_at(1));
		put_call(1, frame_at(2), base + THREAD + 0x200);
		put(THREAD + layout.thread_frame, call_at(0));
		return;
	}
	if (shims) {
		put(CALL + layout.frame_previous, frame_at(2));
		world.bytes[CALL + layout.frame_end] = layout.frame_end_value;
		put(CALL + 0x40 + layout.frame_previous, 0);
		world.bytes[CALL + 0x40 + layout.frame_end] = layout.frame_end_value;
	}
	put(THREAD + layout.thread_frame, frame_at(0));
}

static size_t walk(size_t capacity)
{
	return cpython_walk(&layout, &world.memory, &thread, slots, capacity);
}

START_TEST(frames_by_their_calls)
{
	static const int call_of[] = {0, 0, 1};

	use_version(versions[_i]);
	put_stack();
	ck_assert_uint_eq(walk(SLOTS), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(slots[i].value[CPYTHON_SLOT_CODE], base + CODE + (uint64_t)i);
		ck_assert_uint_eq(slots[i].value[CPYTHON_SLOT_INSTRUCTION], 10 + (uint64_t)i);
		ck_assert_uint_eq(slots[i].fp,
			layout.chain == CPYTHON_CHAIN_OBJECTS ? 0 : call_at(call_of[i]));
	}
}
END_TEST

/* Too many frames, and frames that cannot be read: those that are there, and that some are missing.
 */
START_TEST(missing_frames_are_said)
{
	use_version(versions[_i]);
	put_stack();
	ck_assert_uint_eq(walk(3), 3);
	ck_assert_uint_eq(slots[1].value[CPYTHON_SLOT_CODE], base + CODE + 1);
	ck_assert_uint_eq(slots[2].value[CPYTHON_SLOT_CODE], 0);
	ck_assert_uint_eq(walk(1), 1);
	ck_assert_uint_eq(slots[0].value[CPYTHON_SLOT_CODE], 0);
	ck_assert_uint_eq(walk(0), 0);
	if (layout.chain == CPYTHON_CHAIN_CALLS)
		return; /* below */
	put_frame(1, 0x1000, false);
	ck_assert_uint_eq(walk(SLOTS), 3);
	ck_assert_uint_eq(slots[2].value[CPYTHON_SLOT_CODE], 0);
}
END_TEST

/* The place of frames is found even if their shim lies beyond the capacity. */
START_TEST(recursion_keeps_its_place)
{
	use_version(313);
	for (int i = 0; i < 40; i++)
		put_frame(i, frame_at(i + 1), false);
	put_frame(39, call_at(0), false);
	world.bytes[CALL + layout.frame_end] = layout.frame_end_value;
	put(THREAD + layout.thread_frame, frame_at(0));
	ck_assert_uint_eq(walk(SLOTS), SLOTS);
	ck_assert_uint_eq(slots[0].fp, call_at(0));
	ck_assert_uint_eq(slots[SLOTS - 2].fp, call_at(0));
	ck_assert_uint_eq(slots[SLOTS - 1].value[CPYTHON_SLOT_CODE], 0);
}
END_TEST

/*
 * The thread stands at the beginning of the evaluator: its _PyCFrame is linked, and holds what an
 * earlier call left there, frames of functions that have returned.
 */
START_TEST(a_call_that_is_just_beginning)
{
	use_version(_i ? 312 : 311);
	put_stack();
	put_frame(10, frame_at(11), false);
	put_frame(11, frame_at(12), true);
	put_call(5, frame_at(10), call_at(0));
	put(THREAD + layout.thread_frame, call_at(5));
	ck_assert_uint_eq(walk(SLOTS), 3);
	ck_assert_uint_eq(slots[0].value[CPYTHON_SLOT_CODE], base + CODE);
	put_call(5, 0x1234, call_at(0));
	ck_assert_uint_eq(walk(SLOTS), 3);
	put_call(5, 0, call_at(0));
	ck_assert_uint_eq(walk(SLOTS), 3);
	/* Or at its end: what it holds is the caller's. */
	put_call(5, frame_at(0), call_at(0));
	ck_assert_uint_eq(walk(SLOTS), 3);
	ck_assert_uint_eq(slots[0].fp, call_at(0));
}
END_TEST

START_TEST(a_state_of_another_thread)
{
	use_version(versions[_i]);
	put_stack();
	put(THREAD + layout.thread_id, 0x9999);
	ck_assert_uint_eq(walk(SLOTS), 0);
}
END_TEST

START_TEST(circles_end)
{
	use_version(versions[_i]);
	put_stack();
	put_frame(1, frame_at(0), false);
	put_call(1, frame_at(2), call_at(0));
	ck_assert_uint_le(walk(SLOTS), SLOTS);
	ck_assert_uint_lt(world.reads, 10000);
	put(OTHER_THREAD + layout.thread_next, base + OTHER_THREAD);
	put(INTERPRETER + layout.interpreter_next, base + INTERPRETER);
	ck_assert_int_eq(
		cpython_find_thread(&layout, &world.memory, base + RUNTIME, TID, &thread), -ENOENT);
}
END_TEST

START_TEST(thread_by_its_number)
{
	enum { GLIBC_THREAD = 0x5000, GLIBC_TID = 0x2d0 };
	struct cpython_thread found = {0};

	use_version(versions[_i]);
	put_stack();
	ck_assert_int_eq(
		cpython_find_thread(&layout, &world.memory, base + RUNTIME, TID, &found), -ENOENT);
	put(THREAD + layout.thread_id, base + GLIBC_THREAD);
	put(GLIBC_THREAD + GLIBC_TID, TID);
	ck_assert_int_eq(
		cpython_find_thread(&layout, &world.memory, base + RUNTIME, TID, &found), 0);
	ck_assert_uint_eq(found.address, base + THREAD);
	ck_assert_uint_eq(found.id, base + GLIBC_THREAD);
	put(GLIBC_THREAD + GLIBC_TID, 0);
	if (layout.thread_native_id) {
		put(THREAD + layout.thread_native_id, TID);
		ck_assert_int_eq(
			cpython_find_thread(&layout, &world.memory, base + RUNTIME, TID, &found),
			0);
	}
	/* A state that does not know its interpreter is none. */
	put(OTHER_THREAD + layout.thread_interpreter, 0);
	ck_assert_int_eq(
		cpython_find_thread(&layout, &world.memory, base + RUNTIME, TID, &found), -ENOENT);
}
END_TEST

/* --- 3.13's own words ----------------------------------------------------------------------------
 */

START_TEST(debug_offsets_are_checked)
{
	static const struct {
		uint32_t word;
		uint64_t value;
	} wrong[] = {
		{0, 0x7970677562656477}, /* the cookie */
		{1, 0x030e00f0},         /* 3.14 */
		{23, 1000},              /* beyond a thread */
		{30, 1000},              /* beyond a frame */
		{30, 9},                 /* between words */
		{39, UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		use_version(313);
		put(RUNTIME + 8 * wrong[i].word, wrong[i].value);
		ck_assert_int_eq(
			cpython_layout_read(&layout, &world.memory, base + RUNTIME), -ENOTSUP);
	}
	ck_assert(!cpython_layout_known(&layout, 308));
	ck_assert(!cpython_layout_known(&layout, 313));
}
END_TEST

/* Whatever the memory holds, everything ends within its bounds. */
START_TEST(any_memory)
{
	char text[32];

	srand((unsigned)_i);
	for (int round = 0; round < 400; round++) {
		use_version(versions[(size_t)round % VERSIONS]);
		put_stack();
		put_bytes(locations, sizeof(locations));
		for (int change = rand() % 64; change > 0; change--)
			put((uint32_t)rand() % (BYTES / 8 - 1) * 8,
				rand() % 3 ? base + (uint64_t)rand() % BYTES
					   : (uint64_t)rand() << 32 ^ (uint64_t)rand());
		for (int change = rand() % 64; change > 0; change--)
			world.bytes[OBJECT + rand() % 512] = (uint8_t)rand();
		world.reads = 0;
		ck_assert_uint_le(walk(SLOTS), SLOTS);
		cpython_find_thread(&layout, &world.memory, base + RUNTIME, TID, &thread);
		cpython_line(&heap, base + OBJECT, 1, rand() % 400);
		put(OBJECT + layout.object_type, base + TYPE_TEXT);
		cpython_text(&heap, base + OBJECT, text, sizeof(text));
		ck_assert_uint_lt(world.reads, 1000000);
	}
}
END_TEST

/* --- recall --------------------------------------------------------------------------------------
 */

static struct arena arena;
static struct recall recall;

static uint32_t recalled(const uint32_t *place)
{
	uint32_t value = 0;

	return memory_u32(&recall.memory, (uint64_t)(uintptr_t)place, &value) ? 0 : value;
}

START_TEST(recall_is_as_new_as_its_begin)
{
	static uint32_t place[4096];

	ck_assert_int_eq(arena_init(&arena, 1 << 20), 0);
	ck_assert_int_eq(recall_init(&recall, &arena, getpid(), NULL, 8), 0);
	recall_begin(&recall, 2, 0, 0);
	place[0] = place[2000] = 1;
	ck_assert_uint_eq(recalled(&place[0]), 1);
	ck_assert_uint_eq(recalled(&place[2000]), 1);
	ck_assert_uint_eq(recalled(&place[4000]), 0); /* one read too many */
	place[0] = place[2000] = 2;
	ck_assert_uint_eq(recalled(&place[0]), 1);
	recall_begin(&recall, 0, 0, 0);
	ck_assert_uint_eq(recalled(&place[0]), 2);
	ck_assert_uint_eq(recalled(&place[2000]), 2);
	/* What was not needed since is not fetched again. */
	recall_begin(&recall, 0, 0, 0);
	recall_begin(&recall, 0, 0, 0);
	ck_assert_uint_eq(recalled(&place[0]), 0);
	/* The thread's own stack is read as it is. */
	recall_begin(&recall, 0, (uint64_t)(uintptr_t)place, (uint64_t)(uintptr_t)(place + 4096));
	ck_assert_uint_eq(recalled(&place[0]), 2);
	arena_done(&arena);
}
END_TEST

START_TEST(recall_of_what_is_gone)
{
	enum { PAGE = 4096 };
	uint32_t *pages = mmap(
		NULL, (size_t)3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(arena_init(&arena, 1 << 20), 0);
	ck_assert_int_eq(recall_init(&recall, &arena, getpid(), NULL, 2), 0);
	recall_begin(&recall, 9, 0, 0);
	pages[0] = pages[1024] = pages[2048] = 7;
	/* More places than lines. */
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < 3; i++)
			ck_assert_uint_eq(recalled(&pages[1024 * i]), 7);
	munmap(&pages[0], PAGE);
	recall_begin(&recall, 9, 0, 0);
	ck_assert_uint_eq(recalled(&pages[0]), 0);
	ck_assert_uint_eq(recalled(&pages[1024]), 7);
	ck_assert_uint_eq(recalled(&pages[2048]), 7);
	munmap(&pages[1024], (size_t)2 * PAGE);
	arena_done(&arena);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cpython");
	TCase *naming = tcase_create("naming"), *frames = tcase_create("frames");
	TCase *memory = tcase_create("recall");

	tcase_add_loop_test(naming, line_of_an_instruction, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(naming, no_line_from_what_is_no_table);
	tcase_add_loop_test(naming, text_of_a_string, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(naming, text_is_cut_between_characters);
	tcase_add_test(naming, no_text_of_what_is_no_string);
	suite_add_tcase(suite, naming);
	tcase_add_loop_test(frames, frames_by_their_calls, 0, VERSIONS);
	tcase_add_loop_test(frames, missing_frames_are_said, 0, VERSIONS);
	tcase_add_test(frames, recursion_keeps_its_place);
	tcase_add_loop_test(frames, a_call_that_is_just_beginning, 0, 2);
	tcase_add_loop_test(frames, a_state_of_another_thread, 0, VERSIONS);
	tcase_add_loop_test(frames, circles_end, 0, VERSIONS);
	tcase_add_loop_test(frames, thread_by_its_number, 0, VERSIONS);
	tcase_add_test(frames, debug_offsets_are_checked);
	tcase_add_loop_test(frames, any_memory, 0, 8);
	suite_add_tcase(suite, frames);
	tcase_add_test(memory, recall_is_as_new_as_its_begin);
	tcase_add_test(memory, recall_of_what_is_gone);
	suite_add_tcase(suite, memory);
	return suite;
}
