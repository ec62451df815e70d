/* SPDX-License-Identifier: Apache-2.0 */
/* v8_source_url.c - see v8_source_url.h. */
#include "v8_source_url.h"

#include <string.h>

#include "utf8_put.h"
#include "v8_string.h"

enum { TAIL_UNITS = 1024 };

static bool is_blank(uint16_t unit)
{
	return unit == ' ' || unit == '\t' || unit == '\r' || unit == '\n';
}

/* The last units of a string, as many as there is room for. Returns their number, or 0. */
static uint32_t read_tail(struct v8_heap *heap, uint64_t source, uint32_t length, uint16_t *units)
{
	uint32_t from = length > TAIL_UNITS ? length - TAIL_UNITS : 0, used = 0;
	struct v8_string string;
	int64_t got;

	v8_string_open(&string, heap, source, from, length);
	while ((got = v8_string_next(&string, units + used, length - from - used)) > 0)
		used += (uint32_t)got;
	return used == length - from ? used : 0;
}

/* The place behind "//# sourceURL=", or the older "//@", that a line begins with; 0: it does not.
 */
static uint32_t find_value(const uint16_t *units, uint32_t from, uint32_t to)
{
	static const char key[] = "//# sourceURL=";
	const uint32_t length = sizeof(key) - 1;

	if (to - from <= length)
		return 0;
	for (uint32_t i = 0; i < length; i++) {
		if (units[from + i] != (uint16_t)key[i] && (i != 2 || units[from + i] != '@'))
			return 0;
	}
	return from + length;
}

/* Writes a value. As in V8, one with quotes or blanks inside is none. */
static bool write_value(
	const uint16_t *units, uint32_t from, uint32_t to, char *buffer, size_t size)
{
	char text[UTF8_PUT_MAX * TAIL_UNITS];
	size_t used = 0;

	while (to > from && is_blank(units[to - 1]))
		to--;
	for (uint32_t i = from; i < to; i++) {
		if (units[i] == '"' || units[i] == '\'' || is_blank(units[i]))
			return false;
		used += utf8_put(units[i], text + used);
	}
	if (used == 0 || used >= size)
		return false;
	memcpy(buffer, text, used);
	buffer[used] = '\0';
	return true;
}

bool v8_source_url_read(
	struct v8_heap *heap, uint64_t source, uint32_t length, char *buffer, size_t size)
{
	uint16_t units[TAIL_UNITS] = {0};
	uint32_t count = read_tail(heap, source, length, units), end = count;

	/* The last one counts; a bundler closes a bracket behind it. */
	while (end > 0) {
		uint32_t begin = end, first, value;

		while (begin > 0 && units[begin - 1] != '\n')
			begin--;
		first = begin;
		while (first < end && is_blank(units[first]))
			first++;
		value = find_value(units, first, end);
		if (value)
			return write_value(units, value, end, buffer, size);
		end = begin > 0 ? begin - 1 : 0;
	}
	return false;
}
