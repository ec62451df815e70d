/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8.c - V8 as a language of Holter: the table of operations, and how a frame is named. From a
 * frame's slots comes the function; from its pc, the code and so the compiler; from the code's
 * tables, positions in the source and the functions that were inlined. Each step that fails leaves
 * the frame with less said about it. Tier B; capture_sig is tier A.
 */
#include "v8.h"

#include <errno.h>
#include <string.h>

#include "sys.h"
#include "v8_capture.h"
#include "v8_frame.h"
#include "v8_position.h"

enum {
	RDI = 5,                /* DWARF's number: the function, when it is called */
	RETURN_SCAN_WORDS = 32, /* what a builtin without a frame may have pushed */
};

static int v8_open(void **ret, const struct lang_target *target, const char **ret_reason)
{
	struct v8 *v8 = arena_alloc(target->arena, sizeof(*v8));
	int error;

	if (!v8)
		return -ENOMEM;
	error = v8_image_find(&v8->image, target, ret_reason);
	if (error)
		return error;
	v8->target = *target;
	v8->heap = (struct v8_heap){.memory = target->memory, .layout = &v8->image.layout};
	v8->names = v8_names_new(target->arena);
	v8->scripts = v8_scripts_new(target->arena);
	if (!v8->names || !v8->scripts)
		return -ENOMEM;
	v8->captures = target->pid == sys_getpid() && v8_capture_works(target->pid);
	*ret = v8;
	return 0;
}

static const char *v8_runtime(const void *lang)
{
	const struct v8 *v8 = lang;

	return v8->image.runtime;
}

static const char *v8_caveat(const void *lang)
{
	const struct v8 *v8 = lang;

	return v8->image.layout.guessed ? "this version of V8 is not a known one: its layout is "
					  "guessed from the nearest, "
					  "and names that do not check out are left out"
					: NULL;
}

static void v8_refresh(void *lang)
{
	struct v8 *v8 = lang;

	v8_image_refresh(&v8->image, &v8->target);
}

static bool v8_owns(void *lang, uint64_t pc)
{
	return v8_frame_owns(lang, pc);
}

/* Each question may read so much of the target, and no more. */
static struct v8 *begin(void *lang)
{
	struct v8 *v8 = lang;

	v8->heap.reads_left = V8_READS_MAX;
	return v8;
}

static int v8_step(void *lang, const struct unwind_sample *sample, const struct unwind_frame *frame,
	struct unwind_frame *ret_caller)
{
	return v8_frame_step(begin(lang), sample, frame, ret_caller);
}

static int v8_resync(
	void *lang, const struct unwind_sample *sample, uint64_t sp, struct unwind_frame *ret)
{
	return v8_frame_resync(begin(lang), sample, sp, ret);
}

static size_t capture_sig(const void *lang, uint64_t fp, uint64_t sp, uint64_t stack_end,
	struct unwind_slot *slots, size_t capacity)
{
	const struct v8 *v8 = lang;

	if (!v8->captures)
		return 0;
	return v8_capture_sig(
		&v8->image.layout, v8->target.pid, fp, sp, stack_end, slots, capacity);
}

/* A frame's function moves while it is young; what it points to hardly ever does. */
static void chase(const void *lang, struct lang_chase *ret)
{
	const struct v8_layout *layout = &((const struct v8 *)lang)->image.layout;

	*ret = (struct lang_chase){
		.kind = LANG_CHASE_FRAMES,
		.object = layout->fp_function,
		.witness = layout->fp_context,
	};
}

static bool collects(void *lang, uint64_t pc)
{
	const struct v8_range *collector = &((const struct v8 *)lang)->image.collector;

	return pc > collector->start && pc <= collector->end;
}

