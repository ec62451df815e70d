/* SPDX-License-Identifier: Apache-2.0 */
/* punycode.c - see punycode.h. */
#include "punycode.h"

#include <stdbool.h>
#include <string.h>

/* RFC 3492, section 6.1. */
static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / 700 : delta / 2;
	delta += delta / points;
	for (; delta > 35 * 26 / 2; k += 36)
		delta /= 35;
	return k + 36 * delta / (delta + 38);
}

/* One generalized variable-length integer of RFC 3492, section 3.3. False: malformed. */
static bool read_delta(const char **at, const char *end, uint32_t bias, uint32_t *ret)
{
	uint64_t value = 0, weight = 1;

	for (uint32_t k = 36;; k += 36) {
		uint32_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
		uint32_t digit;

		if (*at == end || weight > UINT32_MAX)
			return false;
		if (**at >= 'a' && **at <= 'z')
			digit = (uint32_t)(**at - 'a');
		else if (**at >= '0' && **at <= '9')
			digit = (uint32_t)(**at - '0') + 26;
		else
			return false;
		++*at;
		value += digit * weight;
		if (value > UINT32_MAX)
			return false;
		if (digit < threshold)
			break;
		weight *= 36 - threshold;
	}
	*ret = (uint32_t)value;
	return true;
}

size_t punycode_decode(const char *text, size_t length, uint32_t ret[PUNYCODE_MAX])
{
	const char *delimiter = memrchr(text, '_', length);
	const char *at = text, *end = text + length;
	uint64_t code = 128, position = 0;
	uint32_t bias = 72;
	size_t count = 0;

	if (delimiter) {
		if (delimiter - at > PUNYCODE_MAX)
			return 0;
		while (at < delimiter)
			ret[count++] = (unsigned char)*at++;
		at++;
	}
	for (bool first = true; at < end; first = false) {
		uint32_t delta;

		if (count == PUNYCODE_MAX || !read_delta(&at, end, bias, &delta))
			return 0;
		position += delta;
		bias = adapt(delta, (uint32_t)count + 1, first);
		code += position / (count + 1);
		position %= count + 1;
		if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			return 0;
		memmove(ret + position + 1, ret + position, (count - position) * sizeof(*ret));
		ret[position++] = (uint32_t)code;
		count++;
	}
	return count;
}
