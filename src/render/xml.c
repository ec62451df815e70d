/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml.c - text from a target inside XML.
 *
 * Tier C. Data: text -> stream.
 */
#include "xml.h"

#include "glyph.h"

static void write_glyph(FILE *out, const struct glyph *glyph)
{
	char visible[GLYPH_VISIBLE_MAX];

	switch (glyph->code) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	case '\'':
		fputs("&#39;", out);
		break;
	default:
		fwrite(visible, 1, glyph_visible(glyph, visible), out);
	}
}

void xml_text(FILE *out, const char *text)
{
	struct glyph glyph;

	while (glyph_next(&glyph, &text))
		write_glyph(out, &glyph);
}

void xml_text_cut(FILE *out, const char *text, size_t columns)
{
	const char *end = glyph_cut(text, columns);
	struct glyph glyph;

	if (!end) {
		xml_text(out, text);
		return;
	}
	while (text < end && glyph_next(&glyph, &text))
		write_glyph(out, &glyph);
	fputs("…", out);
}
