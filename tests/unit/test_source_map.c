/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_source_map.c - source maps: their numbers, documents, references, the names in a script,
 * where maps are looked for, and what becomes of a recording; hostile ones of each.
 */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "locate.h"
#include "made.h"
#include "source_map.h"
#include "source_map_document.h"
#include "source_map_find.h"
#include "source_map_mappings.h"
#include "source_map_path.h"
#include "source_map_token.h"

static const uint32_t NOWHERE = UINT32_MAX;

/* Mappings. */

static int ask(const char *text, struct source_map_query *queries, size_t count)
{
	return source_map_mappings_answer(
		text, strlen(text), (struct source_map_origin){0}, queries, count);
}

START_TEST(segments_cover_what_follows)
{
	/* Line 0: 2 -> source 0, 5:3; 10 -> source 0, 7:1, name 0; 14 -> nobody's. Line 2: 4 ->
	 * source 1, 6:1, name 1. */
	struct source_map_query queries[] = {
		{.line = 0, .column = 1},
		{.line = 0, .column = 2},
		{.line = 0, .column = 9},
		{.line = 0, .column = 10},
		{.line = 0, .column = 14},
		{.line = 1, .column = 4},
		{.line = 2, .column = 3},
		{.line = 2, .column = 900},
		{.line = 3, .column = 0},
	};

	ck_assert_int_eq(ask("EAKG,QAEFA,I;;ICDAC;", queries, 9), 0);
	ck_assert_int_eq(queries[0].source, -1);
	ck_assert_uint_eq(queries[0].starts_at, NOWHERE);
	for (int i = 1; i <= 2; i++) {
		ck_assert_int_eq(queries[i].source, 0);
		ck_assert_int_eq(queries[i].original_line, 5);
		ck_assert_int_eq(queries[i].original_column, 3);
		ck_assert_int_eq(queries[i].name, -1);
		ck_assert_uint_eq(queries[i].starts_at, 2);
	}
	ck_assert_int_eq(queries[3].original_line, 7);
	ck_assert_int_eq(queries[3].original_column, 1);
	ck_assert_int_eq(queries[3].name, 0);
	ck_assert_int_eq(queries[4].source, -1);
	ck_assert_uint_eq(queries[4].starts_at, 14);
	ck_assert_int_eq(queries[5].source, -1);
	ck_assert_int_eq(queries[6].source, -1);
	ck_assert_int_eq(queries[7].source, 1);
	ck_assert_int_eq(queries[7].original_line, 6);
	ck_assert_int_eq(queries[7].original_column, 1);
	ck_assert_int_eq(queries[7].name, 1);
	ck_assert_int_eq(queries[8].source, -1);
}
END_TEST

START_TEST(segments_may_stand_in_any_order)
{
	/* Columns 8, 2, 5: lines 1, 2, 3. */
	struct source_map_query queries[] = {
		{.column = 1}, {.column = 3}, {.column = 6}, {.column = 9}};

	ck_assert_int_eq(ask("QACA,NACA,GACA", queries, 4), 0);
	ck_assert_int_eq(queries[0].source, -1);
	ck_assert_int_eq(queries[1].original_line, 2);
	ck_assert_int_eq(queries[2].original_line, 3);
	ck_assert_int_eq(queries[3].original_line, 1);
}
END_TEST

static const char *const damaged_mappings[] = {
	"AA",         /* two fields */
	"AAA",        /* three */
	"AAAAAA",     /* six */
	"AAAA,g",     /* ends inside a number */
	"!AAA",       /* no digit */
	"A AAA",      /* neither is a blank */
	"gggggggggA", /* no end of digits */
	"ggggggEAAA", /* a column above 32 bits */
	"DAAA",       /* a column below 0 */
	"ADAA",       /* a source below 0 */
	"AADA",       /* a line below 0 */
	"AAAD",       /* an original column below 0 */
	"AAAAD",      /* a name below 0 */
	"AggggggEAA", /* a source above 32 bits */
	"A\xffgAA",
};

START_TEST(damaged_mappings_are_refused)
{
	struct source_map_query query = {.column = 7};

	ck_assert_int_eq(ask(damaged_mappings[_i], &query, 1), -EINVAL);
}
END_TEST

/* A text of many segments that all go back one column costs time for each query: that is bounded.
 */
START_TEST(mappings_out_of_order_have_a_bound)
{
	enum { SEGMENTS = 20000, QUERIES = 1000 };
	struct source_map_query *queries = calloc(QUERIES, sizeof(*queries));
	char *text = malloc(SEGMENTS * 5 + 16), *end = text;

	for (uint32_t i = 0; i < QUERIES; i++)
		queries[i].column = i;
	end += sprintf(end, "ohoBAAA"); /* column 20500 */
	for (int i = 0; i < SEGMENTS; i++)
		end += sprintf(end, ",DAAA");
	ck_assert_int_eq(ask(text, queries, QUERIES), -EINVAL);
	text[7 + 5 * 1000] = '\0'; /* a thousand are no harm */
	ck_assert_int_eq(ask(text, queries, QUERIES), 0);
	ck_assert_int_eq(queries[QUERIES - 1].source, -1);
	free(text);
	free(queries);
}
END_TEST

