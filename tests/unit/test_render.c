/* SPDX-License-Identifier: Apache-2.0 */
/* test_render.c - what people and programs read: JSON, text, flame graph; hostile names in each
 * (hazards 50, 51). */
/* NOLINTBEGIN(misc-misleading-bidirectional): that is what is tested */
#include "suite.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "glyph.h"
#include "json_writer.h"
#include "made.h"
#include "render.h"
#include "xml.h"

/* A name that would act on a terminal or a page, without the blanks that part frames in made_stack.
 */
#define HOSTILE "</title><script>x()</script>\"'&]]>\x1b[31m\xc2\x9b\xe2\x80\xae\xff"

static struct recording *recording;
static struct diagnosis diagnosis;
static char *written;
static size_t length;
static FILE *out;

static void begin(void)
{
	recording = made_recording("node 20.20.2", "/usr/bin/node");
	out = open_memstream(&written, &length);
}

static void finish(void)
{
	fclose(out);
	free(written);
	made_free(recording);
}

static const char *result(void)
{
	fflush(out);
	return written;
}

static size_t count(const char *text, const char *part)
{
	size_t found = 0;

	while ((text = strstr(text, part))) {
		found++;
		text += strlen(part);
	}
	return found;
}

static void add_stalls(const char *stack)
{
	for (int i = 0; i < 10; i++)
		made_plain(recording, i * 900, 150, stack, 11, -1);
}

