/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotations.c - what a pair of annotations costs: the beginning and the end of a loop's wait, a
 * connection acquired and released, a wait for one. Prints nanoseconds a pair, the best of the
 * later batches, as waits.c does.
 */
#include <stdio.h>
#include <time.h>

#include "holter/holter.h"

enum { CALLS = 20000, BATCHES = 800, SETTLING = 500 };

static struct holter_pool *pool;

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void loop_pair(void)
{
	holter_loop_wait_begin();
	holter_loop_wait_end();
}

static void hold_pair(void)
{
	holter_pool_acquired(pool, &pool);
	holter_pool_released(pool, &pool);
}

static void wait_pair(void)
{
	holter_pool_wait_end(pool, holter_pool_wait_begin(pool));
}

int main(void)
{
	static void (*const pairs[])(void) = {loop_pair, hold_pair, wait_pair};

	pool = holter_pool_new("bench", 1);
	for (size_t kind = 0; kind < sizeof(pairs) / sizeof(pairs[0]); kind++) {
		double best = 1e18;

		for (int batch = 0; batch < BATCHES; batch++) {
			double begin = now_ns(), each;

			for (int i = 0; i < CALLS; i++)
				pairs[kind]();
			each = (now_ns() - begin) / CALLS;
			if (batch >= SETTLING && each < best)
				best = each;
		}
		printf("%.2f\n", best);
	}
	return 0;
}
