/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slewed_clock.c - a library to be preloaded beside Holter's: for its first three seconds
 * CLOCK_MONOTONIC runs at the rate SLEW, as when a clock is being set right by slewing, and from
 * then on as the kernel's own.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { SLEWED_SECONDS = 3, SECOND_NS = 1000000000 };

static int (*original)(clockid_t clock, struct timespec *ret);
static int64_t end_ns; /* of the slewing; 0: it has not begun */
static double rate;

static int64_t ns_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * SECOND_NS + time->tv_nsec;
}

__attribute__((constructor)) static void start(void)
{
	const char *slew = getenv("SLEW");
	struct timespec now;

	original = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	original(CLOCK_MONOTONIC, &now);
	rate = slew ? strtod(slew, NULL) : 1;
	end_ns = ns_of(&now) + (int64_t)SLEWED_SECONDS * SECOND_NS;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result;

	if (!original)
		start();
	result = original(clock, ret);
	if (clock == CLOCK_MONOTONIC && result == 0 && ns_of(ret) < end_ns) {
		int64_t now_ns = end_ns - (int64_t)((double)(end_ns - ns_of(ret)) * rate);

		ret->tv_sec = now_ns / SECOND_NS;
		ret->tv_nsec = now_ns % SECOND_NS;
	}
	return result;
}
