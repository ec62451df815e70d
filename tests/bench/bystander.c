/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bystander.c - what system calls cost a process that nobody watches: the kernel looks for
 * tracepoints at each call of every process as soon as somebody traces one. Prints nanoseconds a
 * call for getppid, poll and epoll_wait, each the median of short batches that take turns, so that
 * what else runs on the machine counts little.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 2000, BATCHES = 301 };

static int loop, ready;

static void call_getppid(void)
{
	syscall(SYS_getppid);
}

static void call_poll(void)
{
	struct pollfd wanted = {.fd = ready, .events = POLLIN};

	poll(&wanted, 1, -1);
}

static void call_epoll_wait(void)
{
	struct epoll_event event;

	epoll_wait(loop, &event, 1, -1);
}

static void (*const calls[])(void) = {call_getppid, call_poll, call_epoll_wait};

enum { KINDS = sizeof(calls) / sizeof(*calls) };

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(void (*call)(void))
{
	double begin = now_ns();

	for (int i = 0; i < CALLS; i++)
		call();
	return (now_ns() - begin) / CALLS;
}

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

int main(void)
{
	static double taken[KINDS][BATCHES];
	struct epoll_event event = {.events = EPOLLIN};

	loop = epoll_create1(0);
	ready = eventfd(1, 0);
	if (epoll_ctl(loop, EPOLL_CTL_ADD, ready, &event)) {
		perror("bystander");
		return 1;
	}
	for (int batch = 0; batch < BATCHES; batch++) {
		for (int kind = 0; kind < KINDS; kind++)
			taken[kind][batch] = measure(calls[kind]);
	}
	for (int kind = 0; kind < KINDS; kind++) {
		qsort(taken[kind], BATCHES, sizeof(taken[kind][0]), compare);
		printf("%.2f ", taken[kind][BATCHES / 2]);
	}
	printf("\n");
	return 0;
}
