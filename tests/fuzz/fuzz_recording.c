/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_recording.c - any bytes as a recording: the reader and the dump neither crash nor hang, and
 * what the reader hands on keeps recording.h's promises.
 *
 * The first byte chooses what the rest is: even, a file as it stands; odd, messages (each behind a
 * length of two bytes, little endian) that get a right header here, because no mutation would ever
 * hit a right checksum.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crc32c.h"
#include "histogram.h"
#include "recording.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *promise)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", promise);
	abort();
}

static void write_all(int file, const void *bytes, size_t size)
{
	require(write(file, bytes, size) == (ssize_t)size, "room for the input");
}

static void write_block(int file, uint64_t sequence, const uint8_t *message, uint32_t length)
{
	uint8_t header[RECORD_HEADER_BYTES] = {'H', 'L', 'T', 0xB1, RECORD_FORMAT_VERSION};
	uint32_t crc;

	memcpy(header + 8, &length, sizeof(length));
	memcpy(header + 16, &sequence, sizeof(sequence));
	crc = crc32c(crc32c(0, header, 12), header + 16, sizeof(header) - 16);
	crc = crc32c(crc, message, length);
	memcpy(header + 12, &crc, sizeof(crc));
	write_all(file, header, sizeof(header));
	write_all(file, message, length);
}

static void write_messages(int file, const uint8_t *data, size_t size)
{
	for (uint64_t sequence = 1; size >= 2; sequence++) {
		uint32_t length = data[0] | (uint32_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (length > size)
			length = (uint32_t)size;
		write_block(file, sequence, data, length);
		data += length;
		size -= length;
	}
}

static void check_text(const char *text)
{
	require(text != NULL && utf8_is_clean(text, strlen(text)), "texts are UTF-8");
}

static void check_stack(const struct stack *stack)
{
	require(stack->count <= RECORD_STACK_MAX, "stacks are bounded");
	for (size_t i = 0; i < stack->count; i++) {
		const struct frame *frame = &stack->frames[i];

		require(frame->kind <= FRAME_TRUNCATED && frame->doubt <= DOUBT_DEPTH,
			"kinds and doubts are known ones");
		if (frame->function) {
			check_text(frame->function->name);
			check_text(frame->function->file);
		}
		if (frame->mapping) {
			check_text(frame->mapping->record.path);
			require(frame->mapping->record.start <= frame->mapping->record.end &&
					frame->mapping->record.build_id_length <= 32,
				"mappings are ranges");
		}
	}
}

static void check_stalls(const struct recording *recording)
{
	for (size_t i = 0; i < recording->stall_count; i++) {
		const struct stall *stall = &recording->stalls[i];

		require(i == 0 || stall[-1].record.begin_ns <= stall->record.begin_ns,
			"stalls stand by begin");
		require(stall->first_sample + stall->sample_count <= recording->sample_count,
			"samples lie inside the array");
		for (size_t j = 0; j < stall->sample_count; j++)
			require(recording->samples[stall->first_sample + j].record.stall ==
					stall->record.id,
				"a stall's samples are its own");
		require(stall->record.begin_ns + stall->record.duration_ns >=
				stall->record.begin_ns,
			"times do not overflow");
	}
}

static void check_pools(const struct recording *recording)
{
	for (size_t i = 0; i < recording->connection_pool_count; i++) {
		const struct connection_pool *pool = recording->connection_pools[i];
		const struct record_pool_state *states = &recording->pool_states[pool->first_state];

		check_text(pool->record.name);
		require(pool->first_state + pool->state_count <= recording->pool_state_count,
			"states lie inside the array");
		for (size_t j = 0; j < pool->state_count; j++) {
			require(states[j].pool == pool->record.id, "a pool's states are its own");
			require(j == 0 || states[j - 1].time_ns <= states[j].time_ns,
				"states stand by time");
		}
	}
}

static void check_recording(const struct recording *recording)
{
	check_text(recording->head.holter_version);
	check_text(recording->head.runtime);
	check_text(recording->head.program);
	check_text(recording->head.host);
	check_text(recording->head.kernel);
	check_text(recording->head.unwinder);
	require(recording->first_ns <= recording->last_ns,
		"a recording lasts no less than nothing");
	for (size_t i = 0; i < recording->loop_count; i++)
		check_text(recording->loops[i]->record.thread);
	for (size_t i = 0; i < recording->stack_count; i++)
		check_stack(recording->stacks[i]);
	for (size_t i = 0; i < recording->note_count; i++)
		check_text(recording->notes[i].text);
	for (size_t i = 0; i < recording->turns_count; i++) {
		const struct turns *turns = &recording->turns[i];

		for (size_t j = 0; j < turns->bucket_count; j++)
			require(turns->buckets[j] < HISTOGRAM_BUCKETS, "buckets are known ones");
	}
	check_stalls(recording);
	check_pools(recording);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int file = memfd_create("recording", MFD_CLOEXEC);
	struct recording *recording;
	char path[32];
	FILE *out;

	require(file >= 0, "a file in memory");
	if (size > 0 && data[0] % 2 == 0)
		write_all(file, data + 1, size - 1);
	else if (size > 0)
		write_messages(file, data + 1, size - 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);

	if (recording_load(&recording, path) == 0) {
		check_recording(recording);
		recording_free(recording);
	}
	out = fopen("/dev/null", "w");
	require(out != NULL, "/dev/null");
	recording_dump(out, path);
	fclose(out);
	close(file);
	return 0;
}
