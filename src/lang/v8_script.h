/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_script.h - V8's scripts: the file a function is in, and the line and column of a position in
 * its source. A bounded cache by script, checked again at each use; lines come from V8's own table
 * where it has made one, else from counting in the source, with checkpoints on the way so that the
 * second question is cheap. Of a script that was compiled in memory they are those of its file
 * (v8_embedded_map.h). Tier B. A script longer than 16 Mi units has no lines.
 */
#pragma once

#include "arena.h"
#include "v8_heap.h"

enum {
	V8_SCRIPTS_MAX = 64,
	V8_SCRIPT_CHECKPOINTS = 512,
	V8_SCRIPT_FILE_BYTES = 1024,
};

struct v8_script;
struct v8_scripts;

/* Takes about 370 KiB of the arena. Returns null when it is full. */
struct v8_scripts *v8_scripts_new(struct arena *arena);
/*
 * The script of a Script object; null if it is none. Borrowed until the next call. When all places
 * are taken, the one used longest ago is forgotten.
 */
struct v8_script *v8_script_get(struct v8_scripts *scripts, struct v8_heap *heap, uint64_t object);
/* Its path, URL or name, for code of no file what it calls itself; "" if it has none. */
const char *v8_script_file(const struct v8_script *script);
/*
 * The line and column (from 1) of a position in its source, or in its file where that was compiled
 * in memory. Returns 0, or a negative errno: the source cannot be read, is too long, or ends
 * before; nobody wrote what is there.
 */
int v8_script_line(struct v8_script *script, struct v8_heap *heap, int32_t position,
	uint32_t *ret_line, uint32_t *ret_column);
/* Turns a file URL into a path in place ("file:///a%20b" -> "/a b"); leaves everything else as it
 * is. */
void v8_script_plain_path(char *text);
