/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_string.h"

#include <errno.h>
#include <string.h>

#include "utf8_put.h"

/* V8: src/objects/instance-type.h. */
enum {
	TYPE_NO_STRING = 128,
	SHAPE_MASK = 7,
	SHAPE_SEQUENTIAL = 0,
	SHAPE_CONS = 1,
	SHAPE_EXTERNAL = 2,
	SHAPE_SLICED = 3,
	SHAPE_THIN = 5,
	TYPE_ONE_BYTE = 8,
	TYPE_UNCACHED = 16, /* external, and its characters cannot be found without calling it */
};

enum { OBJECT_TAG = 1, UNITS_AT_A_TIME = 2048, REPLACEMENT = 0xfffd };

static int string_type(struct v8_heap *heap, uint64_t value)
{
	int type = v8_type(heap, value);

	return type < 0 || type >= TYPE_NO_STRING ? -EINVAL : type;
}

int64_t v8_string_length(struct v8_heap *heap, uint64_t value)
{
	uint32_t length;

	if (string_type(heap, value) < 0 ||
		v8_field_u32(heap, value, heap->layout->string_length, &length) ||
		length > INT32_MAX)
		return -EINVAL;
	return length;
}

static int push(struct v8_string *string, uint64_t value, uint32_t from, uint32_t to)
{
	if (from >= to)
		return 0;
	if (string->part_count == V8_STRING_PARTS_MAX)
		return -E2BIG;
	string->parts[string->part_count++] = (struct v8_string_part){value, from, to};
	return 0;
}

void v8_string_open(
	struct v8_string *string, struct v8_heap *heap, uint64_t value, uint32_t from, uint32_t to)
{
	string->heap = heap;
	string->part_count = 0;
	string->left = 0;
	push(string, value, from, to);
}

static int open_cons(struct v8_string *string, const struct v8_string_part *part)
{
	struct v8_heap *heap = string->heap;
	uint64_t first, second;
	int64_t length;
	int error;

	if (v8_field(heap, part->string, heap->layout->cons_first, &first) ||
		v8_field(heap, part->string, heap->layout->cons_second, &second))
		return -EFAULT;
	length = v8_string_length(heap, first);
	if (length < 0)
		return -EINVAL;
	if (part->to > length) {
		error = push(string, second,
			part->from > length ? part->from - (uint32_t)length : 0,
			part->to - (uint32_t)length);
		if (error)
			return error;
	}
	return push(string, first, part->from, part->to < length ? part->to : (uint32_t)length);
}

static int open_sliced(struct v8_string *string, const struct v8_string_part *part)
{
	struct v8_heap *heap = string->heap;
	uint64_t parent;
	int32_t offset;

	if (v8_field(heap, part->string, heap->layout->sliced_parent, &parent) ||
		v8_field_smi(heap, part->string, heap->layout->sliced_offset, &offset) ||
		offset < 0)
		return -EFAULT;
	/* Lengths and offsets are below 2^31 each: the sums fit. */
	return push(string, parent, part->from + (uint32_t)offset, part->to + (uint32_t)offset);
}

/* Takes the next part: a flat one becomes the current run, another is replaced by its own parts. */
static int open_part(struct v8_string *string)
{
	struct v8_heap *heap = string->heap;
	const struct v8_layout *layout = heap->layout;
	struct v8_string_part part = string->parts[--string->part_count];
	int type = string_type(heap, part.string);
	int64_t length = v8_string_length(heap, part.string);
	uint64_t value;

	if (type < 0 || length < 0)
		return -EINVAL;
	if (part.to > length)
		part.to = (uint32_t)length;
	if (part.from >= part.to)
		return 0;
	switch (type & SHAPE_MASK) {
	case SHAPE_CONS:
		return open_cons(string, &part);
	case SHAPE_SLICED:
		return open_sliced(string, &part);
	case SHAPE_THIN:
		if (v8_field(heap, part.string, layout->thin_actual, &value))
			return -EFAULT;
		return push(string, value, part.from, part.to);
	case SHAPE_SEQUENTIAL:
		value = part.string - OBJECT_TAG + (uint64_t)(int64_t)layout->string_data;
		break;
	case SHAPE_EXTERNAL:
		if (type & TYPE_UNCACHED)
			return -EINVAL;
		if (v8_field(heap, part.string, layout->external_data, &value))
			return -EFAULT;
		break;
	default:
		return -EINVAL;
	}
	string->two_byte = !(type & TYPE_ONE_BYTE);
	string->address = value + (string->two_byte ? 2ull : 1ull) * part.from;
	string->left = part.to - part.from;
	return 0;
}

int64_t v8_string_next(struct v8_string *string, uint16_t *units, size_t capacity)
{
	size_t count = capacity < UNITS_AT_A_TIME ? capacity : UNITS_AT_A_TIME, width;

	while (!string->left) {
		int error;

		if (!string->part_count)
			return 0;
		error = open_part(string);
		if (error)
			return error;
	}
	if (count > string->left)
		count = string->left;
	width = string->two_byte ? 2 : 1;
	if (v8_read(string->heap, string->address, units, count * width))
		return -EFAULT;
	string->address += count * width;
	string->left -= (uint32_t)count;
	if (!string->two_byte) {
		const uint8_t *bytes = (const uint8_t *)units;

		/* Widened in place, from the end: no unit is overwritten before it is read. */
		for (size_t i = count; i-- > 0;)
			units[i] = bytes[i];
	}
	return (int64_t)count;
}

struct utf8 {
	char *buffer;
	size_t size, length;
	uint32_t high; /* a surrogate that waits for its other half; 0: none */
	bool full;
};

static void utf8_add(struct utf8 *utf8, uint32_t code)
{
	char bytes[UTF8_PUT_MAX];
	size_t length = utf8_put(code, bytes);

	if (utf8->full || length >= utf8->size - utf8->length) {
		utf8->full = true;
		return;
	}
	memcpy(utf8->buffer + utf8->length, bytes, length);
	utf8->length += length;
}

static void utf8_unit(struct utf8 *utf8, uint16_t unit)
{
	uint32_t high = utf8->high;

	utf8->high = 0;
	if (unit >= 0xdc00 && unit < 0xe000) {
		utf8_add(utf8,
			high ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : REPLACEMENT);
		return;
	}
	if (high)
		utf8_add(utf8, REPLACEMENT);
	if (unit >= 0xd800 && unit < 0xdc00)
		utf8->high = unit;
	else
		utf8_add(utf8, unit);
}

int64_t v8_string_utf8(struct v8_heap *heap, uint64_t value, char *buffer, size_t size)
{
	struct utf8 utf8 = {.buffer = buffer, .size = size};
	struct v8_string string;
	uint16_t units[128] = {0};
	int64_t count;

	if (!size)
		return -EINVAL;
	buffer[0] = '\0';
	if (string_type(heap, value) < 0)
		return -EINVAL;
	v8_string_open(&string, heap, value, 0, (uint32_t)size);
	while ((count = v8_string_next(&string, units, 128)) > 0)
		for (int64_t i = 0; i < count; i++)
			utf8_unit(&utf8, units[i]);
	if (utf8.high)
		utf8_add(&utf8, REPLACEMENT);
	buffer[utf8.length] = '\0';
	return count < 0 ? count : (int64_t)utf8.length;
}
