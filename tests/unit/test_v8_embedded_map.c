/* SPDX-License-Identifier: Apache-2.0 */
/* test_v8_embedded_map.c - scripts that were compiled in memory, over a made-up heap. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "v8_made.h"
#include "v8_script.h"

static struct made *made;
static struct v8_scripts *scripts;
static struct arena arena;

static void set_up(void)
{
	made = made_new();
	ck_assert_int_eq(arena_init(&arena, 1 << 20), 0);
	scripts = v8_scripts_new(&arena);
	ck_assert_ptr_nonnull(scripts);
}

static void tear_down(void)
{
	arena_done(&arena);
	free(made);
}

static void put_base64(char *out, const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i += 3) {
		uint32_t bits = 0;

		for (size_t j = 0; j < 3; j++)
			bits = bits << 8 | (i + j < length ? (uint8_t)text[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			*out++ = i + j > length ? '=' : digits[bits >> (18 - 6 * j) & 63];
	}
	*out = '\0';
}

static const char comment[] = "//# sourceMappingURL=data:application/json;base64,";
/* Two lines that were compiled to one; `b` (column 3) has no origin. */
static const char code[] = "a;b;c";
/* 1:1 is from 3:5, 1:3 from nowhere, 1:5 from 7:1. */
static const char mappings[] = "AAEI,E,EAIJ";

/* A script of /app/s.ts whose last line is `before`, the map in base64, `after`. */
static struct v8_script *script_with(const char *before, const char *map, const char *after)
{
	char *text = malloc(strlen(map) * 2 + 512), *end;
	uint64_t source;

	end = text + sprintf(text, "%s\n%s", code, before);
	put_base64(end, map);
	strcat(end, after);
	source = made_one_byte(made, text);
	free(text);
	return v8_script_get(
		scripts, &made->heap, made_script(made, made_one_byte(made, "/app/s.ts"), source));
}

static void check_place(struct v8_script *script, int32_t position, uint32_t line, uint32_t column)
{
	uint32_t got_line, got_column;

	made->heap.reads_left = V8_READS_MAX;
	ck_assert_int_eq(v8_script_line(script, &made->heap, position, &got_line, &got_column), 0);
	ck_assert_uint_eq(got_line, line);
	ck_assert_uint_eq(got_column, column);
}

static void check_nowhere(struct v8_script *script, int32_t position)
{
	uint32_t line, column;

	made->heap.reads_left = V8_READS_MAX;
	ck_assert_int_lt(v8_script_line(script, &made->heap, position, &line, &column), 0);
}

static void check_mapped(struct v8_script *script)
{
	/* Each is asked twice: the second answer comes from the cache. */
	for (int i = 0; i < 2; i++) {
		check_place(script, 0, 3, 5);
		check_place(script, 1, 3, 5);
		check_nowhere(script, 2);
		check_nowhere(script, 3);
		check_place(script, 4, 7, 1);
	}
}

static void check_as_it_ran(struct v8_script *script)
{
	check_place(script, 0, 1, 1);
	check_place(script, 2, 1, 3);
}

/* What looks like a member of the map, and is not. */
static const char nested[] =
	"{\"x\":{\"sources\":[\"a\",\"b\"],\"mappings\":\"A\"},\"sources\":[\"s.ts\"],"
	"\"sourcesContent\":[\"\\\"mappings\\\":\\\"AAAA\\\"\"],\"mappings\":\"%s\"}";

START_TEST(a_map_of_the_script_itself)
{
	static const char *const heads[] = {
		"{\"version\":3,\"sources\":[\"/app/s.ts\"],\"names\":[],\"mappings\":\"%s\"}",
		"{\"version\":3,\"sources\":[\"file:///app/s.ts\"],\"mappings\":\"%s\"}",
		"{\"version\":3,\"sources\":[\"s.ts\"],\"mappings\":\"%s\"}",
		"{\"sourceRoot\":\"/app/\",\"sources\":[\"s.ts\"],\"mappings\":\"%s\"}",
		"{\"sourceRoot\":\"\",\"sources\":[\"\\/app\\/s.ts\"],\"mappings\":\"%s\"}",
		"{ \"mappings\" : \"%s\" , \"sources\" : [ \"s.ts\" ] }",
		nested,
	};
	char map[512];

	snprintf(map, sizeof(map), heads[_i], mappings);
	check_mapped(script_with(comment, map, _i % 2 ? "\n" : ""));
}
END_TEST