/* What is known of a frame on the way to its name. */
struct naming {
	struct v8 *v8;
	const struct unwind_sample *sample;
	const struct unwind_frame *frame;
	bool innermost;
	struct v8_frame_slots slots;
	uint64_t function; /* the JSFunction; 0: it has moved since */
	uint64_t shared;
	enum frame_kind kind;
	enum frame_doubt doubt;
	struct lang_frame *frames;
	size_t count;
};

static const struct unwind_slot *captured_slot(const struct unwind_sample *sample, uint64_t fp)
{
	for (size_t i = 0; i < sample->slot_count; i++)
		if (sample->slots[i].fp == fp)
			return &sample->slots[i];
	return NULL;
}

/*
 * The function of the frame. What was captured with the sample is preferred: a JSFunction may have
 * moved since, its SharedFunctionInfo hardly ever does.
 */
static bool find_function(struct naming *naming)
{
	struct v8_heap *heap = &naming->v8->heap;
	const struct v8_layout *layout = heap->layout;
	const struct unwind_slot *slot = captured_slot(naming->sample, naming->frame->fp);
	uint64_t shared;

	if (v8_is_function(heap, naming->slots.function) &&
		!v8_field_of(heap, naming->slots.function, layout->function_shared,
			layout->type_shared, &shared)) {
		naming->function = naming->slots.function;
		naming->shared = shared;
	}
	if (slot && slot->value[0] == naming->slots.function && slot->value[1] != naming->shared &&
		v8_is(heap, slot->value[1], layout->type_shared)) {
		naming->function = 0;
		naming->shared = slot->value[1];
	}
	return naming->shared != 0;
}

/* Adds a frame of which nothing is known but that it is one of V8's functions. */
static struct lang_frame *add_unknown(struct naming *naming)
{
	struct lang_frame *frame = &naming->frames[naming->count++];

	*frame = (struct lang_frame){
		.kind = naming->kind,
		.doubt = DOUBT_NO_NAME,
		.function = "",
		.file = "",
	};
	return frame;
}

/* Adds the frame of a function, at a position in its script (-1: unknown). */
static void add_frame(struct naming *naming, uint64_t shared, int32_t position)
{
	struct v8 *v8 = naming->v8;
	char *file = v8->files[naming->count];
	struct lang_frame *frame = add_unknown(naming);
	struct v8_function function;
	struct v8_script *script;

	if (v8_name_find(v8->names, &v8->heap, shared, &function))
		return;
	frame->doubt = naming->doubt;
	frame->function = function.name;
	script = function.script ? v8_script_get(v8->scripts, &v8->heap, function.script) : NULL;
	if (!script)
		return;
	memcpy(file, v8_script_file(script), V8_SCRIPT_FILE_BYTES);
	frame->file = file;
	if (v8_script_line(script, &v8->heap, function.start, &frame->function_line,
		    &frame->function_column))
		frame->function_line = frame->function_column = 0;
	if (v8_script_line(script, &v8->heap, position, &frame->line, &frame->column)) {
		frame->line = frame->column = 0;
		frame->doubt = DOUBT_NO_POSITION;
	}
}

/* The position that a table of byte code gives for an offset in it; -1: none. */
static int32_t bytecode_position(struct v8_heap *heap, uint64_t bytecode_array, int64_t offset)
{
	struct v8_position position;
	uint64_t table;

	if (v8_field(heap, bytecode_array, heap->layout->bytecode_positions, &table) ||
		v8_position_find(heap, table, offset, &position))
		return -1;
	return position.offset;
}

static void name_interpreted(struct naming *naming)
{
	struct v8_heap *heap = &naming->v8->heap;
	int64_t offset =
		(int64_t)v8_smi(naming->slots.bytecode_offset) - (heap->layout->bytecode_data - 1);

	naming->kind = FRAME_JS_INTERPRETED;
	/* The offset is stored when the interpreter calls something, not at each byte code. */
	if (naming->innermost)
		naming->doubt = DOUBT_LINE_APPROXIMATE;
	add_frame(naming, naming->shared,
		bytecode_position(heap, naming->slots.bytecode_array, offset));
}

