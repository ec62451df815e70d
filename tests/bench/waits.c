/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits.c - what an epoll_wait costs: a loop whose one descriptor is always ready, as in a busy
 * server. Prints nanoseconds a call, the best of the later batches: what else runs on the machine
 * counts little then, and Holter has had the seconds that it needs to settle.
 *
 *     waits one|several      threads in the process. With several, the C library's own wait is
 * slower, since it is a cancellation point; Holter's thread alone makes several out of one.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 20000, BATCHES = 700, SETTLING = 500 };

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

__attribute__((noreturn)) static void *rest(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int loop = epoll_create1(0), ready = eventfd(1, 0),
	    listener = socket(AF_INET, SOCK_STREAM, 0);
	struct epoll_event event = {.events = EPOLLIN};
	double best = 1e18;
	pthread_t other;

	if (argc > 1 && strcmp(argv[1], "several") == 0)
		pthread_create(&other, NULL, rest, NULL);
	if (listen(listener, 1) || epoll_ctl(loop, EPOLL_CTL_ADD, ready, &event)) {
		perror("waits");
		return 1;
	}
	for (int batch = 0; batch < BATCHES; batch++) {
		double begin = now_ns(), each;

		for (int i = 0; i < CALLS; i++)
			if (epoll_wait(loop, &event, 1, -1) != 1)
				return 1;
		each = (now_ns() - begin) / CALLS;
		if (batch >= SETTLING && each < best)
			best = each;
	}
	printf("%.2f\n", best);
	return 0;
}
