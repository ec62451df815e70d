/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - which frames are the same function. Numbers the functions of all stacks of a
 * recording, so that what follows compares and counts small numbers.
 *
 * Two frames are the same function if name, file and place of declaration agree (the place tells
 * anonymous functions and methods of one name apart); without a file, if name and module do;
 * without a name, if module and the function's beginning do (its offset, where that is not known).
 * A Python comprehension is the function that it stands in, and so is a generator expression that
 * is consumed there.
 *
 * The frames that a stack shares with a loop's main wait, from the outermost on, run the loop: they
 * are on every stack of it, and no turn's doing. Only where nothing but native libraries lies below
 * does the last of them count as well: a loop that does the work itself.
 *
 * Tier C. Data: recording.stacks -> struct identity -> culprit.c, group.c, and the flame graph.
 */
#pragma once

#include "finding.h"

enum { FUNCTION_NONE = UINT32_MAX };

struct identity_function {
	const struct frame *frame; /* one of its frames */
	enum frame_class frame_class;
	bool named;
};

struct stack_view {
	const struct stack *stack;
	uint32_t *functions; /* one for each frame, innermost first; FUNCTION_NONE: no function */
	size_t own;          /* frames of the turn: those from here on run the loop */
	/* The functions of the first class that the turn has any of: outermost first, each once.
	 */
	uint32_t *path;
	size_t path_length;
	bool cut; /* callers exist that could not be found */
};

struct identity {
	struct identity_function *functions;
	uint32_t function_count;
	struct stack_view *views; /* hashed by stack; null stack: free slot */
	size_t view_slots;        /* a power of two */
};

/* Everything is owned by the recording's pool. */
void identity_build(struct identity *ret, struct recording *recording);
/* Returns the view of a stack, or null for a null stack, one that the recording does not list, or
 * one without frames. */
const struct stack_view *identity_view(const struct identity *identity, const struct stack *stack);
