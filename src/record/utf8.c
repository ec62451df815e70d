/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c - see utf8.h. Tier C. */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* The length of the well-formed sequence at `bytes`, or 0. Table 3-7 of the Unicode standard. */
static size_t sequence_length(const uint8_t *bytes, size_t left)
{
	uint8_t low = 0x80, high = 0xBF; /* of the second byte */
	size_t length;

	if (bytes[0] < 0x80)
		return bytes[0] != 0;
	if (bytes[0] >= 0xC2 && bytes[0] <= 0xDF)
		length = 2;
	else if (bytes[0] >= 0xE0 && bytes[0] <= 0xEF)
		length = 3;
	else if (bytes[0] >= 0xF0 && bytes[0] <= 0xF4)
		length = 4;
	else
		return 0;
	if (bytes[0] == 0xE0)
		low = 0xA0; /* no overlong forms */
	else if (bytes[0] == 0xED)
		high = 0x9F; /* no surrogates */
	else if (bytes[0] == 0xF0)
		low = 0x90;
	else if (bytes[0] == 0xF4)
		high = 0x8F; /* nothing above U+10FFFF */
	if (length > left || bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
	}
	return length;
}

bool utf8_is_clean(const char *bytes, size_t length)
{
	size_t at = 0, step;

	for (; at < length; at += step) {
		step = sequence_length((const uint8_t *)bytes + at, length - at);
		if (step == 0)
			return false;
	}
	return true;
}

size_t utf8_clean(char *to, const char *bytes, size_t length)
{
	static const char replacement[3] = "\xEF\xBF\xBD";
	size_t used = 0, at = 0;

	while (at < length) {
		size_t step = sequence_length((const uint8_t *)bytes + at, length - at);

		if (step > 0) {
			memcpy(to + used, bytes + at, step);
			used += step;
			at += step;
		} else {
			memcpy(to + used, replacement, sizeof(replacement));
			used += sizeof(replacement);
			at++;
		}
	}
	return used;
}