static void name_baseline(struct naming *naming, const struct v8_code *code, int64_t pc_offset)
{
	struct v8 *v8 = naming->v8;
	int32_t position = -1;
	uint64_t bytecode;
	int64_t offset;

	naming->kind = FRAME_JS_BASELINE;
	if (!v8_code_bytecode_of(&v8->heap, code->object, &bytecode)) {
		offset = v8_position_baseline(
			&v8->heap, &v8->image.sizes, code->positions, bytecode, pc_offset);
		if (offset >= 0)
			position = bytecode_position(&v8->heap, bytecode, offset);
	}
	add_frame(naming, naming->shared, position);
}

/*
 * Optimised code: the inlined functions first, each at the place that the next was called from. In
 * a loop, Maglev gives calls the position of the loop (seen in V8 13 and 14): the line is near, not
 * sure. NEEDSWORK: its deoptimisation data has the exact byte code offset of each call.
 */
static void name_optimised(struct naming *naming, const struct v8_code *code, int64_t pc_offset)
{
	struct v8_heap *heap = &naming->v8->heap;
	bool maglev = code->kind == V8_CODE_MAGLEV;
	enum frame_doubt doubt = naming->doubt;
	struct v8_position position;

	naming->kind = maglev ? FRAME_JS_MAGLEV : FRAME_JS_TURBOFAN;
	/* Only calls have positions: code between two of them shows the one before. */
	if (naming->innermost || maglev)
		naming->doubt = DOUBT_LINE_APPROXIMATE;
	if (v8_position_find(heap, code->positions, pc_offset, &position))
		position = (struct v8_position){.offset = -1};
	while (position.inlining && naming->count < LANG_INLINE_MAX - 1) {
		struct v8_inlined inlined;

		if (v8_code_inlined(heap, code, position.inlining - 1u, &inlined)) {
			position.offset = -1;
			break;
		}
		add_frame(naming, inlined.shared, position.offset);
		naming->frames[naming->count - 1].inlined = true;
		if (!maglev)
			naming->doubt = doubt;
		position = v8_position_unpack(inlined.call_position);
	}
	if (position.inlining) {
		naming->doubt = DOUBT_DEPTH;
		position.offset = -1;
	}
	add_frame(naming, naming->shared, position.offset);
}

static void name_code(struct naming *naming, const struct v8_code *code, int64_t pc_offset)
{
	if (code->kind == V8_CODE_BASELINE)
		name_baseline(naming, code, pc_offset);
	else
		name_optimised(naming, code, pc_offset);
}

/* A function that runs in generated code. The pc of a caller is that of the instruction after the
 * call. */
static void name_generated(struct naming *naming, uint64_t pc, bool is_return)
{
	struct v8 *v8 = naming->v8;
	struct v8_code code;

	if (v8_code_find(&v8->codes, &v8->heap, naming->function, pc, &code) ||
		!v8_frame_runs(v8, &naming->slots, naming->shared, &code))
		add_frame(naming, naming->shared, -1);
	else
		name_code(naming, &code, (int64_t)(pc - code.start) - is_return);
}

/*
 * A builtin without a frame, called from generated code: the return address into that code is the
 * last thing it found on the stack, below what it has pushed since.
 */
static bool find_return(struct naming *naming, uint64_t *ret)
{
	struct v8 *v8 = naming->v8;
	struct v8_code code;

	for (uint64_t i = 0; i < RETURN_SCAN_WORDS; i++) {
		uint64_t address = naming->frame->sp + 8 * i;

		if (address >= naming->frame->fp || !unwind_stack_u64(naming->sample, address, ret))
			return false;
		if (v8_frame_is_generated(v8, *ret) &&
			!v8_code_find(&v8->codes, &v8->heap, naming->function, *ret, &code) &&
			v8_frame_runs(v8, &naming->slots, naming->shared, &code))
			return true;
	}
	return false;
}

