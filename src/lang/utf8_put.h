/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8_put.h - one code point as UTF-8, for the strings of language runtimes. What no UTF-8 text
 * may hold (NUL, a lone surrogate, no code point at all) becomes U+FFFD. Tier A.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { UTF8_PUT_MAX = 4 };

/* Writes at most UTF8_PUT_MAX bytes; returns their number. */
static inline size_t utf8_put(uint32_t code, char out[UTF8_PUT_MAX])
{
	enum { REPLACEMENT = 0xfffd };

	if (!code || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
		code = REPLACEMENT;
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 63));
		out[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 63));
	out[2] = (char)(0x80 | (code >> 6 & 63));
	out[3] = (char)(0x80 | (code & 63));
	return 4;
}
