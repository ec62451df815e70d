/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_capture.h - what a signal handler on the own process must read before it returns: the
 * functions of V8's frames, which the garbage collector moves. Tier A: bounded, no faults, no
 * state.
 */
#pragma once

#include "unwind.h"
#include "v8_layout.h"

/*
 * Whether capturing works in this process: tries the one system call that it makes. Call it once at
 * the start, where a refusal (seccomp) does least harm.
 */
bool v8_capture_works(pid_t pid);
/* As lang_ops.capture_sig. */
size_t v8_capture_sig(const struct v8_layout *layout, pid_t pid, uint64_t fp, uint64_t sp,
	uint64_t stack_end, struct unwind_slot *slots, size_t capacity);
