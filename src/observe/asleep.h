/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asleep.h - the stack of a thread that sleeps, read from outside: it does not move, so its stack
 * lies at the stack pointer that /proc/PID/task/T/syscall gives, and a second look makes sure that
 * it slept all the while. Nothing is done to the thread. Tier B.
 */
#pragma once

#include <stdbool.h>

#include "lang.h"

enum {
	ASLEEP_STACK_BYTES = 64 << 10,
	ASLEEP_SLOTS_MAX = 128,
	ASLEEP_RUNNING = -1, /* as a call: it runs */
	ASLEEP_BLOCKED = -2, /* it sleeps, and in no system call: in a page fault, or stopped */
};

/* Where a thread stands. */
struct asleep {
	int64_t call; /* number of the system call, or one of the above */
	uint64_t arguments[2];
	uint64_t sp, pc;
};

/* What was copied. All of it is the caller's. */
struct asleep_copy {
	uint64_t start;
	size_t length, slot_count;
	struct unwind_slot slots[ASLEEP_SLOTS_MAX];
	_Alignas(16) uint8_t bytes[ASLEEP_STACK_BYTES];
};

/* Returns 0; -ENOENT, -ESRCH: the thread is gone; -EPERM: it may not be looked at. */
int asleep_look(pid_t pid, uint32_t tid, struct asleep *ret);
/*
 * Copies the stack of a thread that asleep_look found asleep; [stack_start, stack_end) is its
 * mapping, 0, 0 if that is not known. `lang` may be null. Returns whether it slept all the while.
 */
bool asleep_take(pid_t pid, uint32_t tid, const struct asleep *at, uint64_t stack_start,
	uint64_t stack_end, const struct lang *lang, struct asleep_copy *ret);
/* The copy as a sample, which borrows it. */
struct unwind_sample asleep_sample(const struct asleep *at, const struct asleep_copy *copy);
