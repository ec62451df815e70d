/* SPDX-License-Identifier: Apache-2.0 */
/* v8_embedded_map.c - see v8_embedded_map.h; the format is ECMA-426's. */
#include "v8_embedded_map.h"

#include <errno.h>
#include <string.h>

#include "base64.h"
#include "v8_string.h"

enum {
	UNITS_AT_A_TIME = 1024,
	HEAD_UNITS = 96, /* from the comment's slashes to its comma */
	PATH_BYTES = 1024,
	FIELDS = 5, /* of a segment: column, source, line, column, name */
	VLQ_SHIFT_MAX = 30,
	END = -1,
};

/* Reads units [from, to) of a string. Returns 0 or a negative errno. */
static int read_units(
	struct v8_heap *heap, uint64_t source, uint32_t from, uint32_t to, uint16_t *units)
{
	struct v8_string string;

	v8_string_open(&string, heap, source, from, to);
	while (from < to) {
		int64_t got = v8_string_next(&string, units, to - from);

		if (got <= 0)
			return got < 0 ? (int)got : -ERANGE;
		units += got;
		from += (uint32_t)got;
	}
	return 0;
}

static bool is_blank(uint16_t unit)
{
	return unit == ' ' || unit == '\t' || unit == '\r' || unit == '\n';
}

/*
 * Goes back from the end over blanks, then over base64. Other scripts end within a few units, so
 * that this costs them one read.
 */
static int find_base64(struct v8_embedded_map *map, struct v8_heap *heap, uint32_t length)
{
	uint16_t units[UNITS_AT_A_TIME];
	uint32_t at = length;
	bool begun = false;

	while (at > 0) {
		uint32_t from = at > UNITS_AT_A_TIME ? at - UNITS_AT_A_TIME : 0;
		int error = read_units(heap, map->source, from, at, units);

		if (error)
			return error;
		for (; at > from; at--) {
			uint16_t unit = units[at - from - 1];

			if (!begun && is_blank(unit))
				continue;
			if (!begun)
				map->to = at;
			begun = true;
			if (base64_digit(unit) < 0 && unit != '=') {
				map->from = at;
				return unit == ',' ? 0 : -ENOENT;
			}
		}
	}
	return -ENOENT;
}

/* Whether what stands before the base64 is "//# sourceMappingURL=data:application/json...;base64,".
 */
static bool is_comment_before(const struct v8_embedded_map *map, struct v8_heap *heap)
{
	static const char url[] = " sourceMappingURL=data:application/json", end[] = ";base64,";
	uint32_t from = map->from > HEAD_UNITS ? map->from - HEAD_UNITS : 0;
	size_t length = map->from - from;
	uint16_t units[HEAD_UNITS] = {0};
	char text[HEAD_UNITS + 1];
	const char *found;

	if (read_units(heap, map->source, from, map->from, units))
		return false;
	for (size_t i = 0; i < length; i++)
		text[i] = units[i] && units[i] < 0x80 ? (char)units[i] : '?';
	text[length] = '\0';
	found = strstr(text, url);
	return found && found - text >= 3 && (found[-1] == '#' || found[-1] == '@') &&
	       found[-2] == '/' && found[-3] == '/' && length >= strlen(end) &&
	       strcmp(text + length - strlen(end), end) == 0;
}

/* The bytes of the map. */
struct reader {
	struct v8_string string;
	uint16_t units[UNITS_AT_A_TIME];
	size_t next, count;
	uint32_t bits, held;
	uint32_t delivered;
};

/* Begins at a byte of the map. */
static void reader_open(struct reader *reader, const struct v8_embedded_map *map,
	struct v8_heap *heap, uint32_t byte)
{
	uint32_t triple = byte / 3;

	v8_string_open(&reader->string, heap, map->source, map->from + triple * 4, map->to);
	reader->next = reader->count = 0;
	reader->bits = reader->held = 0;
	reader->delivered = triple * 3;
}

/* The next byte; END at the end, or where reading fails. */
static int reader_next(struct reader *reader)
{
	while (reader->held < 8) {
		int digit;

		if (reader->next == reader->count) {
			int64_t got =
				v8_string_next(&reader->string, reader->units, UNITS_AT_A_TIME);

			if (got <= 0)
				return END;
			reader->next = 0;
			reader->count = (size_t)got;
		}
		digit = base64_digit(reader->units[reader->next++]);
		if (digit < 0)
			return END;
		reader->bits = reader->bits << 6 | (uint32_t)digit;
		reader->held += 6;
	}
	reader->held -= 8;
	reader->delivered++;
	return reader->bits >> reader->held & 0xff;
}

/* A text; of one that is too long only that is kept. */
struct text {
	char bytes[PATH_BYTES];
	size_t length;
};

static void text_add(struct text *text, int byte)
{
	if (text->length < PATH_BYTES - 1)
		text->bytes[text->length] = (char)byte;
	if (text->length < PATH_BYTES)
		text->length++;
}

/* Null if it was too long. */
static const char *text_end(struct text *text)
{
	if (text->length == PATH_BYTES)
		return NULL;
	text->bytes[text->length] = '\0';
	return text->bytes;
}

/* What of a map's JSON is looked at, and where in it the reader is. */
struct document {
	struct text key, root, source, other;
	uint32_t depth, sources, mappings_from;
	bool in_value; /* of a member of the outermost object */
};

