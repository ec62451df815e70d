/* SPDX-License-Identifier: Apache-2.0 */
/* test_v8_heap.c - typed reads, strings, source positions and lines, over a made-up heap. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "v8_made.h"
#include "v8_position.h"
#include "v8_script.h"
#include "v8_string.h"

static struct made *made;

static void set_up(void)
{
	made = made_new();
}

static void tear_down(void)
{
	free(made);
}

static void check_text(uint64_t string, const char *expected)
{
	char text[256];

	ck_assert_int_eq(
		v8_string_utf8(&made->heap, string, text, sizeof(text)), (int64_t)strlen(expected));
	ck_assert_str_eq(text, expected);
}

START_TEST(types_are_checked)
{
	uint64_t string = made_one_byte(made, "x"), object = made_object(made, 175, 24), value;

	ck_assert_int_eq(v8_type(&made->heap, object), 175);
	ck_assert(v8_is(&made->heap, object, 175));
	ck_assert(!v8_is(&made->heap, string, 175));
	ck_assert_msg(!v8_is(&made->heap, string, -1), "a type that this version lacks");
	ck_assert_int_lt(v8_type(&made->heap, made_smi(3)), 0);
	ck_assert_int_lt(v8_type(&made->heap, object - 1), 0);
	ck_assert_int_lt(v8_type(&made->heap, 0x7001), 0);
	made_set(made, object, 8, string);
	ck_assert_int_eq(v8_field_of(&made->heap, object, 8, 40, &value), 0);
	ck_assert_uint_eq(value, string);
	ck_assert_int_eq(v8_field_of(&made->heap, object, 8, 41, &value), -EINVAL);
}
END_TEST

START_TEST(reads_are_counted)
{
	uint64_t object = made_object(made, 175, 24), value;

	made->heap.reads_left = 2;
	ck_assert_int_eq(v8_field(&made->heap, object, 8, &value), 0);
	ck_assert_int_eq(v8_field(&made->heap, object, 8, &value), 0);
	ck_assert_int_eq(v8_field(&made->heap, object, 8, &value), -E2BIG);
	ck_assert_uint_eq(made->reads, 2);
}
END_TEST

START_TEST(strings_of_every_shape)
{
	static const uint16_t units[] = {'a', 0xe9, 0x20ac, 0xd83d, 0xde00, 'z'};
	uint64_t flat = made_one_byte(made, "h\xe9llo"), wide = made_two_byte(made, units, 6);
	uint64_t cons = made_cons(made, flat, wide);

	check_text(made_one_byte(made, ""), "");
	check_text(flat, "h\u00e9llo");
	check_text(wide, "a\u00e9\u20ac\U0001f600z");
	check_text(cons, "h\u00e9lloa\u00e9\u20ac\U0001f600z");
	check_text(made_cons(made, cons, cons),
		"h\u00e9lloa\u00e9\u20ac\U0001f600zh\u00e9lloa\u00e9\u20ac\U0001f600z");
	check_text(made_sliced(made, flat, 1, 3), "\u00e9ll");
	check_text(made_sliced(made, cons, 3, 4), "loa\u00e9");
	check_text(made_thin(made, flat), "h\u00e9llo");
	check_text(made_external(made, "out\xff", false), "out\u00ff");
	check_text(made_cons(made, made_thin(made, flat), made_sliced(made, wide, 5, 1)),
		"h\u00e9lloz");
}
END_TEST

START_TEST(broken_characters_are_replaced)
{
	static const uint16_t lone_high[] = {0xd83d, 'x'}, lone_low[] = {0xde00},
			      two_high[] = {0xd83d, 0xd83d, 0xde00}, last_high[] = {'x', 0xd83d},
			      nul[] = {'a', 0, 'b'};

	check_text(made_two_byte(made, lone_high, 2), "\ufffdx");
	check_text(made_two_byte(made, lone_low, 1), "\ufffd");
	check_text(made_two_byte(made, two_high, 3), "\ufffd\U0001f600");
	check_text(made_two_byte(made, last_high, 2), "x\ufffd");
	check_text(made_two_byte(made, nul, 3), "a\ufffdb");
}
END_TEST

START_TEST(text_is_cut_between_characters)
{
	static const uint16_t euros[] = {0x20ac, 0x20ac, 'a'};
	uint64_t string = made_two_byte(made, euros, 3);
	char text[8];

	ck_assert_int_eq(v8_string_utf8(&made->heap, string, text, 6), 3);
	ck_assert_str_eq(text, "\u20ac");
	ck_assert_int_eq(v8_string_utf8(&made->heap, string, text, 7), 6);
	ck_assert_str_eq(text, "\u20ac\u20ac");
	ck_assert_int_eq(v8_string_utf8(&made->heap, string, text, 1), 0);
	ck_assert_int_eq(v8_string_utf8(&made->heap, string, text, 0), -EINVAL);
}
END_TEST

START_TEST(no_strings)
{
	uint64_t thin = made_thin(made, made_one_byte(made, "x")), cons, deep;
	char text[64];

	ck_assert_int_lt(v8_string_utf8(&made->heap, made_object(made, 175, 32), text, 64), 0);
	ck_assert_int_lt(v8_string_utf8(&made->heap, made_smi(1), text, 64), 0);
	ck_assert_int_lt(v8_string_utf8(&made->heap, made_external(made, "u", true), text, 64), 0);
	/* A string that is made of itself. */
	made_set(made, thin, 16, thin);
	ck_assert_int_lt(v8_string_utf8(&made->heap, thin, text, 64), 0);
	cons = made_cons(made, made_one_byte(made, "x"), made_one_byte(made, "y"));
	made_set(made, cons, 16, cons);
	made->heap.reads_left = V8_READS_MAX;
	ck_assert_int_lt(v8_string_utf8(&made->heap, cons, text, 64), 0);
	made_set(made, cons, 16, made_one_byte(made, ""));
	made_set(made, cons, 24, cons);
	made->heap.reads_left = V8_READS_MAX;
	ck_assert_int_lt(v8_string_utf8(&made->heap, cons, text, 64), 0);
	/* More nested parts than are kept. */
	deep = made_one_byte(made, "a");
	for (int i = 0; i < V8_STRING_PARTS_MAX + 1; i++)
		deep = made_cons(made, deep, made_one_byte(made, "b"));
	made->heap.reads_left = V8_READS_MAX;
	ck_assert_int_eq(v8_string_utf8(&made->heap, deep, text, 64), -E2BIG);
}
END_TEST

