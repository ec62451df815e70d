/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <cpuid.h>
#include <string.h>
#include <time.h>

#include "sys.h"

enum { CALIBRATION_NS = 200 * 1000 * 1000 };

struct clock_scale clock_scale;
atomic_bool clock_scale_ready;

struct reading {
	uint64_t ticks, ns;
};

static struct reading first_reading; /* owned by the calibrating thread */
static int counter_state;            /* the same; 0: not asked yet, 1: sound, -1: not */

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

bool clock_counter_sound(void)
{
	unsigned eax, ebx, ecx, edx;
	char source[16];
	int64_t length;

	if (!__get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) || !(edx & (1u << 8)))
		return false;
	length = sys_read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		source, sizeof(source));
	return length >= 3 && !memcmp(source, "tsc", 3) && (length == 3 || source[3] == '\n');
}

/* The tightest of a few tries: a preemption between the reads would spoil the pair. */
static struct reading take_reading(void)
{
	struct reading best = {0};
	uint64_t best_width = UINT64_MAX;

	for (int i = 0; i < 16; i++) {
		uint64_t before = __rdtsc(), ns = clock_monotonic_ns(), after = __rdtsc();

		if (after - before < best_width) {
			best_width = after - before;
			best = (struct reading){before + (after - before) / 2, ns};
		}
	}
	return best;
}

void clock_calibrate(void)
{
	struct reading second;

	if (clock_is_scaled() || counter_state < 0)
		return;
	if (!counter_state) {
		counter_state = clock_counter_sound() ? 1 : -1;
		first_reading = take_reading();
		return;
	}
	if (clock_monotonic_ns() - first_reading.ns < CALIBRATION_NS)
		return;
	second = take_reading();
	if (second.ticks <= first_reading.ticks)
		return;
	clock_scale.base_ticks = second.ticks;
	clock_scale.base_ns = second.ns;
	clock_scale.ns_per_tick_q32 =
		(uint64_t)((((unsigned __int128)(second.ns - first_reading.ns)) << 32) /
			   (second.ticks - first_reading.ticks));
	atomic_store_explicit(&clock_scale_ready, true, memory_order_release);
}
