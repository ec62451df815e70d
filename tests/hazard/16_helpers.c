/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16_helpers.c - hazard 16: a server that starts helpers out of its stalls, by fork and exec, and
 * prints how each ended.
 *
 *     16_helpers COMMAND...      each is a shell command, run a few times
 */
#include <sys/wait.h>

#include "loop.h"

enum { TIMES = 5, STALL_MS = 15 };

int main(int argc, char **argv)
{
	int loop = loop_open();

	serve();
	loop_warm(loop);
	for (int i = 1; i < argc; i++)
		for (int time = 0; time < TIMES; time++) {
			int status;

			burn_ms(STALL_MS);
			fflush(stdout);
			status = system(argv[i]);
			printf("%s: %s %d\n", argv[i], WIFEXITED(status) ? "status" : "signal",
				WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
			loop_turn(loop);
		}
	return 0;
}