START_TEST(streams_begin_anywhere)
{
	uint64_t first = made_one_byte(made, "abcdef"), second = made_one_byte(made, "ghijkl");
	uint64_t cons = made_cons(made, made_cons(made, first, second), first);

	for (uint32_t from = 0; from <= 18; from++) {
		for (uint32_t to = from; to <= 20; to++) {
			uint32_t end = to < 18 ? to : 18, at = from;
			struct v8_string string;
			uint16_t units[5];
			int64_t count;

			made->heap.reads_left = V8_READS_MAX;
			v8_string_open(&string, &made->heap, cons, from, to);
			while ((count = v8_string_next(&string, units, 5)) > 0)
				for (int64_t i = 0; i < count; i++, at++)
					ck_assert_int_eq(units[i], "abcdefghijklabcdef"[at]);
			ck_assert_int_eq(count, 0);
			ck_assert_uint_eq(at, end);
		}
	}
}
END_TEST

static size_t put_vlq(uint8_t *out, uint64_t value)
{
	size_t length = 0;

	do {
		out[length++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	return length;
}

static uint64_t to_zigzag(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

struct entry {
	int64_t code;
	int32_t offset;
	uint16_t inlining;
	bool statement, external;
};

/* Positions as V8 packs and compresses them (until 14: statement by the sign; since: two flag
 * bits). */
static uint64_t made_positions(const struct entry *entries, size_t count, bool flagged)
{
	uint8_t bytes[256];
	size_t length = 0;
	int64_t code = -1;
	uint64_t position = 0;

	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &entries[i];
		int64_t delta = entry->code - code;
		uint64_t packed = (uint64_t)entry->external | (uint64_t)(entry->offset + 1) << 1 |
				  (uint64_t)entry->inlining << 31;

		length += put_vlq(
			bytes + length, flagged ? (uint64_t)delta << 2 | (entry->statement ? 3 : 0)
						: to_zigzag(entry->statement ? delta : -delta - 1));
		length += put_vlq(bytes + length, to_zigzag((int64_t)(packed - position)));
		code = entry->code;
		position = packed;
	}
	return made_byte_array(made, bytes, length);
}

START_TEST(positions_of_both_formats)
{
	static const struct entry entries[] = {
		{.code = 3, .offset = 100, .statement = true},
		{.code = 10, .offset = 40},
		{.code = 10, .offset = 5000, .inlining = 3},
		{.code = 4000, .offset = 7, .external = true},
		{.code = 4001, .offset = 0, .inlining = 65535, .statement = true},
	};
	static const struct {
		int64_t code;
		int32_t offset;
		uint16_t inlining;
	} expected[] = {{3, 100, 0}, {9, 100, 0}, {10, 5000, 3}, {3999, 5000, 3}, {4000, 5000, 3},
		{4001, 0, 65535}, {1 << 20, 0, 65535}};
	uint64_t table;

	made->layout.positions_flagged = _i;
	table = made_positions(entries, 5, _i);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct v8_position position;

		ck_assert_int_eq(
			v8_position_find(&made->heap, table, expected[i].code, &position), 0);
		ck_assert_int_eq(position.offset, expected[i].offset);
		ck_assert_uint_eq(position.inlining, expected[i].inlining);
	}
	{
		struct v8_position position;

		ck_assert_int_eq(v8_position_find(&made->heap, table, 2, &position), -ENOENT);
		ck_assert_int_eq(v8_position_find(&made->heap, made_smi(0), 2, &position), -EINVAL);
	}
}
END_TEST

START_TEST(positions_end_anywhere)
{
	uint8_t bytes[64];

	/* Every byte says that another follows, or every entry is as large as can be. */
	for (int fill = 0; fill < 256; fill += 5) {
		struct v8_position position;

		memset(bytes, fill, sizeof(bytes));
		made->heap.reads_left = V8_READS_MAX;
		v8_position_find(
			&made->heap, made_byte_array(made, bytes, 64), INT64_MAX, &position);
	}
	ck_assert_uint_gt(made->reads, 0);
}
END_TEST

START_TEST(baseline_code_leads_to_bytecode)
{
	/* Byte codes 4, 5 and 6 have 1, 2 and 3 bytes; wide, 2 and 3 more. */
	static const uint8_t sizes[21] = {
		1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 1, 1, 4, 6, 1, 1, 1, 1, 1, 6, 12};
	static const uint8_t code[] = {4, 5, 0, 0 /* wide */, 6, 0, 0, 0, 0, 0, 4};
	static const uint8_t lengths[] = {20 /* prologue */, 3, 10, 0x81, 0x01 /* 129 */, 5};
	static const struct {
		int64_t pc, bytecode;
	} expected[] = {{0, -ENOENT}, {19, -ENOENT}, {20, 0}, {22, 0}, {23, 1}, {32, 1}, {33, 3},
		{161, 3}, {162, 10}, {166, 10}, {167, -ENOENT}};
	struct v8_bytecode_sizes known = {sizes, 7}, unknown = {0};
	uint64_t bytecode = made_bytecode(made, code, sizeof(code), made_smi(0));
	uint64_t table = made_byte_array(made, lengths, sizeof(lengths));

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_int_eq(
			v8_position_baseline(&made->heap, &known, table, bytecode, expected[i].pc),
			expected[i].bytecode);
	ck_assert_int_eq(
		v8_position_baseline(&made->heap, &unknown, table, bytecode, 20), -ENOTSUP);
	ck_assert_int_eq(v8_position_baseline(&made->heap, &known, table, table, 20), -EINVAL);
}
END_TEST

static struct v8_scripts *scripts;
static struct arena arena;

static void set_up_scripts(void)
{
	set_up();
	ck_assert_int_eq(arena_init(&arena, 1 << 20), 0);
	scripts = v8_scripts_new(&arena);
	ck_assert_ptr_nonnull(scripts);
}

static void tear_down_scripts(void)
{
	arena_done(&arena);
	tear_down();
}

static void check_line(uint64_t object, int32_t position, uint32_t line, uint32_t column)
{
	struct v8_script *script = v8_script_get(scripts, &made->heap, object);
	uint32_t got_line, got_column;

	ck_assert_ptr_nonnull(script);
	ck_assert_int_eq(v8_script_line(script, &made->heap, position, &got_line, &got_column), 0);
	ck_assert_uint_eq(got_line, line);
	ck_assert_uint_eq(got_column, column);
}

START_TEST(lines_end_in_every_way)
{
	uint64_t source = made_one_byte(made, "ab\ncd\r\nef\rgh\r\r\ni\n\nj");
	uint64_t script = made_script(made, made_one_byte(made, "/a.js"), source);
	/*                             a b \n c d \r\n e f \r g h \r\r\n i \n\n j */
	static const uint32_t lines[] = {1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8};

	for (int32_t i = 0; i < 19; i++) {
		struct v8_script *got = v8_script_get(scripts, &made->heap, script);
		uint32_t line, column;

		if (i == 6 || i == 14)
			continue; /* a line feed after a carriage return: no position points there
				   */
		ck_assert_int_eq(v8_script_line(got, &made->heap, i, &line, &column), 0);
		ck_assert_msg(line == lines[i], "position %d: line %u, not %u", i, line, lines[i]);
	}
	check_line(script, 0, 1, 1);
	check_line(script, 4, 2, 2);
	check_line(script, 18, 8, 1);
}
END_TEST

START_TEST(unicode_ends_lines_too)
{
	static const uint16_t units[] = {'a', 0x2028, 'b', 0x2029, 0x20ac, 'c'};
	uint64_t script = made_script(made, made_smi(0), made_two_byte(made, units, 6));

	check_line(script, 0, 1, 1);
	check_line(script, 2, 2, 1);
	check_line(script, 5, 3, 2);
}
END_TEST

START_TEST(long_sources_have_checkpoints)
{
	enum { LENGTH = 200000, LINE = 37 };
	char *text = malloc(LENGTH + 1);
	uint64_t script;
	size_t first, second;

	memset(text, 'x', LENGTH);
	for (int i = LINE - 1; i < LENGTH; i += LINE)
		text[i] = '\n';
	text[LENGTH] = '\0';
	script = made_script(made, made_smi(0), made_one_byte(made, text));
	free(text);
	made->reads = 0;
	check_line(script, 190000, 190000 / LINE + 1, 190000 % LINE + 1);
	first = made->reads;
	made->reads = 0;
	check_line(script, 189999, 189999 / LINE + 1, 189999 % LINE + 1);
	second = made->reads;
	ck_assert_uint_lt(second * 4, first);
	for (int32_t at = 0; at < LENGTH; at += 997) {
		made->heap.reads_left = V8_READS_MAX;
		check_line(script, at, (uint32_t)at / LINE + 1, (uint32_t)at % LINE + 1);
	}
}
END_TEST

START_TEST(counting_goes_on_where_it_stopped)
{
	enum { LENGTH = 100000 };
	char *text = malloc(LENGTH + 1);
	struct v8_script *script;
	uint32_t line, column;
	uint64_t object;

	memset(text, '\n', LENGTH);
	text[LENGTH] = '\0';
	object = made_script(made, made_smi(0), made_one_byte(made, text));
	free(text);
	script = v8_script_get(scripts, &made->heap, object);
	made->heap.reads_left = 40;
	ck_assert_int_lt(v8_script_line(script, &made->heap, 99000, &line, &column), 0);
	made->heap.reads_left = 40;
	ck_assert_int_eq(v8_script_line(script, &made->heap, 99000, &line, &column), 0);
	ck_assert_uint_eq(line, 99001);
}
END_TEST

START_TEST(lines_from_v8s_own_table)
{
	uint64_t ends[] = {made_smi(4), made_smi(9), made_smi(20)};
	/* The source itself cannot be read. */
	uint64_t script = made_script(made, made_smi(0), made_external(made, "x", true));

	made_set(made, script, made->layout.script_line_ends, made_array(made, ends, 3));
	check_line(script, 0, 1, 1);
	check_line(script, 4, 1, 5);
	check_line(script, 5, 2, 1);
	check_line(script, 20, 3, 11);
}
END_TEST

START_TEST(scripts_begin_where_they_say)
{
	uint64_t script = made_script(made, made_smi(0), made_one_byte(made, "ab\ncd"));

	made_set(made, script, made->layout.script_line_offset, made_smi(10));
	made_set(made, script, made->layout.script_column_offset, made_smi(5));
	check_line(script, 1, 11, 7);
	check_line(script, 4, 12, 2);
}
END_TEST

START_TEST(positions_outside_of_the_source)
{
	uint64_t object = made_script(made, made_smi(0), made_one_byte(made, "ab\ncd"));
	struct v8_script *script = v8_script_get(scripts, &made->heap, object);
	uint32_t line, column;

	ck_assert_int_lt(v8_script_line(script, &made->heap, 6, &line, &column), 0);
	ck_assert_int_lt(v8_script_line(script, &made->heap, -1, &line, &column), 0);
	ck_assert_int_lt(v8_script_line(script, &made->heap, INT32_MAX, &line, &column), 0);
	ck_assert_ptr_null(v8_script_get(scripts, &made->heap, made_one_byte(made, "x")));
}
END_TEST

START_TEST(scripts_are_forgotten_and_changed)
{
	uint64_t objects[2 * V8_SCRIPTS_MAX], name;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2 * V8_SCRIPTS_MAX; i++) {
			char text[32];

			made->heap.reads_left = V8_READS_MAX;
			snprintf(text, sizeof(text), "/%d.js", i);
			if (!round)
				objects[i] = made_script(
					made, made_one_byte(made, text), made_one_byte(made, "x"));
			ck_assert_str_eq(
				v8_script_file(v8_script_get(scripts, &made->heap, objects[i])),
				text);
		}
	}
	/* Another script at the same address. */
	name = made_one_byte(made, "/other.js");
	made_set(made, objects[0], made->layout.script_name, name);
	ck_assert_str_eq(
		v8_script_file(v8_script_get(scripts, &made->heap, objects[0])), "/other.js");
}
END_TEST

