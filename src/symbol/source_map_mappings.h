/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map_mappings.h - the "mappings" text of a source map, version 3 (ECMA-426): segments in
 * base64 VLQ, lines parted by ';', segments by ','. The text is read once, from its beginning, and
 * nothing of it is kept: the questions are asked all at once and answered on the way.
 *
 * Tier C, but pure. Data: text and sorted positions -> numbers of sources, lines, columns. The text
 * is hostile. Not here: what the numbers stand for (source_map_document.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A position in the generated code, and the segment that covers it. All count from 0; columns are
 * UTF-16 units. */
struct source_map_query {
	uint32_t line, column;
	/* The answer. */
	int32_t source; /* number; -1: this code was written by nobody, or nothing is known of it */
	int32_t original_line, original_column;
	int32_t name;       /* number; -1: the segment bears none */
	uint32_t starts_at; /* column that the segment begins at; UINT32_MAX: there is none */
};

/* Where the text begins to count: that of a section of an index map, else 0, 0. */
struct source_map_origin {
	uint32_t line, column;
};

/*
 * Answers `count` queries that are sorted by line and column, none of which lies before the origin.
 * Returns 0, or -EINVAL if the text is no mappings text as far as it had to be read; the answers
 * are then worthless.
 */
int source_map_mappings_answer(const char *text, size_t length, struct source_map_origin origin,
	struct source_map_query *queries, size_t count);
