/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hostile.c - blocks that are intact and say impossible things, packed by protobuf-c: numbers
 * out of range, ids without declarations, text that is none, expansion (hazards 46, 47). What the
 * reader hands on must be safe to use without a check. test_salvage.c does the same to the framing.
 */
#include "suite.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "holter.pb-c.h"
#include "record_fixture.h"
#include "recording.h"
#include "utf8.h"

static struct fixture fixture;
static struct recording *recording;
static uint64_t sequence;

static void setup(void)
{
	fixture_init(&fixture);
	sequence = 0;
	recording = NULL;
}

static void teardown(void)
{
	recording_free(recording);
	fixture_done(&fixture);
}

static void append(const Holter__Record__Block *block)
{
	size_t size = holter__record__block__get_packed_size(block);
	uint8_t *packed = malloc(size + 1);

	holter__record__block__pack(block, packed);
	fixture_append(fixture.path, 1, ++sequence, packed, size);
	free(packed);
}

static Holter__Record__Block block_of(uint64_t time_ns)
{
	Holter__Record__Block block = HOLTER__RECORD__BLOCK__INIT;

	block.recording_id = FIXTURE_RECORDING_ID;
	block.chunk = 1;
	block.time_ns = time_ns;
	return block;
}

static void load(void)
{
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
}

static void append_stall(uint64_t id, uint64_t duration_ns, bool ended)
{
	Holter__Record__Block block = block_of(100);
	Holter__Record__Stall stall = HOLTER__RECORD__STALL__INIT, *stalls[] = {&stall};

	stall.id = id;
	stall.begin_ns = 1000 - id;
	stall.duration_ns = duration_ns;
	stall.ended = ended;
	block.n_stall = 1;
	block.stall = stalls;
	append(&block);
}

static void append_sample(uint64_t stall, uint64_t time_ns, uint32_t stack)
{
	Holter__Record__Block block = block_of(100);
	Holter__Record__Sample sample = HOLTER__RECORD__SAMPLE__INIT, *samples[] = {&sample};

	sample.stall = stall;
	sample.time_ns = time_ns;
	sample.stack = stack;
	block.n_sample = 1;
	block.sample = samples;
	append(&block);
}

START_TEST(longest_message_of_a_stall_counts)
{
	append_stall(2, 50, false);
	append_stall(1, 70, false);
	append_stall(2, 90, false);
	append_stall(2, 90, true);
	append_stall(2, 90, false);
	append_stall(1, 60, true);
	append_sample(2, 30, 0);
	append_sample(3, 5, 0);
	append_sample(1, 10, 0);
	append_sample(2, 20, 0);
	load();
	ck_assert_uint_eq(recording->stall_count, 2);
	/* By begin: stall 2 began first. */
	ck_assert_uint_eq(recording->stalls[0].record.id, 2);
	ck_assert_uint_eq(recording->stalls[0].record.duration_ns, 90);
	ck_assert(recording->stalls[0].record.ended);
	ck_assert_uint_eq(recording->stalls[1].record.duration_ns, 70);
	ck_assert(!recording->stalls[1].record.ended);
	ck_assert_uint_eq(recording->stalls[0].first_sample, 1);
	ck_assert_uint_eq(recording->stalls[0].sample_count, 2);
	ck_assert_uint_eq(recording->samples[1].record.time_ns, 20);
	ck_assert_uint_eq(recording->stalls[1].first_sample, 0);
	ck_assert_uint_eq(recording->stalls[1].sample_count, 1);
	ck_assert_uint_eq(recording->sample_count, 4);
}
END_TEST

/* The greatest of all numbers everywhere: sums must not overflow, nothing may be indexed by them.
 */
