/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64.h - the digits of base64 (RFC 4648, section 4), which data URLs are made of and the
 * numbers of source maps. Not here: what the digits add up to. Tier A.
 */
#pragma once

#include <stdint.h>

/* The value of a character, 0 to 63, or -1 if it is no digit. */
static inline int base64_digit(uint32_t character)
{
	if (character >= 'A' && character <= 'Z')
		return (int)(character - 'A');
	if (character >= 'a' && character <= 'z')
		return (int)(character - 'a') + 26;
	if (character >= '0' && character <= '9')
		return (int)(character - '0') + 52;
	return character == '+' ? 62 : character == '/' ? 63 : -1;
}