static const struct {
	const char *text, *visible;
} quoted[] = {
	{"plain", "plain"},
	{"gr\xc3\xbc\xc3\x9f \xe6\x97\xa5", "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5"},
	{"\x1b]0;x\x07", "\\x1b]0;x\\x07"},
	{"a\tb\nc\x7f", "a\\x09b\\x0ac\\x7f"},
	{"\xc2\x9b", "\\u{9b}"},
	{"\xe2\x80\xae", "\\u{202e}"},
	{"\xe2\x81\xa6", "\\u{2066}"},
	{"\xef\xbb\xbf", "\\u{feff}"},
	{"\xf3\xa0\x81\x81", "\\u{e0041}"},
	/* No UTF-8: a lone byte, an overlong form, a surrogate, above the last, cut off. */
	{"\xff", "\\xff"},
	{"\xc0\xaf", "\\xc0\\xaf"},
	{"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
	{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
	{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	{"\xe2\x82", "\\xe2\\x82"},
};

START_TEST(quoted_text_is_visible)
{
	render_quoted(out, quoted[_i].text);
	ck_assert_str_eq(result(), quoted[_i].visible);
}
END_TEST

static const struct {
	const char *text;
	size_t columns;
	const char *cut;
} cuts[] = {
	{"abcdef", 6, "abcdef"},
	{"abcdef", 5, "abcd…"},
	{"abcdef", 1, "…"},
	{"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5", 6, "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"},
	{"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5", 4, "\xe6\x97\xa5…"},
	/* An escape is never cut in two. */
	{"ab\x1b"
	 "cd",
		5, "ab…"},
	{"<<<<", 3, "&lt;&lt;…"},
};

START_TEST(cut_text_keeps_its_columns)
{
	xml_text_cut(out, cuts[_i].text, cuts[_i].columns);
	ck_assert_str_eq(result(), cuts[_i].cut);
}
END_TEST

START_TEST(json_holds_any_text)
{
	struct json_writer json;
	json_t *read;

	json_writer_init(&json, out);
	json_writer_open_object(&json, NULL);
	json_writer_text(&json, "hostile", HOSTILE);
	json_writer_text(&json, "high", "\xf3\xa0\x81\x81");
	json_writer_number(&json, "no number", 0.0 / 0.0, 2);
	json_writer_open_array(&json, "empty");
	json_writer_close_array(&json);
	json_writer_close_object(&json);
	/* Harmless in a page's script, and on a terminal. */
	ck_assert_ptr_null(strchr(result(), '<'));
	ck_assert_ptr_null(strchr(result(), '\x1b'));
	ck_assert_ptr_null(strstr(result(), "\xe2\x80\xae"));
	read = json_loads(result(), JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(read);
	ck_assert_str_eq(json_string_value(json_object_get(read, "hostile")),
		"</title><script>x()</script>\"'&]]>\x1b[31m\xc2\x9b\xe2\x80\xae\xef\xbf\xbd");
	ck_assert_str_eq(json_string_value(json_object_get(read, "high")), "\xf3\xa0\x81\x81");
	ck_assert(json_is_null(json_object_get(read, "no number")));
	ck_assert_uint_eq(json_array_size(json_object_get(read, "empty")), 0);
	json_decref(read);
}
END_TEST

/* The members that programs rely on: holter-diagnose(1). */
START_TEST(json_has_the_documented_shape)
{
	static const char *const members[] = {"id", "kind", "cause", "severity", "confidence",
		"because_of", "summary", "culprit", "loop", "stall"};
	static const char *const of_culprit[] = {"function", "file", "line", "column",
		"function_line", "module", "basis", "share", "share_of_kind", "stack"};
	static const char *const of_stall[] = {"count", "total_ms", "max_ms", "p50_ms", "p99_ms",
		"lost_share", "syscall", "on", "shares"};
	json_t *read, *finding, *culprit, *stack;

	add_stalls("sha!/usr/bin/node pbkdf2Sync@node:internal/crypto:62 hash@/app/s.js:8 "
		   "()@/app/s.js:20");
	recording->lost[LOSS_SAMPLE_SLOT] = 3;
	made_plain(recording, 9500, 80, "f@/app/s.js:1", 2, -1)->record.startup = true;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_json(out, &diagnosis);
	read = json_loads(result(), JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(read);
	ck_assert_str_eq(json_string_value(json_object_get(read, "holter")), HOLTER_VERSION);
	finding = json_object_get(read, "recording");
	ck_assert_int_eq(json_integer_value(json_object_get(finding, "pid")), 42);
	ck_assert_str_eq(json_string_value(json_object_get(finding, "mode")), "preload");
	ck_assert_double_eq(json_number_value(json_object_get(finding, "seconds")), 10);
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(finding, "lost"), "samples")),
		3);

	ck_assert_str_eq(
		json_string_value(json_array_get(json_object_get(finding, "not_observed"), 0)),
		"3 samples: no room for one more at that moment");
	ck_assert_double_eq(
		json_number_value(json_object_get(json_object_get(finding, "startup"), "max_ms")),
		80);

	ck_assert_uint_eq(json_array_size(json_object_get(read, "findings")), 1);
	finding = json_array_get(json_object_get(read, "findings"), 0);
	ck_assert_uint_eq(json_object_size(finding), sizeof(members) / sizeof(members[0]));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		ck_assert_msg(json_object_get(finding, members[i]) != NULL, "%s", members[i]);
	culprit = json_object_get(finding, "culprit");
	ck_assert_uint_eq(json_object_size(culprit), sizeof(of_culprit) / sizeof(of_culprit[0]));
	for (size_t i = 0; i < sizeof(of_culprit) / sizeof(of_culprit[0]); i++)
		ck_assert_msg(json_object_get(culprit, of_culprit[i]) != NULL, "%s", of_culprit[i]);
	for (size_t i = 0; i < sizeof(of_stall) / sizeof(of_stall[0]); i++)
		ck_assert_msg(
			json_object_get(json_object_get(finding, "stall"), of_stall[i]) != NULL,
			"%s", of_stall[i]);
	ck_assert(json_is_null(json_object_get(culprit, "module")));
	ck_assert_int_eq(json_integer_value(json_object_get(culprit, "line")), 8);
	stack = json_object_get(culprit, "stack");
	ck_assert_uint_eq(json_array_size(stack), 4);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(stack, 0), "module")),
		"/usr/bin/node");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(stack, 3), "function")),
		"<anonymous>");
	json_decref(read);
}
END_TEST

/* However deep the stack, the culprit and its callers are in it. */
START_TEST(json_stack_is_cut_around_the_culprit)
{
	char *stack;
	size_t size;
	FILE *frames_out = open_memstream(&stack, &size);
	json_t *read, *frames;

	for (int i = 0; i < 100; i++)
		fputs("again!/usr/bin/node ", frames_out);
	fputs("slow@/app/s.js:8 caller@/app/s.js:20", frames_out);
	fclose(frames_out);
	add_stalls(stack);
	free(stack);
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_json(out, &diagnosis);
	read = json_loads(result(), 0, NULL);
	frames = json_object_get(
		json_object_get(json_array_get(json_object_get(read, "findings"), 0), "culprit"),
		"stack");
	ck_assert_uint_le(json_array_size(frames), 64);
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_array_get(frames, json_array_size(frames) - 2), "function")),
		"slow");
	json_decref(read);
}
END_TEST

