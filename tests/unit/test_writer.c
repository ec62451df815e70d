/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_writer.c - what the writer leaves on disk, held against the specification by protobuf-c
 * (record_check.c): chunks, full tables, long stacks, the size limit, losses.
 */
#include "suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "intern.h"
#include "record_check.h"
#include "record_fixture.h"
#include "recording.h"

static struct fixture fixture;
static struct record_facts facts;

static void setup(void)
{
	fixture_init(&fixture);
}

static void teardown(void)
{
	fixture_done(&fixture);
}

static void add_sample(uint32_t stack)
{
	writer_sample(fixture.writer, &(struct record_sample){.stall = 1,
					      .time_ns = fixture_clock_ns,
					      .weight_ns = 1000,
					      .stack = stack,
					      .syscall = -1});
}

START_TEST(each_chunk_declares_what_it_uses)
{
	enum { SCENES = 50 };

	fixture_open(&fixture, 0);
	for (uint64_t i = 1; i <= SCENES; i++) {
		fixture_scene(fixture.writer, i);
		fixture_clock_ns += FIXTURE_CHUNK_NS / 4;
		if (i % 3 == 0)
			ck_assert_int_eq(writer_flush(fixture.writer), 0);
	}
	fixture_close(&fixture, true);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.first_sequence, 1);
	ck_assert_uint_eq(facts.samples, 2 * SCENES);
	ck_assert_uint_eq(facts.stalls, 2 * SCENES);
	ck_assert_uint_eq(facts.lost[LOSS_SAMPLE_SLOT], SCENES);
	ck_assert(facts.ended);
	/* A chunk of four scenes each, and each id declared again in each. */
	ck_assert_uint_ge(facts.chunks, SCENES / 4);
	ck_assert_uint_gt(facts.repeated_ids, 10 * (facts.chunks - 1));
}
END_TEST

START_TEST(equal_things_are_declared_once)
{
	uint32_t stack;

	fixture_open(&fixture, 0);
	stack = fixture_stack(fixture.writer, 1, 20);
	for (int i = 0; i < 1000; i++) {
		ck_assert_uint_eq(fixture_stack(fixture.writer, 1, 20), stack);
		add_sample(stack);
	}
	ck_assert_uint_ne(fixture_stack(fixture.writer, 1, 19), stack);
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.samples, 1000);
	ck_assert_uint_eq(facts.repeated_ids, 0);
	ck_assert_uint_eq(facts.strings, 20 + 2); /* names, the file, the mapping's path */
	ck_assert(!facts.ended);
}
END_TEST

/* A reader that has one chunk only, of several, resolves everything in it. */
START_TEST(a_chunk_can_be_read_alone)
{
	struct recording *recording;
	size_t first, second, size;
	struct stat status;
	uint8_t *bytes;

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 1);
	ck_assert_int_eq(writer_flush(fixture.writer), 0);
	ck_assert_int_eq(stat(fixture.path, &status), 0);
	first = (size_t)status.st_size;
	fixture_clock_ns += FIXTURE_CHUNK_NS;
	fixture_scene(fixture.writer, 2);
	ck_assert_int_eq(writer_flush(fixture.writer), 0);
	ck_assert_int_eq(stat(fixture.path, &status), 0);
	second = (size_t)status.st_size;
	fixture_clock_ns += FIXTURE_CHUNK_NS;
	fixture_scene(fixture.writer, 3);
	fixture_close(&fixture, false);

	bytes = fixture_read(fixture.path, &size);
	fixture_write(fixture.path, bytes + first, second - first);
	free(bytes);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->stall_count, 1);
	ck_assert_uint_eq(recording->stalls[0].record.id, 2);
	ck_assert_ptr_nonnull(recording->stalls[0].loop);
	ck_assert_uint_eq(recording->unresolved, 0);
	ck_assert_uint_eq(recording->blocks_lost, 1);
	ck_assert_str_eq(recording->head.host, fixture_head.host);
	recording_free(recording);
}
END_TEST