/* Documents. */

#define MAP(mappings)                                                                              \
	"{\"version\":3,\"sources\":[\"a.ts\",null],\"names\":[\"first\",7],\"mappings\":"         \
	"\"" mappings "\"}"

static struct source_map_document *document;

static int parse(const char *text)
{
	return source_map_document_parse(&document, text, strlen(text));
}

static struct source_map_place answer(uint32_t line, uint32_t column)
{
	struct source_map_place place = {.line = line, .column = column};

	ck_assert_int_eq(source_map_document_answer(document, &place, 1), 0);
	return place;
}

static const char *const plain_documents[] = {
	MAP("AAAAA"),
	"\xef\xbb\xbf" MAP("AAAAA"),
	")]}'\n" MAP("AAAAA"),
	")]}' whatever\r\n" MAP("AAAAA"),
};

START_TEST(a_document_names_sources)
{
	struct source_map_place place;

	ck_assert_int_eq(parse(plain_documents[_i]), 0);
	place = answer(0, 3);
	ck_assert_str_eq(place.source, "a.ts");
	ck_assert_str_eq(place.root, "");
	ck_assert_str_eq(place.name, "first");
	source_map_document_free(document);
}
END_TEST

START_TEST(what_is_no_text_is_unknown)
{
	/* Source 1 is null, name 1 a number; source and name 5 do not exist. */
	ck_assert_int_eq(parse(MAP("ACAAC;AIAAI")), 0);
	for (uint32_t line = 0; line < 2; line++) {
		struct source_map_place place = answer(line, 3);

		ck_assert_ptr_null(place.source);
		ck_assert_ptr_null(place.name);
	}
	source_map_document_free(document);
}
END_TEST

#define SECTION(line, column, map)                                                                 \
	"{\"offset\":{\"line\":" line ",\"column\":" column "},\"map\":" map "}"
#define INDEX(sections) "{\"version\":3,\"sections\":[" sections "]}"
#define OTHER                                                                                      \
	"{\"version\":3,\"sourceRoot\":\"lib\",\"sources\":[\"b.ts\"],\"mappings\":\"AAUA;AAUA\"}"

START_TEST(sections_count_from_their_offset)
{
	static const struct {
		uint32_t line, column;
		const char *source;
		uint32_t source_line;
	} table[] = {
		{0, 0, NULL, 0},
		{1, 4, NULL, 0},
		{1, 5, "a.ts", 0},
		{2, 0, NULL, 0}, /* the first map has no such line */
		{2, 9, NULL, 0},
		{2, 10, "b.ts", 10},
		{2, 99, "b.ts", 10},
		{3, 0, "b.ts", 20},
	};
	struct source_map_place places[8] = {0};

	ck_assert_int_eq(
		parse(INDEX(SECTION("1", "5", MAP("AAAA")) "," SECTION("2", "10", OTHER))), 0);
	for (size_t i = 0; i < 8; i++) {
		places[i].line = table[i].line;
		places[i].column = table[i].column;
	}
	ck_assert_int_eq(source_map_document_answer(document, places, 8), 0);
	for (size_t i = 0; i < 8; i++) {
		if (!table[i].source) {
			ck_assert_ptr_null(places[i].source);
			continue;
		}
		ck_assert_str_eq(places[i].source, table[i].source);
		ck_assert_uint_eq(places[i].source_line, table[i].source_line);
	}
	ck_assert_uint_eq(places[2].starts_at, 5);
	ck_assert_uint_eq(places[6].starts_at, 10);
	ck_assert_uint_eq(places[7].starts_at, 0);
	ck_assert_str_eq(places[7].root, "lib");
	source_map_document_free(document);
}
END_TEST

static const char *const damaged_documents[] = {
	"",
	"{",
	"[]",
	"3",
	"<!DOCTYPE html>",
	")]}'",
	"{\"version\":3,\"sources\":[],\"names\":[]}",
	"{\"version\":2,\"sources\":[],\"names\":[],\"mappings\":\"\"}",
	"{\"version\":3,\"sources\":{},\"names\":[],\"mappings\":\"\"}",
	"{\"version\":3,\"sources\":[],\"names\":7,\"mappings\":\"\"}",
	"{\"version\":3,\"sources\":[],\"names\":[],\"mappings\":[]}",
	INDEX(""),
	"{\"version\":3,\"sections\":7}",
	/* Sections inside sections, which could go on for ever; those of a URL. */
	INDEX(SECTION("0", "0", INDEX(SECTION("0", "0", MAP("AAAA"))))),
	INDEX("{\"offset\":{\"line\":0,\"column\":0},\"url\":\"http://maps.example/a.map\"}"),
	/* Out of order, negative, and beyond 32 bits. */
	INDEX(SECTION("2", "0", MAP("AAAA")) "," SECTION("1", "0", MAP("AAAA"))),
	INDEX(SECTION("-1", "0", MAP("AAAA"))),
	INDEX(SECTION("0", "99999999999", MAP("AAAA"))),
	INDEX(SECTION("0", "1e3", MAP("AAAA"))),
};

