/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpython.c - CPython's frames, lines and strings in made-up memory, well-made and hostile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpython_made.h"
#include "recall.h"
#include "suite.h"

enum { SLOTS = 16, TID = 4711 };

static struct unwind_slot slots[SLOTS];

/* --- lines ---------------------------------------------------------------------------------------
 */

#define TABLE(table) table, sizeof(table)

/* What code.co_lines() (3.9: dis.findlinestarts) says of them. */
static const struct {
	const uint8_t *table;
	size_t length;
	int64_t offset;
	uint16_t version;
	uint8_t line;
} lines[] = {
	{TABLE(made_notab), -1, 309, 1},
	{TABLE(made_notab), 0, 309, 4},
	{TABLE(made_notab), 3, 309, 5},
	{TABLE(made_notab), 6, 309, 4},
	{TABLE(made_notab), 51, 309, 11},
	{TABLE(made_notab), 70, 309, 54},
	{TABLE(made_ranges), -2, 310, 1},
	{TABLE(made_ranges), 0, 310, 4},
	{TABLE(made_ranges), 8, 310, 4},
	{TABLE(made_ranges), 48, 310, 10},
	{TABLE(made_ranges), 50, 310, 0},
	{TABLE(made_ranges), 52, 310, 13},
	{TABLE(made_ranges), 80, 310, 54},
	{TABLE(made_ranges), 82, 310, 0},
	{TABLE(made_locations), -2, 311, 1},
	{TABLE(made_locations), 0, 311, 1},
	{TABLE(made_locations), 2, 311, 4},
	{TABLE(made_locations), 16, 311, 6},
	{TABLE(made_locations), 18, 311, 4},
	{TABLE(made_locations), 52, 311, 9},
	{TABLE(made_locations), 66, 311, 0},
	{TABLE(made_locations), 78, 311, 10},
	{TABLE(made_locations), 164, 311, 0},
	{TABLE(made_locations), 166, 313, 54},
	{TABLE(made_locations), 188, 313, 54},
	{TABLE(made_locations), 190, 313, 0},
};

START_TEST(line_of_an_instruction)
{
	made_python(lines[_i].version);
	made_bytes(lines[_i].table, lines[_i].length);
	ck_assert_uint_eq(cpython_line(&python.heap, MADE_BASE + OBJECT, 1, lines[_i].offset),
		lines[_i].line);
}
END_TEST

