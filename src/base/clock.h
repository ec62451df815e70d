/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the one clock of a recording: CLOCK_MONOTONIC nanoseconds, read from the time-stamp
 * counter where that is sound (invariant, and the kernel itself keeps time by it), because two
 * system clock reads a turn would double the cost of the wait hooks. Tier A. clock_calibrate
 * belongs to one thread; readers are lock-free.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

struct clock_scale {
	uint64_t base_ticks, base_ns;
	uint64_t ns_per_tick_q32; /* 32.32 fixed point */
	atomic_bool ready; /* release: published after the fields above, which never change again */
};

extern struct clock_scale clock_scale;

/* CLOCK_MONOTONIC from the C library (vDSO). */
uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void);

/* The recording's clock. Continuous to within a fraction of a microsecond when the scale is
 * published. */
static inline uint64_t clock_now_ns(void)
{
	uint64_t ticks;

	if (!atomic_load_explicit(&clock_scale.ready, memory_order_acquire))
		return clock_monotonic_ns();
	ticks = __rdtsc() - clock_scale.base_ticks;
	return clock_scale.base_ns +
	       (uint64_t)(((unsigned __int128)ticks * clock_scale.ns_per_tick_q32) >> 32);
}

/*
 * Call once in a while from one thread: takes a first reading, and at least 200 ms later a second
 * one, from which the scale is published. Does nothing where the counter is not to be trusted.
 */
void clock_calibrate(void);
/* Whether the counter is invariant and the kernel's own clock source. */
bool clock_counter_sound(void);