START_TEST(damaged_documents_are_refused)
{
	ck_assert_int_eq(parse(damaged_documents[_i]), -EINVAL);
}
END_TEST

START_TEST(documents_cut_at_every_byte_are_refused)
{
	static const char whole[] = INDEX(SECTION("0", "0", MAP("AAAAA")));

	for (size_t length = 0; length < strlen(whole); length++)
		ck_assert_int_eq(source_map_document_parse(&document, whole, length), -EINVAL);
}
END_TEST

static void fill(char *text, const char *pattern, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text[i] = pattern[i % strlen(pattern)];
}

START_TEST(deep_documents_are_refused)
{
	static char text[1 << 20];

	fill(text, _i ? "{\"a\":" : "[", sizeof(text));
	ck_assert_int_eq(source_map_document_parse(&document, text, sizeof(text)), -EINVAL);
}
END_TEST

/* Hazard 47: empty arrays and objects take thirty times their own size once they are parsed. */
START_TEST(expanding_documents_have_a_bound)
{
	size_t length = 32 << 20;
	char *text = malloc(length);

	fill(text, _i ? "{}," : "[],", length);
	text[0] = '[';
	text[1] = ' ';
	text[2] = ' ';
	ck_assert_int_eq(source_map_document_parse(&document, text, length), -ENOMEM);
	free(text);
}
END_TEST

/* Names in a script: the parameters begin at the bar, which is taken out. */

static const struct {
	const char *script, *name;
	uint32_t column; /* NOWHERE: not found */
} tokens[] = {
	{"function a|(b) {}", "a", 9},
	{"function a |(b) {}", "a", 9},
	{"function*a|(b){}", "a", 9},
	{"class C { a|(b) {} }", "a", 10},
	{"class C { #a|(b) {} }", "#a", 10},
	{"class C { static async *a|(b) {} }", "a", 24},
	{"x;a=|(b)=>b", "a", 2},
	{"x;a=|b=>b", "a", 2},
	{"var a = |(b) => b", "a", 4},
	{"a=async |b=>b", "a", 0},
	{"a=async|(b)=>b", "a", 0},
	{"a=function|(b){}", "a", 0},
	{"a = async function * |(b) {}", "a", 0},
	{"({a:function|(b){}})", "a", 2},
	{"x={a:|b=>b}", "a", 3},
	{"first\nfunction a|(b) {}", "a", 9},
	{"gr\xc3\xbc\xc3\x9f\xf0\x9f\x98\x80;a=|b=>b", "a", 7},
	{"gr\xc3\xbc\xc3\x9f=|b=>b", "gr\xc3\xbc\xc3\x9f", 0},
	{"\xef\xbb\xbf"
	 "a=|b=>b",
		"a", 0},
	/* Something else stands there. */
	{"function ba|(b) {}", "a", NOWHERE},
	{"c=|b=>b", "a", NOWHERE},
	{"ca=|b=>b", "a", NOWHERE},
	{"a(|b=>b)", "a", NOWHERE},
	{"a\n=|b=>b", "a", NOWHERE},
	{"a=xfunction|(b){}", "a", NOWHERE},
	{"|b=>b", "a", NOWHERE},
	{"a=|b=>b", "", NOWHERE},
	{"o.a=|b=>b", "a", 2},
	{"o.a=|b=>b", "o.a", NOWHERE},
};

START_TEST(names_stand_before_parameters)
{
	const char *bar = strchr(tokens[_i].script, '|');
	uint32_t line = 0, column = 0, found = NOWHERE;
	struct source_map_cursor cursor;
	char script[128];

	snprintf(script, sizeof(script), "%.*s%s", (int)(bar - tokens[_i].script),
		tokens[_i].script, bar + 1);
	for (const char *at = tokens[_i].script; at < bar; at++) {
		unsigned char c = (unsigned char)*at;

		line += c == '\n';
		column = c == '\n' ? 0 : column + ((c & 0xc0) != 0x80) + (c >= 0xf0);
	}
	column -= strncmp(script, "\xef\xbb\xbf", 3) == 0;
	source_map_cursor_init(&cursor, script, strlen(script));
	ck_assert(source_map_cursor_move(&cursor, line, column));
	ck_assert_int_eq(source_map_token_find(&cursor, tokens[_i].name, &found),
		tokens[_i].column != NOWHERE);
	ck_assert_uint_eq(found, tokens[_i].column);
}
END_TEST

START_TEST(positions_beyond_a_script_are_none)
{
	static const char script[] = "ab\ncd\r\nef\xe2\x80\xa8g";
	struct source_map_cursor cursor;

	for (uint32_t line = 0; line < 4; line++) {
		source_map_cursor_init(&cursor, script, strlen(script));
		ck_assert(source_map_cursor_move(&cursor, line, line == 3 ? 1 : 2));
		ck_assert(!source_map_cursor_move(&cursor, line, 3));
	}
	source_map_cursor_init(&cursor, script, strlen(script));
	ck_assert(!source_map_cursor_move(&cursor, 4, 0));
}
END_TEST