/* A function whose pc lies in a builtin: the interpreter, a builtin that is the function itself, or
 * one that it called. */
static void name_in_builtin(struct naming *naming)
{
	struct v8_heap *heap = &naming->v8->heap;
	uint64_t bytecode, pc;

	if (v8_is(heap, naming->slots.bytecode_array, heap->layout->type_bytecode_array) &&
		v8_is_smi(naming->slots.bytecode_offset)) {
		name_interpreted(naming);
	} else if (v8_code_bytecode(heap, naming->shared, &bytecode)) {
		struct v8_function function;

		/* Those without a name are V8's own, like the one that resumes an async function.
		 */
		naming->kind = FRAME_JS_BUILTIN;
		if (!v8_name_find(naming->v8->names, heap, naming->shared, &function) &&
			function.name[0])
			add_frame(naming, naming->shared, -1);
	} else if (naming->innermost && find_return(naming, &pc)) {
		name_generated(naming, pc, true);
	} else {
		add_frame(naming, naming->shared, -1);
	}
}

/* Code at the top of the stack that has no frame (v8_frame_is_bare): it stands at its function's
 * beginning or end. */
static bool name_bare(struct naming *naming)
{
	struct v8 *v8 = naming->v8;
	struct v8_heap *heap = &v8->heap;
	const struct v8_layout *layout = heap->layout;
	uint64_t function = naming->sample->registers[RDI], address, shared, object;
	struct v8_function about;
	struct v8_code code;

	if (!naming->innermost || !v8_frame_is_generated(v8, naming->frame->pc) ||
		v8_code_find(&v8->codes, heap, 0, naming->frame->pc, &code) ||
		!v8_frame_is_bare(v8, naming->sample, naming->frame, &code, &address))
		return false;
	naming->kind = code.kind == V8_CODE_BASELINE ? FRAME_JS_BASELINE
		       : code.kind == V8_CODE_MAGLEV ? FRAME_JS_MAGLEV
						     : FRAME_JS_TURBOFAN;
	naming->doubt = DOUBT_LINE_APPROXIMATE;
	if (v8_code_shared(heap, &code, &shared) &&
		(!v8_is_function(heap, function) ||
			v8_field(heap, function, layout->function_code, &object) ||
			object != code.object ||
			v8_field(heap, function, layout->function_shared, &shared)))
		return code.kind == V8_CODE_OTHER || add_unknown(naming);
	if (!v8_name_find(v8->names, heap, shared, &about))
		add_frame(naming, shared, about.start);
	return true;
}

static size_t frame(void *lang, const struct unwind_sample *sample,
	const struct unwind_frame *frame, bool innermost, struct lang_frame *ret)
{
	struct v8 *v8 = begin(lang);
	struct naming naming = {
		.v8 = v8,
		.sample = sample,
		.frame = frame,
		.innermost = innermost && v8_frame_is_innermost(sample, frame),
		.slots = v8_frame_slots(&v8->image.layout, sample, frame),
		.kind = FRAME_JS_UNKNOWN,
		.doubt = frame->bridged ? DOUBT_BRIDGED : DOUBT_NONE,
		.frames = ret,
	};

	v8_names_begin(v8->names);
	if (name_bare(&naming) || naming.slots.shape != V8_FRAME_FUNCTION)
		return naming.count;
	if (!find_function(&naming))
		add_unknown(&naming);
	else if (v8_frame_is_generated(v8, frame->pc))
		name_generated(&naming, frame->pc, !naming.innermost);
	else
		name_in_builtin(&naming);
	return naming.count;
}

const struct lang_ops lang_v8 = {
	.name = "v8",
	.open = v8_open,
	.runtime = v8_runtime,
	.caveat = v8_caveat,
	.refresh = v8_refresh,
	.owns = v8_owns,
	.step = v8_step,
	.resync = v8_resync,
	.frame = frame,
	.capture_sig = capture_sig,
	.chase = chase,
	.collects = collects,
};