START_TEST(full_tables_lose_nothing)
{
	enum { STACKS = 3 * INTERN_STACKS };

	fixture_open(&fixture, 0);
	for (uint32_t i = 0; i < STACKS; i++)
		add_sample(fixture_stack(fixture.writer, i, 5));
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.samples, STACKS);
	ck_assert_uint_eq(facts.lost[LOSS_INTERN], 0);
	ck_assert_uint_gt(facts.strings, INTERN_STRINGS);
}
END_TEST

/* The longest stack of long names is more than a block holds: it spans several. */
START_TEST(longest_stack_spans_blocks)
{
	static char name[1000]; /* all of them fit into the table of texts */
	const struct record_function function = {.name = name, .file = "/app/long.js"};
	struct recording *recording;

	fixture_open(&fixture, 0);
	memset(name, 'n', sizeof(name) - 1);
	writer_stack_begin(fixture.writer);
	for (uint32_t i = 0; i < RECORD_STACK_MAX + 10; i++) {
		name[0] = (char)('a' + i % 26);
		name[1] = (char)('a' + i / 26);
		writer_stack_add(fixture.writer,
			&(struct writer_location){.address = 1 + i,
				.function = writer_function(fixture.writer, &function)});
	}
	add_sample(writer_stack_end(fixture.writer));
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_gt(facts.blocks, 3);
	ck_assert_uint_eq(facts.lost[LOSS_INTERN], 0);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->samples[0].stack->count, RECORD_STACK_MAX);
	ck_assert_uint_eq(recording->samples[0].stack->frames[511].address, 512);
	ck_assert_uint_eq(recording->unresolved, 0);
	recording_free(recording);
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
	static const uint8_t euro[3] = {0xe2, 0x82, 0xac}; /* 3 does not divide the limit */
	static char text[3 * INTERN_STRING_MAX];
	struct recording *recording;

	for (size_t i = 0; i + sizeof(euro) < sizeof(text); i += sizeof(euro))
		memcpy(text + i, euro, sizeof(euro));
	fixture_open(&fixture, 0);
	writer_note(fixture.writer, NOTE_RESUMED, text);
	fixture_close(&fixture, false);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(strlen(recording->notes[0].text), INTERN_STRING_MAX / 3 * 3);
	ck_assert_uint_eq(recording->lost[LOSS_INTERN], 1);
	recording_free(recording);
}
END_TEST

START_TEST(refused_text_is_counted)
{
	char text[16];
	uint32_t id = 1;
	size_t count = 0;

	fixture_open(&fixture, 0);
	for (; id != 0; count++) {
		snprintf(text, sizeof(text), "%zu", count);
		id = writer_string(fixture.writer, text, strlen(text));
	}
	ck_assert_uint_eq(count, INTERN_STRINGS + 1);
	/* The next stack finds room again. */
	add_sample(fixture_stack(fixture.writer, 1, 3));
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.lost[LOSS_INTERN], 1);
	ck_assert_uint_eq(facts.samples, 1);
}
END_TEST

START_TEST(new_head_begins_a_chunk)
{
	struct record_head head = fixture_head;
	struct recording *recording;

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 1);
	head.runtime = "node 22.0.0";
	writer_set_head(fixture.writer, &head);
	fixture_scene(fixture.writer, 2);
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.chunks, 2);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_str_eq(recording->head.runtime, "node 22.0.0");
	ck_assert_str_eq(recording->head.unwinder, fixture_head.unwinder);
	recording_free(recording);
}
END_TEST

/* After the first block, which says who is recorded. */
START_TEST(quiet_writer_writes_nothing)
{
	struct stat first, status;

	fixture_open(&fixture, 0);
	ck_assert_int_eq(writer_flush(fixture.writer), 0);
	ck_assert_int_eq(stat(fixture.path, &first), 0);
	ck_assert_int_gt(first.st_size, 0);
	for (int i = 0; i < 10; i++) {
		fixture_clock_ns += FIXTURE_CHUNK_NS;
		ck_assert_int_eq(writer_flush(fixture.writer), 0);
	}
	ck_assert_int_eq(stat(fixture.path, &status), 0);
	ck_assert_int_eq(status.st_size, first.st_size);
	/* A loss alone is worth a block, once. */
	writer_lost(fixture.writer, LOSS_LOOP, 3, 0);
	ck_assert_int_eq(writer_flush(fixture.writer), 0);
	ck_assert_int_eq(writer_flush(fixture.writer), 0);
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.blocks, 2);
	ck_assert_uint_eq(facts.lost[LOSS_LOOP], 3);
}
END_TEST

