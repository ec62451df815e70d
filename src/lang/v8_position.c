/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_position.h"

#include <errno.h>

enum { OBJECT_TAG = 1 };

/* A ByteArray read in pieces. */
struct stream {
	struct v8_heap *heap;
	uint64_t address; /* of the bytes after the buffer */
	uint32_t left;
	uint32_t used, filled;
	uint8_t buffer[512];
};

static bool stream_byte(struct stream *stream, uint8_t *ret)
{
	if (stream->used == stream->filled) {
		uint32_t part = stream->left < sizeof(stream->buffer)
					? stream->left
					: (uint32_t)sizeof(stream->buffer);

		if (!part || v8_read(stream->heap, stream->address, stream->buffer, part))
			return false;
		stream->address += part;
		stream->left -= part;
		stream->filled = part;
		stream->used = 0;
	}
	*ret = stream->buffer[stream->used++];
	return true;
}

/* Seven bits a byte, the lowest first; the top bit says that more follow. */
static bool stream_vlq(struct stream *stream, uint64_t *ret)
{
	uint64_t value = 0;
	uint8_t byte = 0;

	for (uint32_t shift = 0; shift < 64; shift += 7) {
		if (!stream_byte(stream, &byte))
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* The sign is in the lowest bit. */
static int64_t zigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static bool stream_open(struct stream *stream, struct v8_heap *heap, uint64_t array)
{
	*stream = (struct stream){.heap = heap};
	return !v8_byte_array(heap, array, &stream->address, &stream->left);
}

/*
 * Until V8 14 an entry that is no statement has its code delta stored as -(delta + 1), zigzag.
 * Since then two flag bits (statement, breakable) stand below an unsigned delta.
 */
static int64_t code_delta(const struct v8_layout *layout, uint64_t value)
{
	int64_t delta;

	if (layout->positions_flagged)
		return (int64_t)(value >> 2);
	delta = zigzag(value);
	return delta >= 0 ? delta : -(delta + 1);
}

/* Bit 0: a position outside of the script's source (in V8's own); 30 bits offset + 1; 16 bits
 * inlining id + 1. */
struct v8_position v8_position_unpack(uint64_t packed)
{
	return (struct v8_position){
		.offset = packed & 1 ? -1 : (int32_t)(packed >> 1 & ((1u << 30) - 1)) - 1,
		.inlining = (uint16_t)(packed >> 31),
	};
}

int v8_position_find(
	struct v8_heap *heap, uint64_t table, int64_t code_offset, struct v8_position *ret)
{
	struct stream stream;
	int64_t code = -1;
	uint64_t delta, position = 0;
	bool found = false;

	if (!stream_open(&stream, heap, table))
		return -EINVAL;
	while (stream_vlq(&stream, &delta)) {
		struct v8_position unpacked;

		/* Unsigned: hostile sums wrap, and then only compare wrongly. */
		code = (int64_t)((uint64_t)code + (uint64_t)code_delta(heap->layout, delta));
		if (code > code_offset || !stream_vlq(&stream, &delta))
			break;
		position += (uint64_t)zigzag(delta);
		unpacked = v8_position_unpack(position);
		if (unpacked.offset < 0)
			continue;
		*ret = unpacked;
		found = true;
	}
	return found ? 0 : -ENOENT;
}

/* The first byte codes are prefixes: wide operands (2 bytes), extra wide (4), and the debugger's
 * twins of both. */
enum { WIDE, EXTRA_WIDE, DEBUG_WIDE, DEBUG_EXTRA_WIDE, PREFIXES };

/* The length of the byte code that the stream stands at, and the stream moved behind it; 0 if it is
 * none. */
static uint32_t skip_bytecode(struct stream *bytecode, const struct v8_bytecode_sizes *sizes)
{
	uint32_t table = 0, prefix = 0, length;
	uint8_t code, operand;

	if (!stream_byte(bytecode, &code))
		return 0;
	if (code < PREFIXES) {
		table = code == WIDE || code == DEBUG_WIDE ? 1 : 2;
		prefix = 1;
		if (!stream_byte(bytecode, &code))
			return 0;
	}
	if (code >= sizes->count)
		return 0;
	length = sizes->sizes[table * sizes->count + code];
	for (uint32_t i = 1; i < length; i++)
		if (!stream_byte(bytecode, &operand))
			return 0;
	return prefix + length;
}

int64_t v8_position_baseline(struct v8_heap *heap, const struct v8_bytecode_sizes *sizes,
	uint64_t table, uint64_t bytecode_array, int64_t code_offset)
{
	const struct v8_layout *layout = heap->layout;
	struct stream offsets, bytecode = {.heap = heap};
	int64_t bytecode_offset = 0;
	uint64_t code, delta;
	int32_t length;

	if (!sizes->sizes)
		return -ENOTSUP;
	if (!stream_open(&offsets, heap, table) ||
		!v8_is(heap, bytecode_array, layout->type_bytecode_array) ||
		v8_field_smi(heap, bytecode_array, layout->bytecode_length, &length) || length < 0)
		return -EINVAL;
	bytecode.address = bytecode_array - OBJECT_TAG + (uint64_t)(int64_t)layout->bytecode_data;
	bytecode.left = (uint32_t)length;
	/* The first entry is the prologue: nothing of the source yet. */
	if (!stream_vlq(&offsets, &code) || (int64_t)code > code_offset)
		return -ENOENT;
	while (stream_vlq(&offsets, &delta)) {
		uint32_t step;

		code += delta;
		if ((int64_t)code > code_offset)
			return bytecode_offset;
		step = skip_bytecode(&bytecode, sizes);
		if (!step)
			return -ENOENT;
		bytecode_offset += step;
	}
	return -ENOENT;
}
