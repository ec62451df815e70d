/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_embedded_map.h - the source map of a script that was compiled in memory. A loader (tsx,
 * ts-node, a hook of Babel's or SWC's, node's own for types) gives V8 what it made of a file under
 * that file's name, with the map as a data URL in the last line; nothing on disk says how the two
 * relate. A map counts only if its one source is the script's own file, so that no place is mapped
 * twice: all others lie on disk and are the tool's business (src/symbol/source_map.h). Read as a
 * stream out of V8's heap, and never kept. Tier B.
 */
#pragma once

#include <stdbool.h>

#include "v8_heap.h"

struct v8_embedded_map {
	uint64_t source;        /* V8's string of the script's source; 0: it has no such map */
	uint32_t from, to;      /* units of it: the map in base64 */
	uint32_t mappings_from; /* bytes of the map before its mappings */
};

/* Looks for the map of a script named `file` whose source has `length` units. */
void v8_embedded_map_find(struct v8_embedded_map *ret, struct v8_heap *heap, uint64_t source,
	uint32_t length, const char *file);
/*
 * Where the code at a line and column of the script was written; both count from 1. Returns 0;
 * -ENOENT if the compiler made that code by itself; -EINVAL for a damaged map; -EFAULT.
 */
int v8_embedded_map_place(
	const struct v8_embedded_map *map, struct v8_heap *heap, uint32_t *line, uint32_t *column);
