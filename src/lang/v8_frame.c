/* SPDX-License-Identifier: Apache-2.0 */
#include "v8_frame.h"

#include <errno.h>
#include <string.h>

enum {
	PROLOGUE_BYTES = 96, /* checks come before the frame is made */
	CHAIN_MAX = 64,
	CANDIDATES_MAX = 64,
};

bool v8_frame_leads_out(const struct v8_layout *layout, int32_t type)
{
	return type == layout->frame_exit || type == layout->frame_builtin_exit ||
	       type == layout->frame_api_callback_exit ||
	       type == layout->frame_api_construct_exit ||
	       type == layout->frame_api_accessor_exit || type == layout->frame_api_named_exit ||
	       type == layout->frame_api_indexed_exit;
}

static uint64_t slot(
	const struct unwind_sample *sample, const struct unwind_frame *frame, int32_t offset)
{
	uint64_t address = frame->fp + (uint64_t)(int64_t)offset, value;

	return address >= frame->sp && unwind_stack_u64(sample, address, &value) ? value : 0;
}

struct v8_frame_slots v8_frame_slots(const struct v8_layout *layout,
	const struct unwind_sample *sample, const struct unwind_frame *frame)
{
	struct v8_frame_slots slots = {0};
	uint64_t context = slot(sample, frame, layout->fp_context);

	if (v8_is_frame_type(context)) {
		slots.shape = V8_FRAME_TYPED;
		slots.type = (int32_t)(context >> 1);
		return slots;
	}
	slots.function = slot(sample, frame, layout->fp_function);
	if (!v8_is_object(context) || !v8_is_object(slots.function))
		return slots;
	slots.shape = V8_FRAME_FUNCTION;
	slots.bytecode_array = slot(sample, frame, layout->fp_bytecode_array);
	slots.bytecode_offset = slot(sample, frame, layout->fp_bytecode_offset);
	return slots;
}

bool v8_frame_is_generated(const struct v8 *v8, uint64_t pc)
{
	const struct map *map = maps_find(v8->target.maps, pc);
	const char *path;

	if (!map || map->inode || !(map->protection & MAP_EXECUTE))
		return false;
	path = maps_path(v8->target.maps, map);
	/* "[vdso]" and its like are the kernel's; a name that a program gave begins with "[anon".
	 */
	return path[0] != '[' || !strncmp(path, "[anon", 5);
}

bool v8_frame_owns(const struct v8 *v8, uint64_t pc)
{
	return v8_image_is_builtin(&v8->image, pc) || v8_frame_is_generated(v8, pc);
}

static bool is_executable(const struct v8 *v8, uint64_t pc)
{
	const struct map *map = maps_find(v8->target.maps, pc);

	return map && (map->protection & MAP_EXECUTE);
}

bool v8_frame_is_innermost(const struct unwind_sample *sample, const struct unwind_frame *frame)
{
	return !frame->bridged && frame->pc == sample->registers[UNWIND_RIP] &&
	       frame->sp == sample->registers[UNWIND_RSP];
}

/* The return address at a place on the stack, if it is one into V8's code. */
static bool returns_to_v8(const struct v8 *v8, const struct unwind_sample *sample, uint64_t address)
{
	uint64_t pc;

	return unwind_stack_u64(sample, address, &pc) && v8_frame_owns(v8, pc);
}

bool v8_frame_is_bare(struct v8 *v8, const struct unwind_sample *sample,
	const struct unwind_frame *frame, const struct v8_code *code, uint64_t *ret_return)
{
	static const uint8_t make[] = {0x55, 0x48, 0x89, 0xe5}; /* push rbp; mov rbp, rsp */
	enum { RETURN = 0xc3, RETURN_AND_DROP = 0xc2 };
	uint64_t offset = frame->pc - code->start, at = 0;
	uint8_t bytes[PROLOGUE_BYTES], next;

	if (!v8_read(&v8->heap, code->start, bytes, sizeof(bytes)))
		while (at + sizeof(make) < sizeof(bytes) &&
			memcmp(bytes + at, make, sizeof(make)) != 0)
			at++;
	else
		at = sizeof(bytes);
	if (at + sizeof(make) < sizeof(bytes) && offset <= at + 1) {
		*ret_return = frame->sp + (offset == at + 1 ? 8 : 0);
		return returns_to_v8(v8, sample, *ret_return);
	}
	if (v8_read(&v8->heap, frame->pc, &next, 1) || (next != RETURN && next != RETURN_AND_DROP))
		return false;
	*ret_return = frame->sp;
	return returns_to_v8(v8, sample, *ret_return);
}

