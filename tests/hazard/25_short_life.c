/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 25_short_life.c - hazard 25: a server that stalls a few times, and then ends in one way or
 * another.
 *
 *     25_short_life crash|end
 */
#include <string.h>
#include <sys/resource.h>

#include "loop.h"

enum { TURNS = 16, STALL_MS = 30 };

int main(int argc, char **argv)
{
	const struct rlimit none = {0, 0};
	int loop = loop_open();

	setrlimit(RLIMIT_CORE, &none);
	serve();
	loop_warm(loop);
	for (int i = 0; i < TURNS; i++) {
		burn_ms(STALL_MS);
		loop_turn(loop);
	}
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		abort();
	return 0;
}
