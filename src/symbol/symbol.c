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
#include "process_file.h"
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

/* What the recording itself says of an address. */
struct known {
	size_t source;   /* index; SIZE_MAX: no file */
	uint64_t offset; /* in the file; without one the address */
	const struct stack *stack;
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
	struct known *known;          /* by source, then offset */
	size_t known_count;
	struct perf_map *perf_map; /* null: none */
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

/* Where an address of a frame is looked for. */
static struct known place_of(
	const struct context *context, const struct frame *frame, uint64_t address)
{
	struct known place = {.source = SIZE_MAX, .offset = address};
	const struct source *source = source_of(context, frame, address, &place.offset);

	if (source)
		place.source = (size_t)(source - context->sources);
	return place;
}

static int compare_known(const void *left, const void *right)
{
	const struct known *a = left, *b = right;

	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static int list_known(struct context *context)
{
	const struct recording *recording = context->recording;

	context->known = calloc(recording->named_count + 1, sizeof(*context->known));
	if (!context->known)
		return -ENOMEM;
	context->known_count = recording->named_count;
	for (size_t i = 0; i < context->known_count; i++) {
		const struct stack *stack = recording->named[i];
		const struct frame *frame = &stack->frames[stack->count - 1];

		context->known[i] = place_of(context, frame, frame->address);
		context->known[i].stack = stack;
	}
	qsort(context->known, context->known_count, sizeof(*context->known), compare_known);
	return 0;
}

static const struct stack *find_known(
	const struct context *context, const struct frame *frame, uint64_t address)
{
	struct known key = place_of(context, frame, address);
	const struct known *found =
		bsearch(&key, context->known, context->known_count, sizeof(key), compare_known);

	return found ? found->stack : NULL;
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

			if (!is_wanted(frame) ||
				(!context->options->root &&
					find_known(context, frame, code_address(frame, j))))
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

/* Asks one file, and closes it. Returns a worker_outcome, or a negative errno if there is none. */
static int try_file(const struct context *context, struct source *source, int fd, const char *path)
{
	const struct record_mapping *record = source->record;
	struct module_source module = {
		.fd = fd,
		.path = path,
		.build_id = record->build_id,
		.build_id_length = record->build_id_length,
	};
	uint64_t now = now_ns(), deadline_ns = now + FILE_BUDGET_NS;
	int outcome;

	if (fd < 0)
		return fd;
	if (deadline_ns > context->deadline_ns)
		deadline_ns = context->deadline_ns;
	module.debug_fd = locate_debug(context->root, record->build_id, record->build_id_length);
	if (module.debug_fd < 0 && context->root != LOCATE_SYSTEM)
		module.debug_fd =
			locate_debug(LOCATE_SYSTEM, record->build_id, record->build_id_length);
	worker_done(&source->answers);
	outcome = worker_lookup(
		&source->answers, &module, source->offsets, source->count, deadline_ns);
	close(fd);
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
		return before;
	default:
		return before != file_missing ? before : file_closed;
	}
}

/* Asks the files that are known from the process itself. */
static int try_open_files(const struct context *context, struct source *source, const char *path)
{
	const struct symbol_options *options = context->options;
	int outcome = -ENOENT, fd;

	for (size_t i = 0; options->open && outcome != WORKER_DONE && outcome != -ENOMEM; i++) {
		fd = options->open(options->context, source->record, i);
		if (fd < 0)
			break;
		outcome = try_file(context, source, fd, path);
		source->unresolved = reason_of(outcome, source->unresolved);
	}
	return outcome;
}

/* Looks for the file in all its places until one is the recorded one. */
static int resolve(struct context *context, struct source *source)
{
	const char *path = source->record->path;
	size_t length = strlen(path), suffix = sizeof(deleted_suffix) - 1;
	char *bare = strdup(path);
	int outcome;

	if (!bare)
		return -ENOMEM;
	/* Deleted, then put there anew by an upgrade: only a build id can tell. */
	if (length > suffix && strcmp(path + length - suffix, deleted_suffix) == 0 &&
		source->record->build_id_length)
		bare[length - suffix] = '\0';
	sort_offsets(source);
	source->unresolved = file_missing;
	outcome = try_open_files(context, source, bare);
	if (outcome != WORKER_DONE && outcome != -ENOMEM && context->root != LOCATE_SYSTEM) {
		outcome = try_file(context, source, locate_file(context->root, bare), bare);
		source->unresolved = reason_of(outcome, source->unresolved);
	}
	/* Of a process elsewhere, a file of this machine is believed by its build id alone. */
	if (outcome != WORKER_DONE && outcome != -ENOMEM &&
		(!context->options->open || source->record->build_id_length)) {
		outcome = try_file(context, source, locate_file(LOCATE_SYSTEM, bare), bare);
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

/* One of the functions at a recorded frame's address; the last one is where that is. */
static struct frame frame_in(
	struct context *context, const struct frame *frame, const struct place *place, bool is_last)
{
	struct frame named = *frame;

	named.start = place->start;
	if (!place->start)
		named.function =
			intern_function(context, place->name, place->file, place->function_line);
	named.line = place->line;
	named.column = place->column;
	if (!is_last) {
		named.inlined = true;
		named.address = 0;
	}
	if (!place->name || !place->name[0])
		named.unresolved = no_symbols;
	return named;
}

/* As the recording itself has it. */
static size_t write_known(struct context *context, struct frame *out, const struct frame *frame,
	const struct stack *known)
{
	for (size_t i = 0; i < known->count; i++) {
		const struct function *function = known->frames[i].function;
		struct place place = {
			.name = function ? function->name : NULL,
			.file = function ? function->file : NULL,
			.function_line = function ? function->line : 0,
			.line = known->frames[i].line,
			.column = known->frames[i].column,
		};

		out[i] = frame_in(context, frame, &place, i + 1 == known->count);
	}
	return known->count;
}

/* Where a function begins is less than the recording may know. */
static bool says_little(const struct answer *answer)
{
	return !answer || answer->places[0].start;
}

/* What the files say of a frame, or null. */
static const struct answer *find_answer(
	const struct context *context, const struct frame *frame, uint64_t address)
{
	uint64_t offset;
	const struct source *source = source_of(context, frame, address, &offset);
	const struct answer *answer = source ? answer_of(source, offset) : NULL;

	return answer && answer->count ? answer : NULL;
}

/* Writes the frames that stand for one recorded frame; `out` has room for them. Returns their
 * number. */
static size_t write_frames(
	struct context *context, struct frame *out, const struct frame *frame, size_t index)
{
	uint64_t address = code_address(frame, index), offset;
	const struct answer *answer;
	const struct source *source;
	const struct stack *known;

	*out = *frame;
	if (!is_wanted(frame))
		return 1;
	answer = find_answer(context, frame, address);
	known = says_little(answer) ? find_known(context, frame, address) : NULL;
	if (known)
		return write_known(context, out, frame, known);
	source = source_of(context, frame, address, &offset);
	if (!source) {
		name_fileless(context, out, address);
		return 1;
	}
	if (!answer) {
		out->unresolved = source->unresolved;
		return 1;
	}
	for (size_t i = 0; i < answer->count; i++)
		out[i] = frame_in(context, frame, answer->places + i, i + 1 == answer->count);
	return answer->count;
}

static size_t frames_needed(const struct context *context, const struct stack *stack)
{
	size_t needed = 0;

	for (size_t i = 0; i < stack->count; i++) {
		const struct frame *frame = stack->frames + i;
		uint64_t address = code_address(frame, i);
		const struct answer *answer;
		const struct stack *known;

		answer = is_wanted(frame) ? find_answer(context, frame, address) : NULL;
		known = is_wanted(frame) && says_little(answer)
				? find_known(context, frame, address)
				: NULL;
		needed += known ? known->count : answer ? answer->count : 1;
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

/* Absent, or not to be trusted: then the code that it is about has no names. */
static void open_perf_map(struct context *context)
{
	const struct symbol_options *options = context->options;
	bool is_process = options->open && context->root != LOCATE_SYSTEM;
	int folder = is_process ? process_file_below(context->root, "/tmp")
				: process_file_find(getpid(), "/tmp");
	char name[64];

	if (folder < 0)
		return;
	snprintf(name, sizeof(name), "perf-%u.map", context->recording->head.pid);
	if (perf_map_open(
		    &context->perf_map, folder, name, is_process ? options->owner : geteuid()) < 0)
		context->perf_map = NULL;
	close(folder);
}

static void context_done(struct context *context)
{
	for (size_t i = 0; i < context->source_count; i++) {
		free(context->sources[i].offsets);
		worker_done(&context->sources[i].answers);
	}
	free(context->sources);
	free(context->sources_of);
	free(context->known);
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
		result = list_known(&context);
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