START_TEST(no_line_from_what_is_no_table)
{
	made_python(311);
	made_bytes(made_locations, sizeof(made_locations));
	made_put(OBJECT + python.layout.object_type, MADE_BASE + TYPE_TEXT);
	ck_assert_uint_eq(cpython_line(&python.heap, MADE_BASE + OBJECT, 1, 2), 0);
	made_put(OBJECT + python.layout.object_type, MADE_BASE + TYPE_BYTES);
	made_put(OBJECT + python.layout.object_length, UINT64_MAX);
	ck_assert_uint_eq(cpython_line(&python.heap, MADE_BASE + OBJECT, 1, 2), 0);
	ck_assert_uint_eq(cpython_line(&python.heap, 0, 1, 2), 0);
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

START_TEST(text_of_a_string)
{
	char text[64];

	for (size_t version = 0; version < MADE_VERSIONS; version++) {
		made_python(made_versions[version]);
		made_text(texts[_i].width, texts[_i].ascii, texts[_i].units);
		ck_assert_int_eq(cpython_text(&python.heap, MADE_BASE + OBJECT, text, sizeof(text)),
			(int64_t)strlen(texts[_i].text));
		ck_assert_str_eq(text, texts[_i].text);
	}
}
END_TEST

START_TEST(text_is_cut_between_characters)
{
	static const uint32_t units[] = {'a', 0x20ac, 'b', UINT32_MAX};
	char text[6];

	made_python(311);
	made_text(2, false, units);
	ck_assert_int_eq(cpython_text(&python.heap, MADE_BASE + OBJECT, text, 4), 1);
	ck_assert_str_eq(text, "a");
	ck_assert_int_eq(cpython_text(&python.heap, MADE_BASE + OBJECT, text, 5), 4);
	ck_assert_str_eq(text, "a\xe2\x82\xac");
}
END_TEST

START_TEST(no_text_of_what_is_no_string)
{
	static const uint32_t units[] = {'a', UINT32_MAX};
	char text[16];

	made_python(312);
	made_text(1, true, units);
	ck_assert_int_eq(
		cpython_text(&python.heap, MADE_BASE + OBJECT + 4, text, sizeof(text)), -EINVAL);
	made_put(OBJECT + python.layout.text_length, 1u << 30);
	ck_assert_int_eq(
		cpython_text(&python.heap, MADE_BASE + OBJECT, text, sizeof(text)), -EINVAL);
	made_text(3, true, units);
	ck_assert_int_eq(
		cpython_text(&python.heap, MADE_BASE + OBJECT, text, sizeof(text)), -EINVAL);
	made_put(OBJECT + python.layout.object_type, MADE_BASE + TYPE_CODE);
	ck_assert_int_eq(
		cpython_text(&python.heap, MADE_BASE + OBJECT, text, sizeof(text)), -EINVAL);
}
END_TEST

/* --- frames --------------------------------------------------------------------------------------
 */

static size_t walk(size_t capacity)
{
	return cpython_walk(&python.layout, &python.memory, &python.thread, slots, capacity);
}

START_TEST(frames_by_their_calls)
{
	static const int call_of[] = {0, 0, 1};

	made_python(made_versions[_i]);
	made_frames();
	ck_assert_uint_eq(walk(SLOTS), 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(
			slots[i].value[CPYTHON_SLOT_CODE], MADE_BASE + CODE + (uint64_t)i);
		ck_assert_uint_eq(slots[i].value[CPYTHON_SLOT_INSTRUCTION], 10 + (uint64_t)i);
		ck_assert_uint_eq(slots[i].fp, python.layout.chain == CPYTHON_CHAIN_OBJECTS
						       ? 0
						       : made_call_at(call_of[i]));
	}
}
END_TEST

/* Too many frames, and frames that cannot be read: those that are there, and that some are missing.
 */
START_TEST(missing_frames_are_said)
{
	made_python(made_versions[_i]);
	made_frames();
	ck_assert_uint_eq(walk(3), 3);
	ck_assert_uint_eq(slots[1].value[CPYTHON_SLOT_CODE], MADE_BASE + CODE + 1);
	ck_assert_uint_eq(slots[2].value[CPYTHON_SLOT_CODE], 0);
	ck_assert_uint_eq(walk(1), 1);
	ck_assert_uint_eq(slots[0].value[CPYTHON_SLOT_CODE], 0);
	ck_assert_uint_eq(walk(0), 0);
	if (python.layout.chain == CPYTHON_CHAIN_CALLS)
		return; /* below */
	made_frame(1, 0x1000, false);
	ck_assert_uint_eq(walk(SLOTS), 3);
	ck_assert_uint_eq(slots[2].value[CPYTHON_SLOT_CODE], 0);
}
END_TEST

/* The place of frames is found even if their shim lies beyond the capacity. */
START_TEST(recursion_keeps_its_place)
{
	made_python(313);
	for (int i = 0; i < 40; i++)
		made_frame(i, made_frame_at(i + 1), false);
	made_frame(39, made_call_at(0), false);
	python.bytes[CALL + python.layout.frame_end] = python.layout.frame_end_value;
	made_put(THREAD + python.layout.thread_frame, made_frame_at(0));
	ck_assert_uint_eq(walk(SLOTS), SLOTS);
	ck_assert_uint_eq(slots[0].fp, made_call_at(0));
	ck_assert_uint_eq(slots[SLOTS - 2].fp, made_call_at(0));
	ck_assert_uint_eq(slots[SLOTS - 1].value[CPYTHON_SLOT_CODE], 0);
}
END_TEST

/*
 * The thread stands at the beginning of the evaluator: its _PyCFrame is linked, and holds what an
 * earlier call left there, frames of functions that have returned.
 */
START_TEST(a_call_that_is_just_beginning)
{
	made_python(_i ? 312 : 311);
	made_frames();
	made_frame(10, made_frame_at(11), false);
	made_frame(11, made_frame_at(12), true);
	made_call(5, made_frame_at(10), made_call_at(0));
	made_put(THREAD + python.layout.thread_frame, made_call_at(5));
	ck_assert_uint_eq(walk(SLOTS), 3);
	ck_assert_uint_eq(slots[0].value[CPYTHON_SLOT_CODE], MADE_BASE + CODE);
	made_call(5, 0x1234, made_call_at(0));
	ck_assert_uint_eq(walk(SLOTS), 3);
	made_call(5, 0, made_call_at(0));
	ck_assert_uint_eq(walk(SLOTS), 3);
	/* Or at its end: what it holds is the caller's. */
	made_call(5, made_frame_at(0), made_call_at(0));
	ck_assert_uint_eq(walk(SLOTS), 3);
	ck_assert_uint_eq(slots[0].fp, made_call_at(0));
}
END_TEST

START_TEST(a_state_of_another_thread)
{
	made_python(made_versions[_i]);
	made_frames();
	made_put(THREAD + python.layout.thread_id, 0x9999);
	ck_assert_uint_eq(walk(SLOTS), 0);
}
END_TEST

START_TEST(circles_end)
{
	made_python(made_versions[_i]);
	made_frames();
	made_frame(1, made_frame_at(0), false);
	made_call(1, made_frame_at(2), made_call_at(0));
	ck_assert_uint_le(walk(SLOTS), SLOTS);
	ck_assert_uint_lt(python.reads, 10000);
	made_put(OTHER_THREAD + python.layout.thread_next, MADE_BASE + OTHER_THREAD);
	made_put(INTERPRETER + python.layout.interpreter_next, MADE_BASE + INTERPRETER);
	ck_assert_int_eq(cpython_find_thread(&python.layout, &python.memory, MADE_BASE + RUNTIME,
				 TID, &python.thread),
		-ENOENT);
}
END_TEST

START_TEST(thread_by_its_number)
{
	enum { GLIBC_THREAD = 0x5000, GLIBC_TID = 0x2d0 };
	struct cpython_thread found = {0};

	made_python(made_versions[_i]);
	made_frames();
	ck_assert_int_eq(cpython_find_thread(
				 &python.layout, &python.memory, MADE_BASE + RUNTIME, TID, &found),
		-ENOENT);
	made_put(THREAD + python.layout.thread_id, MADE_BASE + GLIBC_THREAD);
	made_put(GLIBC_THREAD + GLIBC_TID, TID);
	ck_assert_int_eq(cpython_find_thread(
				 &python.layout, &python.memory, MADE_BASE + RUNTIME, TID, &found),
		0);
	ck_assert_uint_eq(found.address, MADE_BASE + THREAD);
	ck_assert_uint_eq(found.id, MADE_BASE + GLIBC_THREAD);
	made_put(GLIBC_THREAD + GLIBC_TID, 0);
	if (python.layout.thread_native_id) {
		made_put(THREAD + python.layout.thread_native_id, TID);
		ck_assert_int_eq(cpython_find_thread(&python.layout, &python.memory,
					 MADE_BASE + RUNTIME, TID, &found),
			0);
	}
	/* A state that does not know its interpreter is none. */
	made_put(OTHER_THREAD + python.layout.thread_interpreter, 0);
	ck_assert_int_eq(cpython_find_thread(
				 &python.layout, &python.memory, MADE_BASE + RUNTIME, TID, &found),
		-ENOENT);
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
		made_python(313);
		made_put(RUNTIME + 8 * wrong[i].word, wrong[i].value);
		ck_assert_int_eq(
			cpython_layout_read(&python.layout, &python.memory, MADE_BASE + RUNTIME),
			-ENOTSUP);
	}
	ck_assert(!cpython_layout_known(&python.layout, 308));
	ck_assert(!cpython_layout_known(&python.layout, 313));
}
END_TEST

