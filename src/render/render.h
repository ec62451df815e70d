/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - what people and programs read. One file a format; renderers see findings and stacks, never blocks.
 * Tier C.
 */
#pragma once

#include <stdio.h>

#include "finding.h"

/* The verdict for a person. `color` allows SGR sequences; names from the target are quoted (hazard 51). */
int render_text(FILE *out, const struct diagnosis *diagnosis, bool color);
/* One JSON object, DESIGN.md section 6. */
int render_json(FILE *out, const struct diagnosis *diagnosis);

enum flame_of { FLAME_STALL, FLAME_BLOCK, FLAME_CPU };

struct flame_options {
	enum flame_of of;
	const char *title; /* null: made from the recording */
};

/* A flame graph as one self-contained SVG with zoom and search. Returns 0; -ENODATA: nothing to draw. */
int render_flame_svg(FILE *out, const struct recording *recording, const struct flame_options *options);

/* Writes text with C0, C1, bidirectional and escape characters made visible. */
void render_quoted(FILE *out, const char *text);