/* Files: each test has a folder of its own. */

static char folder[64], path[256];
static struct recording *recording;
static struct source_map_search search;
static struct source_map_found found;

static const char *bundled; /* the script of make_bundle_stack, below the folder */

static void set_up(void)
{
	strcpy(folder, "/tmp/holter-test-source-map-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	search = (struct source_map_search){.sources_fd = LOCATE_SYSTEM,
		.process_fd = LOCATE_SYSTEM,
		.begin_ns = INT64_MAX,
		.bytes_left = UINT64_MAX};
	found = (struct source_map_found){0};
	recording = made_recording("node 20.20.2", "/usr/bin/node");
	recording->head.utc_offset_ns = INT64_MAX / 2;
	bundled = "dist/b.js";
}

static void tear_down(void)
{
	char command[128];

	source_map_found_done(&found);
	made_free(recording);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0); /* NOLINT(bugprone-command-processor): a constant */
}

/* The path of a file of the folder; its own folders are made. */
static const char *file(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *out = fopen(file(name), "we");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static int find(const char *script)
{
	return source_map_find(&found, &search, file(script));
}

static const struct {
	const char *root, *source, *path; /* of the folder where it begins with "@" */
} sources[] = {
	{"", "x.ts", "@/dist/js/x.ts"},
	{"", "../../src/./x.ts", "@/src/x.ts"},
	{"", "../../../../../../../../etc/x.ts", "/etc/x.ts"},
	{"", "/abs/x.ts", "/abs/x.ts"},
	{"", "file:///abs/a%20b.ts", "/abs/a b.ts"},
	{"", "file://localhost/abs/x.ts", "/abs/x.ts"},
	{"../../src", "x.ts", "@/src/x.ts"},
	{"../../src/", "x.ts", "@/src/x.ts"},
	{"../../src", "/abs/x.ts", "/abs/x.ts"},
	{"/root", "x.ts", "/root/x.ts"},
	{"", "https://maps.example/x.ts", "https://maps.example/x.ts"},
	{"https://maps.example", "x.ts", "https://maps.example/x.ts"},
	/* webpack's: the project is where the file is. */
	{"", "webpack://app/./src/x.ts", "@/src/x.ts"},
	{"", "webpack:///./src/x.ts?4f2a", "@/src/x.ts"},
	{"", "webpack:///src/x.ts", "@/src/x.ts"},
	{"webpack://app/", "./src/x.ts", "@/src/x.ts"},
	{"", "webpack-internal:///./src/x.ts", "@/src/x.ts"},
	{"", "webpack://app/./node_modules/gone/x.js", "node_modules/gone/x.js"},
	{"", "webpack://app/webpack/bootstrap", "webpack/bootstrap"},
	{"", "webpack:////abs/x.ts", "/abs/x.ts"},
	{"", "webpack://app/./kept/y.ts", "@/elsewhere/kept/y.ts"},
};

START_TEST(sources_have_paths)
{
	char map[128], elsewhere[128], expected[128], *got;
	const struct source_map_folders folders = {.map = map, .sources = elsewhere};
	const char *wanted = sources[_i].path;

	snprintf(map, sizeof(map), "%s/dist/js", folder);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", folder);
	snprintf(expected, sizeof(expected), "%s%s", wanted[0] == '@' ? folder : "",
		wanted + (wanted[0] == '@'));
	put("src/x.ts", "");
	put("elsewhere/kept/y.ts", "");
	got = source_map_path(&folders, sources[_i].root, sources[_i].source);
	ck_assert_str_eq(got, expected);
	free(got);
}
END_TEST

/* The base64 is that of the map whose source is a.ts:
 * {"version":3,"sources":["a.ts"],"mappings":"AAAA"} */
#define BASE64  "eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbImEudHMiXSwibWFwcGluZ3MiOiJBQUFBIn0"
#define PERCENT "%7B%22version%22%3A3%2C%22sources%22:[%22a.ts%22],%22mappings%22%3a%22AAAA%22%7d"

static const struct {
	const char *script;
	int result;
} scripts[] = {
	{"x\n//# sourceMappingURL=data:application/json;base64," BASE64, 0},
	{"x\n//# sourceMappingURL=data:application/json;base64," BASE64 "=\n", 0},
	{"x\n//# sourceMappingURL=data:application/json;charset=utf-8;base64," BASE64 "=\r\n", 0},
	{"x\n//@ sourceMappingURL=data:application/json;base64," BASE64, 0},
	{"x\n/*# sourceMappingURL=data:application/json;base64," BASE64 " */\n", 0},
	{"x\n//# sourceMappingURL=data:application/json;charset=utf-8," PERCENT, 0},
	{"x\n//# sourceMappingURL=data:," PERCENT, 0},
	{"x\n//# sourceMappingURL=data:application/json;base64," BASE64 "\n//# debugId=1\n", 0},
	{"x //# sourceMappingURL=data:application/json;base64," BASE64, 0},
	{"x\n//# sourceMappingURL=old.map\n//# sourceMappingURL=data:;base64," BASE64, 0},
	{"x\n//# sourceMappingURL=maps/b.map", 0},
	{"x\n//# sourceMappingURL=maps/b%2Emap?version=1#top", 0},
	{"x\n//# sourceMappingURL=../app/maps/b.map", 0},
	{"x\n//# sourceMappingURL=data:application/json;base64,!!!!", -EINVAL},
	{"x\n//# sourceMappingURL=data:application/json;base64,", -EINVAL},
	{"x\n//# sourceMappingURL=data:application/json", -EINVAL},
	{"x\n//# sourceMappingURL=maps/damaged.map", -EINVAL},
	{"x\n//# sourceMappingURL=gone.map", -ENOKEY},
	{"x\n//# sourceMappingURL=http://maps.example/a.map", -EREMOTE},
	{"x\n//# sourceMappingURL=HTTPS://maps.example/a.map", -EREMOTE},
	{"x\n//# sourceMappingURL=//maps.example/a.map", -EREMOTE},
	{"x\n//# sourceMappingURL=ftp://maps.example/a.map", -EREMOTE},
	/* No comment at the end. */
	{"", -ENOENT},
	{"x", -ENOENT},
	{" sourceMappingURL=maps/b.map", -ENOENT},
	{"x\n//# sourceMappingURL=", -ENOENT},
	{"x\n//# sourceMappingURL=\n", -ENOENT},
	{"x\n// sourceMappingURL=maps/b.map", -ENOENT},
	{"f('//# sourceMappingURL=maps/b.map')", -ENOENT},
	{"//# sourceMappingURL=maps/b.map\nx", -ENOENT},
	{"/*# sourceMappingURL=maps/b.map", -ENOENT},
};

static const struct {
	const char *folder, *path;
	bool leaves;
} packages[] = {
	{"/app/node_modules/orm/dist", "/app/node_modules/orm/src/x.ts", false},
	{"/app/node_modules/orm/dist", "/app/node_modules/orms/x.ts", true},
	{"/app/node_modules/orm/dist", "/app/node_modules/src/x.ts", true},
	{"/app/node_modules/orm/dist", "/app/src/x.ts", true},
	{"/app/node_modules/orm", "/app/node_modules/orm/x.ts", false},
	{"/app/node_modules/orm", "/home/builder/orm/x.ts", true},
	{"/app/node_modules/@a/orm/dist", "/app/node_modules/@a/orm/x.ts", false},
	{"/app/node_modules/@a/orm/dist", "/app/node_modules/@a/src/x.ts", true},
	{"/app/node_modules/.pnpm/orm@1/node_modules/orm/dist",
		"/app/node_modules/.pnpm/orm@1/node_modules/orm/x.ts", false},
	{"/app/node_modules/.pnpm/orm@1/node_modules/orm/dist",
		"/app/node_modules/.pnpm/orm@1/x.ts", true},
	/* webpack's, of which no file is known */
	{"/app/node_modules/orm/dist", "src/x.ts", false},
	/* no package */
	{"/app/dist", "/src/x.ts", false},
	{"/app/dist", "/app/node_modules/orm/x.ts", false},
	{"/app/my_node_modules/orm", "/app/x.ts", false},
};

START_TEST(sources_outside_of_their_package)
{
	ck_assert_int_eq(source_map_path_leaves_package(packages[_i].folder, packages[_i].path),
		packages[_i].leaves);
}
END_TEST

START_TEST(scripts_say_where_their_map_is)
{
	struct source_map_place place = {0};

	put("app/a.js", scripts[_i].script);
	put("app/maps/b.map", "{\"version\":3,\"sources\":[\"a.ts\"],\"mappings\":\"AAAA\"}");
	put("app/maps/damaged.map", "{\"version\":3,\"sources\":[\"a.ts\"]");
	ck_assert_int_eq(find("app/a.js"), scripts[_i].result);
	if (scripts[_i].result < 0)
		return;
	ck_assert_int_eq(source_map_document_answer(found.document, &place, 1), 0);
	ck_assert_str_eq(place.source, "a.ts");
	ck_assert_str_eq(found.folder,
		file(strstr(scripts[_i].script, "b.map") || strstr(scripts[_i].script, "b%2E")
				? "app/maps"
				: "app"));
	ck_assert_uint_eq(found.script_length, strlen(scripts[_i].script));
}
END_TEST

START_TEST(a_map_beside_the_script_needs_no_comment)
{
	put("a.js.map", MAP("AAAA"));
	ck_assert_int_eq(find("a.js"), 0); /* the script itself is gone */
	source_map_found_done(&found);
	put("a.js", "x\n//# sourceMappingURL=https://maps.example/a.js.map");
	ck_assert_int_eq(find("a.js"), 0);
}
END_TEST

START_TEST(what_is_newer_than_the_recording_is_not_believed)
{
	struct timespec now;

	put("old.js", "x\n//# sourceMappingURL=data:;base64," BASE64);
	put("plain.js", "x");
	put("new.map.js", "x\n//# sourceMappingURL=m.map");
	clock_gettime(CLOCK_REALTIME, &now);
	search.begin_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	put("new.js", "x\n//# sourceMappingURL=data:;base64," BASE64);
	put("m.map", MAP("AAAA"));
	ck_assert_int_eq(find("old.js"), 0);
	source_map_found_done(&found);
	ck_assert_int_eq(find("new.js"), -ESTALE);
	ck_assert_int_eq(find("new.map.js"), -ESTALE);
	/* Its content is as old as can be, but it was not there. */
	ck_assert_int_eq(utimensat(AT_FDCWD, file("new.js"), (struct timespec[2]){{0}, {0}}, 0), 0);
	ck_assert_int_eq(find("new.js"), -ESTALE);
	search.begin_ns -= (int64_t)60 * 1000000000;
	ck_assert_int_eq(find("old.js"), -ESTALE);
	/* Without a map there is nothing to believe. */
	put("plain.js", "y");
	ck_assert_int_eq(find("plain.js"), -ENOENT);
}
END_TEST

static const struct {
	const char *name; /* below DIR */
	const char *text;
	const char *folder; /* that sources are relative to; null: not found */
} kept[] = {
	{"srv/app/dist/a.js.map", MAP("AAAA"), "srv/app/dist"},
	{"app/dist/a.js.map", MAP("AAAA"), "app/dist"},
	{"dist/a.js", "x\n//# sourceMappingURL=../maps/b.map", "maps"},
	{"dist/a.js", "x\n//# sourceMappingURL=data:;base64," BASE64, "dist"},
	{"a.js.map", MAP("AAAA"), ""},
	{"b.js.map", MAP("AAAA"), NULL},
	{"dist/a.js", "x", NULL},
	/* Not out of the folder. */
	{"dist/a.js", "x\n//# sourceMappingURL=../../../../../../maps/b.map", "maps"},
};

START_TEST(maps_are_found_below_a_folder)
{
	char name[64], expected[128];

	snprintf(name, sizeof(name), "kept/%s", kept[_i].name);
	put("kept/maps/b.map", MAP("AAAA"));
	put(name, kept[_i].text);
	search.begin_ns = 0; /* all is newer: it is named on purpose */
	search.sources = strdup(file("kept"));
	search.sources_fd = locate_root(search.sources);
	ck_assert_int_ge(search.sources_fd, 0);
	ck_assert_int_eq(source_map_find(&found, &search, "/srv/app/dist/a.js"),
		kept[_i].folder ? 0 : -ENOENT);
	if (kept[_i].folder) {
		snprintf(expected, sizeof(expected), "%s%s%s", search.sources,
			kept[_i].folder[0] ? "/" : "", kept[_i].folder);
		ck_assert_str_eq(found.folder, expected);
	}
	close(search.sources_fd);
	free((char *)search.sources);
}
END_TEST

/* Hazard 49: nothing that blocks, is no file, or never ends. */
START_TEST(what_is_no_plain_file_is_not_read)
{
	static const char *const links[] = {
		"/dev/zero", "/proc/self/mem", "/dev/tty", ".", "a.js.map"};
	char target[128];
	int fd;

	put("a.js", "x");
	ck_assert_int_eq(mkfifo(file("a.js.map"), 0600), 0);
	ck_assert_int_lt(find("a.js"), 0);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		unlink(file("a.js.map"));
		ck_assert_int_eq(symlink(links[i], file("a.js.map")), 0);
		ck_assert_int_lt(find("a.js"), 0);
	}
	/* A terabyte of nothing, and one byte more than is read. */
	unlink(file("a.js.map"));
	snprintf(target, sizeof(target), "%s", file("a.js.map"));
	fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)1 << 40), 0);
	ck_assert_int_eq(find("a.js"), -EFBIG);
	ck_assert_int_eq(ftruncate(fd, SOURCE_MAP_FILE_MAX + 1), 0);
	ck_assert_int_eq(find("a.js"), -EFBIG);
	ck_assert_int_eq(ftruncate(fd, SOURCE_MAP_FILE_MAX), 0);
	ck_assert_int_eq(find("a.js"), -EINVAL);
	close(fd);
}
END_TEST

