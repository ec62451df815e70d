/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 17_first_signal.c - hazard 17: the first sample finds nothing prepared. A signal of Holter's
 * number comes as the first thing in main, the loop stalls from the first turn on that Holter
 * knows it by, and what the sampled thread allocates in its stalls is counted: nothing may be, and
 * no library may come by it.
 *
 *     17_first_signal            under Holter
 *     17_first_signal wrong      the control: this program's own handler takes its first backtrace
 */
#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "loop.h"

enum { TURNS = 3, STALL_MS = 30 };

static __thread volatile bool stalling;
static unsigned allocations;

void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	allocations += stalling;
	return __libc_malloc(size);
}

static void take_backtrace(int number)
{
	void *frames[16];

	(void)number;
	backtrace(frames, 16);
}

int main(int argc, char **argv)
{
	int loop;

	(void)argv;
	kill(getpid(), SIGURG);
	loop = loop_open();
	if (argc > 1)
		signal(SIGALRM, take_backtrace);
	serve();
	for (int i = 0; i < 2; i++) /* a loop from the second wait on, in a process that listens */
		loop_turn(loop);
	for (int i = 0; i < TURNS; i++) {
		stalling = true;
		if (argc > 1)
			raise(SIGALRM);
		burn_ms(STALL_MS);
		stalling = false;
		loop_turn(loop);
	}
	if (allocations)
		broken("%u allocations", allocations);
	return 0;
}
