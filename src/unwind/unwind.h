/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwind.h - registers and copied stack bytes -> return addresses. The only user of libunwind,
 * which is loaded privately (dlopen, RTLD_LOCAL) and used through its remote interface over the
 * copy, never on a live stack (hazards 1, 2). Frames of a language runtime are stepped by that
 * runtime (struct unwind_runtime), so that libunwind sees only native code. Tier B: Holter's thread
 * inside a server; C in the tool.
 */
#pragma once

#include <stdbool.h>

#include "arena.h"
#include "maps.h"
#include "memory.h"

enum { UNWIND_REGISTERS = 17 };
/* DWARF's numbers for x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip. */
enum { UNWIND_RBX = 3, UNWIND_RBP = 6, UNWIND_RSP = 7, UNWIND_RIP = 16 };

/* A captured value pair of a runtime's frame, read when the sample was taken. */
struct unwind_slot {
	uint64_t fp;
	uint64_t value[2]; /* V8: JSFunction, SharedFunctionInfo */
};

/* A thread's state as it was copied. All memory is the caller's. */
struct unwind_sample {
	uint64_t registers[UNWIND_REGISTERS];
	bool registers_partial; /* only rip and rsp are known (a sleeping thread, read in place) */
	uint64_t stack_start;   /* address of bytes[0]; at most rsp */
	const uint8_t *bytes;
	size_t length;
	const struct unwind_slot *slots;
	size_t slot_count;
};

/* Reads 8 bytes of the copied stack. Returns false outside of it. */
static inline bool unwind_stack_u64(
	const struct unwind_sample *sample, uint64_t address, uint64_t *ret)
{
	uint64_t offset = address - sample->stack_start;

	if (address < sample->stack_start || sample->length < 8 || offset > sample->length - 8)
		return false;
	__builtin_memcpy(ret, sample->bytes + offset, 8);
	return true;
}

/* Where a frame is: enough to step from it and to name it. */
struct unwind_frame {
	uint64_t pc, sp, fp;
	bool bridged; /* found by a scan, not by following the chain */
};

/* What the unwinder asks of a language runtime. Any member may be null. */
struct unwind_runtime {
	void *context;
	/* Whether pc lies in code that the runtime generated. */
	bool (*owns)(void *context, uint64_t pc);
	/* Steps from a frame it owns to the caller. 0; -ENOENT: the bottom; -EINVAL: not a frame.
	 */
	int (*step)(void *context, const struct unwind_sample *sample,
		const struct unwind_frame *frame, struct unwind_frame *ret_caller);
	/* The nearest certain frame of the runtime at or above `sp` after a broken chain. 0 or
	 * -ENOENT. */
	int (*resync)(void *context, const struct unwind_sample *sample, uint64_t sp,
		struct unwind_frame *ret);
};

struct unwinder;

/*
 * Loads libunwind (from `directory` if it is there, else by name) and prepares. The maps are
 * borrowed and may be reloaded between calls (call unwinder_refresh then). Returns 0; -ENOENT if
 * libunwind is not to be had: the unwinder still works, by frame pointers and scans alone
 * (unwinder_name says so).
 */
int unwinder_open(struct unwinder **ret, struct arena *arena, struct memory *memory,
	const struct maps *maps, const char *directory);
const char *unwinder_name(const struct unwinder *unwinder);
/* Forgets what was learned about mappings that are gone. */
void unwinder_refresh(struct unwinder *unwinder);

enum unwind_end {
	UNWIND_COMPLETE, /* reached the thread's first frame */
	UNWIND_BROKEN,   /* the chain ended early */
	UNWIND_FULL,     /* capacity, or the copied bytes ended */
};

/* Fills `frames` innermost first. Returns the count (0 if even the first is unusable); *ret_end
 * says how it ended. */
size_t unwind(struct unwinder *unwinder, const struct unwind_sample *sample,
	const struct unwind_runtime *runtime, struct unwind_frame *frames, size_t capacity,
	enum unwind_end *ret_end);
