/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_map.c - see source_map.h. Frames are put in the order of scripts, functions and positions;
 * the map of each script is asked all of its questions at once; the answers are written into the
 * frames.
 */
#include "source_map.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "locate.h"
#include "source_map_find.h"
#include "source_map_path.h"
#include "source_map_token.h"

#define BUDGET_NS    ((uint64_t)20 * 1000000000) /* for all maps of a recording together */
#define BUDGET_BYTES ((uint64_t)512 << 20)

enum {
	NOTES_MAX = 8,        /* scripts that are complained of one by one */
	NAME_BYTES_MAX = 512, /* of an original name; a longer one is none */
};

static const uint32_t NOWHERE = UINT32_MAX;

/* A frame of a script that is a file. */
struct use {
	struct frame *frame;
};

struct context {
	struct recording *recording;
	struct source_map_search search;
	uint64_t deadline_ns;
	struct use *uses; /* by file, function, position */
	size_t use_count;
	const char *notes[NOTES_MAX];
	size_t note_count; /* may be more than are kept */
};

/* A function of a script and its frames. */
struct declared {
	const struct function *function;
	const struct use *uses;
	size_t count;
	uint32_t name_column; /* from 0, on the line of the declaration; NOWHERE: not found */
};

/* A script with its map, and all that the map is asked. */
struct script {
	struct context *context;
	struct source_map_found found;
	struct declared *declared;
	size_t declared_count, declared_capacity;
	struct source_map_place *places; /* sorted once all are known */
	size_t place_count, place_capacity;
	/* The path that was worked out last, and of what: neighbours mostly share it. */
	const char *path_root, *path_source, *path;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool is_wanted(const struct frame *frame)
{
	return frame->kind >= FRAME_JS_INTERPRETED && frame->kind <= FRAME_JS_UNKNOWN &&
	       frame->function && frame->function->file[0] == '/';
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static uint64_t place_of(uint32_t line, uint32_t column)
{
	return (uint64_t)line << 32 | column;
}

static int compare_uses(const void *left, const void *right)
{
	const struct frame *a = ((const struct use *)left)->frame;
	const struct frame *b = ((const struct use *)right)->frame;
	const struct function *f = a->function, *g = b->function;
	int order = f->file == g->file ? 0 : strcmp(f->file, g->file);

	if (!order)
		order = compare_numbers(place_of(f->line, f->column), place_of(g->line, g->column));
	if (!order)
		order = compare_numbers((uintptr_t)f, (uintptr_t)g);
	return order ? order
		     : compare_numbers(place_of(a->line, a->column), place_of(b->line, b->column));
}

/* Lists the frames of scripts that are files. */
static int collect(struct context *context)
{
	const struct recording *recording = context->recording;
	size_t room = 0;

	for (size_t i = 0; i < recording->stack_count; i++)
		room += recording->stacks[i]->count;
	context->uses = calloc(room + 1, sizeof(*context->uses));
	if (!context->uses)
		return -ENOMEM;
	for (size_t i = 0; i < recording->stack_count; i++) {
		const struct stack *stack = recording->stacks[i];

		for (size_t j = 0; j < stack->count; j++) {
			if (is_wanted(&stack->frames[j]))
				context->uses[context->use_count++].frame = &stack->frames[j];
		}
	}
	qsort(context->uses, context->use_count, sizeof(*context->uses), compare_uses);
	return 0;
}

/* Makes room for one more item. */
static int grow(void *items, size_t count, size_t *capacity, size_t size)
{
	void **array = items, *grown;
	size_t wanted = *capacity ? *capacity * 2 : 64;

	if (count < *capacity)
		return 0;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = wanted;
	return 0;
}

/* Asks for a place that counts from 1; one that is not known is not asked for. */
static int ask(struct script *script, uint32_t line, uint32_t column)
{
	if (line == 0 || column == 0)
		return 0;
	if (grow(&script->places, script->place_count, &script->place_capacity,
		    sizeof(*script->places)) < 0)
		return -ENOMEM;
	script->places[script->place_count++] =
		(struct source_map_place){.line = line - 1, .column = column - 1};
	return 0;
}

static void find_name(struct declared *declared, struct source_map_cursor *cursor)
{
	const struct function *function = declared->function;

	declared->name_column = NOWHERE;
	if (function->line > 0 && function->column > 0 &&
		source_map_cursor_move(cursor, function->line - 1, function->column - 1))
		source_map_token_find(cursor, function->name, &declared->name_column);
}

/* Parts the frames of a script into functions, and asks for all of their places. */
static int ask_frames(struct script *script, const struct use *uses, size_t count)
{
	struct declared *declared = NULL;
	struct source_map_cursor cursor;
	int error = 0;

	source_map_cursor_init(&cursor, script->found.script ? script->found.script : "",
		script->found.script_length);
	for (size_t i = 0; i < count && !error; i++) {
		const struct frame *frame = uses[i].frame;
		const struct function *function = frame->function;

		if (!declared || declared->function != function) {
			if (grow(&script->declared, script->declared_count,
				    &script->declared_capacity, sizeof(*script->declared)) < 0)
				return -ENOMEM;
			declared = &script->declared[script->declared_count++];
			*declared = (struct declared){.function = function, .uses = uses + i};
			find_name(declared, &cursor);
			error = ask(script, function->line, function->column);
			if (!error && declared->name_column != NOWHERE)
				error = ask(script, function->line, declared->name_column + 1);
		}
		if (!error && (declared->count == 0 || compare_uses(&uses[i - 1], &uses[i])))
			error = ask(script, frame->line, frame->column);
		declared->count++;
	}
	return error;
}

static int compare_places(const void *left, const void *right)
{
	const struct source_map_place *a = left, *b = right;

	return compare_numbers(place_of(a->line, a->column), place_of(b->line, b->column));
}

/* What the map says of a place that counts from 1, or null. */
static const struct source_map_place *answer_at(
	const struct script *script, uint32_t line, uint32_t column)
{
	struct source_map_place key = {.line = line - 1, .column = column - 1}, *found = NULL;

	if (line > 0 && column > 0)
		found = bsearch(
			&key, script->places, script->place_count, sizeof(key), compare_places);
	return found && found->source ? found : NULL;
}

/* The path of an answer's source; "" if it has none that could be shown. */
static const char *path_of(struct script *script, const struct source_map_place *place)
{
	const struct source_map_folders folders = {
		.map = script->found.folder, .sources = script->context->search.sources};
	char *path;

	if (place->source == script->path_source && place->root == script->path_root)
		return script->path;
	path = strlen(place->source) + strlen(place->root) < PATH_MAX
		       ? source_map_path(&folders, place->root, place->source)
		       : NULL;
	if (path && source_map_path_leaves_package(folders.map, path)) {
		free(path);
		path = NULL;
	}
	script->path = path ? recording_text(script->context->recording, path, strlen(path)) : "";
	script->path_source = place->source;
	script->path_root = place->root;
	free(path);
	return script->path;
}

static const struct function *make_function(struct script *script, const char *name,
	const struct source_map_place *place, bool is_declaration)
{
	struct function *function = recording_alloc(script->context->recording, sizeof(*function));

	*function = (struct function){.name = name, .file = path_of(script, place)};
	if (is_declaration) {
		function->line = place->source_line + 1;
		function->column = place->source_column + 1;
	}
	return function;
}

/* What the function was called where it was written, as far as the map knows. */
static const char *name_of(const struct script *script, const struct declared *declared)
{
	const struct function *function = declared->function;
	const struct source_map_place *place;

	if (declared->name_column == NOWHERE)
		return function->name;
	place = answer_at(script, function->line, declared->name_column + 1);
	/* A segment that began earlier bears the name of something else. */
	if (!place || place->starts_at != declared->name_column || !place->name ||
		place->name[0] == '\0' || strlen(place->name) > NAME_BYTES_MAX)
		return function->name;
	return recording_text(script->context->recording, place->name, strlen(place->name));
}

static bool is_same_source(const struct source_map_place *a, const struct source_map_place *b)
{
	return strcmp(a->source, b->source) == 0 && strcmp(a->root, b->root) == 0;
}

/*
 * Writes the answers into the frames of a function. A bundler may have put one function of another
 * file into it: then the declaration says whose frame it is, and the line, of which only the file
 * that it is not in is known, is left out.
 */
static void place_frames(struct script *script, const struct declared *declared)
{
	const struct source_map_place *declaration =
		answer_at(script, declared->function->line, declared->function->column);
	const char *name = name_of(script, declared);
	const struct function *function =
		declaration ? make_function(script, name, declaration, true) : NULL;
	const struct source_map_place *last = declaration;
	struct generated *generated = NULL;

	for (size_t i = 0; i < declared->count; i++) {
		struct frame *frame = declared->uses[i].frame;
		const struct source_map_place *place =
			answer_at(script, frame->line, frame->column);

		if (!declaration && place && (!last || !is_same_source(place, last)))
			function = make_function(script, name, place, false);
		/* A source whose path cannot be is none. */
		if ((!declaration && !place) || function->file[0] == '\0')
			continue;
		last = place;
		if (!generated || generated->line != frame->line ||
			generated->column != frame->column) {
			generated = recording_alloc(script->context->recording, sizeof(*generated));
			*generated = (struct generated){.function = declared->function,
				.line = frame->line,
				.column = frame->column};
		}
		frame->generated = generated;
		frame->function = function;
		frame->line = frame->column = 0;
		if (place && (!declaration || is_same_source(place, declaration))) {
			frame->line = place->source_line + 1;
			frame->column = place->source_column + 1;
		}
	}
}

/* Keeps a line for the report. Of packages that were published without their maps there are many,
 * and nobody waits for them. */
static int complain_of(struct context *context, const char *file, int error)
{
	char *text;
	int length;

	if (strstr(file, "/node_modules/"))
		return 0;
	if (context->note_count++ >= NOTES_MAX)
		return 0;
	length = asprintf(&text, "%s: lines are those of the code that ran, not of its source: %s",
		file, source_map_find_reason(error));
	if (length < 0)
		return -ENOMEM;
	context->notes[context->note_count - 1] =
		recording_text(context->recording, text, (size_t)length);
	free(text);
	return 0;
}

static int map_script(struct context *context, const struct use *uses, size_t count)
{
	const char *file = uses[0].frame->function->file;
	struct script script = {.context = context};
	int error;

	if (now_ns() > context->deadline_ns)
		return complain_of(context, file, -ETIME);
	error = source_map_find(&script.found, &context->search, file);
	if (error == -ENOENT)
		return 0;
	if (error < 0)
		return complain_of(context, file, error);
	error = ask_frames(&script, uses, count);
	if (!error && script.place_count > 0) {
		qsort(script.places, script.place_count, sizeof(*script.places), compare_places);
		error = source_map_document_answer(
			script.found.document, script.places, script.place_count);
	}
	if (error == -EINVAL)
		error = complain_of(context, file, error);
	else
		for (size_t i = 0; i < script.declared_count && !error; i++)
			place_frames(&script, &script.declared[i]);
	free(script.places);
	free(script.declared);
	source_map_found_done(&script.found);
	return error;
}

static int map_scripts(struct context *context)
{
	size_t begin = 0, end;
	int error = 0;

	for (; begin < context->use_count && !error; begin = end) {
		const char *file = context->uses[begin].frame->function->file;

		/* The order goes by text; one text may be stored twice. */
		for (end = begin; end < context->use_count; end++) {
			const char *other = context->uses[end].frame->function->file;

			if (other != file && strcmp(other, file) != 0)
				break;
		}
		error = map_script(context, context->uses + begin, end - begin);
	}
	return error;
}

/* Adds what was complained of to the notes of the recording. */
static int add_notes(struct context *context)
{
	struct recording *recording = context->recording;
	size_t kept = context->note_count < NOTES_MAX ? context->note_count : NOTES_MAX;
	struct note *notes;
	char more[80];
	int length;

	if (kept == 0)
		return 0;
	notes = recording_alloc(recording, (recording->note_count + kept + 1) * sizeof(*notes));
	if (recording->note_count > 0)
		memcpy(notes, recording->notes, recording->note_count * sizeof(*notes));
	recording->notes = notes;
	notes += recording->note_count;
	for (size_t i = 0; i < kept; i++)
		*notes++ = (struct note){.kind = NOTE_LIMITED, .text = context->notes[i]};
	recording->note_count += kept;
	if (context->note_count > kept) {
		length = snprintf(more, sizeof(more),
			"%zu more scripts have maps that cannot be used",
			context->note_count - kept);
		*notes = (struct note){.kind = NOTE_LIMITED,
			.text = recording_text(recording, more, (size_t)length)};
		recording->note_count++;
	}
	return 0;
}

int source_map_recording(struct recording *recording, const struct source_map_options *options)
{
	const struct record_head *head = &recording->head;
	struct context context = {
		.recording = recording,
		.search =
			{
				.sources_fd = LOCATE_SYSTEM,
				.process_fd = LOCATE_SYSTEM,
				.begin_ns = (int64_t)head->start_ns + head->utc_offset_ns,
				.bytes_left = BUDGET_BYTES,
			},
		.deadline_ns = now_ns() + BUDGET_NS,
	};
	char *sources = NULL;
	int error;

	if (options->sources) {
		sources = realpath(options->sources, NULL);
		error = sources ? locate_root(sources) : -errno;
		if (error < 0) {
			free(sources);
			return error;
		}
		context.search.sources = sources;
		context.search.sources_fd = error;
	}
	/* A process that has ended has no root any more: its paths may be this machine's. */
	if (options->root)
		context.search.process_fd = locate_root(options->root);
	if (context.search.process_fd < 0)
		context.search.process_fd = LOCATE_SYSTEM;
	error = collect(&context);
	if (!error)
		error = map_scripts(&context);
	if (!error)
		error = add_notes(&context);
	free(context.uses);
	if (context.search.sources_fd != LOCATE_SYSTEM)
		close(context.search.sources_fd);
	if (context.search.process_fd != LOCATE_SYSTEM)
		close(context.search.process_fd);
	free(sources);
	return error;
}