/* Where code was made from other code, both places are shown. */
START_TEST(both_places_are_shown)
{
	static const struct function bundled = {
		.name = "a", .file = "/app/dist/b\x1b.js", .line = 1};
	static const struct generated generated = {&bundled, 1, 10771};
	struct text_options options = {0};
	json_t *read, *culprit, *shown, *stack;

	add_stalls("slow@/app/src/s.ts:8 caller@/app/plain.js:20");
	for (size_t i = 0; i < recording->stack_count; i++)
		recording->stacks[i]->frames[0].generated = &generated;
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_text(out, &diagnosis, &options);
	ck_assert_ptr_nonnull(strstr(result(),
		"slow in /app/src/s.ts:8:3 (/app/dist/b\\x1b.js:1:10771), application code\n"));
	ck_assert_ptr_nonnull(
		strstr(result(), "> slow    src/s.ts:8:3 (dist/b\\x1b.js:1:10771)\n"));
	ck_assert_ptr_nonnull(strstr(result(), "  caller  plain.js:20:3\n"));
	rewind(out);
	render_json(out, &diagnosis);
	read = json_loads(result(), JSON_REJECT_DUPLICATES, NULL);
	culprit = json_object_get(json_array_get(json_object_get(read, "findings"), 0), "culprit");
	stack = json_object_get(culprit, "stack");
	for (int i = 0; i < 2; i++) {
		shown = json_object_get(i ? json_array_get(stack, 0) : culprit, "generated");
		ck_assert_str_eq(json_string_value(json_object_get(shown, "function")), "a");
		ck_assert_str_eq(
			json_string_value(json_object_get(shown, "file")), "/app/dist/b\x1b.js");
		ck_assert_int_eq(json_integer_value(json_object_get(shown, "line")), 1);
		ck_assert_int_eq(json_integer_value(json_object_get(shown, "column")), 10771);
	}
	ck_assert_ptr_null(json_object_get(json_array_get(stack, 1), "generated"));
	json_decref(read);
}
END_TEST

START_TEST(text_begins_with_the_verdict)
{
	struct text_options options = {0};

	add_stalls("sha!/usr/bin/node hash@/app/s.js:8 ()@/app/s.js:20");
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_text(out, &diagnosis, &options);
	ck_assert_int_eq(
		strncmp(result(), "CRITICAL  hash (s.js:8) held the event loop 15 % of the time\n",
			61),
		0);
	ck_assert_ptr_nonnull(strstr(result(), "/app/s.js:8:3"));
	ck_assert_ptr_nonnull(strstr(result(), "> hash"));
	ck_assert_ptr_nonnull(strstr(result(), "Not observed"));
	ck_assert_ptr_null(strchr(result(), '\x1b'));
}
END_TEST

static void write_all(void)
{
	struct text_options options = {.all = true};

	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_text(out, &diagnosis, &options);
	result();
}