START_TEST(greatest_numbers)
{
	Holter__Record__Block block = block_of(UINT64_MAX);
	Holter__Record__Head head = HOLTER__RECORD__HEAD__INIT;
	Holter__Record__Stall stall = HOLTER__RECORD__STALL__INIT, *stalls[] = {&stall};
	Holter__Record__Sample sample = HOLTER__RECORD__SAMPLE__INIT, *samples[] = {&sample};
	Holter__Record__Loop loop = HOLTER__RECORD__LOOP__INIT, *loops[] = {&loop};
	Holter__Record__Turns turns = HOLTER__RECORD__TURNS__INIT, *turnses[] = {&turns};
	Holter__Record__PoolState state = HOLTER__RECORD__POOL_STATE__INIT, *states[] = {&state};
	Holter__Record__Loss loss = HOLTER__RECORD__LOSS__INIT, *losses[] = {&loss};
	Holter__Record__Note note = HOLTER__RECORD__NOTE__INIT, *notes[] = {&note};
	uint32_t deltas[] = {3, 0, UINT32_MAX, UINT32_MAX, 1};
	uint64_t counts[] = {UINT64_MAX, 1, 1, 1};
	const struct record_pool_state *read_state;
	const struct record_stall *read;

	head.start_ns = head.threshold_ns = head.interval_ns = UINT64_MAX;
	head.utc_offset_ns = INT64_MIN;
	head.mode = (Holter__Record__Mode)77;
	block.head = &head;
	stall.id = stall.begin_ns = stall.duration_ns = stall.measured_ns = stall.cpu_ns =
		stall.runqueue_ns = stall.gc_ns = stall.throttled_ns = stall.minor_faults =
			stall.major_faults = UINT64_MAX;
	stall.loop = stall.samples = UINT32_MAX;
	sample.stall = sample.time_ns = sample.weight_ns = sample.cpu_ns = UINT64_MAX;
	sample.loop = sample.stack = sample.syscall_plus_1 = UINT32_MAX;
	loop.id = loop.tid = loop.thread = UINT32_MAX;
	loop.wait = (Holter__Record__WaitCall)-1;
	loop.descriptor = INT32_MIN;
	turns.loop = UINT32_MAX;
	turns.from_ns = UINT64_MAX;
	turns.to_ns = 5;
	turns.count = turns.busy_ns = turns.longest_ns = turns.histogram_from_ns = UINT64_MAX;
	turns.n_bucket_delta = 5;
	turns.bucket_delta = deltas;
	turns.n_bucket_count = 4;
	turns.bucket_count = counts;
	state.pool = UINT32_MAX;
	state.time_ns = state.longest_hold_ns = state.longest_wait_ns = state.oldest_hold_ns =
		state.hold_ns = state.wait_ns = UINT64_MAX;
	state.acquisitions = state.waits = UINT64_MAX;
	loss.kind = (Holter__Record__LossKind)1000;
	loss.count = 9;
	note.kind = (Holter__Record__NoteKind)-5;
	note.text = UINT32_MAX;
	note.time_ns = UINT64_MAX;
	block.n_stall = block.n_sample = block.n_loop = block.n_turns = block.n_loss =
		block.n_note = block.n_pool_state = 1;
	block.stall = stalls;
	block.sample = samples;
	block.loop = loops;
	block.turns = turnses;
	block.pool_state = states;
	block.loss = losses;
	block.note = notes;
	append(&block);
	load();

	ck_assert_int_eq(recording->head.mode, MODE_UNKNOWN);
	ck_assert_uint_le(recording->first_ns, recording->last_ns);
	ck_assert_int_gt((int64_t)recording->last_ns + recording->head.utc_offset_ns, 0);
	read = &recording->stalls[0].record;
	ck_assert_uint_gt(read->begin_ns + read->duration_ns, read->begin_ns);
	ck_assert_uint_gt(
		read->cpu_ns + read->runqueue_ns + read->gc_ns + read->throttled_ns, read->cpu_ns);
	ck_assert_uint_eq(recording->stalls[0].sample_count, 1);
	ck_assert_ptr_eq(recording->stalls[0].loop, recording->loops[0]);
	ck_assert_str_eq(recording->loops[0]->record.thread, "");
	ck_assert_int_eq(recording->loops[0]->record.wait, WAIT_UNKNOWN);
	ck_assert_ptr_null(recording->samples[0].stack);
	ck_assert_int_eq(recording->samples[0].record.syscall, -1);
	ck_assert_uint_ge(recording->turns[0].record.to_ns, recording->turns[0].record.from_ns);
	ck_assert_uint_eq(recording->turns[0].bucket_count, 2);
	ck_assert_uint_eq(recording->turns[0].buckets[1], 3);
	ck_assert_uint_eq(recording->lost[LOSS_UNKNOWN], 9);
	ck_assert_int_eq(recording->notes[0].kind, NOTE_UNKNOWN);
	ck_assert_str_eq(recording->notes[0].text, "");
	ck_assert_uint_eq(recording->connection_pool_count, 0);
	read_state = &recording->pool_states[0];
	ck_assert_uint_gt(read_state->time_ns + read_state->oldest_hold_ns, read_state->time_ns);
	ck_assert_uint_gt(read_state->hold_ns + read_state->wait_ns, read_state->hold_ns);
	/* The sample's stack, the loop's thread, the note's text, the state's pool. */
	ck_assert_uint_eq(recording->unresolved, 4);
}
END_TEST

