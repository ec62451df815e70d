/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moves.c - a server that is idle but for a stall of 200 ms each second.
 *
 *     moves SECONDS              nothing else
 *     moves SECONDS FOLDER       after the first stall FOLDER is its root
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 20, STALL_MS = 200 };

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

__attribute__((noinline)) static void stall_on_purpose(void)
{
	static volatile unsigned long turns;

	for (double end = now_ms() + STALL_MS; now_ms() < end;)
		turns = turns + 1;
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