/* What the stack's rows say, whatever lies around them. */
static const struct {
	const char *stack, *shown;
} stacks[] = {
	/* A function that calls itself is one row, be it the culprit or what it called; two are as
	 * short as they are. */
	{"walk@/app/s.js:5 walk@/app/s.js:6 walk@/app/s.js:6 top@/app/s.js:20",
		"> walk  s.js:5:3  × 3\n              top   s.js:20:3\n"},
	{"walk@/app/s.js:5 walk@/app/s.js:5 top@/app/s.js:20",
		"> walk  s.js:5:3\n              walk  s.js:5:3\n              top   s.js:20:3\n"},
	{"go@node:x:5 go@node:x:5 go@node:x:5 top@/app/s.js:20",
		"  go   node:x:5:3  × 3\n            > top  s.js:20:3\n"},
	/* Functions without a name. */
	{"!/usr/bin/node !/usr/bin/node !/usr/bin/node f@/app/s.js:8",
		"  (no symbols)\n              … 2 more frames\n"
		"            > f           s.js:8:3\n"},
	/* Callers are counted by frames, not by rows. */
	{"f@/app/s.js:8 a@/app/s.js:1 b@/app/s.js:2 c@/app/s.js:3 d@/app/s.js:4 e@/app/s.js:5 "
	 "g@/app/s.js:6 h@/app/s.js:7 h@/app/s.js:7 h@/app/s.js:7",
		"  e  s.js:5:3\n              … 4 more callers\n"},
	/* From the folder on that holds all of the application. */
	{"f@/srv/app/lib/a.js:8 g@/srv/app/main.js:3 h@/srv/app/node_modules/p/i.js:1 "
	 "i@/srv/application/x.js:1 node!/usr/bin/node",
		"> f     app/lib/a.js:8:3\n              g     app/main.js:3:3\n"
		"              h     app/node_modules/p/i.js:1:3\n"
		"              i     application/x.js:1:3\n              node  /usr/bin/node\n"},
	/* The root holds everything and says nothing. */
	{"f@/a/s.js:8 g@/b/s.js:3", "> f  /a/s.js:8:3\n              g  /b/s.js:3:3\n"},
	/* The inner folders say more than the outer ones. */
	{"f@/app/s.js:8 g@/var/cache/packages/of-many-versions/node_modules/router/lib/layer.js:3",
		"  g  …/node_modules/router/lib/layer.js:3:3\n"},
	{"f@/app/s.js:8 "
	 "g@/v/node_modules/a-name-that-takes-more-columns-than-there-are-for-paths.js:3",
		"  g  …/a-name-that-takes-more-columns-than-there-are-for-paths.js:3:3\n"},
};

START_TEST(stack_shows_what_is_read)
{
	add_stalls(stacks[_i].stack);
	for (size_t i = 0; i < recording->stack_count; i++) {
		for (size_t j = 0; j < recording->stacks[i]->count; j++) {
			struct frame *frame = &recording->stacks[i]->frames[j];

			if (frame->function && strcmp(frame->function->name, "walk") == 0)
				((struct function *)frame->function)->line = 4;
			if (!frame->function)
				frame->unresolved = "no symbols";
		}
	}
	write_all();
	ck_assert_msg(strstr(written, stacks[_i].shown) != NULL, "%s", written);
}
END_TEST

static void add_loop(uint32_t tid, const char *thread, uint64_t turns, double longest_ms)
{
	struct loop *loop = recording_alloc(recording, sizeof(*loop));

	loop->record = (struct record_loop){.id = tid, .tid = tid, .thread = thread};
	loop->index = recording->loop_count;
	recording->loops[recording->loop_count++] = loop;
	recording->turns[recording->turns_count++] =
		(struct turns){.record = {.loop = tid,
				       .to_ns = 1000 * (uint64_t)MADE_MS,
				       .count = turns,
				       .busy_ns = (uint64_t)(longest_ms * MADE_MS),
				       .longest_ns = (uint64_t)(longest_ms * MADE_MS)}};
}

/* Of many threads of one name those with the longest turns are shown, the main thread before all.
 */
START_TEST(threads_of_one_name_are_folded)
{
	for (uint32_t i = 0; i < 9; i++)
		add_loop(101 + i, "worker", i + 1, 10 * (double)(i + 1));
	add_loop(7, "alone", 1, 1);
	recording->loops[0]->record.thread = "alone";
	recording->turns[recording->turns_count++] = (struct turns){
		.record = {.loop = 1, .to_ns = 1000 * (uint64_t)MADE_MS, .count = 3}};
	write_all();
	ck_assert_ptr_nonnull(strstr(written,
		"is a stall\n"
		"  main thread alone (tid 42): 3 turns, busy 0.0 % of the time; longest 0 µs\n"
		"  thread alone (tid 7): 1 turn, busy 0.1 % of the time; longest 1.0 ms\n"
		"  thread worker (tid 109): 9 turns, busy 9.0 % of the time; longest 90 ms\n"));
	ck_assert_ptr_nonnull(strstr(written,
		"  thread worker (tid 106): 6 turns, busy 6.0 % of the time; longest 60 ms\n"
		"  5 more threads worker: 15 turns, busy up to 5.0 % of the time; longest 50 ms\n"
		"Not observed\n"));
}
END_TEST