START_TEST(more_loops_than_are_kept)
{
	enum { LOOPS = 1000 };

	fixture_open(&fixture, 0);
	for (uint32_t id = 1; id <= LOOPS; id++) {
		writer_loop(fixture.writer, &(struct record_loop){.id = id, .thread = "worker"});
		writer_turns(fixture.writer, &(struct record_turns){.loop = id}, NULL);
	}
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.chunks, 1);
}
END_TEST

/* More pools than the writer remembers, and some that displace each other: each chunk declares what
 * it uses all the same. */
START_TEST(more_pools_than_are_remembered)
{
	enum { POOLS = 100, ROUNDS = 3 };
	struct recording *recording;

	fixture_open(&fixture, 0);
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		for (uint32_t id = 1; id <= POOLS; id++) {
			const struct record_pool pool = {.id = id, .name = "orders"};
			const struct record_pool_state state = {
				.pool = id, .time_ns = fixture_clock_ns, .acquisitions = round};

			writer_pool_state(fixture.writer, &pool, &state);
		}
		fixture_clock_ns += FIXTURE_CHUNK_NS;
	}
	fixture_close(&fixture, false);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.chunks, ROUNDS);
	ck_assert_uint_eq(facts.pool_states, POOLS * ROUNDS);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->connection_pool_count, POOLS);
	for (size_t i = 0; i < POOLS; i++) {
		const struct connection_pool *pool = recording->connection_pools[i];
		const struct record_pool_state *states = &recording->pool_states[pool->first_state];

		ck_assert_uint_eq(pool->state_count, ROUNDS);
		ck_assert_uint_eq(states[0].pool, pool->record.id);
		ck_assert_uint_eq(states[ROUNDS - 1].acquisitions, ROUNDS);
	}
	recording_free(recording);
}
END_TEST

static uint64_t size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* Fills a recording of 1 MiB several times over. Returns the stalls written. */
static uint64_t fill(uint64_t scenes)
{
	uint64_t written = 0;

	while (written < scenes) {
		fixture_scene(fixture.writer, ++written);
		fixture_clock_ns += FIXTURE_CHUNK_NS / 10;
		ck_assert_int_eq(writer_flush(fixture.writer), 0);
		ck_assert_uint_le(size_of(fixture.path) + size_of(fixture.older_path), 1 << 20);
	}
	return written;
}

START_TEST(size_limit_keeps_the_newest_half)
{
	enum { SCENES = 6000 };
	struct recording *recording;
	struct record_facts older;

	fixture_open(&fixture, 1 << 20);
	fill(SCENES);
	fixture_close(&fixture, true);

	record_check(fixture.older_path, &older);
	record_check(fixture.path, &facts);
	ck_assert_uint_gt(size_of(fixture.older_path), (1 << 19) - (160 << 10));
	ck_assert_uint_eq(facts.first_sequence, older.last_sequence + 1);
	ck_assert_uint_gt(older.first_sequence, 1);
	ck_assert_uint_eq(facts.lost[LOSS_BLOCK_ROTATED], older.first_sequence - 1);

	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->blocks_read, older.blocks + facts.blocks);
	ck_assert_uint_eq(recording->blocks_lost, 0);
	ck_assert_uint_eq(recording->unresolved, 0);
	ck_assert_uint_eq(recording->stalls[recording->stall_count - 1].record.id, SCENES);
	ck_assert_uint_gt(recording->first_ns, FIXTURE_START_NS);
	recording_free(recording);
}
END_TEST

/* Another recording's FILE.1 is neither joined nor counted. */
START_TEST(strange_older_file_is_left_out)
{
	struct recording *recording;
	struct fixture other;

	fixture_init(&other);
	other.recording_id = FIXTURE_RECORDING_ID + 1;
	fixture_open(&other, 0);
	fixture_scene(other.writer, 99);
	fixture_close(&other, false);
	ck_assert_int_eq(rename(other.path, fixture.older_path), 0);
	fixture_done(&other);

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 1);
	fixture_close(&fixture, false);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->recording_id, FIXTURE_RECORDING_ID);
	ck_assert_uint_eq(recording->stall_count, 1);
	ck_assert_uint_eq(recording->stalls[0].record.id, 1);
	ck_assert_uint_eq(recording->bytes_skipped, 0);
	recording_free(recording);
}
END_TEST