/* A step from code at the top of the stack that has no frame. Returns whether it is such. */
static bool step_bare(struct v8 *v8, const struct unwind_sample *sample,
	const struct unwind_frame *frame, struct unwind_frame *ret_caller)
{
	struct v8_code code;
	uint64_t address, pc;

	if (!v8_frame_is_innermost(sample, frame) || !v8_frame_is_generated(v8, frame->pc) ||
		v8_code_find(&v8->codes, &v8->heap, 0, frame->pc, &code) ||
		!v8_frame_is_bare(v8, sample, frame, &code, &address) ||
		!unwind_stack_u64(sample, address, &pc))
		return false;
	*ret_caller = (struct unwind_frame){.pc = pc, .fp = frame->fp, .sp = address + 8};
	return true;
}

int v8_frame_step(struct v8 *v8, const struct unwind_sample *sample,
	const struct unwind_frame *frame, struct unwind_frame *ret_caller)
{
	uint64_t fp, pc;

	if (step_bare(v8, sample, frame, ret_caller))
		return 0;
	if (frame->fp & 7 || frame->fp < frame->sp || !unwind_stack_u64(sample, frame->fp, &fp) ||
		!unwind_stack_u64(sample, frame->fp + 8, &pc))
		return -EINVAL;
	if (!pc)
		return -ENOENT;
	if (!is_executable(v8, pc))
		return -EINVAL;
	/* Only native code, which entered V8 here, may use the frame pointer for something else. */
	if (v8_frame_owns(v8, pc) && (fp <= frame->fp || fp & 7))
		return -EINVAL;
	*ret_caller = (struct unwind_frame){.pc = pc, .fp = fp, .sp = frame->fp + 16};
	return 0;
}

bool v8_frame_runs(struct v8 *v8, const struct v8_frame_slots *slots, uint64_t shared,
	const struct v8_code *code)
{
	uint64_t made_from, bytecode;

	switch (code->kind) {
	case V8_CODE_BASELINE:
		if (v8_code_bytecode_of(&v8->heap, code->object, &made_from))
			return false;
		return made_from == slots->bytecode_array ||
		       (!v8_code_bytecode(&v8->heap, shared, &bytecode) && made_from == bytecode);
	case V8_CODE_MAGLEV:
	case V8_CODE_TURBOFAN:
		return !v8_code_shared(&v8->heap, code, &made_from) && made_from == shared;
	default:
		return false;
	}
}

/*
 * Whether a frame that was left through pc is one that V8 surely made: its slots, the kind of code
 * and the function fit together. Old stack contents hardly ever do.
 */
static bool is_certain(
	struct v8 *v8, const struct unwind_sample *sample, const struct unwind_frame *frame)
{
	const struct v8_layout *layout = &v8->image.layout;
	struct v8_frame_slots slots;
	struct v8_code code;
	uint64_t shared, bytecode;

	if (frame->fp & 7 || frame->fp < frame->sp || !v8_frame_owns(v8, frame->pc))
		return false;
	slots = v8_frame_slots(layout, sample, frame);
	if (slots.shape != V8_FRAME_FUNCTION)
		return slots.shape == V8_FRAME_TYPED;
	if (!v8_is_function(&v8->heap, slots.function) ||
		v8_field_of(&v8->heap, slots.function, layout->function_shared, layout->type_shared,
			&shared))
		return false;
	if (v8_frame_is_generated(v8, frame->pc))
		return !v8_code_find(&v8->codes, &v8->heap, slots.function, frame->pc, &code) &&
		       v8_frame_runs(v8, &slots, shared, &code);
	if (v8_is(&v8->heap, slots.bytecode_array, layout->type_bytecode_array))
		return v8_is_smi(slots.bytecode_offset);
	return v8_code_bytecode(&v8->heap, shared, &bytecode) == -ENOENT;
}