START_TEST(a_handful_of_threads_is_shown)
{
	for (uint32_t i = 0; i < 5; i++)
		add_loop(101 + i, "worker", 2, 10);
	recording->loops[0]->record.thread = "worker";
	recording->turns[recording->turns_count++] = (struct turns){
		.record = {.loop = 1, .to_ns = 1000 * (uint64_t)MADE_MS, .count = 3}};
	write_all();
	ck_assert_uint_eq(count(written, "  thread worker (tid 10"), 5);
	ck_assert_ptr_null(strstr(written, "more thread"));
}
END_TEST

/* What goes on is in no turn: the threads' figures say so, and agree with the finding. */
START_TEST(a_turn_that_goes_on_is_told)
{
	struct stall *stall = made_plain(recording, 9000, 700, "hash@/app/s.js:8", 12, -1);

	stall->record.ended = false;
	recording->ended = false;
	add_loop(7, "worker", 1, 1);
	write_all();
	ck_assert_ptr_nonnull(
		strstr(written, "  stall     700 ms, and had not ended when the recording did\n"));
	ck_assert_ptr_nonnull(
		strstr(written, "(tid 42): no turn ended; a turn had not ended after 700 ms\n"));
	ck_assert_ptr_nonnull(
		strstr(written, "(tid 7): 1 turn, busy 0.1 % of the time; longest 1.0 ms\n"));
}
END_TEST

START_TEST(one_is_no_plural)
{
	made_plain(recording, 0, 60, "hash@/app/s.js:8", 1, -1);
	recording->lost[LOSS_SAMPLE_TIMEOUT] = 1;
	add_loop(7, "worker", 1, 1);
	write_all();
	ck_assert_ptr_nonnull(strstr(written, " in 1 sample; "));
	ck_assert_ptr_nonnull(strstr(written, "  stall     60 ms\n"));
	ck_assert_ptr_nonnull(strstr(written, ": 1 turn, "));
	ck_assert_ptr_nonnull(strstr(written, "  1 sample: the thread did not answer in time\n"));
}
END_TEST

START_TEST(text_shows_little_on_demand)
{
	struct text_options options = {0};

	made_plain(recording, 0, 60, "hash@/app/s.js:8", 2, -1);
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_text(out, &diagnosis, &options);
	ck_assert_ptr_nonnull(strstr(
		result(), "Nothing to report: 1 stall, of 60 ms, is too little for a warning.\n"));
	ck_assert_ptr_nonnull(strstr(result(), "1 finding of severity info: --all shows it."));
	ck_assert_ptr_null(strstr(result(), "hash"));
	options.all = true;
	render_text(out, &diagnosis, &options);
	ck_assert_ptr_nonnull(
		strstr(result(), "INFO  hash (s.js:8) held the event loop once, for 60 ms"));
}
END_TEST

static const struct {
	unsigned stalls;
	bool ended;
	const char *shown;
} startups[] = {
	{1, true, "  start-up, which is no finding: 1 long turn of 700 ms\n"},
	{2, true,
		"  start-up, which is no finding: 2 long turns, together 1.40 s; the longest of "
		"700 ms\n"},
	{1, false, "1 long turn of 700 ms; one had not ended after 700 ms\n"},
};

/* The threads' figures have these turns too: who reads them should know what they were. */
START_TEST(startup_is_told)
{
	for (unsigned i = 0; i < startups[_i].stalls; i++) {
		struct stall *stall =
			made_plain(recording, i * 1000, 700, "compile@/app/s.js:1", 12, -1);

		stall->record.startup = true;
		stall->record.ended = startups[_i].ended;
	}
	recording->ended = false;
	write_all();
	ck_assert_ptr_nonnull(strstr(written, "Nothing to report: no stalls were observed.\n"));
	ck_assert_msg(strstr(written, startups[_i].shown) != NULL, "%s", written);
}
END_TEST

START_TEST(text_says_what_went_on_before)
{
	recording->head.mode = MODE_ATTACH;
	recording->loops[0]->record.first_wait_ns = 2ULL * MADE_MS;
	made_plain(recording, 1, 700, "hash@/app/s.js:8", 12, -1);
	write_all();
	ck_assert_ptr_nonnull(strstr(written, "  stall     at least 700 ms\n"));
	made_plain(recording, 2000, 700, "hash@/app/s.js:8", 12, -1);
	rewind(out);
	write_all();
	ck_assert_ptr_nonnull(strstr(written, "one went on already when watching began"));
}
END_TEST

