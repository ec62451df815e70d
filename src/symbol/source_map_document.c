/* SPDX-License-Identifier: Apache-2.0 */
/* source_map_document.c - see source_map_document.h. */
#include "source_map_document.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "source_map_mappings.h"

enum { VERSION = 3 };

struct section {
	struct source_map_origin origin;
	const json_t *sources, *names; /* arrays; names: null if there are none */
	const char *root;
	const char *mappings;
	size_t mappings_length;
};

struct source_map_document {
	json_t *json;
	struct section *sections; /* by origin */
	size_t section_count;
};

/*
 * "[[],[],…" takes thirty times its own size once it is parsed. Memory is malloc's own, so that
 * what was taken under this budget may be freed outside it.
 */
static size_t memory_left;
static bool memory_refused;

static void *take_bounded(size_t size)
{
	void *memory = size <= memory_left ? malloc(size) : NULL;

	if (!memory) {
		memory_refused = true;
		return NULL;
	}
	size = malloc_usable_size(memory);
	memory_left -= size < memory_left ? size : memory_left;
	return memory;
}

static void give_bounded(void *memory)
{
	memory_left += malloc_usable_size(memory);
	free(memory);
}

static int parse_json(json_t **ret, const char *text, size_t length)
{
	json_malloc_t former_malloc;
	json_free_t former_free;

	memory_left = SOURCE_MAP_MEMORY_MAX;
	memory_refused = false;
	json_get_alloc_funcs(&former_malloc, &former_free);
	json_set_alloc_funcs(take_bounded, give_bounded);
	*ret = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
	json_set_alloc_funcs(former_malloc, former_free);
	if (*ret)
		return 0;
	return memory_refused ? -ENOMEM : -EINVAL;
}

/* A number that counts lines or columns. */
static int read_count(const json_t *json, uint32_t *ret)
{
	json_int_t value = json_integer_value(json);

	if (!json_is_integer(json) || value < 0 || value > INT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

static int read_map(struct section *ret, const json_t *map)
{
	const json_t *mappings = json_object_get(map, "mappings");
	const json_t *root = json_object_get(map, "sourceRoot");
	uint32_t version;

	if (read_count(json_object_get(map, "version"), &version) < 0 || version != VERSION)
		return -EINVAL;
	ret->sources = json_object_get(map, "sources");
	ret->names = json_object_get(map, "names");
	if (!json_is_string(mappings) || !json_is_array(ret->sources) ||
		(ret->names && !json_is_array(ret->names)))
		return -EINVAL;
	ret->root = json_is_string(root) ? json_string_value(root) : "";
	ret->mappings = json_string_value(mappings);
	ret->mappings_length = json_string_length(mappings);
	return 0;
}

static bool is_before(struct source_map_origin origin, uint32_t line, uint32_t column)
{
	return origin.line < line || (origin.line == line && origin.column <= column);
}

/* A section holds a map and never an index map, so that nothing here is nested. */
static int read_section(struct source_map_document *document, const json_t *json)
{
	const json_t *offset = json_object_get(json, "offset");
	struct section *section = &document->sections[document->section_count];

	if (read_count(json_object_get(offset, "line"), &section->origin.line) < 0 ||
		read_count(json_object_get(offset, "column"), &section->origin.column) < 0)
		return -EINVAL;
	if (document->section_count > 0 &&
		!is_before(section[-1].origin, section->origin.line, section->origin.column))
		return -EINVAL;
	document->section_count++;
	return read_map(section, json_object_get(json, "map"));
}

static int read_document(struct source_map_document *document)
{
	const json_t *sections = json_object_get(document->json, "sections"), *section;
	size_t index;

	document->sections =
		calloc(sections ? json_array_size(sections) + 1 : 1, sizeof(*document->sections));
	if (!document->sections)
		return -ENOMEM;
	if (!sections) {
		document->section_count = 1;
		return read_map(&document->sections[0], document->json);
	}
	json_array_foreach(sections, index, section)
	{
		if (read_section(document, section) < 0)
			return -EINVAL;
	}
	return document->section_count > 0 ? 0 : -EINVAL;
}

int source_map_document_parse(struct source_map_document **ret, const char *text, size_t length)
{
	static const char guard[] = ")]}'", byte_order_mark[] = "\xef\xbb\xbf";
	const char *end = text + length;
	struct source_map_document *document;
	int result;

	if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0)
		text += 3;
	/* A first line that keeps the map from being run as a script. */
	if (end - text >= 4 && memcmp(text, guard, 4) == 0) {
		text = memchr(text, '\n', (size_t)(end - text));
		if (!text)
			return -EINVAL;
	}
	document = calloc(1, sizeof(*document));
	if (!document)
		return -ENOMEM;
	result = parse_json(&document->json, text, (size_t)(end - text));
	if (result == 0)
		result = read_document(document);
	if (result < 0) {
		source_map_document_free(document);
		return result;
	}
	*ret = document;
	return 0;
}

void source_map_document_free(struct source_map_document *document)
{
	if (!document)
		return;
	free(document->sections);
	json_decref(document->json);
	free(document);
}

static const char *text_of(const json_t *array, int32_t number)
{
	return number < 0 ? NULL : json_string_value(json_array_get(array, (size_t)number));
}

static int answer_section(
	const struct section *section, struct source_map_place *places, size_t count)
{
	struct source_map_query *queries = calloc(count, sizeof(*queries));
	int result;

	if (!queries)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		queries[i].line = places[i].line;
		queries[i].column = places[i].column;
	}
	result = source_map_mappings_answer(
		section->mappings, section->mappings_length, section->origin, queries, count);
	for (size_t i = 0; i < count && result == 0; i++) {
		places[i].source = text_of(section->sources, queries[i].source);
		places[i].root = section->root;
		places[i].source_line = (uint32_t)queries[i].original_line;
		places[i].source_column = (uint32_t)queries[i].original_column;
		places[i].name = text_of(section->names, queries[i].name);
		places[i].starts_at = queries[i].starts_at;
	}
	free(queries);
	return result;
}

int source_map_document_answer(
	const struct source_map_document *document, struct source_map_place *places, size_t count)
{
	size_t begin = 0, end;

	/* What lies before the first section is nobody's. */
	while (begin < count && !is_before(document->sections[0].origin, places[begin].line,
					places[begin].column)) {
		places[begin].source = places[begin].name = NULL;
		places[begin++].starts_at = UINT32_MAX;
	}
	for (size_t i = 0; i < document->section_count && begin < count; i++) {
		int result = 0;

		end = begin;
		while (end < count && (i + 1 == document->section_count ||
					      !is_before(document->sections[i + 1].origin,
						      places[end].line, places[end].column)))
			end++;
		if (end > begin)
			result =
				answer_section(&document->sections[i], places + begin, end - begin);
		if (result < 0)
			return result;
		begin = end;
	}
	return 0;
}
