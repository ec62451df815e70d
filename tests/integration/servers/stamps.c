/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamps.c - loops whose turns are stamped by the program itself, next to its waits, to hold what
 * Holter says against. Arguments: loops, stalls of each. A loop of each thread stalls again and
 * again for 60 to 400 ms, burning and sleeping by turns, with short turns in between. Prints for
 * each stall, in order of their ends: the thread, its beginning and its duration in nanoseconds of
 * CLOCK_MONOTONIC, and 1. The same with 0 of each short turn that a busy machine made long.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOPS_MAX = 16,
	STALLS_MAX = 1000,
	NOTED_MAX = 2 * STALLS_MAX,
	LEAST_MS = 60,
	MOST_MS = 400,
	SHORT_TURNS = 12,
	NOTED_MS = 40, /* short turns below this cannot be stalls */
};

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

struct turn {
	uint64_t begin_ns, end_ns;
	bool meant;
};

struct stamps {
	struct turn turns[NOTED_MAX];
	int count;
	uint64_t begin_ns; /* of the turn that goes on; 0: none has begun */
};

/* Ends a turn, waits, and begins the next one. */
static void wait_once(int loop, struct stamps *stamps, bool meant)
{
	struct turn turn = {stamps->begin_ns, now_ns(), meant};
	struct epoll_event event;

	if (turn.begin_ns && stamps->count < NOTED_MAX &&
		(meant || turn.end_ns - turn.begin_ns > NOTED_MS * UINT64_C(1000000)))
		stamps->turns[stamps->count++] = turn;
	epoll_wait(loop, &event, 1, 5);
	stamps->begin_ns = now_ns();
}

static void *run(void *argument)
{
	static struct stamps all[LOOPS_MAX];
	int number = (int)(intptr_t)argument, loop = epoll_create1(EPOLL_CLOEXEC);
	struct stamps *stamps = &all[number];

	for (int stall = 0; stall < stalls; stall++) {
		uint64_t end;

		for (int i = 0; i < SHORT_TURNS; i++)
			wait_once(loop, stamps, i == 0 && stall > 0);
		end = stamps->begin_ns + duration_of(number, stall);
		if (stall % 2)
			sleep_until(end);
		else
			burn_until(end);
	}
	wait_once(loop, stamps, stalls > 0);
	flockfile(stdout);
	for (int i = 0; i < stamps->count; i++) {
		const struct turn *turn = &stamps->turns[i];

		printf("%ld %llu %llu %d\n", syscall(SYS_gettid),
			(unsigned long long)turn->begin_ns,
			(unsigned long long)(turn->end_ns - turn->begin_ns), turn->meant);
	}
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
