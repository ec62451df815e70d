/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_encode.c - the server's encoder against protobuf-c: for every message, at the extremes of
 * its numbers, the bytes of one are the bytes of the other; a buffer that is too small is noticed
 * at every size and never overrun.
 */
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "histogram.h"
#include "holter.pb-c.h"
#include "intern.h"
#include "writer.h"

/* Values at which a varint changes its length, and the ends. */
static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static uint8_t ours[64 << 10];

static struct encoder begin(void)
{
	memset(ours, 0xEE, sizeof(ours));
	return (struct encoder){.bytes = ours, .size = sizeof(ours)};
}

/* What protobuf-c packs of the block is what stands in the encoder. */
static void same(const struct encoder *encoder, const Holter__Record__Block *block)
{
	size_t size = holter__record__block__get_packed_size(block);
	uint8_t *theirs = malloc(size + 1);

	ck_assert(!encoder->full);
	ck_assert_uint_eq(holter__record__block__pack(block, theirs), size);
	ck_assert_uint_eq(encoder->used, size);
	ck_assert_mem_eq(encoder->bytes, theirs, size);
	free(theirs);
}

/* Declares a block of protobuf-c's with one message in a repeated field. */
#define BLOCK_WITH(field, message_type, init)                                                      \
	Holter__Record__Block block = HOLTER__RECORD__BLOCK__INIT;                                 \
	Holter__Record__##message_type message = init;                                             \
	Holter__Record__##message_type *messages[] = {&message};                                   \
	block.n_##field = 1;                                                                       \
	block.field = messages

START_TEST(frame_of_the_block)
{
	uint64_t n = numbers[_i];
	Holter__Record__Block block = HOLTER__RECORD__BLOCK__INIT;
	struct encoder encoder = begin();

	block.recording_id = n;
	block.chunk = (uint32_t)n;
	block.time_ns = n;
	encode_block_begin(&encoder, n, (uint32_t)n);
	encode_block_time(&encoder, n);
	same(&encoder, &block);
}
END_TEST

START_TEST(head)
{
	uint64_t n = numbers[_i];
	Holter__Record__Block block = HOLTER__RECORD__BLOCK__INIT;
	Holter__Record__Head message = HOLTER__RECORD__HEAD__INIT;
	char version[] = "0.1.0", kernel[] = "6.1", host[200], program[] = "/opt/caf\xc3\xa9/\xff";
	struct record_head record = {.holter_version = version,
		.runtime = NULL,
		.program = program,
		.host = host,
		.kernel = kernel,
		.unwinder = "",
		.pid = (uint32_t)n,
		.cpus = (uint32_t)n,
		.mode = MODE_ATTACH,
		.start_ns = n,
		.threshold_ns = n,
		.interval_ns = n,
		.utc_offset_ns = (int64_t)n};
	struct encoder encoder = begin();

	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	message.holter_version = version;
	message.pid = (uint32_t)n;
	message.mode = HOLTER__RECORD__MODE__MODE_ATTACH;
	message.program.data = (uint8_t *)program;
	message.program.len = strlen(program);
	message.host = host;
	message.start_ns = n;
	message.utc_offset_ns = (int64_t)n;
	message.threshold_ns = n;
	message.interval_ns = n;
	message.kernel = kernel;
	message.cpus = (uint32_t)n;
	block.head = &message;
	encode_head(&encoder, &record);
	same(&encoder, &block);
}
END_TEST

START_TEST(string)
{
	static const size_t lengths[] = {
		0, 1, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 4096, 16370, 16384, 20000};
	char text[20000];

	memset(text, 's', sizeof(text));
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		BLOCK_WITH(string, String, HOLTER__RECORD__STRING__INIT);
		struct encoder encoder = begin();

		message.id = 9;
		message.text.data = (uint8_t *)text;
		message.text.len = lengths[i];
		encode_string(&encoder, 9, text, lengths[i]);
		same(&encoder, &block);
	}
}
END_TEST

