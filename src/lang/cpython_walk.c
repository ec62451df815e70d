/* SPDX-License-Identifier: Apache-2.0 */
#include "cpython_walk.h"

#include <errno.h>
#include <string.h>

enum {
	INTERPRETERS_MAX = 64,
	THREADS_MAX = 1024,
	CALLS_MAX = 512, /* of the evaluator, on one stack */
	FRAMES_MAX = 2048,
	GLIBC_TID = 0x2d0, /* of struct pthread, at pthread_self(): x86-64, glibc 2.4 to 2.4x */
};

static uint64_t field(const uint8_t *bytes, uint32_t offset)
{
	uint64_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* --- threads -------------------------------------------------------------------------------------
 */

/* How a PyThreadState tells which thread it is of. */
enum evidence {
	BY_NATIVE_ID,
	/* glibc's own record of the kernel's number: for versions without native_thread_id, and for
	 * a forked child, in which some versions leave the parent's. */
	BY_GLIBC,
};

static bool is_thread(const struct cpython_layout *layout, struct memory *memory,
	const uint8_t *state, uint32_t tid, enum evidence evidence)
{
	uint32_t number;

	if (evidence == BY_NATIVE_ID)
		return layout->thread_native_id && field(state, layout->thread_native_id) == tid;
	return !memory_u32(memory, field(state, layout->thread_id) + GLIBC_TID, &number) &&
	       number == tid;
}

static int find_in_interpreter(const struct cpython_layout *layout, struct memory *memory,
	uint64_t interpreter, uint32_t tid, enum evidence evidence, struct cpython_thread *ret)
{
	uint8_t state[CPYTHON_THREAD_BYTES];
	uint64_t at;

	if (memory_u64(memory, interpreter + layout->interpreter_threads, &at))
		return -ENOENT;
	for (int i = 0; at && i < THREADS_MAX; i++) {
		if (memory_exact(memory, at, state, sizeof(state)) ||
			field(state, layout->thread_interpreter) != interpreter)
			return -ENOENT;
		/* Of several states of one thread (subinterpreters), the one with frames. */
		if (field(state, layout->thread_frame) &&
			is_thread(layout, memory, state, tid, evidence)) {
			ret->address = at;
			ret->id = field(state, layout->thread_id);
			return 0;
		}
		at = field(state, layout->thread_next);
	}
	return -ENOENT;
}

int cpython_find_thread(const struct cpython_layout *layout, struct memory *memory,
	uint64_t runtime, uint32_t tid, struct cpython_thread *ret)
{
	for (int evidence = BY_NATIVE_ID; evidence <= BY_GLIBC; evidence++) {
		uint64_t at;

		if (memory_u64(memory, runtime + layout->runtime_interpreters, &at))
			return -ENOENT;
		for (int i = 0; at && i < INTERPRETERS_MAX; i++) {
			if (!find_in_interpreter(
				    layout, memory, at, tid, (enum evidence)evidence, ret))
				return 0;
			if (memory_u64(memory, at + layout->interpreter_next, &at))
				break;
		}
	}
	return -ENOENT;
}

/* --- frames --------------------------------------------------------------------------------------
 */

struct walk {
	const struct cpython_layout *layout;
	struct memory *memory;
	struct unwind_slot *slots;
	size_t count, capacity; /* one slot is kept free to say that frames are missing */
};

struct frame {
	uint64_t previous, code, instruction;
	bool is_end; /* of the evaluator's call: a shim, or (3.11) its outermost frame */
};

static bool read_frame(const struct walk *walk, uint64_t address, struct frame *ret)
{
	const struct cpython_layout *layout = walk->layout;
	uint8_t bytes[CPYTHON_FRAME_BYTES];
	uint32_t length = layout->frame_instruction + 8;

	/* Only as far as the fields reach: a frame may end where its page does. */
	if (length < layout->frame_end + 1)
		length = layout->frame_end + 1;
	if (length < layout->frame_code + 8)
		length = layout->frame_code + 8;
	if (length < layout->frame_previous + 8)
		length = layout->frame_previous + 8;
	if (address & 7 || length > sizeof(bytes) ||
		memory_exact(walk->memory, address, bytes, length))
		return false;
	ret->previous = field(bytes, layout->frame_previous);
	ret->code = field(bytes, layout->frame_code);
	ret->instruction = field(bytes, layout->frame_instruction);
	if (layout->chain == CPYTHON_CHAIN_OBJECTS)
		ret->instruction = (uint64_t)(int64_t)(int32_t)ret->instruction;
	ret->is_end = layout->chain != CPYTHON_CHAIN_OBJECTS &&
		      bytes[layout->frame_end] == layout->frame_end_value;
	return true;
}

static bool add(struct walk *walk, uint64_t place, const struct frame *frame)
{
	if (walk->count + 1 >= walk->capacity)
		return false;
	walk->slots[walk->count++] = (struct unwind_slot){
		.fp = place,
		.value = {frame->code, frame->instruction},
	};
	return true;
}

/* Returns whether the walk reached the outermost frame. */
static bool walk_objects(struct walk *walk, uint64_t at)
{
	struct frame frame;

	while (at) {
		if (!read_frame(walk, at, &frame) || !add(walk, 0, &frame))
			return false;
		at = frame.previous;
	}
	return true;
}

/*
 * The frames of one call, from `at` to the last one, behind which `outer`, the innermost frame of
 * the call before, must follow. A call that is just beginning or ending has other frames in its
 * _PyCFrame than its own, or none: then the chain does not arrive there, and nothing is believed.
 */
static bool walk_call(struct walk *walk, uint64_t place, uint64_t at, uint64_t outer)
{
	size_t begin = walk->count;
	struct frame frame = {0};

	while (at != outer && !frame.is_end) {
		if (!at || !read_frame(walk, at, &frame)) {
			walk->count = begin;
			return true;
		}
		if (!(frame.is_end && walk->layout->frame_end_is_shim) && !add(walk, place, &frame))
			return false;
		at = frame.previous;
	}
	if (at != outer)
		walk->count = begin;
	return true;
}

static bool walk_calls(struct walk *walk, uint64_t call)
{
	const struct cpython_layout *layout = walk->layout;
	uint64_t at, previous, outer;

	if (memory_u64(walk->memory, call + layout->call_frame, &at) ||
		memory_u64(walk->memory, call + layout->call_previous, &previous))
		return false;
	/* The first one of all is a part of the PyThreadState, and has no frames. */
	for (int i = 0; previous; i++) {
		uint64_t next;

		if (i == CALLS_MAX ||
			memory_u64(walk->memory, previous + layout->call_frame, &outer) ||
			memory_u64(walk->memory, previous + layout->call_previous, &next) ||
			!walk_call(walk, call, at, outer))
			return false;
		call = previous;
		at = outer;
		previous = next;
	}
	return true;
}

/* The call of the last frames is known only at its shim, which may lie beyond what there is room
 * for. */
static bool walk_shims(struct walk *walk, uint64_t at)
{
	bool full = false;
	size_t begin = 0;
	struct frame frame;

	for (int i = 0; at && i < FRAMES_MAX; i++) {
		if (!read_frame(walk, at, &frame))
			return false;
		if (frame.is_end) {
			while (begin < walk->count)
				walk->slots[begin++].fp = at;
			if (full)
				return false;
		} else if (!full) {
			full = !add(walk, UINT64_MAX, &frame);
		}
		at = frame.previous;
	}
	return !at && !full;
}

size_t cpython_walk(const struct cpython_layout *layout, struct memory *memory,
	const struct cpython_thread *thread, struct unwind_slot *slots, size_t capacity)
{
	struct walk walk = {
		.layout = layout, .memory = memory, .slots = slots, .capacity = capacity};
	uint64_t id, at;
	bool whole = false;

	if (!capacity || !thread->address ||
		memory_u64(memory, thread->address + layout->thread_id, &id) || id != thread->id ||
		memory_u64(memory, thread->address + layout->thread_frame, &at))
		return 0;
	switch (layout->chain) {
	case CPYTHON_CHAIN_OBJECTS:
		whole = walk_objects(&walk, at);
		break;
	case CPYTHON_CHAIN_CALLS:
		whole = walk_calls(&walk, at);
		break;
	case CPYTHON_CHAIN_SHIMS:
		whole = walk_shims(&walk, at);
		break;
	}
	if (!whole)
		slots[walk.count++] = (struct unwind_slot){.fp = UINT64_MAX};
	return walk.count;
}