START_TEST(all_maps_together_have_a_bound)
{
	put("a.js", "x");
	put("a.js.map", MAP("AAAA"));
	search.bytes_left = strlen(MAP("AAAA")) + 1;
	ck_assert_int_eq(find("a.js"), 0);
	source_map_found_done(&found);
	ck_assert_int_eq(find("a.js"), -EFBIG);
}
END_TEST

/* Recordings. */

/*
 * dist/b.js is one line of two functions, which came from src/x.ts and src/y.ts; within the first
 * stands a piece of the second, and the last is the bundler's own.
 *
 *     function a(){b();Y()}var c=()=>1;!function(){}()
 *     0        9 10 13  17 18  25 27   33        43
 */
static const char bundle[] = "function a(){b();Y()}var c=()=>1;!function(){}()\n";
static const char bundle_map[] =
	"{\"version\":3,\"sources\":[\"../src/x.ts\",\"../src/"
	"y.ts\"],\"names\":[\"first\",\"second\"],"
	/* 0 x 4:0; 9 x 4:9 first; 10 x 4:14; 13 x 5:2; 17 y 8:2; 21 y 6:0; 25 y 6:6 second; 27 y
	 * 6:15; 31 y 7:9; 33 nobody's */
	"\"mappings\":\"AAIA,SAASA,CAAK,GACZ,ICGA,IAFF,IAAMC,EAAS,IACN,E\"}";

