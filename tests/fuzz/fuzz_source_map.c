/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_source_map.c - any bytes as a source map, its mappings, a reference in it, or a script: no
 * crash, no hang, and answers that keep the headers' promises.
 *
 * The first byte chooses what the rest is: 'd' a document, 'm' mappings, 'p' a root and a source
 * parted by a line's end, 's' a script that is searched for its map, 't' a name and, on the next
 * line, a script in which it is looked for.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "locate.h"
#include "source_map_document.h"
#include "source_map_find.h"
#include "source_map_mappings.h"
#include "source_map_path.h"
#include "source_map_token.h"
#include "utf8.h"

enum { LINES = 4, COLUMNS = 16, QUERIES = LINES * COLUMNS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *promise)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", promise);
	abort();
}

static void try_document(const char *text, size_t length)
{
	struct source_map_place places[QUERIES] = {0};
	struct source_map_document *document;

	if (source_map_document_parse(&document, text, length) < 0)
		return;
	for (uint32_t i = 0; i < QUERIES; i++) {
		places[i].line = i / COLUMNS;
		places[i].column = i % COLUMNS;
	}
	if (source_map_document_answer(document, places, QUERIES) == 0) {
		for (size_t i = 0; i < QUERIES; i++) {
			require(!places[i].source ||
					(places[i].root && places[i].starts_at <= places[i].column),
				"a place with a source has a beginning");
			require(!places[i].source || strlen(places[i].source) <= length,
				"a source is text of the map");
		}
	}
	source_map_document_free(document);
}

/* All at once the answers are those of one question after the other. */
static void try_mappings(const char *text, size_t length)
{
	struct source_map_query queries[QUERIES] = {0};

	for (uint32_t i = 0; i < QUERIES; i++) {
		queries[i].line = i / COLUMNS;
		queries[i].column = i % COLUMNS * (1 + i / COLUMNS);
	}
	if (source_map_mappings_answer(
		    text, length, (struct source_map_origin){0}, queries, QUERIES) < 0)
		return;
	for (size_t i = 0; i < QUERIES; i++) {
		struct source_map_query query = {
			.line = queries[i].line, .column = queries[i].column};

		require(source_map_mappings_answer(
				text, length, (struct source_map_origin){0}, &query, 1) == 0,
			"what was read in full is readable in part");
		require(query.source == queries[i].source && query.name == queries[i].name &&
				query.original_line == queries[i].original_line &&
				query.original_column == queries[i].original_column &&
				query.starts_at == queries[i].starts_at,
			"questions do not disturb each other");
	}
}

static void try_path(char *text)
{
	const struct source_map_folders folders = {.map = "/app/dist", .sources = "/kept"};
	char *source = strchr(text, '\n'), *path;

	if (!source)
		return;
	*source++ = '\0';
	path = source_map_path(&folders, text, source);
	require(path != NULL && strlen(path) < strlen(text) + strlen(source) + 64,
		"a source has a path");
	free(path);
	path = source_map_path_of_map("/app", source, strlen(source));
	require(path != NULL && path[0] == '/' && !strstr(path, "/../"),
		"a map's path is absolute");
	free(path);
}

static void try_script(const char *text, size_t length)
{
	struct source_map_search search = {.sources_fd = LOCATE_SYSTEM,
		.process_fd = LOCATE_SYSTEM,
		.begin_ns = INT64_MAX,
		.bytes_left = UINT64_MAX};
	int file = memfd_create("script", MFD_CLOEXEC);
	struct source_map_found found;
	char path[32];

	require(file >= 0 && write(file, text, length) == (ssize_t)length, "a file in memory");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (source_map_find(&found, &search, path) == 0) {
		require(found.document && found.folder && found.folder[0] == '/',
			"what is found is whole");
		source_map_found_done(&found);
	}
	close(file);
}

static void try_token(char *text, size_t length)
{
	char *script = memchr(text, '\n', length);
	struct source_map_cursor cursor;

	if (!script)
		return;
	*script++ = '\0';
	length -= (size_t)(script - text);
	/* The reader of recordings sees to it. */
	if (!utf8_is_clean(text, strlen(text)))
		return;
	source_map_cursor_init(&cursor, script, length);
	for (uint32_t i = 0; i < QUERIES; i++) {
		struct source_map_cursor there;
		uint32_t column;

		if (!source_map_cursor_move(&cursor, i / COLUMNS, i % COLUMNS) ||
			!source_map_token_find(&cursor, text, &column))
			continue;
		require(column < cursor.column, "a name stands before the parameters");
		source_map_cursor_init(&there, script, length);
		require(source_map_cursor_move(&there, cursor.line, column) &&
				memcmp(there.at, text, strlen(text)) == 0,
			"it is the name that stands there");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	require(text != NULL, "memory");
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case 'd':
		try_document(text, size - 1);
		break;
	case 'm':
		try_mappings(text, size - 1);
		break;
	case 'p':
		try_path(text);
		break;
	case 's':
		try_script(text, size - 1);
		break;
	case 't':
		try_token(text, size - 1);
		break;
	default:
		break;
	}
	free(text);
	return 0;
}
