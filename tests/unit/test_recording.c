/* SPDX-License-Identifier: Apache-2.0 */
/* test_recording.c - what the writer writes, the reader reads; src/record's both ends together. */
#include "suite.h"

#include <string.h>

#include "record_fixture.h"
#include "recording.h"

static struct fixture fixture;

static void setup(void)
{
	fixture_init(&fixture);
}

static void teardown(void)
{
	fixture_done(&fixture);
}

/* Names are added when all has been seen: they are no observed time, and go by their own stack. */
START_TEST(names_follow_the_end)
{
	const struct record_mapping mapping = {.start = 4096, .end = 8192, .path = "/app"};
	const struct record_function function = {.name = "grind", .file = "mill.c", .line = 3};
	struct recording *recording;
	struct writer_location location = {.address = 4100, .line = 5};
	const struct frame *frame;

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 5);
	writer_end(fixture.writer);
	writer_flush(fixture.writer);
	fixture_clock_ns += 20 * (uint64_t)FIXTURE_CHUNK_NS;
	writer_stack_begin(fixture.writer);
	location.mapping = writer_mapping(fixture.writer, &mapping);
	location.function = writer_function(fixture.writer, &function);
	writer_stack_add(fixture.writer, &location);
	writer_named(fixture.writer, writer_stack_end(fixture.writer));
	/* Nothing that can be looked for: a reader does without. */
	writer_named(fixture.writer, fixture_stack(fixture.writer, 1, 0));
	fixture_close(&fixture, false);

	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert(recording->ended);
	ck_assert_uint_lt(recording->last_ns, fixture_clock_ns);
	ck_assert_uint_eq(recording->named_count, 1);
	ck_assert_uint_eq(recording->named[0]->count, 1);
	frame = &recording->named[0]->frames[0];
	ck_assert_uint_eq(frame->address, 4100);
	ck_assert_uint_eq(frame->line, 5);
	ck_assert_str_eq(frame->function->name, "grind");
	ck_assert_str_eq(frame->mapping->record.path, "/app");
	recording_free(recording);
}
END_TEST

