/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_script.h"

#include <errno.h>
#include <string.h>

#include "v8_embedded_map.h"
#include "v8_source_url.h"
#include "v8_string.h"

enum {
	SOURCE_UNITS_MAX = 16 << 20,
	SPACING_SHIFT_MIN = 12,
	LINE_SEPARATOR = 0x2028,
	PARAGRAPH_SEPARATOR = 0x2029,
	UNITS_AT_A_TIME = 2048, /* divides the spacing */
	PLACES_KEPT = 32,       /* of a script with an embedded map, by position */
};

/* How far the counting of lines has come at some position. */
struct line_count {
	uint32_t lines;      /* whole lines before the position */
	uint32_t line_start; /* position of the current line's first unit */
	bool after_return;   /* the last unit was a carriage return whose line feed may follow */
};

struct checkpoint {
	uint32_t lines : 31, after_return : 1;
	uint32_t line_start;
};

/* What an embedded map said of a position. */
struct place {
	int32_t position_plus_1; /* 0: none is kept here */
	int error;
	uint32_t line, column;
};

struct v8_script {
	uint64_t object, source, name; /* object 0: unused */
	uint64_t used;                 /* v8_scripts.clock at the last use */
	int32_t line_offset, column_offset;
	uint8_t spacing_shift; /* a checkpoint each 1 << spacing_shift units */
	uint16_t checkpoint_count;
	struct checkpoint
		checkpoints[V8_SCRIPT_CHECKPOINTS]; /* [i]: the count at (i + 1) << shift */
	char file[V8_SCRIPT_FILE_BYTES];
	struct v8_embedded_map map;
	struct place places[PLACES_KEPT];
};

struct v8_scripts {
	uint64_t clock;
	struct v8_script scripts[V8_SCRIPTS_MAX];
};

struct v8_scripts *v8_scripts_new(struct arena *arena)
{
	return arena_alloc(arena, sizeof(struct v8_scripts));
}

static int hex_digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	character |= 0x20;
	return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

