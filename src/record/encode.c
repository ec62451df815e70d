/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode.c - see encode.h. Debian's protobuf-c archive is not position-independent and allocates,
 * so the server has this encoder of its own. Tier A.
 */
#include "encode.h"

#include <string.h>

#include "histogram.h"
#include "intern.h"

/* Wire types of the protobuf encoding. */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

/* Field numbers of holter.record.Block. */
enum block_field {
	BLOCK_RECORDING_ID = 1,
	BLOCK_CHUNK,
	BLOCK_TIME_NS,
	BLOCK_HEAD,
	BLOCK_STRING,
	BLOCK_MAPPING,
	BLOCK_FUNCTION,
	BLOCK_LOCATION,
	BLOCK_STACK,
	BLOCK_LOOP,
	BLOCK_TURNS,
	BLOCK_STALL,
	BLOCK_SAMPLE,
	BLOCK_LOSS,
	BLOCK_NOTE,
	BLOCK_END,
	BLOCK_POOL,
	BLOCK_POOL_STATE,
	BLOCK_NAMED,
	BLOCK_RESTING,
};

enum { VARINT_MAX = 10 };

static size_t varint_format(uint8_t *bytes, uint64_t value)
{
	size_t length = 0;

	while (value >= 0x80) {
		bytes[length++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes[length++] = (uint8_t)value;
	return length;
}

static void put(struct encoder *encoder, const void *bytes, size_t length)
{
	if (encoder->full || length > encoder->size - encoder->used) {
		encoder->full = true;
		return;
	}
	memcpy(encoder->bytes + encoder->used, bytes, length);
	encoder->used += length;
}

static void put_varint(struct encoder *encoder, uint64_t value)
{
	uint8_t bytes[VARINT_MAX];

	put(encoder, bytes, varint_format(bytes, value));
}

static void put_tag(struct encoder *encoder, uint32_t field, uint32_t wire_type)
{
	put_varint(encoder, (uint64_t)field << 3 | wire_type);
}

void encode_varint(struct encoder *encoder, uint32_t field, uint64_t value)
{
	if (value == 0)
		return;
	put_tag(encoder, field, WIRE_VARINT);
	put_varint(encoder, value);
}

void encode_signed(struct encoder *encoder, uint32_t field, int64_t value)
{
	encode_varint(encoder, field, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

void encode_fixed64(struct encoder *encoder, uint32_t field, uint64_t value)
{
	uint8_t bytes[8];

	if (value == 0)
		return;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	put_tag(encoder, field, WIRE_FIXED64);
	put(encoder, bytes, sizeof(bytes));
}

void encode_bytes(struct encoder *encoder, uint32_t field, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	put_tag(encoder, field, WIRE_BYTES);
	put_varint(encoder, length);
	put(encoder, bytes, length);
}

static void encode_text(struct encoder *encoder, uint32_t field, const char *text)
{
	if (text)
		encode_bytes(encoder, field, text, strlen(text));
}

size_t encode_open(struct encoder *encoder, uint32_t field)
{
	static const uint8_t short_length = 0;

	put_tag(encoder, field, WIRE_BYTES);
	/* Most messages are shorter than 128 bytes: room for a length of one byte. */
	put(encoder, &short_length, 1);
	return encoder->used;
}

void encode_close(struct encoder *encoder, size_t mark)
{
	uint8_t bytes[VARINT_MAX];
	size_t length, more;

	if (encoder->full)
		return;
	length = encoder->used - mark;
	more = varint_format(bytes, length) - 1;
	if (more > encoder->size - encoder->used) {
		encoder->full = true;
		return;
	}
	memmove(encoder->bytes + mark + more, encoder->bytes + mark, length);
	memcpy(encoder->bytes + mark - 1, bytes, more + 1);
	encoder->used += more;
}

void encode_block_begin(struct encoder *encoder, uint64_t recording_id, uint32_t chunk)
{
	encode_fixed64(encoder, BLOCK_RECORDING_ID, recording_id);
	encode_varint(encoder, BLOCK_CHUNK, chunk);
}

void encode_block_time(struct encoder *encoder, uint64_t time_ns)
{
	encode_varint(encoder, BLOCK_TIME_NS, time_ns);
}

void encode_head(struct encoder *encoder, const struct record_head *head)
{
	size_t mark = encode_open(encoder, BLOCK_HEAD);

	encode_text(encoder, 1, head->holter_version);
	encode_varint(encoder, 2, head->pid);
	encode_varint(encoder, 3, head->mode);
	encode_text(encoder, 4, head->runtime);
	encode_text(encoder, 5, head->program);
	encode_text(encoder, 6, head->host);
	encode_varint(encoder, 7, head->start_ns);
	encode_signed(encoder, 8, head->utc_offset_ns);
	encode_varint(encoder, 9, head->threshold_ns);
	encode_varint(encoder, 10, head->interval_ns);
	encode_text(encoder, 11, head->kernel);
	encode_varint(encoder, 12, head->cpus);
	encode_text(encoder, 13, head->unwinder);
	encode_close(encoder, mark);
}

void encode_string(struct encoder *encoder, uint32_t id, const char *text, size_t length)
{
	size_t mark = encode_open(encoder, BLOCK_STRING);

	encode_varint(encoder, 1, id);
	encode_bytes(encoder, 2, text, length);
	encode_close(encoder, mark);
}

void encode_mapping(
	struct encoder *encoder, uint32_t id, const struct record_mapping *mapping, uint32_t path)
{
	size_t mark = encode_open(encoder, BLOCK_MAPPING);

	encode_varint(encoder, 1, id);
	encode_varint(encoder, 2, mapping->start);
	encode_varint(encoder, 3, mapping->end);
	encode_varint(encoder, 4, mapping->offset);
	encode_varint(encoder, 5, path);
	encode_bytes(encoder, 6, mapping->build_id, mapping->build_id_length);
	encode_varint(encoder, 7, mapping->bias);
	encode_close(encoder, mark);
}

void encode_function(struct encoder *encoder, uint32_t id, const struct interned_function *function)
{
	size_t mark = encode_open(encoder, BLOCK_FUNCTION);

	encode_varint(encoder, 1, id);
	encode_varint(encoder, 2, function->name);
	encode_varint(encoder, 3, function->file);
	encode_varint(encoder, 4, function->line);
	encode_varint(encoder, 5, function->column);
	encode_close(encoder, mark);
}

void encode_location(struct encoder *encoder, uint32_t id, const struct writer_location *location)
{
	size_t mark = encode_open(encoder, BLOCK_LOCATION);

	encode_varint(encoder, 1, id);
	encode_varint(encoder, 2, location->kind);
	encode_varint(encoder, 3, location->address);
	encode_varint(encoder, 4, location->mapping);
	encode_varint(encoder, 5, location->function);
	encode_varint(encoder, 6, location->line);
	encode_varint(encoder, 7, location->column);
	encode_varint(encoder, 8, location->doubt);
	encode_close(encoder, mark);
}

void encode_stack(struct encoder *encoder, uint32_t id, const uint32_t *locations, size_t count)
{
	size_t mark = encode_open(encoder, BLOCK_STACK);

	encode_varint(encoder, 1, id);
	if (count > 0) {
		size_t packed = encode_open(encoder, 2);

		for (size_t i = 0; i < count; i++)
			put_varint(encoder, locations[i]);
		encode_close(encoder, packed);
	}
	encode_close(encoder, mark);
}

void encode_loop(struct encoder *encoder, const struct record_loop *loop, uint32_t thread)
{
	size_t mark = encode_open(encoder, BLOCK_LOOP);

	encode_varint(encoder, 1, loop->id);
	encode_varint(encoder, 2, loop->tid);
	encode_varint(encoder, 3, thread);
	encode_varint(encoder, 4, loop->wait);
	encode_signed(encoder, 5, loop->descriptor);
	encode_varint(encoder, 6, loop->first_wait_ns);
	encode_varint(encoder, 7, loop->startup_end_ns);
	encode_close(encoder, mark);
}

static void encode_histogram(struct encoder *encoder, const uint32_t *buckets)
{
	size_t packed = encode_open(encoder, 7);
	uint32_t last = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (buckets[i] == 0)
			continue;
		put_varint(encoder, i - last);
		last = i;
	}
	encode_close(encoder, packed);
	packed = encode_open(encoder, 8);
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (buckets[i] != 0)
			put_varint(encoder, buckets[i]);
	}
	encode_close(encoder, packed);
}

static bool histogram_is_empty(const uint32_t *buckets)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (buckets[i] != 0)
			return false;
	}
	return true;
}

