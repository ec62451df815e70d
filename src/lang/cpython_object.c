/* SPDX-License-Identifier: Apache-2.0 */
#include "cpython_object.h"

#include <errno.h>
#include <string.h>

#include "utf8_put.h"

enum { TEXT_LENGTH_MAX = 1 << 20, UNITS_AT_A_TIME = 256, TABLE_BYTES_MAX = 1 << 18 };

/* struct PyASCIIObject.state (Include/cpython/unicodeobject.h), the same from 3.9 to 3.13. */
enum { STATE_KIND_SHIFT = 2, STATE_KIND_MASK = 7, STATE_COMPACT = 1 << 5, STATE_ASCII = 1 << 6 };

bool cpython_is(const struct cpython_heap *heap, uint64_t address, uint64_t type)
{
	uint64_t found;

	return address && !(address & 7) &&
	       !memory_u64(heap->memory, address + heap->layout->object_type, &found) &&
	       found == type;
}

/* One, two or four bytes a character. */
static uint32_t unit_at(const uint8_t *units, size_t index, size_t width)
{
	uint32_t unit = 0;

	memcpy(&unit, units + index * width, width); /* little endian, as the machine */
	return unit;
}

int64_t cpython_text(const struct cpython_heap *heap, uint64_t address, char *buffer, size_t size)
{
	const struct cpython_layout *layout = heap->layout;
	uint8_t units[UNITS_AT_A_TIME];
	uint64_t length, body;
	uint32_t state;
	size_t width, used = 0;

	if (!size || !cpython_is(heap, address, heap->type_text))
		return -EINVAL;
	if (memory_u64(heap->memory, address + layout->text_length, &length) ||
		memory_u32(heap->memory, address + layout->text_state, &state))
		return -EFAULT;
	width = state >> STATE_KIND_SHIFT & STATE_KIND_MASK;
	if (!(state & STATE_COMPACT) || length > TEXT_LENGTH_MAX ||
		(width != 1 && width != 2 && width != 4))
		return -EINVAL;
	body = address + (state & STATE_ASCII ? layout->text_ascii_body : layout->text_body);
	for (uint64_t done = 0; done < length;) {
		size_t part = UNITS_AT_A_TIME / width;

		if (part > length - done)
			part = (size_t)(length - done);
		if (memory_exact(heap->memory, body + done * width, units, part * width))
			return -EFAULT;
		for (size_t i = 0; i < part; i++) {
			char bytes[UTF8_PUT_MAX];
			size_t count = utf8_put(unit_at(units, i, width), bytes);

			if (count >= size - used) {
				buffer[used] = '\0';
				return (int64_t)used;
			}
			memcpy(buffer + used, bytes, count);
			used += count;
		}
		done += part;
	}
	buffer[used] = '\0';
	return (int64_t)used;
}

/* The bytes of a table, read some at a time. */
struct table {
	const struct cpython_heap *heap;
	uint64_t address, left; /* not yet read */
	size_t at, count;
	uint8_t bytes[128];
};

static bool table_open(struct table *table, const struct cpython_heap *heap, uint64_t object)
{
	uint64_t length;

	if (!cpython_is(heap, object, heap->type_bytes) ||
		memory_u64(heap->memory, object + heap->layout->object_length, &length) ||
		length > TABLE_BYTES_MAX)
		return false;
	table->heap = heap;
	table->address = object + heap->layout->bytes_body;
	table->left = length;
	table->at = table->count = 0;
	return true;
}

/* The next byte without taking it; -1 at the end. */
static int table_peek(struct table *table)
{
	if (table->at == table->count) {
		size_t part = table->left < sizeof(table->bytes) ? (size_t)table->left
								 : sizeof(table->bytes);

		if (!part ||
			memory_exact(table->heap->memory, table->address, table->bytes, part)) {
			table->left = 0;
			return -1;
		}
		table->address += part;
		table->left -= part;
		table->at = 0;
		table->count = part;
	}
	return table->bytes[table->at];
}

static int table_next(struct table *table)
{
	int byte = table_peek(table);

	table->at += byte >= 0;
	return byte;
}

/* Pairs of bytes: instructions passed, lines passed (signed). */
static uint32_t line_of_notab(struct table *table, int64_t line, int64_t offset)
{
	int64_t address = 0;

	for (;;) {
		int passed = table_next(table), lines = table_next(table);

		if (passed < 0 || lines < 0)
			break;
		address += passed;
		if (address > offset)
			break;
		line += (int8_t)lines;
	}
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

/* Pairs of bytes: the length of the next range, and its line (signed) from the one before; -128:
 * it has none. */
static uint32_t line_of_ranges(struct table *table, int64_t line, int64_t offset)
{
	enum { NO_LINE = -128 };
	int64_t end = 0;

	for (;;) {
		int length = table_next(table), lines = table_next(table);

		if (length < 0 || lines < 0)
			return 0;
		if ((int8_t)lines != NO_LINE)
			line += (int8_t)lines;
		end += length;
		if (offset < end)
			return (int8_t)lines != NO_LINE && line > 0 && line <= INT32_MAX
				       ? (uint32_t)line
				       : 0;
	}
}

/* A signed number of six bits a byte, the lowest first; the sign is the lowest bit of all. */
static int64_t table_signed(struct table *table)
{
	enum { MORE = 0x40, BITS = 0x3f, DIGITS_MAX = 6 };
	uint64_t value = 0;
	int byte = MORE;

	for (unsigned shift = 0; byte >= 0 && byte & MORE && shift < DIGITS_MAX * DIGITS_MAX;
		shift += 6) {
		byte = table_next(table);
		if (byte >= 0)
			value |= (uint64_t)(byte & BITS) << shift;
	}
	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

/*
 * Entries: a first byte with the highest bit set (form, length in instructions), and others without
 * it, of which only those of the line matter here.
 */
static uint32_t line_of_locations(struct table *table, int64_t line, int64_t offset)
{
	enum { FIRST = 0x80, FORM_ONE_LINE = 10, FORM_NO_COLUMNS = 13, FORM_LONG = 14, FORM_NONE };
	int64_t end = 0;

	for (;;) {
		int first = table_next(table), form = first >> 3 & 15, next;

		if (first < 0 || !(first & FIRST))
			return 0;
		if (form == FORM_LONG || form == FORM_NO_COLUMNS)
			line += table_signed(table);
		else if (form >= FORM_ONE_LINE && form < FORM_NO_COLUMNS)
			line += form - FORM_ONE_LINE;
		end += 2 * ((first & 7) + 1);
		if (offset < end)
			return form != FORM_NONE && line > 0 && line <= INT32_MAX ? (uint32_t)line
										  : 0;
		while ((next = table_peek(table)) >= 0 && !(next & FIRST))
			table->at++;
	}
}

uint32_t cpython_line(
	const struct cpython_heap *heap, uint64_t object, uint32_t first_line, int64_t offset)
{
	struct table table;

	if (offset < 0)
		return first_line;
	if (!table_open(&table, heap, object))
		return 0;
	switch (heap->layout->lines) {
	case CPYTHON_LINES_NOTAB:
		return line_of_notab(&table, first_line, offset);
	case CPYTHON_LINES_RANGES:
		return line_of_ranges(&table, first_line, offset);
	case CPYTHON_LINES_LOCATIONS:
		return line_of_locations(&table, first_line, offset);
	}
	return 0;
}
