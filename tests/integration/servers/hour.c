/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hour.c - writes the recording of an hour in which a server stalled every second, by the writer
 * that is in the server: turns and histograms as the watchdog gives them, and 3,600 stalls with
 * twelve samples each of stacks of thirty frames. Argument: the path of the recording.
 */
#include <stdio.h>
#include <string.h>

#include "histogram.h"
#include "writer.h"

enum { SECONDS = 3600, SAMPLES = 12, FRAMES = 30, LEAVES = 7, HISTOGRAM_SECONDS = 10 };

static const uint64_t second_ns = 1000000000, ms_ns = 1000000;
static uint64_t now_ns = 1000000000;

static uint64_t clock_ns(void)
{
	return now_ns;
}

static uint32_t write_stack(struct writer *writer, unsigned leaf)
{
	writer_stack_begin(writer);
	for (unsigned i = 0; i < FRAMES; i++) {
		unsigned number = i == 0 ? leaf : FRAMES + i;
		char name[32];
		struct record_function function = {
			.name = name, .file = "/app/server.js", .line = number};
		struct writer_location location = {.kind = FRAME_JS_TURBOFAN, .line = number + 1};

		snprintf(name, sizeof(name), "function%u", number);
		location.function = writer_function(writer, &function);
		writer_stack_add(writer, &location);
	}
	return writer_stack_end(writer);
}

static void write_stalled(struct writer *writer, uint64_t id)
{
	struct record_stall stall = {
		.id = id, .loop = 1, .begin_ns = now_ns, .duration_ns = 51 * ms_ns};

	writer_stall(writer, &stall);
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct record_sample sample = {
			.stall = id,
			.loop = 1,
			.time_ns = now_ns + (50 + 10 * i) * ms_ns,
			.weight_ns = (i ? 10 : 50) * ms_ns,
			.cpu_ns = (i ? 10 : 50) * ms_ns,
			.syscall = -1,
		};

		sample.stack = write_stack(writer, (unsigned)(id + i) % LEAVES);
		writer_sample(writer, &sample);
	}
	stall.duration_ns = stall.measured_ns = stall.cpu_ns = 170 * ms_ns;
	stall.samples = SAMPLES;
	stall.ended = true;
	writer_stall(writer, &stall);
}

int main(int argc, char **argv)
{
	static uint32_t buckets[HISTOGRAM_BUCKETS];
	struct writer_config config = {
		.path = argc > 1 ? argv[1] : "",
		.chunk_ns = 10 * second_ns,
		.recording_id = 1,
		.now_ns = clock_ns,
	};
	struct record_head head = {.holter_version = "0",
		.program = "/usr/bin/node",
		.pid = 1,
		.cpus = 2,
		.mode = MODE_PRELOAD,
		.threshold_ns = 50 * ms_ns,
		.interval_ns = 10 * ms_ns};
	struct record_loop loop = {.id = 1,
		.tid = 1,
		.thread = "node",
		.wait = WAIT_EPOLL,
		.first_wait_ns = 1,
		.startup_end_ns = 1};
	struct arena arena;
	struct writer *writer;

	head.start_ns = now_ns;
	if (arena_init(&arena, writer_arena_bytes()) ||
		writer_open(&writer, &arena, &config, &head))
		return 1;
	writer_loop(writer, &loop);
	for (uint64_t i = 1; i <= SECONDS; i++) {
		struct record_turns turns = {.loop = 1,
			.from_ns = now_ns,
			.to_ns = now_ns + second_ns,
			.count = 500,
			.busy_ns = 300 * ms_ns,
			.longest_ns = 170 * ms_ns,
			.histogram_from_ns = now_ns - (HISTOGRAM_SECONDS - 1) * second_ns};

		for (unsigned j = 0; j < 200; j++)
			buckets[histogram_bucket((100 + i * j % 5000) * 1000)]++;
		write_stalled(writer, i);
		now_ns += second_ns;
		writer_turns(writer, &turns, i % HISTOGRAM_SECONDS ? NULL : buckets);
		if (i % HISTOGRAM_SECONDS == 0)
			memset(buckets, 0, sizeof(buckets));
		writer_flush(writer);
	}
	return writer_close(writer, true) ? 1 : 0;
}
