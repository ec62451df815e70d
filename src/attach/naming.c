/* SPDX-License-Identifier: Apache-2.0 */
#include "naming.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proc_path.h"
#include "symbol.h"

/* A frame that has been named, and those inlined into it before it. */
struct found {
	const struct mapping *mapping;
	uint64_t address; /* of an instruction */
	const struct frame *frames;
	size_t count;
};

static int compare(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	if (a->mapping != b->mapping)
		return (uintptr_t)a->mapping < (uintptr_t)b->mapping ? -1 : 1;
	return (a->address > b->address) - (a->address < b->address);
}

static bool is_named(const struct frame *frame)
{
	return frame->kind == FRAME_NATIVE && frame->mapping && frame->function &&
	       frame->function->name[0];
}

/* Adds what a stack shows to `found`, which has room. Returns how many there are then. */
static size_t take_stack(struct found *found, size_t count, const struct stack *stack)
{
	const struct frame *first = stack->frames; /* of those at the address at hand */
	bool is_innermost = true;

	for (const struct frame *frame = first; frame < stack->frames + stack->count; frame++) {
		if (frame->inlined && frame->kind == FRAME_NATIVE)
			continue;
		if (is_named(frame))
			found[count++] = (struct found){
				.mapping = frame->mapping,
				.address = is_innermost ? frame->address : frame->address - 1,
				.frames = first,
				.count = (size_t)(frame - first) + 1,
			};
		is_innermost = false;
		first = frame + 1;
	}
	return count;
}

static void write_found(struct writer *writer, const struct found *found)
{
	uint32_t mapping;

	writer_stack_begin(writer);
	mapping = writer_mapping(writer, &found->mapping->record);
	for (size_t i = 0; i < found->count; i++) {
		const struct frame *frame = &found->frames[i];
		const struct record_function function = {
			.name = frame->function ? frame->function->name : NULL,
			.file = frame->function ? frame->function->file : NULL,
			.line = frame->function ? frame->function->line : 0,
		};
		bool is_last = i + 1 == found->count;

		writer_stack_add(writer, &(struct writer_location){
						 .address = is_last ? found->address : 0,
						 .mapping = is_last ? mapping : 0,
						 .function = writer_function(writer, &function),
						 .line = frame->line,
						 .column = frame->column,
					 });
	}
	writer_named(writer, writer_stack_end(writer));
}

static int write_names(struct writer *writer, const struct recording *recording)
{
	struct found *found;
	size_t frames = 0, count = 0;

	for (size_t i = 0; i < recording->stack_count; i++)
		frames += recording->stacks[i]->count;
	found = calloc(frames + 1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	for (size_t i = 0; i < recording->stack_count; i++)
		count = take_stack(found, count, recording->stacks[i]);
	qsort(found, count, sizeof(*found), compare);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || compare(&found[i - 1], &found[i]) != 0)
			write_found(writer, &found[i]);
	}
	free(found);
	return 0;
}

int naming_write(struct attached *attached, struct files *files)
{
	char root[PROC_PATH_BYTES], process[PROC_PATH_BYTES];
	struct symbol_options options = {
		.root = root,
		.perf_maps = true,
		.open = files_open,
		.context = files,
	};
	struct symbol_report report;
	struct recording *recording;
	struct stat status;
	int error;

	proc_path(root, sizeof(root), attached->pid, "/root");
	proc_path(process, sizeof(process), attached->pid, "");
	options.owner = stat(process, &status) == 0 ? status.st_uid : 0;
	writer_end(attached->writer);
	writer_flush(attached->writer);
	error = recording_load(&recording, attached->path);
	if (error)
		return error;
	error = symbol_recording(recording, &options, &report);
	if (!error)
		error = write_names(attached->writer, recording);
	recording_free(recording);
	return error;
}
