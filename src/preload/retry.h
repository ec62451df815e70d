/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.h - an interruption that Holter's signal caused never reaches the server (hazard 9). A
 * wrapper asks after a failed call whether the EINTR was ours, and repeats it with the time that is
 * left.
 *
 * The handler knows: it counts an interruption only if the context it was called in is a system
 * call that has just returned EINTR, and no signal of the server's waits to be delivered as well.
 * Tier A. The common case (no failure) costs one load before the call and one comparison after it.
 */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "loop.h"

struct retry {
	uint32_t interrupted; /* thread.interrupted before the call */
	uint64_t begin_ns;    /* 0: the thread is no loop and never signalled */
};

/* `waits`: the loop whose main wait this is (its stamp has just been taken), or null. */
static inline struct retry retry_begin(const struct loop *waits)
{
	struct retry retry = {.interrupted = thread.interrupted};

	if (waits)
		retry.begin_ns = waits->wait_begin_ns;
	else if (thread.loop)
		retry.begin_ns = clock_now_ns();
	return retry;
}

/* After a failure: whether to make the call again. Keeps errno. */
bool retry_is_ours(struct retry *retry);
/* The timeout for the next attempt: of milliseconds (negative: for ever), or of a timespec (null:
 * for ever). */
int retry_left_ms(const struct retry *retry, int timeout);
const struct timespec *retry_left(
	const struct retry *retry, const struct timespec *timeout, struct timespec *left);
