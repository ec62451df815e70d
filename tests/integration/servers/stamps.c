/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamps.c - loops whose turns are stamped by the program itself, next to its waits, to hold what
 * Holter says against. Arguments: loops, stalls of each. A loop of each thread stalls again and
 * again for 60 to 400 ms, burning and sleeping by turns, with short turns in between. Prints for
 * each stall, in order of their ends: the thread, its beginning and its duration in nanoseconds of
 * CLOCK_MONOTONIC.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOOPS_MAX = 16, STALLS_MAX = 1000, LEAST_MS = 60, MOST_MS = 400, SHORT_TURNS = 12 };

static int stalls;
static volatile unsigned long burnt;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void burn_until(uint64_t end_ns)
{
	while (now_ns() < end_ns)
		for (int i = 0; i < 1000; i++)
			burnt++;
}

static void sleep_until(uint64_t end_ns)
{
	struct timespec end = {(time_t)(end_ns / 1000000000), (long)(end_ns % 1000000000)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

/* Spread evenly and by no rule that a sampling interval could march in step with. */
static uint64_t duration_of(int loop, int stall)
{
	uint64_t mixed = (uint64_t)(loop * STALLS_MAX + stall + 1) * 0x9e3779b97f4a7c15;

	return LEAST_MS * 1000000 + (mixed >> 32) % ((MOST_MS - LEAST_MS) * 1000000);
}

static void *run(void *argument)
{
	static uint64_t begins[LOOPS_MAX][STALLS_MAX], ends[LOOPS_MAX][STALLS_MAX];
	int number = (int)(intptr_t)argument, loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	uint64_t end;

	for (int stall = 0; stall < stalls; stall++) {
		for (int i = 0; i < SHORT_TURNS; i++)
			epoll_wait(loop, &event, 1, 5);
		begins[number][stall] = now_ns();
		end = begins[number][stall] + duration_of(number, stall);
		if (stall % 2)
			sleep_until(end);
		else
			burn_until(end);
		ends[number][stall] = now_ns();
	}
	epoll_wait(loop, &event, 1, 5);
	flockfile(stdout);
	for (int stall = 0; stall < stalls; stall++)
		printf("%ld %llu %llu\n", syscall(SYS_gettid),
			(unsigned long long)begins[number][stall],
			(unsigned long long)(ends[number][stall] - begins[number][stall]));
	funlockfile(stdout);
	close(loop);
	return NULL;
}

int main(int argc, char **argv)
{
	int loops = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t threads[LOOPS_MAX];

	stalls = argc > 2 ? atoi(argv[2]) : 10;
	if (loops > LOOPS_MAX || stalls > STALLS_MAX)
		return 2;
	for (int i = 0; i < loops; i++)
		pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i);
	for (int i = 0; i < loops; i++)
		pthread_join(threads[i], NULL);
	usleep(300000); /* for Holter to fetch the last ones */
}
