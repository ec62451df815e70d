/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 05_large_tls.c - hazard 5, the other way about: a program with more thread-local storage than a
 * small stack holds, and the C library puts it on each thread's stack. Stalls a few times.
 */
#include "loop.h"

enum { LARGE_BYTES = 300 << 10, TURNS = 10, STALL_MS = 40 };

static __thread volatile char large[LARGE_BYTES];

int main(void)
{
	int loop = loop_open();

	large[LARGE_BYTES / 2] = 1;
	serve();
	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		loop_turn(loop);
	}
	return 0;
}