START_TEST(references_to_nothing)
{
	Holter__Record__Block block = block_of(100);
	Holter__Record__Stack stack = HOLTER__RECORD__STACK__INIT, *stacks[] = {&stack};
	Holter__Record__Location location = HOLTER__RECORD__LOCATION__INIT,
				 *locations[] = {&location};
	Holter__Record__Function function = HOLTER__RECORD__FUNCTION__INIT,
				 *functions[] = {&function};
	uint32_t ids[] = {9, 4000000000, 0};
	const struct frame *frames;

	stack.id = 5;
	stack.n_location = 3;
	stack.location = ids;
	location.id = 9;
	location.mapping = 77;
	location.function = 6;
	location.address = 1;
	location.kind = (Holter__Record__FrameKind)99;
	location.doubt = (Holter__Record__Doubt)99;
	function.id = 6;
	function.name = 12345;
	block.n_stack = block.n_location = block.n_function = 1;
	block.stack = stacks;
	block.location = locations;
	block.function = functions;
	append(&block);
	append_sample(1, 1, 5);
	load();

	ck_assert_uint_eq(recording->stack_count, 1);
	ck_assert_ptr_eq(recording->samples[0].stack, recording->stacks[0]);
	ck_assert_uint_eq(recording->stacks[0]->count, 3);
	frames = recording->stacks[0]->frames;
	ck_assert_int_eq(frames[0].kind, FRAME_NATIVE);
	ck_assert_int_ne(frames[0].doubt, DOUBT_NONE);
	ck_assert_str_eq(frames[0].function->name, "");
	ck_assert_ptr_null(frames[0].mapping);
	ck_assert_ptr_nonnull(frames[0].unresolved);
	ck_assert_ptr_null(frames[1].function);
	ck_assert_ptr_nonnull(frames[1].unresolved);
	ck_assert_ptr_nonnull(frames[2].unresolved);
	/* Location 4000000000, mapping 77, string 12345. */
	ck_assert_uint_eq(recording->unresolved, 3);
}
END_TEST

/* An id's first declaration stands: no later block can rename what an earlier one recorded. */
START_TEST(second_meaning_of_an_id_is_ignored)
{
	Holter__Record__Block block = block_of(100);
	Holter__Record__String first = HOLTER__RECORD__STRING__INIT;
	Holter__Record__String second = HOLTER__RECORD__STRING__INIT;
	Holter__Record__String *strings[] = {&first, &second};
	Holter__Record__Note note = HOLTER__RECORD__NOTE__INIT, *notes[] = {&note};

	first.id = second.id = note.text = 1;
	first.text.data = (uint8_t *)"first";
	second.text.data = (uint8_t *)"other";
	first.text.len = second.text.len = 5;
	block.n_string = 2;
	block.string = strings;
	block.n_note = 1;
	block.note = notes;
	append(&block);
	load();
	ck_assert_str_eq(recording->notes[0].text, "first");
}
END_TEST

START_TEST(very_long_stack_is_cut)
{
	enum { LOCATIONS = 500000 };
	Holter__Record__Block block = block_of(100);
	Holter__Record__Stack stack = HOLTER__RECORD__STACK__INIT, *stacks[] = {&stack};
	uint32_t *ids = calloc(LOCATIONS, sizeof(*ids));

	stack.id = 1;
	stack.n_location = LOCATIONS;
	stack.location = ids;
	block.n_stack = 1;
	block.stack = stacks;
	append(&block);
	free(ids);
	load();
	ck_assert_uint_eq(recording->stacks[0]->count, RECORD_STACK_MAX);
}
END_TEST

