/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moves.c - a server that is idle but for a stall of 200 ms each second.
 *
 *     moves SECONDS              nothing else
 *     moves SECONDS FOLDER       after the first stall FOLDER is its root
 */
#include <unistd.h>

#include "loop.h"

enum { WAIT_MS = 20, STALL_MS = 200 };

__attribute__((noinline)) static void stall_on_purpose(void)
{
	burn_ms(STALL_MS);
}

int main(int argc, char **argv)
{
	int loop = epoll_create1(EPOLL_CLOEXEC), listener = socket(AF_INET, SOCK_STREAM, 0);
	double end, next;
	struct epoll_event event;

	if (argc < 2 || loop < 0 || listen(listener, 1))
		return 2;
	next = now_ms() + 1000;
	for (end = now_ms() + 1e3 * atof(argv[1]); now_ms() < end;) {
		(void)epoll_wait(loop, &event, 1, WAIT_MS);
		if (now_ms() < next)
			continue;
		stall_on_purpose();
		next += 1000;
		if (argc > 2 && (chroot(argv[2]) || chdir("/"))) {
			perror("chroot");
			return 1;
		}
		argc = 2;
	}
	return 0;
}