START_TEST(mapping)
{
	uint64_t n = numbers[_i];
	struct record_mapping record = {.start = n,
		.end = n,
		.offset = n,
		.bias = n,
		.build_id = {1, 0, 3},
		.build_id_length = (uint8_t)(4 * _i)};
	struct encoder encoder = begin();
	BLOCK_WITH(mapping, Mapping, HOLTER__RECORD__MAPPING__INIT);

	message.id = (uint32_t)n;
	message.start = message.end = message.offset = message.bias = n;
	message.path = (uint32_t)n;
	message.build_id.data = record.build_id;
	message.build_id.len = record.build_id_length;
	encode_mapping(&encoder, (uint32_t)n, &record, (uint32_t)n);
	same(&encoder, &block);
}
END_TEST

START_TEST(function)
{
	uint32_t n = (uint32_t)numbers[_i];
	const struct interned_function record = {.name = n, .file = n, .line = n, .column = n};
	struct encoder encoder = begin();
	BLOCK_WITH(function, Function, HOLTER__RECORD__FUNCTION__INIT);

	message.id = message.name = message.file = message.line = message.column = n;
	encode_function(&encoder, n, &record);
	same(&encoder, &block);
}
END_TEST

START_TEST(location)
{
	uint32_t n = (uint32_t)numbers[_i];
	struct writer_location record = {.kind = FRAME_TRUNCATED,
		.doubt = DOUBT_DEPTH,
		.address = numbers[_i],
		.mapping = n,
		.function = n,
		.line = n,
		.column = n};
	struct encoder encoder = begin();
	BLOCK_WITH(location, Location, HOLTER__RECORD__LOCATION__INIT);

	message.id = message.mapping = message.function = message.line = message.column = n;
	message.kind = HOLTER__RECORD__FRAME_KIND__FRAME_TRUNCATED;
	message.doubt = HOLTER__RECORD__DOUBT__DOUBT_DEPTH;
	message.address = numbers[_i];
	encode_location(&encoder, n, &record);
	same(&encoder, &block);
}
END_TEST

START_TEST(stack)
{
	static const size_t depths[] = {0, 1, 20, 40, 60, RECORD_STACK_MAX};
	uint32_t locations[RECORD_STACK_MAX];

	for (size_t i = 0; i < RECORD_STACK_MAX; i++)
		locations[i] = (uint32_t)numbers[i % NUMBERS];
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		struct encoder encoder = begin();
		BLOCK_WITH(stack, Stack, HOLTER__RECORD__STACK__INIT);

		message.id = 3;
		message.n_location = depths[i];
		message.location = locations;
		encode_stack(&encoder, 3, locations, depths[i]);
		same(&encoder, &block);
	}
}
END_TEST

START_TEST(loop)
{
	uint64_t n = numbers[_i];
	struct record_loop record = {.id = (uint32_t)n,
		.tid = (uint32_t)n,
		.wait = WAIT_SELECT,
		.descriptor = (int32_t)n,
		.first_wait_ns = n,
		.startup_end_ns = n};
	struct encoder encoder = begin();
	BLOCK_WITH(loop, Loop, HOLTER__RECORD__LOOP__INIT);

	message.id = message.tid = message.thread = (uint32_t)n;
	message.wait = HOLTER__RECORD__WAIT_CALL__WAIT_SELECT;
	message.descriptor = (int32_t)n;
	message.first_wait_ns = message.startup_end_ns = n;
	encode_loop(&encoder, &record, (uint32_t)n);
	same(&encoder, &block);
}
END_TEST

START_TEST(turns)
{
	uint64_t n = numbers[_i];
	struct record_turns record = {.loop = (uint32_t)n,
		.from_ns = n,
		.to_ns = n,
		.count = n,
		.busy_ns = n,
		.longest_ns = n,
		.histogram_from_ns = n};
	static uint32_t buckets[HISTOGRAM_BUCKETS];
	uint32_t deltas[] = {0, 1, 127, 128, HISTOGRAM_BUCKETS - 1 - 256};
	uint64_t counts[] = {1, 127, 128, UINT32_MAX, 5};
	struct encoder encoder = begin();
	BLOCK_WITH(turns, Turns, HOLTER__RECORD__TURNS__INIT);

	memset(buckets, 0, sizeof(buckets));
	message.loop = (uint32_t)n;
	message.from_ns = message.to_ns = message.count = message.busy_ns = message.longest_ns =
		message.histogram_from_ns = n;
	encode_turns(&encoder, &record, NULL);
	same(&encoder, &block);
	encoder = begin();
	encode_turns(&encoder, &record, buckets);
	same(&encoder, &block);

	buckets[0] = 1;
	buckets[1] = 127;
	buckets[128] = 128;
	buckets[256] = UINT32_MAX;
	buckets[HISTOGRAM_BUCKETS - 1] = 5;
	message.n_bucket_delta = message.n_bucket_count = 5;
	message.bucket_delta = deltas;
	message.bucket_count = counts;
	encoder = begin();
	encode_turns(&encoder, &record, buckets);
	same(&encoder, &block);
}
END_TEST

