/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.h - bounded text without printf: usable in a signal handler and before libc is ready.
 * Text that does not fit is cut; the buffer always ends with NUL. Tier A.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct format {
	char *buffer;
	size_t size, length; /* length excludes the NUL */
};

void format_init(struct format *format, char *buffer, size_t size);
void format_text(struct format *format, const char *text);
void format_bytes(struct format *format, const char *text, size_t length);
void format_unsigned(struct format *format, uint64_t value);
void format_signed(struct format *format, int64_t value);
void format_hex(struct format *format, uint64_t value); /* lower case, no prefix */

/* Parse a number at *text and move past it. Return 0 (nothing changed) without a digit or on
 * overflow. */
int parse_unsigned(const char **text, uint64_t *ret);
int parse_hex(const char **text, uint64_t *ret);
