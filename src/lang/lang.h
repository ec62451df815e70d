/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lang.h - what Holter asks of a language runtime (V8, CPython): is it here, which code is its
 * own, how to step through its frames, and what a frame is called in the source. One file and
 * one word in lang.c's list a language. Memory comes through `struct memory`, so the same code
 * serves the own process and another one. On any mismatch a language says less (a name without a
 * line, "JS frame"), never something wrong. Tier B (Holter's thread in the server), C in the tool;
 * capture_sig is tier A.
 */
#pragma once

#include "event.h"
#include "unwind.h"

struct lang_target {
	struct memory
		*memory; /* the process; reads are cached by page between lang_refresh calls */
	const struct maps *maps; /* borrowed; reloaded by the owner, who then calls refresh */
	pid_t pid;               /* for /proc/PID/exe and the like */
	struct arena *arena;     /* all of the language's storage */
};

/* A frame as its author would read it. Strings are UTF-8, borrowed until the next call of `name`.
 */
struct lang_frame {
	enum frame_kind kind;
	enum frame_doubt doubt;
	const char *function; /* "" if anonymous */
	const char *file; /* a path, "node:internal/…", "evalmachine.<anonymous>"; "" if unknown */
	uint32_t line, column; /* of the call, or the position in the innermost frame; 0 unknown */
	uint32_t function_line, function_column; /* of the declaration; 0 unknown */
	bool inlined;                            /* into the frame that follows */
};

enum { LANG_INLINE_MAX = 16 };

/* How far a stack is merged with frames beside it; zero at its innermost frame. */
struct lang_cursor {
	size_t next;                      /* of the sample's slots */
	const struct unwind_frame *frame; /* that the last call was about */
	/* This native frame is the runtime's way of running those frames: left out. */
	bool stands_for;
};

/*
 * What of a running thread will have moved when it is looked at from another process: who takes the
 * sample copies it along, and lays it over the target's memory. Offsets in bytes.
 */
enum lang_chase_kind {
	LANG_CHASE_NONE,
	/* Along the frame pointers, the object that a frame points to at `object`, if that and
	 * what is at `witness` are tagged pointers (they end in binary 01). */
	LANG_CHASE_FRAMES,
	/* Structures from an anchor of the thread on: the first pointer is in the anchor at
	 * `first`, the next one in a structure at `next`. With has_outer the first one leads to
	 * another chain (`outer_next`), whose first structure points to this one at `outer_first`.
	 */
	LANG_CHASE_CHAIN,
};

enum { LANG_CHASE_BYTES = 120 }; /* of each object or structure, from its start */

struct lang_chase {
	enum lang_chase_kind kind;
	int32_t object, witness;
	uint32_t first, next, outer_first, outer_next;
	bool has_outer;
};

/*
 * A runtime keeps its frames on the native stack (V8: owns, step, resync, frame) or beside it
 * (CPython: beside). Members that do not apply to it are null.
 */
struct lang_ops {
	const char *name; /* "v8" */
	/*
	 * Looks for the runtime in the target. Returns 0 and its state; -ENOENT: not this runtime;
	 * -ENOTSUP: it is, but nothing certain can be read (reason says why, static text).
	 */
	int (*open)(void **ret, const struct lang_target *target, const char **ret_reason);
	/* "node 20.20.2": static or in the arena. Never null. */
	const char *(*runtime)(const void *lang);
	/* Null if the runtime's version is a known one; else what is guessed, static text. */
	const char *(*caveat)(const void *lang);
	/* The target's mappings were reloaded. */
	void (*refresh)(void *lang);
	bool (*owns)(void *lang, uint64_t pc);
	int (*step)(void *lang, const struct unwind_sample *sample,
		const struct unwind_frame *frame, struct unwind_frame *ret_caller);
	int (*resync)(void *lang, const struct unwind_sample *sample, uint64_t sp,
		struct unwind_frame *ret);
	/*
	 * Names one physical frame: fills up to LANG_INLINE_MAX frames, innermost (inlined) first,
	 * and returns their number; 0 if it is one of the runtime's own stubs, better left out.
	 */
	size_t (*frame)(void *lang, const struct unwind_sample *sample,
		const struct unwind_frame *frame, bool innermost, struct lang_frame *ret);
	/*
	 * In the signal handler: follows the frame-pointer chain through [sp, stack_end) and reads,
	 * for each frame of the runtime, what will have moved later (V8: the function's
	 * SharedFunctionInfo). Bounded, no faults. Returns the number of slots filled.
	 */
	size_t (*capture_sig)(const void *lang, uint64_t fp, uint64_t sp, uint64_t stack_end,
		struct unwind_slot *slots, size_t capacity);
	/* The next capture_sig will be on this thread. Holter's thread, before the signal. */
	void (*prepare)(void *lang, uint32_t tid);
	/* The same of a thread that sleeps, from Holter's thread, through memory alone; who calls
	 * it makes sure that the thread slept all the while, or has laid over the memory what
	 * chase asks for. */
	size_t (*capture_asleep)(
		void *lang, uint32_t tid, struct unwind_slot *slots, size_t capacity);
	/* What to copy with a sample of another process. */
	void (*chase)(const void *lang, struct lang_chase *ret);
	/* The anchor of a thread's chain; 0: it has none. */
	uint64_t (*anchor)(void *lang, uint32_t tid);
	/* Whether a native frame with this pc is a garbage collection. */
	bool (*collects)(void *lang, uint64_t pc);
	/*
	 * Names the next of the frames that run in a native frame, innermost first. `caller` is the
	 * native frame after it; null: none was found, and all frames that are left belong here.
	 * Returns whether there was one; in either case the cursor tells whether the native frame
	 * is to be left out. Called for each native frame in turn, until it returns false.
	 */
	bool (*beside)(void *lang, const struct unwind_sample *sample,
		const struct unwind_frame *frame, const struct unwind_frame *caller,
		struct lang_cursor *cursor, struct lang_frame *ret);
};

extern const struct lang_ops lang_v8;
extern const struct lang_ops lang_cpython;

/* The runtime of a process, if it is a known one: tries every language in the list. */
struct lang {
	const struct lang_ops *ops;
	void *state;
};

/* Returns 0; -ENOENT: no known runtime; -ENOTSUP with a reason. */
int lang_open(struct lang *ret, const struct lang_target *target, const char **ret_reason);
/* The unwinder's view of a language. */
struct unwind_runtime lang_unwind_runtime(const struct lang *lang);