START_TEST(stall)
{
	uint64_t n = numbers[_i];
	struct record_stall record = {.id = n,
		.loop = (uint32_t)n,
		.ended = _i % 2,
		.startup = _i % 3 == 0,
		.begin_ns = n,
		.duration_ns = n,
		.measured_ns = n,
		.cpu_ns = n,
		.runqueue_ns = n,
		.gc_ns = n,
		.throttled_ns = n,
		.minor_faults = n,
		.major_faults = n,
		.samples = (uint32_t)n,
		.samples_missed = (uint32_t)n,
		.ready = (uint32_t)n,
		.io_calls = n,
		.io_pause_ns = n,
		.holder = (uint32_t)n};
	struct encoder encoder = begin();
	BLOCK_WITH(stall, Stall, HOLTER__RECORD__STALL__INIT);

	message.id = message.begin_ns = message.duration_ns = message.measured_ns = n;
	message.cpu_ns = message.runqueue_ns = message.gc_ns = message.throttled_ns = n;
	message.minor_faults = message.major_faults = n;
	message.loop = message.samples = message.samples_missed = message.ready = (uint32_t)n;
	message.holder = (uint32_t)n;
	message.io_calls = message.io_pause_ns = n;
	message.ended = _i % 2;
	message.startup = _i % 3 == 0;
	encode_stall(&encoder, &record);
	same(&encoder, &block);
}
END_TEST

START_TEST(sample)
{
	static const int32_t calls[] = {-1, 0, 1, 126, 127, INT32_MAX - 1, 35, 202, 7};
	uint64_t n = numbers[_i];
	struct record_sample record = {.stall = n,
		.loop = (uint32_t)n,
		.time_ns = n,
		.weight_ns = n,
		.cpu_ns = n,
		.stack = (uint32_t)n,
		.syscall = calls[_i],
		.in_place = _i % 2,
		.on = (uint32_t)n};
	struct encoder encoder = begin();
	BLOCK_WITH(sample, Sample, HOLTER__RECORD__SAMPLE__INIT);

	message.stall = message.time_ns = message.weight_ns = message.cpu_ns = n;
	message.loop = message.stack = message.on = (uint32_t)n;
	message.syscall_plus_1 = (uint32_t)(calls[_i] + 1);
	message.in_place = _i % 2;
	encode_sample(&encoder, &record);
	same(&encoder, &block);
}
END_TEST

START_TEST(loss_note_end)
{
	uint64_t n = numbers[_i];
	Holter__Record__Loss loss = HOLTER__RECORD__LOSS__INIT, *losses[] = {&loss};
	Holter__Record__Note note = HOLTER__RECORD__NOTE__INIT, *notes[] = {&note};
	Holter__Record__End end = HOLTER__RECORD__END__INIT;
	Holter__Record__Block block = HOLTER__RECORD__BLOCK__INIT;
	struct encoder encoder = begin();

	loss.kind = HOLTER__RECORD__LOSS_KIND__LOSS_INTERN;
	loss.count = n;
	loss.error = (uint32_t)n;
	note.kind = HOLTER__RECORD__NOTE_KIND__NOTE_RESUMED;
	note.text = (uint32_t)n;
	note.time_ns = end.time_ns = n;
	block.n_loss = block.n_note = 1;
	block.loss = losses;
	block.note = notes;
	block.end = &end;
	encode_loss(&encoder, LOSS_INTERN, n, (uint32_t)n);
	encode_note(&encoder, NOTE_RESUMED, (uint32_t)n, n);
	encode_end(&encoder, n);
	same(&encoder, &block);
}
END_TEST

