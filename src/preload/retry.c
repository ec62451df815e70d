/* SPDX-License-Identifier: Apache-2.0 */
#include "retry.h"

#include <errno.h>
#include <stddef.h>

bool retry_is_ours(struct retry *retry)
{
	if (errno != EINTR || thread.interrupted == retry->interrupted)
		return false;
	retry->interrupted = thread.interrupted;
	thread.forgiven++;
	return true;
}

static uint64_t left_ns(const struct retry *retry, uint64_t timeout_ns)
{
	uint64_t gone = clock_now_ns() - retry->begin_ns;

	return gone < timeout_ns ? timeout_ns - gone : 0;
}

int retry_left_ms(const struct retry *retry, int timeout)
{
	if (timeout <= 0)
		return timeout;
	return (int)((left_ns(retry, (uint64_t)timeout * 1000000) + 999999) / 1000000);
}

const struct timespec *retry_left(
	const struct retry *retry, const struct timespec *timeout, struct timespec *left)
{
	uint64_t ns;

	if (!timeout)
		return NULL;
	ns = left_ns(retry, (uint64_t)timeout->tv_sec * 1000000000 + (uint64_t)timeout->tv_nsec);
	*left = (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
	return left;
}
