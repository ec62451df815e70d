/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quoted.c - text from a target on a terminal (hazard 51).
 *
 * Tier C. Data: text -> stream.
 */
#include "glyph.h"
#include "render.h"

void render_quoted(FILE *out, const char *text)
{
	char visible[GLYPH_VISIBLE_MAX];
	struct glyph glyph;

	while (glyph_next(&glyph, &text))
		fwrite(visible, 1, glyph_visible(&glyph, visible), out);
}