START_TEST(another_map)
{
	static const char *const maps[] = {
		"{\"sources\":[\"/src/s.ts\"],\"mappings\":\"AAEI\"}",
		"{\"sources\":[\"../src/s.ts\"],\"mappings\":\"AAEI\"}",
		"{\"sources\":[\"s.js\"],\"mappings\":\"AAEI\"}",
		"{\"sourceRoot\":\"/src\",\"sources\":[\"s.ts\"],\"mappings\":\"AAEI\"}",
		"{\"sources\":[\"s.ts\",\"t.ts\"],\"mappings\":\"AAEI\"}",
		"{\"sources\":[],\"mappings\":\"AAEI\"}",
		"{\"sources\":[\"s.ts\"]}",
		"{\"sources\":[\"s.ts",
		"",
	};

	check_as_it_ran(script_with(comment, maps[_i], ""));
}
END_TEST

START_TEST(no_map)
{
	static const char *const before[] = {
		"",
		"x = '",
		"//# sourceMappingURL=data:text/plain;base64,",
		"//# sourceMappingURL=data:application/json,",
		"# sourceMappingURL=data:application/json;base64,",
		"//# sourceMappingURL=s.js.map;base64,",
	};

	check_as_it_ran(
		script_with(before[_i], "{\"sources\":[\"s.ts\"],\"mappings\":\"AAEI\"}", ""));
}
END_TEST

START_TEST(a_script_that_says_more_after_it)
{
	check_as_it_ran(
		script_with(comment, "{\"sources\":[\"s.ts\"],\"mappings\":\"AAEI\"}", "\nfoo()"));
}
END_TEST

/* Parts of the map lie anywhere in what is read at a time. */
START_TEST(long_maps)
{
	enum { MOST = 5000 };
	char *map = malloc(2 * MOST + 512);

	for (int length = 0; length < MOST; length += 97) {
		int at = sprintf(map, "{\"sources\":[\"s.ts\"],\"sourcesContent\":[\"");

		memset(map + at, '\\', (size_t)length / 2 * 2);
		at += length / 2 * 2;
		at += sprintf(map + at, "\"],\"mappings\":\"%s;", mappings);
		memset(map + at, ';', (size_t)length);
		strcpy(map + at + length, "AAAA\"}");
		check_mapped(script_with(comment, map, ""));
	}
	free(map);
}
END_TEST

START_TEST(damaged_mappings)
{
	static const char *const damaged[] = {
		"A?EI", "AAEI", "gggggggggA", "AAAAAAAA", "gg", ",,,,", ""};
	char map[256];

	/* Without an end, with too many digits or fields, or with nothing: no place. */
	snprintf(map, sizeof(map), "{\"sources\":[\"s.ts\"],\"mappings\":\"%s%s", damaged[_i],
		_i > 1 ? "\"}" : "");
	check_nowhere(script_with(comment, map, ""), 4);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("v8_embedded_map");
	TCase *maps = tcase_create("maps");

	tcase_add_checked_fixture(maps, set_up, tear_down);
	tcase_add_loop_test(maps, a_map_of_the_script_itself, 0, 7);
	tcase_add_loop_test(maps, another_map, 0, 9);
	tcase_add_loop_test(maps, no_map, 0, 6);
	tcase_add_test(maps, a_script_that_says_more_after_it);
	tcase_add_test(maps, long_maps);
	tcase_add_loop_test(maps, damaged_mappings, 0, 7);
	suite_add_tcase(suite, maps);
	return suite;
}