/* Where the string that begins now is to be kept. */
static struct text *begin_string(struct document *document, uint32_t at)
{
	const char *key = text_end(&document->key);
	struct text *text = &document->other;

	if (document->depth == 1 && !document->in_value) {
		text = &document->key;
	} else if (document->depth == 1 && key && strcmp(key, "sourceRoot") == 0) {
		text = &document->root;
	} else if (document->depth == 1 && key && strcmp(key, "mappings") == 0) {
		document->mappings_from = at;
	} else if (document->depth == 2 && key && strcmp(key, "sources") == 0) {
		document->sources++;
		text = &document->source;
	}
	text->length = 0;
	return text;
}

/* Reads a string after its first quote. A name with escapes is none that is looked for. */
static void skip_string(struct reader *reader, struct text *text)
{
	int byte;

	while ((byte = reader_next(reader)) != END && byte != '"') {
		if (byte == '\\')
			byte = reader_next(reader) == '/' ? '/' : '\\';
		text_add(text, byte);
	}
}

static void read_document(struct document *document, struct reader *reader)
{
	int byte;

	while ((byte = reader_next(reader)) != END &&
		!(document->mappings_from > 0 && document->sources > 0 && document->depth == 1)) {
		switch (byte) {
		case '"':
			skip_string(reader, begin_string(document, reader->delivered));
			break;
		case '{':
		case '[':
			document->depth++;
			break;
		case '}':
		case ']':
			document->depth--;
			break;
		case ':':
			document->in_value |= document->depth == 1;
			break;
		case ',':
			document->in_value &= document->depth != 1;
			break;
		}
	}
}

static const char *without_scheme(const char *path)
{
	static const char scheme[] = "file://";

	return strncmp(path, scheme, strlen(scheme)) == 0 ? path + strlen(scheme) : path;
}

/* Whether a map's one source, below its root, is the file itself. */
static bool is_own_source(struct document *document, const char *file)
{
	const char *root = text_end(&document->root), *source = text_end(&document->source);
	const char *slash = strrchr(file, '/');
	size_t folder = slash ? (size_t)(slash - file) : 0, length;

	if (!root || !source)
		return false;
	root = without_scheme(root);
	source = without_scheme(source);
	length = strlen(root);
	if (source[0] == '/' || !slash)
		return strcmp(source, file) == 0;
	while (length > 0 && root[length - 1] == '/')
		length--;
	return strcmp(source, slash + 1) == 0 &&
	       (root[0] == '\0' || (length == folder && strncmp(root, file, length) == 0));
}

void v8_embedded_map_find(struct v8_embedded_map *ret, struct v8_heap *heap, uint64_t source,
	uint32_t length, const char *file)
{
	struct v8_embedded_map map = {.source = source};
	struct document document = {0};
	struct reader reader;

	ret->source = 0;
	if (find_base64(&map, heap, length) || !is_comment_before(&map, heap))
		return;
	reader_open(&reader, &map, heap, 0);
	read_document(&document, &reader);
	map.mappings_from = document.mappings_from;
	if (document.mappings_from > 0 && document.sources == 1 && is_own_source(&document, file))
		*ret = map;
}

/* A segment of the mappings: differences to the one before. */
struct segment {
	int32_t fields[FIELDS];
	size_t count;
};

/* Reads a segment. Returns the byte after it, or END. */
static int read_segment(struct segment *segment, struct reader *reader)
{
	uint32_t value = 0, shift = 0;
	int byte, digit;

	segment->count = 0;
	while ((byte = reader_next(reader)) != END && (digit = base64_digit((uint32_t)byte)) >= 0) {
		if (shift > VLQ_SHIFT_MAX || segment->count == FIELDS)
			return END;
		value |= (uint32_t)(digit & 31) << shift;
		shift += 5;
		if (digit & 32)
			continue;
		segment->fields[segment->count++] =
			value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
		value = shift = 0;
	}
	return byte;
}

int v8_embedded_map_place(
	const struct v8_embedded_map *map, struct v8_heap *heap, uint32_t *line, uint32_t *column)
{
	uint32_t at_line = 1, at_column = 1, source_line = 1, source_column = 1;
	uint32_t found_line = 0, found_column = 0;
	struct segment segment;
	struct reader reader;
	int end;

	reader_open(&reader, map, heap, map->mappings_from);
	while (reader.delivered < map->mappings_from)
		if (reader_next(&reader) == END)
			return -EFAULT;
	do {
		end = read_segment(&segment, &reader);
		if (end == END)
			return -EINVAL;
		/* Damaged fields may lead anywhere, but nothing is read by them: they wrap. */
		if (segment.count > 0)
			at_column += (uint32_t)segment.fields[0];
		if (segment.count >= 4) {
			source_line += (uint32_t)segment.fields[2];
			source_column += (uint32_t)segment.fields[3];
		}
		if (segment.count > 0 && at_line == *line) {
			if (at_column > *column)
				break;
			found_line = segment.count >= 4 ? source_line : 0;
			found_column = source_column;
		}
		if (end == ';') {
			at_line++;
			at_column = 1;
		}
	} while (at_line <= *line && end != '"');
	if (found_line == 0)
		return -ENOENT;
	*line = found_line;
	*column = found_column;
	return 0;
}