static struct function functions[3];
static struct stack *stack;

static void add_frame(size_t index, struct function *function, uint32_t column)
{
	stack->frames[index].function = function;
	stack->frames[index].line = 1;
	stack->frames[index].column = column;
}

static void make_bundle_stack(void)
{
	const char *script = recording_text(recording, file(bundled), strlen(file(bundled)));

	functions[0] = (struct function){"a", script, 1, 11};
	functions[1] = (struct function){"c", script, 1, 28};
	functions[2] = (struct function){"", script, 1, 43};
	stack = made_stack(recording, "f@x:1 f@x:1 f@x:1 f@x:1 main!/usr/bin/node");
	add_frame(0, &functions[1], 32);
	add_frame(1, &functions[0], 14);
	add_frame(2, &functions[0], 18);
	add_frame(3, &functions[2], 45);
}

static void check_frame(const struct frame *frame, const char *name, const char *source,
	uint32_t line, uint32_t declared, uint32_t column)
{
	ck_assert_str_eq(frame->function->name, name);
	ck_assert_str_eq(frame->function->file, file(source));
	ck_assert_uint_eq(frame->line, line);
	ck_assert_uint_eq(frame->function->line, declared);
	ck_assert_ptr_nonnull(frame->generated);
	ck_assert_str_eq(frame->generated->function->file, file(bundled));
	ck_assert_uint_eq(frame->generated->line, 1);
	ck_assert_uint_eq(frame->generated->column, column);
}