/* Whatever the memory holds, everything ends within its bounds. */
START_TEST(any_memory)
{
	char text[32];

	srand((unsigned)_i);
	for (int round = 0; round < 400; round++) {
		made_python(made_versions[(size_t)round % MADE_VERSIONS]);
		made_frames();
		made_bytes(made_locations, sizeof(made_locations));
		for (int change = rand() % 64; change > 0; change--)
			made_put((uint32_t)rand() % (MADE_BYTES / 8 - 1) * 8,
				rand() % 3 ? MADE_BASE + (uint64_t)rand() % MADE_BYTES
					   : (uint64_t)rand() << 32 ^ (uint64_t)rand());
		for (int change = rand() % 64; change > 0; change--)
			python.bytes[OBJECT + rand() % 512] = (uint8_t)rand();
		python.reads = 0;
		ck_assert_uint_le(walk(SLOTS), SLOTS);
		cpython_find_thread(
			&python.layout, &python.memory, MADE_BASE + RUNTIME, TID, &python.thread);
		cpython_line(&python.heap, MADE_BASE + OBJECT, 1, rand() % 400);
		made_put(OBJECT + python.layout.object_type, MADE_BASE + TYPE_TEXT);
		cpython_text(&python.heap, MADE_BASE + OBJECT, text, sizeof(text));
		ck_assert_uint_lt(python.reads, 1000000);
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
	tcase_add_loop_test(frames, frames_by_their_calls, 0, MADE_VERSIONS);
	tcase_add_loop_test(frames, missing_frames_are_said, 0, MADE_VERSIONS);
	tcase_add_test(frames, recursion_keeps_its_place);
	tcase_add_loop_test(frames, a_call_that_is_just_beginning, 0, 2);
	tcase_add_loop_test(frames, a_state_of_another_thread, 0, MADE_VERSIONS);
	tcase_add_loop_test(frames, circles_end, 0, MADE_VERSIONS);
	tcase_add_loop_test(frames, thread_by_its_number, 0, MADE_VERSIONS);
	tcase_add_test(frames, debug_offsets_are_checked);
	tcase_add_loop_test(frames, any_memory, 0, 8);
	suite_add_tcase(suite, frames);
	tcase_add_test(memory, recall_is_as_new_as_its_begin);
	tcase_add_test(memory, recall_of_what_is_gone);
	suite_add_tcase(suite, memory);
	return suite;
}