void encode_turns(
	struct encoder *encoder, const struct record_turns *turns, const uint32_t *buckets)
{
	size_t mark = encode_open(encoder, BLOCK_TURNS);

	encode_varint(encoder, 1, turns->loop);
	encode_varint(encoder, 2, turns->from_ns);
	encode_varint(encoder, 3, turns->to_ns);
	encode_varint(encoder, 4, turns->count);
	encode_varint(encoder, 5, turns->busy_ns);
	encode_varint(encoder, 6, turns->longest_ns);
	if (buckets && !histogram_is_empty(buckets))
		encode_histogram(encoder, buckets);
	encode_varint(encoder, 9, turns->histogram_from_ns);
	encode_close(encoder, mark);
}

void encode_stall(struct encoder *encoder, const struct record_stall *stall)
{
	size_t mark = encode_open(encoder, BLOCK_STALL);

	encode_varint(encoder, 1, stall->id);
	encode_varint(encoder, 2, stall->loop);
	encode_varint(encoder, 3, stall->begin_ns);
	encode_varint(encoder, 4, stall->duration_ns);
	encode_varint(encoder, 5, stall->ended);
	encode_varint(encoder, 6, stall->startup);
	encode_varint(encoder, 7, stall->measured_ns);
	encode_varint(encoder, 8, stall->cpu_ns);
	encode_varint(encoder, 9, stall->runqueue_ns);
	encode_varint(encoder, 10, stall->gc_ns);
	encode_varint(encoder, 11, stall->throttled_ns);
	encode_varint(encoder, 12, stall->minor_faults);
	encode_varint(encoder, 13, stall->major_faults);
	encode_varint(encoder, 14, stall->samples);
	encode_varint(encoder, 15, stall->samples_missed);
	encode_varint(encoder, 16, stall->ready);
	encode_varint(encoder, 17, stall->io_calls);
	encode_varint(encoder, 18, stall->io_pause_ns);
	encode_varint(encoder, 19, stall->holder);
	encode_close(encoder, mark);
}

