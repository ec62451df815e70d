/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbol.c - see symbol.h. Three passes: collect which offsets of which files are asked for, ask
 * one worker a file, and write the answers into the stacks.
 */
#include "symbol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "locate.h"
#include "perf_map.h"
#include "worker.h"

#define BUDGET_NS      ((uint64_t)120 * 1000000000) /* for all files of a recording together */
#define FILE_BUDGET_NS ((uint64_t)45 * 1000000000)

enum {
	FUNCTION_BUCKETS = 4096,
};

static const char no_symbols[] = "no symbols";
static const char file_changed[] = "file changed";
static const char file_missing[] = "file not found";
static const char file_closed[] = "file not readable";
static const char file_corrupt[] = "file corrupt";
static const char generated_code[] = "generated code";
static const char deleted_suffix[] = " (deleted)";

/* One file that frames lie in. */
struct source {
	const struct record_mapping *record; /* path and build id; of the first mapping of it */
	uint64_t *offsets;                   /* asked for; ascending and unique when resolved */
	size_t count, capacity;
	struct answers answers;
	const char *unresolved; /* why an offset without an answer has none */
};

struct source_of {
	const struct mapping *mapping;
	size_t source; /* index; SIZE_MAX: no file */
};

struct named {
	struct function function; /* first: what frames point at */
	struct named *next;
};

struct context {
	struct recording *recording;
	const struct symbol_options *options;
	struct symbol_report *report;
	int root; /* LOCATE_SYSTEM: none */
	uint64_t deadline_ns;
	struct source *sources;
	size_t source_count;
	struct source_of *sources_of; /* by mapping */
	struct perf_map *perf_map;    /* null: none */
	struct named *functions[FUNCTION_BUCKETS];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Code without a file of its own: anonymous memory, and the names under which JITs map theirs. */
static bool is_generated(const struct mapping *mapping)
{
	const char *path = mapping ? mapping->record.path : NULL;

	return !path || path[0] != '/' || strncmp(path, "/memfd:", 7) == 0 ||
	       strncmp(path, "/dev/zero", 9) == 0;
}

static bool is_vdso(const struct mapping *mapping)
{
	return mapping && mapping->record.path && strcmp(mapping->record.path, "[vdso]") == 0;
}

static bool is_wanted(const struct frame *frame)
{
	return frame->kind == FRAME_NATIVE && !frame->function && frame->address;
}

/* A return address belongs to the call before it; only the innermost frame has a program counter.
 */
static uint64_t code_address(const struct frame *frame, size_t index)
{
	return index > 0 ? frame->address - 1 : frame->address;
}

static int compare_pointers(const void *left, const void *right)
{
	const struct source_of *a = left, *b = right;

	if (a->mapping == b->mapping)
		return 0;
	return (uintptr_t)a->mapping < (uintptr_t)b->mapping ? -1 : 1;
}

static bool same_source(const struct record_mapping *a, const struct record_mapping *b)
{
	return a->build_id_length == b->build_id_length &&
	       memcmp(a->build_id, b->build_id, a->build_id_length) == 0 &&
	       strcmp(a->path, b->path) == 0;
}

static size_t add_source(struct context *context, const struct mapping *mapping)
{
	size_t i;

	if (is_generated(mapping))
		return SIZE_MAX;
	for (i = 0; i < context->source_count; i++) {
		if (same_source(context->sources[i].record, &mapping->record))
			return i;
	}
	context->sources[context->source_count++] = (struct source){.record = &mapping->record};
	return i;
}

static int list_sources(struct context *context)
{
	size_t count = context->recording->mapping_count;

	context->sources = calloc(count + 1, sizeof(*context->sources));
	context->sources_of = calloc(count + 1, sizeof(*context->sources_of));
	if (!context->sources || !context->sources_of)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct mapping *mapping = context->recording->mappings[i];

		context->sources_of[i] = (struct source_of){
			.mapping = mapping,
			.source = add_source(context, mapping),
		};
	}
	qsort(context->sources_of, count, sizeof(*context->sources_of), compare_pointers);
	return 0;
}

/* The file of a frame and the frame's offset in it, or null. */
static struct source *source_of(const struct context *context, const struct frame *frame,
	uint64_t address, uint64_t *ret_offset)
{
	struct source_of key = {.mapping = frame->mapping};
	const struct record_mapping *record;
	const struct source_of *found;

	if (!frame->mapping)
		return NULL;
	found = bsearch(&key, context->sources_of, context->recording->mapping_count, sizeof(key),
		compare_pointers);
	record = &frame->mapping->record;
	if (!found || found->source == SIZE_MAX || address < record->start ||
		address >= record->end)
		return NULL;
	*ret_offset = address - record->start + record->offset;
	return context->sources + found->source;
}

