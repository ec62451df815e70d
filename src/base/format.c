/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"

#include <string.h>

void format_init(struct format *format, char *buffer, size_t size)
{
	*format = (struct format){.buffer = buffer, .size = size};
	if (size)
		buffer[0] = '\0';
}

void format_bytes(struct format *format, const char *text, size_t length)
{
	size_t room;

	if (!format->size)
		return;
	room = format->size - 1 - format->length;
	if (length > room)
		length = room;
	memcpy(format->buffer + format->length, text, length);
	format->length += length;
	format->buffer[format->length] = '\0';
}

void format_text(struct format *format, const char *text)
{
	format_bytes(format, text, strlen(text));
}

static void format_base(struct format *format, uint64_t value, unsigned base)
{
	char digits[20];
	size_t first = sizeof(digits);

	do {
		digits[--first] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	format_bytes(format, digits + first, sizeof(digits) - first);
}

void format_unsigned(struct format *format, uint64_t value)
{
	format_base(format, value, 10);
}

void format_signed(struct format *format, int64_t value)
{
	if (value < 0)
		format_text(format, "-");
	format_base(format, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

void format_hex(struct format *format, uint64_t value)
{
	format_base(format, value, 16);
}

static int digit_value(char c, unsigned base)
{
	int digit = -1;

	if (c >= '0' && c <= '9')
		digit = c - '0';
	else if (c >= 'a' && c <= 'f')
		digit = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		digit = c - 'A' + 10;
	return digit < (int)base ? digit : -1;
}

static int parse_base(const char **text, uint64_t *ret, unsigned base)
{
	const char *at = *text;
	uint64_t value = 0;
	int digit;

	while ((digit = digit_value(*at, base)) >= 0) {
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, (uint64_t)digit, &value))
			return 0;
		at++;
	}
	if (at == *text)
		return 0;
	*text = at;
	*ret = value;
	return 1;
}

int parse_unsigned(const char **text, uint64_t *ret)
{
	return parse_base(text, ret, 10);
}

int parse_hex(const char **text, uint64_t *ret)
{
	return parse_base(text, ret, 16);
}
