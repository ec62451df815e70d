/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - makes any bytes valid UTF-8 text, as the tool's own texts are. Tier C. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes that utf8_clean may need for a text of this length, without the ending NUL. */
#define UTF8_CLEAN_MAX(length) (3 * (length))

/* Whether the bytes are well-formed UTF-8 (RFC 3629) without NUL. */
bool utf8_is_clean(const char *bytes, size_t length);
/* Copies text, with U+FFFD in place of each NUL and ill-formed byte. Returns the new length. */
size_t utf8_clean(char *to, const char *bytes, size_t length);