START_TEST(text_quotes_hostile_names)
{
	struct text_options options = {0};

	recording->head.runtime = "node\x1b[2J";
	((struct loop *)recording->loops[0])->record.thread = HOSTILE;
	add_stalls(HOSTILE "@/app/" HOSTILE ":8");
	recording->notes[recording->note_count++] =
		(struct note){.kind = NOTE_LIMITED, .text = "note\x1b[1m"};
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_text(out, &diagnosis, &options);
	ck_assert_ptr_null(strchr(result(), '\x1b'));
	ck_assert_ptr_null(strstr(result(), "\xc2\x9b"));
	ck_assert_ptr_null(strstr(result(), "\xe2\x80\xae"));
	ck_assert_ptr_nonnull(strstr(result(), "\\x1b[31m"));
}
END_TEST

START_TEST(color_is_only_added)
{
	struct text_options plain = {0}, colored = {.color = true};
	char *first, *from, *to;

	add_stalls("hash@/app/s.js:8");
	ck_assert_int_eq(diagnose(&diagnosis, recording), 0);
	render_text(out, &diagnosis, &plain);
	first = strdup(result());
	rewind(out);
	render_text(out, &diagnosis, &colored);
	result();
	ck_assert_ptr_nonnull(strchr(written, '\x1b'));
	for (from = to = written; *from != '\0'; from++) {
		if (*from == '\x1b')
			from = strchr(from, 'm');
		else
			*to++ = *from;
	}
	*to = '\0';
	ck_assert_str_eq(written, first);
	free(first);
}
END_TEST

START_TEST(flame_merges_and_is_the_same_each_time)
{
	struct flame_options options = {.of = FLAME_STALL};
	char *first;

	made_stall(recording, 0, 100, 100);
	made_sample(recording, "leaf@/app/s.js:4 hash@/app/s.js:8 main!/usr/bin/node", 75, -1);
	made_sample(recording, "aside@/app/s.js:6 hash@/app/s.js:8 main!/usr/bin/node", 25, -1);
	made_plain(recording, 500, 60, "compile@/app/s.js:1", 3, -1)->record.startup = true;
	ck_assert_int_eq(render_flame_svg(out, recording, &options), 0);
	first = strdup(result());
	ck_assert_uint_eq(count(first, "<svg class=\"f "), 5);
	ck_assert_ptr_nonnull(
		strstr(first, "<title>hash\n/app/s.js:8\n100 ms, 100.00 %, application</title>"));
	ck_assert_ptr_nonnull(
		strstr(first, "<title>leaf\n/app/s.js:4\n75 ms, 75.00 %, application</title>"));
	ck_assert_ptr_nonnull(strstr(
		first, "<title>main\n/usr/bin/node\n100 ms, 100.00 %, language engine</title>"));
	ck_assert_ptr_nonnull(strstr(
		first, "Width is time: 100 ms in 1 stall, 2 samples. Left out: start-up (60 ms)."));
	/* The wider one stands first, whatever its name. */
	ck_assert_ptr_nonnull(strstr(first, "data-b=\"0\" data-t=\"75000000\"><title>leaf\n"));
	ck_assert_ptr_nonnull(
		strstr(first, "data-b=\"75000000\" data-t=\"25000000\"><title>aside\n"));
	rewind(out);
	ck_assert_int_eq(render_flame_svg(out, recording, &options), 0);
	ck_assert_str_eq(result(), first);
	free(first);
}
END_TEST

static const struct {
	enum flame_of of;
	const char *sleeper, *worker; /* how long each is seen; null: not drawn */
} parts[] = {
	{FLAME_STALL, "<title>sleep\n/app/s.js:4\n70 ms", "<title>work\n/app/s.js:9\n30 ms"},
	{FLAME_BLOCK, "<title>sleep\n/app/s.js:4\n70 ms", NULL},
	{FLAME_CPU, NULL, "<title>work\n/app/s.js:9\n30 ms"},
};

