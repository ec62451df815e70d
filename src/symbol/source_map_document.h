/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map_document.h - a source map, version 3: a JSON object with mappings, sources and names,
 * or an index map, whose sections hold one such object each (ECMA-426). A map is hostile: what it
 * may make the tool allocate is bounded (hazard 47).
 *
 * Tier C, one thread. Data: JSON text and positions in generated code -> positions in sources. Not
 * here: where maps come from (source_map_find.h), where sources lie (source_map_path.h). A section
 * given by a URL makes the map unusable: the format has dropped them, and nothing is fetched.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct source_map_document;

enum { SOURCE_MAP_MEMORY_MAX = 512 << 20 }; /* of a parsed map */

/* A position in the generated code and what it was made from. All count from 0; columns are UTF-16
 * units. Strings are the document's. */
struct source_map_place {
	uint32_t line, column; /* in the generated code */
	const char *source; /* null: this code was written by nobody, or nothing is known of it */
	const char *root;   /* what the map says that the source is relative to; "": nothing */
	uint32_t source_line, source_column;
	const char *name;   /* what stands here was called so in the source; null: not said */
	uint32_t starts_at; /* the column that the answer holds from; UINT32_MAX: none does */
};

/* Returns 0; -EINVAL: it is no map of version 3, or damaged; -ENOMEM: it, or what was made of it,
 * is too large. */
int source_map_document_parse(struct source_map_document **ret, const char *text, size_t length);
void source_map_document_free(struct source_map_document *document);
/*
 * Fills in `count` places, sorted by line and column. Returns 0; -EINVAL if the mappings are
 * damaged, and then no answer counts; -ENOMEM.
 */
int source_map_document_answer(
	const struct source_map_document *document, struct source_map_place *places, size_t count);