START_TEST(frames_are_told_in_their_source)
{
	const struct source_map_options options = {0};

	put("dist/b.js", bundle);
	put("dist/b.js.map", bundle_map);
	make_bundle_stack();
	ck_assert_int_eq(source_map_recording(recording, &options), 0);
	check_frame(&stack->frames[0], "second", "src/y.ts", 8, 7, 32);
	check_frame(&stack->frames[1], "first", "src/x.ts", 6, 5, 14);
	/* The line lies in a file that the function does not: it is not said. */
	check_frame(&stack->frames[2], "first", "src/x.ts", 0, 5, 18);
	ck_assert_ptr_eq(stack->frames[1].function, stack->frames[2].function);
	ck_assert_str_eq(stack->frames[1].generated->function->name, "a");
	/* The bundler's own code stays what it is, and native frames are none of our business. */
	ck_assert_ptr_null(stack->frames[3].generated);
	ck_assert_ptr_eq(stack->frames[3].function, &functions[2]);
	ck_assert_str_eq(stack->frames[4].function->name, "main");
	ck_assert_uint_eq(recording->note_count, 0);
}
END_TEST

/* src/x.ts lies outside of the package, src/y.ts within. */
START_TEST(a_package_tells_no_sources_outside_of_it)
{
	const struct source_map_options options = {0};
	static const char map[] =
		"{\"version\":3,\"sources\":[\"../../../src/x.ts\",\"../src/y.ts\"],"
		"\"mappings\":\"AAIA,SAAS,CAAK,GACZ,ICGA,IAFF,IAAM,EAAS,IACN,E\"}";

	bundled = "node_modules/orm/dist/b.js";
	put(bundled, bundle);
	put("node_modules/orm/dist/b.js.map", map);
	make_bundle_stack();
	ck_assert_int_eq(source_map_recording(recording, &options), 0);
	check_frame(&stack->frames[0], "c", "node_modules/orm/src/y.ts", 8, 7, 32);
	ck_assert_ptr_eq(stack->frames[1].function, &functions[0]);
	ck_assert_uint_eq(stack->frames[1].line, 1);
	ck_assert_ptr_null(stack->frames[1].generated);
}
END_TEST

START_TEST(without_the_script_names_stay)
{
	const struct source_map_options options = {0};

	put("dist/b.js.map", bundle_map);
	make_bundle_stack();
	ck_assert_int_eq(source_map_recording(recording, &options), 0);
	check_frame(&stack->frames[0], "c", "src/y.ts", 8, 7, 32);
	check_frame(&stack->frames[1], "a", "src/x.ts", 6, 5, 14);
}
END_TEST