START_TEST(urls_become_paths)
{
	static const char *const pairs[][2] = {
		{"/app/server.js", "/app/server.js"},
		{"node:internal/timers", "node:internal/timers"},
		{"file:///app/x.mjs", "/app/x.mjs"},
		{"file:///a%20b/%C3%A9.mjs", "/a b/\u00e9.mjs"},
		{"file:///a%2", "/a%2"},
		{"file:///a%", "/a%"},
		{"file:///a%zz%00b", "/a%zz%00b"},
		{"file://host/a", "file://host/a"},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s", pairs[i][0]);
		v8_script_plain_path(text);
		ck_assert_str_eq(text, pairs[i][1]);
	}
}
END_TEST

/* What is no file may say what it is: a comment near the end of its source does. */
START_TEST(scripts_name_themselves)
{
	static const char *const sources[][3] = {
		/* name, source, expected */
		{NULL, "f()\n//# sourceURL=rules/risk.js", "rules/risk.js"},
		{NULL, "f()\n//@ sourceURL=rules/risk.js\r\n", "rules/risk.js"},
		{NULL, "//# sourceURL=a.js\n//# sourceMappingURL=b\n\n  // c\n", "a.js"},
		{"evalmachine.<anonymous>", "f()\n//# sourceURL=\xe9.js\n", "\u00e9.js"},
		{"/app/x.js", "f()\n//# sourceURL=a.js", "/app/x.js"},
		{"file:///app/x.js", "f()\n//# sourceURL=a.js", "/app/x.js"},
		{"node:vm", "f()\n//# sourceURL=a.js", "node:vm"},
		{"eval", "//# sourceURL=b.js\n{\n//# sourceURL=a.js\n\n}", "a.js"},
		{"eval", "text + '//# sourceURL=a.js'", "eval"},
		{"eval", "f()\n//# sourceURL=a b", "eval"},
		{"eval", "f()\n//# sourceURL='a'", "eval"},
		{"eval", "f()\n//# sourceURL=\n", "eval"},
		{"eval", "/", "eval"},
		{NULL, "", ""},
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		uint64_t name = sources[i][0] ? made_one_byte(made, sources[i][0]) : made_smi(0);
		uint64_t script = made_script(made, name, made_one_byte(made, sources[i][1]));

		ck_assert_str_eq(
			v8_script_file(v8_script_get(scripts, &made->heap, script)), sources[i][2]);
	}
}
END_TEST

