/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_frame.h - V8's stack frames: which pc is V8's, how a frame leads to its caller, where V8's
 * part of a stack begins again when the chain was lost, and what a signal handler must read at
 * once.
 *
 * Every frame of V8 keeps the frame pointer chain. Below the saved frame pointer stands the context
 * of a function, and below that the function; or else a small even number, the type of a frame that
 * is no function's. Tier B; v8_capture.c is tier A. Not here: what a frame is called (v8.c).
 */
#pragma once

#include "v8.h"

enum { V8_FRAME_TYPES = 64 };

/* What the slots of a frame say it is. */
enum v8_frame_shape {
	V8_FRAME_NONE,     /* neither of these: not V8's, or not made yet */
	V8_FRAME_FUNCTION, /* context and function are objects, of types still to be checked */
	V8_FRAME_TYPED,    /* a frame type */
};

struct v8_frame_slots {
	enum v8_frame_shape shape;
	int32_t type;                             /* of a typed frame */
	uint64_t function;                        /* of a function's frame */
	uint64_t bytecode_array, bytecode_offset; /* of an interpreted one's; in others, anything */
};

/* A frame type is stored shifted by one, as a small integer would be on a machine of 32 bits. */
static inline bool v8_is_frame_type(uint64_t word)
{
	return word - 1 < 2 * V8_FRAME_TYPES - 1 && !(word & 1);
}

/* Whether frames of this type stand between V8 and the native code that it called. */
bool v8_frame_leads_out(const struct v8_layout *layout, int32_t type);
/* Reads the slots of a frame from the copied stack. What is below its sp is not part of it. */
struct v8_frame_slots v8_frame_slots(const struct v8_layout *layout,
	const struct unwind_sample *sample, const struct unwind_frame *frame);
/* Whether pc lies in generated code: executable memory that belongs to no file. */
bool v8_frame_is_generated(const struct v8 *v8, uint64_t pc);
/* Whether the frame is where the sample's thread was executing. */
bool v8_frame_is_innermost(const struct unwind_sample *sample, const struct unwind_frame *frame);
/* lang_ops.owns, .step and .resync. */
bool v8_frame_owns(const struct v8 *v8, uint64_t pc);
int v8_frame_step(struct v8 *v8, const struct unwind_sample *sample,
	const struct unwind_frame *frame, struct unwind_frame *ret_caller);
int v8_frame_resync(
	struct v8 *v8, const struct unwind_sample *sample, uint64_t sp, struct unwind_frame *ret);
/*
 * Whether generated code at the top of the stack has no frame: its prologue has not made it yet, or
 * its epilogue has dropped it. The frame pointer is the caller's then, and the return address is at
 * *ret_return.
 */
bool v8_frame_is_bare(struct v8 *v8, const struct unwind_sample *sample,
	const struct unwind_frame *frame, const struct v8_code *code, uint64_t *ret_return);
/* Whether code may be what a frame with these slots runs: it was made from the same function. */
bool v8_frame_runs(struct v8 *v8, const struct v8_frame_slots *slots, uint64_t shared,
	const struct v8_code *code);