/* The segment of "var" bears a name, and covers that of the function as well. */
START_TEST(a_name_that_stands_elsewhere_is_not_taken)
{
	const struct source_map_options options = {0};

	put("dist/b.js", bundle);
	put("dist/b.js.map",
		"{\"version\":3,\"sources\":[\"../src/x.ts\",\"../src/y.ts\"],\"names\":[\"first\","
		"\"second\"],\"mappings\":\"AAIA,SAASA,CAAK,GACZ,ICGA,IAFFC,MAAe,IACN,E\"}");
	make_bundle_stack();
	ck_assert_int_eq(source_map_recording(recording, &options), 0);
	check_frame(&stack->frames[0], "c", "src/y.ts", 8, 7, 32);
	check_frame(&stack->frames[1], "first", "src/x.ts", 6, 5, 14);
}
END_TEST

START_TEST(a_map_that_cannot_be_used_is_noted)
{
	const struct source_map_options options = {0};

	put("dist/b.js", bundle);
	put("dist/b.js.map", "{\"version\":3,\"sources\":[],\"mappings\":\"!\"}");
	make_bundle_stack();
	ck_assert_int_eq(source_map_recording(recording, &options), 0);
	ck_assert_ptr_eq(stack->frames[0].function, &functions[1]);
	ck_assert_ptr_null(stack->frames[0].generated);
	ck_assert_uint_eq(recording->note_count, 1);
	ck_assert_ptr_nonnull(strstr(recording->notes[0].text, "damaged"));
	ck_assert_ptr_nonnull(strstr(recording->notes[0].text, file("dist/b.js")));
}
END_TEST

START_TEST(notes_are_few_and_not_of_packages)
{
	const struct source_map_options options = {0};
	static struct function many[30];
	char name[64];

	stack = made_stack(recording,
		"f@x:1 f@x:1 f@x:1 f@x:1 f@x:1 f@x:1 f@x:1 f@x:1 f@x:1 f@x:1 f@x:1 f@x:1");
	for (size_t i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), i < 11 ? "%zu.js" : "node_modules/%zu.js", i);
		put(name, "x\n//# sourceMappingURL=gone.map");
		many[i] =
			(struct function){"f", recording_text(recording, path, strlen(path)), 1, 1};
		add_frame(i, &many[i], 1);
	}
	ck_assert_int_eq(source_map_recording(recording, &options), 0);
	ck_assert_uint_eq(recording->note_count, 9);
	ck_assert_ptr_nonnull(strstr(recording->notes[8].text, "3 more scripts"));
	for (size_t i = 0; i < recording->note_count; i++)
		ck_assert_ptr_null(strstr(recording->notes[i].text, "node_modules"));
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error)
{
	const struct source_map_options options = {.sources = "/nowhere/at/all"};

	ck_assert_int_eq(source_map_recording(recording, &options), -ENOENT);
}
END_TEST

#define LOOP(tcase, test, table)                                                                   \
	tcase_add_loop_test(tcase, test, 0, (int)(sizeof(table) / sizeof((table)[0])))

Suite *test_suite(void)
{
	Suite *suite = suite_create("source_map");
	TCase *text = tcase_create("text"), *files = tcase_create("files");

	tcase_set_timeout(text, 60);
	tcase_add_test(text, segments_cover_what_follows);
	tcase_add_test(text, segments_may_stand_in_any_order);
	LOOP(text, damaged_mappings_are_refused, damaged_mappings);
	tcase_add_test(text, mappings_out_of_order_have_a_bound);
	LOOP(text, a_document_names_sources, plain_documents);
	tcase_add_test(text, what_is_no_text_is_unknown);
	tcase_add_test(text, sections_count_from_their_offset);
	LOOP(text, damaged_documents_are_refused, damaged_documents);
	tcase_add_test(text, documents_cut_at_every_byte_are_refused);
	tcase_add_loop_test(text, deep_documents_are_refused, 0, 2);
	tcase_add_loop_test(text, expanding_documents_have_a_bound, 0, 2);
	LOOP(text, names_stand_before_parameters, tokens);
	tcase_add_test(text, positions_beyond_a_script_are_none);
	suite_add_tcase(suite, text);

	tcase_add_checked_fixture(files, set_up, tear_down);
	tcase_set_timeout(files, 60);
	LOOP(files, sources_have_paths, sources);
	tcase_add_loop_test(
		files, sources_outside_of_their_package, 0, sizeof(packages) / sizeof(packages[0]));
	LOOP(files, scripts_say_where_their_map_is, scripts);
	tcase_add_test(files, a_map_beside_the_script_needs_no_comment);
	tcase_add_test(files, what_is_newer_than_the_recording_is_not_believed);
	LOOP(files, maps_are_found_below_a_folder, kept);
	tcase_add_test(files, what_is_no_plain_file_is_not_read);
	tcase_add_test(files, all_maps_together_have_a_bound);
	tcase_add_test(files, frames_are_told_in_their_source);
	tcase_add_test(files, a_package_tells_no_sources_outside_of_it);
	tcase_add_test(files, without_the_script_names_stay);
	tcase_add_test(files, a_name_that_stands_elsewhere_is_not_taken);
	tcase_add_test(files, a_map_that_cannot_be_used_is_noted);
	tcase_add_test(files, notes_are_few_and_not_of_packages);
	tcase_add_test(files, a_folder_that_is_not_there_is_an_error);
	suite_add_tcase(suite, files);
	return suite;
}
