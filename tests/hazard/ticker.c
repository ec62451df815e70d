/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticker.c - a loop that needs nobody: three times a second its timer is due, and what that calls
 * computes for 120 ms of CPU time, however busy the machine is. So it can be watched where it has
 * neither network nor files. WORK names the function: two builds differ in nothing else.
 */
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef WORK
#define WORK grind_beans
#endif

enum { WORK_MS = 120, PERIOD_MS = 333 };

static volatile uint64_t ground;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

__attribute__((noinline)) static void WORK(void)
{
	uint64_t end = now_ms() + WORK_MS;

	while (now_ms() < end) {
		for (int i = 0; i < 10000; i++)
			ground += (uint64_t)i;
	}
}

int main(void)
{
	const struct itimerspec period = {
		.it_value = {.tv_nsec = PERIOD_MS * 1000000L},
		.it_interval = {.tv_nsec = PERIOD_MS * 1000000L},
	};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), loop = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	uint64_t expirations;

	timerfd_settime(timer, 0, &period, NULL);
	epoll_ctl(loop, EPOLL_CTL_ADD, timer, &event);
	for (;;) {
		if (epoll_wait(loop, &event, 1, -1) == 1 &&
			read(timer, &expirations, sizeof(expirations)) > 0)
			WORK();
	}
}
