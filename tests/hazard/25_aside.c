/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 25_aside.c - hazard 25: whether Holter has anything to do with this process any more, once it had
 * the time to begin. A server with a pool asks its hooks: who stands aside does not read the clock.
 * Prints "at work" or "aside".
 */
#include <holter/holter.h>

#include "loop.h"

enum { TURNS = 10, STALL_MS = 40 };

int main(void)
{
	struct holter_pool *pool = holter_pool_new("pool", 1);
	int loop = loop_open();

	serve();
	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		loop_turn(loop);
	}
	puts(holter_pool_wait_begin(pool) ? "at work" : "aside");
	fflush(stdout);
	abort();
}
