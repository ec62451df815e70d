/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - what people and programs read. One file a format; renderers see findings and stacks,
 * never blocks. Whether all was written, the stream's error indicator says.
 *
 * Tier C. Data: struct diagnosis, struct recording -> stream.
 */
#pragma once

#include <stdio.h>

#include "finding.h"

struct text_options {
	bool color; /* SGR sequences may be written */
	bool all;   /* findings of severity info too */
};

/* The verdict for a person. Names from the target are quoted (hazard 51). */
void render_text(FILE *out, const struct diagnosis *diagnosis, const struct text_options *options);
/* One JSON object, holter-diagnose(1). */
void render_json(FILE *out, const struct diagnosis *diagnosis);

enum flame_of { FLAME_STALL, FLAME_BLOCK, FLAME_CPU };

struct flame_options {
	enum flame_of of;
	const char *title; /* null: made from the recording */
};

/* A flame graph as one self-contained SVG with zoom and search. Returns 0; -ENODATA: nothing to
 * draw. */
int render_flame_svg(FILE *out, struct recording *recording, const struct flame_options *options);

/* Writes text with C0, C1, bidirectional and escape characters made visible. */
void render_quoted(FILE *out, const char *text);
