/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks_sleep.c - sleeps inside a turn, which a signal interrupts in spite of SA_RESTART (hazard
 * 9). Holter never signals a thread that it knows to be asleep, but a thread may fall asleep
 * between the look and the signal. Tier A.
 */
#include <errno.h>
#include <stddef.h>

#include "export.h"
#include "loop.h"
#include "real.h"
#include "retry.h"

EXPORT int nanosleep(const struct timespec *duration, struct timespec *remaining)
{
	struct timespec left = {0};
	struct retry retry;
	int result;

	if (!thread.loop)
		return REAL(nanosleep)(duration, remaining);
	retry = retry_begin(NULL);
	result = REAL(nanosleep)(duration, &left);
	while (result < 0 && retry_is_ours(&retry)) {
		struct timespec again = left;

		result = REAL(nanosleep)(&again, &left);
	}
	if (result < 0 && remaining && errno == EINTR)
		*remaining = left;
	return result;
}

EXPORT int clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *duration, struct timespec *remaining)
{
	struct timespec left = {0};
	bool absolute = flags & TIMER_ABSTIME;
	struct retry retry;
	int saved = errno, error;

	if (!thread.loop)
		return REAL(clock_nanosleep)(clock, flags, duration, remaining);
	retry = retry_begin(NULL);
	error = REAL(clock_nanosleep)(clock, flags, duration, &left);
	/* It returns its error and leaves errno alone. */
	while (error == EINTR && (errno = EINTR, retry_is_ours(&retry))) {
		struct timespec again = absolute ? *duration : left;

		error = REAL(clock_nanosleep)(clock, flags, &again, &left);
	}
	errno = saved;
	if (error == EINTR && remaining && !absolute)
		*remaining = left;
	return error;
}

EXPORT int usleep(useconds_t microseconds)
{
	struct timespec duration = {
		.tv_sec = microseconds / 1000000,
		.tv_nsec = (long)(microseconds % 1000000) * 1000,
	};

	if (!thread.loop)
		return REAL(usleep)(microseconds);
	return nanosleep(&duration, NULL);
}

EXPORT unsigned sleep(unsigned seconds)
{
	struct timespec duration = {.tv_sec = (time_t)seconds}, left = {0};

	if (!thread.loop)
		return REAL(sleep)(seconds);
	if (!nanosleep(&duration, &left))
		return 0;
	/* As glibc does: whole seconds that are left, rounded up from a half
	 * (sysdeps/posix/sleep.c). */
	return (unsigned)left.tv_sec + (left.tv_nsec >= 500000000);
}
