/* SPDX-License-Identifier: Apache-2.0 */
/* record_fixture.c - see record_fixture.h. */
#include "record_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "histogram.h"

uint64_t fixture_clock_ns;

const struct record_head fixture_head = {
	.holter_version = "0.1.0",
	.runtime = "node 20.20.2",
	.program = "/usr/bin/node",
	.host = "bedside",
	.kernel = "6.1.0",
	.unwinder = "libunwind",
	.pid = 4711,
	.cpus = 2,
	.mode = MODE_PRELOAD,
	.start_ns = FIXTURE_START_NS,
	.threshold_ns = 50000000,
	.interval_ns = 10000000,
	.utc_offset_ns = -5,
};

static uint64_t fixture_now_ns(void)
{
	return fixture_clock_ns;
}

void fixture_init(struct fixture *fixture)
{
	const char *temporary = getenv("TMPDIR");

	*fixture = (struct fixture){.recording_id = FIXTURE_RECORDING_ID};
	snprintf(fixture->folder, sizeof(fixture->folder), "%.40s/holter-test-XXXXXX",
		temporary ? temporary : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/a.holter", fixture->folder);
	snprintf(fixture->older_path, sizeof(fixture->older_path), "%s.1", fixture->path);
	fixture_clock_ns = FIXTURE_START_NS;
}

void fixture_open(struct fixture *fixture, uint64_t max_bytes)
{
	const struct writer_config config = {
		.path = fixture->path,
		.max_bytes = max_bytes,
		.chunk_ns = FIXTURE_CHUNK_NS,
		.recording_id = fixture->recording_id,
		.now_ns = fixture_now_ns,
	};

	ck_assert_int_eq(arena_init(&fixture->arena, writer_arena_bytes()), 0);
	ck_assert_int_eq(writer_open(&fixture->writer, &fixture->arena, &config, &fixture_head), 0);
}

void fixture_close(struct fixture *fixture, bool goodbye)
{
	ck_assert_int_eq(writer_close(fixture->writer, goodbye), 0);
	arena_done(&fixture->arena);
}

void fixture_done(struct fixture *fixture)
{
	unlink(fixture->path);
	unlink(fixture->older_path);
	ck_assert_int_eq(rmdir(fixture->folder), 0);
}

uint32_t fixture_stack(struct writer *writer, uint32_t seed, uint32_t depth)
{
	writer_stack_begin(writer);
	for (uint32_t i = 0; i < depth; i++) {
		char name[32];
		const struct record_mapping mapping = {.start = 0x400000,
			.end = 0x800000,
			.offset = 0x1000,
			.bias = 0x3ff000,
			.path = "/usr/bin/node",
			.build_id = {0xde, 0xad, 0x00, 0xef},
			.build_id_length = 20};
		const struct record_function function = {
			.name = name, .file = "/app/server.js", .line = seed + 1, .column = 9};
		struct writer_location location = {.kind = FRAME_JS_TURBOFAN,
			.doubt = DOUBT_LINE_APPROXIMATE,
			.address = 0x400100 + (uint64_t)seed * 4096 + i,
			.line = i + 1,
			.column = 17};

		snprintf(name, sizeof(name), "function%u_%u", seed, i);
		location.mapping = writer_mapping(writer, &mapping);
		location.function = writer_function(writer, &function);
		writer_stack_add(writer, &location);
	}
	return writer_stack_end(writer);
}

void fixture_scene(struct writer *writer, uint64_t stall_id)
{
	static uint32_t buckets[HISTOGRAM_BUCKETS];
	const uint64_t now = fixture_clock_ns;
	const struct record_loop loop = {.id = 7,
		.tid = 4712,
		.thread = "node",
		.wait = WAIT_EPOLL,
		.descriptor = 12,
		.first_wait_ns = FIXTURE_START_NS + 1,
		.startup_end_ns = FIXTURE_START_NS + 2};
	const struct record_turns turns = {.loop = 7,
		.from_ns = now,
		.to_ns = now + 900,
		.count = 3,
		.busy_ns = 600,
		.longest_ns = 400,
		.histogram_from_ns = now};
	const struct record_pool pool = {
		.id = 3, .name = "orders", .begin_ns = FIXTURE_START_NS + 3};
	const struct record_pool_state state = {.pool = 3,
		.time_ns = now + 80000000,
		.size = 8,
		.held = 5,
		.waiting = 1,
		.held_most = 7,
		.waiting_most = 2,
		.longest_hold_ns = 3000,
		.longest_wait_ns = 4000,
		.oldest_hold_ns = 5000,
		.acquisitions = stall_id,
		.hold_ns = 6000,
		.waits = 9,
		.wait_ns = 7000};
	struct record_stall stall = {.id = stall_id,
		.loop = 7,
		.begin_ns = now + 1000,
		.duration_ns = 60000000,
		.measured_ns = 59000000,
		.cpu_ns = 58000000,
		.runqueue_ns = 10,
		.gc_ns = 20,
		.throttled_ns = 30,
		.minor_faults = 40,
		.major_faults = 50,
		.samples = 2,
		.samples_missed = 1};

	writer_loop(writer, &loop);
	buckets[histogram_bucket(100)] = 2;
	buckets[histogram_bucket(400)] = 1;
	writer_turns(writer, &turns, buckets);
	writer_stall(writer, &stall);
	for (uint32_t i = 0; i < 2; i++) {
		const struct record_sample sample = {.stall = stall_id,
			.loop = 7,
			.time_ns = now + 50000000 + i * UINT64_C(10000000),
			.weight_ns = i == 0 ? 50000000 : 10000000,
			.cpu_ns = 9000000,
			.stack = fixture_stack(writer, i, 3),
			.syscall = i == 0 ? 0 : -1,
			.in_place = i == 0};

		writer_sample(writer, &sample);
	}
	stall.duration_ns = 70000000;
	stall.ended = true;
	writer_stall(writer, &stall);
	writer_pool_state(writer, &pool, &state);
	writer_lost(writer, LOSS_SAMPLE_SLOT, 1, 11);
	writer_note(writer, NOTE_LIMITED, "no JavaScript names: process_vm_readv is refused");
}

uint8_t *fixture_read(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *bytes;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fstat(fileno(file), &status), 0);
	bytes = malloc((size_t)status.st_size + 1);
	ck_assert_ptr_nonnull(bytes);
	*ret_size = fread(bytes, 1, (size_t)status.st_size, file);
	ck_assert_uint_eq(*ret_size, (size_t)status.st_size);
	fclose(file);
	return bytes;
}

void fixture_write(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

void fixture_append(
	const char *path, uint16_t version, uint64_t sequence, const void *message, size_t length)
{
	uint8_t header[RECORD_HEADER_BYTES] = {'H', 'L', 'T', 0xB1};
	uint32_t crc, length32 = (uint32_t)length;
	FILE *file = fopen(path, "ab");

	ck_assert_ptr_nonnull(file);
	memcpy(header + 4, &version, sizeof(version));
	memcpy(header + 8, &length32, sizeof(length32));
	memcpy(header + 16, &sequence, sizeof(sequence));
	crc = crc32c(crc32c(0, header, 12), header + 16, sizeof(header) - 16);
	crc = crc32c(crc, message, length);
	memcpy(header + 12, &crc, sizeof(crc));
	ck_assert_uint_eq(fwrite(header, 1, sizeof(header), file), sizeof(header));
	ck_assert_uint_eq(fwrite(message, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}