void v8_script_plain_path(char *text)
{
	const char *from = text + 7;
	char *to = text;

	/* "file://host/..." names another machine's file: left alone. */
	if (strncmp(text, "file:///", 8) != 0)
		return;
	while (*from) {
		int high = -1, low = -1;

		if (*from == '%') {
			high = hex_digit(from[1]);
			low = high < 0 ? -1 : hex_digit(from[2]);
		}
		/* An encoded NUL cannot be part of a path. */
		if (low >= 0 && (high | low)) {
			*to++ = (char)(high << 4 | low);
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* A small integer, or 0 where it cannot be read: these two are 0 in nearly every script. */
static int32_t smi_or_zero(struct v8_heap *heap, uint64_t object, int32_t offset)
{
	int32_t value;

	return v8_field_smi(heap, object, offset, &value) ? 0 : value;
}

/* Whether a name says where the source is: a file, or one of node's own. */
static bool is_file(const char *name)
{
	return name[0] == '/' || strncmp(name, "node:", strlen("node:")) == 0;
}

static void fill(struct v8_script *script, struct v8_heap *heap, uint64_t object, uint64_t source,
	uint64_t name)
{
	const struct v8_layout *layout = heap->layout;
	int64_t length = v8_string_length(heap, source);

	script->object = object;
	script->source = source;
	script->name = name;
	script->line_offset = smi_or_zero(heap, object, layout->script_line_offset);
	script->column_offset = smi_or_zero(heap, object, layout->script_column_offset);
	script->checkpoint_count = 0;
	script->spacing_shift = SPACING_SHIFT_MIN;
	while (length > 0 && length >> script->spacing_shift >= V8_SCRIPT_CHECKPOINTS)
		script->spacing_shift++;
	if (v8_string_utf8(heap, name, script->file, sizeof(script->file)) < 0)
		script->file[0] = '\0';
	v8_script_plain_path(script->file);
	memset(script->places, 0, sizeof(script->places));
	script->map.source = 0;
	if (length <= 0 || length > SOURCE_UNITS_MAX)
		return;
	if (is_file(script->file))
		v8_embedded_map_find(&script->map, heap, source, (uint32_t)length, script->file);
	else
		v8_source_url_read(
			heap, source, (uint32_t)length, script->file, sizeof(script->file));
}

struct v8_script *v8_script_get(struct v8_scripts *scripts, struct v8_heap *heap, uint64_t object)
{
	const struct v8_layout *layout = heap->layout;
	struct v8_script *oldest = &scripts->scripts[0];
	uint64_t source, name;

	if (!v8_is(heap, object, layout->type_script) ||
		v8_field(heap, object, layout->script_source, &source) ||
		v8_field(heap, object, layout->script_name, &name))
		return NULL;
	scripts->clock++;
	for (size_t i = 0; i < V8_SCRIPTS_MAX; i++) {
		struct v8_script *script = &scripts->scripts[i];

		if (script->object == object && script->source == source && script->name == name) {
			script->used = scripts->clock;
			return script;
		}
		if (script->used < oldest->used)
			oldest = script;
	}
	fill(oldest, heap, object, source, name);
	oldest->used = scripts->clock;
	return oldest;
}

const char *v8_script_file(const struct v8_script *script)
{
	return script->file;
}

/* V8: String::IsLineTerminatorSequence. A carriage return and a line feed together end one line. */
static void count_unit(struct line_count *count, uint32_t position, uint16_t unit)
{
	if (count->after_return) {
		count->after_return = false;
		if (unit != '\n') {
			count->lines++;
			count->line_start = position;
		}
	}
	if (unit == '\n' || unit == LINE_SEPARATOR || unit == PARAGRAPH_SEPARATOR) {
		count->lines++;
		count->line_start = position + 1;
	}
	count->after_return = unit == '\r';
}

/* Keeps the count at each multiple of the spacing that has none yet, in order. */
static void remember(struct v8_script *script, const struct line_count *count, uint32_t position)
{
	if (script->checkpoint_count < V8_SCRIPT_CHECKPOINTS &&
		position == (uint32_t)(script->checkpoint_count + 1) << script->spacing_shift)
		script->checkpoints[script->checkpoint_count++] = (struct checkpoint){
			.lines = count->lines,
			.after_return = count->after_return,
			.line_start = count->line_start,
		};
}

/*
 * Counts the lines before `position` from the nearest checkpoint on. When the question's reads are
 * used up, what was counted is kept: the next question goes on from there.
 */
static int count_lines(
	struct v8_script *script, struct v8_heap *heap, uint32_t position, struct line_count *ret)
{
	uint32_t known = position >> script->spacing_shift, at = 0;
	struct line_count count = {0};
	struct v8_string string;
	uint16_t units[UNITS_AT_A_TIME];

	if (known > script->checkpoint_count)
		known = script->checkpoint_count;
	if (known) {
		at = known << script->spacing_shift;
		count.lines = script->checkpoints[known - 1].lines;
		count.line_start = script->checkpoints[known - 1].line_start;
		count.after_return = script->checkpoints[known - 1].after_return;
	}
	v8_string_open(&string, heap, script->source, at, position);
	while (at < position) {
		/* Stops at each multiple of the spacing to remember it. */
		int64_t got =
			v8_string_next(&string, units, UNITS_AT_A_TIME - at % UNITS_AT_A_TIME);

		if (got <= 0)
			return got ? (int)got : -ERANGE;
		for (int64_t i = 0; i < got; i++)
			count_unit(&count, at + (uint32_t)i, units[i]);
		at += (uint32_t)got;
		remember(script, &count, at);
	}
	*ret = count;
	return 0;
}

/* V8's own table, once something has asked for it: the position of each line's end. */
static int look_up_lines(
	struct v8_script *script, struct v8_heap *heap, int32_t position, struct line_count *ret)
{
	const struct v8_layout *layout = heap->layout;
	int32_t length, low = 0, high;
	uint64_t ends, end;

	if (v8_field_of(heap, script->object, layout->script_line_ends, layout->type_fixed_array,
		    &ends) ||
		v8_field_smi(heap, ends, layout->array_length, &length) || length <= 0)
		return -ENOENT;
	high = length;
	while (low < high) {
		int32_t middle = low + (high - low) / 2;

		if (v8_element(heap, ends, middle, &end) || !v8_is_smi(end))
			return -ENOENT;
		if (v8_smi(end) < position)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == length)
		return -ENOENT;
	*ret = (struct line_count){.lines = (uint32_t)low};
	if (low) {
		if (v8_element(heap, ends, low - 1, &end) || !v8_is_smi(end) || v8_smi(end) < 0)
			return -ENOENT;
		ret->line_start = (uint32_t)v8_smi(end) + 1;
	}
	return 0;
}

/* Where a position is in the source that V8 has. */
static int find_line(struct v8_script *script, struct v8_heap *heap, int32_t position,
	uint32_t *ret_line, uint32_t *ret_column)
{
	struct line_count count;
	int error;

	if (position < 0 || position > SOURCE_UNITS_MAX)
		return -ERANGE;
	if (look_up_lines(script, heap, position, &count)) {
		error = count_lines(script, heap, (uint32_t)position, &count);
		if (error)
			return error;
		if (count.after_return) {
			count.lines++;
			count.line_start = (uint32_t)position;
		}
	}
	if (count.line_start > (uint32_t)position)
		return -ERANGE;
	*ret_column = (uint32_t)position - count.line_start + 1;
	if (!count.lines)
		*ret_column += (uint32_t)script->column_offset;
	*ret_line = count.lines + 1 + (uint32_t)script->line_offset;
	return 0;
}

/* The same few positions are asked for again and again. */
static int find_origin(struct v8_script *script, struct v8_heap *heap, int32_t position,
	uint32_t *line, uint32_t *column)
{
	struct place *place = &script->places[position % PLACES_KEPT];

	if (place->position_plus_1 != position + 1) {
		place->position_plus_1 = position + 1;
		place->error = v8_embedded_map_place(&script->map, heap, line, column);
		place->line = *line;
		place->column = *column;
	}
	*line = place->line;
	*column = place->column;
	return place->error;
}

int v8_script_line(struct v8_script *script, struct v8_heap *heap, int32_t position,
	uint32_t *ret_line, uint32_t *ret_column)
{
	uint32_t line, column;
	int error = find_line(script, heap, position, &line, &column);

	if (!error && script->map.source)
		error = find_origin(script, heap, position, &line, &column);
	if (error)
		return error;
	*ret_line = line;
	*ret_column = column;
	return 0;
}