/* A chain of frames that V8 surely made, from an exit frame up to where native code entered V8. */
struct chain {
	uint64_t exit;           /* address of the exit frame */
	uint64_t fps[CHAIN_MAX]; /* of the frames that follow it */
	size_t count;
	struct unwind_frame first;
};

static bool read_exit(
	struct v8 *v8, const struct unwind_sample *sample, uint64_t at, struct unwind_frame *ret)
{
	uint64_t type, fp, pc;

	if (!unwind_stack_u64(sample, at, &type) || !v8_is_frame_type(type) ||
		!v8_frame_leads_out(&v8->image.layout, (int32_t)(type >> 1)) ||
		!unwind_stack_u64(sample, at + 8, &fp) || !unwind_stack_u64(sample, at + 16, &pc))
		return false;
	*ret = (struct unwind_frame){.pc = pc, .fp = fp, .sp = at + 24, .bridged = true};
	return true;
}

/* Follows the chain from the exit frame at `at`. Returns whether each of its frames is certain. */
static bool follow(
	struct v8 *v8, const struct unwind_sample *sample, uint64_t at, struct chain *ret)
{
	const struct v8_layout *layout = &v8->image.layout;
	struct unwind_frame frame;

	ret->exit = at;
	ret->count = 0;
	if (!read_exit(v8, sample, at, &frame))
		return false;
	ret->first = frame;
	while (ret->count < CHAIN_MAX) {
		struct v8_frame_slots slots;

		if (!is_certain(v8, sample, &frame))
			return false;
		ret->fps[ret->count++] = frame.fp;
		slots = v8_frame_slots(layout, sample, &frame);
		if (slots.shape == V8_FRAME_TYPED &&
			(slots.type == layout->frame_entry ||
				slots.type == layout->frame_construct_entry))
			return true;
		/* The copied stack may end before the entry. */
		if (v8_frame_step(v8, sample, &frame, &frame))
			return ret->count > 1;
	}
	return true;
}

/*
 * Whether `later`, whose exit frame is the higher one, shows that `earlier` is what remains of a
 * call that is over. Where the two meet, a frame would have called both; what it calls now is the
 * higher.
 */
static bool supersedes(const struct chain *later, const struct chain *earlier)
{
	for (size_t i = 0; i < earlier->count; i++) {
		for (size_t k = 0; k < later->count; k++) {
			if (earlier->fps[i] != later->fps[k])
				continue;
			return (k ? later->fps[k - 1] : later->exit) >
			       (i ? earlier->fps[i - 1] : earlier->exit);
		}
	}
	return false;
}

/*
 * Native code that V8 calls runs on top of an exit frame: its type, the caller's frame pointer, the
 * return address. The lowest one that leads to a certain chain is where V8's part begins, unless a
 * higher one says that it is a remnant in stack that native code has reserved and not written to.
 */
int v8_frame_resync(
	struct v8 *v8, const struct unwind_sample *sample, uint64_t sp, struct unwind_frame *ret)
{
	uint64_t end = sample->stack_start + sample->length;
	struct chain best = {0}, chain;
	bool found = false;
	int candidates = 0;

	if (sp < sample->stack_start)
		sp = sample->stack_start;
	for (uint64_t at = (sp + 7) & ~7ull; at < end && candidates < CANDIDATES_MAX; at += 8) {
		struct unwind_frame frame;

		if (!read_exit(v8, sample, at, &frame))
			continue;
		candidates++;
		if (!follow(v8, sample, at, &chain) || (found && !supersedes(&chain, &best)))
			continue;
		best = chain;
		found = true;
	}
	if (!found)
		return -ENOENT;
	*ret = best.first;
	return 0;
}