START_TEST(pool)
{
	uint64_t n = numbers[_i];
	const struct record_pool record = {.id = (uint32_t)n, .begin_ns = n};
	struct encoder encoder = begin();
	BLOCK_WITH(pool, Pool, HOLTER__RECORD__POOL__INIT);

	message.id = message.name = (uint32_t)n;
	message.begin_ns = n;
	encode_pool(&encoder, &record, (uint32_t)n);
	same(&encoder, &block);
}
END_TEST

START_TEST(pool_state)
{
	uint64_t n = numbers[_i];
	const struct record_pool_state record = {.pool = (uint32_t)n,
		.time_ns = n,
		.size = (uint32_t)n,
		.held = (uint32_t)n,
		.waiting = (uint32_t)n,
		.held_most = (uint32_t)n,
		.waiting_most = (uint32_t)n,
		.longest_hold_ns = n,
		.longest_wait_ns = n,
		.oldest_hold_ns = n,
		.acquisitions = n,
		.hold_ns = n,
		.waits = n,
		.wait_ns = n};
	struct encoder encoder = begin();
	BLOCK_WITH(pool_state, PoolState, HOLTER__RECORD__POOL_STATE__INIT);

	message.pool = message.size = message.held = message.waiting = (uint32_t)n;
	message.held_most = message.waiting_most = (uint32_t)n;
	message.time_ns = message.longest_hold_ns = message.longest_wait_ns = n;
	message.oldest_hold_ns = message.acquisitions = message.hold_ns = n;
	message.waits = message.wait_ns = n;
	encode_pool_state(&encoder, &record);
	same(&encoder, &block);
}
END_TEST

START_TEST(named)
{
	uint64_t n = numbers[_i];
	struct encoder encoder = begin();
	BLOCK_WITH(named, Named, HOLTER__RECORD__NAMED__INIT);

	message.stack = (uint32_t)n;
	encode_named(&encoder, (uint32_t)n);
	same(&encoder, &block);
}
END_TEST

START_TEST(resting)
{
	uint64_t n = numbers[_i];
	struct encoder encoder = begin();
	BLOCK_WITH(resting, Resting, HOLTER__RECORD__RESTING__INIT);

	message.loop = message.stack = (uint32_t)n;
	encode_resting(&encoder, (uint32_t)n, (uint32_t)n);
	same(&encoder, &block);
}
END_TEST

/* A stack holds every primitive that could overrun: nested lengths, growing ones among them. */
START_TEST(small_buffers_are_not_overrun)
{
	uint32_t locations[100];
	struct encoder encoder = begin();
	size_t needed;

	for (size_t i = 0; i < 100; i++)
		locations[i] = 1000 + (uint32_t)i;
	encode_stack(&encoder, 1, locations, 100);
	needed = encoder.used;
	for (size_t size = 0; size <= needed + 1; size++) {
		encoder = begin();
		encoder.size = size;
		encode_stack(&encoder, 1, locations, 100);
		ck_assert_int_eq(encoder.full, size < needed);
		ck_assert_uint_le(encoder.used, size);
		ck_assert_uint_eq(ours[size], 0xEE);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("encode");
	TCase *messages = tcase_create("messages");

	tcase_add_loop_test(messages, frame_of_the_block, 0, NUMBERS);
	tcase_add_loop_test(messages, head, 0, NUMBERS);
	tcase_add_test(messages, string);
	tcase_add_loop_test(messages, mapping, 0, NUMBERS);
	tcase_add_loop_test(messages, function, 0, NUMBERS);
	tcase_add_loop_test(messages, location, 0, NUMBERS);
	tcase_add_test(messages, stack);
	tcase_add_loop_test(messages, loop, 0, NUMBERS);
	tcase_add_loop_test(messages, turns, 0, NUMBERS);
	tcase_add_loop_test(messages, stall, 0, NUMBERS);
	tcase_add_loop_test(messages, sample, 0, NUMBERS);
	tcase_add_loop_test(messages, pool, 0, NUMBERS);
	tcase_add_loop_test(messages, pool_state, 0, NUMBERS);
	tcase_add_loop_test(messages, named, 0, NUMBERS);
	tcase_add_loop_test(messages, resting, 0, NUMBERS);
	tcase_add_loop_test(messages, loss_note_end, 0, NUMBERS);
	tcase_add_test(messages, small_buffers_are_not_overrun);
	suite_add_tcase(suite, messages);
	return suite;
}
