/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glyph.h - text from a target, one character at a time, told apart into what may be shown and what
 * would act on the reader's terminal or page: control characters (C0, C1), bidirectional and
 * invisible ones, bytes that are no UTF-8 (hazards 50, 51).
 *
 * Tier C. Data: NUL-terminated bytes of unknown origin -> glyphs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct glyph {
	const char *bytes; /* borrowed from the text */
	size_t length;
	uint32_t code; /* code point; the byte if it is no UTF-8 */
	bool valid;    /* UTF-8 */
	bool shown;    /* may be printed as it is */
};

enum { GLYPH_VISIBLE_MAX = 16 };

/* Reads the glyph at *text and moves on. Returns false at the end. */
bool glyph_next(struct glyph *ret, const char **text);
/*
 * Writes a glyph as it may be printed: itself, or an escape such as \x1b or \u{202e}. buffer has
 * GLYPH_VISIBLE_MAX bytes and is terminated. Returns the length.
 */
size_t glyph_visible(const struct glyph *glyph, char *buffer);
/* How many columns of a terminal or a monospaced line the visible form takes. */
unsigned glyph_columns(const struct glyph *glyph);
/* The columns of a whole text. */
size_t glyph_text_columns(const char *text);
/*
 * Where to end a text that is to take no more than `columns`, an ellipsis included. Returns null if
 * it fits as it is.
 */
const char *glyph_cut(const char *text, size_t columns);