void encode_sample(struct encoder *encoder, const struct record_sample *sample)
{
	size_t mark = encode_open(encoder, BLOCK_SAMPLE);

	encode_varint(encoder, 1, sample->stall);
	encode_varint(encoder, 2, sample->loop);
	encode_varint(encoder, 3, sample->time_ns);
	encode_varint(encoder, 4, sample->weight_ns);
	encode_varint(encoder, 5, sample->cpu_ns);
	encode_varint(encoder, 6, sample->stack);
	encode_varint(encoder, 7, (uint32_t)sample->syscall + 1);
	encode_varint(encoder, 8, sample->in_place);
	encode_varint(encoder, 9, sample->on);
	encode_close(encoder, mark);
}

void encode_loss(struct encoder *encoder, enum loss_kind kind, uint64_t count, uint32_t error)
{
	size_t mark = encode_open(encoder, BLOCK_LOSS);

	encode_varint(encoder, 1, kind);
	encode_varint(encoder, 2, count);
	encode_varint(encoder, 3, error);
	encode_close(encoder, mark);
}

void encode_note(struct encoder *encoder, enum note_kind kind, uint32_t text, uint64_t time_ns)
{
	size_t mark = encode_open(encoder, BLOCK_NOTE);

	encode_varint(encoder, 1, kind);
	encode_varint(encoder, 2, text);
	encode_varint(encoder, 3, time_ns);
	encode_close(encoder, mark);
}

void encode_end(struct encoder *encoder, uint64_t time_ns)
{
	size_t mark = encode_open(encoder, BLOCK_END);

	encode_varint(encoder, 1, time_ns);
	encode_close(encoder, mark);
}

void encode_pool(struct encoder *encoder, const struct record_pool *pool, uint32_t name)
{
	size_t mark = encode_open(encoder, BLOCK_POOL);

	encode_varint(encoder, 1, pool->id);
	encode_varint(encoder, 2, name);
	encode_varint(encoder, 3, pool->begin_ns);
	encode_close(encoder, mark);
}

void encode_pool_state(struct encoder *encoder, const struct record_pool_state *state)
{
	size_t mark = encode_open(encoder, BLOCK_POOL_STATE);

	encode_varint(encoder, 1, state->pool);
	encode_varint(encoder, 2, state->time_ns);
	encode_varint(encoder, 3, state->size);
	encode_varint(encoder, 4, state->held);
	encode_varint(encoder, 5, state->waiting);
	encode_varint(encoder, 6, state->held_most);
	encode_varint(encoder, 7, state->waiting_most);
	encode_varint(encoder, 8, state->longest_hold_ns);
	encode_varint(encoder, 9, state->longest_wait_ns);
	encode_varint(encoder, 10, state->oldest_hold_ns);
	encode_varint(encoder, 11, state->acquisitions);
	encode_varint(encoder, 12, state->hold_ns);
	encode_varint(encoder, 13, state->waits);
	encode_varint(encoder, 14, state->wait_ns);
	encode_close(encoder, mark);
}

void encode_named(struct encoder *encoder, uint32_t stack)
{
	size_t mark = encode_open(encoder, BLOCK_NAMED);

	encode_varint(encoder, 1, stack);
	encode_close(encoder, mark);
}

void encode_resting(struct encoder *encoder, uint32_t loop, uint32_t stack)
{
	size_t mark = encode_open(encoder, BLOCK_RESTING);

	encode_varint(encoder, 1, loop);
	encode_varint(encoder, 2, stack);
	encode_close(encoder, mark);
}
