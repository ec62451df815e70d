/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glyph.c - reads text from a target.
 *
 * Tier C. Data: NUL-terminated bytes of unknown origin -> glyphs.
 */
#include "glyph.h"

#include <stdio.h>
#include <string.h>

struct range {
	uint32_t first, last;
};

/* Characters that are not seen but change what is: controls, bidirectional and zero-width ones,
 * tags. */
static const struct range unshown[] = {
	{0x00, 0x1f},
	{0x7f, 0x9f},
	{0xad, 0xad},
	{0x061c, 0x061c},
	{0x180e, 0x180e},
	{0x200b, 0x200f},
	{0x2028, 0x202e},
	{0x2060, 0x206f},
	{0xfeff, 0xfeff},
	{0xfff9, 0xfffb},
	{0xfffe, 0xffff},
	{0xe0000, 0xe0fff},
};

/* East Asian characters that fill two columns, coarsely: for layout only. */
static const struct range wide[] = {
	{0x1100, 0x115f},
	{0x2e80, 0xa4cf},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe4f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1faff},
	{0x20000, 0x3fffd},
};

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	}
	return false;
}

/* Returns the length of the well-formed sequence at text (RFC 3629), or 0. */
static size_t decode(const uint8_t *text, uint32_t *ret_code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length;
	uint32_t code;

	if (text[0] < 0x80) {
		*ret_code = text[0];
		return 1;
	}
	length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	code = text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		/* The terminator is no continuation, so that nothing is read behind it. */
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = (code << 6) | (text[i] & 0x3fu);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return length;
}

bool glyph_next(struct glyph *ret, const char **text)
{
	const uint8_t *bytes = (const uint8_t *)*text;

	if (bytes[0] == '\0')
		return false;
	ret->bytes = *text;
	ret->length = decode(bytes, &ret->code);
	ret->valid = ret->length > 0;
	if (!ret->valid) {
		ret->length = 1;
		ret->code = bytes[0];
	}
	ret->shown = ret->valid &&
		     !is_in(ret->code, unshown, sizeof(unshown) / sizeof(unshown[0])) &&
		     (ret->code & 0xfffe) != 0xfffe;
	*text += ret->length;
	return true;
}

size_t glyph_visible(const struct glyph *glyph, char *buffer)
{
	if (glyph->shown) {
		memcpy(buffer, glyph->bytes, glyph->length);
		buffer[glyph->length] = '\0';
		return glyph->length;
	}
	return (size_t)snprintf(buffer, GLYPH_VISIBLE_MAX,
		glyph->valid && glyph->code > 0x7f ? "\\u{%x}" : "\\x%02x", (unsigned)glyph->code);
}

unsigned glyph_columns(const struct glyph *glyph)
{
	char visible[GLYPH_VISIBLE_MAX];

	if (!glyph->shown)
		return (unsigned)glyph_visible(glyph, visible);
	return is_in(glyph->code, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

size_t glyph_text_columns(const char *text)
{
	struct glyph glyph;
	size_t sum = 0;

	while (glyph_next(&glyph, &text))
		sum += glyph_columns(&glyph);
	return sum;
}

const char *glyph_cut(const char *text, size_t columns)
{
	const char *end = text, *next = text;
	struct glyph glyph;
	size_t used = 0;

	if (glyph_text_columns(text) <= columns)
		return NULL;
	while (glyph_next(&glyph, &next) && used + glyph_columns(&glyph) < columns) {
		used += glyph_columns(&glyph);
		end = next;
	}
	return end;
}
