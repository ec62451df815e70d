/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map_find.h - the source map of a script: below --sources DIR by the end of the script's
 * path; else the one that the comment at the script's end holds or names, or the file FILE.map
 * beside it. Nothing is fetched from a network.
 *
 * A recording and what it leads to may be hostile: only regular files are opened, none that blocks,
 * each and all of them up to a bound (hazards 47, 49). A file that was put in its place after the
 * recording began need not be the one that ran, and is not believed; what lies below DIR is, as
 * somebody said so.
 *
 * Tier C. Data: a script's path -> struct source_map_found.
 */
#pragma once

#include <stdint.h>

#include "source_map_document.h"

enum { SOURCE_MAP_FILE_MAX = 64 << 20 };

struct source_map_search {
	const char *sources; /* DIR, absolute; null: none */
	int sources_fd;      /* locate_root of it, or LOCATE_SYSTEM */
	int process_fd;      /* locate_root of the recorded process's root, or LOCATE_SYSTEM */
	int64_t begin_ns;    /* when the recording began, UTC */
	uint64_t bytes_left; /* that may be read in all */
};

struct source_map_found {
	struct source_map_document *document;
	char *folder; /* absolute: what the map's sources are relative to */
	char *script; /* text of the script that ran; null: not at hand */
	size_t script_length;
};

/*
 * Looks for the map of a script (an absolute path). Returns 0 and sets ret (source_map_found_done);
 * -ENOENT: it has none, and nothing says that it should; another negative errno if there should be
 * one that cannot be used: source_map_find_reason says why.
 */
int source_map_find(
	struct source_map_found *ret, struct source_map_search *search, const char *script);
/* Static: "the map is ...". */
const char *source_map_find_reason(int error);
void source_map_found_done(struct source_map_found *found);