START_TEST(scene_is_read_as_it_was_written)
{
	struct recording *recording;
	const struct stall *stall;
	const struct sample *sample;
	const struct frame *frame;
	const struct connection_pool *pool;
	const struct record_pool_state *state;

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 5);
	fixture_close(&fixture, true);

	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->recording_id, FIXTURE_RECORDING_ID);
	ck_assert_str_eq(recording->head.runtime, fixture_head.runtime);
	ck_assert_str_eq(recording->head.program, fixture_head.program);
	ck_assert_str_eq(recording->head.host, fixture_head.host);
	ck_assert_str_eq(recording->head.kernel, fixture_head.kernel);
	ck_assert_str_eq(recording->head.unwinder, fixture_head.unwinder);
	ck_assert_str_eq(recording->head.holter_version, fixture_head.holter_version);
	ck_assert_uint_eq(recording->head.pid, fixture_head.pid);
	ck_assert_uint_eq(recording->head.cpus, fixture_head.cpus);
	ck_assert_int_eq(recording->head.mode, fixture_head.mode);
	ck_assert_uint_eq(recording->head.threshold_ns, fixture_head.threshold_ns);
	ck_assert_uint_eq(recording->head.interval_ns, fixture_head.interval_ns);
	ck_assert_int_eq(recording->head.utc_offset_ns, fixture_head.utc_offset_ns);
	ck_assert_uint_eq(recording->first_ns, FIXTURE_START_NS);
	ck_assert(recording->ended);
	ck_assert(!recording->truncated);
	ck_assert_uint_eq(recording->blocks_read, 1);
	ck_assert_uint_eq(recording->blocks_lost, 0);
	ck_assert_uint_eq(recording->bytes_skipped, 0);
	ck_assert_uint_eq(recording->unresolved, 0);

	ck_assert_uint_eq(recording->loop_count, 1);
	ck_assert_str_eq(recording->loops[0]->record.thread, "node");
	ck_assert_int_eq(recording->loops[0]->record.descriptor, 12);
	ck_assert_int_eq(recording->loops[0]->record.wait, WAIT_EPOLL);
	ck_assert_uint_eq(recording->turns_count, 1);
	ck_assert_uint_eq(recording->turns[0].bucket_count, 2);
	ck_assert_uint_eq(recording->turns[0].counts[0], 2);
	ck_assert_uint_eq(recording->turns[0].counts[1], 1);

	ck_assert_uint_eq(recording->stall_count, 1);
	stall = &recording->stalls[0];
	ck_assert_uint_eq(stall->record.duration_ns, 70000000);
	ck_assert(stall->record.ended);
	ck_assert_ptr_eq(stall->loop, recording->loops[0]);
	ck_assert_uint_eq(stall->sample_count, 2);
	sample = &recording->samples[stall->first_sample];
	ck_assert_int_eq(sample[0].record.syscall, 0);
	ck_assert(sample[0].record.in_place);
	ck_assert_int_eq(sample[1].record.syscall, -1);
	ck_assert(!sample[1].record.in_place);
	ck_assert_uint_eq(sample[1].stack->count, 3);
	frame = &sample[1].stack->frames[2];
	ck_assert_int_eq(frame->kind, FRAME_JS_TURBOFAN);
	ck_assert_int_eq(frame->doubt, DOUBT_LINE_APPROXIMATE);
	ck_assert_str_eq(frame->function->name, "function1_2");
	ck_assert_str_eq(frame->function->file, "/app/server.js");
	ck_assert_uint_eq(frame->function->column, 9);
	ck_assert_uint_eq(frame->function->line, 2);
	ck_assert_uint_eq(frame->line, 3);
	ck_assert_uint_eq(frame->column, 17);
	ck_assert_str_eq(frame->mapping->record.path, "/usr/bin/node");
	ck_assert_uint_eq(frame->mapping->record.build_id_length, 20);
	ck_assert_uint_eq(frame->mapping->record.bias, 0x3ff000);
	ck_assert_uint_eq(recording->connection_pool_count, 1);
	pool = recording->connection_pools[0];
	ck_assert_str_eq(pool->record.name, "orders");
	ck_assert_uint_eq(pool->record.begin_ns, FIXTURE_START_NS + 3);
	ck_assert_uint_eq(pool->state_count, 1);
	state = &recording->pool_states[pool->first_state];
	ck_assert_uint_eq(state->pool, 3);
	ck_assert_uint_eq(state->time_ns, FIXTURE_START_NS + 80000000);
	ck_assert_uint_eq(state->size, 8);
	ck_assert_uint_eq(state->held, 5);
	ck_assert_uint_eq(state->waiting, 1);
	ck_assert_uint_eq(state->held_most, 7);
	ck_assert_uint_eq(state->waiting_most, 2);
	ck_assert_uint_eq(state->longest_hold_ns, 3000);
	ck_assert_uint_eq(state->longest_wait_ns, 4000);
	ck_assert_uint_eq(state->oldest_hold_ns, 5000);
	ck_assert_uint_eq(state->acquisitions, 5);
	ck_assert_uint_eq(state->hold_ns, 6000);
	ck_assert_uint_eq(state->waits, 9);
	ck_assert_uint_eq(state->wait_ns, 7000);
	ck_assert_uint_eq(recording->lost[LOSS_SAMPLE_SLOT], 1);
	ck_assert_uint_eq(recording->note_count, 1);
	ck_assert_int_eq(recording->notes[0].kind, NOTE_LIMITED);
	ck_assert_ptr_nonnull(strstr(recording->notes[0].text, "process_vm_readv"));
	recording_free(recording);
}
END_TEST

/* A turn that ended, or one that began, shows that an earlier stall is over. */
START_TEST(loops_are_known_to_have_turned)
{
	struct record_turns turns = {.loop = 7, .count = 1};
	struct recording *recording;

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 5);
	fixture_clock_ns += 5000000000;
	turns.from_ns = fixture_clock_ns;
	turns.to_ns = fixture_clock_ns + 1;
	if (_i > 0)
		writer_turns(fixture.writer, &turns, NULL);
	turns.from_ns = turns.to_ns++;
	turns.count = 0;
	writer_turns(fixture.writer, &turns, NULL);
	fixture_clock_ns += 1000;
	if (_i > 1)
		fixture_scene(fixture.writer, 6);
	fixture_close(&fixture, true);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->loops[0]->index, 0);
	ck_assert_uint_eq(recording->loops[0]->turned_ns, _i == 0   ? FIXTURE_START_NS + 1000
							  : _i == 1 ? fixture_clock_ns - 1000
								    : fixture_clock_ns + 1000);
	recording_free(recording);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("recording");
	TCase *both = tcase_create("writer to reader");

	tcase_add_checked_fixture(both, setup, teardown);
	tcase_add_test(both, names_follow_the_end);
	tcase_add_test(both, scene_is_read_as_it_was_written);
	tcase_add_loop_test(both, loops_are_known_to_have_turned, 0, 3);
	suite_add_tcase(suite, both);
	return suite;
}