/* Hazard 44: at a file size limit the recording goes on in a new file. */
START_TEST(hazard_44_size_limit_of_the_process)
{
	struct rlimit limit, low;
	struct recording *recording;

	fixture_open(&fixture, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = limit;
	low.rlim_cur = 300 << 10;
	setrlimit(RLIMIT_FSIZE, &low); /* no assertion until it is lifted: Check writes files */
	for (uint64_t i = 1; i <= 2000; i++) {
		fixture_scene(fixture.writer, i);
		if (writer_flush(fixture.writer) < 0)
			break;
	}
	setrlimit(RLIMIT_FSIZE, &limit);
	fixture_close(&fixture, true);
	ck_assert_uint_le(size_of(fixture.path), 300 << 10);
	record_check(fixture.path, &facts);
	ck_assert_uint_eq(facts.lost[LOSS_BLOCK_WRITE], 0);
	ck_assert_uint_gt(facts.lost[LOSS_BLOCK_ROTATED], 0);
	ck_assert_int_eq(recording_load(&recording, fixture.path), 0);
	ck_assert_uint_eq(recording->blocks_lost, 0);
	ck_assert_uint_eq(recording->stalls[recording->stall_count - 1].record.id, 2000);
	recording_free(recording);
}
END_TEST

/* Hazard 22, and fork: the child gives the file up and the parent's goes on. */
START_TEST(abandoned_writer_leaves_the_file)
{
	uint64_t size;

	fixture_open(&fixture, 0);
	fixture_scene(fixture.writer, 1);
	ck_assert_int_eq(writer_flush(fixture.writer), 0);
	size = size_of(fixture.path);
	fixture_scene(fixture.writer, 2);
	ck_assert_int_ge(writer_descriptor(fixture.writer), 0);
	writer_abandon(fixture.writer);
	ck_assert_int_eq(writer_descriptor(fixture.writer), -1);
	ck_assert_uint_eq(size_of(fixture.path), size);
	arena_done(&fixture.arena);
}
END_TEST

START_TEST(arena_that_is_too_small)
{
	struct writer_config config = {.path = fixture.path};
	struct writer *writer;
	struct arena arena;

	ck_assert_int_eq(arena_init(&arena, writer_arena_bytes() / 2), 0);
	ck_assert_int_eq(writer_open(&writer, &arena, &config, &fixture_head), -ENOMEM);
	arena_done(&arena);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("writer");
	TCase *blocks = tcase_create("blocks"), *files = tcase_create("files");

	tcase_add_checked_fixture(blocks, setup, teardown);
	tcase_add_test(blocks, each_chunk_declares_what_it_uses);
	tcase_add_test(blocks, equal_things_are_declared_once);
	tcase_add_test(blocks, a_chunk_can_be_read_alone);
	tcase_add_test(blocks, full_tables_lose_nothing);
	tcase_add_test(blocks, longest_stack_spans_blocks);
	tcase_add_test(blocks, long_text_is_cut_between_characters);
	tcase_add_test(blocks, refused_text_is_counted);
	tcase_add_test(blocks, new_head_begins_a_chunk);
	tcase_add_test(blocks, quiet_writer_writes_nothing);
	tcase_add_test(blocks, more_loops_than_are_kept);
	tcase_add_test(blocks, more_pools_than_are_remembered);
	suite_add_tcase(suite, blocks);
	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_test(files, size_limit_keeps_the_newest_half);
	tcase_add_test(files, strange_older_file_is_left_out);
	tcase_add_test(files, hazard_44_size_limit_of_the_process);
	tcase_add_test(files, abandoned_writer_leaves_the_file);
	tcase_add_test(files, arena_that_is_too_small);
	tcase_set_timeout(files, 30);
	suite_add_tcase(suite, files);
	return suite;
}
