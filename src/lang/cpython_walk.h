/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpython_walk.h - the interpreter's frames of one thread, innermost first, as they are now. They
 * lie in the heap and on the interpreter's own stack, and move on with the thread: so the walk is
 * done while the thread stands still, by the signal handler on that thread or while it sleeps.
 * Nothing is named here. Tier A: bounded; reads go through `struct memory`, which never faults.
 */
#pragma once

#include "cpython_layout.h"
#include "unwind.h"

/* A PyThreadState, and its thread_id field, which tells it from what may take its place. */
struct cpython_thread {
	uint64_t address; /* 0: none */
	uint64_t id;
};

/*
 * Finds the interpreter's state of a thread by the kernel's number for it, from _PyRuntime at
 * `runtime`. Returns 0; -ENOENT: this thread runs no Python. Holter's thread.
 */
int cpython_find_thread(const struct cpython_layout *layout, struct memory *memory,
	uint64_t runtime, uint32_t tid, struct cpython_thread *ret);

/* Of a slot: value[CPYTHON_SLOT_CODE] is 0 where frames are left out. */
enum { CPYTHON_SLOT_CODE, CPYTHON_SLOT_INSTRUCTION };
/*
 * Fills a slot for each frame: its code object and the instruction it is at (as the layout's
 * frame_instruction). `fp` lies in the native frame of the evaluator's call that runs it; it is 0
 * where the version does not tell (CPYTHON_CHAIN_OBJECTS), UINT64_MAX if it could not be found.
 * Where outer frames are missing (capacity, unreadable), the last slot says so. Returns the number
 * of slots.
 */
size_t cpython_walk(const struct cpython_layout *layout, struct memory *memory,
	const struct cpython_thread *thread, struct unwind_slot *slots, size_t capacity);