static int ask(struct source *source, uint64_t offset)
{
	if (source->count == source->capacity) {
		size_t capacity = source->capacity ? source->capacity * 2 : 64;
		void *grown = reallocarray(source->offsets, capacity, sizeof(*source->offsets));

		if (!grown)
			return -ENOMEM;
		source->offsets = grown;
		source->capacity = capacity;
	}
	source->offsets[source->count++] = offset;
	return 0;
}

static int collect(struct context *context)
{
	const struct recording *recording = context->recording;

	for (size_t i = 0; i < recording->stack_count; i++) {
		const struct stack *stack = recording->stacks[i];

		for (size_t j = 0; j < stack->count; j++) {
			const struct frame *frame = stack->frames + j;
			struct source *source;
			uint64_t offset;

			if (!is_wanted(frame))
				continue;
			source = source_of(context, frame, code_address(frame, j), &offset);
			if (source && ask(source, offset) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int compare_offsets(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static void sort_offsets(struct source *source)
{
	size_t kept = 0;

	qsort(source->offsets, source->count, sizeof(*source->offsets), compare_offsets);
	for (size_t i = 1; i < source->count; i++) {
		if (source->offsets[i] != source->offsets[kept])
			source->offsets[++kept] = source->offsets[i];
	}
	source->count = kept + 1;
}

/* Tries one file. Returns a worker_outcome, or a negative errno if it cannot be opened. */
static int try_file(
	const struct context *context, struct source *source, int root, const char *path)
{
	const struct record_mapping *record = source->record;
	struct module_source module = {
		.path = path,
		.build_id = record->build_id,
		.build_id_length = record->build_id_length,
	};
	uint64_t now = now_ns(), deadline_ns = now + FILE_BUDGET_NS;
	int outcome;

	if (deadline_ns > context->deadline_ns)
		deadline_ns = context->deadline_ns;
	module.fd = locate_file(root, path);
	if (module.fd < 0)
		return module.fd;
	module.debug_fd = locate_debug(root, record->build_id, record->build_id_length);
	if (module.debug_fd < 0 && root != LOCATE_SYSTEM)
		module.debug_fd =
			locate_debug(LOCATE_SYSTEM, record->build_id, record->build_id_length);
	worker_done(&source->answers);
	outcome = worker_lookup(
		&source->answers, &module, source->offsets, source->count, deadline_ns);
	close(module.fd);
	if (module.debug_fd >= 0)
		close(module.debug_fd);
	return outcome;
}

/* The reason that is the most telling of two tries: a file that was there and was wrong says more
 * than none. */
static const char *reason_of(int outcome, const char *before)
{
	switch (outcome) {
	case WORKER_DONE:
		return no_symbols;
	case WORKER_CHANGED:
		return file_changed;
	case WORKER_UNREADABLE:
		return file_corrupt;
	case -ENOENT:
	case -ENOTDIR:
		return before ? before : file_missing;
	default:
		return before && before != file_missing ? before : file_closed;
	}
}

/* Looks for the file in all its places until one is the recorded one. */
static int resolve(struct context *context, struct source *source)
{
	const char *path = source->record->path;
	size_t length = strlen(path), suffix = sizeof(deleted_suffix) - 1;
	char *bare = strdup(path);
	int outcome = -ENOENT;

	if (!bare)
		return -ENOMEM;
	/* Deleted, then put there anew by an upgrade: only a build id can tell. */
	if (length > suffix && strcmp(path + length - suffix, deleted_suffix) == 0 &&
		source->record->build_id_length)
		bare[length - suffix] = '\0';
	sort_offsets(source);
	if (context->root != LOCATE_SYSTEM) {
		outcome = try_file(context, source, context->root, bare);
		source->unresolved = reason_of(outcome, NULL);
	}
	if (outcome != WORKER_DONE && outcome != -ENOMEM) {
		outcome = try_file(context, source, LOCATE_SYSTEM, bare);
		source->unresolved = reason_of(outcome, source->unresolved);
	}
	free(bare);
	if (source->unresolved == file_missing || source->unresolved == file_closed)
		context->report->files_missing++;
	else if (source->unresolved == file_changed)
		context->report->files_changed++;
	return outcome == -ENOMEM ? -ENOMEM : 0;
}

static const struct answer *answer_of(const struct source *source, uint64_t offset)
{
	const uint64_t *found;

	if (!source->answers.entries)
		return NULL;
	found = bsearch(&offset, source->offsets, source->count, sizeof(offset), compare_offsets);
	return found ? source->answers.entries + (found - source->offsets) : NULL;
}

static uint32_t hash_text(uint32_t hash, const char *text)
{
	/* FNV-1a */
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619;
	return hash;
}

/* One function is one object, so that pointers can be compared. */
static const struct function *intern_function(
	struct context *context, const char *name, const char *file, uint32_t line)
{
	struct recording *recording = context->recording;
	struct named **bucket, *named;

	name = name ? name : "";
	file = file ? file : "";
	bucket = context->functions +
		 (hash_text(hash_text(2166136261U, name), file) ^ line) % FUNCTION_BUCKETS;
	for (named = *bucket; named; named = named->next) {
		if (named->function.line == line && strcmp(named->function.name, name) == 0 &&
			strcmp(named->function.file, file) == 0)
			return &named->function;
	}
	named = recording_alloc(recording, sizeof(*named));
	named->function = (struct function){
		.name = recording_text(recording, name, strlen(name)),
		.file = recording_text(recording, file, strlen(file)),
		.line = line,
	};
	named->next = *bucket;
	*bucket = named;
	return &named->function;
}

/* Without a file: the vDSO, and code that a foreign JIT has made. */
static void name_fileless(struct context *context, struct frame *frame, uint64_t address)
{
	const char *name = NULL;

	if (is_vdso(frame->mapping))
		name = "[vdso]";
	else if (is_generated(frame->mapping) && context->perf_map)
		name = perf_map_find(context->perf_map, address);
	if (name)
		frame->function = intern_function(context, name, NULL, 0);
	else
		frame->unresolved = is_generated(frame->mapping) ? generated_code : no_symbols;
}

/* Writes the frames that stand for one recorded frame; `out` has room for them. Returns their
 * number. */
static size_t write_frames(
	struct context *context, struct frame *out, const struct frame *frame, size_t index)
{
	uint64_t address = code_address(frame, index), offset;
	struct source *source;
	const struct answer *answer;

	*out = *frame;
	if (!is_wanted(frame))
		return 1;
	source = source_of(context, frame, address, &offset);
	if (!source) {
		name_fileless(context, out, address);
		return 1;
	}
	answer = answer_of(source, offset);
	if (!answer || !answer->count) {
		out->unresolved = source->unresolved;
		return 1;
	}
	for (size_t i = 0; i < answer->count; i++) {
		const struct place *place = answer->places + i;

		out[i] = *frame;
		out[i].function =
			intern_function(context, place->name, place->file, place->function_line);
		out[i].line = place->line;
		out[i].column = place->column;
		if (i + 1 < answer->count) {
			out[i].inlined = true;
			out[i].address = 0;
		}
		if (!place->name)
			out[i].unresolved = no_symbols;
	}
	return answer->count;
}

static size_t frames_needed(const struct context *context, const struct stack *stack)
{
	size_t needed = 0;

	for (size_t i = 0; i < stack->count; i++) {
		const struct frame *frame = stack->frames + i;
		const struct answer *answer = NULL;
		uint64_t offset;

		if (is_wanted(frame)) {
			const struct source *source =
				source_of(context, frame, code_address(frame, i), &offset);

			answer = source ? answer_of(source, offset) : NULL;
		}
		needed += answer && answer->count ? answer->count : 1;
	}
	return needed;
}

static void name_stack(struct context *context, struct stack *stack)
{
	struct symbol_report *report = context->report;
	size_t count = 0;
	struct frame *named;

	if (!stack->count)
		return;
	named = recording_alloc(context->recording, frames_needed(context, stack) * sizeof(*named));
	for (size_t i = 0; i < stack->count; i++) {
		size_t written = write_frames(context, named + count, stack->frames + i, i);
		const struct frame *physical = named + count + written - 1;

		count += written;
		if (!is_wanted(stack->frames + i))
			continue;
		report->frames++;
		report->named += physical->function && physical->function->name[0];
		report->with_line += physical->line != 0;
	}
	stack->frames = named;
	stack->count = count;
}

static void open_perf_map(struct context *context)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%u.map", context->recording->head.pid);
	if (perf_map_open(&context->perf_map, path) < 0)
		context->perf_map =
			NULL; /* absent, or not to be trusted: then its code has no names */
}

static void context_done(struct context *context)
{
	for (size_t i = 0; i < context->source_count; i++) {
		free(context->sources[i].offsets);
		worker_done(&context->sources[i].answers);
	}
	free(context->sources);
	free(context->sources_of);
	perf_map_free(context->perf_map);
	if (context->root != LOCATE_SYSTEM)
		close(context->root);
}

int symbol_recording(struct recording *recording, const struct symbol_options *options,
	struct symbol_report *ret_report)
{
	struct context context = {
		.recording = recording,
		.options = options,
		.report = ret_report,
		.root = LOCATE_SYSTEM,
		.deadline_ns = now_ns() + BUDGET_NS,
	};
	int result;

	*ret_report = (struct symbol_report){0};
	if (options->root) {
		context.root = locate_root(options->root);
		if (context.root < 0)
			context.root = LOCATE_SYSTEM;
	}
	result = list_sources(&context);
	if (result == 0)
		result = collect(&context);
	for (size_t i = 0; i < context.source_count && result == 0; i++) {
		if (context.sources[i].count)
			result = resolve(&context, context.sources + i);
	}
	if (result == 0 && options->perf_maps)
		open_perf_map(&context);
	for (size_t i = 0; i < recording->stack_count && result == 0; i++)
		name_stack(&context, recording->stacks[i]);
	context_done(&context);
	return result;
}
