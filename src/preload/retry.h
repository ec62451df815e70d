/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.h - an interruption that Holter's signal caused never reaches the server (hazard 9). A
 * wrapper asks after a failed call whether the EINTR was ours, and repeats it with the time that is
 * left.
 *
 * The handler knows: it counts an interruption only if the context it was called in is a system
 * call that has just returned EINTR, and no signal of the server's waits to be delivered as well.
 * Tier A.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "loop.h"

struct retry {
	uint32_t interrupted; /* thread.interrupted before the call */
	bool again;           /* this is not the first attempt */
	uint64_t begin_ns;    /* 0: the thread is no loop and never signalled */
};

static inline void retry_begin(struct retry *retry)
{
	const struct loop *loop = thread.loop;

	/*
	 * In the main wait the stamp has just been taken. In a nested one (rare) wait_begin_ns is
	 * old, so the clock is read.
	 */
	retry->interrupted = thread.interrupted;
	retry->again = false;
	retry->begin_ns = 0;
	if (!loop)
		return;
	retry->begin_ns = atomic_load_explicit(&loop->turn_begin_ns, memory_order_relaxed)
				  ? clock_now_ns()
				  : loop->wait_begin_ns;
}

/* After a failure: whether to make the call again. Keeps errno. */
static inline bool retry_is_ours(struct retry *retry)
{
	if (errno != EINTR || thread.interrupted == retry->interrupted)
		return false;
	retry->interrupted = thread.interrupted;
	retry->again = true;
	thread.forgiven++;
	return true;
}

/* Nanoseconds of `timeout_ns` that are left. */
static inline uint64_t retry_left_ns(const struct retry *retry, uint64_t timeout_ns)
{
	uint64_t gone = clock_now_ns() - retry->begin_ns;

	return gone < timeout_ns ? timeout_ns - gone : 0;
}

/* The timeout in milliseconds (negative: for ever) for the next attempt; the caller's own for the
 * first. */
static inline int retry_left_ms(const struct retry *retry, int timeout)
{
	if (timeout <= 0 || !retry->again)
		return timeout;
	return (int)((retry_left_ns(retry, (uint64_t)timeout * 1000000) + 999999) / 1000000);
}

static inline const struct timespec *retry_left(
	const struct retry *retry, const struct timespec *timeout, struct timespec *left)
{
	uint64_t ns;

	if (!timeout || !retry->again)
		return timeout;
	ns = retry_left_ns(
		retry, (uint64_t)timeout->tv_sec * 1000000000 + (uint64_t)timeout->tv_nsec);
	*left = (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
	return left;
}
