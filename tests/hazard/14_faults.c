/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 14_faults.c - hazard 14: what a fork costs a program that has no loop, as most that inherit the
 * library. Prints how many page faults a child had before it ran.
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum { STATUS_MAX = 255 };

int main(void)
{
	struct rusage usage;
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		getrusage(RUSAGE_SELF, &usage);
		_exit(usage.ru_minflt < STATUS_MAX ? (int)usage.ru_minflt : STATUS_MAX);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		broken("the child ended with %#x", (unsigned)status);
	printf("%d\n", WEXITSTATUS(status));
	return 0;
}