START_TEST(flame_of_a_part_of_the_time)
{
	struct flame_options options = {.of = parts[_i].of};

	made_stall(recording, 0, 100, 30);
	made_sample(recording, "sleep@/app/s.js:4", 70, 0);
	made_sample(recording, "work@/app/s.js:9", 30, -1);
	ck_assert_int_eq(render_flame_svg(out, recording, &options), 0);
	if (parts[_i].sleeper)
		ck_assert_ptr_nonnull(strstr(result(), parts[_i].sleeper));
	else
		ck_assert_ptr_null(strstr(result(), "sleep"));
	if (parts[_i].worker)
		ck_assert_ptr_nonnull(strstr(result(), parts[_i].worker));
	else
		ck_assert_ptr_null(strstr(result(), "work"));
}
END_TEST

START_TEST(flame_says_what_it_leaves_out)
{
	struct flame_options options = {.of = FLAME_STALL};

	made_stall(recording, 0, 1000, 1000);
	made_sample(recording, "wide@/app/s.js:4", 999.95, -1);
	made_sample(recording, "narrow@/app/s.js:9", 0.05, -1);
	made_stall(recording, 2000, 55, 55);
	ck_assert_int_eq(render_flame_svg(out, recording, &options), 0);
	ck_assert_ptr_nonnull(
		strstr(result(), "No stack of 1 more (55 ms). Too narrow to draw: 1 frame."));
	ck_assert_ptr_null(strstr(result(), "narrow@"));
	ck_assert_ptr_null(strstr(result(), "<title>narrow"));
}
END_TEST

START_TEST(flame_needs_a_sample)
{
	struct flame_options options = {.of = FLAME_STALL};

	ck_assert_int_eq(render_flame_svg(out, recording, &options), -ENODATA);
	ck_assert_str_eq(result(), "");
}
END_TEST

/* Every name is text: the only element that is a script is ours (a browser's view is in the
 * integration tests). */
START_TEST(flame_escapes_hostile_names)
{
	struct flame_options options = {.of = FLAME_STALL};

	recording->head.runtime = HOSTILE;
	add_stalls(HOSTILE "@/app/" HOSTILE ":8 " HOSTILE "!/usr/lib/" HOSTILE);
	ck_assert_int_eq(render_flame_svg(out, recording, &options), 0);
	ck_assert_uint_eq(count(result(), "<script"), 1);
	ck_assert_uint_eq(count(result(), "</script"), 1);
	ck_assert_uint_eq(count(result(), "]]>"), 1);
	ck_assert_ptr_null(strchr(result(), '\x1b'));
	ck_assert_ptr_null(strstr(result(), "\xe2\x80\xae"));
	ck_assert_ptr_nonnull(strstr(result(), "&lt;/title&gt;&lt;script&gt;x()"));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("render");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, begin, finish);
	tcase_add_loop_test(all, quoted_text_is_visible, 0, sizeof(quoted) / sizeof(quoted[0]));
	tcase_add_loop_test(all, cut_text_keeps_its_columns, 0, sizeof(cuts) / sizeof(cuts[0]));
	tcase_add_test(all, json_holds_any_text);
	tcase_add_test(all, json_has_the_documented_shape);
	tcase_add_test(all, json_stack_is_cut_around_the_culprit);
	tcase_add_test(all, both_places_are_shown);
	tcase_add_test(all, text_begins_with_the_verdict);
	tcase_add_loop_test(all, stack_shows_what_is_read, 0, sizeof(stacks) / sizeof(stacks[0]));
	tcase_add_test(all, threads_of_one_name_are_folded);
	tcase_add_test(all, a_handful_of_threads_is_shown);
	tcase_add_test(all, a_turn_that_goes_on_is_told);
	tcase_add_test(all, one_is_no_plural);
	tcase_add_test(all, text_shows_little_on_demand);
	tcase_add_loop_test(all, startup_is_told, 0, sizeof(startups) / sizeof(startups[0]));
	tcase_add_test(all, text_says_what_went_on_before);
	tcase_add_test(all, text_quotes_hostile_names);
	tcase_add_test(all, color_is_only_added);
	tcase_add_test(all, flame_merges_and_is_the_same_each_time);
	tcase_add_loop_test(all, flame_of_a_part_of_the_time, 0, sizeof(parts) / sizeof(parts[0]));
	tcase_add_test(all, flame_says_what_it_leaves_out);
	tcase_add_test(all, flame_needs_a_sample);
	tcase_add_test(all, flame_escapes_hostile_names);
	suite_add_tcase(suite, all);
	return suite;
}
/* NOLINTEND(misc-misleading-bidirectional) */
