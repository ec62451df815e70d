/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode.h - the protobuf wire format into a buffer of fixed size: the primitives, and one function
 * for each message of holter.proto. Fields are written in ascending order and zeros are omitted, so
 * that the bytes are those that protobuf-c's packing yields (a test compares).
 *
 * Data: src/record/writer.c -> bytes of a `Block` message. Framing (header, CRC) is the writer's.
 * Tier A.
 *
 * A buffer that is too small sets `full` and leaves the rest unwritten: the caller checks `full`
 * once, after a whole message, and takes `used` back to where the message began.
 */
#pragma once

#include "event.h"

struct interned_function; /* intern.h */
struct writer_location;   /* writer.h */

struct encoder {
	uint8_t *bytes;
	size_t used, size;
	bool full;
};

/* Primitives. A zero value (or an empty byte string) writes nothing, as proto3 has it. */
void encode_varint(struct encoder *encoder, uint32_t field, uint64_t value);
void encode_signed(struct encoder *encoder, uint32_t field, int64_t value); /* sint: zigzag */
void encode_fixed64(struct encoder *encoder, uint32_t field, uint64_t value);
void encode_bytes(struct encoder *encoder, uint32_t field, const void *bytes, size_t length);
/* Begins a field whose length is known at its end only. Returns the mark for encode_close. */
size_t encode_open(struct encoder *encoder, uint32_t field);
void encode_close(struct encoder *encoder, size_t mark);

/* Messages, each as the field of `Block` that holds it. Ids are interned ones. */
void encode_block_begin(struct encoder *encoder, uint64_t recording_id, uint32_t chunk);
void encode_block_time(struct encoder *encoder, uint64_t time_ns);
void encode_head(struct encoder *encoder, const struct record_head *head);
void encode_string(struct encoder *encoder, uint32_t id, const char *text, size_t length);
void encode_mapping(
	struct encoder *encoder, uint32_t id, const struct record_mapping *mapping, uint32_t path);
void encode_function(
	struct encoder *encoder, uint32_t id, const struct interned_function *function);
void encode_location(struct encoder *encoder, uint32_t id, const struct writer_location *location);
void encode_stack(struct encoder *encoder, uint32_t id, const uint32_t *locations, size_t count);
void encode_loop(struct encoder *encoder, const struct record_loop *loop, uint32_t thread);
/* buckets: HISTOGRAM_BUCKETS counts, or null. */
void encode_turns(
	struct encoder *encoder, const struct record_turns *turns, const uint32_t *buckets);
void encode_stall(struct encoder *encoder, const struct record_stall *stall);
void encode_sample(struct encoder *encoder, const struct record_sample *sample);
void encode_loss(struct encoder *encoder, enum loss_kind kind, uint64_t count, uint32_t error);
void encode_note(struct encoder *encoder, enum note_kind kind, uint32_t text, uint64_t time_ns);
void encode_pool(struct encoder *encoder, const struct record_pool *pool, uint32_t name);
void encode_pool_state(struct encoder *encoder, const struct record_pool_state *state);
void encode_named(struct encoder *encoder, uint32_t stack);
void encode_resting(struct encoder *encoder, uint32_t loop, uint32_t stack);
void encode_end(struct encoder *encoder, uint64_t time_ns);
