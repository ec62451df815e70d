/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpython.c - CPython as a language of Holter: the table of operations, how its frames are merged
 * with the native ones, and how a frame is named. The interpreter's frames lie in its heap, beside
 * the native stack; on that stack, each call of the evaluator runs a few of them. They are captured
 * while the thread stands still (cpython_walk.h), and named later from their code objects, each
 * checked by its type first: a code object may have been freed since. The interpreter's lock is
 * never taken and none of its functions is called. Tier B; capture_sig is tier A.
 */
#include <errno.h>
#include <string.h>

#include "cpython_image.h"
#include "cpython_object.h"
#include "cpython_walk.h"
#include "lang.h"
#include "recall.h"

enum {
	CAPTURE_LINES = 32,
	CAPTURE_READS_MAX = 48, /* beyond those that one call fetches */
	NAMING_LINES = RECALL_LINES_MAX,
	NAMING_READS_MAX = 4096,
	FUNCTION_BYTES = 256,
	FILE_BYTES = 1024,
};

struct cpython {
	struct cpython_image image;
	struct cpython_heap heap;
	struct recall *capture; /* used by whoever takes the sample, one at a time (sampler.c) */
	struct recall *naming;
	struct cpython_thread thread;                    /* of the next sample */
	char function[FUNCTION_BYTES], file[FILE_BYTES]; /* of the frame named last */
};

static struct recall *recall_new(const struct lang_target *target, size_t lines)
{
	struct recall *recall = arena_alloc(target->arena, sizeof(*recall));

	if (!recall || recall_init(recall, target->arena, target->pid, target->memory, lines))
		return NULL;
	return recall;
}

static int cpython_open(void **ret, const struct lang_target *target, const char **ret_reason)
{
	struct cpython_image image;
	struct cpython *cpython;
	int error = cpython_image_find(&image, target, ret_reason);

	if (error)
		return error;
	cpython = arena_alloc(target->arena, sizeof(*cpython));
	if (!cpython)
		return -ENOMEM;
	cpython->image = image;
	cpython->capture = recall_new(target, CAPTURE_LINES);
	cpython->naming = recall_new(target, NAMING_LINES);
	if (!cpython->capture || !cpython->naming)
		return -ENOMEM;
	cpython->heap = (struct cpython_heap){
		.memory = &cpython->naming->memory,
		.layout = &cpython->image.layout,
		.type_code = image.type_code,
		.type_text = image.type_text,
		.type_bytes = image.type_bytes,
	};
	*ret = cpython;
	return 0;
}

static const char *cpython_runtime(const void *lang)
{
	const struct cpython *cpython = lang;

	return cpython->image.version;
}

/* --- capture -------------------------------------------------------------------------------------
 */

static void prepare(void *lang, uint32_t tid)
{
	struct cpython *cpython = lang;

	if (cpython_find_thread(&cpython->image.layout, cpython->capture->source,
		    cpython->image.runtime, tid, &cpython->thread))
		cpython->thread = (struct cpython_thread){0};
}

static size_t capture_sig(const void *lang, uint64_t fp, uint64_t sp, uint64_t stack_end,
	struct unwind_slot *slots, size_t capacity)
{
	const struct cpython *cpython = lang;

	(void)fp;
	recall_begin(cpython->capture, CAPTURE_READS_MAX, sp, stack_end);
	return cpython_walk(&cpython->image.layout, &cpython->capture->memory, &cpython->thread,
		slots, capacity);
}

static size_t capture_asleep(void *lang, uint32_t tid, struct unwind_slot *slots, size_t capacity)
{
	prepare(lang, tid);
	return capture_sig(lang, 0, 0, 0, slots, capacity);
}

static void chase(const void *lang, struct lang_chase *ret)
{
	const struct cpython_layout *layout = &((const struct cpython *)lang)->image.layout;

	*ret = (struct lang_chase){
		.kind = LANG_CHASE_CHAIN,
		.first = layout->thread_frame,
		.next = layout->frame_previous,
		.outer_first = layout->call_frame,
		.outer_next = layout->call_previous,
		.has_outer = layout->chain == CPYTHON_CHAIN_CALLS,
	};
}

static uint64_t anchor(void *lang, uint32_t tid)
{
	prepare(lang, tid);
	return ((const struct cpython *)lang)->thread.address;
}

/* --- naming --------------------------------------------------------------------------------------
 */

static uint32_t code_u32(const struct cpython *cpython, uint64_t code, uint32_t offset)
{
	uint32_t value;

	return memory_u32(cpython->heap.memory, code + offset, &value) ? 0 : value;
}

static uint64_t code_u64(const struct cpython *cpython, uint64_t code, uint32_t offset)
{
	uint64_t value;

	return memory_u64(cpython->heap.memory, code + offset, &value) ? 0 : value;
}

