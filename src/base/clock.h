/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the one clock of a recording: CLOCK_MONOTONIC nanoseconds, read from the time-stamp
 * counter where that is sound (invariant, and the kernel itself keeps time by it), because two
 * system clock reads a turn would double the cost of the wait hooks. The scale is taken once: in
 * the course of days the counter and CLOCK_MONOTONIC, which is slewed, part by milliseconds and
 * more, so times of the one are never compared with the other. Tier A. clock_calibrate belongs to
 * one thread; readers are lock-free.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

/* What makes nanoseconds of the counter's ticks. */
struct clock_scale {
	uint64_t base_ticks, base_ns;
	uint64_t ns_per_tick_q32; /* 32.32 fixed point */
};

extern struct clock_scale clock_scale; /* never changes once it is ready */
extern atomic_bool clock_scale_ready;  /* release: published after the scale */

/* CLOCK_MONOTONIC from the C library (vDSO). */
uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void);

/* Whether the scale is known; it stays so. */
static inline bool clock_is_scaled(void)
{
	return atomic_load_explicit(&clock_scale_ready, memory_order_acquire);
}

/* The recording's clock by the counter, with a copy of the scale that is ready. */
static inline uint64_t clock_scaled_ns(const struct clock_scale *scale)
{
	uint64_t ticks = __rdtsc() - scale->base_ticks;

	return scale->base_ns +
	       (uint64_t)(((unsigned __int128)ticks * scale->ns_per_tick_q32) >> 32);
}

/* The recording's clock. Continuous to within a fraction of a microsecond when the scale is
 * published. */
static inline uint64_t clock_now_ns(void)
{
	return clock_is_scaled() ? clock_scaled_ns(&clock_scale) : clock_monotonic_ns();
}

/*
 * Call once in a while from one thread: takes a first reading, and at least 200 ms later a second
 * one, from which the scale is published. Does nothing where the counter is not to be trusted.
 */
void clock_calibrate(void);
/* Whether the counter is invariant and the kernel's own clock source. */
bool clock_counter_sound(void);
