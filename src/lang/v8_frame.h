/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_frame.h - V8's stack frames: which pc is V8's, how a frame leads to its caller, where V8's
 * part of a stack begins again when the chain was lost, and what a signal handler must read at
 * once.
 *
 * Every frame of V8 keeps the frame pointer chain. Below the saved frame pointer stands the context
 * of a function, and below that the function; or else a small even number, the type of a frame that
 * is no function's. Tier B; v8_frame_capture_sig is tier A. Not here: what a frame is called
 * (v8.c).
 */
#pragma once

#include "v8_heap.h"
#include "v8_image.h"

/* What the slots of a frame say it is. */
enum v8_frame_shape {
	V8_FRAME_NONE,     /* neither: not V8's, or not yet set up */
	V8_FRAME_FUNCTION, /* context and function are objects: type to be checked */
	V8_FRAME_TYPED,    /* a frame type */
};

struct v8_frame_slots {
	enum v8_frame_shape shape;
	int32_t type;      /* of a typed frame */
	uint64_t function; /* of a function's */
	uint64_t bytecode_array,
		bytecode_offset; /* of a function's: what stands there, perhaps something else */
};

/* Reads the slots of the frame at fp from the copied stack. */
void v8_frame_slots(struct v8_frame_slots *ret, const struct v8_layout *layout,
	const struct unwind_sample *sample, uint64_t fp);
/* Whether pc lies in generated code: executable memory that belongs to no file. */
bool v8_frame_is_generated(const struct maps *maps, uint64_t pc);
/* As lang_ops.step. */
int v8_frame_step(const struct v8_image *image, const struct maps *maps,
	const struct unwind_sample *sample, const struct unwind_frame *frame,
	struct unwind_frame *ret_caller);
/* As lang_ops.resync. */
int v8_frame_resync(const struct v8_image *image, const struct maps *maps, struct v8_heap *heap,
	const struct unwind_sample *sample, uint64_t sp, struct unwind_frame *ret);
/* As lang_ops.capture_sig. */
size_t v8_frame_capture_sig(const struct v8_layout *layout, pid_t pid, uint64_t fp, uint64_t sp,
	uint64_t stack_end, struct unwind_slot *slots, size_t capacity);