/* The place of the instruction in the code, in bytes; -1: before the first. Returns false if it is
 * none of this code's. */
static bool instruction_offset(
	const struct cpython *cpython, uint64_t code, uint64_t instruction, int64_t *ret)
{
	const struct cpython_layout *layout = &cpython->image.layout;
	int64_t offset, length;

	if (!layout->code_body) {
		*ret = (int64_t)instruction * layout->instruction_bytes;
		return true;
	}
	offset = (int64_t)(instruction - (code + layout->code_body));
	length = (int64_t)code_u64(cpython, code, layout->object_length);
	*ret = offset;
	return length >= 0 && offset >= -(int64_t)layout->instruction_bytes &&
	       offset / layout->instruction_bytes < length;
}

static void name(struct cpython *cpython, const struct unwind_slot *slot, struct lang_frame *ret)
{
	const struct cpython_layout *layout = &cpython->image.layout;
	const struct cpython_heap *heap = &cpython->heap;
	uint64_t code = slot->value[CPYTHON_SLOT_CODE];
	int64_t offset;

	*ret = (struct lang_frame){
		.kind = FRAME_PYTHON, .doubt = DOUBT_NO_NAME, .function = "", .file = ""};
	if (!code) {
		ret->kind = FRAME_TRUNCATED;
		ret->doubt = DOUBT_DEPTH;
		return;
	}
	if (!cpython_is(heap, code, heap->type_code) ||
		cpython_text(heap, code_u64(cpython, code, layout->code_name), cpython->function,
			sizeof(cpython->function)) < 0)
		return;
	ret->doubt = DOUBT_NO_POSITION;
	ret->function = cpython->function;
	if (cpython_text(heap, code_u64(cpython, code, layout->code_filename), cpython->file,
		    sizeof(cpython->file)) < 0)
		return;
	ret->file = cpython->file;
	ret->function_line = code_u32(cpython, code, layout->code_first_line);
	if (instruction_offset(cpython, code, slot->value[CPYTHON_SLOT_INSTRUCTION], &offset))
		ret->line = cpython_line(heap, code_u64(cpython, code, layout->code_lines),
			ret->function_line, offset);
	if (ret->line)
		ret->doubt = DOUBT_NONE;
}

/* --- merging -------------------------------------------------------------------------------------
 */

static bool in_evaluator(const struct cpython_image *image, uint64_t pc)
{
	/* A return address may be that of what follows the last instruction. */
	return pc > image->evaluator_start && pc <= image->evaluator_end;
}

/* Whether the frame in the slot runs in the native frame. The outermost one known takes all that is
 * left: the chain of native frames may have been cut. */
static bool runs_in(const struct cpython *cpython, const struct unwind_slot *slot,
	const struct unwind_frame *frame, const struct unwind_frame *caller, bool first)
{
	if (!caller)
		return true;
	if (slot->fp)
		return slot->fp < caller->sp;
	return first && in_evaluator(&cpython->image, frame->pc);
}

/* Whether a native frame is the evaluator's: by its address; where the compiler moved a part of the
 * evaluator away, by the frames that are certain to have their place on its stack. */
static bool is_evaluator(const struct cpython *cpython, const struct unwind_slot *slot,
	const struct unwind_frame *frame, const struct unwind_frame *caller)
{
	const struct image *image = &cpython->image.image;

	return in_evaluator(&cpython->image, frame->pc) ||
	       (slot && slot->fp >= frame->sp && caller && !caller->bridged &&
		       frame->pc >= image->start && frame->pc < image->end);
}

static bool beside(void *lang, const struct unwind_sample *sample, const struct unwind_frame *frame,
	const struct unwind_frame *caller, struct lang_cursor *cursor, struct lang_frame *ret)
{
	struct cpython *cpython = lang;
	const struct unwind_slot *slot = NULL;
	bool first = cursor->frame != frame;

	if (!cursor->frame)
		recall_begin(cpython->naming, NAMING_READS_MAX, 0, 0);
	if (cursor->next < sample->slot_count &&
		runs_in(cpython, &sample->slots[cursor->next], frame, caller, first))
		slot = &sample->slots[cursor->next];
	if (first) {
		cursor->frame = frame;
		cursor->stands_for =
			sample->slot_count && is_evaluator(cpython, slot, frame, caller);
	}
	if (!slot)
		return false;
	cursor->next++;
	name(cpython, slot, ret);
	return true;
}

const struct lang_ops lang_cpython = {
	.name = "cpython",
	.open = cpython_open,
	.runtime = cpython_runtime,
	.prepare = prepare,
	.capture_sig = capture_sig,
	.capture_asleep = capture_asleep,
	.chase = chase,
	.anchor = anchor,
	.beside = beside,
};