/* A name may lie anywhere in what is read of the end, and is taken whole or not at all. */
START_TEST(names_in_long_sources)
{
	/* Each length about as long as there is room for. */
	for (int length = 0; length<1500; length += length> 1000 && length < 1020 ? 1 : 13) {
		char text[4096], name[2048];
		uint64_t script;
		int used = snprintf(text, sizeof(text), "%*s\n//# sourceURL=", 1500, "x");

		memset(name, 'n', (size_t)length);
		name[length] = '\0';
		memcpy(text + used, name, (size_t)length + 1);
		script = made_script(made, made_one_byte(made, "eval"), made_one_byte(made, text));
		ck_assert_str_eq(v8_script_file(v8_script_get(scripts, &made->heap, script)),
			length > 0 && length <= 1010 ? name : "eval");
		made->heap.reads_left = V8_READS_MAX;
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("v8_heap");
	TCase *heap = tcase_create("heap"), *lines = tcase_create("lines");

	tcase_add_checked_fixture(heap, set_up, tear_down);
	tcase_add_test(heap, types_are_checked);
	tcase_add_test(heap, reads_are_counted);
	tcase_add_test(heap, strings_of_every_shape);
	tcase_add_test(heap, broken_characters_are_replaced);
	tcase_add_test(heap, text_is_cut_between_characters);
	tcase_add_test(heap, no_strings);
	tcase_add_test(heap, streams_begin_anywhere);
	tcase_add_loop_test(heap, positions_of_both_formats, 0, 2);
	tcase_add_test(heap, positions_end_anywhere);
	tcase_add_test(heap, baseline_code_leads_to_bytecode);
	suite_add_tcase(suite, heap);
	tcase_add_checked_fixture(lines, set_up_scripts, tear_down_scripts);
	tcase_add_test(lines, lines_end_in_every_way);
	tcase_add_test(lines, unicode_ends_lines_too);
	tcase_add_test(lines, long_sources_have_checkpoints);
	tcase_add_test(lines, counting_goes_on_where_it_stopped);
	tcase_add_test(lines, lines_from_v8s_own_table);
	tcase_add_test(lines, scripts_begin_where_they_say);
	tcase_add_test(lines, positions_outside_of_the_source);
	tcase_add_test(lines, scripts_are_forgotten_and_changed);
	tcase_add_test(lines, urls_become_paths);
	tcase_add_test(lines, scripts_name_themselves);
	tcase_add_test(lines, names_in_long_sources);
	suite_add_tcase(suite, lines);
	return suite;
}