START_TEST(text_becomes_utf_8)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *expected;
	} cases[] = {
		{"plain", 5, "plain"},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a", 14, "café € 🌊"},
		{"a\0b", 3,
			"a\xef\xbf\xbd"
			"b"},
		{"\xff", 1, "\xef\xbf\xbd"},
		{"\xc3", 1, "\xef\xbf\xbd"},
		{"\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong / */
		{"\xe0\x80\xaf", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong */
		{"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
		{"\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\x80x", 2, "\xef\xbf\xbdx"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char clean[64] = {0};
		bool is_clean = utf8_is_clean(cases[i].bytes, cases[i].length);

		utf8_clean(clean, cases[i].bytes, cases[i].length);
		ck_assert_str_eq(clean, cases[i].expected);
		ck_assert_int_eq(is_clean,
			strlen(clean) == cases[i].length && !strstr(clean, "\xef\xbf\xbd"));
		ck_assert(utf8_is_clean(clean, strlen(clean)));
	}
}
END_TEST

START_TEST(head_with_any_bytes)
{
	Holter__Record__Block block = block_of(100);
	Holter__Record__Head head = HOLTER__RECORD__HEAD__INIT;
	char host[] = "h\xff";

	head.program.data = (uint8_t *)"/a\0b\xc3";
	head.program.len = 5;
	head.host = host;
	block.head = &head;
	append(&block);
	load();
	ck_assert_str_eq(recording->head.program, "/a\xef\xbf\xbd"
						  "b\xef\xbf\xbd");
	ck_assert_str_eq(recording->head.host, "h\xef\xbf\xbd");
}
END_TEST

START_TEST(no_head_at_all)
{
	Holter__Record__Block block = block_of(100);

	append(&block);
	load();
	ck_assert_str_eq(recording->head.runtime, "");
	ck_assert_str_eq(recording->head.program, "");
	ck_assert_uint_eq(recording->first_ns, 100);
	ck_assert_uint_eq(recording->last_ns, 100);
}
END_TEST

START_TEST(sequence_that_jumps_and_repeats)
{
	sequence = 10;
	append_stall(1, 1, true); /* 11: ten are missing */
	append_stall(2, 1, true); /* 12 */
	sequence = 11;
	append_stall(3, 1, true); /* 12 again: left out */
	sequence = 19;
	append_stall(4, 1, true); /* 20: seven are missing */
	sequence = UINT64_MAX - 1;
	append_stall(5, 1, true);
	append_stall(6, 1, true); /* 0: left out */
	load();
	ck_assert_uint_eq(recording->blocks_read, 4);
	ck_assert_uint_eq(recording->stall_count, 4);
	ck_assert_uint_eq(recording->blocks_lost, 17 + (UINT64_MAX - 21));
}
END_TEST

START_TEST(block_number_0_is_none)
{
	Holter__Record__Block block = block_of(100);

	sequence = UINT64_MAX;
	append(&block);
	ck_assert_int_eq(recording_load(&recording, fixture.path), RECORDING_NO_BLOCK);
}
END_TEST

static void append_loss(uint64_t time_ns, uint64_t count)
{
	Holter__Record__Block block = block_of(time_ns);
	Holter__Record__Loss loss = HOLTER__RECORD__LOSS__INIT, *losses[] = {&loss};

	loss.kind = HOLTER__RECORD__LOSS_KIND__LOSS_BLOCK_WRITE;
	loss.count = count;
	block.n_loss = 1;
	block.loss = losses;
	append(&block);
}

/* A missing block told of a second at most: a quiet process writes none for hours. */
START_TEST(time_of_missing_blocks)
{
	const uint64_t second = 1000000000;

	append_loss(100 * second, 7); /* before: another file's */
	append_loss(200 * second, 7); /* quiet */
	append_loss(300 * second, 10);
	sequence += 2;
	append_loss(400 * second, 10);
	append_loss(450 * second, 1000); /* the disk was full */
	load();
	ck_assert_uint_eq(recording->missing_ns, (3 + 2 + 50) * second);
}
END_TEST

START_TEST(newer_version_is_named)
{
	Holter__Record__Block block = block_of(100);
	uint8_t packed[64];
	size_t size = holter__record__block__pack(&block, packed);

	fixture_append(fixture.path, 2, 1, packed, size);
	ck_assert_int_eq(recording_load(&recording, fixture.path), RECORDING_NEWER);
	ck_assert_ptr_nonnull(strstr(recording_complaint(RECORDING_NEWER), "newer version"));
	/* Beside blocks of ours it is a missing block. */
	sequence = 1;
	append(&block);
	load();
	ck_assert_uint_eq(recording->blocks_read, 1);
	ck_assert_uint_eq(recording->blocks_lost, 1);
}
END_TEST

/* A block whose checksum is right and whose message is none. */
START_TEST(intact_nonsense)
{
	static const uint8_t messages[][8] = {
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, /* endless varint */
		{0x22, 0x7f, 0x0a, 0x00},                         /* length beyond the end */
		{0x22, 0x06, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, /* the same, nested */
		{0x03, 0x03, 0x03, 0x03, 0x04, 0x04, 0x04, 0x04}, /* groups */
		{0x4a, 0x06, 0x12, 0x80, 0x80, 0x80, 0x80, 0x80}, /* packed, no end */
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		fixture_append(fixture.path, 1, ++sequence, messages[i], sizeof(messages[i]));
	ck_assert_int_eq(recording_load(&recording, fixture.path), RECORDING_NO_BLOCK);
	append_stall(1, 1, true);
	load();
	ck_assert_uint_eq(recording->blocks_read, 1);
	ck_assert_uint_eq(recording->blocks_lost, 5);
}
END_TEST

/* Two bytes a message, each of which takes forty times that in memory. */
static void append_bomb(void)
{
	enum { MESSAGE_BYTES = 1 << 20, BLOCKS = 12 };
	static const uint8_t empty[] = {0x5a, 0x00}; /* a Turns */
	uint8_t *message = malloc(MESSAGE_BYTES);
	Holter__Record__Block block = block_of(100);
	size_t length = holter__record__block__pack(&block, message);

	for (; length + sizeof(empty) <= MESSAGE_BYTES; length += sizeof(empty))
		memcpy(message + length, empty, sizeof(empty));
	for (int i = 0; i < BLOCKS; i++)
		fixture_append(fixture.path, 1, ++sequence, message, length);
	free(message);
}

START_TEST(hazard_47_expansion_is_refused)
{
	append_bomb();
	/* A hole makes a file large at no cost: only what blocks hold may unpack. */
	if (_i)
		ck_assert_int_eq(truncate(fixture.path, (off_t)1 << 30), 0);
	ck_assert_int_eq(recording_load(&recording, fixture.path), RECORDING_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(recording_complaint(RECORDING_TOO_LARGE), "--max-size"));
}
END_TEST

/* Every kind of message once, as text; and nothing that a terminal would obey. */
START_TEST(dump_shows_every_message)
{
	static const char *const expected[] = {"block sequence=1 ",
		" head holter_version=\"0.1.0\"", " mode=MODE_PRELOAD", "utc_offset_ns=-5",
		" string id=", "text=\"function1_2\"", " mapping id=", "build_id=dead00ef0000",
		" function id=", " location id=", "kind=FRAME_JS_TURBOFAN",
		"doubt=DOUBT_LINE_APPROXIMATE", " stack id=", " location=[1 2 3]", " loop id=7",
		"descriptor=12", " turns loop=7", "bucket_count=[2 1]", " stall id=5", "ended=true",
		" sample stall=5", "in_place=true", " loss kind=LOSS_SAMPLE_SLOT count=1 error=11",
		" pool id=3 ", " pool_state pool=3 ", " size=8 held=5 waiting=1 ",
		" note kind=NOTE_LIMITED", "\\x1b[2J\\\"", " end time_ns="};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 5);
	writer_note(fixture.writer, NOTE_RESUMED, "caf\xc3\xa9");
	writer_note(fixture.writer, NOTE_RESUMED, "clear \x1b[2J\"");
	fixture_close(&fixture, true);
	ck_assert_int_eq(recording_dump(out, fixture.path), 0);
	fclose(out);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_msg(
			strstr(text, expected[i]) != NULL, "%s is not in:\n%s", expected[i], text);
	for (size_t i = 0; i < size; i++)
		ck_assert(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
	ck_assert_ptr_null(strstr(text, "does not know"));
	free(text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("hostile");
	TCase *blocks = tcase_create("blocks");

	tcase_add_checked_fixture(blocks, setup, teardown);
	tcase_set_timeout(blocks, 60);
	tcase_add_test(blocks, longest_message_of_a_stall_counts);
	tcase_add_test(blocks, greatest_numbers);
	tcase_add_test(blocks, references_to_nothing);
	tcase_add_test(blocks, second_meaning_of_an_id_is_ignored);
	tcase_add_test(blocks, very_long_stack_is_cut);
	tcase_add_test(blocks, text_becomes_utf_8);
	tcase_add_test(blocks, head_with_any_bytes);
	tcase_add_test(blocks, no_head_at_all);
	tcase_add_test(blocks, sequence_that_jumps_and_repeats);
	tcase_add_test(blocks, block_number_0_is_none);
	tcase_add_test(blocks, time_of_missing_blocks);
	tcase_add_test(blocks, newer_version_is_named);
	tcase_add_test(blocks, intact_nonsense);
	tcase_add_loop_test(blocks, hazard_47_expansion_is_refused, 0, 2);
	tcase_add_test(blocks, dump_shows_every_message);
	suite_add_tcase(suite, blocks);
	return suite;
}
