/* SPDX-License-Identifier: Apache-2.0 */
/*
 * punycode.h - identifiers that are not ASCII, as Rust's v0 names spell them: RFC 3492 with '_' as
 * the delimiter.
 *
 * Tier C. Data: hostile text -> code points.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	PUNYCODE_MAX = 128, /* code points of one identifier */
};

/* Returns the number of code points; 0 if the text is malformed or too long. */
size_t punycode_decode(const char *text, size_t length, uint32_t ret[PUNYCODE_MAX]);
