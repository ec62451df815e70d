/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map.h - the original places of JavaScript frames: what was bundled or compiled
 * (TypeScript, esbuild, webpack) is told in the lines that somebody wrote. Function, line and
 * column of a frame become those of the source; what ran stays in frame->generated.
 *
 * A function keeps the runtime's name unless the map says what was called so at its declaration. A
 * frame in code that no source was made into (a bundler's own) stays as it is, and so does every
 * frame of a script whose map cannot be used; the recording gets a note of it, unless the script
 * lies in node_modules.
 *
 * Not here: where maps are looked for, and which are believed (source_map_find.h). Maps are never
 * fetched.
 *
 * Tier C. Data: struct recording, named by the runtime -> the same, with original places.
 */
#pragma once

#include "recording.h"

struct source_map_options {
	const char *sources; /* null, or a folder to look for scripts and maps in first */
	const char *root;    /* null, or the root folder that the recorded paths begin in */
};

/* Maps what can be mapped, in place. Returns 0, or a negative errno: -ENOMEM, or `sources` cannot
 * be opened. */
int source_map_recording(struct recording *recording, const struct source_map_options *options);
