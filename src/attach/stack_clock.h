/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stack_clock.h - registers and stack of one thread, copied by the kernel every so often while it
 * runs in user mode: a perf event on the software CPU clock. Opened for one stall and closed
 * behind it, so that a healthy thread pays nothing.
 *
 * The copy begins at the stack pointer: the 128 bytes below it, in use by leaf functions, are not
 * had.
 *
 * Tier C. Data: perf_event_open(2) -> struct stall_sample, but for what a record says of its loop.
 */
#pragma once

#include "perf.h"
#include "stall.h"

struct stack_clock {
	int fd; /* -1: not open */
	struct perf_ring ring;
};

void stack_clock_init(struct stack_clock *clock);
/* Returns 0 or a negative errno. */
int stack_clock_open(struct stack_clock *clock, pid_t tid, uint64_t interval_ns);
void stack_clock_close(struct stack_clock *clock);
/* Takes the oldest: record.time_ns, registers and stack. False: there is none. */
bool stack_clock_next(struct stack_clock *clock, struct stall_sample *ret);
